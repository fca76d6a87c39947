//! Ensembles of networks: means, spreads, derivatives; and their weights as a file.

use burn::module::Module;
use burn::tensor::Device;
use burn::tensor::Tensor;
use burn::tensor::TensorData;
use rayon::prelude::*;
use thiserror::Error;

use super::forward::Forward;
use super::forward::Room;
use super::forward::sigmoid;
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
    /// The same networks, laid out for the forward pass of many rows.
    forward: Vec<Forward>,
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
        Ok(Self {
            forward: members
                .iter()
                .map(|weights| Forward::new(shape, weights))
                .collect(),
            members: members
                .iter()
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
        let n = inputs.len() / self.shape.n_inputs;
        let (n_values, n_labels) = (self.shape.n_values(), self.shape.n_labels);
        let mut room = Room::default();
        let mut members: Vec<Vec<f32>> = Vec::new();
        let mut logits = vec![0.0; n * n_labels];
        for forward in &self.forward {
            let (raw, width) = forward.run(inputs, &mut room);
            let mut values = Vec::with_capacity(n * n_values);
            for (row, logits) in raw
                .chunks_exact(width)
                .zip(logits.chunks_mut(n_labels.max(1)))
            {
                let bounded = row.iter().zip(&self.shape.bounded);
                values.extend(bounded.map(|(z, b)| if *b { sigmoid(*z) } else { *z }));
                let of_labels = &row[n_values..n_values + n_labels];
                logits
                    .iter_mut()
                    .zip(of_labels)
                    .for_each(|(sum, z)| *sum += z);
            }
            members.push(values);
        }
        #[expect(clippy::cast_precision_loss, reason = "a handful of networks")]
        let n_members = self.forward.len() as f32;
        let mean = mean_of(&members);
        Prediction {
            spread: spread_of(&members, &mean),
            present: logits
                .into_iter()
                .map(|sum| sigmoid(sum / n_members))
                .collect(),
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
    /// A number for the bytes of their file.
    fingerprint: u64,
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
        let mut networks = Self {
            n_inputs,
            n_values: departments.iter().map(|(d, _)| d.values.len()).sum(),
            departments: ensembles.collect::<Result<_, _>>()?,
            fingerprint: 0,
        };
        networks.fingerprint = fingerprint(&networks.to_bytes());
        Ok(networks)
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

    /// A number for the bytes of their file.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
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

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn department(inputs: &[usize], values: &[usize], bounded: bool) -> Department {
        Department {
            values: values.to_vec(),
            inputs: inputs.to_vec(),
            shape: Shape {
                n_inputs: inputs.len(),
                hidden: vec![20, 9],
                bounded: vec![bounded; values.len()],
                n_labels: values.len(),
            },
        }
    }

    /// Two departments that share five inputs and three values.
    fn networks(seed: u64) -> Networks {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let departments = [
            department(&[0, 2, 4], &[1], true),
            department(&[1, 2, 3], &[0, 2], false),
        ];
        let departments = departments.map(|department| {
            let n = department.shape.n_weights();
            let mut member = || (0..n).map(|_| random.random_range(-0.7..0.7)).collect();
            let members = vec![member(), member(), member()];
            (department, members)
        });
        Networks::new(5, &departments).unwrap()
    }

    fn points(n: usize) -> Vec<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        (0..5 * n).map(|_| random.random_range(-1.0..1.0)).collect()
    }

    /// The fast forward pass says what burn says, for any number of rows.
    #[test]
    fn fast_pass_is_that_of_burn() {
        let networks = networks(1);
        for n in [1, 5, 6, 7, 1100] {
            let points = points(n);
            let fast = networks.predict(&points);
            for (department, ensemble) in &networks.departments {
                let x = ensemble.rows(&networks.inputs_of(department, &points));
                let members = ensemble.members.iter();
                let of_each: Vec<Vec<f32>> = members
                    .map(|member| numbers(member.forward(x.clone(), &ensemble.bounds).0))
                    .collect();
                let (mean, width) = (mean_of(&of_each), department.values.len());
                let spread = spread_of(&of_each, &mean);
                for (i, mean) in mean.iter().enumerate() {
                    let at = (i / width) * 3 + department.values[i % width];
                    assert!((fast.mean[at] - mean).abs() < 1e-5);
                    assert!((fast.spread[at] - spread[i]).abs() < 1e-5);
                }
            }
            assert!(fast.present.iter().all(|p| (0.0..=1.0).contains(p)));
        }
    }

    /// Forward mode, reverse mode and differences agree, and inputs of other departments do not matter.
    #[test]
    fn derivatives_agree() {
        let networks = networks(2);
        let points = points(4);
        let reverse: Vec<Vec<f32>> = (0..3)
            .map(|value| networks.gradient(&points, value))
            .collect();
        for (row, point) in points.chunks(5).enumerate() {
            let (means, jacobian) = networks.jacobian(point);
            let there = networks.predict(point);
            for value in 0..3 {
                assert!((means[value] - there.mean[value]).abs() < 1e-5);
                for input in 0..5 {
                    let forward = jacobian[value * 5 + input];
                    assert!((forward - reverse[value][row * 5 + input]).abs() < 1e-5);
                    let moved = |side: f32| {
                        let mut moved = point.to_vec();
                        moved[input] += side * 1e-2;
                        networks.predict(&moved).mean[value]
                    };
                    let difference = (moved(1.0) - moved(-1.0)) / 2e-2;
                    assert!((forward - difference).abs() < 1e-3 * (1.0 + forward.abs()));
                }
            }
            assert!(jacobian[5 + 1].abs() < f32::MIN_POSITIVE);
        }
    }

    #[test]
    fn same_bits_on_any_number_of_threads() {
        let networks = networks(3);
        let points = points(3000);
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| networks.predict(&points))
        };
        assert_eq!(on(1), on(2));
    }

    #[test]
    fn weights_come_back_as_they_were() {
        let networks = networks(4);
        let bytes = networks.to_bytes();
        let departments: Vec<Department> = networks.departments().cloned().collect();
        let back = Networks::from_bytes(&bytes, 5, (&departments, 3)).unwrap();
        let points = points(9);
        assert_eq!(back.predict(&points), networks.predict(&points));
    }

    #[test]
    fn damaged_weights_are_told() {
        let networks = networks(5);
        let bytes = networks.to_bytes();
        let departments: Vec<Department> = networks.departments().cloned().collect();
        let read = |bytes: &[u8], members: usize| {
            let read = Networks::from_bytes(bytes, 5, (&departments, members));
            read.map(|_| ()).unwrap_err()
        };
        assert!(matches!(
            read(&bytes[..10], 3),
            WeightsError::CutOff { found: 10, .. }
        ));
        assert!(matches!(
            read(&bytes[..bytes.len() - 1], 3),
            WeightsError::CutOff { .. }
        ));
        assert!(matches!(read(&bytes, 2), WeightsError::Shape { .. }));
        let mut other = bytes.clone();
        other[0] = b'X';
        assert_eq!(read(&other, 3), WeightsError::NotWeights);
        let mut other = bytes.clone();
        other[8] = 9;
        assert_eq!(read(&other, 3), WeightsError::Version { found: 9 });
        let mut other = bytes.clone();
        other[40] ^= 1;
        assert_eq!(read(&other, 3), WeightsError::Changed);
        let mut weights: Vec<Vec<f32>> = networks.departments[0].1.weights();
        weights[0][2] = f32::NAN;
        let departments = [(departments[0].clone(), weights)];
        let error = Networks::new(5, &departments).map(|_| ()).unwrap_err();
        assert_eq!(error, WeightsError::NotFinite { position: 2 });
    }
}
