//! The steps that the network is made of, with what each keeps for the backward pass.

use std::collections::BTreeMap;

use moue_kernels::train::{
    Bf16, ConvolutionShape, NormGradient, NormInput, NormStatistics, Shortcut, TrainConvolution, maps,
    norm_backward, norm_forward, norm_statistics,
};
use moue_kernels::{AlignedVec, FeatureMap, Isa, Pool};
use moue_model::{BlockSpec, ConvSpec};

use super::parameters::Parameter;

/// Learned tensors by state-dict name.
pub(super) type Parameters = BTreeMap<String, Parameter>;
/// Running statistics by state-dict name.
pub(super) type Running = BTreeMap<String, Vec<f32>>;

/// Part of the running statistics that a step replaces; PyTorch's default.
const MOMENTUM: f64 = 0.1;

/// What computes.
pub(super) struct Context {
    pub(super) pool: Pool,
    pub(super) isa: Isa,
    pub(super) bf16: Option<Bf16>,
}

/// A convolution and the batch-norm behind it.
pub(super) struct ConvNorm {
    pub(super) convolution: TrainConvolution,
    weight: String,
    norm: String,
    /// The convolution's output, without border.
    pub(super) z: AlignedVec<f32>,
    statistics: NormStatistics,
}

impl ConvNorm {
    /// Between a bordered `input` and an `output` without border. `back` is the shape of the input's gradient, where that
    /// is wanted.
    pub(super) fn new(
        context: &Context,
        spec: &ConvSpec,
        n: usize,
        input: FeatureMap,
        output: FeatureMap,
        back: Option<FeatureMap>,
    ) -> Self {
        let ConvSpec { kernel, stride, .. } = *spec;
        let gradient = FeatureMap { border: usize::from(kernel == 3), ..output };
        let shape = ConvolutionShape { n, input, output, gradient, kernel, stride };
        Self {
            convolution: TrainConvolution::new(context.isa, context.bf16.clone(), shape, back),
            weight: format!("{}.weight", spec.name),
            norm: spec.norm.clone(),
            z: maps(n, &output),
            statistics: NormStatistics::default(),
        }
    }

    /// Convolves, and measures the batch.
    pub(super) fn forward(
        &mut self,
        context: &Context,
        parameters: &Parameters,
        running: &mut Running,
        x: &[f32],
    ) {
        self.convolution.forward(&context.pool, &parameters[&self.weight].value, x, &mut self.z);
        let shape = *self.convolution.shape();
        let (n, map) = (shape.n, shape.output);
        let pixels = map.height * map.width;
        self.statistics = norm_statistics(&context.pool, context.isa, &self.z, n, map.channels, pixels);
        // The running variance is the unbiased one.
        let count = self.statistics.count as f64;
        let unbiased = count / (count - 1.0).max(1.0);
        for (part, values, factor) in [
            ("running_mean", &self.statistics.mean, 1.0),
            ("running_var", &self.statistics.variance, unbiased),
        ] {
            if let Some(kept) = running.get_mut(&format!("{}.{part}", self.norm)) {
                for (kept, value) in kept.iter_mut().zip(values) {
                    *kept =
                        ((1.0 - MOMENTUM) * f64::from(*kept) + MOMENTUM * factor * f64::from(*value)) as f32;
                }
            }
        }
    }

    /// The batch-norm's input.
    pub(super) fn norm<'a>(&'a self, parameters: &'a Parameters) -> NormInput<'a> {
        NormInput {
            z: &self.z,
            statistics: &self.statistics,
            gamma: &parameters[&format!("{}.weight", self.norm)].value,
            beta: &parameters[&format!("{}.bias", self.norm)].value,
        }
    }

    /// Stores the batch-norm's gradient.
    pub(super) fn keep(&self, parameters: &mut Parameters, gradient: NormGradient) {
        for (part, values) in [("weight", gradient.gamma), ("bias", gradient.beta)] {
            if let Some(parameter) = parameters.get_mut(&format!("{}.{part}", self.norm)) {
                parameter.gradient = values;
            }
        }
    }

    /// Backward through the ReLU (where `output` is given) and the batch-norm.
    pub(super) fn backward_norm(
        &self,
        context: &Context,
        parameters: &mut Parameters,
        output: Option<(&[f32], &FeatureMap)>,
        g: &mut [f32],
        dz: &mut [f32],
    ) {
        let shape = self.convolution.shape();
        let input = self.norm(parameters);
        let gradient =
            norm_backward(&context.pool, context.isa, &input, output, g, shape.n, &shape.gradient, dz);
        self.keep(parameters, gradient);
    }

    /// The gradient of the convolution's weights.
    pub(super) fn backward_weights(
        &mut self,
        context: &Context,
        parameters: &mut Parameters,
        x: &[f32],
        dz: &[f32],
    ) {
        if let Some(parameter) = parameters.get_mut(&self.weight) {
            self.convolution.backward_weights(&context.pool, x, dz, &mut parameter.gradient);
        }
    }

    /// The gradient of the convolution's input.
    pub(super) fn backward_input(
        &mut self,
        context: &Context,
        parameters: &Parameters,
        dz: &[f32],
        to: &mut [f32],
        accumulate: bool,
    ) {
        self.convolution.backward_input(&context.pool, &parameters[&self.weight].value, dz, to, accumulate);
    }
}

/// Gradients of one layer's maps; its blocks share them.
pub(super) struct LayerGradients {
    /// Of a block's output, then of its input where that has the same shape. No border.
    pub(super) g: AlignedVec<f32>,
    inner: AlignedVec<f32>,
    dz: AlignedVec<f32>,
    dz_shortcut: AlignedVec<f32>,
}

impl LayerGradients {
    pub(super) fn new(n: usize, plain: &FeatureMap) -> Self {
        let bordered = FeatureMap { border: 1, ..*plain };
        Self { g: maps(n, plain), inner: maps(n, plain), dz: maps(n, &bordered), dz_shortcut: maps(n, plain) }
    }
}

/// A residual block.
pub(super) struct Block {
    first: ConvNorm,
    second: ConvNorm,
    shortcut: Option<ConvNorm>,
    inner: AlignedVec<f32>,
    /// The output, bordered.
    pub(super) out: AlignedVec<f32>,
    /// The output's shape.
    pub(super) map: FeatureMap,
    /// 0 to 3.
    pub(super) layer: usize,
}

impl Block {
    /// Behind a bordered map.
    pub(super) fn new(context: &Context, n: usize, spec: &BlockSpec, from: &FeatureMap) -> Self {
        let BlockSpec { layer, first, second, shortcut } = spec;
        let (height, width) = (from.height.div_ceil(first.stride), from.width.div_ceil(first.stride));
        let map = FeatureMap { height, width, channels: first.c_out, border: 1 };
        let conv = |spec: &ConvSpec, input: FeatureMap| {
            let plain = FeatureMap { border: 0, ..map };
            ConvNorm::new(context, spec, n, input, plain, Some(FeatureMap { border: 0, ..input }))
        };
        Self {
            first: conv(first, *from),
            second: conv(second, map),
            shortcut: shortcut.as_ref().map(|spec| conv(spec, *from)),
            inner: maps(n, &map),
            out: maps(n, &map),
            map,
            layer: *layer,
        }
    }

    pub(super) fn forward(
        &mut self,
        context: &Context,
        parameters: &Parameters,
        running: &mut Running,
        x: &[f32],
    ) {
        let (pool, isa, n) = (&context.pool, context.isa, self.first.convolution.shape().n);
        self.first.forward(context, parameters, running, x);
        norm_forward(pool, isa, &self.first.norm(parameters), &Shortcut::None, n, &self.map, &mut self.inner);
        self.second.forward(context, parameters, running, &self.inner);
        if let Some(shortcut) = &mut self.shortcut {
            shortcut.forward(context, parameters, running, x);
        }
        let added = self.shortcut.as_ref().map_or(Shortcut::Same(x), |s| Shortcut::Norm(s.norm(parameters)));
        norm_forward(pool, isa, &self.second.norm(parameters), &added, n, &self.map, &mut self.out);
    }

    /// `layer.g` is the gradient of the output. The gradient of the input goes to `before` where the block has a
    /// stride, else to `layer.g`.
    pub(super) fn backward(
        &mut self,
        context: &Context,
        parameters: &mut Parameters,
        x: &[f32],
        layer: &mut LayerGradients,
        before: Option<&mut [f32]>,
    ) {
        let LayerGradients { g, inner, dz, dz_shortcut } = layer;
        self.second.backward_norm(context, parameters, Some((&self.out, &self.map)), g, dz);
        if let Some(shortcut) = &self.shortcut {
            shortcut.backward_norm(context, parameters, None, g, dz_shortcut);
        }
        self.second.backward_weights(context, parameters, &self.inner, dz);
        self.second.backward_input(context, parameters, dz, inner, false);
        self.first.backward_norm(context, parameters, Some((&self.inner, &self.map)), inner, dz);
        self.first.backward_weights(context, parameters, x, dz);
        match (&mut self.shortcut, before) {
            (Some(shortcut), Some(before)) => {
                shortcut.backward_weights(context, parameters, x, dz_shortcut);
                self.first.backward_input(context, parameters, dz, before, false);
                shortcut.backward_input(context, parameters, dz_shortcut, before, true);
            }
            _ => self.first.backward_input(context, parameters, dz, g, true),
        }
    }
}
