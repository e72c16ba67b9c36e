//! 3x3 convolutions with stride 1 by Winograd's F(4x4, 3x3): 36 products for 16 outputs in place of 144.
//!
//! Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), with their matrices: tiles of 6x6
//! pixels are transformed (`B^T d B`), multiplied with the transformed weights (`G g G^T`, done once), summed over the
//! channels - 36 independent matrix products, on the same kernel as everything else - and transformed
//! back to 4x4 outputs (`A^T m A`). As in ncnn and NNPACK a transform works on whole vectors of
//! channels, which NHWC makes contiguous. Bias, residual and ReLU happen in the last transform.

use std::ops::Range;

use super::convolution::{MOST_ROWS, pack_panels};
use super::picture::share;
use super::scratch::Scratch;
use super::simd::{Simd, dispatch};
use super::{Cells, Isa, Picture, Pool, Start, Tile};

/// Outputs of a tile in each direction.
const STEP: usize = 4;
/// Pixels of a tile in each direction.
const SIDE: usize = 6;
/// Matrix products.
const PRODUCTS: usize = SIDE * SIDE;
/// Floats of transformed weights up to which a task keeps all of them in its second-level cache, and
/// takes some tiles through all three stages; above, each stage is shared out by itself.
const FUSED_WEIGHTS: usize = 200_000;

/// `G`: from three weights to six.
const G: [[f64; 3]; SIDE] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// A 3x3 convolution with stride 1 and padding 1, its weights transformed and packed.
pub struct WinogradConvolution {
    isa: Isa,
    c_in: usize,
    c_out: usize,
    /// `[36][c_out / columns][c_in][columns]`.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

/// The pictures that a convolution goes between. Input and residual have a border of one pixel.
#[derive(Clone, Copy)]
pub struct Pictures<'a> {
    /// What is convolved.
    pub input: &'a [f32],
    /// Its shape.
    pub from: Picture,
    /// What is added, and its shape.
    pub residual: Option<(&'a [f32], Picture)>,
    /// Shape of the result.
    pub to: Picture,
}

impl WinogradConvolution {
    /// Transforms and packs PyTorch's `[c_out, c_in, 3, 3]` weights; `bias` is one value an output channel.
    ///
    /// # Panics
    /// When the lengths do not fit together.
    #[must_use]
    pub fn new(isa: Isa, weights: &[f32], bias: Vec<f32>, c_in: usize) -> Self {
        let c_out = bias.len();
        assert_eq!(weights.len(), c_out * c_in * 9, "weights");
        let mut transformed = vec![0.0_f32; PRODUCTS * c_out * c_in];
        for (pair, kernel) in weights.chunks_exact(9).enumerate() {
            let mut half = [[0.0; 3]; SIDE];
            for (half, g) in half.iter_mut().zip(&G) {
                for (x, half) in half.iter_mut().enumerate() {
                    *half = (0..3).map(|y| g[y] * f64::from(kernel[3 * y + x])).sum();
                }
            }
            for (y, half) in half.iter().enumerate() {
                for (x, g) in G.iter().enumerate() {
                    let value: f64 = (0..3).map(|i| half[i] * g[i]).sum();
                    transformed[(y * SIDE + x) * c_out * c_in + pair] = value as f32;
                }
            }
        }
        let packed = transformed
            .chunks_exact(c_out * c_in)
            .flat_map(|product| pack_panels(c_out, c_in, isa.tile_columns(), |o, i| product[o * c_in + i]))
            .collect();
        Self { isa, c_in, c_out, weights: packed, bias }
    }

    /// Output channels.
    #[must_use]
    pub fn c_out(&self) -> usize {
        self.c_out
    }

    /// Convolves `n` pictures: adds the bias, the residual where there is one, and makes negative results
    /// zero where `relu` is set.
    ///
    /// # Panics
    /// When the pictures' shapes do not fit, or a slice is too short for its shape.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn run(
        &self,
        pool: &Pool,
        scratch: &Scratch,
        shared: &mut Vec<f32>,
        n: usize,
        pictures: Pictures<'_>,
        output: &mut [f32],
        relu: bool,
    ) {
        let Pictures { from, to, input, residual } = pictures;
        let same = |p: &Picture, channels: usize| {
            (p.height, p.width, p.channels) == (from.height, from.width, channels)
        };
        assert!(
            from.border == 1 && from.channels == self.c_in && same(&to, self.c_out),
            "{from:?} to {to:?}"
        );
        assert!(input.len() >= n * from.len() && output.len() >= n * to.len(), "a picture is too short");
        if let Some((values, shape)) = residual {
            assert!(same(&shape, self.c_out) && values.len() >= n * shape.len(), "residual {shape:?}");
        }
        let job = Job {
            grid: (from.height.div_ceil(STEP), from.width.div_ceil(STEP)),
            pictures,
            output: Cells::new(output),
            relu,
        };
        let tiles = n * job.grid.0 * job.grid.1;
        if self.weights.len() <= FUSED_WEIGHTS {
            // As many tiles as two tiles of the matrix kernel have rows.
            let blocks = tiles.div_ceil(MOST_ROWS).max(pool.threads().min(tiles));
            pool.run(blocks, |block| {
                let tiles = share(tiles, blocks, block);
                let (v, m) = (PRODUCTS * tiles.len() * self.c_in, PRODUCTS * tiles.len() * self.c_out);
                let mut memory = scratch.take(v + m);
                let (v, m) = memory[..].split_at_mut(v);
                let (v, m) = (Cells::new(v), Cells::new(m));
                // SAFETY: the memory is this task's own, and so are the outputs of its tiles.
                unsafe {
                    self.transform_input(&job, tiles.clone(), tiles.clone(), v);
                    for product in 0..PRODUCTS {
                        self.multiply(product, 0..self.panels(), tiles.len(), v, m);
                    }
                    self.transform_output(&job, tiles.clone(), tiles, m);
                }
            });
            return;
        }
        let (v, m) = (PRODUCTS * tiles * self.c_in, PRODUCTS * tiles * self.c_out);
        if shared.len() < v + m {
            shared.resize(v + m, 0.0);
        }
        let (v, m) = shared.split_at_mut(v);
        let (v, m) = (Cells::new(v), Cells::new(m));
        let parts = tiles.min(4 * pool.threads());
        // SAFETY: each task writes the transformed pixels of its own tiles.
        pool.run(parts, |part| unsafe {
            self.transform_input(&job, share(tiles, parts, part), 0..tiles, v);
        });
        // SAFETY: each task writes one product of all tiles, and reads what the step before has written.
        pool.run(PRODUCTS, |product| unsafe { self.multiply(product, 0..self.panels(), tiles, v, m) });
        // SAFETY: each task writes the outputs of its own tiles, and reads what the step before has written.
        pool.run(parts, |part| unsafe {
            self.transform_output(&job, share(tiles, parts, part), 0..tiles, m);
        });
    }

    fn panels(&self) -> usize {
        self.c_out.div_ceil(self.isa.tile_columns())
    }

    /// Transforms the pixels of `tiles` into their rows of `v`, `[36][all][c_in]`.
    ///
    /// # Safety
    /// No other thread touches those rows.
    unsafe fn transform_input(&self, job: &Job<'_>, tiles: Range<usize>, all: Range<usize>, v: Cells<'_>) {
        let zeros = [0.0; ZEROS];
        let Picture { height, width, .. } = job.pictures.from;
        for tile in tiles {
            let (image, y, x) = job.place(tile);
            // Tiles may reach over the border; there the picture goes on with zeros.
            let sources: [Option<&[f32]>; PRODUCTS] = std::array::from_fn(|i| {
                let (y, x) = (STEP * y + i / SIDE, STEP * x + i % SIDE);
                (y < height + 2 && x < width + 2)
                    .then(|| &job.pictures.input[job.pictures.from.outer(image, y, x)..][..self.c_in])
            });
            let row = (tile - all.start) * self.c_in;
            let step = all.len() * self.c_in;
            assert!(v.len() >= (PRODUCTS - 1) * step + row + self.c_in, "v is too short");
            let (sources, zeros, to, channels) = (&sources, &zeros, v.start().wrapping_add(row), self.c_in);
            dispatch!(self.isa => input_body(
                sources: &[Option<&[f32]>; PRODUCTS], zeros: &[f32; ZEROS], channels: usize, to: *mut f32, step: usize
            ));
        }
    }

    /// Product `product` of all `tiles` with `panels` of the weights: from `v` to `m`, `[36][tiles][c]`.
    ///
    /// # Safety
    /// No other thread touches those elements of `m`, or writes that product's `v`.
    unsafe fn multiply(
        &self,
        product: usize,
        panels: Range<usize>,
        tiles: usize,
        v: Cells<'_>,
        m: Cells<'_>,
    ) {
        let columns = self.isa.tile_columns();
        let panel_len = self.c_in * columns;
        // SAFETY: the caller's promise.
        let a = unsafe { v.slice(product * tiles * self.c_in, tiles * self.c_in) };
        let parts = tiles.div_ceil(self.isa.tile_rows());
        for panel in panels {
            let first = panel * columns;
            for part in 0..parts {
                let rows = share(tiles, parts, part);
                let (mut a_rows, mut c_rows) = ([0; MOST_ROWS], [0; MOST_ROWS]);
                for (i, tile) in rows.clone().enumerate() {
                    a_rows[i] = tile * self.c_in;
                    c_rows[i] = (product * tiles + tile) * self.c_out + first;
                }
                let tile = Tile {
                    a,
                    a_rows: &a_rows[..rows.len()],
                    a_step: 1,
                    a_segment: 0,
                    b: &self.weights[(product * self.panels() + panel) * panel_len..][..panel_len],
                    b_step: columns,
                    b_segment: 0,
                    length: self.c_in,
                    segments: 1,
                    c: m,
                    c_rows: &c_rows[..rows.len()],
                    columns: columns.min(self.c_out - first),
                    start: Start::Zero,
                    residual: None,
                    relu: false,
                };
                // SAFETY: the caller's promise; `v` and `m` are different memory.
                unsafe { tile.run(self.isa) };
            }
        }
    }

    /// Transforms the products of `tiles` back, and finishes their outputs.
    ///
    /// # Safety
    /// No other thread writes those products, or touches those outputs.
    unsafe fn transform_output(&self, job: &Job<'_>, tiles: Range<usize>, all: Range<usize>, m: Cells<'_>) {
        let Picture { height, width, .. } = job.pictures.to;
        let floor = if job.relu { 0.0 } else { f32::NEG_INFINITY };
        for tile in tiles {
            let (image, y, x) = job.place(tile);
            let step = all.len() * self.c_out;
            let from = m.pointer((tile - all.start) * self.c_out, (PRODUCTS - 1) * step + self.c_out);
            let inside = |i: usize| {
                let (y, x) = (STEP * y + i / STEP, STEP * x + i % STEP);
                (y < height && x < width).then_some((y, x))
            };
            let outputs: [*mut f32; STEP * STEP] = std::array::from_fn(|i| match inside(i) {
                Some((y, x)) => job.output.pointer(job.pictures.to.at(image, y, x), self.c_out),
                None => std::ptr::null_mut(),
            });
            let added: [*const f32; STEP * STEP] =
                std::array::from_fn(|i| match (job.pictures.residual, inside(i)) {
                    (Some((values, shape)), Some((y, x))) => {
                        values[shape.at(image, y, x)..][..self.c_out].as_ptr()
                    }
                    _ => std::ptr::null(),
                });
            let finish = &Finish { outputs, added, bias: &self.bias, floor };
            dispatch!(self.isa => output_body(from: *const f32, step: usize, finish: &Finish<'_>));
        }
    }
}

/// One convolution of one batch.
struct Job<'a> {
    /// Tiles in a column and in a row of a picture.
    grid: (usize, usize),
    pictures: Pictures<'a>,
    output: Cells<'a>,
    relu: bool,
}

impl Job<'_> {
    /// A tile's picture, row and column.
    fn place(&self, tile: usize) -> (usize, usize, usize) {
        let (rows, columns) = self.grid;
        (tile / (rows * columns), tile / columns % rows, tile % columns)
    }
}

/// Where the outputs of a tile go; null where there is none.
struct Finish<'a> {
    outputs: [*mut f32; STEP * STEP],
    added: [*const f32; STEP * STEP],
    bias: &'a [f32],
    floor: f32,
}

/// The longest vector of any instruction set.
const ZEROS: usize = 16;

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

/// Transforms one tile, a vector of channels at a time. The channels of the last, shorter vector go through a buffer.
#[inline(always)]
unsafe fn input_body<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    sources: &[Option<&[f32]>; PRODUCTS],
    zeros: &[f32; ZEROS],
    channels: usize,
    to: *mut f32,
    step: usize,
) {
    let mut c = 0;
    while c < channels {
        let whole = c + V::LANES <= channels;
        // SAFETY: every source has `channels` floats, and the caller checked that `to` has room for 36 times that, `step`
        // apart.
        unsafe {
            let mut half = [[V::splat(0.0); SIDE]; SIDE];
            for x in 0..SIDE {
                let column: [V; SIDE] = std::array::from_fn(|y| match sources[y * SIDE + x] {
                    Some(pixel) if whole => V::load(pixel.as_ptr().add(c)),
                    Some(pixel) => load_part(&pixel[c..]),
                    None => V::load(zeros.as_ptr()),
                });
                half[x] = forward_six(column);
            }
            for y in 0..SIDE {
                let row = forward_six::<V>(std::array::from_fn(|x| half[x][y]));
                for (x, value) in row.into_iter().enumerate() {
                    let to = to.add((y * SIDE + x) * step + c);
                    store_part(value, to, channels - c);
                }
            }
        }
        c += V::LANES;
    }
}

/// Transforms one tile's products back, a vector of channels at a time.
#[inline(always)]
unsafe fn output_body<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    from: *const f32,
    step: usize,
    finish: &Finish<'_>,
) {
    let channels = finish.bias.len();
    let mut c = 0;
    while c < channels {
        let whole = c + V::LANES <= channels;
        // SAFETY: the caller checked 36 times `channels` floats, `step` apart, and `channels` floats behind each pointer that
        // is not null.
        unsafe {
            let load = |from: *const f32| {
                if whole { V::load(from) } else { load_part(std::slice::from_raw_parts(from, channels - c)) }
            };
            let mut half = [[V::splat(0.0); STEP]; SIDE];
            for x in 0..SIDE {
                half[x] = back_four(std::array::from_fn(|y| load(from.add((y * SIDE + x) * step + c))));
            }
            let bias = load(finish.bias.as_ptr().add(c));
            let floor = V::splat(finish.floor);
            for y in 0..STEP {
                let row = back_four::<V>(std::array::from_fn(|x| half[x][y]));
                for (x, mut value) in row.into_iter().enumerate() {
                    let to = finish.outputs[y * STEP + x];
                    if to.is_null() {
                        continue;
                    }
                    value = value.add(bias);
                    let added = finish.added[y * STEP + x];
                    if !added.is_null() {
                        value = value.add(load(added.add(c)));
                    }
                    store_part(floor.max(value), to.add(c), channels - c);
                }
            }
        }
        c += V::LANES;
    }
}

/// The first `LANES` of `from`, filled up with zeros.
#[inline(always)]
unsafe fn load_part<V: Simd>(from: &[f32]) -> V {
    let mut part = [0.0; ZEROS];
    let count = from.len().min(V::LANES);
    part[..count].copy_from_slice(&from[..count]);
    // SAFETY: the buffer holds the longest vector.
    unsafe { V::load(part.as_ptr()) }
}

/// Writes at most `room` floats of `value`.
#[inline(always)]
unsafe fn store_part<V: Simd>(value: V, to: *mut f32, room: usize) {
    // SAFETY: the caller vouches for `room` floats, or a whole vector; the buffer holds the longest vector.
    unsafe {
        if room >= V::LANES {
            value.store(to);
        } else {
            let mut part = [0.0_f32; ZEROS];
            value.store(part.as_mut_ptr());
            std::ptr::copy_nonoverlapping(part.as_ptr(), to, room);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::reference::{bordered, convolve, values};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn winograd_is_the_plain_loop(
            isa in prop::sample::select(Isa::available()), threads in 1_usize..4, n in 1_usize..3,
            height in 1_usize..15, width in 1_usize..15, c_in in 1_usize..40, c_out in 1_usize..70,
            big in prop::sample::select(vec![false, false, false, true]),
            residual: bool, relu: bool, border in 0_usize..2, seed in 0_u64..1000,
        ) {
            // Enough channels for the stages to be shared out one by one.
            let (c_in, c_out) = if big { (c_in + 70, c_out + 70) } else { (c_in, c_out) };
            let from = Picture { height, width, channels: c_in, border: 1 };
            let to = Picture { channels: c_out, border, ..from };
            let added_shape = Picture { channels: c_out, border: 1, ..from };
            let x = values(n * c_in * height * width, seed);
            let weights = values(c_out * c_in * 9, seed + 1);
            let bias = values(c_out, seed + 2);
            let added = residual.then(|| values(n * added_shape.len(), seed + 3));
            let convolution = WinogradConvolution::new(isa, &weights, bias.clone(), c_in);
            let input = bordered(&x, n, &from);
            let pictures = Pictures {
                input: &input, from, residual: added.as_deref().map(|a| (a, added_shape)), to,
            };
            let mut got = vec![7.0; n * to.len()];
            convolution.run(
                &Pool::new(threads), &Scratch::new(threads), &mut Vec::new(), n, pictures, &mut got, relu,
            );
            let plain = convolve(&x, &weights, &bias, n, (c_in, height, width), 3, 1, 1);
            for image in 0..n {
                for y in 0..height {
                    for x in 0..width {
                        for c in 0..c_out {
                            let mut want = plain[((image * c_out + c) * height + y) * width + x];
                            want += added.as_ref().map_or(0.0, |a| f64::from(a[added_shape.at(image, y, x) + c]));
                            want = if relu { want.max(0.0) } else { want };
                            let got = got[to.at(image, y, x) + c];
                            prop_assert!((f64::from(got) - want).abs() < 2e-4, "{got} for {want}");
                        }
                    }
                }
            }
            if border > 0 {
                prop_assert!(got[0] == 7.0 && got[n * to.len() - 1] == 7.0, "the border is not touched");
            }
        }
    }
}
