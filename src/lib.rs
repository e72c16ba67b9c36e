//! Real-time facial-expression recognition that a person can run on their own machine.
//!
//! # A picture to expressions
//!
//! ```
//! use moue::capture::{Pace, SourceSpec, open_source};
//! use moue::detect::DetectorKind;
//! use moue::model::{Classifier, DeviceChoice, LoadedWeights};
//! use moue::pipeline::{FaceSearch, FrameAnalyzer};
//!
//! let picture = SourceSpec::Path("assets/demo/astronaut.jpg".into());
//! let mut source = open_source(&picture, Pace::Unpaced)?.source;
//! let weights = LoadedWeights::built_in()?.weights;
//! // On the CPU, with as many threads as there are cores.
//! let network = Classifier::new(&weights, DeviceChoice::Cpu, 0)?;
//! let search = FaceSearch::for_source(source.info().kind, DetectorKind::Auto);
//! let mut analyzer = FrameAnalyzer::new(network, search);
//! let mut faces = 0;
//! while let Some(frame) = source.next_frame()? {
//!     for face in analyzer.analyze(frame)?.faces {
//!         let (expression, probability) = face.reading.top();
//!         println!("{}: {:.0} %", expression.name(), 100.0 * probability);
//!         faces += 1;
//!     }
//! }
//! assert_eq!(faces, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Live frames from a camera to readings
//!
//! ```no_run
//! use moue::capture::{Pace, SourceSpec, open_source};
//! use moue::detect::DetectorKind;
//! use moue::model::{Classifier, DeviceChoice, LoadedWeights};
//! use moue::pipeline::{FaceSearch, FrameAnalyzer};
//!
//! // The first camera that works; `Some(name)` takes one by name. See `moue cameras`.
//! let mut camera = open_source(&SourceSpec::Camera(None), Pace::Live)?.source;
//! let network = Classifier::new(&LoadedWeights::built_in()?.weights, DeviceChoice::Auto, 0)?;
//! let search = FaceSearch::for_source(camera.info().kind, DetectorKind::Auto);
//! let mut analyzer = FrameAnalyzer::new(network, search);
//! loop {
//!     let frame = match camera.next_frame() {
//!         Ok(Some(frame)) => frame,
//!         Ok(None) => break,
//!         // No frame within half a second, or a damaged one: the camera goes on.
//!         Err(e) if e.is_transient() => continue,
//!         Err(e) => return Err(e.into()),
//!     };
//!     let time_s = frame.time_s;
//!     for face in analyzer.analyze(frame)?.faces {
//!         // Faces keep their number from frame to frame.
//!         println!("{time_s:.2} s, face {}: {:?}", face.id, face.reading.probabilities);
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`capture::WatchedSource`] also opens a camera again that was lost; [`pipeline::Live`] runs all of it on threads of its
//! own.
//!
//! # A weights file to a report
//!
//! ```
//! use std::path::Path;
//!
//! use moue::eval::{Evaluation, Predictor, classification_report, softmax};
//! use moue::model::LoadedWeights;
//! use moue::train::data::{DataOptions, DataSet, SplitName};
//!
//! # let folder = tempfile::tempdir()?;
//! # let faces = folder.path();
//! # std::fs::create_dir_all(faces.join("test/happy"))?;
//! # for (picture, x, y, size) in [("astronaut", 178, 66, 95), ("obama", 267, 75, 240)] {
//! #     let face = image::open(format!("assets/demo/{picture}.jpg"))?.crop_imm(x, y, size, size);
//! #     face.save(faces.join("test/happy").join(picture).with_extension("png"))?;
//! # }
//! // `faces` is a folder with test/happy/, test/neutral/ and so on, a picture a face.
//! let data = DataSet::read(faces, &[SplitName::Test], &DataOptions::default())?;
//! let split = data.split(SplitName::Test);
//! let loaded = LoadedWeights::read(Path::new("models/moue-fer2013.safetensors"))?;
//! let mut predictor = Predictor::new(&loaded.weights, 0)?;
//! let logits = predictor.logits(split, false, |_done| true)?;
//! let temperature = loaded.weights.temperature();
//! let probabilities: Vec<_> = logits.iter().map(|l| softmax(l, temperature)).collect();
//! let labels: Vec<_> = split.samples.iter().map(|s| s.label).collect();
//! let evaluation = Evaluation::new(&probabilities, &labels);
//! println!("{}", classification_report(&evaluation.confusion, 2));
//! assert_eq!((evaluation.confusion.total(), evaluation.accuracy), (2, 1.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The parts
//!
//! A frame goes one way through the modules: [`capture`] delivers it, [`detect`] finds the
//! faces, [`model`] reads each face and says where it looked, [`pipeline`] runs these on
//! threads of their own, [`record`] keeps what was seen. [`train`] makes weights files and [`eval`] measures them. The window
//! (feature `window`) and the command line are the program's own, and not documented here.
#![forbid(unsafe_code)]

pub use moue_capture as capture;
pub use moue_detect as detect;
pub use moue_model as model;
pub use moue_train as train;
pub use moue_train::eval;

// The program's own: public for its binary, tests and examples.
#[cfg(feature = "window")]
#[doc(hidden)]
pub mod app;
#[doc(hidden)]
pub mod cli;
mod fault;
pub mod pipeline;
pub mod record;
#[doc(hidden)]
pub mod settings;
pub mod teach;
