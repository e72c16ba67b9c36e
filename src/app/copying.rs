//! What is copied: a face's reading and the timeline as text for a spreadsheet, the picture as it is shown.

use std::fmt::Write as _;
use std::sync::Arc;

use crossbeam_channel::{Receiver, bounded};
use eframe::egui::{ColorImage, Context};
use moue_model::{Expression, Probabilities};

use super::samples::Sample;
use crate::pipeline::ShownReading;
use crate::record::{AnnotatedFrame, Annotations, PictureStyle};

/// A face's reading: name and label, then a line for each expression with the values as shown and of this frame.
pub(super) fn reading_text(name: &str, shown: &ShownReading, raw: &Probabilities) -> String {
    let label = shown.label.map_or("unsure", Expression::name);
    let mut text = format!("{name}\t{label}\nexpression\tshown\tthis frame\n");
    for e in Expression::ALL {
        let (shown, raw) = (shown.probabilities[e.index()] * 100.0, raw[e.index()] * 100.0);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{e}\t{shown:.2} %\t{raw:.2} %");
    }
    text
}

/// Readings of a timeline, one a line: seconds, label, the seven values 0 to 1, and what a profile read where one was on.
pub(super) fn timeline_text(stretches: &[Vec<Sample>]) -> String {
    let mut text = "time_s\tlabel".to_owned();
    Expression::ALL.iter().for_each(|e| text.extend(["\t", e.name()]));
    let has_profile = stretches.iter().flatten().any(|sample| sample.personal.is_some());
    if has_profile {
        text.push_str("\tpersonal_label");
    }
    for sample in stretches.iter().flatten() {
        let label = sample.reading.label.map_or("unsure", Expression::name);
        let _ = write!(text, "\n{:.2}\t{label}", sample.at_s);
        for p in sample.reading.probabilities {
            let _ = write!(text, "\t{p:.4}");
        }
        if has_profile {
            text.push('\t');
            text.push_str(sample.personal.as_ref().map_or("", |own| &own.name));
        }
    }
    text
}

/// Pictures that are being drawn for the clipboard.
#[derive(Debug, Default)]
pub(super) struct PictureCopy(Option<Receiver<ColorImage>>);

impl PictureCopy {
    /// Draws the frame with its annotations on a thread of its own.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        &mut self,
        ctx: &Context,
        frame: AnnotatedFrame,
        style: PictureStyle,
    ) -> std::io::Result<()> {
        let (sender, answer) = bounded(1);
        let ctx = ctx.clone();
        std::thread::Builder::new().name("copy-picture".into()).spawn(move || {
            let picture = Annotations::new()
                .map_or_else(|| Arc::clone(&frame.image), |a| Arc::new(a.draw(&frame, &style)));
            let size = [picture.width() as usize, picture.height() as usize];
            // Fails only when the window was closed in the meantime.
            let _ = sender.send(ColorImage::from_rgb(size, picture.as_raw()));
            ctx.request_repaint();
        })?;
        self.0 = Some(answer);
        Ok(())
    }

    /// Hands a picture that is ready to the clipboard; whether there was one.
    pub(super) fn finish(&mut self, ctx: &Context) -> bool {
        let Some(image) = self.0.as_ref().and_then(|answer| answer.try_recv().ok()) else { return false };
        self.0 = None;
        ctx.copy_image(image);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::PersonalLabel;
    use super::*;

    #[test]
    fn a_reading_and_a_timeline_are_tables() {
        let mut probabilities = [0.01; Expression::COUNT];
        probabilities[Expression::Happy.index()] = 0.94;
        let reading = ShownReading {
            probabilities,
            label: Some(Expression::Happy),
            leading: Expression::Happy,
            baseline: false,
        };
        let text = reading_text("Face 1", &reading, &[0.125; Expression::COUNT]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "Face 1\thappy");
        assert!(lines.contains(&"happy\t94.00 %\t12.50 %"), "{text}");
        let unsure = ShownReading { label: None, ..reading };
        let sample = |at_s, reading| Sample { at_s, reading, personal: None };
        let samples = [sample(1.5, reading), sample(2.0, unsure)].map(|sample| vec![sample]);
        let text = timeline_text(&samples);
        assert!(
            text.starts_with("time_s\tlabel\tangry\t") && text.contains("\n1.50\thappy\t0.0100"),
            "{text}"
        );
        assert!(text.contains("\n2.00\tunsure\t"));
        let mut own = samples;
        own[0][0].personal = Some(PersonalLabel { name: "tongue out".into(), place: Some(1) });
        let text = timeline_text(&own);
        let ends: Vec<&str> = text.lines().filter_map(|line| line.rsplit('\t').next()).collect();
        assert_eq!(ends, ["personal_label", "tongue out", ""]);
    }
}
