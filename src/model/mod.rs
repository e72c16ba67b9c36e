//! The network: its weights, the fast CPU plan, candle's version, and the explanation.

mod classifier;
mod crop;
mod error;
mod expression;
mod files;
pub mod formula;
mod heat_map;
pub mod kernels;
mod layout;
mod reading;
mod weights;

pub use classifier::{Classifier, DeviceChoice};
pub use crop::{CropRegion, append_crop};
pub use error::ModelError;
pub use expression::Expression;
pub use files::{MAX_FILE_BYTES, parse_safetensors, read_safetensors};
pub use heat_map::HeatMap;
pub use layout::{FEATURE_CHANNELS, LAYER_CHANNELS, TensorSpec, parameter_count, state_dict_layout};
pub use reading::Reading;
pub use weights::{NetworkWeights, WeightTensor};
