//! The columns of `faces.csv` and of `moue analyze --csv`, and where a file has them.

use std::sync::Arc;

use moue_model::Expression;

/// What `smoothed_label` says where the network is not sure enough.
pub const UNSURE: &str = "unsure";

/// The columns, in order. A missing value is empty.
///
/// - `time_s`: seconds since the recording started, when the frame arrived; of a file, the time that it gives
/// - `frame`: position of the frame in its source, from 0
/// - `id`: the person, the same from row to row
/// - `x`, `y`, `w`, `h`: the face's bounding box in pixels of the frame, not mirrored
/// - `width`, `height`: the frame's size in pixels, upright and with square pixels
/// - `detection_score`: the detector's score
/// - `label`, `probability`: the network's most probable expression in this frame, and how probable
/// - `angry` to `surprise`: the network's probabilities of this frame
/// - `smoothed_label`: the expression as it was shown, or [`UNSURE`]
/// - `smoothed_probability`: the averaged probability of that label; where it is [`UNSURE`], of the leading expression
/// - `baseline`: whether a personal baseline was taken out before the average
/// - `smoothed_angry` to `smoothed_surprise`: the averaged probabilities that were shown
/// - `quality`: how well the face can be read, 0 to 1, and `reasons`: what speaks against it, the worst first, with a space
///   between (see [`moue_detect::Reason`])
/// - `yaw`, `pitch`, `roll`: how the head is turned, in degrees (see [`moue_detect::HeadPose`]); `right_eye`, `left_eye`,
///   `mouth`: their openings, heights in widths; `blinks_per_min`: over the last minute. Where the face has a mesh
/// - `age_ms`: time from the frame's arrival to its result, in milliseconds
/// - `monotonic_ns`, `utc`: when the frame was taken, by the system's monotonic clock in nanoseconds and as RFC 3339 in UTC;
///   `dropped_before`: frames that the camera took since the result before and that never came; `driver_ns`, `sequence`: the
///   driver's own time and number of the frame. Empty where nobody knows, as of files (see `docs/time.md`)
/// - `source`: the file or device; last, so that a comma in a name shifts no other column for simple readers
pub const CSV_HEADER: [&str; 45] = [
    "time_s",
    "frame",
    "id",
    "x",
    "y",
    "w",
    "h",
    "width",
    "height",
    "detection_score",
    "label",
    "probability",
    "angry",
    "disgust",
    "fear",
    "happy",
    "neutral",
    "sad",
    "surprise",
    "smoothed_label",
    "smoothed_probability",
    "baseline",
    "smoothed_angry",
    "smoothed_disgust",
    "smoothed_fear",
    "smoothed_happy",
    "smoothed_neutral",
    "smoothed_sad",
    "smoothed_surprise",
    "quality",
    "reasons",
    "yaw",
    "pitch",
    "roll",
    "right_eye",
    "left_eye",
    "mouth",
    "blinks_per_min",
    "age_ms",
    "monotonic_ns",
    "utc",
    "dropped_before",
    "driver_ns",
    "sequence",
    "source",
];

/// The whole header: [`CSV_HEADER`], and where a profile is in use, before `source`, `personal_label` and a column
/// `personal_NAME` for each of its expressions with its probability.
#[must_use]
pub fn csv_header(personal: &[Arc<str>]) -> String {
    let plain = |name: &Arc<str>| -> String {
        let letters = name.trim().chars().map(|c| if c.is_alphanumeric() { c } else { '_' });
        format!("personal_{}", letters.collect::<String>())
    };
    let mut columns: Vec<String> = CSV_HEADER.map(str::to_owned).to_vec();
    if !personal.is_empty() {
        let source = columns.pop();
        columns.push("personal_label".into());
        columns.extend(personal.iter().map(plain));
        columns.extend(source);
    }
    columns.join(",")
}

/// Where a file has each column.
#[derive(Debug, Clone)]
pub struct Columns {
    pub(super) source: Option<usize>,
    pub(super) frame: usize,
    pub(super) time_s: usize,
    pub(super) width: Option<usize>,
    pub(super) height: Option<usize>,
    pub(super) id: usize,
    pub(super) face: [usize; 4],
    pub(super) detection_score: usize,
    pub(super) raw: [usize; Expression::COUNT],
    pub(super) shown_label: usize,
    pub(super) baseline: Option<usize>,
    pub(super) shown: [usize; Expression::COUNT],
    pub(super) quality: Option<usize>,
    pub(super) reasons: Option<usize>,
    /// Yaw, pitch, roll, right eye, left eye, mouth.
    pub(super) measured: Option<[usize; 6]>,
    pub(super) blinks_per_min: Option<usize>,
    pub(super) age_ms: usize,
    /// As [`super::RowStamp`] has them.
    pub(super) stamp: [Option<usize>; 5],
}

impl Columns {
    /// Without those of which a report shows nothing: reading a long recording takes half the time.
    pub(super) fn for_report(mut self) -> Self {
        (self.measured, self.blinks_per_min, self.quality, self.reasons) = (None, None, None, None);
        (self.source, self.stamp) = (None, [None; 5]);
        self
    }

    /// The columns that a header names, in any order. The names of earlier versions are accepted too:
    /// `label` for what is `smoothed_label` now, `raw_angry` for `angry`, `smooth_angry` for `smoothed_angry`.
    ///
    /// # Errors
    /// The name of a column that is missing.
    pub fn of(header: &csv::ByteRecord) -> Result<Self, String> {
        let place = |name: &str| header.iter().position(|h| h.trim_ascii() == name.as_bytes());
        let either =
            |name: &str, old: &str| place(name).or_else(|| place(old)).ok_or_else(|| name.to_owned());
        let needed = |name: &str| either(name, name);
        let each = |prefix: &str, old: &str| -> Result<[usize; Expression::COUNT], String> {
            let mut places = [0; Expression::COUNT];
            for (place, e) in places.iter_mut().zip(Expression::ALL) {
                *place = either(&format!("{prefix}{e}"), &format!("{old}{e}"))?;
            }
            Ok(places)
        };
        let measured = || -> Option<[usize; 6]> {
            Some([
                place("yaw")?,
                place("pitch")?,
                place("roll")?,
                place("right_eye")?,
                place("left_eye")?,
                place("mouth")?,
            ])
        };
        Ok(Self {
            source: place("source"),
            frame: needed("frame")?,
            time_s: needed("time_s")?,
            width: place("width"),
            height: place("height"),
            id: needed("id")?,
            face: [needed("x")?, needed("y")?, needed("w")?, needed("h")?],
            detection_score: needed("detection_score")?,
            raw: each("", "raw_")?,
            shown_label: either("smoothed_label", "label")?,
            baseline: place("baseline"),
            shown: each("smoothed_", "smooth_")?,
            quality: place("quality"),
            reasons: place("reasons"),
            measured: measured(),
            blinks_per_min: place("blinks_per_min"),
            age_ms: needed("age_ms")?,
            stamp: ["monotonic_ns", "utc", "dropped_before", "driver_ns", "sequence"].map(place),
        })
    }
}
