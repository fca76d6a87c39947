//! The card of a surrogate: `card.json` for programs, `card.md` for people, `networks.bin` for both.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use super::ReportError;
use super::card_figure::parity;
use super::card_text::card_md;
use super::write_files;
use crate::mechanism::Scale;
use crate::simulate::Resolution;
use crate::surrogate::Assessment;
use crate::surrogate::Axis;
use crate::surrogate::CurveCode;
use crate::surrogate::Department;
use crate::surrogate::Errors;
use crate::surrogate::Known;
use crate::surrogate::Networks;
use crate::surrogate::NumberCode;
use crate::surrogate::Plan;
use crate::surrogate::Quantity;
use crate::surrogate::Shape;
use crate::surrogate::Surrogate;
use crate::surrogate::Transform;

/// Layout of the card.
pub const CARD_LAYOUT: u32 = 1;
/// Weights of the networks of the numbers, then those of the curves.
pub const WEIGHTS: [&str; 2] = ["numbers.weights", "curves.weights"];

/// The card of a surrogate: what it answers, for what it was trained, and its errors.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCard {
    /// Layout.
    pub layout: u32,
    /// Name.
    pub name: String,
    /// What it was made with.
    pub made: RawMade,
    /// Name of the mechanism.
    pub mechanism: String,
    /// Its equations and unknowns, as a number.
    pub structure: String,
    /// Values (SI) of its parameters that are not varied.
    pub constants: Vec<(String, f64)>,
    /// The sides of the box.
    pub axes: Vec<RawAxis>,
    /// The numbers that it answers.
    pub numbers: Vec<RawNumber>,
    /// The curves that it answers.
    pub curves: Vec<RawCurveCard>,
    /// Which networks answer which numbers.
    pub number_departments: Vec<RawDepartment>,
    /// Which networks answer which coefficients of curves.
    pub curve_departments: Vec<RawDepartment>,
    /// Networks of each ensemble.
    pub members: usize,
    /// Level of the intervals.
    pub level: f64,
    /// What is known of its error.
    pub assessments: Vec<RawAssessment>,
}

/// What a surrogate was made with.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawMade {
    /// Version of the program.
    pub version: String,
    /// Seed.
    pub seed: u64,
    /// Mesh and tolerances of the simulations.
    pub resolution: String,
    /// A number for the plan.
    pub plan: String,
    /// A number for the simulated data.
    pub data: String,
    /// Simulations to learn from, those among them with derivatives, to stop by, to calibrate with, to test with.
    pub simulations: [usize; 5],
    /// Simulations of a table of points, learned from too.
    pub refined: usize,
    /// Simulations with a failure, in the same sets, those with derivatives not counted apart.
    pub failed: [usize; 4],
    /// Threads that worked.
    pub threads: usize,
    /// Time of the simulations (s); none if some lay there from earlier runs.
    pub simulating_s: Option<f64>,
    /// Time of the training (s); none if some networks lay there from earlier runs.
    pub training_s: Option<f64>,
    /// For each network of the numbers, then of the curves: mean square error on the validation set, encoded.
    pub validation: Vec<f32>,
    /// The epochs that were kept.
    pub epochs: Vec<usize>,
    /// Weight of the derivatives' errors beside those of the values.
    pub slope_weight: f64,
}

/// What an ensemble is responsible for.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawDepartment {
    /// Positions of its numbers or coefficients.
    pub values: Vec<usize>,
    /// Positions of the axes that they depend on.
    pub inputs: Vec<usize>,
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
}

/// One side of the box.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAxis {
    /// Name.
    pub name: String,
    /// Unit that it is told in.
    pub unit: String,
    /// `ln` or `linear`.
    pub scale: String,
    /// Lowest value (SI).
    pub lower_si: f64,
    /// Highest value (SI).
    pub upper_si: f64,
}

/// What a number or curve is read from.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawKnown {
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: String,
    /// Name of the protocol.
    pub protocol: String,
    /// What the protocol does, as a number.
    pub protocol_fingerprint: String,
    /// Whether its current is an axis of the box.
    pub is_at_any_rate: bool,
    /// What is read, as a text.
    pub reading: String,
}

/// A number.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawNumber {
    /// What it is read from.
    pub known: RawKnown,
    /// How it is encoded.
    pub transform: RawTransform,
    /// What is taken off the encoded number.
    pub centre: f64,
    /// What the rest is divided by.
    pub scale: f64,
    /// Spread of the networks beyond which they are not believed.
    pub spread_max: f64,
    /// What intervals add to the spread.
    pub spread_floor: f64,
    /// How many spreads they reach to either side.
    pub spread_factor: f64,
}

/// A curve.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCurveCard {
    /// What it is read from.
    pub known: RawKnown,
    /// What lies along it, with its unit.
    pub abscissa: String,
    /// Where its values lie.
    pub at: Vec<f64>,
    /// How they are encoded.
    pub transforms: Vec<RawTransform>,
    /// Mean of the encoded curves.
    pub mean: Vec<f64>,
    /// Components.
    pub components: Vec<Vec<f64>>,
    /// What all coefficients are divided by.
    pub scale: f64,
}

/// How a value is encoded.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RawTransform {
    /// The value over the highest possible one.
    Share {
        /// The highest.
        highest: f64,
    },
    /// The value itself.
    Linear,
    /// Its logarithm.
    Ln,
    /// The logarithm of minus the value.
    LnOfNegative,
}

/// What is known of the error on one set of points.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAssessment {
    /// What the points are.
    pub set: String,
    /// Simulated points.
    pub points: usize,
    /// Those whose cells work.
    pub working: usize,
    /// Those that the surrogate refuses, because its networks disagree on at least one number.
    pub refused: usize,
    /// Share of right answers to the question whether there is a value (1).
    pub presence_accuracy: f64,
    /// Share of all numbers inside their intervals (1).
    pub pooled_coverage: f64,
    /// Errors of each number and curve, the curve's being its largest along it.
    pub errors: Vec<RawErrors>,
}

/// Errors of one number or curve.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawErrors {
    /// Which.
    pub name: String,
    /// Unit of the errors.
    pub unit: String,
    /// Compared values.
    pub n: usize,
    /// Median of the absolute errors.
    pub median: Option<f64>,
    /// Their 95th percentile.
    pub p95: Option<f64>,
    /// The largest.
    pub worst: Option<f64>,
    /// Median of the relative errors (1).
    pub relative_median: Option<f64>,
    /// Their 95th percentile (1).
    pub relative_p95: Option<f64>,
    /// Share inside the intervals (1); none for curves.
    pub coverage: Option<f64>,
}

impl From<Transform> for RawTransform {
    fn from(transform: Transform) -> Self {
        match transform {
            Transform::Share { highest } => Self::Share { highest },
            Transform::Linear => Self::Linear,
            Transform::Ln => Self::Ln,
            Transform::LnOfNegative => Self::LnOfNegative,
        }
    }
}

impl From<RawTransform> for Transform {
    fn from(raw: RawTransform) -> Self {
        match raw {
            RawTransform::Share { highest } => Self::Share { highest },
            RawTransform::Linear => Self::Linear,
            RawTransform::Ln => Self::Ln,
            RawTransform::LnOfNegative => Self::LnOfNegative,
        }
    }
}

/// Mesh and tolerances in words.
fn resolution(Resolution { mesh, accuracy }: Resolution) -> String {
    format!(
        "{} separator and {} cathode volumes, relative tolerance {:e}, absolute tolerances {} times the default",
        mesh.n_separator, mesh.n_electrode, accuracy.relative, accuracy.absolute_factor
    )
}

/// Numbers stand as text: JSON has no whole ones of this size.
pub(super) fn hexadecimal(number: u64) -> String {
    format!("{number:016x}")
}

/// A number as it was written.
pub fn parse_hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

impl RawKnown {
    fn new(known: &Known) -> Self {
        Self {
            name: known.name.clone(),
            unit: known.unit.clone(),
            protocol: known.protocol.clone(),
            protocol_fingerprint: hexadecimal(known.protocol_fingerprint),
            is_at_any_rate: known.is_at_any_rate,
            reading: known.reading.clone(),
        }
    }
}

impl RawAxis {
    fn new(axis: &Axis) -> Self {
        Self {
            name: axis.name.clone(),
            unit: axis.unit.to_string(),
            scale: match axis.scale {
                Scale::Ln => "ln".to_owned(),
                Scale::Linear => "linear".to_owned(),
            },
            lower_si: axis.lower,
            upper_si: axis.upper,
        }
    }
}

impl RawMade {
    /// What the plan says of it; times and networks are filled in by whoever knows them.
    pub fn new(plan: &Plan) -> Self {
        let budget = plan.budget;
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: plan.seed,
            resolution: resolution(plan.resolution),
            plan: hexadecimal(plan.fingerprint()),
            simulations: [
                budget.training,
                budget.with_slopes,
                budget.validation,
                budget.calibration,
                budget.test,
            ],
            slope_weight: plan.learning.slope_weight,
            ..Self::default()
        }
    }

    /// A number for the simulated data.
    pub fn set_data(&mut self, fingerprint: u64) {
        self.data = hexadecimal(fingerprint);
    }
}

impl RawCard {
    /// The card of a surrogate.
    pub fn new(surrogate: &Surrogate, made: RawMade, assessments: &[Assessment]) -> Self {
        let numbers = surrogate.numbers.iter().zip(&surrogate.encoding.numbers);
        let curves = surrogate.curves.iter().zip(&surrogate.encoding.curves);
        Self {
            layout: CARD_LAYOUT,
            name: surrogate.name.clone(),
            made,
            mechanism: surrogate.belongs.mechanism.clone(),
            structure: hexadecimal(surrogate.belongs.structure),
            constants: surrogate.belongs.constants.clone(),
            axes: surrogate.axes.iter().map(RawAxis::new).collect(),
            numbers: numbers
                .enumerate()
                .map(|(i, (known, code))| raw_number(surrogate, (i, known), code))
                .collect(),
            curves: curves
                .map(|(curve, code)| RawCurveCard {
                    known: RawKnown::new(&curve.known),
                    abscissa: curve.abscissa.clone(),
                    at: curve.at.clone(),
                    transforms: code.transforms.iter().map(|t| (*t).into()).collect(),
                    mean: code.basis.mean.clone(),
                    components: code.basis.components.clone(),
                    scale: code.scale,
                })
                .collect(),
            number_departments: departments(&surrogate.number_networks),
            curve_departments: departments(&surrogate.curve_networks),
            members: surrogate.number_networks.n_members(),
            level: surrogate.calibration.level,
            assessments: assessments
                .iter()
                .map(|assessment| raw_assessment(surrogate, assessment))
                .collect(),
        }
    }

    /// Whether it is the card of a plan's surrogate.
    pub fn is_of(&self, plan: &Plan) -> bool {
        self.made.plan == hexadecimal(plan.fingerprint())
    }

    /// The same card with other assessments.
    #[must_use]
    pub fn judged(self, surrogate: &Surrogate, assessments: &[Assessment]) -> Self {
        let assessments = assessments.iter().map(|a| raw_assessment(surrogate, a));
        Self {
            assessments: assessments.collect(),
            ..self
        }
    }

    /// What the networks of the numbers and of the curves are responsible for; `None` if the card contradicts itself.
    pub fn departments(&self) -> Option<[Vec<Department>; 2]> {
        let bounded = |number: &RawNumber| Transform::from(number.transform).is_bounded();
        let numbers: Vec<bool> = self.numbers.iter().map(bounded).collect();
        let n_coefficients: usize = self.curves.iter().map(|c| c.components.len()).sum();
        let build = |raw: &[RawDepartment], bounded: &[bool]| {
            let mut all: Vec<usize> = raw.iter().flat_map(|d| d.values.clone()).collect();
            all.sort_unstable();
            let is_whole = all.iter().copied().eq(0..bounded.len());
            let departments = raw.iter().map(|raw| raw.build(bounded, self.axes.len()));
            is_whole.then(|| departments.collect::<Option<Vec<_>>>())?
        };
        Some([
            build(&self.number_departments, &numbers)?,
            build(&self.curve_departments, &vec![false; n_coefficients])?,
        ])
    }
}

impl RawDepartment {
    fn build(&self, bounded: &[bool], n_axes: usize) -> Option<Department> {
        let is_inside = self.inputs.iter().all(|input| *input < n_axes);
        let bounded: Option<Vec<bool>> = self
            .values
            .iter()
            .map(|v| bounded.get(*v).copied())
            .collect();
        let bounded = bounded.filter(|_| is_inside && !self.inputs.is_empty())?;
        Some(Department {
            values: self.values.clone(),
            inputs: self.inputs.clone(),
            shape: Shape {
                n_inputs: self.inputs.len(),
                hidden: self.hidden.clone(),
                n_labels: bounded.len(),
                bounded,
            },
        })
    }
}

fn departments(networks: &Networks) -> Vec<RawDepartment> {
    let departments = networks.departments();
    departments
        .map(|department| RawDepartment {
            values: department.values.clone(),
            inputs: department.inputs.clone(),
            hidden: department.shape.hidden.clone(),
        })
        .collect()
}

fn raw_number(
    surrogate: &Surrogate,
    (position, known): (usize, &Known),
    code: &NumberCode,
) -> RawNumber {
    RawNumber {
        known: RawKnown::new(known),
        transform: code.transform.into(),
        centre: code.centre,
        scale: code.scale,
        spread_max: surrogate.spread_limits[position],
        spread_floor: surrogate.calibration.floors[position],
        spread_factor: surrogate.calibration.factors[position],
    }
}

fn raw_assessment(surrogate: &Surrogate, assessment: &Assessment) -> RawAssessment {
    let numbers = surrogate.numbers.iter().zip(&assessment.numbers);
    let curves = surrogate.curves.iter().zip(&assessment.curves);
    let errors = numbers.map(|(known, errors)| raw_errors(known, errors));
    let errors = errors.chain(curves.map(|(curve, errors)| raw_errors(&curve.known, errors)));
    RawAssessment {
        set: assessment.set.clone(),
        points: assessment.n_points,
        working: assessment.n_working,
        refused: assessment.n_refused,
        presence_accuracy: assessment.presence_accuracy,
        pooled_coverage: assessment.pooled_coverage,
        errors: errors.collect(),
    }
}

fn raw_errors(known: &Known, errors: &Errors) -> RawErrors {
    let finite = |value: f64| value.is_finite().then_some(value);
    RawErrors {
        name: known.name.clone(),
        unit: known.unit.clone(),
        n: errors.n,
        median: finite(errors.median),
        p95: finite(errors.p95),
        worst: finite(errors.worst),
        relative_median: finite(errors.relative_median),
        relative_p95: finite(errors.relative_p95),
        coverage: finite(errors.coverage),
    }
}

/// Writes card and networks into a folder, all or nothing.
///
/// # Errors
/// [`ReportError`] if a file cannot be written.
pub fn write_surrogate(
    folder: &Path,
    surrogate: &Surrogate,
    (card, assessments): (&RawCard, &[Assessment]),
) -> Result<(), ReportError> {
    let json = serde_json::to_vec_pretty(card).map_err(|error| ReportError::Unwritable {
        path: folder.to_owned(),
        reason: error.to_string(),
    })?;
    let mut files = vec![
        ("card.json".to_owned(), json),
        ("card.md".to_owned(), card_md(card).into_bytes()),
        (WEIGHTS[0].to_owned(), surrogate.number_networks.to_bytes()),
        (WEIGHTS[1].to_owned(), surrogate.curve_networks.to_bytes()),
    ];
    let figure = parity(surrogate, assessments);
    files.extend(figure.map(|svg| ("parity.svg".to_owned(), svg.into_bytes())));
    write_files(folder, &files)
}

impl RawNumber {
    /// Its code, for the column of this position.
    pub fn code(&self, position: usize) -> NumberCode {
        NumberCode {
            output: position,
            column: position,
            transform: self.transform.into(),
            centre: self.centre,
            scale: self.scale,
        }
    }
}

impl RawCurveCard {
    /// Its code; columns are counted from `from`.
    pub fn code(&self, output: usize, from: usize) -> CurveCode {
        CurveCode {
            output,
            columns: from..from + self.at.len(),
            transforms: self.transforms.iter().map(|t| (*t).into()).collect(),
            basis: crate::surrogate::Basis {
                mean: self.mean.clone(),
                components: self.components.clone(),
            },
            scale: self.scale,
        }
    }
}

/// What varies along an axis, from its name.
pub fn quantity(name: &str, mechanism: &crate::mechanism::Mechanism) -> Option<Quantity> {
    match mechanism.parameters().find(name) {
        Some(id) => Some(Quantity::Parameter(id)),
        None => (name == "c_rate").then_some(Quantity::Rate {
            protocol: usize::MAX,
            step: 0,
        }),
    }
}
