//! The transforms of Winograd's F(4x4, 3x3), forward and of the gradients, one vector of channels at a time.

use super::simd::Simd;

/// Outputs of a tile in each direction.
pub(super) const STEP: usize = 4;
/// Pixels of a tile in each direction.
pub(super) const SIDE: usize = 6;
/// Outputs of a tile.
pub(super) const OUTPUTS: usize = STEP * STEP;
/// Matrix products.
pub(super) const PRODUCTS: usize = SIDE * SIDE;

/// `G`: from three weights to six.
pub(super) const G: [[f64; 3]; SIDE] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// An output pixel's place and what is added to it; null where there is none.
#[derive(Clone, Copy)]
pub(super) struct Pixel {
    pub(super) output: *mut f32,
    pub(super) residual: *const f32,
}

/// What the last transform of a tile needs.
pub(super) struct Finish<'a> {
    pub(super) pixels: [Pixel; OUTPUTS],
    pub(super) bias: &'a [f32],
    pub(super) floor: f32,
    /// Channels that are written.
    pub(super) channels: usize,
}

/// Floats in the longest vector of any instruction set.
pub(super) const WIDEST: usize = 16;

/// `B^T d` for one column of six.
#[inline(always)]
unsafe fn forward_six<V: Simd>(d: [V; SIDE]) -> [V; SIDE] {
    // SAFETY: arithmetic only; the caller has the instruction set.
    unsafe {
        let (two, four, five) = (V::splat(2.0), V::splat(4.0), V::splat(-5.0));
        let minus_four = V::splat(-4.0);
        let even = d[2].mul_add(minus_four, d[4]);
        let odd = d[1].mul_add(minus_four, d[3]);
        let even2 = d[4].sub(d[2]);
        let odd2 = d[3].sub(d[1]).mul(two);
        [
            d[0].mul_add(four, d[2].mul_add(five, d[4])),
            even.add(odd),
            even.sub(odd),
            even2.add(odd2),
            even2.sub(odd2),
            d[1].mul_add(four, d[3].mul_add(five, d[5])),
        ]
    }
}

/// `G g` for one column of three.
#[inline(always)]
unsafe fn weights_six<V: Simd>(g: [V; 3]) -> [V; SIDE] {
    // SAFETY: arithmetic only; the caller has the instruction set.
    unsafe {
        let factor = |row: usize, column: usize| V::splat(G[row][column] as f32);
        let ends = g[0].add(g[2]);
        let outer = g[0].mul_add(factor(3, 0), g[2].mul(factor(3, 2)));
        [
            g[0].mul(factor(0, 0)),
            ends.add(g[1]).mul(factor(1, 0)),
            ends.sub(g[1]).mul(factor(2, 0)),
            g[1].mul_add(factor(3, 1), outer),
            g[1].mul_add(factor(4, 1), outer),
            g[2],
        ]
    }
}

/// `G g G^T` of weights that lie as nine equal runs, one a tap; each of the 36 results is a run at its step of `to`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "rows of a matrix that is stored by columns")]
pub(super) unsafe fn weights_body<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    taps: &[f32],
    to: *mut f32,
    step: usize,
) {
    let run = taps.len() / 9;
    let from = taps.as_ptr();
    for at in (0..run).step_by(V::LANES) {
        // SAFETY: the caller vouches for whole vectors in every run, and at every step of `to`.
        unsafe {
            let mut half = [[V::splat(0.0); SIDE]; 3];
            for (x, half) in half.iter_mut().enumerate() {
                *half = weights_six(std::array::from_fn(|y| V::load(from.add((3 * y + x) * run + at))));
            }
            for y in 0..SIDE {
                let row = weights_six::<V>(std::array::from_fn(|x| half[x][y]));
                for (x, value) in row.into_iter().enumerate() {
                    value.store(to.add((y * SIDE + x) * step + at));
                }
            }
        }
    }
}

/// `A^T m` for one column of six.
#[inline(always)]
unsafe fn back_four<V: Simd>(m: [V; SIDE]) -> [V; STEP] {
    // SAFETY: arithmetic only; the caller has the instruction set.
    unsafe {
        let (sum1, sum2) = (m[1].add(m[2]), m[3].add(m[4]));
        let (difference1, difference2) = (m[1].sub(m[2]), m[3].sub(m[4]));
        [
            m[0].add(sum1).add(sum2),
            difference2.mul_add(V::splat(2.0), difference1),
            sum2.mul_add(V::splat(4.0), sum1),
            difference2.mul_add(V::splat(8.0), difference1).add(m[5]),
        ]
    }
}

/// Takes all channels of `$count` sources through a transform of vectors to 36 runs at their steps of `to`.
macro_rules! by_vectors {
    ($vector:ident, $count:ident, $sources:ident, $to:ident, $step:ident) => {
        let channels = $sources[0].len();
        let pointers = $sources.map(<[f32]>::as_ptr);
        let whole = channels - channels % V::LANES;
        for c in (0..whole).step_by(V::LANES) {
            // SAFETY: the caller vouches for `channels` floats behind every source, and at every step of `to`.
            unsafe { $vector::<V>(&pointers, c, $to.add(c), $step) };
        }
        if whole < channels {
            // The last channels go through buffers, filled up with zeros.
            let mut from = [[0.0_f32; WIDEST]; $count];
            let mut result = [[0.0_f32; WIDEST]; PRODUCTS];
            for (from, source) in from.iter_mut().zip($sources) {
                from[..channels - whole].copy_from_slice(&source[whole..]);
            }
            let pointers = from.each_ref().map(|part| part.as_ptr());
            // SAFETY: the buffers hold a vector at every step; then as above.
            unsafe {
                $vector::<V>(&pointers, 0, result.as_mut_ptr().cast(), WIDEST);
                for (i, part) in result.iter().enumerate() {
                    let to = $to.add(i * $step + whole);
                    std::ptr::copy_nonoverlapping(part.as_ptr(), to, channels - whole);
                }
            }
        }
    };
}

/// Transforms one tile's input, a vector of channels at a time.
#[inline(always)]
pub(super) unsafe fn input_body<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    sources: &[&[f32]; PRODUCTS],
    to: *mut f32,
    step: usize,
) {
    by_vectors!(input_vector, PRODUCTS, sources, to, step);
}

/// Transforms one tile's gradient, a vector of channels at a time.
#[inline(always)]
pub(super) unsafe fn gradient_body<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    sources: &[&[f32]; OUTPUTS],
    to: *mut f32,
    step: usize,
) {
    by_vectors!(gradient_vector, OUTPUTS, sources, to, step);
}

/// `A g` for one column of four.
#[inline(always)]
unsafe fn gradient_six<V: Simd>(g: [V; STEP]) -> [V; SIDE] {
    // SAFETY: arithmetic only; the caller has the instruction set.
    unsafe {
        let (even, odd) = (g[0].add(g[2]), g[1].add(g[3]));
        let even2 = g[2].mul_add(V::splat(4.0), g[0]);
        let odd2 = g[3].mul_add(V::splat(8.0), g[1].add(g[1]));
        [g[0], even.add(odd), even.sub(odd), even2.add(odd2), even2.sub(odd2), g[3]]
    }
}

/// `A g A^T` for one vector of channels.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "rows of a matrix that is stored by columns")]
unsafe fn gradient_vector<V: Simd>(from: &[*const f32; OUTPUTS], c: usize, to: *mut f32, step: usize) {
    // SAFETY: the caller vouches for a vector behind each pointer, `c` floats on, and at every step of `to`.
    unsafe {
        let mut half = [[V::splat(0.0); SIDE]; STEP];
        for (x, half) in half.iter_mut().enumerate() {
            *half = gradient_six(std::array::from_fn(|y| V::load(from[y * STEP + x].add(c))));
        }
        for y in 0..SIDE {
            let row = gradient_six::<V>(std::array::from_fn(|x| half[x][y]));
            for (x, value) in row.into_iter().enumerate() {
                value.store(to.add((y * SIDE + x) * step));
            }
        }
    }
}

/// `G^T m` for one column of six.
#[inline(always)]
unsafe fn weights_three<V: Simd>(m: [V; SIDE]) -> [V; 3] {
    // SAFETY: arithmetic only; the caller has the instruction set.
    unsafe {
        let factor = |row: usize, column: usize| V::splat(G[row][column] as f32);
        let (sum1, sum2) = (m[1].add(m[2]), m[3].add(m[4]));
        let (difference1, difference2) = (m[2].sub(m[1]), m[3].sub(m[4]));
        [
            m[0].mul_add(factor(0, 0), sum1.mul_add(factor(1, 0), sum2.mul(factor(3, 0)))),
            difference1.mul_add(factor(2, 1), difference2.mul(factor(3, 1))),
            sum1.mul_add(factor(1, 2), sum2.mul_add(factor(3, 2), m[5])),
        ]
    }
}

/// Where the last transform of a weight gradient finds its sums and puts its results, in floats.
pub(super) struct WeightSums {
    /// Partial sums that are added first, and from one to the next.
    pub(super) groups: usize,
    pub(super) group_step: usize,
    /// From one of the 36 products to the next.
    pub(super) step: usize,
    /// From one of the nine taps to the next.
    pub(super) tap_step: usize,
    /// Columns that are written.
    pub(super) columns: usize,
}

/// `G^T m G` of a row of whole vectors, the groups' sums added in order, to the same row of nine taps.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "rows of a matrix that is stored by columns")]
pub(super) unsafe fn weight_gradient_body<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    from: *const f32,
    to: *mut f32,
    sums: &WeightSums,
) {
    for c in (0..sums.columns).step_by(V::LANES) {
        let room = sums.columns - c;
        // SAFETY: the caller vouches for whole vectors at every step of every group, and for `columns` floats at every tap.
        unsafe {
            let mut half = [[V::splat(0.0); 3]; SIDE];
            for (x, half) in half.iter_mut().enumerate() {
                *half = weights_three(std::array::from_fn(|y| {
                    let at = from.add((y * SIDE + x) * sums.step + c);
                    let mut sum = V::load(at);
                    for group in 1..sums.groups {
                        sum = sum.add(V::load(at.add(group * sums.group_step)));
                    }
                    sum
                }));
            }
            for y in 0..3 {
                let row = weights_three::<V>(std::array::from_fn(|x| half[x][y]));
                for (x, value) in row.into_iter().enumerate() {
                    let to = to.add((3 * y + x) * sums.tap_step + c);
                    if room >= V::LANES {
                        value.store(to);
                    } else {
                        let mut part = [0.0_f32; WIDEST];
                        value.store(part.as_mut_ptr());
                        std::ptr::copy_nonoverlapping(part.as_ptr(), to, room);
                    }
                }
            }
        }
    }
}

/// `B^T d B` for one vector of channels.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "rows of a matrix that is stored by columns")]
unsafe fn input_vector<V: Simd>(from: &[*const f32; PRODUCTS], c: usize, to: *mut f32, step: usize) {
    // SAFETY: the caller vouches for a vector behind each pointer, `c` floats on, and at every step of `to`.
    unsafe {
        let mut half = [[V::splat(0.0); SIDE]; SIDE];
        for (x, half) in half.iter_mut().enumerate() {
            *half = forward_six(std::array::from_fn(|y| V::load(from[y * SIDE + x].add(c))));
        }
        for y in 0..SIDE {
            let row = forward_six::<V>(std::array::from_fn(|x| half[x][y]));
            for (x, value) in row.into_iter().enumerate() {
                value.store(to.add((y * SIDE + x) * step));
            }
        }
    }
}

/// Transforms one tile's products back, a vector of channels at a time.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "rows of a matrix that is stored by columns")]
pub(super) unsafe fn output_body<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    from: *const f32,
    step: usize,
    finish: &Finish<'_>,
) {
    for c in (0..finish.channels).step_by(V::LANES) {
        let room = finish.channels - c;
        // SAFETY: the caller vouches for whole panels in `from` and the bias, and for `channels` floats behind each pointer
        // that is not null.
        unsafe {
            let mut half = [[V::splat(0.0); STEP]; SIDE];
            for (x, half) in half.iter_mut().enumerate() {
                *half = back_four(std::array::from_fn(|y| V::load(from.add((y * SIDE + x) * step + c))));
            }
            let bias = V::load(finish.bias.as_ptr().add(c));
            let floor = V::splat(finish.floor);
            for y in 0..STEP {
                let row = back_four::<V>(std::array::from_fn(|x| half[x][y]));
                for (x, value) in row.into_iter().enumerate() {
                    let pixel = &finish.pixels[y * STEP + x];
                    if pixel.output.is_null() {
                        continue;
                    }
                    if room >= V::LANES {
                        let mut value = value.add(bias);
                        if !pixel.residual.is_null() {
                            value = value.add(V::load(pixel.residual.add(c)));
                        }
                        floor.max(value).store(pixel.output.add(c));
                    } else {
                        let mut part = [0.0_f32; WIDEST];
                        if !pixel.residual.is_null() {
                            std::ptr::copy_nonoverlapping(pixel.residual.add(c), part.as_mut_ptr(), room);
                        }
                        let value = value.add(bias).add(V::load(part.as_ptr()));
                        floor.max(value).store(part.as_mut_ptr());
                        std::ptr::copy_nonoverlapping(part.as_ptr(), pixel.output.add(c), room);
                    }
                }
            }
        }
    }
}
