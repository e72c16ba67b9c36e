//! Behind the first convolution: batch-norm, ReLU and the 3x3 max-pool with stride 2 and padding 1 in one step.
//!
//! The normalised map, the largest of the network, is never written: the pool keeps which of the nine
//! pixels was the greatest, and the backward pass needs no more.

use parking_lot::Mutex;

use super::super::simd::{Simd, dispatch};
use super::super::{Cells, FeatureMap, Isa, Pool};
use super::norm::{NormGradient, NormInput, lines};

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
    to: &FeatureMap,
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
            let first = (2 * y).saturating_sub(1);
            let rows = &map[first * z_row..(2 * y + 2).min(z_height) * z_row];
            let above = first + 1 - 2 * y;
            dispatch!(isa => pool_row(rows: &[f32], z_row: usize, above: usize, line: (&[f32], &[f32]), out: &mut [f32], index: &mut [u8]));
        }
    });
}

/// The longest vector of any instruction set.
const WIDEST: usize = 16;

/// The first `count` of `from`, filled up with zeros where that is less than a vector.
#[inline(always)]
unsafe fn load<V: Simd>(from: &[f32], count: usize) -> V {
    // SAFETY: a whole vector is inside the slice, or the buffer, which holds the longest.
    unsafe {
        if count >= V::LANES {
            V::load(from[..V::LANES].as_ptr())
        } else {
            let mut part = [0.0; WIDEST];
            part[..count].copy_from_slice(&from[..count]);
            V::load(part.as_ptr())
        }
    }
}

/// Writes at most `count` floats.
#[inline(always)]
unsafe fn store<V: Simd>(value: V, to: &mut [f32], count: usize) {
    // SAFETY: as `load`.
    unsafe {
        if count >= V::LANES {
            value.store(to[..V::LANES].as_mut_ptr());
        } else {
            let mut part = [0.0; WIDEST];
            value.store(part.as_mut_ptr());
            to[..count].copy_from_slice(&part[..count]);
        }
    }
}

/// One row of the pool's output; `rows` are the two or three rows of the map that it sees, the first of which is
/// number `above` of the window.
#[inline(always)]
unsafe fn pool_row<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    rows: &[f32],
    z_row: usize,
    above: usize,
    (scale, shift): (&[f32], &[f32]),
    out: &mut [f32],
    index: &mut [u8],
) {
    let channels = scale.len();
    for c in (0..channels).step_by(V::LANES) {
        let count = V::LANES.min(channels - c);
        // SAFETY: slices are checked; the caller has the instruction set.
        unsafe {
            let (a, b): (V, V) = (load(&scale[c..], count), load(&shift[c..], count));
            for (x, (out, index)) in
                out.chunks_exact_mut(channels).zip(index.chunks_exact_mut(channels)).enumerate()
            {
                let (mut best, mut taken) = (V::splat(0.0), V::splat(f32::from(NONE)));
                for (ky, row) in rows.chunks_exact(z_row).enumerate() {
                    for kx in usize::from(x == 0)..3 {
                        let at = (2 * x + kx - 1) * channels + c;
                        if at >= z_row {
                            break;
                        }
                        // Rounded twice, as `norm_forward` does: then every instruction set keeps and drops the same values.
                        let v = load::<V>(&row[at..], count).mul(a).add(b);
                        taken = v.if_greater(best, V::splat((3 * (ky + above) + kx) as f32), taken);
                        best = v.if_greater(best, v, best);
                    }
                }
                store(best, &mut out[c..], count);
                let mut taps = [0.0_f32; WIDEST];
                taken.store(taps.as_mut_ptr());
                for (index, tap) in index[c..c + count].iter_mut().zip(taps) {
                    // SAFETY: it is a whole number from 0 to 9.
                    *index = tap.to_int_unchecked::<i32>() as u8;
                }
            }
        }
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
    to: &FeatureMap,
    index: &[u8],
    g: &[f32],
    dz: &mut [f32],
) -> NormGradient {
    let (channels, row, z_row) = (to.channels, to.width * to.channels, z_width * to.channels);
    let dz = Cells::new(dz);
    let sums: Vec<Mutex<Vec<f64>>> = (0..n).map(|_| Mutex::new(vec![0.0; 2 * channels])).collect();
    let mean = &input.statistics.mean[..];
    // First the sums, then the gradient, each over the rows of the maps. What comes back through the pool is
    // gathered both times: that is cheaper than writing and reading it.
    pool.run(n, |image| {
        let mut sums = sums[image].lock();
        let map = &input.z[image * z_height * z_row..][..z_height * z_row];
        let at = image * to.height * row;
        let (index, g) = (&index[at..][..to.height * row], &g[at..][..to.height * row]);
        let mut part = vec![0.0_f32; 2 * channels];
        for (y, z) in map.chunks_exact(z_row).enumerate() {
            part.fill(0.0);
            let seen = Seen { index, g, row, y };
            let (seen, part) = (&seen, &mut part[..]);
            dispatch!(isa => sum_row(seen: &Seen<'_>, z: &[f32], mean: &[f32], part: &mut [f32]));
            sums.iter_mut().zip(&*part).for_each(|(sum, part)| *sum += f64::from(*part));
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
        let at = task / z_height * to.height * row;
        let (index, g) = (&index[at..][..to.height * row], &g[at..][..to.height * row]);
        let seen = Seen { index, g, row, y: task % z_height };
        let (seen, z, lines) = (&seen, &input.z[task * z_row..][..z_row], &lines);
        dispatch!(isa => gradient_row(lines: &[&[f32]; 3], seen: &Seen<'_>, z: &[f32], dz: &mut [f32]));
    });
    gradient
}

/// What one row of the normalised map gets back through the pool.
struct Seen<'a> {
    /// Of the whole map.
    index: &'a [u8],
    /// Of the whole map.
    g: &'a [f32],
    /// Length of one of the pool's rows.
    row: usize,
    /// The row.
    y: usize,
}

impl Seen<'_> {
    /// The gradient of `count` channels from `c` on of pixel `x`: the sum over the windows that took it.
    #[inline(always)]
    unsafe fn gather<V: Simd>(&self, x: usize, c: usize, channels: usize, count: usize) -> V {
        // SAFETY: slices are checked; the caller has the instruction set.
        unsafe {
            let (zero, mut sum) = (V::splat(0.0), V::splat(0.0));
            // Row y is number ky of window (y + 1 - ky) / 2: an even row is in the middle of one, an odd row at
            // the end of one and the beginning of the next.
            for ky in (1 - self.y % 2..3).step_by(2) {
                let from = (self.y + 1 - ky) / 2 * self.row;
                if from >= self.g.len() {
                    continue;
                }
                for kx in (1 - x % 2..3).step_by(2) {
                    let at = (x + 1 - kx) / 2 * channels + c;
                    if at >= self.row {
                        continue;
                    }
                    let at = from + at;
                    let mut taps = [0.0_f32; WIDEST];
                    if count == V::LANES {
                        for (tap, index) in taps[..V::LANES].iter_mut().zip(&self.index[at..at + V::LANES]) {
                            *tap = f32::from(*index);
                        }
                    } else {
                        for (tap, index) in taps[..count].iter_mut().zip(&self.index[at..at + count]) {
                            *tap = f32::from(*index);
                        }
                    }
                    let (taken, tap) = (V::load(taps.as_ptr()), V::splat((3 * ky + kx) as f32));
                    let g = load::<V>(&self.g[at..], count);
                    sum = sum.add(taken.if_greater(tap, zero, tap.if_greater(taken, zero, g)));
                }
            }
            sum
        }
    }
}

#[inline(always)]
unsafe fn sum_row<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    seen: &Seen<'_>,
    z: &[f32],
    mean: &[f32],
    part: &mut [f32],
) {
    let channels = mean.len();
    let (first, second) = part.split_at_mut(channels);
    for c in (0..channels).step_by(V::LANES) {
        let count = V::LANES.min(channels - c);
        // SAFETY: slices are checked; the caller has the instruction set.
        unsafe {
            let zero = load::<V>(&mean[c..], count);
            let (mut sums, mut products) = (V::splat(0.0), V::splat(0.0));
            for (x, z) in z.chunks_exact(channels).enumerate() {
                let g = seen.gather::<V>(x, c, channels, count);
                sums = sums.add(g);
                products = load::<V>(&z[c..], count).sub(zero).mul_add(g, products);
            }
            store(sums, &mut first[c..], count);
            store(products, &mut second[c..], count);
        }
    }
}

#[inline(always)]
unsafe fn gradient_row<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    lines: &[&[f32]; 3],
    seen: &Seen<'_>,
    z: &[f32],
    dz: &mut [f32],
) {
    let channels = lines[0].len();
    for c in (0..channels).step_by(V::LANES) {
        let count = V::LANES.min(channels - c);
        // SAFETY: slices are checked; the caller has the instruction set.
        unsafe {
            let [a, e, f] = lines.map(|line| load::<V>(&line[c..], count));
            for (x, (z, dz)) in z.chunks_exact(channels).zip(dz.chunks_exact_mut(channels)).enumerate() {
                let g = seen.gather::<V>(x, c, channels, count);
                let line = load::<V>(&z[c..], count).mul_add(e, f);
                store(g.mul_add(a, line), &mut dz[c..], count);
            }
        }
    }
}
