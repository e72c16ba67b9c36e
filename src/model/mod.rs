//! The network: its weights, the fast CPU plan, candle's version, and the explanation.

mod candle_net;
mod classifier;
mod conditions;
mod crop;
pub(crate) mod device;
mod error;
mod expression;
mod files;
pub mod formula;
mod heat_map;
pub mod kernels;
mod layout;
mod reading;
mod weights;

pub use candle_net::{CandleNet, CandleOutput};
pub use classifier::Classifier;
pub use conditions::{ConditionFigures, ConditionsTable};
pub use crop::{CropRegion, TRAINING_FACE_PX, append_crop, resize_area, resize_bilinear};
pub use device::DeviceChoice;
pub use error::ModelError;
pub use expression::Expression;
pub use files::{
    LoadedWeights, MAX_FILE_BYTES, StoredAs, parse_safetensors, parse_weights, read_safetensors,
    write_safetensors,
};
pub(crate) use files::{check_header, read_file};
pub use heat_map::HeatMap;
pub use layout::{
    BlockSpec, ConvSpec, FEATURE_CHANNELS, LAYER_CHANNELS, NetworkLayers, TensorSpec, network_layers,
    parameter_count, state_dict_layout,
};
pub use reading::Reading;
pub use weights::{INPUT_SIZES, MEAN, NetworkWeights, STD, WeightTensor};
