//! Reads rows of faces: `faces.csv` of a recording, or what `moue analyze --csv` wrote.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use moue_files::plain_file;

use moue_detect::geometry::{EYES_SEEN_WITHIN, HeadPose};

use crate::error::TableError;
use crate::names::{EXPRESSIONS, LABELS, REASONS};

/// Longest line, in bytes: a longer one is no row and must not fill the memory.
const MAX_LINE: usize = 1 << 16;

/// One face in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Seconds, as the recording counts them.
    pub time_s: f64,
    /// The system's monotonic clock in nanoseconds, where it is known.
    pub monotonic_ns: Option<u64>,
    /// The face.
    pub id: u64,
    /// The network's probabilities of this frame.
    pub raw: [f32; 7],
    /// The averaged probabilities; those of the frame where there are none.
    pub shown: [f32; 7],
    /// Place in [`LABELS`] of the label that was shown; of the network's own where there is none.
    pub label: u8,
    /// Place in [`REASONS`] of what most speaks against the face; `None` where it can be trusted, or nothing is known.
    pub reason: Option<u8>,
    /// Mean opening of both eyes, heights in widths; `None` without a mesh, and where the head is turned away by more than 30
    /// degrees.
    pub eyes_open: Option<f32>,
}

/// Where the columns are.
#[derive(Debug, Clone)]
struct Places {
    time_s: usize,
    id: usize,
    raw: [usize; 7],
    shown: Option<[usize; 7]>,
    shown_label: Option<usize>,
    label: Option<usize>,
    reasons: Option<usize>,
    monotonic_ns: Option<usize>,
    /// Openings of the right and of the left eye.
    eyes: Option<[usize; 2]>,
    /// Turn and nod of the head.
    pose: Option<[usize; 2]>,
    source: Option<usize>,
}

impl Places {
    /// The names of earlier versions are understood too: `raw_angry` for `angry`, `smooth_angry` for `smoothed_angry`.
    fn of(header: &csv::ByteRecord, path: &Path) -> Result<Self, TableError> {
        let place = |name: &str| header.iter().position(|h| h.trim_ascii() == name.as_bytes());
        let needed = |name: &str| {
            place(name).ok_or_else(|| TableError::NoColumn { path: path.to_owned(), column: name.to_owned() })
        };
        let each = |prefix: &str| -> Option<[usize; 7]> {
            let mut places = [0; 7];
            for (place_of, e) in places.iter_mut().zip(EXPRESSIONS) {
                *place_of = place(&format!("{prefix}{e}"))?;
            }
            Some(places)
        };
        Ok(Self {
            time_s: needed("time_s")?,
            id: needed("id")?,
            raw: match each("raw_").or_else(|| each("")) {
                Some(places) => places,
                None => {
                    needed("angry")?;
                    return Err(TableError::NoColumn { path: path.to_owned(), column: "surprise".into() });
                }
            },
            shown: each("smoothed_").or_else(|| each("smooth_")),
            shown_label: place("smoothed_label"),
            label: place("label"),
            reasons: place("reasons"),
            monotonic_ns: place("monotonic_ns"),
            eyes: place("right_eye").zip(place("left_eye")).map(|(r, l)| [r, l]),
            pose: place("yaw").zip(place("pitch")).map(|(yaw, pitch)| [yaw, pitch]),
            source: place("source"),
        })
    }

    /// `None` where a field is missing or holds no such value.
    fn reading(&self, record: &csv::ByteRecord) -> Option<Reading> {
        let text = |i: usize| std::str::from_utf8(record.get(i)?).ok().map(str::trim);
        let probabilities = |places: &[usize; 7]| -> Option<[f32; 7]> {
            let mut all = [0.0; 7];
            for (p, &place) in all.iter_mut().zip(places) {
                *p = text(place)?.parse::<f32>().ok().filter(|v| (0.0..=1.0).contains(v))?;
            }
            Some(all)
        };
        let raw = probabilities(&self.raw)?;
        let written = |place: Option<usize>| place.and_then(text).filter(|t| !t.is_empty());
        let shown_label = written(self.shown_label);
        let shown = match self.shown.filter(|places| written(Some(places[0])).is_some()) {
            Some(places) => probabilities(&places)?,
            None => raw,
        };
        let label = match shown_label.or_else(|| written(self.label)) {
            Some(name) => LABELS.iter().position(|l| *l == name)?,
            None => raw.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?.0,
        };
        let reason = match written(self.reasons).and_then(|all| all.split_whitespace().next()) {
            Some(name) => Some(REASONS.iter().position(|r| *r == name)? as u8),
            None => None,
        };
        let number = |place: usize| written(Some(place))?.parse::<f32>().ok().filter(|v| v.is_finite());
        let pose = self.pose.and_then(|[yaw, pitch]| Some([number(yaw)?, number(pitch)?]));
        let pose = pose.map(|[yaw, pitch]| HeadPose { yaw, pitch, roll: 0.0 });
        let faces_us = pose.is_none_or(|pose| pose.away() <= EYES_SEEN_WITHIN);
        let eyes = self.eyes.filter(|_| faces_us);
        Some(Reading {
            time_s: text(self.time_s)?.parse::<f64>().ok().filter(|t| (0.0..1e9).contains(t))?,
            monotonic_ns: written(self.monotonic_ns).and_then(|t| t.parse().ok()),
            id: text(self.id)?.parse().ok()?,
            raw,
            shown,
            label: label as u8,
            reason,
            eyes_open: eyes.and_then(|[right, left]| Some((number(right)? + number(left)?) / 2.0)),
        })
    }
}

/// A recording on disk: a session folder, or a file of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// What it is called in tables: the folder's or the file's name.
    pub name: String,
    /// The file of rows.
    pub faces: PathBuf,
    /// The file of markers, where there is one.
    pub events: Option<PathBuf>,
    /// Whether several sources stand in the file one after the other, each with times of its own.
    pub many: bool,
}

impl Recording {
    /// A folder with `faces.csv`, or a file of rows.
    ///
    /// # Errors
    /// [`TableError::Read`] where it is neither.
    pub fn open(path: &Path) -> Result<Self, TableError> {
        let failed = |reason: &str| TableError::Read { path: path.to_owned(), reason: reason.into() };
        let full = path.canonicalize().map_err(|e| failed(&e.to_string()))?;
        let name = |p: &Path| p.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        if !full.is_dir() {
            return Ok(Self { name: name(&full), faces: full, events: None, many: true });
        }
        let (faces, events) = (full.join("faces.csv"), full.join("events.csv"));
        if !faces.is_file() {
            return Err(failed("expected the folder of a recording, found no faces.csv in it"));
        }
        Ok(Self { name: name(&full), faces, events: events.is_file().then_some(events), many: false })
    }
}

/// Reads the rows of a file one by one.
pub struct Rows {
    path: PathBuf,
    reader: csv::Reader<ShortLines<BufReader<File>>>,
    places: Places,
    record: csv::ByteRecord,
    /// Rows that cannot be read, such as the last one of a recording that broke off.
    pub unreadable: u64,
    /// Name of the source of the row read last.
    source: Vec<u8>,
}

impl Rows {
    /// Opens the file and finds its columns.
    ///
    /// # Errors
    /// [`TableError`] where it cannot be read or has not the columns of readings.
    pub fn open(path: &Path) -> Result<Self, TableError> {
        let failed = |reason: String| TableError::Read { path: path.to_owned(), reason };
        let (file, _) = plain_file::open(path).map_err(|e| failed(e.to_string()))?;
        // Only the name in the last column may be quoted. With quoting on, a stray quote would make the rest of the file one row.
        let lines = ShortLines { inner: BufReader::with_capacity(1 << 16, file), line: 0 };
        let mut reader = csv::ReaderBuilder::new().flexible(true).quoting(false).from_reader(lines);
        let header = reader.byte_headers().map_err(|e| failed(e.to_string()))?;
        let places = Places::of(header, path)?;
        let record = csv::ByteRecord::new();
        Ok(Self { path: path.to_owned(), reader, places, record, unreadable: 0, source: Vec::new() })
    }

    /// Whether it says what speaks against faces.
    #[must_use]
    pub fn has_reasons(&self) -> bool {
        self.places.reasons.is_some()
    }

    /// Whether it says when frames were taken.
    #[must_use]
    pub fn has_monotonic(&self) -> bool {
        self.places.monotonic_ns.is_some()
    }

    /// The next row that can be read; what cannot is counted. The flag: its source is another one than that of the row before.
    ///
    /// # Errors
    /// [`TableError::Read`] where the file fails.
    pub fn next_row(&mut self) -> Result<Option<(Reading, bool)>, TableError> {
        loop {
            let more = self.reader.read_byte_record(&mut self.record);
            let failed = |reason: String| TableError::Read { path: self.path.clone(), reason };
            if !more.map_err(|e| failed(e.to_string()))? {
                return Ok(None);
            }
            let Some(reading) = self.places.reading(&self.record) else {
                self.unreadable += 1;
                continue;
            };
            let mut other = false;
            if let Some(source) = self.places.source.and_then(|place| self.record.get(place))
                && source != self.source
            {
                other = !self.source.is_empty();
                self.source = source.to_vec();
            }
            return Ok(Some((reading, other)));
        }
    }

    /// Name of the source of the row read last.
    #[must_use]
    pub fn source(&self) -> String {
        String::from_utf8_lossy(&self.source).trim().trim_matches('"').to_owned()
    }
}

/// Refuses lines that are longer than any row.
struct ShortLines<R> {
    inner: R,
    /// Bytes since the last line break.
    line: usize,
}

impl<R: Read> Read for ShortLines<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let bytes = self.inner.read(out)?;
        match out[..bytes].iter().rposition(|b| *b == b'\n') {
            Some(at) => self.line = bytes - at,
            None => self.line += bytes,
        }
        if self.line > MAX_LINE {
            let text = format!("expected rows of at most {MAX_LINE} bytes, found a longer one");
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, text));
        }
        Ok(bytes)
    }
}
