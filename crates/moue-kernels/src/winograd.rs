//! 3x3 convolutions with stride 1 by Winograd's F(4x4, 3x3): 36 products for 16 outputs in place of 144.
//!
//! Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), with their matrices: tiles of 6x6
//! pixels are transformed (`B^T d B`), multiplied with the transformed weights (`G g G^T`, done once), summed over the
//! channels - 36 independent matrix products, on the same kernel as everything else - and transformed
//! back to 4x4 outputs (`A^T m A`). As in ncnn and NNPACK a transform works on whole vectors of
//! channels, which NHWC makes contiguous. Bias, residual and ReLU happen in the last transform.

use std::ops::Range;

use super::convolution::{LINE, MOST_ROWS};
use super::feature_map::share;
use super::scratch::Scratch;
use super::simd::dispatch;
use super::transform::{
    Finish, G, PRODUCTS, Pixel, SIDE, STEP, WIDEST, input_body, output_body, weights_body,
};
use super::{AlignedVec, Cells, FeatureMap, Isa, Pool, Start, Tile};

/// Floats of transformed weights up to which a task keeps all of them in its second-level cache, and
/// takes some tiles through all three stages; above, each stage is shared out by itself, so that weights are read
/// once.
const FUSED_WEIGHTS: usize = 200_000;

/// Tiles of a block in training.
const BATCH_TILES: usize = 48;
/// Floats of transformed weights above which a block has twice as many.
const FAR_WEIGHTS: usize = 1 << 20;

/// A 3x3 convolution with stride 1 and padding 1, its weights transformed and packed.
pub struct WinogradConvolution {
    isa: Isa,
    c_in: usize,
    c_out: usize,
    /// `[36][c_out / columns][c_in][columns]`.
    weights: AlignedVec<f32>,
    /// One value an output channel, filled up with zeros to whole panels.
    bias: Vec<f32>,
    /// A pixel of zeros.
    zeros: Vec<f32>,
}

/// The maps that a convolution goes between. Input and residual have a border of one pixel.
#[derive(Clone, Copy)]
pub struct FeatureMaps<'a> {
    /// What is convolved.
    pub input: &'a [f32],
    /// Its shape.
    pub from: FeatureMap,
    /// What is added, and its shape.
    pub residual: Option<(&'a [f32], FeatureMap)>,
    /// Shape of the result.
    pub to: FeatureMap,
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
        let columns = isa.tile_columns();
        let panels = c_out.div_ceil(columns);
        let mut packed = Vec::with_capacity(panels * PRODUCTS * c_in * columns);
        for product in transformed.chunks_exact(c_out * c_in) {
            for panel in 0..panels {
                for i in 0..c_in {
                    packed.extend(
                        (panel * columns..(panel + 1) * columns)
                            .map(|o| if o < c_out { product[o * c_in + i] } else { 0.0 }),
                    );
                }
            }
        }
        let mut bias = bias;
        bias.resize(panels * columns, 0.0);
        let zeros = vec![0.0; c_in.next_multiple_of(WIDEST)];
        Self { isa, c_in, c_out, weights: packed.into(), bias, zeros }
    }

    /// Without weights yet and without bias: for training, where weights change with every step.
    pub(super) fn unweighted(isa: Isa, c_in: usize, c_out: usize) -> Self {
        let row = c_out.next_multiple_of(isa.tile_columns());
        let zeros = vec![0.0; c_in.next_multiple_of(WIDEST)];
        Self {
            isa,
            c_in,
            c_out,
            weights: AlignedVec::zeros(PRODUCTS * c_in * row),
            bias: vec![0.0; row],
            zeros,
        }
    }

    /// Takes new weights, packed as `[c_out / columns][3][3][c_in][columns]`.
    ///
    /// # Panics
    /// When there are not as many.
    pub(super) fn set_weights(&mut self, pool: &Pool, packed: &[f32]) {
        let (isa, rows) = (self.isa, self.c_in * self.isa.tile_columns());
        let panels = self.product_row() / isa.tile_columns();
        assert_eq!(packed.len(), panels * 9 * rows, "packed weights");
        let to = Cells::new(&mut self.weights);
        let step = panels * rows;
        pool.run(panels, |panel| {
            let taps = &packed[panel * 9 * rows..][..9 * rows];
            let to = to.pointer(panel * rows, (PRODUCTS - 1) * step + rows);
            // SAFETY: every tap has `rows` floats, a multiple of the vector's length, and so has `to` at each of its 36 steps;
            // each task writes its own panel.
            dispatch!(isa => weights_body(taps: &[f32], to: *mut f32, step: usize));
        });
    }

    /// Output channels.
    #[must_use]
    pub fn c_out(&self) -> usize {
        self.c_out
    }

    /// Convolves `n` maps: adds the bias, the residual where there is one, and makes negative results
    /// zero where `relu` is set.
    ///
    /// # Panics
    /// When the maps' shapes do not fit, or a slice is too short for its shape.
    #[allow(clippy::too_many_arguments)]
    pub fn run(
        &self,
        pool: &Pool,
        scratch: &Scratch,
        shared: &mut AlignedVec<f32>,
        n: usize,
        maps: FeatureMaps<'_>,
        output: &mut [f32],
        relu: bool,
    ) {
        let job = self.job(n, maps, output, relu);
        let tiles = n * job.grid.0 * job.grid.1;
        if self.weights.len() <= FUSED_WEIGHTS {
            // As many tiles as a tile of the matrix kernel has rows, where there are enough.
            let blocks = tiles.div_ceil(MOST_ROWS).max(pool.threads().min(tiles));
            self.run_blocks(pool, scratch, &job, tiles, blocks);
            return;
        }
        let (v, m) = (self.input_floats(tiles), self.product_floats(tiles));
        if shared.len() < v + m {
            shared.resize(v + m);
        }
        let (v, m) = shared.split_at_mut(v);
        let m = Cells::new(m);
        let threads = pool.threads();
        let parts = tiles.min(4 * threads);
        let cells = Cells::new(v);
        // SAFETY: each task writes the transformed pixels of its own tiles.
        pool.run(parts, |part| unsafe {
            self.transform_input(&job, share(tiles, parts, part), 0..tiles, cells);
        });
        let v = &*v;
        // SAFETY: each task writes one product of all tiles.
        pool.run(PRODUCTS, |product| unsafe { self.multiply(product, threads, tiles, v, m) });
        // SAFETY: each task writes the outputs of its own tiles, and the products are done.
        pool.run(parts, |part| unsafe {
            self.transform_output(&job, share(tiles, parts, part), 0..tiles, m);
        });
    }

    /// Convolves a batch in training: blocks of tiles go through all three stages, so that what lies between stays in
    /// the cache. With `accumulate` the result is added to what `output` holds.
    ///
    /// # Panics
    /// As [`Self::run`].
    pub(super) fn run_batch(
        &self,
        pool: &Pool,
        scratch: &Scratch,
        n: usize,
        (input, from): (&[f32], FeatureMap),
        (output, to): (&mut [f32], FeatureMap),
        accumulate: bool,
    ) {
        let mut job = self.job(n, FeatureMaps { input, from, residual: None, to }, output, false);
        job.accumulate = accumulate;
        let tiles = n * job.grid.0 * job.grid.1;
        // Fewer tiles where the weights stay in the cache; more where each block reads them from memory.
        let most = if self.weights.len() > FAR_WEIGHTS { 2 * BATCH_TILES } else { BATCH_TILES };
        let most = most.next_multiple_of(self.isa.tile_rows());
        self.run_blocks(pool, scratch, &job, tiles, tiles.div_ceil(most).max(pool.threads().min(tiles)));
    }

    /// Checks the shapes.
    fn job<'a>(&self, n: usize, maps: FeatureMaps<'a>, output: &'a mut [f32], relu: bool) -> Job<'a> {
        let FeatureMaps { from, to, input, residual } = maps;
        let same = |p: &FeatureMap, channels: usize| {
            (p.height, p.width, p.channels) == (from.height, from.width, channels)
        };
        assert!(
            from.border == 1 && from.channels == self.c_in && same(&to, self.c_out),
            "{from:?} to {to:?}"
        );
        assert!(input.len() >= n * from.len() && output.len() >= n * to.len(), "a map is too short");
        if let Some((values, shape)) = residual {
            assert!(same(&shape, self.c_out) && values.len() >= n * shape.len(), "residual {shape:?}");
        }
        Job {
            grid: (from.height.div_ceil(STEP), from.width.div_ceil(STEP)),
            maps,
            output: Cells::new(output),
            relu,
            accumulate: false,
        }
    }

    /// Takes `blocks` blocks of tiles through all three stages, one after the other.
    fn run_blocks(&self, pool: &Pool, scratch: &Scratch, job: &Job<'_>, tiles: usize, blocks: usize) {
        pool.run(blocks, |block| {
            let tiles = share(tiles, blocks, block);
            let v = self.input_floats(tiles.len());
            let mut memory = scratch.take(v + self.product_floats(tiles.len()));
            let (v, m) = memory[..].split_at_mut(v);
            let m = Cells::new(m);
            // SAFETY: the memory is this task's own, and so are the outputs of its tiles.
            unsafe {
                self.transform_input(job, tiles.clone(), tiles.clone(), Cells::new(v));
                for product in 0..PRODUCTS {
                    self.multiply(product, 1, tiles.len(), v, m);
                }
                self.transform_output(job, tiles.clone(), tiles, m);
            }
        });
    }

    /// Floats from one product's input to the next. The extra line keeps the 36 from meeting in the same
    /// set of the cache.
    fn input_step(&self, tiles: usize) -> usize {
        tiles * self.c_in + LINE
    }

    fn input_floats(&self, tiles: usize) -> usize {
        PRODUCTS * self.input_step(tiles)
    }

    /// Floats of a tile in one product's result: whole panels.
    fn product_row(&self) -> usize {
        self.bias.len()
    }

    /// Floats from one product's result to the next.
    fn product_step(&self, tiles: usize) -> usize {
        tiles * self.product_row() + LINE
    }

    fn product_floats(&self, tiles: usize) -> usize {
        PRODUCTS * self.product_step(tiles)
    }

    /// Transforms the pixels of `tiles` into their rows of `v`, `[36][all][c_in]`.
    ///
    /// # Safety
    /// No other thread touches those rows.
    unsafe fn transform_input(&self, job: &Job<'_>, tiles: Range<usize>, all: Range<usize>, v: Cells<'_>) {
        let step = self.input_step(all.len());
        for tile in tiles {
            let (image, y, x) = place(job.grid, tile);
            let sources =
                input_sources(&job.maps.from, job.maps.input, (image, y, x), &self.zeros, 0..self.c_in);
            let row = (tile - all.start) * self.c_in;
            let to = v.pointer(row, (PRODUCTS - 1) * step + self.c_in);
            let sources = &sources;
            // SAFETY: every source has `c_in` floats, and `to` room for as many at all 36 steps.
            dispatch!(self.isa => input_body(sources: &[&[f32]; PRODUCTS], to: *mut f32, step: usize));
        }
    }

    /// One of the 36 products, of all tiles: from `v` to `m`, `[36][tiles][c]`.
    ///
    /// # Safety
    /// No other thread touches this product of `m`.
    unsafe fn multiply(&self, product: usize, threads: usize, tiles: usize, v: &[f32], m: Cells<'_>) {
        let columns = self.isa.tile_columns();
        let len = self.c_in * columns;
        let (input_step, product_step) = (self.input_step(tiles), self.product_step(tiles));
        let parts = tiles.div_ceil(self.isa.tile_rows());
        let panels = self.product_row() / columns;
        for panel in 0..panels {
            // The next panel's weights come while this one is used; after the last, the thread's next product's.
            let next = if panel + 1 < panels { len } else { len * (1 + (threads - 1) * panels) };
            for part in 0..parts {
                let rows = share(tiles, parts, part);
                let (mut a_rows, mut c_rows) = ([0; MOST_ROWS], [0; MOST_ROWS]);
                for (i, row) in rows.clone().enumerate() {
                    a_rows[i] = product * input_step + row * self.c_in;
                    c_rows[i] = product * product_step + row * self.product_row() + panel * columns;
                }
                let tile = Tile {
                    a: v,
                    a_rows: &a_rows[..rows.len()],
                    a_step: 1,
                    a_segment: 0,
                    b: &self.weights[(product * panels + panel) * len..][..len],
                    b_step: columns,
                    b_segment: 0,
                    ahead: if part < 2 { next + part * LINE } else { 0 },
                    length: self.c_in,
                    segments: 1,
                    c: m,
                    c_rows: &c_rows[..rows.len()],
                    columns,
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
        let FeatureMap { height, width, .. } = job.maps.to;
        let floor = if job.relu { 0.0 } else { f32::NEG_INFINITY };
        let step = self.product_step(all.len());
        for tile in tiles {
            let (image, y, x) = place(job.grid, tile);
            let row = (tile - all.start) * self.product_row();
            let from = m.pointer(row, (PRODUCTS - 1) * step + self.product_row()).cast_const();
            let mut pixels =
                [Pixel { output: std::ptr::null_mut(), residual: std::ptr::null() }; STEP * STEP];
            for (i, pixel) in pixels.iter_mut().enumerate() {
                let (y, x) = (STEP * y + i / STEP, STEP * x + i % STEP);
                if y < height && x < width {
                    pixel.output = job.output.pointer(job.maps.to.at(image, y, x), self.c_out);
                    if job.accumulate {
                        pixel.residual = pixel.output.cast_const();
                    } else if let Some((values, shape)) = job.maps.residual {
                        pixel.residual = values[shape.at(image, y, x)..][..self.c_out].as_ptr();
                    }
                }
            }
            let finish = &Finish { pixels, bias: &self.bias, floor, channels: self.c_out };
            // SAFETY: `from` has 36 rows of whole panels, as many floats as the bias has, each pixel `c_out` floats or a
            // null pointer, and the caller promises that no other thread touches the outputs.
            dispatch!(self.isa => output_body(from: *const f32, step: usize, finish: &Finish<'_>));
        }
    }
}

/// The 6x6 pixels that the tile in column `x` and row `y` sees, their `channels`. `zeros` has as many floats at least.
pub(super) fn input_sources<'a>(
    map: &FeatureMap,
    input: &'a [f32],
    (image, y, x): (usize, usize, usize),
    zeros: &'a [f32],
    channels: Range<usize>,
) -> [&'a [f32]; PRODUCTS] {
    // Tiles may reach over the border; there the map goes on with zeros.
    std::array::from_fn(|i| {
        let (y, x) = (STEP * y + i / SIDE, STEP * x + i % SIDE);
        if y < map.height + 2 && x < map.width + 2 {
            &input[map.outer(image, y, x) + channels.start..][..channels.len()]
        } else {
            &zeros[..channels.len()]
        }
    })
}

/// A tile's map, row and column, where each map has `rows` times `columns`.
pub(super) fn place((rows, columns): (usize, usize), tile: usize) -> (usize, usize, usize) {
    (tile / (rows * columns), tile / columns % rows, tile % columns)
}

/// One convolution of one batch.
struct Job<'a> {
    /// Tiles in a column and in a row of a map.
    grid: (usize, usize),
    maps: FeatureMaps<'a>,
    output: Cells<'a>,
    relu: bool,
    /// Whether results are added to the output.
    accumulate: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::reference::{bordered, convolve, most, values};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn winograd_is_the_plain_loop(
            isa in prop::sample::select(Isa::available()), threads in 1_usize..4, n in 1_usize..3,
            height in 1..most(15), width in 1..most(15), c_in in 1..most(40), c_out in 1..most(70),
            big in prop::sample::select(vec![false, false, false, true]),
            residual: bool, relu: bool, border in 0_usize..2, seed in 0_u64..1000,
        ) {
            // Enough channels for the stages to be shared out one by one.
            let (c_in, c_out) = if big && !cfg!(miri) { (c_in + 70, c_out + 70) } else { (c_in, c_out) };
            let from = FeatureMap { height, width, channels: c_in, border: 1 };
            let to = FeatureMap { channels: c_out, border, ..from };
            let added_shape = FeatureMap { channels: c_out, border: 1, ..from };
            let x = values(n * c_in * height * width, seed);
            let weights = values(c_out * c_in * 9, seed + 1);
            let bias = values(c_out, seed + 2);
            let added = residual.then(|| values(n * added_shape.len(), seed + 3));
            let convolution = WinogradConvolution::new(isa, &weights, bias.clone(), c_in);
            let input = bordered(&x, n, &from);
            let maps = FeatureMaps {
                input: &input, from, residual: added.as_deref().map(|a| (a, added_shape)), to,
            };
            let mut got = vec![7.0; n * to.len()];
            convolution.run(
                &Pool::new(threads), &Scratch::new(threads), &mut AlignedVec::default(), n, maps, &mut got, relu,
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
