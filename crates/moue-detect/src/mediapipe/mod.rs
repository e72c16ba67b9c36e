//! MediaPipe's face networks: BlazeFace finds faces, the face mesh puts 468 points on one.
//!
//! The networks run on the project's own kernels (`separable`, `dense`, `depthwise` in `moue-kernels`); what happens
//! before and after them follows MediaPipe's graphs (files named below are in its repository).

mod blazeface;
mod detector;
mod face_mesh;
mod layers;
mod mesh;
mod sampling;
mod wires;

pub use blazeface::{BLAZEFACE_SIDE, BlazeFace};
pub use detector::{BlazeFaceDetection, BlazeFaceDetector, Keypoint};
pub use face_mesh::{FaceMeshNetwork, MESH_POINTS, MESH_SIDE};
pub use layers::NetworkFileError;
pub use mesh::{FaceMesh, MeshFinder};
pub use sampling::{Beyond, TurnedSquare};
pub use wires::MESH_WIRES;
