//! `moue analyze --smooth` and `--baseline`: what the window would show.

use clap::Args;
use moue_capture::SourceKind;

use crate::pipeline::{AnalyzedFrame, Baseline, BaselineMean, ReadingStage, ShownReading, SmoothingSettings};

#[derive(Debug, Args)]
pub(super) struct SmoothingArgs {
    /// Add the readings averaged over MS milliseconds, with the label that the window would show (0: no average)
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u16).range(0..=10_000))]
    pub(super) smooth: Option<u16>,
    /// The largest face looks neutral from FROM to TO seconds: what is read there is taken out of its smoothed
    /// values afterwards (needs --smooth)
    #[arg(long, value_name = "FROM-TO", requires = "smooth", value_parser = span)]
    pub(super) baseline: Option<(f64, f64)>,
}

/// "0-3" and "1.5-4".
fn span(text: &str) -> Result<(f64, f64), String> {
    let parsed = text.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    match parsed {
        Some((from, to)) if 0.0 <= from && from < to => Ok((from, to)),
        _ => Err("expected two times in seconds, the smaller first, as in 0-3".into()),
    }
}

/// The readings as the window would show them.
pub(super) struct Smoothing {
    settings: SmoothingSettings,
    stage: ReadingStage,
    /// From and to in seconds.
    neutral: Option<(f64, f64)>,
    mean: BaselineMean,
    /// The person who looks neutral.
    person: Option<u64>,
    baseline: Option<Baseline>,
}

impl Smoothing {
    pub(super) fn new(args: &SmoothingArgs, kind: SourceKind) -> Self {
        let mut settings = SmoothingSettings::default();
        if let Some(ms) = args.smooth {
            settings.time_constant_ms = f32::from(ms);
        }
        if kind == SourceKind::Still {
            // Still pictures have no common clock, so nothing is smoothed over time.
            settings.time_constant_ms = 0.0;
        }
        Self {
            settings,
            stage: ReadingStage::default(),
            neutral: args.baseline,
            mean: BaselineMean::default(),
            person: None,
            baseline: None,
        }
    }

    /// What is shown of each face of a frame, in their order.
    pub(super) fn show(&mut self, result: &AnalyzedFrame) -> Vec<ShownReading> {
        let time_s = result.frame.time_s;
        if let Some((from, to)) = self.neutral {
            if (from..to).contains(&time_s) {
                self.person = self.person.or_else(|| result.faces.first().map(|f| f.id));
                let person = result.faces.iter().find(|f| Some(f.id) == self.person);
                if let Some(face) = person {
                    self.mean.add(&face.reading.probabilities);
                }
            } else if time_s >= to
                && self.baseline.is_none()
                && let Some(bias) = self.mean.bias()
            {
                // It is used for this source and network only, so it needs no names of them.
                self.baseline = Some(Baseline { source: String::new(), network: String::new(), bias });
                self.stage.set_owner(self.person, time_s);
                self.stage.clear();
            }
        }
        self.stage.show(&result.faces, time_s, &self.settings, self.baseline.as_ref())
    }

    /// Why there is no baseline although one was wanted.
    pub(super) fn baseline_missing(&self) -> Option<String> {
        let (from, to) = self.neutral?;
        self.baseline.is_none().then(|| {
            format!("no baseline: too few readings of a face from {from} to {to} s, or none after that")
        })
    }

    pub(super) fn settings(&self) -> &SmoothingSettings {
        &self.settings
    }

    /// Whether a baseline is taken out by now.
    pub(super) fn is_baseline_applied(&self) -> bool {
        self.baseline.is_some()
    }
}
