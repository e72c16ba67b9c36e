//! The rows of `faces.csv` and of `moue analyze --csv`: one face of one frame, in one set of columns.

use std::io;
use std::sync::Arc;

use moue_detect::{FaceBox, HeadPose, Measurements, Reason};
use moue_model::{Expression, Probabilities};

use super::columns::{Columns, UNSURE};
use super::row_stamp::RowStamp;
use crate::pipeline::{AnalyzedFace, AnalyzedFrame, PersonalFace, ShownReading};

/// One face of one result.
#[derive(Debug, Clone, PartialEq)]
pub struct FaceRow {
    /// The file, folder or device.
    pub source: Arc<str>,
    /// Position of the frame in its source, from 0.
    pub frame: u64,
    /// Seconds since the recording or the source started.
    pub time_s: f64,
    /// Width and height of the frame in pixels.
    pub size_px: (u32, u32),
    /// The person.
    pub id: u64,
    /// The bounding box in pixels of the frame.
    pub face: FaceBox,
    /// The detector's score.
    pub detection_score: f32,
    /// The network's probabilities of this frame.
    pub raw: Probabilities,
    /// What was shown of the face, where something was.
    pub shown: Option<ShownReading>,
    /// How well the face can be read, 0..=1; `None` in recordings that do not say.
    pub quality: Option<f32>,
    /// What speaks against the face, the worst first.
    pub reasons: Vec<Reason>,
    /// What the mesh tells, where there is one.
    pub measured: Option<Measurements>,
    /// Milliseconds from the frame's arrival to its result; `None` where it was not measured.
    pub age_ms: Option<f32>,
    /// When the frame was taken, by clocks that other programs read too.
    pub stamp: RowStamp,
    /// What the person's profile reads, where one is in use: more columns, see [`super::csv_header`].
    pub personal: Option<PersonalFace>,
}

/// All rows of one result; there may be none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ResultRows(pub Vec<FaceRow>);

impl ResultRows {
    /// The rows of a result at `time_s`. `shown`: the readings as they were shown, in the faces' order, or none.
    #[must_use]
    pub fn new(
        source: &Arc<str>,
        analyzed: &AnalyzedFrame,
        shown: &[ShownReading],
        time_s: f64,
        age_ms: Option<f32>,
    ) -> Self {
        let frame = &analyzed.frame;
        let stamp = RowStamp::new(analyzed);
        let row = |(i, face): (usize, &AnalyzedFace)| FaceRow {
            source: Arc::clone(source),
            frame: frame.index,
            time_s,
            size_px: frame.image.dimensions(),
            id: face.id,
            face: face.detection.face,
            detection_score: face.detection.score,
            raw: face.reading.probabilities,
            shown: shown.get(i).copied(),
            quality: Some(face.quality.value()),
            reasons: face.quality.reasons(),
            measured: face.measurements,
            age_ms,
            stamp,
            personal: None,
        };
        Self(analyzed.faces.iter().enumerate().map(row).collect())
    }

    /// The same rows with what a profile reads in each face, in the faces' order.
    #[must_use]
    pub fn with_personal(mut self, personal: Vec<PersonalFace>) -> Self {
        for (row, face) in self.0.iter_mut().zip(personal) {
            row.personal = Some(face);
        }
        self
    }

    /// The same rows with what a profile reads in one of the faces.
    #[must_use]
    pub fn with_personal_of(mut self, id: u64, face: PersonalFace) -> Self {
        if let Some(row) = self.0.iter_mut().find(|row| row.id == id) {
            row.personal = Some(face);
        }
        self
    }

    /// Appends the rows as lines of CSV. `personal`: how many expressions the header has for a profile, see
    /// [`super::csv_header`]; rows of faces that it does not read have nothing there.
    ///
    /// # Errors
    /// None is expected, because it writes to memory only.
    pub fn append_to(&self, out: &mut Vec<u8>, personal: usize) -> io::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut writer = csv::WriterBuilder::new().has_headers(false).buffer_capacity(1024).from_writer(out);
        for row in &self.0 {
            writer.write_record(row.fields(personal))?;
        }
        writer.flush()
    }
}

impl FaceRow {
    /// The expression that the network gives most, and its probability.
    #[must_use]
    pub fn top(&self) -> (Expression, f32) {
        Expression::most_probable(&self.raw)
    }

    /// The label as it was shown; without that, the network's own.
    #[must_use]
    pub fn shown_label(&self) -> Option<Expression> {
        self.shown.map_or_else(|| Some(self.top().0), |shown| shown.label)
    }

    /// The averaged probabilities; without an average, those of the frame.
    #[must_use]
    pub fn shown_probabilities(&self) -> Probabilities {
        self.shown.map_or(self.raw, |shown| shown.probabilities)
    }

    /// The values of [`super::csv_header`], in its order; empty where there is none.
    fn fields(&self, personal: usize) -> Vec<String> {
        let b = self.face;
        let (label, probability) = self.top();
        let mut fields = vec![format!("{:.3}", self.time_s), self.frame.to_string(), self.id.to_string()];
        fields.extend([b.x, b.y, b.width, b.height].map(|v| format!("{v:.1}")));
        fields.extend([self.size_px.0, self.size_px.1].map(|v| v.to_string()));
        fields.extend([format!("{:.3}", self.detection_score), label.name().to_owned()]);
        fields.push(format!("{probability:.6}"));
        fields.extend(self.raw.map(|p| format!("{p:.6}")));
        match &self.shown {
            Some(shown) => {
                fields.push(shown.label.map_or(UNSURE, Expression::name).to_owned());
                fields.push(format!("{:.6}", shown.probabilities[shown.leading.index()]));
                fields.push(shown.baseline.to_string());
                fields.extend(shown.probabilities.map(|p| format!("{p:.6}")));
            }
            None => fields.extend(std::iter::repeat_n(String::new(), 3 + Expression::COUNT)),
        }
        fields.push(self.quality.map_or_else(String::new, |q| format!("{q:.3}")));
        fields.push(self.reasons.iter().map(|r| r.name()).collect::<Vec<_>>().join(" "));
        match &self.measured {
            Some(m) => {
                fields.extend([m.pose.yaw, m.pose.pitch, m.pose.roll].map(|v| format!("{v:.1}")));
                fields.extend([m.eyes[0], m.eyes[1], m.mouth].map(|v| format!("{v:.3}")));
                fields.push(m.blinks_per_min.map_or_else(String::new, |b| format!("{b:.1}")));
            }
            None => fields.extend(std::iter::repeat_n(String::new(), 7)),
        }
        fields.push(self.age_ms.map_or_else(String::new, |age| format!("{age:.1}")));
        fields.extend(self.stamp.fields());
        match self.personal.as_ref().filter(|read| read.probabilities.len() == personal) {
            _ if personal == 0 => {}
            Some(read) => {
                fields.push(read.label.replace(|c: char| c.is_control(), " "));
                fields.extend(read.probabilities.iter().map(|p| format!("{p:.6}")));
            }
            None => fields.extend(std::iter::repeat_n(String::new(), 1 + personal)),
        }
        // One row, one line: names may hold line breaks.
        fields.push(self.source.replace(|c: char| c.is_control(), " "));
        fields
    }

    /// Reads a row back. `None` where a field is missing or holds no such value.
    #[must_use]
    pub fn parse(record: &csv::ByteRecord, columns: &Columns) -> Option<Self> {
        let text = |i: usize| std::str::from_utf8(record.get(i)?).ok().map(str::trim);
        let finite = |text: &str| text.parse::<f32>().ok().filter(|v| v.is_finite());
        let number = |i: usize| finite(text(i)?);
        let probabilities = |places: &[usize; Expression::COUNT]| -> Option<Probabilities> {
            let mut all = Probabilities::default();
            for (p, &place) in all.iter_mut().zip(places) {
                *p = number(place).filter(|v| (0.0..=1.0).contains(v))?;
            }
            Some(all)
        };
        let whole = |place: Option<usize>| place.and_then(text).and_then(|t| t.parse().ok());
        let shown = match text(columns.shown_label)? {
            "" => None,
            name => {
                let label = match name {
                    UNSURE => None,
                    name => Some(Expression::from_name(name)?),
                };
                let probabilities = probabilities(&columns.shown)?;
                let leading = label.unwrap_or_else(|| Expression::most_probable(&probabilities).0);
                let baseline = columns.baseline.and_then(text) == Some("true");
                Some(ShownReading { probabilities, label, leading, baseline })
            }
        };
        // A number that may be missing: nothing, or a number.
        let optional = |place: Option<usize>| match place.map_or(Some(""), text)? {
            "" => Some(None),
            number => finite(number).map(Some),
        };
        let quality = optional(columns.quality)?;
        let reasons = columns.reasons.map_or(Some(""), text)?.split_whitespace();
        let measured = match columns.measured {
            Some(places) if !text(places[0])?.is_empty() => {
                let mut values = [0.0; 6];
                for (value, place) in values.iter_mut().zip(places) {
                    *value = number(place)?;
                }
                let [yaw, pitch, roll, right, left, mouth] = values;
                let pose = HeadPose { yaw, pitch, roll };
                let blinks_per_min = optional(columns.blinks_per_min)?;
                Some(Measurements { pose, eyes: [right, left], mouth, blinks_per_min })
            }
            _ => None,
        };
        Some(Self {
            source: columns.source.and_then(text).unwrap_or_default().into(),
            frame: text(columns.frame)?.parse().ok()?,
            time_s: text(columns.time_s)?.parse::<f64>().ok().filter(|t| (0.0..1e9).contains(t))?,
            size_px: (whole(columns.width).unwrap_or(0), whole(columns.height).unwrap_or(0)),
            id: text(columns.id)?.parse().ok()?,
            face: FaceBox {
                x: number(columns.face[0])?,
                y: number(columns.face[1])?,
                width: number(columns.face[2])?,
                height: number(columns.face[3])?,
            },
            detection_score: number(columns.detection_score)?,
            raw: probabilities(&columns.raw)?,
            shown,
            quality: quality.filter(|q| (0.0..=1.0).contains(q)),
            reasons: reasons.map(Reason::from_name).collect::<Option<_>>()?,
            measured,
            age_ms: match text(columns.age_ms)? {
                "" => None,
                age => Some(finite(age)?),
            },
            stamp: RowStamp::parse(columns.stamp.map(|place| place.map_or(Some(""), text)))?,
            // Who reads recordings back has no use for these columns yet.
            personal: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::CSV_HEADER;

    fn row() -> FaceRow {
        let shown = ShownReading {
            probabilities: [0.0, 0.0, 0.0, 0.25, 0.25, 0.5, 0.0],
            label: Some(Expression::Sad),
            leading: Expression::Sad,
            baseline: true,
        };
        FaceRow {
            source: "clip.mp4".into(),
            frame: 77,
            time_s: 12.345,
            size_px: (640, 480),
            id: 3,
            face: FaceBox { x: -4.5, y: 10.0, width: 120.5, height: 121.0 },
            detection_score: 4.25,
            raw: [0.125, 0.0, 0.0, 0.0, 0.25, 0.5, 0.125],
            shown: Some(shown),
            quality: Some(0.625),
            reasons: vec![Reason::TurnedAway, Reason::Dark],
            measured: Some(Measurements {
                pose: HeadPose { yaw: -41.5, pitch: 3.0, roll: 170.5 },
                eyes: [0.25, 0.125],
                mouth: 0.5,
                blinks_per_min: Some(12.5),
            }),
            age_ms: Some(41.5),
            stamp: RowStamp {
                monotonic_ns: Some(1_234_567_890_123),
                utc_us: Some(1_772_000_000_123_456),
                dropped_before: Some(2),
                driver_ns: Some(1_234_560_000_000),
                sequence: Some(78),
            },
            personal: None,
        }
    }

    /// Reads CSV as [`ResultRows::append_to`] and earlier versions wrote it.
    fn read(text: &[u8]) -> Vec<Option<FaceRow>> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).quoting(false).from_reader(text);
        let columns = Columns::of(&reader.byte_headers().unwrap().clone()).unwrap();
        reader.byte_records().map(|r| FaceRow::parse(&r.unwrap(), &columns)).collect()
    }

    #[test]
    fn rows_are_read_back_as_they_were_written() {
        let unsure = ShownReading { label: None, baseline: false, ..row().shown.unwrap() };
        let rows = ResultRows(vec![
            row(),
            FaceRow { id: 4, shown: Some(unsure), ..row() },
            FaceRow {
                id: 5,
                shown: None,
                age_ms: None,
                reasons: Vec::new(),
                measured: None,
                stamp: RowStamp::default(),
                ..row()
            },
        ]);
        let mut text = CSV_HEADER.join(",").into_bytes();
        text.push(b'\n');
        rows.append_to(&mut text, 0).unwrap();
        let found: Vec<FaceRow> = read(&text).into_iter().map(Option::unwrap).collect();
        assert_eq!(found, rows.0);
    }

    #[test]
    fn a_wild_name_stays_in_its_row_and_moves_no_value() {
        let rows = ResultRows(vec![FaceRow { source: "a,b\"c\nd.png".into(), ..row() }, row()]);
        let mut text = CSV_HEADER.join(",").into_bytes();
        text.push(b'\n');
        rows.append_to(&mut text, 0).unwrap();
        let lines = read(&text);
        assert_eq!(lines.len(), 2);
        let first = lines[0].clone().unwrap();
        assert_eq!(FaceRow { source: row().source, ..first }, row());
        // A reader that knows quotes has the whole name.
        let mut quoted = csv::Reader::from_reader(&text[..]);
        let record = quoted.records().next().unwrap().unwrap();
        assert_eq!(record.iter().next_back(), Some("a,b\"c d.png"));
    }

    #[test]
    fn recordings_of_earlier_versions_are_read() {
        let header = "time_s,frame,id,x,y,w,h,detection_score,label,\
            raw_angry,raw_disgust,raw_fear,raw_happy,raw_neutral,raw_sad,raw_surprise,\
            smooth_angry,smooth_disgust,smooth_fear,smooth_happy,smooth_neutral,smooth_sad,smooth_surprise,age_ms";
        let text = format!("{header}\n1.0,2,3,4,5,6,7,8,unsure,0,0,0,0,0,1,0,0,0,0.5,0,0.5,0,0,9\n");
        let row = read(text.as_bytes()).remove(0).unwrap();
        let shown = row.shown.unwrap();
        assert_eq!((row.id, row.raw[5], shown.label, shown.leading), (3, 1.0, None, Expression::Fear));
        assert_eq!((shown.probabilities[4], row.age_ms), (0.5, Some(9.0)));
    }

    #[test]
    fn malformed_rows_are_refused() {
        let header = CSV_HEADER.join(",");
        let good = "1.0,2,3,4,5,6,7,640,480,8,sad,1,0,0,0,0,0,1,0,sad,1,false,0,0,0,0,0,1,0,\
            0.5,dark,9,-8,7,0.3,0.2,0.1,,9,55,2026-02-25T06:13:20.123456Z,0,44,3,a.png";
        let parse = |line: &str| read(format!("{header}\n{line}\n").as_bytes()).pop().flatten();
        assert!(parse(good).is_some());
        for (from, to) in [
            ("1.0,2", "nan,2"),
            ("1.0,2", "1.0,-2"),
            (",sad,1,false", ",<script>,1,false"),
            ("0,1,0,0.5", "0,7,0,0.5"),
            (",dark,", ",<b>,"),
            (",9,-8,7,", ",9,,7,"),
            (",0.1,,9,", ",0.1,often,9,"),
            (",9,55,", ",inf,55,"),
            (",9,55,", ",9,-55,"),
            (",2026-02-25T", ",yesterday"),
            (",0,44,", ",few,44,"),
            (&good[7..], ""),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            assert!(parse(&bad).is_none(), "{bad}");
        }
        assert!(parse("").is_none());
    }
}
