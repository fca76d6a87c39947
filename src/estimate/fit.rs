//! The fit of a study: starts, a coarse mesh, the fine mesh, uncertainty, predictions, comparisons.

use std::sync::atomic::Ordering as Memory;

use nalgebra::DMatrix;
use ndarray::Array2;

use super::Monitor;
use super::objective::Counters;
use super::objective::Differences;
use super::objective::Objective;
use super::objective::Simulator;
use super::study::Observation;
use super::study::Resolution;
use super::study::Role;
use super::study::Study;
use super::study::Target;
use super::study::Variant;
use crate::cell::Cell;
use crate::numerics::least_squares::Options;
use crate::numerics::least_squares::Solution;
use crate::numerics::least_squares::StopReason;
use crate::numerics::least_squares::minimise;
use crate::numerics::sampling::normal_quantile;
use crate::numerics::sampling::sobol;
use crate::simulate::Outcome;
use crate::simulate::SimulationFailure;

/// Relative decrease of the cost that counts as none.
const COST_TOLERANCE: f64 = 1e-6;
/// Largest change of a coordinate that counts as none.
const STEP_TOLERANCE: f64 = 1e-6;
/// Longest step of a coordinate in one iteration: about half a prior.
const STEP_MAX: f64 = 1.5;
/// Iterations that one start may take on the coarse mesh.
const COARSE_GRADIENT_TOLERANCE: f64 = 5e-3;

/// A fitted free quantity.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Position in the variant's list.
    pub index: usize,
    /// Value (SI).
    pub value: f64,
    /// Posterior standard deviation on the scale of the prior, from the curvature at the optimum; `None` if unknown.
    pub sd: Option<f64>,
}

/// A measured number beside the model's.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The observation.
    pub observation: Observation,
    /// The model's value, in the observable's unit.
    pub model: f64,
    /// Its standard deviation by the uncertainty of the parameters.
    pub model_sd: Option<f64>,
}

/// A predicted number beside the measured one.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicted {
    /// Which number.
    pub target: Target,
    /// The measured value, which the fit has not seen.
    pub measured: f64,
    /// The model's value; `None` if its simulation failed.
    pub model: Option<f64>,
    /// Its standard deviation by the uncertainty of the parameters.
    pub sd: Option<f64>,
}

/// Whether a comparison came out as the paper says.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What the paper says.
    pub claim: String,
    /// The number that should be larger and the one that should be smaller; `None` if the simulation failed.
    pub values: Option<(f64, f64)>,
    /// Unit of both.
    pub unit: &'static str,
}

/// What became of one start.
#[derive(Clone, Debug, PartialEq)]
pub struct StartReport {
    /// Cost at the start, on the coarse mesh.
    pub cost_at_start: Option<f64>,
    /// Cost at its end, on the coarse mesh.
    pub cost: f64,
    /// Why it ended.
    pub stop: StopReason,
}

/// The cost under another reading of the source.
#[derive(Clone, Debug, PartialEq)]
pub struct AlternativeCost {
    /// Name of the alternative.
    pub name: String,
    /// Cost after a fit of its own.
    pub cost: f64,
    /// Why that fit ended.
    pub stop: StopReason,
}

/// The fit of one variant.
#[derive(Clone, Debug)]
pub struct VariantReport {
    /// Position of the variant.
    pub variant: usize,
    /// Coordinates of the optimum.
    pub x: Vec<f64>,
    /// Free quantities.
    pub estimates: Vec<Estimate>,
    /// Posterior covariance of the coordinates, if the curvature could be computed.
    pub covariance: Option<Array2<f64>>,
    /// Sum of squared residuals of data and priors on the fine mesh.
    pub cost: f64,
    /// The part of the data.
    pub cost_data: f64,
    /// The cost on the coarse mesh.
    pub cost_coarse: f64,
    /// Scaled gradient at the optimum.
    pub scaled_gradient: f64,
    /// Why the fit ended.
    pub stop: StopReason,
    /// What became of every start.
    pub starts: Vec<StartReport>,
    /// Observations.
    pub observed: Vec<Observed>,
    /// Predictions.
    pub predicted: Vec<Predicted>,
    /// Comparisons.
    pub verdicts: Vec<Verdict>,
    /// Costs under other readings.
    pub alternatives: Vec<AlternativeCost>,
    /// What every protocol of every cell gave at the optimum, on the fine mesh.
    pub curves: Vec<Curves>,
}

/// What one protocol gave for one cell.
#[derive(Clone, Debug)]
pub struct Curves {
    /// Position of the cell.
    pub cell: usize,
    /// Position of the protocol.
    pub protocol: usize,
    /// The cell model.
    pub model: Cell,
    /// Its outcome.
    pub outcome: Outcome,
}

/// The result of a study.
#[derive(Debug)]
pub struct FitReport {
    /// One report per variant, in order; an interrupted fit lacks the later ones.
    pub variants: Vec<VariantReport>,
    /// Parameter points simulated.
    pub evaluations: usize,
    /// Simulations that failed.
    pub failed: usize,
    /// The first failures.
    pub failures: Vec<SimulationFailure>,
    /// Whether somebody asked for an end.
    pub is_interrupted: bool,
}

/// Fits every variant of a study.
pub fn fit(study: &Study, monitor: &dyn Monitor) -> FitReport {
    let counters = Counters::default();
    let mut variants = Vec::new();
    for index in 0..study.variants.len() {
        if index > 0 && monitor.is_interrupted() {
            break;
        }
        let fitter = Fitter {
            study,
            index,
            counters: &counters,
            monitor,
        };
        variants.push(fitter.report());
    }
    FitReport {
        variants,
        evaluations: counters.evaluations.load(Memory::Relaxed),
        failed: counters.failed(),
        failures: counters.failures(),
        is_interrupted: monitor.is_interrupted(),
    }
}

/// Runs the protocols of a study at the values of its mechanism, without fitting.
pub fn simulate(study: &Study, monitor: &dyn Monitor) -> FitReport {
    let counters = Counters::default();
    let variant = &study.variants[0];
    let table = study.mechanism.parameters();
    let x = variant.free.iter().map(|free| {
        let value = match &free.role {
            Role::Value(id) => table.row(*id).value,
            Role::Ratio { .. } => {
                let (centre, _) = free.prior_coordinates();
                free.scale().to_value(centre)
            }
        };
        free.scale().to_coordinate(value.clamp(free.lower, free.upper))
    });
    let x: Vec<f64> = x.collect();
    let fitter = Fitter {
        study,
        index: 0,
        counters: &counters,
        monitor,
    };
    monitor.begin("simulating", 1);
    let solution = Solution {
        cost: f64::NAN,
        linearisation: None,
        scaled_gradient: f64::NAN,
        iterations: 0,
        stop: StopReason::Iterations,
        x,
    };
    let report = fitter.finish(solution, f64::NAN, Vec::new(), Vec::new());
    FitReport {
        variants: vec![report],
        evaluations: counters.evaluations.load(Memory::Relaxed),
        failed: counters.failed(),
        failures: counters.failures(),
        is_interrupted: monitor.is_interrupted(),
    }
}

/// Somebody who never interrupts, for the last simulations of an interrupted fit.
struct Patient;

impl Monitor for Patient {
    fn begin(&self, _stage: &str, _iterations_max: usize) {}
    fn advance(&self, _status: &super::Status<'_>) {}
    fn is_interrupted(&self) -> bool {
        false
    }
}

/// Fits one variant.
struct Fitter<'s> {
    study: &'s Study,
    index: usize,
    counters: &'s Counters,
    monitor: &'s dyn Monitor,
}

impl<'s> Fitter<'s> {
    fn variant(&self) -> &'s Variant {
        &self.study.variants[self.index]
    }

    fn objective(
        &self,
        resolution: Resolution,
        observations: &[Observation],
        differences: Differences,
        stage: &str,
    ) -> Objective<'s> {
        let targets = observations.iter().map(|o| o.target.clone()).collect();
        let context = (self.counters, self.monitor);
        let simulator = Simulator::new(self.study, self.variant(), resolution, targets, context);
        Objective::new(simulator, observations.to_vec(), differences, stage)
    }

    fn options(&self, gradient_tolerance: f64) -> Options {
        let (lower, upper) = self.variant().free.iter().map(super::Free::bounds).unzip();
        Options {
            lower,
            upper,
            gradient_tolerance,
            cost_tolerance: COST_TOLERANCE,
            step_tolerance: STEP_TOLERANCE,
            iterations_max: self.study.settings.iterations_max,
            step_max: STEP_MAX,
        }
    }

    fn stage(&self, what: &str) -> String {
        format!("{}, {what}", self.variant().name)
    }

    fn report(&self) -> VariantReport {
        let study = self.study;
        let (best, starts) = self.coarse();
        let stage = self.stage("fine mesh");
        self.monitor.begin(&stage, study.settings.iterations_max);
        let objective = self.objective(study.fine, &study.observations, Differences::Central, &stage);
        let tolerance = study.settings.gradient_tolerance;
        let solution = minimise(&objective, &best, &self.options(tolerance));
        let coarse = self.objective(study.coarse, &study.observations, Differences::Forward, "");
        let cost_coarse = coarse.cost(&solution.x).unwrap_or(f64::NAN);
        let alternatives = self.alternatives(&solution.x);
        self.finish(solution, cost_coarse, starts, alternatives)
    }

    /// Tries candidates on the coarse mesh, fits the best of them, returns the best point.
    fn coarse(&self) -> (Vec<f64>, Vec<StartReport>) {
        let settings = &self.study.settings;
        let stage = self.stage("starts");
        self.monitor.begin(&stage, 1);
        let observations = &self.study.observations;
        let objective = self.objective(self.study.coarse, observations, Differences::Forward, &stage);
        let mut candidates: Vec<(Option<f64>, Vec<f64>)> = self
            .candidates()
            .into_iter()
            .map(|x| (objective.cost(&x), x))
            .collect();
        let rank = |cost: &Option<f64>| cost.unwrap_or(f64::INFINITY);
        candidates[1..].sort_by(|a, b| rank(&a.0).total_cmp(&rank(&b.0)));
        candidates.truncate(settings.starts.max(1));
        let mut reports = Vec::new();
        let mut best: Option<Solution> = None;
        for (i, (cost_at_start, start)) in candidates.iter().enumerate() {
            let stage = self.stage(&format!("coarse mesh, start {}/{}", i + 1, candidates.len()));
            self.monitor.begin(&stage, settings.iterations_max);
            let objective =
                self.objective(self.study.coarse, observations, Differences::Forward, &stage);
            let solution = minimise(&objective, start, &self.options(COARSE_GRADIENT_TOLERANCE));
            reports.push(StartReport {
                cost_at_start: *cost_at_start,
                cost: solution.cost,
                stop: solution.stop,
            });
            if best.as_ref().is_none_or(|b| solution.cost < b.cost) {
                best = Some(solution);
            }
            if self.monitor.is_interrupted() {
                break;
            }
        }
        let x = best.map_or_else(|| candidates[0].1.clone(), |solution| solution.x);
        (x, reports)
    }

    /// The prior's centre, then points of a scrambled Sobol sequence through the priors.
    fn candidates(&self) -> Vec<Vec<f64>> {
        let settings = &self.study.settings;
        let free = &self.variant().free;
        let centre = free.iter().map(|f| f.prior_coordinates().0).collect();
        let mut candidates: Vec<Vec<f64>> = vec![centre];
        for i in 1..settings.candidates.max(1) {
            let point = free.iter().enumerate().map(|(dimension, f)| {
                let (centre, sd) = f.prior_coordinates();
                let (lower, upper) = f.bounds();
                let share = sobol(i - 1, dimension, settings.seed);
                // Half a standard deviation wide: farther out, most cells do not work at all.
                (centre + 0.5 * sd * normal_quantile(share)).clamp(lower, upper)
            });
            candidates.push(point.collect());
        }
        candidates
    }

    /// Fits the other readings of the source, on the fine mesh from the optimum of the first reading.
    fn alternatives(&self, x: &[f64]) -> Vec<AlternativeCost> {
        let study = self.study;
        let fits = study.alternatives.iter().map(|alternative| {
            let mut observations = study.observations.clone();
            let (a, b) = alternative.swap;
            let first = observations[a].measured;
            observations[a].measured = observations[b].measured;
            observations[b].measured = first;
            let stage = self.stage(&alternative.name);
            self.monitor.begin(&stage, study.settings.iterations_max);
            let objective = self.objective(study.fine, &observations, Differences::Forward, &stage);
            let solution = minimise(&objective, x, &self.options(COARSE_GRADIENT_TOLERANCE));
            AlternativeCost {
                name: alternative.name.clone(),
                cost: solution.cost,
                stop: solution.stop,
            }
        });
        fits.collect()
    }

    fn finish(
        &self,
        solution: Solution,
        cost_coarse: f64,
        starts: Vec<StartReport>,
        alternatives: Vec<AlternativeCost>,
    ) -> VariantReport {
        let covariance = solution.linearisation.as_ref().and_then(|linearisation| {
            let (m, n) = linearisation.jacobian.dim();
            let jacobian = DMatrix::from_fn(m, n, |i, j| linearisation.jacobian[[i, j]]);
            let inverse = jacobian.tr_mul(&jacobian).cholesky()?.inverse();
            Some(Array2::from_shape_fn((n, n), |(i, j)| inverse[(i, j)]))
        });
        let observed = self.observed(&solution, covariance.as_ref());
        let (cost, cost_data) = self.costs(&solution, &observed);
        VariantReport {
            variant: self.index,
            estimates: self.estimates(&solution.x, covariance.as_ref()),
            predicted: self.predicted(&solution.x, covariance.as_ref()),
            verdicts: self.verdicts(&solution.x),
            curves: self.curves(&solution.x),
            observed,
            cost,
            cost_data,
            cost_coarse,
            scaled_gradient: solution.scaled_gradient,
            stop: solution.stop,
            x: solution.x,
            covariance,
            starts,
            alternatives,
        }
    }

    fn costs(&self, solution: &Solution, observed: &[Observed]) -> (f64, f64) {
        let data = observed.iter().map(|o| {
            let Observation { noise, measured, .. } = o.observation;
            noise.residual(o.model, measured).powi(2)
        });
        let data: f64 = data.sum();
        let priors = self.variant().free.iter().zip(&solution.x).map(|(free, x)| {
            let (centre, sd) = free.prior_coordinates();
            ((x - centre) / sd).powi(2)
        });
        (data + priors.sum::<f64>(), data)
    }

    fn estimates(&self, x: &[f64], covariance: Option<&Array2<f64>>) -> Vec<Estimate> {
        let free = self.variant().free.iter().zip(x).enumerate();
        free.map(|(index, (free, x))| Estimate {
            index,
            value: free.scale().to_value(*x),
            sd: covariance.map(|c| c[[index, index]].sqrt()),
        })
        .collect()
    }

    fn simulator(&self, targets: Vec<Target>) -> Simulator<'s> {
        let context = (self.counters, &Patient as &dyn Monitor);
        Simulator::new(self.study, self.variant(), self.study.fine, targets, context)
    }

    fn observed(&self, solution: &Solution, covariance: Option<&Array2<f64>>) -> Vec<Observed> {
        let study = self.study;
        let targets = study.observations.iter().map(|o| o.target.clone()).collect();
        let values = self.simulator(targets).values(&solution.x, None);
        let values = values.map_or_else(|_| vec![f64::NAN; study.observations.len()], |(v, _)| v);
        let jacobian = solution.linearisation.as_ref().map(|l| &l.jacobian);
        let rows = study.observations.iter().zip(values).enumerate();
        rows.map(|(row, (observation, model))| {
            let slope = observation.noise.slope(model, observation.measured);
            let spread = jacobian
                .zip(covariance)
                .filter(|_| slope > 0.0)
                .map(|(j, c)| {
                    let gradient: Vec<f64> = j.row(row).iter().map(|x| x / slope).collect();
                    propagate(&gradient, c)
                });
            Observed {
                observation: observation.clone(),
                model,
                model_sd: spread,
            }
        })
        .collect()
    }

    fn predicted(&self, x: &[f64], covariance: Option<&Array2<f64>>) -> Vec<Predicted> {
        let predictions = &self.study.predictions;
        if predictions.is_empty() {
            return Vec::new();
        }
        self.monitor.begin(&self.stage("predictions"), 1);
        let targets = predictions.iter().map(|p| p.target.clone()).collect();
        let simulator = self.simulator(targets);
        let base = simulator.values(x, None).ok();
        let derivatives = base.as_ref().zip(covariance).and_then(|((values, plans), _)| {
            simulator.derivatives(x, values, plans, Differences::Forward)
        });
        let rows = predictions.iter().enumerate();
        rows.map(|(row, prediction)| Predicted {
            target: prediction.target.clone(),
            measured: prediction.measured,
            model: base.as_ref().map(|(values, _)| values[row]),
            sd: derivatives.as_ref().zip(covariance).map(|(d, c)| {
                let gradient: Vec<f64> = d.row(row).to_vec();
                propagate(&gradient, c)
            }),
        })
        .collect()
    }

    fn curves(&self, x: &[f64]) -> Vec<Curves> {
        let study = self.study;
        let observed = study.observations.iter().map(|o| o.target.clone());
        let predicted = study.predictions.iter().map(|p| p.target.clone());
        let compared = study.orderings.iter().flat_map(|o| [o.larger.clone(), o.smaller.clone()]);
        let targets = observed.chain(predicted).chain(compared).collect();
        self.simulator(targets).curves(x)
    }

    fn verdicts(&self, x: &[f64]) -> Vec<Verdict> {
        let verdicts = self.study.orderings.iter().map(|ordering| {
            let targets = vec![ordering.larger.clone(), ordering.smaller.clone()];
            let values = self.simulator(targets).values(x, None).ok();
            Verdict {
                claim: ordering.claim.clone(),
                values: values.map(|(v, _)| (v[0], v[1])),
                unit: ordering.larger.observable.unit(),
            }
        });
        verdicts.collect()
    }
}

/// Standard deviation of a quantity with this gradient: √(gᵀ C g).
fn propagate(gradient: &[f64], covariance: &Array2<f64>) -> f64 {
    let mut variance = 0.0;
    for (i, a) in gradient.iter().enumerate() {
        for (j, b) in gradient.iter().enumerate() {
            variance += a * covariance[[i, j]] * b;
        }
    }
    variance.max(0.0).sqrt()
}
