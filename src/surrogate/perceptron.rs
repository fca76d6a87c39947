//! One network: a multilayer perceptron whose derivative along a direction can itself be differentiated.

use burn::module::Module;
use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::Device;
use burn::tensor::Tensor;
use burn::tensor::TensorData;
use burn::tensor::activation::sigmoid;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// The sizes of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Number of inputs.
    pub n_inputs: usize,
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Which values pass through a sigmoid, so that they lie in 0..1; its length is the number of values.
    pub bounded: Vec<bool>,
    /// Number of labels: logits of the probability that a value is there.
    pub n_labels: usize,
}

impl Shape {
    /// Number of values.
    pub fn n_values(&self) -> usize {
        self.bounded.len()
    }

    /// Inputs and outputs of every layer.
    pub fn layers(&self) -> Vec<(usize, usize)> {
        let mut sizes = vec![self.n_inputs];
        sizes.extend(&self.hidden);
        sizes.push(self.n_values() + self.n_labels);
        sizes.windows(2).map(|pair| (pair[0], pair[1])).collect()
    }

    /// Number of weights of one network.
    pub fn n_weights(&self) -> usize {
        self.layers().iter().map(|(n, m)| n * m + m).sum()
    }
}

/// Values, logits of labels, and the derivatives of the values along a direction.
pub(super) struct Varied {
    pub(super) values: Tensor<2>,
    pub(super) slopes: Tensor<2>,
}

/// A multilayer perceptron with x·σ(x) between its layers.
#[derive(Module, Debug)]
pub(super) struct Perceptron {
    layers: Vec<Linear>,
}

impl Perceptron {
    /// A network with weights that keep the variance of what passes through it.
    ///
    /// Source: He et al., Proc. ICCV (2015) 1026.
    pub(super) fn drawn(shape: &Shape, random: &mut ChaCha8Rng, device: &Device) -> Self {
        let layers = shape.layers();
        let n_layers = layers.len();
        let mut weights = Vec::new();
        for (position, (n, m)) in layers.into_iter().enumerate() {
            let gain: f32 = if position + 1 == n_layers { 1.0 } else { 6.0 };
            #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
            let reach = (gain / n as f32).sqrt();
            weights.extend((0..n * m).map(|_| random.random_range(-reach..reach)));
            weights.extend(std::iter::repeat_n(0.0, m));
        }
        Self::from_weights(shape, &weights, device)
    }

    /// A network with given weights: for each layer its matrix row by row, then its offsets.
    pub(super) fn from_weights(shape: &Shape, weights: &[f32], device: &Device) -> Self {
        let mut rest = weights;
        let mut take = |n: usize| {
            let (taken, left) = rest.split_at(n);
            rest = left;
            taken.to_vec()
        };
        let layers = shape.layers().into_iter().map(|(n, m)| Linear {
            weight: Param::from_data(TensorData::new(take(n * m), [n, m]), device),
            bias: Some(Param::from_data(TensorData::new(take(m), [m]), device)),
        });
        Self {
            layers: layers.collect(),
        }
    }

    /// The weights, as [`Perceptron::from_weights`] takes them.
    pub(super) fn weights(&self) -> Vec<f32> {
        let tensors = self.layers.iter().flat_map(|layer| {
            let bias = layer.bias.as_ref().map(|bias| numbers(bias.val()));
            [Some(numbers(layer.weight.val())), bias]
        });
        tensors.flatten().flatten().collect()
    }

    /// The last layer's output before sigmoids.
    fn raw(&self, mut x: Tensor<2>) -> Tensor<2> {
        let (last, hidden) = self.layers.split_last().expect("at least one layer");
        for layer in hidden {
            let z = layer.forward(x);
            x = z.clone() * sigmoid(z);
        }
        last.forward(x)
    }

    /// Values and logits of labels.
    pub(super) fn forward(&self, x: Tensor<2>, bounds: &Bounds) -> (Tensor<2>, Tensor<2>) {
        let raw = self.raw(x);
        let n = bounds.n_values;
        let logits = raw.clone().slice([0..raw.dims()[0], n..raw.dims()[1]]);
        let rows = raw.dims()[0];
        (bounds.apply(raw.slice([0..rows, 0..n])), logits)
    }

    /// Values and their derivatives along a direction `t` of the inputs, by the chain rule layer by layer.
    pub(super) fn varied(&self, mut x: Tensor<2>, mut t: Tensor<2>, bounds: &Bounds) -> Varied {
        let (last, hidden) = self.layers.split_last().expect("at least one layer");
        for layer in hidden {
            let z = layer.forward(x);
            let along = t.matmul(layer.weight.val());
            let s = sigmoid(z.clone());
            x = z.clone() * s.clone();
            t = along * (s.clone() + z * s.clone() * (s.neg() + 1.0));
        }
        let raw = last.forward(x);
        let rows = raw.dims()[0];
        let of_values = [0..rows, 0..bounds.n_values];
        let slopes = t.matmul(last.weight.val()).slice(of_values.clone());
        let raw = raw.slice(of_values);
        Varied {
            slopes: slopes * bounds.slope(raw.clone()),
            values: bounds.apply(raw),
        }
    }

    /// The same network with weights that ask for no derivatives.
    pub(super) fn still(self) -> Self {
        self.no_grad()
    }
}

/// Which values pass through a sigmoid.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    pub(super) n_values: usize,
    /// One for bounded values, zero for others, `1 × n_values`.
    bounded: Tensor<2>,
    free: Tensor<2>,
}

impl Bounds {
    pub(super) fn new(shape: &Shape, device: &Device) -> Self {
        let n = shape.n_values();
        let ones = |wanted: bool| {
            let ones = shape
                .bounded
                .iter()
                .map(|b| f32::from(u8::from(*b == wanted)));
            let ones: Vec<f32> = ones.collect();
            Tensor::<2>::from_data(TensorData::new(ones, [1, n]), device)
        };
        Self {
            n_values: n,
            bounded: ones(true),
            free: ones(false),
        }
    }

    fn apply(&self, raw: Tensor<2>) -> Tensor<2> {
        sigmoid(raw.clone()) * self.bounded.clone() + raw * self.free.clone()
    }

    /// Derivative of what [`Bounds::apply`] gives.
    fn slope(&self, raw: Tensor<2>) -> Tensor<2> {
        let s = sigmoid(raw);
        s.clone() * (s.neg() + 1.0) * self.bounded.clone() + self.free.clone()
    }
}

/// Where networks learn: the processor, or with the feature `gpu` the first CUDA device.
pub(super) fn learning_device() -> Device {
    #[cfg(feature = "gpu")]
    let device = Device::cuda(0usize);
    #[cfg(not(feature = "gpu"))]
    let device = Device::flex();
    device
}

/// The numbers of a tensor, row by row.
pub(super) fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor
        .into_data()
        .try_to_vec()
        .expect("networks compute with f32")
}
