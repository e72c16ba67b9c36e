//! How `moue analyze` writes its results: lines for people, JSON lines, or CSV.

use std::io::{self, Write};

use moue_model::Expression;
use serde::Serialize;

use crate::pipeline::{AnalyzedFace, AnalyzedFrame, ShownReading};

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
struct FrameRecord<'a> {
    source: &'a str,
    frame: u64,
    time_s: f64,
    width: u32,
    height: u32,
    /// Time constant of the smoothed values in milliseconds, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    smooth_ms: Option<f64>,
    faces: Vec<FaceRecord>,
}

#[derive(Debug, Serialize)]
struct FaceRecord {
    id: u64,
    #[serde(rename = "box")]
    face_box: [f64; 4],
    detection_score: f64,
    label: &'static str,
    probability: f64,
    probabilities: Probabilities,
    #[serde(skip_serializing_if = "Option::is_none")]
    smoothed: Option<SmoothedRecord>,
}

/// What the window would show of the face.
#[derive(Debug, Serialize)]
struct SmoothedRecord {
    /// "unsure" where the network is.
    label: &'static str,
    /// Of the label, or of what it would be if it had to be something.
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

    fn texts(&self) -> [String; Expression::COUNT] {
        [self.angry, self.disgust, self.fear, self.happy, self.neutral, self.sad, self.surprise]
            .map(|v| v.to_string())
    }
}

impl SmoothedRecord {
    fn new(shown: &ShownReading) -> Self {
        Self {
            label: shown.label.map_or("unsure", Expression::name),
            probability: rounded(shown.probabilities[shown.leading.index()], 6),
            probabilities: Probabilities::new(&shown.probabilities),
            baseline: shown.baseline,
        }
    }
}

impl FaceRecord {
    fn new(face: &AnalyzedFace, shown: Option<&ShownReading>) -> Self {
        let (label, probability) = face.reading.top();
        let b = face.detection.face;
        Self {
            id: face.id,
            face_box: [b.x, b.y, b.width, b.height].map(|v| rounded(v, 1)),
            detection_score: rounded(face.detection.score, 3),
            label: label.name(),
            probability: rounded(probability, 6),
            probabilities: Probabilities::new(&face.reading.probabilities),
            smoothed: shown.map(SmoothedRecord::new),
        }
    }
}

/// Rounded in decimals, so that JSON and CSV show no digits that mean nothing.
fn rounded(value: f32, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (f64::from(value) * scale).round() / scale
}

/// Writes records in one form.
pub(super) enum RecordWriter<W: Write> {
    /// Lines for people.
    Text(W),
    /// JSON lines.
    Json(W),
    /// CSV with a header.
    Csv(Box<csv::Writer<W>>),
}

impl<W: Write> RecordWriter<W> {
    /// With `smoothed`, CSV has columns for the smoothed values.
    pub(super) fn new(form: Form, smoothed: bool, out: W) -> io::Result<Self> {
        Ok(match form {
            Form::Text => Self::Text(out),
            Form::Json => Self::Json(out),
            Form::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                let mut header = vec![
                    "source",
                    "frame",
                    "time_s",
                    "width",
                    "height",
                    "id",
                    "x",
                    "y",
                    "w",
                    "h",
                    "detection_score",
                    "label",
                    "probability",
                ];
                header.extend(Expression::ALL.map(Expression::name));
                let columns = Expression::ALL.map(|e| format!("smoothed_{e}"));
                if smoothed {
                    header.extend(["smoothed_label", "smoothed_probability", "baseline"]);
                    header.extend(columns.iter().map(String::as_str));
                }
                writer.write_record(&header)?;
                Self::Csv(Box::new(writer))
            }
        })
    }

    /// Writes one frame of `source`. `smoothed`: the time constant and the shown readings in the faces' order.
    /// Lines are written out at once, for programs that read a pipe live.
    pub(super) fn write(
        &mut self,
        source: &str,
        result: &AnalyzedFrame,
        smoothed: Option<(f32, &[ShownReading])>,
    ) -> io::Result<()> {
        let frame = &result.frame;
        let (width, height) = frame.image.dimensions();
        let shown = |i: usize| smoothed.and_then(|(_, shown)| shown.get(i));
        let faces: Vec<FaceRecord> =
            result.faces.iter().enumerate().map(|(i, f)| FaceRecord::new(f, shown(i))).collect();
        let smooth_ms = smoothed.map(|(ms, _)| f64::from(ms));
        let time_s = (frame.time_s * 1000.0).round() / 1000.0;
        match self {
            Self::Text(out) => {
                if faces.is_empty() {
                    writeln!(out, "{source}  frame {}  {time_s:.2} s  no face", frame.index)?;
                }
                for f in &faces {
                    let [x, y, w, h] = f.face_box;
                    let (label, probability) =
                        f.smoothed.as_ref().map_or((f.label, f.probability), |s| (s.label, s.probability));
                    writeln!(
                        out,
                        "{source}  frame {}  {time_s:.2} s  face {} at {x:.0},{y:.0} {w:.0}x{h:.0}  {} {:.0}%",
                        frame.index,
                        f.id,
                        label,
                        probability * 100.0
                    )?;
                }
                out.flush()
            }
            Self::Json(out) => {
                let record =
                    FrameRecord { source, frame: frame.index, time_s, width, height, smooth_ms, faces };
                serde_json::to_writer(&mut *out, &record).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
                out.flush()
            }
            Self::Csv(out) => {
                for f in faces {
                    out.serialize(csv_row(source, (frame.index, time_s, width, height), &f))?;
                }
                out.flush()
            }
        }
    }

    /// The writer below, with everything written out.
    pub(super) fn finish(self) -> io::Result<W> {
        match self {
            Self::Text(out) | Self::Json(out) => Ok(out),
            Self::Csv(out) => out.into_inner().map_err(|e| io::Error::other(e.to_string())),
        }
    }
}

fn csv_row(
    source: &str,
    (frame, time_s, width, height): (u64, f64, u32, u32),
    f: &FaceRecord,
) -> Vec<String> {
    let mut row = vec![
        source.to_owned(),
        frame.to_string(),
        time_s.to_string(),
        width.to_string(),
        height.to_string(),
        f.id.to_string(),
    ];
    row.extend(f.face_box.map(|v| v.to_string()));
    row.extend([f.detection_score.to_string(), f.label.to_owned(), f.probability.to_string()]);
    row.extend(f.probabilities.texts());
    if let Some(smoothed) = &f.smoothed {
        row.extend([
            smoothed.label.to_owned(),
            smoothed.probability.to_string(),
            smoothed.baseline.to_string(),
        ]);
        row.extend(smoothed.probabilities.texts());
    }
    row
}
