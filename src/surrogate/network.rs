//! Ensembles of networks: means, spreads, derivatives; and their weights as a file.

use burn::module::Module;
use burn::tensor::Device;
use burn::tensor::Tensor;
use burn::tensor::TensorData;
use rayon::prelude::*;
use thiserror::Error;

use super::perceptron::Bounds;
use super::perceptron::Perceptron;
pub use super::perceptron::Shape;
use super::perceptron::numbers;
use crate::numerics::fingerprint::fingerprint;

/// Rows that are computed together: they stay in the processor's cache.
const CHUNK: usize = 512;
/// How a file of weights begins.
const MAGIC: &[u8; 8] = b"sulfitnn";
/// Layout of the file.
const VERSION: u32 = 1;

/// A file of weights that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WeightsError {
    /// It is shorter than its head, or than it says.
    #[error(
        "found {found} bytes, expected {expected}: the file is cut off; train again or fetch it again"
    )]
    CutOff {
        /// Bytes that are there.
        found: usize,
        /// Bytes that should be there.
        expected: usize,
    },
    /// It is something else.
    #[error("found something else, expected a file of weights; train again or fetch it again")]
    NotWeights,
    /// It has another layout.
    #[error("found layout {found} of weights, expected {VERSION}; train again with this version")]
    Version {
        /// The layout.
        found: u32,
    },
    /// Its bytes have changed.
    #[error("found other bytes than were written; train again or fetch it again")]
    Changed,
    /// It belongs to networks of another size.
    #[error("found {found} weights, expected {expected}: the file does not belong to this card")]
    Shape {
        /// Number of weights.
        found: usize,
        /// Number that the card asks for.
        expected: usize,
    },
    /// A weight is not a number.
    #[error("found a weight that is not a finite number ({position}); train again")]
    NotFinite {
        /// Its position.
        position: usize,
    },
}

/// What an ensemble says of many points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prediction {
    /// Mean over the networks, `n × n_values`.
    pub mean: Vec<f32>,
    /// Standard deviation over the networks, `n × n_values`.
    pub spread: Vec<f32>,
    /// Probability that the value is there, `n × n_labels`.
    pub present: Vec<f32>,
}

/// Networks of one shape.
#[derive(Clone, Debug)]
struct Ensemble {
    shape: Shape,
    members: Vec<Perceptron>,
    bounds: Bounds,
    device: Device,
}

impl Ensemble {
    /// Networks from the weights of each.
    ///
    /// # Errors
    /// [`WeightsError`] if their number does not fit or one is not a number.
    fn from_weights(shape: &Shape, members: &[Vec<f32>]) -> Result<Self, WeightsError> {
        let device = Device::flex();
        let expected = shape.n_weights();
        for weights in members {
            if weights.len() != expected {
                let found = weights.len();
                return Err(WeightsError::Shape { found, expected });
            }
            if let Some(position) = weights.iter().position(|w| !w.is_finite()) {
                return Err(WeightsError::NotFinite { position });
            }
        }
        let members = members.iter();
        Ok(Self {
            members: members
                .map(|weights| Perceptron::from_weights(shape, weights, &device).still())
                .collect(),
            bounds: Bounds::new(shape, &device),
            shape: shape.clone(),
            device,
        })
    }

    fn rows(&self, inputs: &[f32]) -> Tensor<2> {
        let shape = [inputs.len() / self.shape.n_inputs, self.shape.n_inputs];
        Tensor::from_data(TensorData::new(inputs.to_vec(), shape), &self.device)
    }

    /// Answers for the rows of one chunk.
    fn predict(&self, inputs: &[f32]) -> Prediction {
        let x = self.rows(inputs);
        let (values, logits): (Vec<Vec<f32>>, Vec<Vec<f32>>) = self
            .members
            .iter()
            .map(|member| {
                let (values, logits) = member.forward(x.clone(), &self.bounds);
                (numbers(values), numbers(logits))
            })
            .unzip();
        let mean = mean_of(&values);
        Prediction {
            spread: spread_of(&values, &mean),
            present: mean_of(&logits).into_iter().map(probability).collect(),
            mean,
        }
    }

    /// The means at one point and their derivatives by the inputs, `n_values × n_inputs`.
    fn jacobian(&self, input: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let n = self.shape.n_inputs;
        let repeated: Vec<f32> = (0..n).flat_map(|_| input.iter().copied()).collect();
        let x = self.rows(&repeated);
        let unit: Vec<f32> = (0..n * n)
            .map(|i| f32::from(u8::from(i / n == i % n)))
            .collect();
        let directions = self.rows(&unit);
        let (values, slopes): (Vec<Vec<f32>>, Vec<Vec<f32>>) = self
            .members
            .iter()
            .map(|member| {
                let varied = member.varied(x.clone(), directions.clone(), &self.bounds);
                (numbers(varied.values), numbers(varied.slopes.transpose()))
            })
            .unzip();
        let mut means = mean_of(&values);
        means.truncate(self.shape.n_values());
        (means, mean_of(&slopes))
    }

    /// Derivatives of one mean value by the inputs, for the rows of one chunk.
    fn gradient(&self, inputs: &[f32], value: usize) -> Vec<f32> {
        let device = self.device.clone().autodiff();
        let bounds = Bounds::new(&self.shape, &device);
        let of_member = |member: &Perceptron| {
            let shape = [inputs.len() / self.shape.n_inputs, self.shape.n_inputs];
            let data = TensorData::new(inputs.to_vec(), shape);
            let x = Tensor::<2>::from_data(data, &device).require_grad();
            let network = member.clone().train().still();
            let (values, _) = network.forward(x.clone(), &bounds);
            let gradients = values
                .slice([0..shape[0], value..value + 1])
                .sum()
                .backward();
            numbers(x.grad(&gradients).expect("the inputs ask for derivatives"))
        };
        let gradients: Vec<Vec<f32>> = self.members.iter().map(of_member).collect();
        mean_of(&gradients)
    }

    /// The weights of every network.
    fn weights(&self) -> Vec<Vec<f32>> {
        self.members.iter().map(Perceptron::weights).collect()
    }
}

/// What an ensemble is responsible for: some of the values, which depend on some of the inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Department {
    /// Positions of its values.
    pub values: Vec<usize>,
    /// Positions of its inputs.
    pub inputs: Vec<usize>,
    /// The sizes of its networks.
    pub shape: Shape,
}

/// Ensembles that share the values among them.
#[derive(Clone, Debug)]
pub struct Networks {
    n_inputs: usize,
    n_values: usize,
    departments: Vec<(Department, Ensemble)>,
}

impl Networks {
    /// Departments with the weights of their networks.
    ///
    /// # Errors
    /// [`WeightsError`] if weights do not fit their shapes or are no numbers.
    pub fn new(
        n_inputs: usize,
        departments: &[(Department, Vec<Vec<f32>>)],
    ) -> Result<Self, WeightsError> {
        let ensembles = departments.iter().map(|(department, weights)| {
            let ensemble = Ensemble::from_weights(&department.shape, weights)?;
            Ok((department.clone(), ensemble))
        });
        Ok(Self {
            n_inputs,
            n_values: departments.iter().map(|(d, _)| d.values.len()).sum(),
            departments: ensembles.collect::<Result<_, _>>()?,
        })
    }

    /// What each is responsible for.
    pub fn departments(&self) -> impl Iterator<Item = &Department> {
        self.departments.iter().map(|(department, _)| department)
    }

    /// Networks of each ensemble.
    pub fn n_members(&self) -> usize {
        let first = self.departments.first();
        first.map_or(0, |(_, ensemble)| ensemble.members.len())
    }

    /// Answers for many points, `n × n_inputs` row by row; chunks side by side.
    pub fn predict(&self, inputs: &[f32]) -> Prediction {
        let chunks: Vec<Prediction> = inputs
            .par_chunks(CHUNK * self.n_inputs)
            .map(|chunk| self.predict_chunk(chunk))
            .collect();
        let mut all = Prediction::default();
        for chunk in chunks {
            all.mean.extend(chunk.mean);
            all.spread.extend(chunk.spread);
            all.present.extend(chunk.present);
        }
        all
    }

    fn predict_chunk(&self, inputs: &[f32]) -> Prediction {
        let n = inputs.len() / self.n_inputs;
        let empty = vec![0.0; n * self.n_values];
        let mut whole = Prediction {
            mean: empty.clone(),
            spread: empty.clone(),
            present: empty,
        };
        for (department, ensemble) in &self.departments {
            let part = ensemble.predict(&self.inputs_of(department, inputs));
            let pairs = [
                (&mut whole.mean, part.mean),
                (&mut whole.spread, part.spread),
                (&mut whole.present, part.present),
            ];
            for (to, from) in pairs {
                let rows = from.chunks(department.values.len()).enumerate();
                for (row, numbers) in rows {
                    for (value, number) in department.values.iter().zip(numbers) {
                        to[row * self.n_values + value] = *number;
                    }
                }
            }
        }
        whole
    }

    /// The inputs of a department, row by row.
    fn inputs_of(&self, department: &Department, inputs: &[f32]) -> Vec<f32> {
        let rows = inputs.chunks(self.n_inputs);
        rows.flat_map(|row| department.inputs.iter().map(|input| row[*input]))
            .collect()
    }

    /// The means at one point and their derivatives by the inputs, `n_values × n_inputs`.
    pub fn jacobian(&self, input: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let mut means = vec![0.0; self.n_values];
        let mut slopes = vec![0.0; self.n_values * self.n_inputs];
        for (department, ensemble) in &self.departments {
            let (of_values, rows) = ensemble.jacobian(&self.inputs_of(department, input));
            let rows = rows.chunks(department.inputs.len());
            for ((value, mean), row) in department.values.iter().zip(of_values).zip(rows) {
                means[*value] = mean;
                for (input, slope) in department.inputs.iter().zip(row) {
                    slopes[value * self.n_inputs + input] = *slope;
                }
            }
        }
        (means, slopes)
    }

    /// Derivatives of one mean value by the inputs at many points, `n × n_inputs`, by burn's reverse mode.
    pub fn gradient(&self, inputs: &[f32], value: usize) -> Vec<f32> {
        let chunks: Vec<Vec<f32>> = inputs
            .par_chunks(CHUNK * self.n_inputs)
            .map(|chunk| self.gradient_chunk(chunk, value))
            .collect();
        chunks.concat()
    }

    fn gradient_chunk(&self, inputs: &[f32], value: usize) -> Vec<f32> {
        let mut whole = vec![0.0; inputs.len()];
        for (department, ensemble) in &self.departments {
            let Some(own) = department.values.iter().position(|v| *v == value) else {
                continue;
            };
            let part = ensemble.gradient(&self.inputs_of(department, inputs), own);
            let rows = part.chunks(department.inputs.len()).enumerate();
            for (row, slopes) in rows {
                for (input, slope) in department.inputs.iter().zip(slopes) {
                    whole[row * self.n_inputs + input] = *slope;
                }
            }
        }
        whole
    }

    /// All weights as a file: a head, the numbers (little-endian), a number that tells whether they have changed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let weights = self.departments.iter().flat_map(|(_, e)| e.weights());
        let weights: Vec<f32> = weights.flatten().collect();
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((weights.len() as u64).to_le_bytes());
        bytes.extend(weights.iter().flat_map(|w| w.to_le_bytes()));
        bytes.extend(fingerprint(&bytes).to_le_bytes());
        bytes
    }

    /// Networks from the bytes of a file.
    ///
    /// # Errors
    /// [`WeightsError`] with what is wrong.
    pub fn from_bytes(
        bytes: &[u8],
        n_inputs: usize,
        (departments, n_members): (&[Department], usize),
    ) -> Result<Self, WeightsError> {
        let of_each = departments.iter().map(|d| d.shape.n_weights() * n_members);
        let mut weights = weights_of(bytes, of_each.sum())?.into_iter();
        let departments: Vec<(Department, Vec<Vec<f32>>)> = departments
            .iter()
            .map(|department| {
                let n = department.shape.n_weights();
                let members = (0..n_members).map(|_| weights.by_ref().take(n).collect());
                (department.clone(), members.collect())
            })
            .collect();
        Self::new(n_inputs, &departments)
    }
}

/// The weights in a file, if they are all there and unchanged.
fn weights_of(bytes: &[u8], expected: usize) -> Result<Vec<f32>, WeightsError> {
    const HEAD: usize = 20;
    let length = HEAD + 4 * expected + 8;
    if bytes.len() < HEAD {
        let found = bytes.len();
        return Err(WeightsError::CutOff {
            found,
            expected: length,
        });
    }
    if &bytes[..8] != MAGIC {
        return Err(WeightsError::NotWeights);
    }
    let version = u32::from_le_bytes(array(&bytes[8..12]));
    if version != VERSION {
        return Err(WeightsError::Version { found: version });
    }
    let stated = u64::from_le_bytes(array(&bytes[12..HEAD]));
    let found = usize::try_from(stated).unwrap_or(usize::MAX);
    if found != expected {
        return Err(WeightsError::Shape { found, expected });
    }
    if bytes.len() != length {
        let found = bytes.len();
        return Err(WeightsError::CutOff {
            found,
            expected: length,
        });
    }
    let (content, check) = bytes.split_at(length - 8);
    if fingerprint(content) != u64::from_le_bytes(array(check)) {
        return Err(WeightsError::Changed);
    }
    let numbers = content[HEAD..].chunks_exact(4);
    Ok(numbers.map(|b| f32::from_le_bytes(array(b))).collect())
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the caller has cut it to length")
}

#[expect(clippy::cast_precision_loss, reason = "a handful of networks")]
fn mean_of(members: &[Vec<f32>]) -> Vec<f32> {
    let n = members.len() as f32;
    let length = members.first().map_or(0, Vec::len);
    (0..length)
        .map(|i| members.iter().map(|m| m[i]).sum::<f32>() / n)
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "a handful of networks")]
fn spread_of(members: &[Vec<f32>], mean: &[f32]) -> Vec<f32> {
    let degrees = (members.len() as f32 - 1.0).max(1.0);
    let spreads = mean.iter().enumerate().map(|(i, mean)| {
        let squares = members.iter().map(|m| (m[i] - mean).powi(2));
        (squares.sum::<f32>() / degrees).sqrt()
    });
    spreads.collect()
}

fn probability(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}
