//! `moue analyze --markers` and `--osc-in`: markers into the recording that runs.

use anyhow::bail;
use crossbeam_channel::Receiver;

use super::complain;
use super::result_sinks::SinkArgs;
use crate::record::{IncomingMarker, Marker, RecorderTap, follow_lines, marker_queue, read_timed_markers};

/// Where markers come from.
pub(super) struct MarkerInput {
    /// Those that come while it runs.
    incoming: Option<Receiver<IncomingMarker>>,
    /// Those of a file with times, until they are in a recording.
    timed: Vec<Marker>,
    /// Time of the newest row, where rows have the source's own.
    source_s: Option<f64>,
}

impl MarkerInput {
    /// `live`: the source is a camera or the demo.
    pub(super) fn open(args: &SinkArgs, live: bool) -> anyhow::Result<Self> {
        let mut input = Self { incoming: None, timed: Vec::new(), source_s: None };
        let (sender, receiver) = marker_queue();
        #[cfg(feature = "osc")]
        if let Some(address) = args.osc_in() {
            if !live {
                bail!("--osc-in {address}: markers come to a live source; of a video give --markers FILE");
            }
            crate::record::osc_in::receive(address, sender.clone())?;
            input.incoming = Some(receiver.clone());
        }
        let Some(path) = &args.markers else { return Ok(input) };
        if live {
            follow_lines(path, sender)?;
            input.incoming = Some(receiver);
        } else if path.is_file() {
            input.timed = read_timed_markers(path)?;
        } else {
            bail!(
                "--markers {}: expected a file of lines SECONDS,NAME[,VALUE] in the video's own time; pipes and standard input are \
                 for --source camera",
                path.display()
            );
        }
        Ok(input)
    }

    /// A recording began.
    pub(super) fn begin(&mut self, tap: &RecorderTap) {
        self.source_s = None;
        for marker in self.timed.drain(..) {
            keep(tap, marker);
        }
    }

    /// Passes on what came. `source_s`: the newest row's time, where it is the source's own and not the clock's.
    pub(super) fn pass_on(&mut self, tap: &RecorderTap, source_s: Option<f64>) {
        self.source_s = source_s.or(self.source_s);
        for marker in self.incoming.iter().flat_map(Receiver::try_iter) {
            let stamp = moue_capture::Stamp::at(marker.at);
            let time_s = self.source_s.unwrap_or_else(|| tap.time_s(marker.at));
            keep(tap, Marker { time_s, stamp, text: marker.text, origin: marker.origin });
        }
    }
}

fn keep(tap: &RecorderTap, marker: Marker) {
    let name = marker.text.name.clone();
    // Where the recording broke off, that was said.
    if tap.takes() && !tap.mark_at(marker) {
        complain(format_args!("the marker {name} is lost: the disk is too slow for the recording"));
    }
}
