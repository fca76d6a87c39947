//! What a surrogate shall answer: the axes of its box, its outputs, and how much is simulated for it.

use std::sync::Arc;

use crate::mechanism::Mechanism;
use crate::mechanism::ParameterId;
use crate::mechanism::Scale;
use crate::numerics::fingerprint::fingerprint;
use crate::numerics::scalar::Scalar;
use crate::observe::Observable;
use crate::protocol::Protocol;
use crate::protocol::Step;
use crate::simulate::Resolution;
use crate::units::Unit;

/// Mean voltage of a discharge (V) that no metal-sulfur cell exceeds; it bounds what energies networks may answer.
const VOLTAGE_MAX_V: f64 = 2.5;

/// What varies along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// The value of a parameter of the mechanism.
    Parameter(ParameterId),
    /// The current of the cycles of one step, as a multiple of 1C.
    Rate {
        /// Position of the protocol.
        protocol: usize,
        /// The step, counted from zero.
        step: usize,
    },
}

/// One side of the box.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Name: that of the parameter, or `c_rate`.
    pub name: String,
    /// The unit it is told in.
    pub unit: Unit,
    /// What varies.
    pub quantity: Quantity,
    /// The scale on which points lie evenly.
    pub scale: Scale,
    /// Lowest value (SI).
    pub lower: f64,
    /// Highest value (SI).
    pub upper: f64,
}

impl Axis {
    /// Centre and half width on the axis' scale.
    fn span(&self) -> (f64, f64) {
        let lower = self.scale.to_coordinate(self.lower);
        let upper = self.scale.to_coordinate(self.upper);
        (0.5 * (lower + upper), 0.5 * (upper - lower))
    }

    /// From a value (SI) to −1 at the lower side to 1 at the upper side.
    pub fn coordinate<S: Scalar>(&self, value: S) -> S {
        let (centre, half) = self.span();
        let on_scale = match self.scale {
            Scale::Ln => value.ln(),
            Scale::Linear => value,
        };
        (on_scale - centre) / half
    }

    /// The value (SI) at a coordinate.
    pub fn value<S: Scalar>(&self, coordinate: S) -> S {
        let (centre, half) = self.span();
        self.scale.to_value(coordinate * half + centre)
    }
}

/// How a value becomes a number that a network learns well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Transform {
    /// The value over the highest that is possible, which lies in 0..1 whatever the network says.
    Share {
        /// The highest value.
        highest: f64,
    },
    /// The value itself.
    Linear,
    /// ln(value) of what is positive.
    Ln,
    /// ln(−value) of what is negative.
    LnOfNegative,
}

impl Transform {
    /// From value to network; not a number where the value has none.
    pub fn apply(self, value: f64) -> f64 {
        match self {
            Self::Share { highest } => (value / highest).clamp(0.0, 1.0),
            Self::Linear => value,
            Self::Ln if value > 0.0 => value.ln(),
            Self::LnOfNegative if value < 0.0 => (-value).ln(),
            Self::Ln | Self::LnOfNegative => f64::NAN,
        }
    }

    /// From network to value.
    pub fn invert(self, number: f64) -> f64 {
        match self {
            Self::Share { highest } => number * highest,
            Self::Linear => number,
            Self::Ln => number.exp(),
            Self::LnOfNegative => -number.exp(),
        }
    }

    /// Derivative of the value by the number of the network.
    pub fn slope(self, number: f64) -> f64 {
        match self {
            Self::Share { highest } => highest,
            Self::Linear => 1.0,
            Self::Ln => number.exp(),
            Self::LnOfNegative => -number.exp(),
        }
    }

    /// Whether numbers lie in 0..1.
    pub fn is_bounded(self) -> bool {
        matches!(self, Self::Share { .. })
    }
}

/// What is read for an output.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// One number.
    Number(Observable),
    /// A curve: the same reading at many places.
    Curve {
        /// What lies along it, with its unit.
        abscissa: &'static str,
        /// Where it is read.
        at: Vec<f64>,
        /// The readings there.
        points: Vec<Observable>,
    },
}

/// One output.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Name, unique.
    pub name: String,
    /// Position of its protocol.
    pub protocol: usize,
    /// What is read.
    pub reading: Reading,
}

impl Output {
    /// The readings, one or many.
    pub fn observables(&self) -> &[Observable] {
        match &self.reading {
            Reading::Number(observable) => std::slice::from_ref(observable),
            Reading::Curve { points, .. } => points,
        }
    }

    /// Whether it is a curve.
    pub fn is_curve(&self) -> bool {
        matches!(self.reading, Reading::Curve { .. })
    }

    /// The unit of its values.
    pub fn unit(&self) -> &'static str {
        self.observables().first().map_or("1", Observable::unit)
    }

    /// Transform of one of its readings; `highest` is the specific charge that defines 1C (mAh g⁻¹).
    pub fn transform(&self, position: usize, highest: f64) -> Transform {
        let observable = &self.observables()[position];
        match observable.unit() {
            "mAh g^-1" => Transform::Share { highest },
            "Wh kg^-1" => Transform::Share {
                highest: highest * VOLTAGE_MAX_V,
            },
            "ohm" | "ohm s^-1/2" | "s" if observable.is_negative() => Transform::LnOfNegative,
            "ohm" | "ohm s^-1/2" | "s" => Transform::Ln,
            // A ratio of capacities is enormous where the cell below it hardly works.
            _ if matches!(
                observable,
                Observable::CapacityRatio { .. } | Observable::Transference
            ) =>
            {
                Transform::Ln
            }
            _ => Transform::Linear,
        }
    }
}

/// What a point is simulated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Set {
    /// Networks learn from it.
    Training,
    /// Decides when a network has learned enough.
    Validation,
    /// Sets the width of intervals.
    Calibration,
    /// Tells the error; touches nothing else.
    Test,
}

impl Set {
    /// All of them, in the order in which they are simulated.
    pub const ALL: [Self; 4] = [
        Self::Training,
        Self::Validation,
        Self::Calibration,
        Self::Test,
    ];

    /// As it stands in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Validation => "validation",
            Self::Calibration => "calibration",
            Self::Test => "test",
        }
    }
}

/// How many points are simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// To learn from.
    pub training: usize,
    /// How many of these with derivatives: the first ones.
    pub with_slopes: usize,
    /// To stop by.
    pub validation: usize,
    /// To calibrate intervals with.
    pub calibration: usize,
    /// To tell the error.
    pub test: usize,
}

impl Budget {
    /// Number of points of a set.
    pub fn of(&self, set: Set) -> usize {
        match set {
            Set::Training => self.training,
            Set::Validation => self.validation,
            Set::Calibration => self.calibration,
            Set::Test => self.test,
        }
    }
}

/// What makes a cell a working one: a number above a threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Working {
    /// Position of the number.
    pub number: usize,
    /// Its threshold, in its unit.
    pub above: f64,
}

/// How networks learn.
#[derive(Clone, Debug, PartialEq)]
pub struct Learning {
    /// Networks of the ensemble.
    pub members: usize,
    /// Widths of their hidden layers.
    pub hidden: Vec<usize>,
    /// Widths for quantities of some units, which are harder to learn.
    pub hidden_of: Vec<(String, Vec<usize>)>,
    /// Passes through the data at most.
    pub epochs: usize,
    /// Weight of the derivatives' errors beside those of the values (1).
    pub slope_weight: f64,
}

impl Learning {
    /// Widths for quantities of a unit.
    pub fn hidden_for(&self, unit: &str) -> Vec<usize> {
        let own = self.hidden_of.iter().find(|(of, _)| of == unit);
        own.map_or(&self.hidden, |(_, hidden)| hidden).clone()
    }
}

/// What a surrogate shall answer, and what for it is simulated.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Name.
    pub name: String,
    /// The mechanism.
    pub mechanism: Arc<Mechanism>,
    /// Parameters that differ from the mechanism's and do not vary (SI).
    pub fixed: Vec<(ParameterId, f64)>,
    /// Protocols, without loadings of their own where the loading varies.
    pub protocols: Vec<Protocol>,
    /// The sides of the box.
    pub axes: Vec<Axis>,
    /// What is answered.
    pub outputs: Vec<Output>,
    /// Mesh and tolerances of the simulations.
    pub resolution: Resolution,
    /// How many points.
    pub budget: Budget,
    /// How networks learn.
    pub learning: Learning,
    /// Which cells count as working ones: those that errors and intervals are told for.
    pub working: Option<Working>,
    /// Seed of points and networks.
    pub seed: u64,
}

impl Plan {
    /// Parameter values (SI, table order) at coordinates of the box.
    pub fn values<S: Scalar>(&self, coordinates: &[S]) -> Vec<S> {
        let table = self.mechanism.parameters();
        let mut values: Vec<S> = table.values().into_iter().map(S::constant).collect();
        for (id, value) in &self.fixed {
            values[id.index()] = S::constant(*value);
        }
        for (axis, coordinate) in self.axes.iter().zip(coordinates) {
            if let Quantity::Parameter(id) = axis.quantity {
                values[id.index()] = axis.value(*coordinate);
            }
        }
        table.follow_ties(&mut values);
        values
    }

    /// A protocol with the current that a point asks for.
    pub fn protocol(&self, index: usize, coordinates: &[f64]) -> Protocol {
        let mut protocol = self.protocols[index].clone();
        for (axis, coordinate) in self.axes.iter().zip(coordinates) {
            if let Quantity::Rate { protocol: of, step } = axis.quantity
                && of == index
                && let Some(Step::Cycle(cycles)) = protocol.steps.get_mut(step)
            {
                cycles.c_rate = axis.value(*coordinate);
            }
        }
        protocol
    }

    /// The highest specific charge that a cell can have (mAh g⁻¹).
    pub fn highest_capacity(&self) -> f64 {
        let id = self.mechanism.roles().specific_charge;
        crate::units::mah_per_g(self.mechanism.parameters().row(id).value)
    }

    /// Readings of all outputs, one after the other.
    pub fn columns(&self) -> impl Iterator<Item = (&Output, &Observable)> {
        let outputs = self.outputs.iter();
        outputs.flat_map(|output| output.observables().iter().map(move |o| (output, o)))
    }

    /// Names of the columns: that of the output, with the place on a curve.
    pub fn column_names(&self) -> Vec<String> {
        let outputs = self.outputs.iter();
        outputs
            .flat_map(|output| match &output.reading {
                Reading::Number(_) => vec![output.name.clone()],
                Reading::Curve { .. } => (0..output.observables().len())
                    .map(|i| format!("{} #{i}", output.name))
                    .collect(),
            })
            .collect()
    }

    /// Where the columns of each output lie.
    pub fn ranges(&self) -> Vec<std::ops::Range<usize>> {
        let mut start = 0;
        let ranges = self.outputs.iter().map(|output| {
            let range = start..start + output.observables().len();
            start = range.end;
            range
        });
        ranges.collect()
    }

    /// A number that changes with everything that a simulated point depends on but the point itself.
    pub fn fingerprint(&self) -> u64 {
        let fixed: Vec<f64> = self.values(&vec![0.0; self.axes.len()]);
        let text = format!(
            "{} {:?} {:?} {:?} {:?} {fixed:?}",
            self.mechanism.structure(),
            self.protocols,
            self.axes,
            self.outputs,
            self.resolution,
        );
        fingerprint(text.as_bytes())
    }
}

/// A number for the equations of a mechanism and the names of their unknowns.
pub fn structure(mechanism: &Mechanism) -> u64 {
    fingerprint(mechanism.structure().as_bytes())
}

/// A number for a protocol without its name and loading: the same for protocols that do the same to a cell.
pub fn protocol_fingerprint(protocol: &Protocol) -> u64 {
    let bare = Protocol {
        name: String::new(),
        loading_kg_m2: None,
        ..protocol.clone()
    };
    fingerprint(format!("{bare:?}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn axis(scale: Scale) -> Axis {
        Axis {
            name: "k".to_owned(),
            unit: Unit::parse("1").unwrap(),
            quantity: Quantity::Rate {
                protocol: 0,
                step: 0,
            },
            scale,
            lower: 1e-3,
            upper: 0.2,
        }
    }

    proptest! {
        /// Coordinates and values are inverse to each other, the sides at −1 and 1.
        #[test]
        fn coordinates_invert(coordinate in -1.0..1.0) {
            for scale in [Scale::Ln, Scale::Linear] {
                let axis = axis(scale);
                let value: f64 = axis.value(coordinate);
                prop_assert!((axis.coordinate(value) - coordinate).abs() < 1e-12);
                prop_assert!(value >= axis.lower * (1.0 - 1e-12) && value <= axis.upper * (1.0 + 1e-12));
                prop_assert!((axis.coordinate(axis.lower) + 1.0_f64).abs() < 1e-12);
            }
        }

        /// Transforms are undone, and their slope is the derivative.
        #[test]
        fn transforms_invert(value in 0.01..900.0f64) {
            let all = [Transform::Share { highest: 1000.0 }, Transform::Linear, Transform::Ln, Transform::LnOfNegative];
            for transform in all {
                let value = if transform == Transform::LnOfNegative { -value } else { value };
                let number = transform.apply(value);
                prop_assert!((transform.invert(number) - value).abs() < 1e-9 * value.abs());
                let h = 1e-6;
                let difference = (transform.invert(number + h) - transform.invert(number - h)) / (2.0 * h);
                prop_assert!((transform.slope(number) - difference).abs() < 1e-4 * (1.0 + difference.abs()));
            }
        }
    }

    #[test]
    fn values_without_a_number_have_none() {
        assert!(Transform::Ln.apply(-1.0).is_nan());
        assert!(Transform::LnOfNegative.apply(1.0).is_nan());
        assert!(Transform::Share { highest: 10.0 }.apply(11.0) <= 1.0);
    }
}
