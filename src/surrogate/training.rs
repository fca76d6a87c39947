//! Networks learn values, their derivatives and where there are none.

use burn::module::Module;
use burn::optim::AdamConfig;
use burn::optim::GradientsParams;
use burn::tensor::Device;
use burn::tensor::Int;
use burn::tensor::Tensor;
use burn::tensor::TensorData;
use rand::RngExt;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_distr::Distribution;
use rand_distr::StandardNormal;
use thiserror::Error;

use super::perceptron::Bounds;
use super::perceptron::Perceptron;
use super::perceptron::Shape;
use super::perceptron::learning_device;
use crate::numerics::fingerprint::fingerprint;

/// Samples of one step.
const BATCH: usize = 64;
/// Samples with derivatives of one step.
const SLOPE_BATCH: usize = 64;
/// First rate of learning; it falls to nothing along a cosine.
const LEARNING_RATE: f64 = 2e-3;
/// Weight of the labels' errors.
const LABEL_WEIGHT: f64 = 0.05;
/// Epochs without a better validation after which a network has learned enough, as a share of all epochs.
const PATIENCE_SHARE: f64 = 0.5;

/// What networks learn from. Values are encoded; what is not a number is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lessons {
    /// Inputs, `n × n_inputs`.
    pub inputs: Vec<f32>,
    /// Values, `n × n_values`.
    pub values: Vec<f32>,
    /// Whether the values of each label are there, 1 or 0, `n × n_labels`.
    pub labels: Vec<f32>,
    /// Inputs of the samples that have derivatives, `m × n_inputs`.
    pub slope_inputs: Vec<f32>,
    /// Derivatives of the values by the inputs, `m × n_values × n_inputs`.
    pub slopes: Vec<f32>,
    /// Weights of the values' errors, `n_values`.
    pub weights: Vec<f32>,
    /// Inputs that no derivatives are known by.
    pub blind: Vec<usize>,
}

/// How long and how networks learn.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// Passes through the samples at most.
    pub epochs: usize,
    /// Weight of the derivatives' errors beside those of the values.
    pub slope_weight: f64,
    /// Seed.
    pub seed: u64,
}

/// A network that has learned.
#[derive(Clone, Debug, PartialEq)]
pub struct Learned {
    /// Its weights.
    pub weights: Vec<f32>,
    /// Mean square of the encoded values' errors on the validation samples, at the epoch that is kept.
    pub validation: f32,
    /// The epoch that is kept, counted from one.
    pub epoch: usize,
}

impl Learned {
    /// As a file: what it learned, its weights, a number that tells whether they have changed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.validation.to_le_bytes().to_vec();
        bytes.extend((self.epoch as u64).to_le_bytes());
        bytes.extend(self.weights.iter().flat_map(|w| w.to_le_bytes()));
        bytes.extend(fingerprint(&bytes).to_le_bytes());
        bytes
    }

    /// From the bytes of a file; `None` if they are damaged.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (content, check) = bytes.split_last_chunk::<8>()?;
        if fingerprint(content) != u64::from_le_bytes(*check) {
            return None;
        }
        let (validation, rest) = content.split_first_chunk::<4>()?;
        let (epoch, weights) = rest.split_first_chunk::<8>()?;
        let weights = weights
            .chunks_exact(4)
            .filter_map(|w| Some(f32::from_le_bytes(w.try_into().ok()?)));
        Some(Self {
            validation: f32::from_le_bytes(*validation),
            epoch: usize::try_from(u64::from_le_bytes(*epoch)).ok()?,
            weights: weights.collect(),
        })
    }
}

/// Why nothing can be learned.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LessonError {
    /// An input is not a number.
    #[error("input {position} is not a finite number")]
    Input {
        /// Its position.
        position: usize,
    },
    /// The lists do not fit together.
    #[error("{what}: {found} numbers, expected {expected}")]
    Length {
        /// Which list.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length that fits.
        expected: usize,
    },
    /// There is nothing to learn from.
    #[error("no samples")]
    Empty,
    /// Learning has failed: the errors are no numbers.
    #[error("training diverged at epoch {epoch}")]
    Diverged {
        /// The epoch.
        epoch: usize,
    },
    /// Somebody asked for an end.
    #[error("interrupted")]
    Interrupted,
}

impl Lessons {
    /// Number of samples.
    pub fn n_samples(&self, shape: &Shape) -> usize {
        self.inputs.len() / shape.n_inputs.max(1)
    }

    fn check(&self, shape: &Shape) -> Result<(), LessonError> {
        let n = self.n_samples(shape);
        let m = self.slope_inputs.len() / shape.n_inputs.max(1);
        if n == 0 {
            return Err(LessonError::Empty);
        }
        let lengths = [
            ("values", self.values.len(), n * shape.n_values()),
            ("labels", self.labels.len(), n * shape.n_labels),
            ("weights", self.weights.len(), shape.n_values()),
            (
                "derivatives",
                self.slopes.len(),
                m * shape.n_values() * shape.n_inputs,
            ),
        ];
        for (what, found, expected) in lengths {
            if found != expected {
                return Err(LessonError::Length {
                    what,
                    found,
                    expected,
                });
            }
        }
        let mut inputs = self.inputs.iter().chain(&self.slope_inputs);
        match inputs.position(|x| !x.is_finite()) {
            Some(position) => Err(LessonError::Input { position }),
            None => Ok(()),
        }
    }
}

/// Trains one network. Its draws come from the seed and its number alone, so networks may learn side by side.
///
/// Derivatives are learned along random directions: the mean of the squared error along many is that of the whole
/// Jacobian. Source: Czarnecki et al., Adv. Neural Inf. Process. Syst. 30 (2017) 4278 (Sobolev training); Kingma & Ba,
/// Proc. ICLR (2015) (Adam).
///
/// # Errors
/// [`LessonError`] if the samples do not fit, or if `goes_on` says no.
pub fn learn(
    shape: &Shape,
    (lessons, validation): (&Lessons, &Lessons),
    (course, member): (&Course, u64),
    goes_on: &dyn Fn(usize) -> bool,
) -> Result<Learned, LessonError> {
    lessons.check(shape)?;
    validation.check(shape)?;
    let mut random = ChaCha8Rng::seed_from_u64(course.seed);
    random.set_stream(member);
    let class = Class::new(shape, lessons);
    let mut network = Perceptron::drawn(shape, &mut random, &class.device);
    let mut adam = AdamConfig::new().init();
    let examination = Examination::new(shape, validation);
    let mut best = Learned {
        weights: Vec::new(),
        validation: f32::INFINITY,
        epoch: 0,
    };
    let n_steps = class.n_samples.div_ceil(BATCH);
    for epoch in 1..=course.epochs {
        for (step, batch) in class.batches(&mut random).into_iter().enumerate() {
            let done = ((epoch - 1) * n_steps + step) as f64 / (course.epochs * n_steps) as f64;
            let rate = LEARNING_RATE * 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
            let loss = class.loss(&network, &batch, (course.slope_weight, &mut random));
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = adam.step(rate.max(1e-7), network, gradients);
        }
        let error = examination.error(&network);
        if !error.is_finite() {
            return Err(LessonError::Diverged { epoch });
        }
        if error < best.validation {
            best = Learned {
                weights: network.weights(),
                validation: error,
                epoch,
            };
        }
        if !goes_on(epoch) {
            return Err(LessonError::Interrupted);
        }
        if (epoch - best.epoch) as f64 > PATIENCE_SHARE * course.epochs as f64 {
            break;
        }
    }
    Ok(best)
}

/// Samples as tensors.
struct Class {
    device: Device,
    bounds: Bounds,
    n_samples: usize,
    n_slopes: usize,
    n_inputs: usize,
    n_values: usize,
    inputs: Tensor<2>,
    values: Tensor<2>,
    /// Weights of the values, zero where there are none.
    there: Tensor<2>,
    weights: Vec<f32>,
    labels: Tensor<2>,
    slope_inputs: Vec<f32>,
    slopes: Vec<f32>,
    blind: Vec<usize>,
}

impl Class {
    fn new(shape: &Shape, lessons: &Lessons) -> Self {
        let device = learning_device().autodiff();
        let n = lessons.n_samples(shape);
        let tensor = |numbers: Vec<f32>, width: usize| {
            Tensor::<2>::from_data(TensorData::new(numbers, [n, width]), &device)
        };
        let (values, there) = masked(&lessons.values, &lessons.weights);
        Self {
            bounds: Bounds::new(shape, &device),
            n_samples: n,
            n_slopes: lessons.slope_inputs.len() / shape.n_inputs,
            n_inputs: shape.n_inputs,
            n_values: shape.n_values(),
            inputs: tensor(lessons.inputs.clone(), shape.n_inputs),
            values: tensor(values, shape.n_values()),
            there: tensor(there, shape.n_values()),
            labels: tensor(lessons.labels.clone(), shape.n_labels),
            weights: lessons.weights.clone(),
            slope_inputs: lessons.slope_inputs.clone(),
            slopes: lessons.slopes.clone(),
            blind: lessons.blind.clone(),
            device,
        }
    }

    /// All samples in a new order, in portions.
    fn batches(&self, random: &mut ChaCha8Rng) -> Vec<Vec<i32>> {
        let n = i32::try_from(self.n_samples).unwrap_or(i32::MAX);
        let mut order: Vec<i32> = (0..n).collect();
        order.shuffle(random);
        order.chunks(BATCH).map(<[i32]>::to_vec).collect()
    }

    fn loss(
        &self,
        network: &Perceptron,
        batch: &[i32],
        (slope_weight, random): (f64, &mut ChaCha8Rng),
    ) -> Tensor<1> {
        let rows = Tensor::<1, Int>::from_data(
            TensorData::new(batch.to_vec(), [batch.len()]),
            &self.device,
        );
        let select = |tensor: &Tensor<2>| tensor.clone().select(0, rows.clone());
        let (values, logits) = network.forward(select(&self.inputs), &self.bounds);
        let mut loss = mean_square((values, select(&self.values)), select(&self.there));
        loss = loss + cross_entropy(logits, select(&self.labels)) * LABEL_WEIGHT;
        if slope_weight > 0.0 && self.n_slopes > 0 {
            loss = loss + self.slope_loss(network, random) * slope_weight;
        }
        loss
    }

    /// Error of the derivatives of some samples along a random direction each.
    fn slope_loss(&self, network: &Perceptron, random: &mut ChaCha8Rng) -> Tensor<1> {
        let n = SLOPE_BATCH.min(self.n_slopes);
        let (mut inputs, mut directions) = (Vec::new(), Vec::new());
        let mut expected = Vec::new();
        let width = self.n_inputs * self.n_values;
        for _ in 0..n {
            let sample = random.random_range(0..self.n_slopes);
            inputs.extend(&self.slope_inputs[sample * self.n_inputs..(sample + 1) * self.n_inputs]);
            let mut direction: Vec<f32> = (0..self.n_inputs)
                .map(|_| StandardNormal.sample(random))
                .collect();
            self.blind.iter().for_each(|input| direction[*input] = 0.0);
            let jacobian = &self.slopes[sample * width..(sample + 1) * width];
            expected.extend(jacobian.chunks(self.n_inputs).map(|row| {
                let known = row.iter().zip(&direction).enumerate();
                let known = known.filter(|(input, _)| !self.blind.contains(input));
                known.map(|(_, (slope, d))| slope * d).sum::<f32>()
            }));
            directions.extend(direction);
        }
        let (expected, there) = masked(&expected, &self.weights);
        let tensor = |numbers: Vec<f32>, width: usize| {
            Tensor::<2>::from_data(TensorData::new(numbers, [n, width]), &self.device)
        };
        let inputs = tensor(inputs, self.n_inputs);
        let directions = tensor(directions, self.n_inputs);
        let varied = network.varied(inputs, directions, &self.bounds);
        let expected = tensor(expected, self.n_values);
        mean_robust((varied.slopes, expected), tensor(there, self.n_values))
    }
}

/// Samples that a network is judged by.
struct Examination {
    inputs: Tensor<2>,
    values: Tensor<2>,
    there: Tensor<2>,
    bounds: Bounds,
}

impl Examination {
    fn new(shape: &Shape, lessons: &Lessons) -> Self {
        let device = learning_device();
        let n = lessons.n_samples(shape);
        let tensor = |numbers: Vec<f32>, width: usize| {
            Tensor::<2>::from_data(TensorData::new(numbers, [n, width]), &device)
        };
        let (values, there) = masked(&lessons.values, &lessons.weights);
        Self {
            inputs: tensor(lessons.inputs.clone(), shape.n_inputs),
            values: tensor(values, shape.n_values()),
            there: tensor(there, shape.n_values()),
            bounds: Bounds::new(shape, &device),
        }
    }

    fn error(&self, network: &Perceptron) -> f32 {
        let (values, _) = network.valid().forward(self.inputs.clone(), &self.bounds);
        mean_square((values, self.values.clone()), self.there.clone()).into_scalar()
    }
}

/// Numbers with zeros where there are none, and their weights, zero where there are none.
fn masked(numbers: &[f32], weights: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let pairs = numbers.iter().zip(weights.iter().cycle());
    let pairs = pairs.map(|(v, w)| if v.is_finite() { (*v, *w) } else { (0.0, 0.0) });
    pairs.unzip()
}

/// Mean over what is there of the weighted squares, each value's weight being one over its variance.
fn mean_square((values, expected): (Tensor<2>, Tensor<2>), weights: Tensor<2>) -> Tensor<1> {
    let off = values - expected;
    let n_there = weights.clone().greater_elem(0.0).float().sum();
    (off.clone() * off * weights).sum() / (n_there + 1e-6)
}

/// Mean over what is there of √(1 + d²) − 1 of the weighted errors d, so that steep flanks do not rule the rest.
fn mean_robust((slopes, expected): (Tensor<2>, Tensor<2>), weights: Tensor<2>) -> Tensor<1> {
    let off = slopes - expected;
    let n_there = weights.clone().greater_elem(0.0).float().sum();
    let robust = (off.clone() * off * weights + 1.0).sqrt() - 1.0;
    robust.sum() / (n_there + 1e-6)
}

/// Mean over the labels of −ln of the probability that the logits give them.
fn cross_entropy(logits: Tensor<2>, labels: Tensor<2>) -> Tensor<1> {
    let from_zero = logits.clone().abs().neg().exp().log1p();
    (logits.clone().clamp_min(0.0) - logits * labels + from_zero).mean()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surrogate::network::Department;
    use crate::surrogate::network::Networks;

    const N_INPUTS: usize = 3;

    fn shape() -> Shape {
        Shape {
            n_inputs: N_INPUTS,
            hidden: vec![24, 24],
            bounded: vec![false, true],
            n_labels: 2,
        }
    }

    /// A smooth value, and one in 0..1 that is there on one side only.
    fn truth(x: &[f32]) -> ([f32; 2], [[f32; N_INPUTS]; 2]) {
        let s = 1.0 / (1.0 + (-3.0 * x[1]).exp());
        let there = if x[2] > -0.3 { 1.0 } else { f32::NAN };
        let first = (2.0 * x[0]).sin() + x[0] * x[1];
        let slopes = [
            [2.0 * (2.0 * x[0]).cos() + x[1], x[0], 0.0],
            [0.0, 3.0 * s * (1.0 - s) * there, 0.0],
        ];
        ([first, s * there], slopes)
    }

    fn lessons(n: usize, seed: u64, with_slopes: bool) -> Lessons {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut lessons = Lessons {
            weights: vec![1.0, 8.0],
            ..Lessons::default()
        };
        for _ in 0..n {
            let x: Vec<f32> = (0..N_INPUTS)
                .map(|_| random.random_range(-1.0..1.0))
                .collect();
            let (values, slopes) = truth(&x);
            lessons
                .labels
                .extend(values.map(|v| f32::from(u8::from(v.is_finite()))));
            lessons.values.extend(values);
            if with_slopes {
                lessons.slope_inputs.extend(&x);
                lessons.slopes.extend(slopes.as_flattened());
            }
            lessons.inputs.extend(x);
        }
        lessons
    }

    fn course(epochs: usize, slope_weight: f64) -> Course {
        Course {
            epochs,
            slope_weight,
            seed: 11,
        }
    }

    fn networks(learned: &Learned) -> Networks {
        let department = Department {
            values: vec![0, 1],
            inputs: (0..N_INPUTS).collect(),
            shape: shape(),
        };
        Networks::new(N_INPUTS, &[(department, vec![learned.weights.clone()])]).unwrap()
    }

    /// Root mean square error of the first value.
    fn error(learned: &Learned) -> f32 {
        let test = lessons(400, 99, false);
        let said = networks(learned).predict(&test.inputs);
        let pairs = said.mean.chunks(2).zip(test.values.chunks(2));
        (pairs.map(|(a, b)| (a[0] - b[0]).powi(2)).sum::<f32>() / 400.0).sqrt()
    }

    #[test]
    fn smooth_function_is_learned() {
        let both = (&lessons(600, 1, false), &lessons(100, 2, false));
        let learned = learn(&shape(), both, (&course(120, 0.0), 0), &|_| true).unwrap();
        assert!(error(&learned) < 0.05, "{}", error(&learned));
        let said = networks(&learned).predict(&[0.2, 0.1, 0.9, 0.2, 0.1, -0.9]);
        assert!(
            said.present[1] > 0.9 && said.present[3] < 0.1,
            "{:?}",
            said.present
        );
        assert!(
            said.mean
                .iter()
                .skip(1)
                .step_by(2)
                .all(|v| (0.0..=1.0).contains(v))
        );
    }

    #[test]
    fn derivatives_help_where_values_are_few() {
        let validation = lessons(100, 2, false);
        let trained = |with_slopes: bool| {
            let few = lessons(40, 1, with_slopes);
            learn(
                &shape(),
                (&few, &validation),
                (&course(800, 0.1), 0),
                &|_| true,
            )
            .unwrap()
        };
        let (with, without) = (error(&trained(true)), error(&trained(false)));
        assert!(with < 0.7 * without, "{with} with, {without} without");
    }

    #[test]
    fn same_seed_gives_the_same_network() {
        let both = (&lessons(100, 1, true), &lessons(50, 2, false));
        let once = |member| learn(&shape(), both, (&course(5, 0.1), member), &|_| true).unwrap();
        assert_eq!(once(0), once(0));
        assert_ne!(once(0).weights, once(1).weights);
        let bytes = once(0).to_bytes();
        assert_eq!(Learned::from_bytes(&bytes), Some(once(0)));
        assert_eq!(Learned::from_bytes(&bytes[1..]), None);
    }

    #[test]
    fn lessons_that_teach_nothing_are_told() {
        let validation = lessons(50, 2, false);
        let told = |lessons: &Lessons| {
            learn(
                &shape(),
                (lessons, &validation),
                (&course(2, 0.0), 0),
                &|_| true,
            )
            .unwrap_err()
        };
        assert_eq!(told(&Lessons::default()), LessonError::Empty);
        let mut wrong = lessons(10, 1, false);
        wrong.inputs[4] = f32::NAN;
        assert_eq!(told(&wrong), LessonError::Input { position: 4 });
        let mut wrong = lessons(10, 1, false);
        wrong.values.pop();
        assert!(matches!(
            told(&wrong),
            LessonError::Length {
                what: "values",
                found: 19,
                ..
            }
        ));
        let right = lessons(10, 1, false);
        let stopped = learn(
            &shape(),
            (&right, &validation),
            (&course(2, 0.0), 0),
            &|_| false,
        );
        assert_eq!(stopped.unwrap_err(), LessonError::Interrupted);
    }
}
