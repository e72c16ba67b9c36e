//! Batch-norm in training mode, with the ReLU and the residual addition behind it.
//!
//! Convolution outputs have no border; what the next convolution reads has one. With `a = gamma / std` the
//! forward pass is `relu(a z + (beta - a mean) + shortcut)`, and backward, for the `m` pixels of a channel,
//! `dz = a (g - sum(g) / m - (z - mean) sum(g (z - mean)) / (m var))`, which is one line in `g` and `z`.

use super::super::simd::{Simd, dispatch};
use super::super::{Cells, FeatureMap, Isa, Pool};

/// Added to the variance, as in PyTorch.
const EPSILON: f64 = 1e-5;
/// Channels whose sums are kept in registers.
const LANES: usize = 32;
/// Pixels that are summed in f32 before the sum goes on in f64.
const RUN: usize = 64;

/// Mean and variance of each channel over a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NormStatistics {
    /// Mean.
    pub mean: Vec<f32>,
    /// Variance, divided by the count.
    pub variance: Vec<f32>,
    /// Values that were averaged a channel.
    pub count: usize,
}

impl NormStatistics {
    /// Factor and addend of each channel: `gamma / std` and `beta - mean gamma / std`.
    #[must_use]
    pub fn line(&self, gamma: &[f32], beta: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let scale: Vec<f32> = self.variance.iter().zip(gamma).map(|(v, g)| inverse(*v, *g)).collect();
        let shift = scale.iter().zip(&self.mean).zip(beta).map(|((s, m), b)| b - s * m).collect();
        (scale, shift)
    }
}

fn inverse(variance: f32, gamma: f32) -> f32 {
    (f64::from(gamma) / (f64::from(variance) + EPSILON).sqrt()) as f32
}

/// What a batch-norm normalises: a convolution's output `[n, pixels, channels]`, and its learned line.
#[derive(Clone, Copy)]
pub struct NormInput<'a> {
    /// The values, without border.
    pub z: &'a [f32],
    /// Their statistics.
    pub statistics: &'a NormStatistics,
    /// Learned factor a channel.
    pub gamma: &'a [f32],
    /// Learned addend a channel.
    pub beta: &'a [f32],
}

/// What is added before the ReLU.
#[derive(Clone, Copy)]
pub enum Shortcut<'a> {
    /// Nothing.
    None,
    /// A map of the same shape, border included.
    Same(&'a [f32]),
    /// A second batch-norm.
    Norm(NormInput<'a>),
}

/// Sums of one channel over all pixels of all maps: `body` adds up those of one map for `LANES` channels from
/// `c` on into two arrays. Maps are tasks; their sums are added in order.
fn channel_sums(pool: &Pool, n: usize, channels: usize, body: impl Fn(usize, &mut [f64]) + Sync) -> Vec<f64> {
    let mut partial = vec![0.0_f64; n * 2 * channels];
    {
        let parts: Vec<parking_lot::Mutex<&mut [f64]>> =
            partial.chunks_exact_mut(2 * channels).map(parking_lot::Mutex::new).collect();
        pool.run(n, |image| body(image, &mut parts[image].lock()));
    }
    let mut sums = vec![0.0; 2 * channels];
    for part in partial.chunks_exact(2 * channels) {
        sums.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
    }
    sums
}

/// Mean and variance of `z`, `[n, pixels, channels]` without border.
///
/// # Panics
/// When `z` is too short.
#[must_use]
pub fn norm_statistics(
    pool: &Pool,
    isa: Isa,
    z: &[f32],
    n: usize,
    channels: usize,
    pixels: usize,
) -> NormStatistics {
    // Sums of differences to the first pixel: they do not cancel where the mean is far from zero.
    let origin = &z[..channels];
    let sums = channel_sums(pool, n, channels, |image, sums| {
        let map = &z[image * pixels * channels..][..pixels * channels];
        dispatch!(isa => moments(map: &[f32], origin: &[f32], channels: usize, sums: &mut [f64]));
    });
    let count = n * pixels;
    let (first, second) = sums.split_at(channels);
    let mean = |c: usize| first[c] / count as f64;
    NormStatistics {
        mean: (0..channels).map(|c| (mean(c) + f64::from(origin[c])) as f32).collect(),
        variance: (0..channels)
            .map(|c| (second[c] / count as f64 - mean(c) * mean(c)).max(0.0) as f32)
            .collect(),
        count,
    }
}

#[inline(always)]
unsafe fn moments<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    map: &[f32],
    origin: &[f32],
    channels: usize,
    sums: &mut [f64],
) {
    for run in map.chunks(RUN * channels) {
        for c in (0..channels).step_by(LANES) {
            let (mut first, mut second) = ([0.0_f32; LANES], [0.0_f32; LANES]);
            let width = LANES.min(channels - c);
            if width == LANES {
                let mut zero = [0.0_f32; LANES];
                zero.copy_from_slice(&origin[c..c + LANES]);
                for pixel in run.chunks_exact(channels) {
                    let pixel = &pixel[c..c + LANES];
                    for j in 0..LANES {
                        let d = pixel[j] - zero[j];
                        first[j] += d;
                        second[j] += d * d;
                    }
                }
            } else {
                for pixel in run.chunks_exact(channels) {
                    for j in 0..width {
                        let d = pixel[c + j] - origin[c + j];
                        first[j] += d;
                        second[j] += d * d;
                    }
                }
            }
            for j in 0..width {
                sums[c + j] += f64::from(first[j]);
                sums[channels + c + j] += f64::from(second[j]);
            }
        }
    }
}

/// `output = relu(norm(z) + shortcut)`; the border is not touched.
///
/// # Panics
/// When a buffer is too short.
#[allow(clippy::too_many_arguments)]
pub fn norm_forward(
    pool: &Pool,
    isa: Isa,
    input: &NormInput<'_>,
    shortcut: &Shortcut<'_>,
    n: usize,
    to: &FeatureMap,
    output: &mut [f32],
) {
    let (channels, row) = (to.channels, to.width * to.channels);
    let (scale, shift) = input.statistics.line(input.gamma, input.beta);
    let second = match shortcut {
        Shortcut::Norm(norm) => norm.statistics.line(norm.gamma, norm.beta),
        _ => (vec![1.0; channels], vec![0.0; channels]),
    };
    let lines = [&scale[..], &shift[..], &second.0[..], &second.1[..]];
    let output = Cells::new(output);
    pool.run(n, |image| {
        for y in 0..to.height {
            let at = (image * to.height + y) * row;
            let z = &input.z[at..][..row];
            let added = match shortcut {
                Shortcut::None => None,
                Shortcut::Same(x) => Some(&x[to.at(image, y, 0)..][..row]),
                Shortcut::Norm(norm) => Some(&norm.z[at..][..row]),
            };
            // SAFETY: each task has its own map.
            let out = unsafe { output.slice_mut(to.at(image, y, 0), row) };
            let lines = &lines;
            dispatch!(isa => normalise(lines: &[&[f32]; 4], z: &[f32], added: Option<&[f32]>, out: &mut [f32]));
        }
    });
}

#[inline(always)]
unsafe fn normalise<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    lines: &[&[f32]; 4],
    z: &[f32],
    added: Option<&[f32]>,
    out: &mut [f32],
) {
    let channels = lines[0].len();
    let [scale, shift, scale2, shift2] = lines.map(|l| &l[..channels]);
    match added {
        None => {
            for (out, z) in out.chunks_exact_mut(channels).zip(z.chunks_exact(channels)) {
                for c in 0..channels {
                    let v = z[c] * scale[c] + shift[c];
                    out[c] = if v < 0.0 { 0.0 } else { v };
                }
            }
        }
        Some(added) => {
            let pixels = out.chunks_exact_mut(channels).zip(z.chunks_exact(channels));
            for ((out, z), r) in pixels.zip(added.chunks_exact(channels)) {
                for c in 0..channels {
                    let v = (z[c] * scale[c] + shift[c]) + (r[c] * scale2[c] + shift2[c]);
                    out[c] = if v < 0.0 { 0.0 } else { v };
                }
            }
        }
    }
}

/// A batch-norm's gradients: of its learned line, and the line that gives `dz = a g + e z + f`.
#[derive(Debug, Clone, Default)]
pub struct NormGradient {
    /// Of gamma.
    pub gamma: Vec<f32>,
    /// Of beta.
    pub beta: Vec<f32>,
}

/// `(gradients, [a, e, f])` from `sum g` and `sum g (z - mean)`.
pub(super) fn lines(input: &NormInput<'_>, sum: &[f64], product: &[f64]) -> (NormGradient, [Vec<f32>; 3]) {
    let (channels, m) = (sum.len(), input.statistics.count as f64);
    let mut gradient = NormGradient { gamma: Vec::new(), beta: sum.iter().map(|s| *s as f32).collect() };
    let mut lines: [Vec<f32>; 3] = Default::default();
    for c in 0..channels {
        let inverse = 1.0 / (f64::from(input.statistics.variance[c]) + EPSILON).sqrt();
        let a = f64::from(input.gamma[c]) * inverse;
        let e = -a * inverse * inverse * product[c] / m;
        gradient.gamma.push((product[c] * inverse) as f32);
        lines[0].push(a as f32);
        lines[1].push(e as f32);
        lines[2].push((-a * sum[c] / m - e * f64::from(input.statistics.mean[c])) as f32);
    }
    (gradient, lines)
}

/// Backward through ReLU and batch-norm: makes `g` (no border) zero where `output` (a bordered map) is not positive,
/// then writes the gradient of `input.z` to the interior of `dz` (of shape `dz_map`).
///
/// # Panics
/// When a buffer is too short.
#[allow(clippy::too_many_arguments)]
pub fn norm_backward(
    pool: &Pool,
    isa: Isa,
    input: &NormInput<'_>,
    output: Option<(&[f32], &FeatureMap)>,
    g: &mut [f32],
    n: usize,
    dz_map: &FeatureMap,
    dz: &mut [f32],
) -> NormGradient {
    let (channels, row, to) = (dz_map.channels, dz_map.width * dz_map.channels, dz_map);
    let cells = Cells::new(g);
    let mean = &input.statistics.mean[..];
    let sums = channel_sums(pool, n, channels, |image, sums| {
        for y in 0..to.height {
            let at = (image * to.height + y) * row;
            // SAFETY: each task has its own map.
            let g = unsafe { cells.slice_mut(at, row) };
            if let Some((output, map)) = output {
                let out = &output[map.at(image, y, 0)..][..row];
                dispatch!(isa => mask(out: &[f32], g: &mut [f32]));
            }
            let (z, g) = (&input.z[at..][..row], &*g);
            dispatch!(isa => products(z: &[f32], g: &[f32], mean: &[f32], sums: &mut [f64]));
        }
    });
    let (gradient, lines) = lines(input, &sums[..channels], &sums[channels..]);
    let (lines, dz) = ([&lines[0][..], &lines[1][..], &lines[2][..]], Cells::new(dz));
    pool.run(n, |image| {
        for y in 0..to.height {
            let at = (image * to.height + y) * row;
            // SAFETY: each task has its own map in both; `g` is only read now.
            let (g, dz) = unsafe { (cells.slice(at, row), dz.slice_mut(to.at(image, y, 0), row)) };
            let (z, lines) = (&input.z[at..][..row], &lines);
            dispatch!(isa => combine(lines: &[&[f32]; 3], z: &[f32], g: &[f32], dz: &mut [f32]));
        }
    });
    gradient
}

#[inline(always)]
unsafe fn mask<V: Simd, const COLUMNS: usize, const ROWS: usize>(out: &[f32], g: &mut [f32]) {
    for (g, out) in g.iter_mut().zip(out) {
        *g = if *out > 0.0 { *g } else { 0.0 };
    }
}

#[inline(always)]
unsafe fn products<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    z: &[f32],
    g: &[f32],
    mean: &[f32],
    sums: &mut [f64],
) {
    let channels = mean.len();
    for c in (0..channels).step_by(LANES) {
        let (mut first, mut second) = ([0.0_f32; LANES], [0.0_f32; LANES]);
        let width = LANES.min(channels - c);
        if width == LANES {
            let mut zero = [0.0_f32; LANES];
            zero.copy_from_slice(&mean[c..c + LANES]);
            for (z, g) in z.chunks_exact(channels).zip(g.chunks_exact(channels)) {
                let (z, g) = (&z[c..c + LANES], &g[c..c + LANES]);
                for j in 0..LANES {
                    first[j] += g[j];
                    second[j] += g[j] * (z[j] - zero[j]);
                }
            }
        } else {
            for (z, g) in z.chunks_exact(channels).zip(g.chunks_exact(channels)) {
                for j in 0..width {
                    first[j] += g[c + j];
                    second[j] += g[c + j] * (z[c + j] - mean[c + j]);
                }
            }
        }
        for j in 0..width {
            sums[c + j] += f64::from(first[j]);
            sums[channels + c + j] += f64::from(second[j]);
        }
    }
}

#[inline(always)]
unsafe fn combine<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    lines: &[&[f32]; 3],
    z: &[f32],
    g: &[f32],
    dz: &mut [f32],
) {
    let channels = lines[0].len();
    let [a, e, f] = lines.map(|l| &l[..channels]);
    let pixels = dz.chunks_exact_mut(channels).zip(z.chunks_exact(channels)).zip(g.chunks_exact(channels));
    for ((dz, z), g) in pixels {
        for c in 0..channels {
            dz[c] = a[c] * g[c] + (e[c] * z[c] + f[c]);
        }
    }
}
