//! The network: its weights, the fast CPU plan, candle's version, and the explanation.
#![forbid(unsafe_code)]

mod candle_net;
mod class_names;
mod classifier;
mod conditions;
pub mod device;
mod error;
mod expression;
mod files;
pub mod formula;
mod heat_map;
mod layout;
pub mod plan;
mod read_options;
mod reading;
pub mod resample;
mod weights;

pub use candle_net::{CandleNet, CandleOutput};
pub use class_names::{ClassOrder, FER_ORDER, Label, RAF_DB_ORDER};
pub use classifier::Classifier;
pub use conditions::{ConditionFigures, ConditionsTable};
pub use device::DeviceChoice;
pub use error::ModelError;
pub use expression::Expression;
pub use files::{
    BodyWeights, LoadedWeights, MAX_FILE_BYTES, RESNET18_BLOCKS, StartWeights, StoredAs, is_head,
    parse_safetensors, parse_weights, parse_weights_as, read_safetensors, write_safetensors,
};
pub use files::{check_header, read_file};
pub use heat_map::HeatMap;
pub use layout::{
    BlockSpec, ConvSpec, FEATURE_CHANNELS, LAYER_CHANNELS, NetworkLayers, TensorSpec, network_layers,
    parameter_count, state_dict_layout,
};
pub use plan::{CpuPlan, PlanOptions, PlanOutput};
pub use read_options::ReadOptions;
pub use reading::{Probabilities, Reading, softmax};
pub use resample::{TRAINING_FACE_PX, resize_area, resize_bilinear};
pub use weights::{
    ASSUMED_INPUT_SIZE, INPUT_SIZES, MEAN, NetworkWeights, STD, WeightTensor, assumed, original_class_order,
};
