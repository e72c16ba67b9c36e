//! How `moue analyze` writes its results: lines for people, JSON lines, or CSV.

use std::io::{self, Write};
use std::sync::Arc;

use moue_capture::Stamp;
use moue_detect::Measurements;
use moue_model::Expression;
use serde::Serialize;

use crate::pipeline::{AnalyzedFrame, PersonalFace, ShownReading};
use crate::record::{FaceRow, ResultRows, UNSURE, csv_header, utc_text};

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines for people.
    Text,
    /// One JSON object a frame.
    Json,
    /// One row a face.
    Csv,
}

/// One frame, as JSON has it.
#[derive(Debug, Serialize)]
struct JsonFrame<'a> {
    source: &'a str,
    frame: u64,
    time_s: f64,
    width: u32,
    height: u32,
    /// When a live source's frame was taken: see docs/time.md.
    #[serde(skip_serializing_if = "Option::is_none")]
    monotonic_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    utc: Option<String>,
    /// Frames of the camera that were lost since the result before.
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped_before: Option<u64>,
    /// Milliseconds from the frame to its result.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_ms: Option<f64>,
    /// Time constant of the smoothed values in milliseconds, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    smooth_ms: Option<f64>,
    faces: Vec<JsonFace>,
}

#[derive(Debug, Serialize)]
struct JsonFace {
    id: u64,
    #[serde(rename = "box")]
    face_box: [f64; 4],
    detection_score: f64,
    label: &'static str,
    probability: f64,
    probabilities: Probabilities,
    #[serde(skip_serializing_if = "Option::is_none")]
    smoothed: Option<JsonSmoothed>,
    /// How well the face can be read, 0 to 1.
    quality: Option<f64>,
    /// What speaks against it, the worst first.
    reasons: Vec<&'static str>,
    /// Angles and distances, where the face has a mesh.
    #[serde(skip_serializing_if = "Option::is_none")]
    measurements: Option<MeasurementsRecord>,
    /// What the person's profile reads, where one is in use: the label, or "other".
    #[serde(skip_serializing_if = "Option::is_none")]
    personal_label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    personal_probabilities: Option<NamedProbabilities>,
}

/// The profile's expressions in its own order.
#[derive(Debug)]
struct NamedProbabilities(Vec<(Arc<str>, f32)>);

impl Serialize for NamedProbabilities {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, p)| (&**name, rounded(*p, 6))))
    }
}

/// What the mesh tells.
#[derive(Debug, Serialize)]
struct MeasurementsRecord {
    /// Degrees.
    yaw: f64,
    pitch: f64,
    roll: f64,
    /// Heights in widths.
    right_eye: f64,
    left_eye: f64,
    mouth: f64,
    blinks_per_min: Option<f64>,
}

impl MeasurementsRecord {
    fn new(m: &Measurements) -> Self {
        Self {
            yaw: rounded(m.pose.yaw, 1),
            pitch: rounded(m.pose.pitch, 1),
            roll: rounded(m.pose.roll, 1),
            right_eye: rounded(m.eyes[0], 3),
            left_eye: rounded(m.eyes[1], 3),
            mouth: rounded(m.mouth, 3),
            blinks_per_min: m.blinks_per_min.map(|b| rounded(b, 1)),
        }
    }
}

/// What the window would show of the face.
#[derive(Debug, Serialize)]
struct JsonSmoothed {
    /// "unsure" where the network is.
    label: &'static str,
    /// Of the label, or of the leading expression where that is unsure.
    probability: f64,
    probabilities: Probabilities,
    /// Whether a personal baseline was taken out before the average.
    baseline: bool,
}

/// In the order of the network's outputs, which a map would not keep.
#[derive(Debug, Serialize)]
struct Probabilities {
    angry: f64,
    disgust: f64,
    fear: f64,
    happy: f64,
    neutral: f64,
    sad: f64,
    surprise: f64,
}

impl Probabilities {
    fn new(values: &[f32; Expression::COUNT]) -> Self {
        let [angry, disgust, fear, happy, neutral, sad, surprise] = values.map(|v| rounded(v, 6));
        Self { angry, disgust, fear, happy, neutral, sad, surprise }
    }
}

impl JsonSmoothed {
    fn new(shown: &ShownReading) -> Self {
        Self {
            label: shown.label.map_or(UNSURE, Expression::name),
            probability: rounded(shown.probabilities[shown.leading.index()], 6),
            probabilities: Probabilities::new(&shown.probabilities),
            baseline: shown.baseline,
        }
    }
}

impl JsonFace {
    fn new(row: &FaceRow, names: &[Arc<str>]) -> Self {
        let (label, probability) = row.top();
        let named = |p: &PersonalFace| {
            NamedProbabilities(names.iter().cloned().zip(p.probabilities.iter().copied()).collect())
        };
        let b = row.face;
        Self {
            id: row.id,
            face_box: [b.x, b.y, b.width, b.height].map(|v| rounded(v, 1)),
            detection_score: rounded(row.detection_score, 3),
            label: label.name(),
            probability: rounded(probability, 6),
            probabilities: Probabilities::new(&row.raw),
            smoothed: row.shown.as_ref().map(JsonSmoothed::new),
            quality: row.quality.map(|q| rounded(q, 3)),
            reasons: row.reasons.iter().map(|r| r.name()).collect(),
            measurements: row.measured.as_ref().map(MeasurementsRecord::new),
            personal_label: row.personal.as_ref().map(|p| p.label.to_string()),
            personal_probabilities: row.personal.as_ref().map(named),
        }
    }
}

/// Rounded in decimals, so that JSON and CSV show no digits that mean nothing.
fn rounded(value: f32, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (f64::from(value) * scale).round() / scale
}

/// Writes records in one form.
pub(super) struct OutputWriter<W: Write> {
    form: Form,
    out: W,
    /// The rows of a frame, before they are written out.
    lines: Vec<u8>,
    /// The expressions of the profile in use.
    personal: Vec<Arc<str>>,
}

impl<W: Write> OutputWriter<W> {
    /// CSV begins with the names of its columns. `personal`: the expressions of the profile in use, if any.
    pub(super) fn new(form: Form, mut out: W, personal: &[Arc<str>]) -> io::Result<Self> {
        if form == Form::Csv {
            writeln!(out, "{}", csv_header(personal))?;
        }
        Ok(Self { form, out, lines: Vec::new(), personal: personal.to_vec() })
    }

    /// Writes one frame of `source`. `smoothed`: the time constant in milliseconds and the shown readings in the faces'
    /// order. `personal`: what the profile reads, in the same order. Lines are written out at once, for programs that read a pipe live.
    pub(super) fn write(
        &mut self,
        source: &Arc<str>,
        result: &AnalyzedFrame,
        smoothed: Option<(f32, &[ShownReading])>,
        personal: Vec<PersonalFace>,
    ) -> io::Result<()> {
        let frame = &result.frame;
        let shown = smoothed.map_or(&[][..], |(_, shown)| shown);
        // Of files it would only say how fast this machine is.
        let is_live = frame.stamp != Stamp::default();
        let age_ms = is_live.then(|| frame.captured_at.elapsed().as_secs_f32() * 1000.0);
        let rows = ResultRows::new(source, result, shown, frame.time_s, age_ms).with_personal(personal);
        match self.form {
            Form::Text if rows.0.is_empty() => {
                writeln!(self.out, "{source}  frame {}  {:.2} s  no face", frame.index, frame.time_s)?;
            }
            Form::Text => self.write_text(source, frame.index, &rows)?,
            Form::Json => {
                let (width, height) = frame.image.dimensions();
                let record = JsonFrame {
                    source,
                    frame: frame.index,
                    time_s: (frame.time_s * 1000.0).round() / 1000.0,
                    width,
                    height,
                    monotonic_ns: frame.stamp.monotonic_ns,
                    utc: frame.stamp.utc_us.and_then(utc_text),
                    dropped_before: result.dropped_before,
                    age_ms: age_ms.map(|age| rounded(age, 1)),
                    smooth_ms: smoothed.map(|(ms, _)| f64::from(ms)),
                    faces: rows.0.iter().map(|row| JsonFace::new(row, &self.personal)).collect(),
                };
                serde_json::to_writer(&mut self.out, &record).map_err(io::Error::from)?;
                self.out.write_all(b"\n")?;
            }
            Form::Csv => {
                self.lines.clear();
                rows.append_to(&mut self.lines, self.personal.len())?;
                self.out.write_all(&self.lines)?;
            }
        }
        self.out.flush()
    }

    fn write_text(&mut self, source: &str, frame: u64, rows: &ResultRows) -> io::Result<()> {
        let out = &mut self.out;
        for row in &rows.0 {
            let b = row.face;
            let (label, probability) = match &row.shown {
                Some(shown) => (
                    row.shown_label().map_or(UNSURE, Expression::name),
                    shown.probabilities[shown.leading.index()],
                ),
                None => (row.top().0.name(), row.top().1),
            };
            let personal = row.personal.as_ref().map_or_else(String::new, |p| {
                let most = p.probabilities.iter().copied().fold(0.0, f32::max);
                format!("  personal: {} {:.0}%", p.label, 100.0 * most)
            });
            writeln!(
                out,
                "{source}  frame {frame}  {:.2} s  face {} at {:.0},{:.0} {:.0}x{:.0}  {label} {:.0}%{personal}",
                row.time_s,
                row.id,
                b.x,
                b.y,
                b.width,
                b.height,
                probability * 100.0
            )?;
        }
        Ok(())
    }

    /// Returns the inner writer.
    pub(super) fn finish(self) -> W {
        self.out
    }
}
