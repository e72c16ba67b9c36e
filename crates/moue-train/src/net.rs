//! The whole network with the backward pass written out: what autograd would record, in a fixed order.
//!
//! The forward pass keeps what the backward pass reads: convolution outputs and the feature maps between them.
//! Buffers stay from step to step, as long as batch and map size do.

use std::time::Instant;

use moue_kernels::train::{Bf16, maps, pool_backward, pool_forward};
use moue_kernels::{AlignedVec, FeatureMap, Isa, Pool};
use moue_model::formula::formula_input;
use moue_model::{Expression, FEATURE_CHANNELS, INPUT_SIZES, ModelError, NetworkWeights, network_layers};
use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use super::engine::Precision;
use super::loss::{cross_entropy, one_hot};
use super::net_layers::{Block, Context, ConvNorm, LayerGradients, Parameters, Running};
use super::optim::{AdamW, LearningRates, Optimizer};
use super::parameters::{NetworkState, kaiming};

/// From logits `[n, 7]` to the mean loss and its gradient with respect to the logits.
pub type Loss<'a> = &'a dyn Fn(&[f32]) -> (f64, Vec<f32>);

/// The generator that dropout draws from.
pub type DropoutRng = Pcg64Mcg;

const CLASSES: usize = Expression::ALL.len();
/// Part of the pooled features that dropout keeps.
pub(super) const KEPT: f32 = 0.5;

/// What a step computed.
#[derive(Debug, Clone, PartialEq)]
pub struct StepOutput {
    /// The loss that the caller's function gave.
    pub loss: f64,
    /// `[n, 7]`.
    pub logits: Vec<f32>,
}

/// Whether `input` is `[n, 3, size, size]` of a size that the network takes.
pub(super) fn check_input(input: &[f32], n: usize, size: usize) -> Result<(), ModelError> {
    if n == 0 || !INPUT_SIZES.contains(&size) || input.len() != n * 3 * size * size {
        return Err(ModelError::Input {
            expected: format!("[n, 3, s, s] with s from {} to {}", INPUT_SIZES.start(), INPUT_SIZES.end()),
            found: format!("{} values for [{n}, 3, {size}, {size}]", input.len()),
        });
    }
    Ok(())
}

/// The network while it learns, on the CPU.
pub struct TrainNet {
    context: Context,
    state: NetworkState,
    tape: Option<Tape>,
}

/// What one batch size and map size need.
struct Tape {
    n: usize,
    size: usize,
    input: AlignedVec<f32>,
    stem: ConvNorm,
    stem_dz: AlignedVec<f32>,
    pooled: AlignedVec<f32>,
    pooled_map: FeatureMap,
    index: Vec<u8>,
    blocks: Vec<Block>,
    layers: Vec<LayerGradients>,
}

impl Tape {
    fn new(context: &Context, blocks: usize, n: usize, size: usize) -> Self {
        let layers = network_layers(blocks);
        let (channels, border) = (layers.stem.c_out, layers.stem.kernel / 2);
        let input = FeatureMap { height: size, width: size, channels: layers.stem.c_in, border };
        let half = size.div_ceil(2);
        let z = FeatureMap { height: half, width: half, channels, border: 0 };
        let side = half.div_ceil(2);
        let pooled_map = FeatureMap { height: side, width: side, channels, border: 1 };
        let mut tape = Self {
            n,
            size,
            input: maps(n, &input),
            stem: ConvNorm::new(context, &layers.stem, n, input, z, None),
            stem_dz: maps(n, &z),
            pooled: maps(n, &pooled_map),
            pooled_map,
            index: vec![0; n * side * side * channels],
            blocks: Vec::new(),
            layers: Vec::new(),
        };
        let mut from = pooled_map;
        for spec in &layers.blocks {
            let block = Block::new(context, n, spec, &from);
            from = block.map;
            if block.layer == tape.layers.len() {
                tape.layers.push(LayerGradients::new(n, &FeatureMap { border: 0, ..from }));
            }
            tape.blocks.push(block);
        }
        tape
    }

    /// `[n, 3, size, size]` to the bordered map.
    fn take(&mut self, input: &[f32]) {
        let size = self.size;
        let map = self.stem.convolution.shape().input;
        for (image, planes) in input.chunks_exact(3 * size * size).enumerate() {
            let (r, gb) = planes.split_at(size * size);
            let (g, b) = gb.split_at(size * size);
            for y in 0..size {
                let to = &mut self.input[map.at(image, y, 0)..][..3 * size];
                let row = y * size..(y + 1) * size;
                let pixels = r[row.clone()].iter().zip(&g[row.clone()]).zip(&b[row]);
                for (to, ((r, g), b)) in to.chunks_exact_mut(3).zip(pixels) {
                    to.copy_from_slice(&[*r, *g, *b]);
                }
            }
        }
    }
}

impl TrainNet {
    /// The network with `weights`, computed in f32 by `threads` threads (0: one a core).
    ///
    /// # Errors
    /// As [`Self::with_precision`].
    pub fn new(weights: &NetworkWeights, threads: usize) -> Result<Self, ModelError> {
        Self::with_precision(weights, threads, Precision::F32)
    }

    /// The network with `weights`, computed by `threads` threads (0: one a core). With [`Precision::Bf16`] the factors of
    /// every convolution are rounded, forward and back; sums, weights, batch norm and the head stay in f32.
    ///
    /// # Errors
    /// [`ModelError::Device`] when `MOUE_ISA` names no instruction set, or this CPU cannot multiply bf16 numbers;
    /// [`ModelError::Input`] when a tensor is missing.
    pub fn with_precision(
        weights: &NetworkWeights,
        threads: usize,
        precision: Precision,
    ) -> Result<Self, ModelError> {
        let failed = |reason: String| ModelError::Device { device: "CPU".to_owned(), reason };
        let isa = Isa::wanted().map_err(|e| failed(e.to_string()))?;
        let bf16 = match precision {
            Precision::F32 => None,
            Precision::Bf16 => {
                let bf16 = Bf16::detect(isa).map_err(|e| failed(e.to_string()))?;
                Some(if Isa::is_named() { bf16.without_amx() } else { bf16 })
            }
        };
        Ok(Self {
            context: Context { pool: Pool::new(threads), isa, bf16 },
            state: NetworkState::new(weights)?,
            tape: None,
        })
    }

    /// One forward and backward pass in training mode over `input`, `[n, 3, size, size]`, normalised. `loss` gives the
    /// loss of `[n, 7]` logits and its gradient. Running statistics are updated, gradients replaced; the
    /// weights change only with [`Self::apply`]. Without a generator there is no dropout.
    ///
    /// # Errors
    /// [`ModelError::Input`] when the input's length, `size`, or the gradient that `loss` gave do not fit.
    pub fn step(
        &mut self,
        input: &[f32],
        n: usize,
        size: usize,
        loss: Loss<'_>,
        dropout: Option<&mut DropoutRng>,
    ) -> Result<StepOutput, ModelError> {
        let misfit = |expected: String, found: String| Err(ModelError::Input { expected, found });
        check_input(input, n, size)?;
        let Self { context, state, tape } = self;
        let NetworkState { blocks, parameters, running, .. } = state;
        if tape.as_ref().is_none_or(|t| (t.n, t.size) != (n, size)) {
            // The old buffers go first: both at once might not fit.
            *tape = None;
        }
        let tape = tape.get_or_insert_with(|| Tape::new(context, *blocks, n, size));
        forward(context, parameters, running, tape, input);
        let last = tape.blocks.last().map(|b| (&b.out[..], b.map));
        let Some((features, map)) = last else { return misfit("1 or 2 blocks".into(), "none".into()) };
        let head = Head::forward(parameters, features, &map, n, dropout);
        let (loss, d_logits) = loss(&head.logits);
        if d_logits.len() != n * CLASSES {
            return misfit(format!("{} gradients of logits", n * CLASSES), d_logits.len().to_string());
        }
        if let Some(layer) = tape.layers.last_mut() {
            head.backward(parameters, features, &map, &d_logits, &mut layer.g);
        }
        backward(context, parameters, tape);
        Ok(StepOutput { loss, logits: head.logits })
    }

    /// Weights, gradients and statistics.
    #[must_use]
    pub fn state(&self) -> &NetworkState {
        &self.state
    }

    /// Changes the weights by their gradients.
    pub fn apply(&mut self, optimizer: &mut dyn Optimizer) {
        self.state.apply(optimizer);
    }

    /// The device in words, for example "CPU, 2 threads, AVX-512".
    #[must_use]
    pub fn device_name(&self) -> String {
        let threads = match self.context.pool.threads() {
            1 => "1 thread".to_owned(),
            n => format!("{n} threads"),
        };
        let precision = match &self.context.bf16 {
            Some(bf16) if bf16.has_amx() => ", bf16 by AMX",
            Some(_) => ", bf16",
            None => "",
        };
        format!("CPU, {threads}, {}{precision}", self.context.isa)
    }
}

fn forward(
    context: &Context,
    parameters: &Parameters,
    running: &mut Running,
    tape: &mut Tape,
    input: &[f32],
) {
    tape.take(input);
    tape.stem.forward(context, parameters, running, &tape.input);
    let z = tape.stem.convolution.shape().output;
    let norm = tape.stem.norm(parameters);
    let (to, index) = (&mut tape.pooled, &mut tape.index);
    pool_forward(&context.pool, context.isa, &norm, tape.n, (z.height, z.width), &tape.pooled_map, to, index);
    for i in 0..tape.blocks.len() {
        let (before, rest) = tape.blocks.split_at_mut(i);
        let x = before.last().map_or(&tape.pooled, |b| &b.out);
        rest[0].forward(context, parameters, running, x);
    }
}

fn backward(context: &Context, parameters: &mut Parameters, tape: &mut Tape) {
    for i in (0..tape.blocks.len()).rev() {
        let (before, rest) = tape.blocks.split_at_mut(i);
        let block = &mut rest[0];
        let x = before.last().map_or(&tape.pooled, |b| &b.out);
        let (lower, layer) = tape.layers.split_at_mut(block.layer);
        let strided = before.last().is_some_and(|b| b.layer != block.layer);
        let to = lower.last_mut().filter(|_| strided).map(|l| &mut l.g[..]);
        block.backward(context, parameters, x, &mut layer[0], to);
    }
    let z = tape.stem.convolution.shape().output;
    let gradient = pool_backward(
        &context.pool,
        context.isa,
        &tape.stem.norm(parameters),
        tape.n,
        (z.height, z.width),
        &tape.pooled_map,
        &tape.index,
        &tape.layers[0].g,
        &mut tape.stem_dz,
    );
    tape.stem.keep(parameters, gradient);
    tape.stem.backward_weights(context, parameters, &tape.input, &tape.stem_dz);
}

/// Attention, pooling, dropout and the last layer: small enough for plain loops.
struct Head {
    /// Attention `[n, pixels]`.
    attention: Vec<f32>,
    /// Pooled features after dropout, `[n, 512]`.
    pooled: Vec<f32>,
    /// What dropout multiplied them by.
    mask: Vec<f32>,
    logits: Vec<f32>,
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        for i in 0..16 {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum()
}

fn add_scaled(to: &mut [f32], factor: f32, from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
}

impl Head {
    fn forward(
        parameters: &Parameters,
        features: &[f32],
        map: &FeatureMap,
        n: usize,
        dropout: Option<&mut DropoutRng>,
    ) -> Self {
        let value = |name: &str| &parameters[name].value[..];
        let (weight, bias) = (value("attention.0.weight"), value("attention.0.bias")[0]);
        let offsets = map.pixels(n);
        let pixels = offsets.len() / n;
        let (mut attention, mut pooled) = (Vec::new(), vec![0.0; n * FEATURE_CHANNELS]);
        for (i, at) in offsets.iter().enumerate() {
            let f = &features[*at..][..FEATURE_CHANNELS];
            let a = 1.0 / (1.0 + (-dot(f, weight) - bias).exp());
            attention.push(a);
            let to = &mut pooled[i / pixels * FEATURE_CHANNELS..][..FEATURE_CHANNELS];
            add_scaled(to, a / pixels as f32, f);
        }
        let mask = match dropout {
            None => vec![1.0; pooled.len()],
            Some(rng) => {
                pooled.iter().map(|_| if rng.random::<f32>() < KEPT { 1.0 / KEPT } else { 0.0 }).collect()
            }
        };
        pooled.iter_mut().zip(&mask).for_each(|(p, m): (&mut f32, &f32)| *p *= m);
        let (fc, fc_bias) = (value("fc.weight"), value("fc.bias"));
        let logits = pooled
            .chunks_exact(FEATURE_CHANNELS)
            .flat_map(|p| fc.chunks_exact(FEATURE_CHANNELS).zip(fc_bias).map(move |(w, b)| dot(p, w) + b))
            .collect();
        Self { attention, pooled, mask, logits }
    }

    /// Stores the head's gradients and writes those of the features to `g` (no border).
    fn backward(
        &self,
        parameters: &mut Parameters,
        features: &[f32],
        map: &FeatureMap,
        d_logits: &[f32],
        g: &mut [f32],
    ) {
        let n = d_logits.len() / CLASSES;
        let (mut d_fc, mut d_fc_bias) = (vec![0.0; CLASSES * FEATURE_CHANNELS], vec![0.0; CLASSES]);
        let mut d_pooled = vec![0.0; n * FEATURE_CHANNELS];
        let fc = &parameters["fc.weight"].value;
        for (i, d) in d_logits.chunks_exact(CLASSES).enumerate() {
            let row = i * FEATURE_CHANNELS..(i + 1) * FEATURE_CHANNELS;
            for (c, d) in d.iter().enumerate() {
                let class = c * FEATURE_CHANNELS..(c + 1) * FEATURE_CHANNELS;
                add_scaled(&mut d_fc[class.clone()], *d, &self.pooled[row.clone()]);
                d_fc_bias[c] += d;
                add_scaled(&mut d_pooled[row.clone()], *d, &fc[class]);
            }
        }
        d_pooled.iter_mut().zip(&self.mask).for_each(|(d, m): (&mut f32, &f32)| *d *= m);
        let weight = &parameters["attention.0.weight"].value;
        let (mut d_weight, mut d_bias) = (vec![0.0; FEATURE_CHANNELS], 0.0);
        let offsets = map.pixels(n);
        let pixels = offsets.len() / n;
        for (i, (at, a)) in offsets.iter().zip(&self.attention).enumerate() {
            let f = &features[*at..][..FEATURE_CHANNELS];
            let d = &d_pooled[i / pixels * FEATURE_CHANNELS..][..FEATURE_CHANNELS];
            let d_logit = dot(f, d) / pixels as f32 * a * (1.0 - a);
            add_scaled(&mut d_weight, d_logit, f);
            d_bias += d_logit;
            let to = &mut g[i * FEATURE_CHANNELS..][..FEATURE_CHANNELS];
            for ((to, d), w) in to.iter_mut().zip(d).zip(weight) {
                *to = a / pixels as f32 * d + d_logit * w;
            }
        }
        for (name, gradient) in [
            ("fc.weight", d_fc),
            ("fc.bias", d_fc_bias),
            ("attention.0.weight", d_weight),
            ("attention.0.bias", vec![d_bias]),
        ] {
            if let Some(parameter) = parameters.get_mut(name) {
                parameter.gradient = gradient;
            }
        }
    }
}

/// Milliseconds an image of one AdamW step at `[batch, 3, size, size]`: five steps after a warm-up, shortest first.
///
/// # Errors
/// As [`TrainNet::with_precision`] and [`TrainNet::step`].
pub fn bench_train_step(
    blocks: usize,
    size: usize,
    batch: usize,
    threads: usize,
    precision: Precision,
) -> Result<Vec<f64>, ModelError> {
    let mut net = TrainNet::with_precision(&kaiming(blocks, 1), threads, precision)?;
    let mut optimizer = AdamW::new(LearningRates { fc: 1e-3, rest: 1e-3 }, 0.01);
    let input = formula_input(batch, size);
    let targets = one_hot(&(0..batch).map(|i| i % CLASSES).collect::<Vec<_>>());
    let mut rng = Pcg64Mcg::new(1);
    let mut times = Vec::new();
    for _ in 0..6 {
        let start = Instant::now();
        net.step(&input, batch, size, &|logits| cross_entropy(logits, &targets), Some(&mut rng))?;
        net.apply(&mut optimizer);
        times.push(start.elapsed().as_secs_f64() * 1e3 / batch as f64);
    }
    times.remove(0);
    times.sort_by(f64::total_cmp);
    Ok(times)
}
