//! The rows of `faces.csv`.

use std::io;

use moue_detect::FaceBox;
use moue_model::{Expression, Probabilities};

use crate::pipeline::{AnalyzedFrame, ShownReading};

/// What the label column says where the network is not sure enough.
pub const UNSURE: &str = "unsure";

/// The columns of `faces.csv`, in order.
///
/// - `time_s`: seconds since the recording started, when the frame arrived (`moue analyze`: the source's clock)
/// - `frame`: position of the frame in its source, from 0
/// - `id`: the person, the same from row to row
/// - `x`, `y`, `w`, `h`: the face's box in pixels of the frame, not mirrored
/// - `detection_score`: the detector's score
/// - `label`: the expression as it was shown, or `unsure`
/// - `raw_*`: the network's probabilities of this frame
/// - `smooth_*`: the averaged probabilities that were shown
/// - `age_ms`: time from the frame's arrival to its result, in milliseconds
pub const CSV_HEADER: [&str; 24] = [
    "time_s",
    "frame",
    "id",
    "x",
    "y",
    "w",
    "h",
    "detection_score",
    "label",
    "raw_angry",
    "raw_disgust",
    "raw_fear",
    "raw_happy",
    "raw_neutral",
    "raw_sad",
    "raw_surprise",
    "smooth_angry",
    "smooth_disgust",
    "smooth_fear",
    "smooth_happy",
    "smooth_neutral",
    "smooth_sad",
    "smooth_surprise",
    "age_ms",
];

/// One face of one result.
#[derive(Debug, Clone, PartialEq)]
pub struct FaceRow {
    /// Seconds since the recording started.
    pub time_s: f64,
    /// Position of the frame in its source.
    pub frame: u64,
    /// The person.
    pub id: u64,
    /// The box in pixels of the frame.
    pub face: FaceBox,
    /// The detector's score.
    pub detection_score: f32,
    /// The label that was shown; `None` where it said "unsure".
    pub label: Option<Expression>,
    /// The network's probabilities.
    pub raw: Probabilities,
    /// The averaged probabilities that were shown.
    pub smoothed: Probabilities,
    /// Milliseconds from the frame's arrival to its result.
    pub age_ms: f32,
}

/// All rows of one result; there may be none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ResultRows(pub Vec<FaceRow>);

impl ResultRows {
    /// The rows of a result and its readings as they were shown, at `time_s` of the recording.
    #[must_use]
    pub fn new(analyzed: &AnalyzedFrame, shown: &[ShownReading], time_s: f64, age_ms: f32) -> Self {
        let rows = analyzed.faces.iter().zip(shown).map(|(face, shown)| FaceRow {
            time_s,
            frame: analyzed.frame.index,
            id: face.id,
            face: face.detection.face,
            detection_score: face.detection.score,
            label: shown.label,
            raw: face.reading.probabilities,
            smoothed: shown.probabilities,
            age_ms,
        });
        Self(rows.collect())
    }

    /// Appends the rows as lines of CSV.
    ///
    /// # Errors
    /// None that is known: nothing is written but memory.
    pub fn append_to(&self, out: &mut Vec<u8>) -> io::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut writer = csv::WriterBuilder::new().has_headers(false).buffer_capacity(1024).from_writer(out);
        for row in &self.0 {
            writer.write_record(row.fields())?;
        }
        writer.flush()
    }
}

impl FaceRow {
    fn fields(&self) -> Vec<String> {
        let b = self.face;
        let mut fields = vec![format!("{:.3}", self.time_s), self.frame.to_string(), self.id.to_string()];
        fields.extend([b.x, b.y, b.width, b.height].map(|v| format!("{v:.1}")));
        fields.push(format!("{:.3}", self.detection_score));
        fields.push(self.label.map_or(UNSURE, Expression::name).to_owned());
        fields.extend(self.raw.iter().chain(&self.smoothed).map(|p| format!("{p:.6}")));
        fields.push(format!("{:.1}", self.age_ms));
        fields
    }

    /// Reads a row back; `columns` says where each of [`CSV_HEADER`] stands. `None` where a field is missing
    /// or holds no such value.
    #[must_use]
    pub fn parse(record: &csv::ByteRecord, columns: &[usize; CSV_HEADER.len()]) -> Option<Self> {
        let text = |i: usize| std::str::from_utf8(record.get(columns[i])?).ok().map(str::trim);
        let number = |i: usize| text(i)?.parse::<f32>().ok().filter(|v| v.is_finite());
        let probability = |i: usize| number(i).filter(|v| (0.0..=1.0).contains(v));
        let probabilities = |from: usize| -> Option<Probabilities> {
            let mut all = Probabilities::default();
            for (i, p) in all.iter_mut().enumerate() {
                *p = probability(from + i)?;
            }
            Some(all)
        };
        Some(Self {
            time_s: text(0)?.parse::<f64>().ok().filter(|t| (0.0..1e9).contains(t))?,
            frame: text(1)?.parse().ok()?,
            id: text(2)?.parse().ok()?,
            face: FaceBox { x: number(3)?, y: number(4)?, width: number(5)?, height: number(6)? },
            detection_score: number(7)?,
            label: match text(8)? {
                UNSURE => None,
                name => Some(Expression::from_name(name)?),
            },
            raw: probabilities(9)?,
            smoothed: probabilities(16)?,
            age_ms: number(23)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_back_as_they_were_written() {
        let row = FaceRow {
            time_s: 12.345,
            frame: 77,
            id: 3,
            face: FaceBox { x: -4.5, y: 10.0, width: 120.5, height: 121.0 },
            detection_score: 4.25,
            label: Some(Expression::Sad),
            raw: [0.125, 0.0, 0.0, 0.0, 0.25, 0.5, 0.125],
            smoothed: [0.0, 0.0, 0.0, 0.25, 0.25, 0.5, 0.0],
            age_ms: 41.5,
        };
        let unsure = FaceRow { id: 4, label: None, ..row.clone() };
        let rows = ResultRows(vec![row, unsure]);
        let mut text = CSV_HEADER.join(",").into_bytes();
        text.push(b'\n');
        rows.append_to(&mut text).unwrap();
        let mut reader = csv::Reader::from_reader(&text[..]);
        let columns = std::array::from_fn(|i| i);
        let read: Vec<FaceRow> =
            reader.byte_records().map(|r| FaceRow::parse(&r.unwrap(), &columns).unwrap()).collect();
        assert_eq!(read, rows.0);
    }

    #[test]
    fn malformed_rows_are_refused() {
        let good = "1.0,2,3,4,5,6,7,8,sad,0,0,0,0,0,1,0,0,0,0,0,0,1,0,9";
        let columns = std::array::from_fn(|i| i);
        let parse = |line: &str| {
            FaceRow::parse(&csv::ByteRecord::from(line.split(',').collect::<Vec<_>>()), &columns)
        };
        assert!(parse(good).is_some());
        for bad in [
            "1.0,2,3,4",
            "",
            "nan,2,3,4,5,6,7,8,sad,0,0,0,0,0,1,0,0,0,0,0,0,1,0,9",
            "1.0,-2,3,4,5,6,7,8,sad,0,0,0,0,0,1,0,0,0,0,0,0,1,0,9",
            "1.0,2,3,4,5,6,7,8,<script>,0,0,0,0,0,1,0,0,0,0,0,0,1,0,9",
            "1.0,2,3,4,5,6,7,8,sad,0,0,0,0,0,1,0,0,0,0,0,0,7,0,9",
            "1.0,2,3,4,5,6,7,8,sad,0,0,0,0,0,1,0,0,0,0,0,0,1,0,inf",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
