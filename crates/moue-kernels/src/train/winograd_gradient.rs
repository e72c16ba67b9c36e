//! The gradient of a 3x3 convolution's weights by Winograd's transforms: the algorithm of
//! [`WinogradConvolution`](super::super::WinogradConvolution) differentiated by its weights (Lavin and Gray 2015; the
//! derivative follows from `Y = A^T [(G g G^T) * (B^T d B)] A`).
//!
//! Tiles of the input and of the output's gradient are transformed to 36 numbers each, multiplied and summed over all tiles - 36
//! matrix products, 2.25 multiplications a pixel and pair of channels where the plain sum has 9 - and only the sums are
//! transformed back, `G^T m G`. A task has some channels of the input, so that its sums stay in the second-level
//! cache, and a group of tiles; the groups' sums are added in order. Both divisions depend on the shape only, so that
//! results do not depend on the number of threads.

use super::super::convolution::{LINE, MOST_ROWS};
use super::super::feature_map::share;
use super::super::scratch::Scratch;
use super::super::simd::dispatch;
use super::super::transform::{
    OUTPUTS, PRODUCTS, STEP, WIDEST, WeightSums, gradient_body, input_body, weight_gradient_body,
};
use super::super::winograd::{input_sources, place};
use super::super::{AlignedVec, Cells, FeatureMap, Isa, Pool};
use super::ConvolutionShape;
use super::sum_tile::SumTile;

/// Tiles that are transformed and multiplied at once.
const BLOCK_TILES: usize = 96;
/// Input channels of a task.
const PART_CHANNELS: usize = 32;
/// Tasks, at least, where the sums are not too large for it.
const FEWEST_TASKS: usize = 16;
/// 0, 1, 2 ..
const COUNTING: [usize; MOST_ROWS] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];

/// The sums, and how they are divided.
pub(super) struct WinogradGradient {
    isa: Isa,
    c_in: usize,
    c_out: usize,
    parts: usize,
    groups: usize,
    /// `[groups][parts][36][rows of tiles][panels][rows][columns]`: in the order in which tiles add to it.
    sums: AlignedVec<f32>,
    /// A pixel of zeros.
    zeros: Vec<f32>,
}

impl WinogradGradient {
    pub(super) fn new(isa: Isa, shape: &ConvolutionShape) -> Self {
        let (c_in, c_out) = (shape.input.channels, shape.output.channels);
        let parts = c_in.div_ceil(PART_CHANNELS);
        let groups = FEWEST_TASKS.div_ceil(parts).min(shape.n);
        let zeros = vec![0.0; c_in.max(c_out).next_multiple_of(WIDEST)];
        Self { isa, c_in, c_out, parts, groups, sums: AlignedVec::default(), zeros }
    }

    /// Output channels, filled up to whole panels.
    fn padded(&self) -> usize {
        self.c_out.next_multiple_of(self.isa.tile_columns())
    }

    /// Floats of one group's sums.
    fn group_len(&self) -> usize {
        PRODUCTS * self.c_in * self.padded()
    }

    /// `to[ky][kx][i][o] = sum over pixels of input * gradient`, where both maps have a border of one pixel.
    ///
    /// # Panics
    /// When a buffer is too short.
    pub(super) fn run(
        &mut self,
        pool: &Pool,
        scratch: &Scratch,
        shape: &ConvolutionShape,
        input: &[f32],
        gradient: &[f32],
        to: &mut [f32],
    ) {
        assert_eq!(to.len(), 9 * self.c_in * self.c_out, "weights");
        let FeatureMap { height, width, .. } = shape.gradient;
        let grid = (height.div_ceil(STEP), width.div_ceil(STEP));
        let tiles = shape.n * grid.0 * grid.1;
        let mut sums = std::mem::take(&mut self.sums);
        sums.resize(self.groups * self.group_len());
        let cells = Cells::new(&mut sums);
        pool.run(self.groups * self.parts, |task| {
            let (group, part) = (task / self.parts, task % self.parts);
            let channels = share(self.c_in, self.parts, part);
            let base = group * self.group_len() + PRODUCTS * channels.start * self.padded();
            let own = PRODUCTS * channels.len() * self.padded();
            // SAFETY: each task has its own part of its own group's sums.
            unsafe { cells.slice_mut(base, own) }.fill(0.0);
            let group = share(tiles, self.groups, group);
            let blocks = group.len().div_ceil(BLOCK_TILES);
            // The extra lines keep equal places of the rows from meeting in the same set of the cache.
            let (v_row, u_row) = (channels.len() + LINE, self.padded() + LINE);
            let most = group.len().div_ceil(blocks.max(1));
            let (v_step, u_step) = (most * v_row + LINE, most * u_row + LINE);
            let mut memory = scratch.take(PRODUCTS * (v_step + u_step));
            let (v, u) = memory[..].split_at_mut(PRODUCTS * v_step);
            for block in 0..blocks {
                let block = share(group.len(), blocks, block);
                let count = block.len();
                let (v_cells, u_cells) = (Cells::new(v), Cells::new(u));
                for (row, tile) in block.enumerate() {
                    let at = place(grid, group.start + tile);
                    let from = &input_sources(&shape.input, input, at, &self.zeros, channels.clone());
                    let room = (PRODUCTS - 1) * v_step + channels.len();
                    let to = v_cells.pointer(row * v_row, room);
                    // SAFETY: every source has the part's channels, and `to` room for as many at all 36 steps; the memory is this
                    // task's own.
                    dispatch!(self.isa => input_body(from: &[&[f32]; PRODUCTS], to: *mut f32, v_step: usize));
                    let from = &self.gradient_sources(&shape.gradient, gradient, at);
                    let to = u_cells.pointer(row * u_row, (PRODUCTS - 1) * u_step + self.c_out);
                    // SAFETY: as above, with the output's channels.
                    dispatch!(self.isa => gradient_body(from: &[&[f32]; OUTPUTS], to: *mut f32, u_step: usize));
                }
                for product in 0..PRODUCTS {
                    let v = &v[product * v_step..][..count * v_row];
                    let u = &u[product * u_step..][..count * u_row];
                    let base = base + product * channels.len() * self.padded();
                    self.add_product(count, (v, v_row), (u, u_row), channels.len(), cells, base);
                }
            }
        });
        self.transform_back(pool, &sums, to);
        self.sums = sums;
    }

    /// The 4x4 pixels of the gradient under a tile; zeros where the map has ended.
    fn gradient_sources<'a>(
        &'a self,
        map: &FeatureMap,
        gradient: &'a [f32],
        (image, y, x): (usize, usize, usize),
    ) -> [&'a [f32]; OUTPUTS] {
        std::array::from_fn(|i| {
            let (y, x) = (STEP * y + i / STEP, STEP * x + i % STEP);
            if y < map.height && x < map.width {
                &gradient[map.at(image, y, x)..][..self.c_out]
            } else {
                &self.zeros[..self.c_out]
            }
        })
    }

    /// Adds one of the 36 products of a block to its sums, which begin at `base`.
    fn add_product(
        &self,
        count: usize,
        (v, v_row): (&[f32], usize),
        (u, u_row): (&[f32], usize),
        channels: usize,
        sums: Cells<'_>,
        base: usize,
    ) {
        let (columns, padded) = (self.isa.tile_columns(), self.padded());
        let tiles = channels.div_ceil(self.isa.tile_rows());
        for tile in 0..tiles {
            let rows = share(channels, tiles, tile);
            for panel in 0..padded / columns {
                let first = base + rows.start * padded + panel * rows.len() * columns;
                let mut c_rows = [0; MOST_ROWS];
                for (i, to) in c_rows.iter_mut().enumerate() {
                    *to = first + i * columns;
                }
                let tile = SumTile {
                    a: &v[rows.start..],
                    a_rows: &COUNTING[..rows.len()],
                    a_step: v_row,
                    b: u,
                    b_first: panel * columns,
                    b_step: u_row,
                    runs: &[(0, 0)],
                    length: count,
                    c: sums,
                    c_rows: &c_rows[..rows.len()],
                    columns,
                };
                // SAFETY: a task adds to its own part of its own group's sums; `v` and `u` are its own memory.
                unsafe { tile.run(self.isa) };
            }
        }
    }

    /// Adds the groups' sums, and transforms them to the gradient of the weights.
    fn transform_back(&self, pool: &Pool, sums: &[f32], to: &mut [f32]) {
        let (columns, padded) = (self.isa.tile_columns(), self.padded());
        let to = Cells::new(to);
        pool.run(self.parts, |part| {
            let channels = share(self.c_in, self.parts, part);
            let tiles = channels.len().div_ceil(self.isa.tile_rows());
            for tile in 0..tiles {
                let rows = share(channels.len(), tiles, tile);
                for panel in 0..padded / columns {
                    for (i, row) in rows.clone().enumerate() {
                        let written = columns.min(self.c_out - panel * columns);
                        let place = WeightSums {
                            groups: self.groups,
                            group_step: self.group_len(),
                            step: channels.len() * padded,
                            tap_step: self.c_in * self.c_out,
                            columns: written,
                        };
                        let first = PRODUCTS * channels.start * padded + rows.start * padded;
                        let first = first + (panel * rows.len() + i) * columns;
                        let last = (place.groups - 1) * place.group_step + (PRODUCTS - 1) * place.step;
                        let from = sums[first..][..last + columns].as_ptr();
                        let at = (channels.start + row) * self.c_out + panel * columns;
                        let to = to.pointer(at, 8 * place.tap_step + written);
                        let place = &place;
                        // SAFETY: `from` has whole panels at every step of every group, `to` `written` floats at every tap, and each
                        // task writes the rows of its own channels.
                        dispatch!(self.isa => weight_gradient_body(from: *const f32, to: *mut f32, place: &WeightSums));
                    }
                }
            }
        });
    }
}
