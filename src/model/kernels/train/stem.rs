//! Behind the first convolution: batch-norm, ReLU and the 3x3 max-pool with stride 2 and padding 1 in one step.
//!
//! The normalised picture, the largest of the network, is never written: the pool keeps which of the nine
//! pixels was the greatest, and the way back needs no more.

use super::super::simd::{Simd, dispatch};
use super::super::{Cells, Isa, Picture, Pool};
use super::norm::{NormGradient, NormInput, lines};
use parking_lot::Mutex;

/// The index that stands for "not positive": nothing goes back.
const NONE: u8 = 9;

/// `output = max-pool(relu(norm(z)))`; `z` is `[n, z_height, z_width, channels]`, `index` gets which of the nine
/// pixels was taken, the first among equals.
///
/// # Panics
/// When sizes do not fit together.
#[allow(clippy::too_many_arguments)]
pub fn pool_forward(
    pool: &Pool,
    isa: Isa,
    input: &NormInput<'_>,
    n: usize,
    (z_height, z_width): (usize, usize),
    to: &Picture,
    output: &mut [f32],
    index: &mut [u8],
) {
    let channels = to.channels;
    assert_eq!((to.height, to.width), (z_height.div_ceil(2), z_width.div_ceil(2)), "the pool's output");
    let (scale, shift) = input.statistics.line(input.gamma, input.beta);
    let line = (&scale[..], &shift[..]);
    let (row, z_row) = (to.width * channels, z_width * channels);
    let output = Cells::new(output);
    let index: Vec<Mutex<&mut [u8]>> = index.chunks_exact_mut(to.height * row).map(Mutex::new).collect();
    assert!(index.len() >= n, "the index is too short");
    pool.run(n, |image| {
        let mut index = index[image].lock();
        let map = &input.z[image * z_height * z_row..][..z_height * z_row];
        for (y, index) in index.chunks_exact_mut(row).enumerate() {
            // SAFETY: each task has its own map.
            let out = unsafe { output.slice_mut(to.at(image, y, 0), row) };
            for (x, (out, index)) in
                out.chunks_exact_mut(channels).zip(index.chunks_exact_mut(channels)).enumerate()
            {
                out.fill(0.0);
                index.fill(NONE);
                for ky in 0..3 {
                    for kx in 0..3 {
                        let (Some(sy), Some(sx)) = ((2 * y + ky).checked_sub(1), (2 * x + kx).checked_sub(1)) else {
                            continue;
                        };
                        if sy < z_height && sx < z_width {
                            let z = &map[sy * z_row + sx * channels..][..channels];
                            let tap = (ky * 3 + kx) as u8;
                            dispatch!(isa => greater(z: &[f32], line: (&[f32], &[f32]), tap: u8, out: &mut [f32], index: &mut [u8]));
                        }
                    }
                }
            }
        }
    });
}

#[inline(always)]
unsafe fn greater<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    z: &[f32],
    (scale, shift): (&[f32], &[f32]),
    tap: u8,
    out: &mut [f32],
    index: &mut [u8],
) {
    let channels = z.len();
    let (scale, shift) = (&scale[..channels], &shift[..channels]);
    let (out, index) = (&mut out[..channels], &mut index[..channels]);
    for c in 0..channels {
        let v = z[c] * scale[c] + shift[c];
        let more = v > out[c];
        out[c] = if more { v } else { out[c] };
        index[c] = if more { tap } else { index[c] };
    }
}

/// The gradient of `z` from that of the pool's output (`g`, no border), written to `dz`, which is shaped as `z`.
///
/// # Panics
/// When sizes do not fit together.
#[allow(clippy::too_many_arguments)]
pub fn pool_backward(
    pool: &Pool,
    isa: Isa,
    input: &NormInput<'_>,
    n: usize,
    (z_height, z_width): (usize, usize),
    to: &Picture,
    index: &[u8],
    g: &[f32],
    dz: &mut [f32],
) -> NormGradient {
    let (channels, row, z_row) = (to.channels, to.width * to.channels, z_width * to.channels);
    let dz = Cells::new(dz);
    let sums: Vec<Mutex<Vec<f64>>> = (0..n).map(|_| Mutex::new(vec![0.0; 2 * channels])).collect();
    let mean = &input.statistics.mean[..];
    // First the pool's gradient alone, where it belongs, and the sums.
    pool.run(n, |image| {
        let mut sums = sums[image].lock();
        // SAFETY: each task has its own map.
        let dz = unsafe { dz.slice_mut(image * z_height * z_row, z_height * z_row) };
        let map = &input.z[image * z_height * z_row..][..z_height * z_row];
        dz.fill(0.0);
        let at = image * to.height * row;
        let (index, g) = (&index[at..][..to.height * row], &g[at..][..to.height * row]);
        let mut part = vec![0.0_f32; 2 * channels];
        for y in 0..to.height {
            part.fill(0.0);
            let (first, second) = part.split_at_mut(channels);
            for x in 0..to.width {
                let pixel = (y * to.width + x) * channels;
                let (index, g) = (&index[pixel..][..channels], &g[pixel..][..channels]);
                for c in 0..channels {
                    if index[c] != NONE {
                        let (ky, kx) = (usize::from(index[c] / 3), usize::from(index[c] % 3));
                        let at = (2 * y + ky - 1) * z_row + (2 * x + kx - 1) * channels + c;
                        dz[at] += g[c];
                        first[c] += g[c];
                        second[c] += g[c] * (map[at] - mean[c]);
                    }
                }
            }
            sums.iter_mut().zip(&part).for_each(|(sum, part)| *sum += f64::from(*part));
        }
    });
    let mut total = vec![0.0; 2 * channels];
    for part in &sums {
        total.iter_mut().zip(part.lock().iter()).for_each(|(sum, part)| *sum += part);
    }
    let (gradient, lines) = lines(input, &total[..channels], &total[channels..]);
    let lines = [&lines[0][..], &lines[1][..], &lines[2][..]];
    pool.run(n * z_height, |task| {
        // SAFETY: each task has its own row.
        let dz = unsafe { dz.slice_mut(task * z_row, z_row) };
        let (z, lines) = (&input.z[task * z_row..][..z_row], &lines);
        dispatch!(isa => combine_in_place(lines: &[&[f32]; 3], z: &[f32], dz: &mut [f32]));
    });
    gradient
}

#[inline(always)]
unsafe fn combine_in_place<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    lines: &[&[f32]; 3],
    z: &[f32],
    dz: &mut [f32],
) {
    let channels = lines[0].len();
    let [a, e, f] = lines.map(|l| &l[..channels]);
    for (dz, z) in dz.chunks_exact_mut(channels).zip(z.chunks_exact(channels)) {
        for c in 0..channels {
            dz[c] = a[c] * dz[c] + (e[c] * z[c] + f[c]);
        }
    }
}
