//! Convolutions forward and backward to their input, as products over lists of pixels.

use parking_lot::Mutex;

use super::super::convolution::{MOST_ROWS, PixelRows};
use super::super::feature_map::share;
use super::super::scratch::Scratch;
use super::super::transform::{PRODUCTS, STEP};
use super::super::winograd::WinogradConvolution;
use super::super::{AlignedVec, Cells, FeatureMap, Isa, Pool, Start, Tile};
use super::amx::{AmxConvolution, Taps};
use super::bf16::{self, Bf16, Interleave, PairTile};
use super::weight_gradient::weight_gradient;
use super::winograd_gradient::WinogradGradient;

/// How far ahead of its use the right factor is asked for, in steps: it streams from a farther cache.
pub(super) const STEPS_AHEAD: usize = 12;

/// Pixels that a task takes through one panel of weights: their input stays in the second-level cache.
const TASK_PIXELS: usize = 392;

/// What a convolution goes between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvolutionShape {
    /// Maps in the batch.
    pub n: usize,
    /// The input; its border is at least the padding.
    pub input: FeatureMap,
    /// The output; any border.
    pub output: FeatureMap,
    /// The output's gradient; a border of one pixel where the kernel is 3x3.
    pub gradient: FeatureMap,
    /// Side of the kernel: 1, 3, or 7 (forward and weights only).
    pub kernel: usize,
    /// 1 or 2.
    pub stride: usize,
}

impl ConvolutionShape {
    /// Zeros that the kernel sees around the map.
    #[must_use]
    pub fn padding(&self) -> usize {
        self.kernel / 2
    }

    /// Floats of the weights.
    #[must_use]
    pub fn weights(&self) -> usize {
        self.kernel * self.kernel * self.input.channels * self.output.channels
    }
}

/// Weights of one phase of the backward convolution, and its pixels.
struct Phase {
    /// Kernel rows and columns, in the order in which the gradient's pixels are seen.
    taps_y: Vec<usize>,
    taps_x: Vec<usize>,
    /// Shape of the input's gradient.
    to: FeatureMap,
    rows: PixelRows,
    packed: AlignedVec<f32>,
}

/// One convolution without bias, its tables for one batch size, and room for its packed weights.
pub struct TrainConvolution {
    isa: Isa,
    /// Where products are of bf16 numbers.
    bf16: Option<Bf16>,
    /// Weights in pairs, where they are.
    pairs: AlignedVec<u16>,
    shape: ConvolutionShape,
    forward_rows: PixelRows,
    forward_packed: AlignedVec<f32>,
    phases: Vec<Phase>,
    dense: AlignedVec<f32>,
    /// Where that is faster.
    winograd: Option<Winograd>,
    /// Where the CPU has it, for products of bf16 numbers.
    amx: Option<AmxConvolution>,
}

/// A convolution, and its backward pass to the input, which is a convolution too: of the gradient, with the kernel turned
/// by 180 degrees.
struct Winograd {
    /// None where the plain sum's smaller rounding is wanted.
    forward: Option<WinogradConvolution>,
    backward: WinogradConvolution,
    weights: WinogradGradient,
    scratch: Scratch,
}

/// Smallest map, in rows, that goes forward by Winograd's transforms. Their rounding turns
/// values next to zero to the other side of a ReLU; on the small maps of small images that shows in the
/// gradients (of PyTorch's golden values by 7e-4, where 1e-4 is allowed). The ways back have no such edge.
const FORWARD_ROWS: usize = 17;

/// How Winograd's transforms are used.
pub(super) struct Form {
    /// On the way forward too.
    pub(super) forward: bool,
}

/// Whether Winograd's form is this convolution's.
fn winograd_fits(shape: &ConvolutionShape) -> bool {
    (shape.kernel, shape.stride, shape.input.border) == (3, 1, 1)
}

/// Whether Winograd's 4x4 tiles need less work: products, 1.4 times those to make up for the transforms, and
/// for the weights, which are transformed in every step, as much as 64 tiles. (Found by trying with AVX2 on an AMD EPYC.)
fn winograd_pays(shape: &ConvolutionShape) -> bool {
    let (height, width) = (shape.output.height, shape.output.width);
    let tiles = shape.n * height.div_ceil(STEP) * width.div_ceil(STEP);
    let work = PRODUCTS * (7 * tiles / 5 + 64);
    work < 9 * shape.n * height * width
}

impl TrainConvolution {
    /// Makes the tables. `input_gradient` is the shape of the input's gradient (the input's size, any border) where that
    /// is wanted. With `bf16`, which goes with [`Isa::Avx512`] only, both factors of every product are rounded, but
    /// where Winograd's form leaves so few products of large maps that they take less time in f32. By AMX all are.
    ///
    /// # Panics
    /// When shapes do not fit together.
    #[must_use]
    pub fn new(
        isa: Isa,
        bf16: Option<Bf16>,
        shape: ConvolutionShape,
        input_gradient: Option<FeatureMap>,
    ) -> Self {
        let forward = shape.output.height >= FORWARD_ROWS;
        let amx = bf16.as_ref().is_some_and(Bf16::has_amx);
        let fits = winograd_fits(&shape) && (forward || bf16.is_none()) && !amx;
        let winograd = (fits && winograd_pays(&shape)).then_some(Form { forward });
        let bf16 = bf16.filter(|_| winograd.is_none());
        Self::with_form(isa, bf16, shape, input_gradient, winograd)
    }

    /// As [`Self::new`]; `winograd` asks for that form where it is possible.
    pub(super) fn with_form(
        isa: Isa,
        bf16: Option<Bf16>,
        shape: ConvolutionShape,
        input_gradient: Option<FeatureMap>,
        winograd: Option<Form>,
    ) -> Self {
        assert!(bf16.is_none() || isa == Isa::Avx512, "bf16 by {isa}");
        let padding = shape.padding();
        let fits = |side: usize| (side + 2 * padding - shape.kernel) / shape.stride + 1;
        assert_eq!(
            (shape.output.height, shape.output.width),
            (fits(shape.input.height), fits(shape.input.width)),
            "the output's size"
        );
        assert!(matches!(shape.stride, 1 | 2), "a stride of {}", shape.stride);
        let forward_rows = PixelRows::new(shape.n, &shape.input, &shape.output, None, padding, shape.stride);
        let phases = input_gradient.map(|to| phases(&shape, &to)).unwrap_or_default();
        let (c_in, c_out) = (shape.input.channels, shape.output.channels);
        let winograd =
            winograd.filter(|_| bf16.is_none() && winograd_fits(&shape)).map(|Form { forward }| Winograd {
                forward: forward.then(|| WinogradConvolution::unweighted(isa, c_in, c_out)),
                backward: WinogradConvolution::unweighted(isa, c_out, c_in),
                weights: WinogradGradient::new(isa, &shape),
                scratch: Scratch::new(1),
            });
        let amx = bf16.as_ref().and_then(|bf16| bf16.amx.clone()).map(AmxConvolution::new);
        Self {
            isa,
            bf16,
            amx,
            winograd,
            pairs: AlignedVec::default(),
            shape,
            forward_rows,
            forward_packed: AlignedVec::default(),
            phases,
            dense: AlignedVec::default(),
        }
    }

    /// The shapes.
    #[must_use]
    pub fn shape(&self) -> &ConvolutionShape {
        &self.shape
    }

    /// `output = input * weights`; the output's border is not touched.
    ///
    /// # Panics
    /// When a buffer is too short.
    pub fn forward(&mut self, pool: &Pool, weights: &[f32], input: &[f32], output: &mut [f32]) {
        let (isa, shape) = (self.isa, self.shape);
        assert_eq!(weights.len(), shape.weights(), "weights");
        if let Some(amx) = &mut self.amx {
            return amx.forward(pool, &shape, &self.forward_rows, weights, input, output);
        }
        let (c_out, columns) = (shape.output.channels, isa.tile_columns());
        let depth = shape.kernel * shape.kernel * shape.input.channels;
        self.forward_packed.resize(c_out.div_ceil(columns) * depth * columns);
        let packed = Cells::new(&mut self.forward_packed);
        pool.run(c_out.div_ceil(columns), |panel| {
            // SAFETY: each task has its own panel.
            let to = unsafe { packed.slice_mut(panel * depth * columns, depth * columns) };
            let count = columns.min(c_out - panel * columns);
            for (to, from) in to.chunks_exact_mut(columns).zip(weights.chunks_exact(c_out)) {
                to[..count].copy_from_slice(&from[panel * columns..][..count]);
            }
        });
        if let Some(Winograd { forward: Some(forward), scratch, .. }) = &mut self.winograd {
            scratch.fit(pool.threads());
            forward.set_weights(pool, &self.forward_packed);
            forward.run_batch(pool, scratch, shape.n, (input, shape.input), (output, shape.output), false);
            return;
        }
        let size = (shape.kernel, shape.kernel * shape.input.channels, c_out);
        let rows = &self.forward_rows;
        match &self.bf16 {
            Some(bf16) => {
                pack_pairs(pool, bf16, size, &self.forward_packed, &mut self.pairs);
                let input = bf16.round(pool, input);
                pair_product(pool, bf16, size, &self.pairs, &input, rows, output, false);
            }
            None => product(pool, isa, size, &self.forward_packed, input, rows, output, false),
        }
    }

    /// The input's gradient from the output's: written where `accumulate` is false, else added to what
    /// `to` holds. A stride of 2 has four phases (of the input's rows and columns, even and odd), each with the
    /// kernel's taps that reach it; with a 1x1 kernel only the even pixels are reached, the others are left alone.
    ///
    /// # Panics
    /// When a buffer is too short.
    pub fn backward_input(
        &mut self,
        pool: &Pool,
        weights: &[f32],
        gradient: &[f32],
        to: &mut [f32],
        accumulate: bool,
    ) {
        let (isa, shape) = (self.isa, self.shape);
        let (c_in, c_out, columns) = (shape.input.channels, shape.output.channels, isa.tile_columns());
        assert_eq!(weights.len(), shape.weights(), "weights");
        if let Some(amx) = &mut self.amx {
            for phase in &self.phases {
                let taps = Taps { y: &phase.taps_y, x: &phase.taps_x, rows: &phase.rows };
                amx.backward_input(pool, &shape, &taps, weights, gradient, to, accumulate);
            }
            return;
        }
        let panels = c_in.div_ceil(columns);
        let rounded = self.bf16.as_ref().map(|bf16| (bf16, bf16.round(pool, gradient)));
        for phase in &mut self.phases {
            let taps: Vec<usize> = phase
                .taps_y
                .iter()
                .flat_map(|ky| phase.taps_x.iter().map(move |kx| ky * shape.kernel + kx))
                .collect();
            let depth = taps.len() * c_out;
            phase.packed.resize(panels * depth * columns);
            let packed = Cells::new(&mut phase.packed);
            pool.run(panels * taps.len(), |task| {
                let (panel, tap) = (task / taps.len(), task % taps.len());
                // SAFETY: each task has its own tap of its own panel.
                let to = unsafe {
                    packed.slice_mut((panel * taps.len() + tap) * c_out * columns, c_out * columns)
                };
                let count = columns.min(c_in - panel * columns);
                let from = &weights[(taps[tap] * c_in + panel * columns) * c_out..][..count * c_out];
                transpose(from, c_out, to, columns);
            });
            if let Some(Winograd { backward, scratch, .. }) = &mut self.winograd {
                // With a stride of 1 the one phase has all nine taps, from the last to the first.
                scratch.fit(pool.threads());
                backward.set_weights(pool, &phase.packed);
                backward.run_batch(
                    pool,
                    scratch,
                    shape.n,
                    (gradient, shape.gradient),
                    (to, phase.to),
                    accumulate,
                );
                continue;
            }
            let size = (phase.taps_y.len(), phase.taps_x.len() * c_out, c_in);
            match &rounded {
                Some((bf16, gradient)) => {
                    pack_pairs(pool, bf16, size, &phase.packed, &mut self.pairs);
                    pair_product(pool, bf16, size, &self.pairs, gradient, &phase.rows, to, accumulate);
                }
                None => product(pool, isa, size, &phase.packed, gradient, &phase.rows, to, accumulate),
            }
        }
    }

    /// The weights' gradient: `to[ky][kx][i][o] = sum over pixels of input * gradient`.
    ///
    /// # Panics
    /// When a buffer is too short.
    pub fn backward_weights(&mut self, pool: &Pool, input: &[f32], gradient: &[f32], to: &mut [f32]) {
        if let Some(amx) = &mut self.amx {
            return amx.backward_weights(pool, &self.shape, &self.forward_rows, input, gradient, to);
        }
        if let Some(Winograd { weights, scratch, .. }) = &mut self.winograd {
            scratch.fit(pool.threads());
            weights.run(pool, scratch, &self.shape, input, gradient, to);
            return;
        }
        let bf16 = self.bf16.as_ref();
        weight_gradient(pool, self.isa, bf16, &self.shape, input, gradient, &mut self.dense, to);
    }
}

/// `from` as `[rows][len]` to `[len][stride]`, in blocks that stay in the first-level cache.
fn transpose(from: &[f32], len: usize, to: &mut [f32], stride: usize) {
    const BLOCK: usize = 16;
    for start in (0..len).step_by(BLOCK) {
        let end = (start + BLOCK).min(len);
        for (i, row) in from.chunks_exact(len).enumerate() {
            for (value, to) in row[start..end].iter().zip(to[start * stride + i..].iter_mut().step_by(stride))
            {
                *to = *value;
            }
        }
    }
}

/// The phases of the gradient to the input: input pixel `y` is seen by output `o` through `ky` where
/// `stride * o + ky = y + padding`.
fn phases(shape: &ConvolutionShape, to: &FeatureMap) -> Vec<Phase> {
    let (stride, padding, from) = (shape.stride, shape.padding(), &shape.gradient);
    assert!(shape.kernel <= 3 && from.border >= padding, "the gradient's border");
    // For phase `y % stride`: its taps from the last to the first, and the output that the last one leads to
    // for the phase's first pixel.
    let taps = |phase: usize| -> (Vec<usize>, isize) {
        let taps: Vec<usize> = (0..shape.kernel)
            .rev()
            .filter(|k| (phase + padding + stride - k % stride).is_multiple_of(stride))
            .collect();
        let first = taps.first().map_or(0, |k| (phase + padding) as isize - *k as isize) / stride as isize;
        (taps, first)
    };
    let mut all = Vec::new();
    for phase_y in 0..stride {
        for phase_x in 0..stride {
            let ((taps_y, first_y), (taps_x, first_x)) = (taps(phase_y), taps(phase_x));
            if taps_y.is_empty() || taps_x.is_empty() {
                continue;
            }
            let corner = |first: isize, step: usize| (first + step as isize + from.border as isize) as usize;
            let mut rows = PixelRows {
                input: Vec::new(),
                output: Vec::new(),
                residual: Vec::new(),
                input_row: from.row(),
            };
            for image in 0..shape.n {
                for (i, y) in (phase_y..to.height).step_by(stride).enumerate() {
                    for (j, x) in (phase_x..to.width).step_by(stride).enumerate() {
                        rows.input.push(from.outer(image, corner(first_y, i), corner(first_x, j)));
                        rows.output.push(to.at(image, y, x));
                    }
                }
            }
            all.push(Phase { taps_y, taps_x, to: *to, rows, packed: AlignedVec::default() });
        }
    }
    all
}

/// `output[pixel][o] (+)= sum over segments and their floats of input * packed`, for all pixels of `rows`.
#[allow(clippy::too_many_arguments)]
fn product(
    pool: &Pool,
    isa: Isa,
    (segments, length, c_out): (usize, usize, usize),
    packed: &[f32],
    input: &[f32],
    rows: &PixelRows,
    output: &mut [f32],
    accumulate: bool,
) {
    let (columns, depth, pixels) = (isa.tile_columns(), segments * length, rows.output.len());
    let panels = c_out.div_ceil(columns);
    let blocks = pixels.div_ceil(TASK_PIXELS);
    let output = Cells::new(output);
    pool.run(panels * blocks, |task| {
        let (block, panel) = (task / panels, task % panels);
        let block = share(pixels, blocks, block);
        let first = panel * columns;
        let tiles = block.len().div_ceil(isa.tile_rows());
        let mut to = [0; MOST_ROWS];
        for tile in 0..tiles {
            let part = share(block.len(), tiles, tile);
            let pixels = block.start + part.start..block.start + part.end;
            for (to, from) in to.iter_mut().zip(&rows.output[pixels.clone()]) {
                *to = from + first;
            }
            let tile = Tile {
                a: input,
                a_rows: &rows.input[pixels.clone()],
                a_step: 1,
                a_segment: rows.input_row,
                b: &packed[panel * depth * columns..][..depth * columns],
                b_step: columns,
                b_segment: length * columns,
                ahead: STEPS_AHEAD * columns,
                length,
                segments,
                c: output,
                c_rows: &to[..pixels.len()],
                columns: columns.min(c_out - first),
                start: if accumulate { Start::Accumulate } else { Start::Zero },
                residual: None,
                relu: false,
            };
            // SAFETY: a tile writes its own pixels' channels from `first` on; no two tasks share both, and `output`
            // is borrowed mutably, so nothing else overlaps.
            unsafe { tile.run(isa) };
        }
    });
}

/// Packed weights `[panels][segments][length][columns]` to pairs along the length, filled up with zeros where that is odd.
fn pack_pairs(
    pool: &Pool,
    bf16: &Bf16,
    (segments, length, c_out): (usize, usize, usize),
    packed: &[f32],
    to: &mut AlignedVec<u16>,
) {
    const COLUMNS: usize = bf16::COLUMNS;
    let (runs, pairs) = (c_out.div_ceil(COLUMNS) * segments, length.div_ceil(2));
    to.resize(runs * pairs * COLUMNS * 2);
    let parts: Vec<_> =
        to.chunks_mut(pairs * COLUMNS * 2).zip(packed.chunks(length * COLUMNS)).map(Mutex::new).collect();
    pool.run(runs, |run| {
        let (to, from) = &mut *parts[run].lock();
        let row = |first, second, times| Interleave {
            first,
            second,
            count: COLUMNS,
            pairs: COLUMNS,
            times,
            step: 2 * COLUMNS,
        };
        let whole = length / 2;
        bf16.interleave(&row(from, &from[COLUMNS.min(from.len())..], whole), to);
        if length % 2 == 1 {
            let last = &from[2 * whole * COLUMNS..];
            bf16.interleave(&row(last, &[], 1), &mut to[2 * whole * COLUMNS..]);
        }
    });
}

/// As [`product`], of rounded numbers.
#[allow(clippy::too_many_arguments)]
fn pair_product(
    pool: &Pool,
    bf16: &Bf16,
    (segments, length, c_out): (usize, usize, usize),
    packed: &[u16],
    input: &[u16],
    rows: &PixelRows,
    output: &mut [f32],
    accumulate: bool,
) {
    let (pixels, pairs) = (rows.output.len(), length.div_ceil(2));
    let panels = c_out.div_ceil(bf16::COLUMNS);
    let panel_len = segments * pairs * bf16::COLUMNS * 2;
    let blocks = pixels.div_ceil(TASK_PIXELS);
    let output = Cells::new(output);
    pool.run(panels * blocks, |task| {
        let (block, panel) = (task / panels, task % panels);
        let block = share(pixels, blocks, block);
        let first = panel * bf16::COLUMNS;
        let tiles = block.len().div_ceil(MOST_ROWS);
        let mut to = [0; MOST_ROWS];
        for tile in 0..tiles {
            let part = share(block.len(), tiles, tile);
            let pixels = block.start + part.start..block.start + part.end;
            for (to, from) in to.iter_mut().zip(&rows.output[pixels.clone()]) {
                *to = from + first;
            }
            let tile = PairTile {
                a: input,
                a_rows: &rows.input[pixels.clone()],
                a_step: 2,
                a_segment: rows.input_row,
                b: &packed[panel * panel_len..][..panel_len],
                pairs,
                segments,
                c: output,
                c_rows: &to[..pixels.len()],
                columns: bf16::COLUMNS.min(c_out - first),
                accumulate,
            };
            // SAFETY: a tile writes its own pixels' channels from `first` on; no two tasks share both, and `output`
            // is borrowed mutably, so nothing else overlaps.
            unsafe { bf16.run(&tile) };
        }
    });
}
