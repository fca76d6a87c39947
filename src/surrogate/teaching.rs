//! From simulations to a surrogate: lessons, networks, calibration, limits of trust.

use std::sync::Arc;

use thiserror::Error;

use super::assessment::percentile;
use super::conformal::Calibration;
use super::conformal::Said;
use super::encoding::Encoding;
use super::encoding::TooFewValues;
use super::encoding::mean_and_sd;
use super::model::Belongs;
use super::model::Known;
use super::model::KnownCurve;
use super::model::Surrogate;
use super::model::flattened;
use super::network::Department;
use super::network::Networks;
use super::network::Shape;
use super::network::WeightsError;
use super::plan::Output;
use super::plan::Plan;
use super::plan::Quantity;
use super::plan::Reading;
use super::plan::Working;
use super::plan::protocol_fingerprint;
use super::plan::structure;
use super::sample::Sample;
use super::training::Course;
use super::training::Learned;
use super::training::LessonError;
use super::training::Lessons;
use super::training::learn;
use crate::numerics::fingerprint::fingerprint;

/// Level of the intervals.
pub const LEVEL: f64 = 0.9;
/// Share of the calibration points whose spread is believed: the networks disagree too much on the rest.
const BELIEVED_SHARE: f64 = 0.98;

/// Share of the largest slope below which an input does not matter for a department (1): rounding of derivatives.
const MATTERS_SHARE: f64 = 1e-7;

/// Which values are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Numbers.
    Numbers,
    /// Coefficients of curves.
    Curves,
}

/// A department before its networks have learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// What its values are.
    pub kind: Kind,
    /// Name, for progress and files.
    pub name: String,
    /// What it is responsible for.
    pub department: Department,
}

/// Why there is no surrogate.
#[derive(Debug, Error)]
pub enum TeachingError {
    /// An output has hardly any values.
    #[error(transparent)]
    TooFew(#[from] TooFewValues),
    /// Networks cannot learn from the samples.
    #[error("training: {0}")]
    Lesson(#[from] LessonError),
    /// Networks with weights that are none.
    #[error("training: {0}")]
    Weights(#[from] WeightsError),
}

/// Samples as networks take them, with the encoding that made them so.
#[derive(Clone, Debug)]
pub struct School<'p> {
    plan: &'p Plan,
    /// How values are encoded.
    pub encoding: Encoding,
    training: &'p [Sample],
    validation: &'p [Sample],
}

impl<'p> School<'p> {
    /// Learns the encoding from the training samples.
    ///
    /// # Errors
    /// [`TooFewValues`] of an output.
    pub fn new(
        plan: &'p Plan,
        (training, validation): (&'p [Sample], &'p [Sample]),
    ) -> Result<Self, TooFewValues> {
        Ok(Self {
            encoding: Encoding::learn(plan, training)?,
            plan,
            training,
            validation,
        })
    }

    /// What there is to learn: quantities of the same unit together, each curve for itself.
    pub fn classes(&self) -> Vec<Class> {
        let mut units: Vec<&str> = Vec::new();
        for code in &self.encoding.numbers {
            let unit = self.plan.outputs[code.output].unit();
            if !units.contains(&unit) {
                units.push(unit);
            }
        }
        let numbers = units.iter().map(|unit| self.class_of_unit(unit));
        let mut from = 0;
        let curves = self.encoding.curves.iter().map(|code| {
            let values: Vec<usize> = (from..from + code.basis.n_components()).collect();
            from += values.len();
            let output = &self.plan.outputs[code.output];
            // Derivatives of curves are not kept: what numbers of the same protocol depend on matters for them too.
            let of_protocol = self.encoding.numbers.iter().enumerate();
            let of_protocol = of_protocol
                .filter(|(_, number)| self.plan.outputs[number.output].protocol == output.protocol);
            let numbers: Vec<usize> = of_protocol.map(|(position, _)| position).collect();
            Class {
                kind: Kind::Curves,
                name: output.name.clone(),
                department: Department {
                    shape: self.shape(output.unit(), vec![false; values.len()], &numbers),
                    inputs: self.inputs_for(&numbers),
                    values,
                },
            }
        });
        numbers.chain(curves).collect()
    }

    fn class_of_unit(&self, unit: &str) -> Class {
        let numbers = self.encoding.numbers.iter().enumerate();
        let own = numbers.filter(|(_, code)| self.plan.outputs[code.output].unit() == unit);
        let (values, bounded): (Vec<usize>, Vec<bool>) = own
            .map(|(i, code)| (i, code.transform.is_bounded()))
            .unzip();
        Class {
            kind: Kind::Numbers,
            name: format!("quantities in {unit}"),
            department: Department {
                shape: self.shape(unit, bounded, &values),
                inputs: self.inputs_for(&values),
                values,
            },
        }
    }

    fn shape(&self, unit: &str, bounded: Vec<bool>, numbers: &[usize]) -> Shape {
        Shape {
            n_inputs: self.inputs_for(numbers).len(),
            hidden: self.plan.learning.hidden_for(unit),
            n_labels: bounded.len(),
            bounded,
        }
    }

    /// The axes that some numbers depend on, by the derivatives; all if none are known.
    fn inputs_for(&self, numbers: &[usize]) -> Vec<usize> {
        let n = self.plan.axes.len();
        let with_slopes = || self.training.iter().filter_map(|s| s.slopes.as_ref());
        if numbers.is_empty() || with_slopes().next().is_none() {
            return (0..n).collect();
        }
        let columns: Vec<usize> = numbers
            .iter()
            .map(|number| self.encoding.numbers[*number].column)
            .collect();
        let largest: Vec<f64> = (0..n)
            .map(|axis| {
                let slopes = with_slopes();
                let own = slopes.flat_map(|s| columns.iter().map(move |column| s[[*column, axis]]));
                // An axis without derivatives matters until something else is known.
                own.map(|slope| {
                    if slope.is_nan() {
                        f64::INFINITY
                    } else {
                        slope.abs()
                    }
                })
                .fold(0.0, f64::max)
            })
            .collect();
        let finite = largest.iter().copied().filter(|slope| slope.is_finite());
        let most = finite.fold(0.0, f64::max);
        (0..n)
            .filter(|axis| largest[*axis] > MATTERS_SHARE * most)
            .collect()
    }

    fn lessons(&self, class: &Class, samples: &[Sample]) -> Lessons {
        let encoding = &self.encoding;
        let Department { values, inputs, .. } = &class.department;
        let pick = |from: &[f64], positions: &[usize]| -> Vec<f32> {
            let picked: Vec<f64> = positions.iter().map(|i| from[*i]).collect();
            single(&picked)
        };
        let is_rate =
            |axis: &usize| matches!(self.plan.axes[*axis].quantity, Quantity::Rate { .. });
        let blind = inputs.iter().enumerate().filter(|(_, axis)| is_rate(axis));
        let mut lessons = Lessons {
            blind: blind.map(|(position, _)| position).collect(),
            weights: self.weights(class),
            ..Lessons::default()
        };
        let n = self.plan.axes.len();
        for sample in samples {
            let encoded = match class.kind {
                Kind::Numbers => encoding.encoded_numbers(sample),
                Kind::Curves => encoding.encoded_curves(sample),
            };
            let own = pick(&encoded, values);
            let labels = own.iter().map(|v| f32::from(u8::from(v.is_finite())));
            lessons.labels.extend(labels);
            lessons.values.extend(own);
            lessons.inputs.extend(pick(&sample.coordinates, inputs));
            if let (Kind::Numbers, Some(slopes)) = (class.kind, encoding.encoded_slopes(sample)) {
                lessons
                    .slope_inputs
                    .extend(pick(&sample.coordinates, inputs));
                for value in values {
                    lessons
                        .slopes
                        .extend(pick(&slopes[value * n..(value + 1) * n], inputs));
                }
            }
        }
        lessons
    }

    /// Weights that give every value the same say: those in 0..1 are not standardised.
    fn weights(&self, class: &Class) -> Vec<f32> {
        let weight = |value: &usize| match class.kind {
            Kind::Curves => 1.0,
            Kind::Numbers if !self.encoding.numbers[*value].transform.is_bounded() => 1.0,
            Kind::Numbers => {
                let code = &self.encoding.numbers[*value];
                let numbers = self
                    .training
                    .iter()
                    .map(|s| code.encode(s.values[code.column]));
                let numbers: Vec<f64> = numbers.filter(|v| v.is_finite()).collect();
                1.0 / mean_and_sd(&numbers).1.powi(2)
            }
        };
        let weights: Vec<f64> = class.department.values.iter().map(weight).collect();
        single(&weights)
    }

    /// Trains one network; `goes_on` is asked after every epoch.
    ///
    /// # Errors
    /// [`LessonError`] if the samples do not fit or somebody asked for an end.
    pub fn learned(
        &self,
        class: &Class,
        member: usize,
        goes_on: &dyn Fn(usize) -> bool,
    ) -> Result<Learned, LessonError> {
        let course = Course {
            epochs: self.plan.learning.epochs,
            slope_weight: self.plan.learning.slope_weight,
            seed: self.plan.seed ^ fingerprint(class.name.as_bytes()),
        };
        let lessons = self.lessons(class, self.training);
        let validation = self.lessons(class, self.validation);
        let shape = &class.department.shape;
        learn(
            shape,
            (&lessons, &validation),
            (&course, member as u64),
            goes_on,
        )
    }

    /// The surrogate of trained networks, calibrated on points of their own.
    ///
    /// # Errors
    /// [`WeightsError`] if weights are no numbers.
    pub fn surrogate(
        &self,
        learned: &[(Class, Vec<Vec<f32>>)],
        (calibration, working): (&[Sample], Option<Working>),
    ) -> Result<Surrogate, WeightsError> {
        let of_kind = |kind: Kind| {
            let own = learned.iter().filter(|(class, _)| class.kind == kind);
            let own: Vec<_> = own
                .map(|(c, w)| (c.department.clone(), w.clone()))
                .collect();
            Networks::new(self.plan.axes.len(), &own)
        };
        let (numbers, curves) = known(self.plan, &self.encoding);
        let networks = of_kind(Kind::Numbers)?;
        let said = said(&networks, &self.encoding, (calibration, working));
        Ok(Surrogate {
            name: self.plan.name.clone(),
            belongs: belongs(self.plan),
            axes: self.plan.axes.clone(),
            numbers,
            curves,
            spread_limits: said.iter().map(spread_limit).collect(),
            calibration: Calibration::new(&said, LEVEL),
            number_networks: Arc::new(networks),
            curve_networks: Arc::new(of_kind(Kind::Curves)?),
            encoding: self.encoding.clone(),
        })
    }
}

/// Numbers as networks take them.
fn single(numbers: &[f64]) -> Vec<f32> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "networks compute with single precision"
    )]
    let single = numbers.iter().map(|x| *x as f32).collect();
    single
}

/// What networks say of calibration points, number by number, encoded.
fn said(
    networks: &Networks,
    encoding: &Encoding,
    (samples, working): (&[Sample], Option<Working>),
) -> Vec<Said> {
    let samples: Vec<&Sample> = samples
        .iter()
        .filter(|s| working.is_none_or(|w| w.holds(encoding, s)))
        .collect();
    let points: Vec<Vec<f64>> = samples.iter().map(|s| s.coordinates.clone()).collect();
    let prediction = networks.predict(&flattened(&points));
    let n = encoding.numbers.len();
    let mut said = vec![Said::default(); n];
    for (row, sample) in samples.iter().enumerate() {
        for (number, truth) in encoding.encoded_numbers(sample).into_iter().enumerate() {
            if truth.is_finite() {
                said[number]
                    .mean
                    .push(prediction.mean[row * n + number].into());
                said[number]
                    .spread
                    .push(prediction.spread[row * n + number].into());
                said[number].truth.push(truth);
            }
        }
    }
    said
}

fn spread_limit(said: &Said) -> f64 {
    let mut sorted = said.spread.clone();
    sorted.sort_by(f64::total_cmp);
    let limit = percentile(&sorted, BELIEVED_SHARE);
    // Without calibration points nothing is believed.
    if limit.is_finite() { limit } else { 0.0 }
}

/// What the mechanism and its constants are.
fn belongs(plan: &Plan) -> Belongs {
    let values = plan.values(&vec![0.0; plan.axes.len()]);
    let varies = |id: usize| {
        let mut axes = plan.axes.iter();
        axes.any(|axis| matches!(axis.quantity, Quantity::Parameter(of) if of.index() == id))
    };
    let rows = plan.mechanism.parameters().rows().iter().enumerate();
    let constants = rows.filter(|(id, _)| !varies(*id));
    Belongs {
        mechanism: plan.mechanism.name().to_owned(),
        structure: structure(&plan.mechanism),
        constants: constants
            .map(|(id, row)| (row.name.clone(), values[id]))
            .collect(),
    }
}

fn known(plan: &Plan, encoding: &Encoding) -> (Vec<Known>, Vec<KnownCurve>) {
    let numbers = encoding
        .numbers
        .iter()
        .map(|code| one(plan, &plan.outputs[code.output]));
    let curves = encoding.curves.iter().filter_map(|code| {
        let output = &plan.outputs[code.output];
        let Reading::Curve { abscissa, at, .. } = &output.reading else {
            return None;
        };
        Some(KnownCurve {
            known: one(plan, output),
            abscissa: (*abscissa).to_owned(),
            at: at.clone(),
        })
    });
    (numbers.collect(), curves.collect())
}

fn one(plan: &Plan, output: &Output) -> Known {
    let protocol = &plan.protocols[output.protocol];
    let is_own =
        |q: Quantity| matches!(q, Quantity::Rate { protocol, .. } if protocol == output.protocol);
    Known {
        name: output.name.clone(),
        unit: output.unit().to_owned(),
        protocol: protocol.name.clone(),
        protocol_fingerprint: protocol_fingerprint(protocol),
        is_at_any_rate: plan.axes.iter().any(|axis| is_own(axis.quantity)),
        reading: match &output.reading {
            Reading::Number(observable) => format!("{observable:?}"),
            Reading::Curve { points, .. } => format!("{:?}", points.first()),
        },
    }
}
