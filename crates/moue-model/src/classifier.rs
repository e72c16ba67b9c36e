//! The network, loaded and ready to read faces, on the CPU's compiled plan or on candle's devices.

use std::panic::{AssertUnwindSafe, catch_unwind};

use candle_core::Tensor;

use super::candle_net::CandleNet;
use super::device::Graphics;
use super::plan::{CpuPlan, PlanOptions};
use super::{
    DeviceChoice, Expression, FEATURE_CHANNELS, HeatMap, MEAN, ModelError, NetworkWeights, Reading, STD,
    softmax,
};

enum Engine {
    Cpu(Box<CpuPlan>),
    Candle(Box<CandleNet>),
}

/// A loaded network. It belongs to one thread, and owns its scratch memory.
pub struct Classifier {
    engine: Engine,
    head: Head,
    input_size: usize,
    device_name: String,
    device_note: Option<String>,
}

impl Classifier {
    /// Prepares `weights` on the chosen device; `threads` is the number of CPU threads, 0 for all.
    /// The network reads a plain grey picture once: a device or network that cannot is found out here.
    ///
    /// # Errors
    /// [`ModelError`] when the device was asked for by name and does not work, or when the network's
    /// values are no numbers.
    pub fn new(weights: &NetworkWeights, device: DeviceChoice, threads: usize) -> Result<Self, ModelError> {
        let mut notes = Vec::new();
        for &graphics in device.graphics() {
            match Self::on_graphics(weights, graphics) {
                Ok(classifier) => return Ok(classifier),
                Err(reason) if device == DeviceChoice::Auto => {
                    notes.push(format!("{} does not work here: {reason}", graphics.name()));
                }
                Err(reason) => {
                    return Err(ModelError::Device { device: graphics.name().to_owned(), reason });
                }
            }
        }
        let plan = CpuPlan::new(weights, PlanOptions { threads, isa: None })?;
        let threads = match plan.threads() {
            1 => "1 thread".to_owned(),
            n => format!("{n} threads"),
        };
        let name = format!("CPU, {threads}, {}", plan.isa());
        let mut classifier = Self::assembled(weights, Engine::Cpu(Box::new(plan)), name);
        classifier.probe()?;
        if !notes.is_empty() {
            classifier.device_note = Some(format!("{}; using the CPU", notes.join("; ")));
        }
        Ok(classifier)
    }

    /// The bindings to a graphics device panic where a library of its driver is missing.
    fn on_graphics(weights: &NetworkWeights, graphics: Graphics) -> Result<Self, String> {
        catch_unwind(AssertUnwindSafe(|| {
            let device = graphics.open()?;
            let net = CandleNet::new(weights, &device).map_err(|e| e.to_string())?;
            let engine = Engine::Candle(Box::new(net));
            let mut classifier = Self::assembled(weights, engine, graphics.name().to_owned());
            classifier.probe().map_err(|e| e.to_string())?;
            Ok(classifier)
        }))
        .unwrap_or_else(|_| Err("a library of its driver is missing or does not fit".into()))
    }

    fn assembled(weights: &NetworkWeights, engine: Engine, device_name: String) -> Self {
        let input_size = weights.input_size();
        Self { engine, head: Head::new(weights), input_size, device_name, device_note: None }
    }

    fn probe(&mut self) -> Result<(), ModelError> {
        self.classify(&vec![0.5; self.input_size * self.input_size]).map(drop)
    }

    /// For faces that come one at a time with pauses between them, as a camera's do: on the CPU, little work keeps to the
    /// caller's thread from now on. Readings stay the same to the bit.
    pub fn spare_threads(&mut self) {
        if let Engine::Cpu(plan) = &mut self.engine {
            plan.spare_threads();
        }
    }

    /// Input width and height in pixels.
    #[must_use]
    pub fn input_size(&self) -> usize {
        self.input_size
    }

    /// The device in words, for example "CPU, 2 threads, AVX-512".
    #[must_use]
    pub fn device_name(&self) -> &str {
        &self.device_name
    }

    /// Why another device than the wanted one is used, where that is so.
    #[must_use]
    pub fn device_note(&self) -> Option<&str> {
        self.device_note.as_deref()
    }

    /// Reads faces as one batch. `faces` is `[n, size, size]`, grey in 0..=1.
    ///
    /// # Errors
    /// [`ModelError`] when the length does not fit, the device fails, or a result is not finite.
    pub fn classify(&mut self, faces: &[f32]) -> Result<Vec<Reading>, ModelError> {
        let size = self.input_size;
        let n = faces.len() / (size * size);
        if n * size * size != faces.len() {
            return Err(ModelError::Input {
                expected: format!("a multiple of {size}x{size} values"),
                found: format!("{} values", faces.len()),
            });
        }
        if n == 0 {
            return Ok(Vec::new());
        }
        match &mut self.engine {
            Engine::Cpu(plan) => {
                let out = plan.forward_grey(faces, n, size)?;
                self.head.readings(out.logits, out.attention, out.features, (out.width, out.height))
            }
            Engine::Candle(net) => {
                let name = &self.device_name;
                let out = run_candle(net, faces, n, size).map_err(|e| device_failed(name, &e))?;
                self.head.readings(&out.logits, &out.attention, &out.features, (out.width, out.height))
            }
        }
    }
}

fn device_failed(device: &str, error: &candle_core::Error) -> ModelError {
    ModelError::Device { device: device.to_owned(), reason: error.to_string() }
}

/// candle's output on the host, features as `[n, h, w, 512]`.
struct HostOutput {
    logits: Vec<f32>,
    attention: Vec<f32>,
    features: Vec<f32>,
    height: usize,
    width: usize,
}

fn run_candle(net: &CandleNet, faces: &[f32], n: usize, size: usize) -> candle_core::Result<HostOutput> {
    let grey = Tensor::from_slice(faces, (n, 1, size, size), net.device())?;
    let channels = (0..3)
        .map(|c| grey.affine(1.0 / f64::from(STD[c]), -f64::from(MEAN[c]) / f64::from(STD[c])))
        .collect::<candle_core::Result<Vec<_>>>()?;
    let out = net.forward(&Tensor::cat(&channels, 1)?)?;
    let (_, _, height, width) = out.features.dims4()?;
    Ok(HostOutput {
        logits: out.logits.flatten_all()?.to_vec1()?,
        attention: out.attention.flatten_all()?.to_vec1()?,
        features: out.features.permute((0, 2, 3, 1))?.contiguous()?.flatten_all()?.to_vec1()?,
        height,
        width,
    })
}

/// The last layer, for the explanation, and the calibration.
struct Head {
    /// `[7, 512]`.
    weight: Vec<f32>,
    temperature: f32,
}

impl Head {
    fn new(weights: &NetworkWeights) -> Self {
        let weight = weights.tensors.get("fc.weight").map(|t| t.values.clone()).unwrap_or_default();
        Self { weight, temperature: weights.temperature() }
    }

    /// One reading for each seven logits; the shapes are those of [`Self::reading`], with the batch in front.
    fn readings(
        &self,
        logits: &[f32],
        attention: &[f32],
        features: &[f32],
        map: (usize, usize),
    ) -> Result<Vec<Reading>, ModelError> {
        let cells = map.0 * map.1;
        logits
            .chunks_exact(Expression::COUNT)
            .zip(attention.chunks_exact(cells))
            .zip(features.chunks_exact(cells * FEATURE_CHANNELS))
            .map(|((logits, attention), features)| self.reading(logits, attention, features, map))
            .collect()
    }

    /// `features` is `[h, w, 512]` before the attention, `attention` `[h, w]`; `map` is width and height.
    fn reading(
        &self,
        logits: &[f32],
        attention: &[f32],
        features: &[f32],
        (width, height): (usize, usize),
    ) -> Result<Reading, ModelError> {
        let logits: [f32; Expression::COUNT] = std::array::from_fn(|i| logits[i]);
        if let Some(at) = logits.iter().position(|v| !v.is_finite()) {
            return Err(ModelError::NotFinite {
                class: Expression::ALL[at].name().to_owned(),
                value: logits[at],
            });
        }
        let map = |values| HeatMap { width, height, values };
        let cells = features.chunks_exact(FEATURE_CHANNELS).zip(attention);
        let attended: Vec<f32> = cells.flat_map(|(cell, a)| cell.iter().map(move |f| a * f)).collect();
        let mut pooled = vec![0.0; FEATURE_CHANNELS];
        let share = 1.0 / attention.len().max(1) as f32;
        for cell in attended.chunks_exact(FEATURE_CHANNELS) {
            for (sum, value) in pooled.iter_mut().zip(cell) {
                *sum += share * value;
            }
        }
        let evidence = std::array::from_fn(|class| {
            let weight = &self.weight[class * FEATURE_CHANNELS..][..FEATURE_CHANNELS];
            let cells = attended.chunks_exact(FEATURE_CHANNELS);
            map(cells.map(|cell| cell.iter().zip(weight).map(|(f, w)| f * w).sum()).collect())
        });
        Ok(Reading {
            probabilities: softmax(&logits, self.temperature),
            logits,
            attention: map(attention.to_vec()),
            evidence,
            attended,
            pooled,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formula::{formula_weights, hashed_uniform};

    fn faces(n: usize, size: usize) -> Vec<f32> {
        hashed_uniform(n * size * size, 77).into_iter().map(|u| (u + 0.5) as f32).collect()
    }

    fn small_network(blocks: usize) -> NetworkWeights {
        let mut weights = formula_weights(blocks);
        weights.metadata.insert("input_size".into(), "80".into());
        weights.metadata.insert("temperature".into(), "1.7".into());
        weights
    }

    #[test]
    fn evidence_sums_up_to_the_logits() {
        for blocks in [1, 2] {
            let weights = small_network(blocks);
            let mut classifier = Classifier::new(&weights, DeviceChoice::Cpu, 2).unwrap();
            for reading in classifier.classify(&faces(2, 80)).unwrap() {
                assert_eq!(reading.pooled.len(), FEATURE_CHANNELS);
                for e in Expression::ALL {
                    let row = &weights.tensors["fc.weight"].values[e.index() * FEATURE_CHANNELS..];
                    let product = row.iter().zip(&reading.pooled).map(|(w, v)| w * v).sum::<f32>();
                    let map = &reading.evidence[e.index()];
                    let mean = map.values.iter().sum::<f32>() / map.values.len() as f32;
                    let bias = weights.tensors["fc.bias"].values[e.index()];
                    let logit = reading.logits[e.index()];
                    assert!(
                        (mean + bias - logit).abs() < 1e-3 * (1.0 + logit.abs()),
                        "{e}: {mean} + {bias} and {logit}"
                    );
                    assert!((product - mean).abs() < 1e-3 * (1.0 + mean.abs()), "{e}: {product} and {mean}");
                }
                assert!((reading.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                assert!(reading.attention.values.iter().all(|a| (0.0..=1.0).contains(a)));
            }
        }
    }

    #[test]
    fn candle_reads_what_the_plan_reads() {
        let weights = small_network(1);
        let mut plan = Classifier::new(&weights, DeviceChoice::Cpu, 1).unwrap();
        let net = CandleNet::new(&weights, &candle_core::Device::Cpu).unwrap();
        let mut candle = Classifier::assembled(&weights, Engine::Candle(Box::new(net)), "candle".into());
        candle.probe().unwrap();
        let (a, b) = (plan.classify(&faces(3, 80)).unwrap(), candle.classify(&faces(3, 80)).unwrap());
        for (a, b) in a.iter().zip(&b) {
            for (p, q) in a.logits.iter().zip(&b.logits) {
                assert!((p - q).abs() < 1e-3, "{p} and {q}");
            }
            for (p, q) in a.attention.values.iter().zip(&b.attention.values) {
                assert!((p - q).abs() < 1e-4, "{p} and {q}");
            }
        }
    }

    #[test]
    fn a_batch_reads_as_its_faces_alone() {
        let mut classifier = Classifier::new(&small_network(1), DeviceChoice::Cpu, 2).unwrap();
        let all = faces(3, 80);
        let batch = classifier.classify(&all).unwrap();
        for (i, face) in all.chunks(80 * 80).enumerate() {
            let alone = classifier.classify(face).unwrap();
            for (p, q) in alone[0].logits.iter().zip(&batch[i].logits) {
                assert!((p - q).abs() < 1e-4);
            }
        }
        assert!(classifier.classify(&[]).unwrap().is_empty());
        assert!(classifier.classify(&[0.0; 10]).unwrap_err().to_string().contains("80x80"));
    }

    #[test]
    fn results_that_are_no_numbers_are_errors() {
        let mut classifier = Classifier::new(&small_network(1), DeviceChoice::Cpu, 1).unwrap();
        assert!(matches!(classifier.classify(&[f32::NAN; 6400]), Err(ModelError::NotFinite { .. })));
    }

    #[test]
    fn a_network_whose_values_overflow_is_refused_at_once() {
        let mut weights = small_network(1);
        for value in &mut weights.tensors.get_mut("fc.weight").unwrap().values {
            *value = value.signum() * f32::MAX;
        }
        let error = Classifier::new(&weights, DeviceChoice::Cpu, 1).err().unwrap();
        assert!(matches!(error, ModelError::NotFinite { .. }), "{error}");
    }

    #[test]
    fn the_temperature_flattens() {
        let logits = [2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let (sharp, flat) = (softmax(&logits, 1.0), softmax(&logits, 4.0));
        assert!((sharp[0] - 2.0_f32.exp() / (2.0_f32.exp() + 6.0)).abs() < 1e-6);
        assert!(flat[0] < sharp[0] && flat[0] > flat[1]);
    }

    #[test]
    fn a_device_that_was_not_built_in_is_named() {
        let cases = [
            (DeviceChoice::Cuda, cfg!(feature = "cuda"), "cargo feature `cuda`"),
            (DeviceChoice::Metal, cfg!(feature = "metal"), "cargo feature `metal`"),
        ];
        for (device, compiled, feature) in cases {
            if !compiled {
                let error = Classifier::new(&small_network(1), device, 1).err().unwrap().to_string();
                assert!(error.contains(feature), "{error}");
            }
        }
        assert!(Classifier::new(&small_network(1), DeviceChoice::Auto, 1).is_ok());
    }
}
