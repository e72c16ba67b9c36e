//! Every kernel against a plain loop.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use proptest::prelude::*;

use super::super::reference::{bordered, convolve, most, values};
use super::super::{FeatureMap, Isa, Pool};
use super::*;

/// The interior of a map as `[n, c, h, w]`.
fn planes(data: &[f32], n: usize, map: &FeatureMap) -> Vec<f32> {
    let mut out = Vec::new();
    for image in 0..n {
        for c in 0..map.channels {
            for y in 0..map.height {
                out.extend((0..map.width).map(|x| data[map.at(image, y, x) + c]));
            }
        }
    }
    out
}

fn close(got: &[f32], want: &[f64], room: f64) -> Result<(), TestCaseError> {
    prop_assert_eq!(got.len(), want.len());
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        prop_assert!((f64::from(*got) - want).abs() < room, "element {}: {} for {}", i, got, want);
    }
    Ok(())
}

/// One convolution, forward and back, beside the plain loop.
#[derive(Debug, Clone, Copy)]
struct Case {
    threads: usize,
    n: usize,
    height: usize,
    width: usize,
    c_in: usize,
    c_out: usize,
    kernel: usize,
    stride: usize,
    /// By Winograd's transforms, where the shape allows.
    winograd: bool,
    seed: u64,
}

/// With `bf16` the plain loop gets rounded factors, and the convolution the same ones before they are rounded.
fn check_convolution(isa: Isa, bf16: Option<&Bf16>, case: Case) -> Result<(), TestCaseError> {
    let rounded = |values: Vec<f32>| match bf16 {
        Some(_) => values.into_iter().map(|v| half::bf16::from_f32(v).to_f32()).collect(),
        None => values,
    };
    let Case { threads, n, height, width, c_in, c_out, kernel, stride, winograd, seed } = case;
    let form = winograd.then_some(super::convolution::Form { forward: true });
    let padding = kernel / 2;
    let input = FeatureMap { height, width, channels: c_in, border: padding };
    let (out_h, out_w) = ((height - 1) / stride + 1, (width - 1) / stride + 1);
    let output = FeatureMap { height: out_h, width: out_w, channels: c_out, border: 0 };
    let gradient = FeatureMap { border: usize::from(kernel == 3), ..output };
    let shape = ConvolutionShape { n, input, output, gradient, kernel, stride };
    let plain_input = FeatureMap { border: 0, ..input };
    let back = (kernel < 7).then_some(plain_input);
    let pool = Pool::new(threads);
    let mut convolution = TrainConvolution::with_form(isa, bf16.cloned(), shape, back, form);
    let x = values(n * c_in * height * width, seed);
    let weights = values(c_out * c_in * kernel * kernel, seed + 1);
    let taps = kernel * kernel;
    // [ky][kx][i][o] from [o][i][ky][kx].
    let mut packed = vec![0.0; weights.len()];
    let place = |o: usize, i: usize, tap: usize| (tap * c_in + i) * c_out + o;
    for o in 0..c_out {
        for i in 0..c_in {
            for tap in 0..taps {
                packed[place(o, i, tap)] = weights[(o * c_in + i) * taps + tap];
            }
        }
    }
    let mut x_map = bordered(&x, n, &input);
    x_map.resize(maps(n, &input).len(), 0.0);
    let (x, weights) = (rounded(x), rounded(weights));
    let mut z = maps(n, &output);
    convolution.forward(&pool, &packed, &x_map, &mut z);
    let want = convolve(&x, &weights, &vec![0.0; c_out], n, (c_in, height, width), kernel, padding, stride);
    close(&planes(&z, n, &output), &want, 1e-4)?;

    let g = values(n * c_out * out_h * out_w, seed + 2);
    let mut g_map = bordered(&g, n, &gradient);
    g_map.resize(maps(n, &gradient).len(), 0.0);
    let g = rounded(g);
    let before = values(n * c_in * height * width, seed + 3);
    let (mut d_weights, mut d_x) = (vec![0.0_f64; weights.len()], vec![0.0_f64; x.len()]);
    for image in 0..n {
        for o in 0..c_out {
            for (y, column) in (0..out_h).flat_map(|y| (0..out_w).map(move |column| (y, column))) {
                let g = f64::from(g[((image * c_out + o) * out_h + y) * out_w + column]);
                for (i, tap) in (0..c_in).flat_map(|i| (0..taps).map(move |tap| (i, tap))) {
                    let (Some(sy), Some(sx)) = (
                        (y * stride + tap / kernel).checked_sub(padding),
                        (column * stride + tap % kernel).checked_sub(padding),
                    ) else {
                        continue;
                    };
                    if sy < height && sx < width {
                        let at = ((image * c_in + i) * height + sy) * width + sx;
                        d_x[at] += g * f64::from(weights[(o * c_in + i) * taps + tap]);
                        d_weights[place(o, i, tap)] += g * f64::from(x[at]);
                    }
                }
            }
        }
    }
    let mut got = vec![7.0; weights.len()];
    convolution.backward_weights(&pool, &x_map, &g_map, &mut got);
    close(&got, &d_weights, 1e-4)?;
    if kernel < 7 {
        let mut got = bordered(&before, n, &plain_input);
        convolution.backward_input(&pool, &packed, &g_map, &mut got, true);
        let sum: Vec<f64> = d_x.iter().zip(&before).map(|(d, b)| d + f64::from(*b)).collect();
        close(&planes(&got, n, &plain_input), &sum, 1e-4)?;
    }
    Ok(())
}

/// By AVX512-BF16 alone and by AMX, as far as this CPU has them.
fn ways_of_bf16(isa: Isa) -> Vec<Bf16> {
    let Ok(bf16) = Bf16::detect(isa) else { return Vec::new() };
    let mut ways = vec![bf16.clone().without_amx()];
    ways.extend(bf16.has_amx().then_some(bf16));
    ways
}

/// Whole steps and panels, more than one block of pixels, and several groups of sums: as in the network, at its narrowest.
#[test]
#[cfg_attr(miri, ignore = "there is no AMX")]
fn the_networks_convolutions_by_amx_are_the_plain_loop() {
    let Some(bf16) = Bf16::detect(Isa::best()).ok().filter(Bf16::has_amx) else {
        println!("skipped: this CPU has no AMX with bf16, or the system does not permit it");
        return;
    };
    for (n, side, c_in, c_out, kernel, stride) in [
        (2, 31, 3, 64, 7, 2),
        (3, 24, 64, 64, 3, 1),
        (3, 24, 64, 128, 3, 2),
        (3, 24, 64, 128, 1, 2),
        (2, 9, 128, 128, 3, 1),
        (2, 7, 128, 256, 3, 2),
        (2, 3, 256, 256, 3, 1),
        (3, 3, 256, 512, 1, 2),
        (2, 2, 512, 512, 3, 1),
    ] {
        let (height, width, winograd) = (side, side, false);
        let case = Case { threads: 2, n, height, width, c_in, c_out, kernel, stride, winograd, seed: 3 };
        check_convolution(Isa::Avx512, Some(&bf16), case).unwrap();
    }
}

/// Few channels into many: where both factors are copied together, a tile's rows reach over the next pixel's.
#[test]
#[cfg_attr(miri, ignore = "minutes")]
fn wide_layers_over_few_channels_go_back_as_the_plain_loop() {
    for isa in Isa::available() {
        for (c_in, c_out, width, stride) in
            [(1, 25, 1, 1), (1, 140, 5, 1), (3, 200, 9, 2), (13, 260, 6, 1), (14, 257, 7, 2)]
        {
            let case = Case {
                threads: 1,
                n: 1,
                height: 3,
                width,
                c_in,
                c_out,
                kernel: 3,
                stride,
                winograd: false,
                seed: 5,
            };
            check_convolution(isa, None, case).unwrap();
            for bf16 in ways_of_bf16(isa) {
                check_convolution(isa, Some(&bf16), case).unwrap();
            }
        }
    }
}

#[test]
fn bf16_is_refused_where_it_cannot_be_computed() {
    for isa in [Isa::Plain, Isa::Avx2, Isa::Neon] {
        let error = Bf16::detect(isa).unwrap_err().to_string();
        assert!(error.contains("AVX512-BF16") && error.contains(&isa.to_string()), "{error}");
    }
}

/// Ties to even, infinity, and what is no number.
#[test]
fn rounding_is_to_nearest_even() {
    let Ok(bf16) = Bf16::detect(Isa::best()) else {
        println!("skipped: this CPU has no AVX512-BF16");
        return;
    };
    let mut from = values(if cfg!(miri) { 100 } else { 70_000 }, 9);
    let special =
        [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0];
    from.extend(special);
    let pool = Pool::new(2);
    let to = bf16.round(&pool, &from);
    for (from, to) in from.iter().zip(&*to) {
        assert_eq!(*to, half::bf16::from_f32(*from).to_bits(), "{from}");
    }
    drop(to);
    assert!(half::bf16::from_bits(bf16.round(&pool, &[f32::NAN])[0]).is_nan());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 3 } else { 64 }))]

    #[test]
    fn a_convolution_goes_forward_and_back_as_the_plain_loop(
        isa in prop::sample::select(Isa::available()), threads in 1_usize..4, n in 1_usize..4,
        height in 1..most(14), width in 1..most(14), c_in in 1..most(40), c_out in 1..most(40),
        kernel in prop::sample::select(vec![1_usize, 3, 7]), stride in 1_usize..3, seed in 0_u64..1000,
    ) {
        check_convolution(
            isa, None, Case { threads, n, height, width, c_in, c_out, kernel, stride, winograd: false, seed },
        )?;
    }

    #[test]
    fn a_convolution_in_winograds_form_goes_forward_and_back_as_the_plain_loop(
        isa in prop::sample::select(Isa::available()), threads in 1_usize..4, n in 1_usize..4,
        height in 1..most(14), width in 1..most(14), c_in in 1..most(70), c_out in 1..most(70), seed in 0_u64..1000,
    ) {
        let (kernel, stride) = (3, 1);
        check_convolution(
            isa, None, Case { threads, n, height, width, c_in, c_out, kernel, stride, winograd: true, seed },
        )?;
    }

    #[test]
    fn a_bf16_convolution_goes_forward_and_back_as_the_plain_loop_over_rounded_numbers(
        threads in 1_usize..4, n in 1_usize..4, height in 1_usize..14, width in 1_usize..14, c_in in 1_usize..40,
        c_out in 1_usize..80, kernel in prop::sample::select(vec![1_usize, 3, 7]), stride in 1_usize..3,
        seed in 0_u64..1000,
    ) {
        for bf16 in ways_of_bf16(Isa::best()) {
            let case = Case { threads, n, height, width, c_in, c_out, kernel, stride, winograd: false, seed };
            check_convolution(Isa::Avx512, Some(&bf16), case)?;
        }
    }

    #[test]
    fn batch_norm_goes_forward_and_back_as_the_formula(
        isa in prop::sample::select(Isa::available()), threads in 1_usize..4, n in 1_usize..4,
        height in 1..most(9), width in 2..most(9), channels in 1..most(50), seed in 0_u64..1000,
    ) {
        let pool = Pool::new(threads);
        let plain = FeatureMap { height, width, channels, border: 0 };
        let to = FeatureMap { border: 1, ..plain };
        let (pixels, count) = (height * width, n * height * width);
        let z: Vec<f32> = values(count * channels, seed).iter().map(|v| 3.0 * v + 5.0).collect();
        let gamma: Vec<f32> = values(channels, seed + 1).iter().map(|v| 1.0 + v).collect();
        let (beta, g) = (values(channels, seed + 2), values(count * channels, seed + 3));
        let statistics = norm_statistics(&pool, isa, &z, n, channels, pixels);
        let input = NormInput { z: &z, statistics: &statistics, gamma: &gamma, beta: &beta };
        let mut out = maps(n, &to);
        norm_forward(&pool, isa, &input, &Shortcut::None, n, &to, &mut out);
        let (mut masked, mut dz) = (g.clone(), maps(n, &to));
        let gradient = norm_backward(&pool, isa, &input, Some((&out, &to)), &mut masked, n, &to, &mut dz);
        let at = |p: usize, c: usize| f64::from(z[p * channels + c]);
        let offsets = to.pixels(n);
        for c in 0..channels {
            let m = count as f64;
            let mean = (0..count).map(|p| at(p, c)).sum::<f64>() / m;
            let variance = (0..count).map(|p| (at(p, c) - mean).powi(2)).sum::<f64>() / m;
            prop_assert!((f64::from(statistics.mean[c]) - mean).abs() < 1e-5);
            prop_assert!((f64::from(statistics.variance[c]) - variance).abs() < 1e-5);
            let inverse = 1.0 / (variance + 1e-5).sqrt();
            let hat = |p: usize| (at(p, c) - mean) * inverse;
            let y = |p: usize| hat(p) * f64::from(gamma[c]) + f64::from(beta[c]);
            // A value next to zero may fall on either side of the ReLU; the kernel's own side counts.
            let g = |p: usize| if out[offsets[p] + c] > 0.0 { f64::from(g[p * channels + c]) } else { 0.0 };
            let sum: f64 = (0..count).map(g).sum();
            let product: f64 = (0..count).map(|p| g(p) * hat(p)).sum();
            prop_assert!((f64::from(gradient.beta[c]) - sum).abs() < 1e-4);
            prop_assert!((f64::from(gradient.gamma[c]) - product).abs() < 1e-4);
            for p in 0..count {
                // `a z + (beta - a mean)` in f32: a, the mean, their product and the addend are each rounded once,
                // which shows where a channel's values are almost equal and a is in the hundreds.
                let a = f64::from(gamma[c]) * inverse;
                let rounding = (a * at(p, c)).abs() + 3.0 * (a * mean).abs() + f64::from(beta[c]).abs();
                let room = 1e-4 + rounding * f64::from(f32::EPSILON) / 2.0;
                prop_assert!((f64::from(out[offsets[p] + c]) - y(p).max(0.0)).abs() < room);
                let want = f64::from(gamma[c]) * inverse * (g(p) - sum / m - hat(p) * product / m);
                let got = f64::from(dz[offsets[p] + c]);
                prop_assert!((got - want).abs() < 1e-3 * (1.0 + inverse), "{} for {}", got, want);
            }
        }
    }

    #[test]
    fn the_max_pool_takes_the_greatest_and_gives_back_to_it(
        isa in prop::sample::select(Isa::available()), threads in 1_usize..4, n in 1_usize..4,
        height in 2..most(12), width in 1..most(12), channels in 1..most(40), seed in 0_u64..1000,
    ) {
        let pool = Pool::new(threads);
        let plain = FeatureMap { height, width, channels, border: 0 };
        let to = FeatureMap { height: height.div_ceil(2), width: width.div_ceil(2), channels, border: 1 };
        let z = values(n * plain.len(), seed);
        let gamma: Vec<f32> = values(channels, seed + 1).iter().map(|v| 1.0 + 3.0 * v).collect();
        let beta = values(channels, seed + 2);
        let statistics = norm_statistics(&pool, isa, &z, n, channels, height * width);
        let input = NormInput { z: &z, statistics: &statistics, gamma: &gamma, beta: &beta };
        let (mut out, mut index) = (maps(n, &to), vec![0; n * to.height * to.width * channels]);
        pool_forward(&pool, isa, &input, n, (height, width), &to, &mut out, &mut index);
        let g = values(index.len(), seed + 3);
        let mut dz = maps(n, &plain);
        let gradient =
            pool_backward(&pool, isa, &input, n, (height, width), &to, &index, &g, &mut dz);
        // The same by separate steps: normalised map, plain maximum, plain scatter, batch-norm backward.
        let mut normal = maps(n, &plain);
        norm_forward(&pool, isa, &input, &Shortcut::None, n, &plain, &mut normal);
        let mut scattered = maps(n, &plain);
        let mut i = 0;
        for image in 0..n {
            for (y, x) in (0..to.height).flat_map(|y| (0..to.width).map(move |x| (y, x))) {
                for c in 0..channels {
                    let (mut most, mut place) = (0.0, None);
                    for tap in 0..9 {
                        let (Some(sy), Some(sx)) = ((2 * y + tap / 3).checked_sub(1), (2 * x + tap % 3).checked_sub(1))
                        else { continue };
                        if sy < height && sx < width && normal[plain.at(image, sy, sx) + c] > most {
                            most = normal[plain.at(image, sy, sx) + c];
                            place = Some(plain.at(image, sy, sx) + c);
                        }
                    }
                    prop_assert!((out[to.at(image, y, x) + c] - most).abs() < 1e-5);
                    if let Some(place) = place {
                        scattered[place] += g[i];
                    }
                    i += 1;
                }
            }
        }
        let mut want = maps(n, &plain);
        let expected = norm_backward(&pool, isa, &input, None, &mut scattered, n, &plain, &mut want);
        for (got, want) in dz.iter().zip(&want[..]).chain(gradient.gamma.iter().zip(&expected.gamma)) {
            prop_assert!((got - want).abs() < 1e-3 * (1.0 + want.abs()), "{} for {}", got, want);
        }
    }
}
