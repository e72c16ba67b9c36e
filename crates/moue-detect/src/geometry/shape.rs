//! The mean face that poses are measured against.

/// Points that hardly move with the expression: the middle line from forehead to nose, corners of the eyes, wings of the
/// nose, forehead, temples and cheekbones. In pairs, the person's right one first, after the middle ones.
pub const RIGID: [usize; 32] = [
    10, 151, 9, 168, 6, 197, 195, 4, 33, 263, 133, 362, 129, 358, 109, 338, 67, 297, 103, 332, 54, 284, 21,
    251, 162, 389, 127, 356, 234, 454, 117, 346,
];

/// The tip of the nose.
#[cfg(test)]
pub(super) const NOSE_TIP: usize = 4;

/// Their places in the mean face: x to the person's left (the frame's right), y down, z away from the camera, about their
/// middle; their root mean square is about 1. Measured over the meshes of 3,415 pictures of FER-2013's val/ by
/// `examples/face_shape.rs`: the mean of shape and mirror image, nodding as those people do in the median.
pub(super) const SHAPE: [[f32; 3]; RIGID.len()] = [
    [0.0000, -0.6989, -0.3582],
    [0.0000, -0.4271, -0.4048],
    [0.0000, -0.1560, -0.4299],
    [0.0000, 0.1239, -0.3898],
    [0.0000, 0.2697, -0.4559],
    [0.0000, 0.3964, -0.5342],
    [0.0000, 0.5127, -0.6174],
    [0.0000, 0.7803, -0.7388],
    [-0.7779, 0.1732, -0.0180],
    [0.7779, 0.1732, -0.0180],
    [-0.3044, 0.2095, -0.1121],
    [0.3044, 0.2095, -0.1121],
    [-0.3565, 0.8128, -0.2447],
    [0.3565, 0.8128, -0.2447],
    [-0.3278, -0.6920, -0.3291],
    [0.3278, -0.6920, -0.3291],
    [-0.6045, -0.6526, -0.2197],
    [0.6045, -0.6526, -0.2197],
    [-0.8550, -0.5639, -0.0291],
    [0.8550, -0.5639, -0.0291],
    [-1.0152, -0.4266, 0.1886],
    [1.0152, -0.4266, 0.1886],
    [-1.1123, -0.2503, 0.4013],
    [1.1123, -0.2503, 0.4013],
    [-1.1612, -0.0595, 0.6235],
    [1.1612, -0.0595, 0.6235],
    [-1.1711, 0.1809, 0.8057],
    [1.1711, 0.1809, 0.8057],
    [-1.1528, 0.4124, 0.8964],
    [1.1528, 0.4124, 0.8964],
    [-0.8892, 0.4556, 0.0016],
    [0.8892, 0.4556, 0.0016],
];
