//! Plain loops that the kernels are tested against.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::FeatureMap;
use crate::formula::hashed_uniform;

/// `count`, or a few where Miri interprets the test.
pub(crate) const fn most(count: usize) -> usize {
    match count {
        6.. if cfg!(miri) => count / 6 + 2,
        _ => count,
    }
}

/// Numbers in [-0.5, 0.5).
pub(crate) fn values(count: usize, seed: u64) -> Vec<f32> {
    hashed_uniform(count, seed).into_iter().map(|u| u as f32).collect()
}

/// `[n, c, h, w]` as the bordered NHWC map.
pub(crate) fn bordered(x: &[f32], n: usize, map: &FeatureMap) -> Vec<f32> {
    let (h, w, channels) = (map.height, map.width, map.channels);
    let mut out = vec![0.0; n * map.len()];
    for image in 0..n {
        for y in 0..h {
            for column in 0..w {
                for c in 0..channels {
                    out[map.at(image, y, column) + c] = x[((image * channels + c) * h + y) * w + column];
                }
            }
        }
    }
    out
}

/// A convolution in f64: `[n, c_out, out_h, out_w]`.
#[allow(clippy::too_many_arguments)]
pub(crate) fn convolve(
    x: &[f32],
    weights: &[f32],
    bias: &[f32],
    n: usize,
    (c_in, height, width): (usize, usize, usize),
    kernel: usize,
    padding: usize,
    stride: usize,
) -> Vec<f64> {
    let (out_h, out_w) =
        ((height + 2 * padding - kernel) / stride + 1, (width + 2 * padding - kernel) / stride + 1);
    let mut out = Vec::new();
    for image in 0..n {
        for (o, bias) in bias.iter().enumerate() {
            for y in 0..out_h {
                for column in 0..out_w {
                    let mut sum = f64::from(*bias);
                    for i in 0..c_in {
                        for ky in 0..kernel {
                            for kx in 0..kernel {
                                let (sy, sx) = (y * stride + ky, column * stride + kx);
                                if sy < padding || sx < padding {
                                    continue;
                                }
                                let (sy, sx) = (sy - padding, sx - padding);
                                if sy < height && sx < width {
                                    sum += f64::from(x[((image * c_in + i) * height + sy) * width + sx])
                                        * f64::from(weights[((o * c_in + i) * kernel + ky) * kernel + kx]);
                                }
                            }
                        }
                    }
                    out.push(sum);
                }
            }
        }
    }
    out
}
