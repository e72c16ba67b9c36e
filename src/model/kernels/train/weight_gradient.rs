//! The gradient of a convolution's weights: a product over pixels.

use super::super::convolution::MOST_ROWS;
use super::super::picture::share;
use super::super::{Cells, Isa, Pool, Start, Tile};
use super::ConvolutionShape;

/// Pixels of an output map below which the maps of a batch are first laid end to end: a tile that is loaded
/// and stored for so few products does little else.
const FEW_PIXELS: usize = 128;

/// See [`super::TrainConvolution::backward_weights`].
pub(super) fn weight_gradient(
    pool: &Pool,
    isa: Isa,
    shape: &ConvolutionShape,
    input: &[f32],
    gradient: &[f32],
    dense: &mut Vec<f32>,
    to: &mut [f32],
) {
    assert_eq!(to.len(), shape.weights(), "weights");
    let (from, out, k) = (&shape.input, &shape.gradient, shape.kernel);
    let (c_out, columns) = (shape.output.channels, isa.tile_columns());
    let (height, width) = (shape.output.height, shape.output.width);
    let pixels = height * width;
    let inset = from.border - shape.padding();
    let run = k * from.channels;
    if pixels >= FEW_PIXELS || shape.n == 1 {
        let segments = height;
        let steps: Vec<(usize, usize)> =
            (0..shape.n).map(|image| (from.outer(image, inset, inset), out.at(image, 0, 0))).collect();
        let rows: Vec<usize> = (0..k).flat_map(|ky| (0..run).map(move |j| ky * from.row() + j)).collect();
        let strides = Strides {
            a_step: shape.stride * from.channels,
            a_segment: shape.stride * from.row(),
            b_step: out.channels,
            b_segment: out.row(),
            length: width,
            segments,
        };
        return outer_product(pool, isa, &strides, input, gradient, &steps, &rows, c_out, to);
    }
    // [pixels of all maps][k * k * c_in], then [pixels][c_out]: both of a few megabytes.
    let (depth, count) = (k * run, shape.n * pixels);
    dense.resize(count * (depth + c_out) + columns, 0.0);
    let (a, b) = dense.split_at_mut(count * depth);
    {
        let (a, b) = (Cells::new(a), Cells::new(b));
        pool.run(shape.n * height, |task| {
            let (image, y) = (task / height, task % height);
            // SAFETY: each task has its own rows of pixels in both.
            let (a, b) = unsafe {
                (
                    a.slice_mut(task * width * depth, width * depth),
                    b.slice_mut(task * width * c_out, width * c_out),
                )
            };
            b.copy_from_slice(&gradient[out.at(image, y, 0)..][..width * c_out]);
            for (x, pixel) in a.chunks_exact_mut(depth).enumerate() {
                for (ky, part) in pixel.chunks_exact_mut(run).enumerate() {
                    let at = from.outer(image, inset + y * shape.stride + ky, inset + x * shape.stride);
                    part.copy_from_slice(&input[at..][..run]);
                }
            }
        });
    }
    let rows: Vec<usize> = (0..depth).collect();
    let strides =
        Strides { a_step: depth, a_segment: 0, b_step: c_out, b_segment: 0, length: count, segments: 1 };
    outer_product(pool, isa, &strides, a, b, &[(0, 0)], &rows, c_out, to);
}

/// How a tile walks over the pixels.
struct Strides {
    a_step: usize,
    a_segment: usize,
    b_step: usize,
    b_segment: usize,
    length: usize,
    segments: usize,
}

/// `to[row][o] = sum over steps and pixels of a[step.0 + row + ..] * b[step.1 + .. + o]`.
#[allow(clippy::too_many_arguments)]
fn outer_product(
    pool: &Pool,
    isa: Isa,
    strides: &Strides,
    a: &[f32],
    b: &[f32],
    steps: &[(usize, usize)],
    rows: &[usize],
    c_out: usize,
    to: &mut [f32],
) {
    let columns = isa.tile_columns();
    let panels = c_out.div_ceil(columns);
    let tiles = rows.len().div_ceil(isa.tile_rows());
    // The tiles of a group share the pixels of a map while these are in the cache.
    let groups = tiles.div_ceil(8).max(4 * pool.threads().div_ceil(panels)).min(tiles);
    let to = Cells::new(to);
    pool.run(panels * groups, |task| {
        let (group, panel) = (task / panels, task % panels);
        let first = panel * columns;
        for (i, step) in steps.iter().enumerate() {
            for tile in share(tiles, groups, group) {
                let part = share(rows.len(), tiles, tile);
                let (mut a_rows, mut c_rows) = ([0; MOST_ROWS], [0; MOST_ROWS]);
                for (j, row) in part.clone().enumerate() {
                    a_rows[j] = step.0 + rows[row];
                    c_rows[j] = row * c_out + first;
                }
                let tile = Tile {
                    a,
                    a_rows: &a_rows[..part.len()],
                    a_step: strides.a_step,
                    a_segment: strides.a_segment,
                    b: &b[step.1 + first..],
                    b_step: strides.b_step,
                    b_segment: strides.b_segment,
                    ahead: super::convolution::STEPS_AHEAD * strides.b_step,
                    length: strides.length,
                    segments: strides.segments,
                    c: to,
                    c_rows: &c_rows[..part.len()],
                    columns: columns.min(c_out - first),
                    start: if i == 0 { Start::Zero } else { Start::Accumulate },
                    residual: None,
                    relu: false,
                };
                // SAFETY: a tile writes its own rows' columns from `first` on; no two tasks share both, and `to` is
                // borrowed mutably, so nothing else overlaps.
                unsafe { tile.run(isa) };
            }
        }
    });
}
