//! The fit of a study: starts, a coarse mesh, the fine mesh, uncertainty, predictions, comparisons.

use std::sync::atomic::Ordering as Memory;

use nalgebra::DMatrix;
use ndarray::Array2;

use super::Monitor;
use super::objective::Counters;
use super::objective::Objective;
use super::objective::Simulator;
use super::outcome::AlternativeCost;
use super::outcome::Curves;
use super::outcome::Estimate;
use super::outcome::Extra;
use super::outcome::FitReport;
use super::outcome::Observed;
use super::outcome::Predicted;
use super::outcome::StartReport;
use super::outcome::VariantReport;
use super::outcome::Verdict;
use super::study::Observation;
use super::study::Resolution;
use super::study::Study;
use super::study::Target;
use super::study::Variant;
use crate::numerics::least_squares::Options;
use crate::numerics::least_squares::Solution;
use crate::numerics::least_squares::StopReason;
use crate::numerics::least_squares::minimise;
use crate::numerics::sampling::normal_quantile;
use crate::numerics::sampling::sobol;
use crate::numerics::scaling::Scaling;

/// Relative decrease of the cost that counts as none.
const COST_TOLERANCE: f64 = 1e-5;
/// Largest change of a coordinate that counts as none.
const STEP_TOLERANCE: f64 = 1e-6;
/// Longest step of a coordinate in one iteration: about half a prior.
const STEP_MAX: f64 = 1.5;
/// Scaled gradient that is enough on the coarse mesh, which only finds the way.
const ROUGH_GRADIENT_TOLERANCE: f64 = 5e-3;
/// Relative decrease of the cost that counts as none on that way: the coarse mesh only has to lead into the right
/// valley.
const ROUGH_COST_TOLERANCE: f64 = 1e-3;
/// First damping from a start far away.
const DAMPING_FAR: f64 = 1.0;
/// First damping from a good neighbourhood.
const DAMPING_NEAR: f64 = 1e-1;

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
    let x = variant.free.iter().map(|free| {
        let scale = free.scale();
        scale.to_coordinate(free.given.clamp(free.lower, free.upper))
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
        stop: StopReason::Given,
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
        stage: &str,
    ) -> Objective<'s> {
        let targets = observations.iter().map(|o| o.target.clone()).collect();
        let context = (self.counters, self.monitor);
        let simulator = Simulator::new(self.study, self.variant(), resolution, targets, context);
        Objective::new(simulator, observations.to_vec(), stage)
    }

    fn options(&self) -> Options {
        let (lower, upper) = self.variant().free.iter().map(super::Free::bounds).unzip();
        Options {
            lower,
            upper,
            gradient_tolerance: self.study.settings.gradient_tolerance,
            cost_tolerance: COST_TOLERANCE,
            step_tolerance: STEP_TOLERANCE,
            iterations_max: self.study.settings.iterations_max,
            step_max: STEP_MAX,
            damping: DAMPING_NEAR,
            scaling: Scaling::Given(
                self.variant()
                    .free
                    .iter()
                    .map(|free| free.prior_coordinates().1)
                    .collect(),
            ),
        }
    }

    /// Options for finding the way.
    fn rough_options(&self, damping: f64) -> Options {
        Options {
            gradient_tolerance: ROUGH_GRADIENT_TOLERANCE,
            cost_tolerance: ROUGH_COST_TOLERANCE,
            damping,
            ..self.options()
        }
    }

    fn stage(&self, what: &str) -> String {
        format!("{}, {what}", self.variant().name)
    }

    fn report(&self) -> VariantReport {
        let study = self.study;
        let observations = &study.observations;
        let (best, starts) = self.coarse();
        let alternatives = self.alternatives(&best);
        let start = (&best[..], "fine mesh");
        let solution = self.minimise(study.fine, observations, start, &self.options());
        let targets = observations.iter().map(|o| o.target.clone()).collect();
        let simulator = self.simulator(study.coarse, targets);
        let coarse = Objective::new(simulator, observations.clone(), "");
        let cost_coarse = coarse.cost(&solution.x).unwrap_or(f64::NAN);
        self.finish(solution, cost_coarse, starts, alternatives)
    }

    /// One descent.
    fn minimise(
        &self,
        resolution: Resolution,
        observations: &[Observation],
        (start, what): (&[f64], &str),
        options: &Options,
    ) -> Solution {
        let stage = self.stage(what);
        self.monitor.begin(&stage, options.iterations_max);
        let objective = self.objective(resolution, observations, &stage);
        minimise(&objective, start, options)
    }

    /// Tries candidates on the coarse mesh, fits the best of them, returns the best point.
    fn coarse(&self) -> (Vec<f64>, Vec<StartReport>) {
        let settings = &self.study.settings;
        let stage = self.stage("starts");
        self.monitor.begin(&stage, 1);
        let observations = &self.study.observations;
        let objective = self.objective(self.study.coarse, observations, &stage);
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
            let what = format!("coarse mesh, start {}/{}", i + 1, candidates.len());
            let start = (&start[..], what.as_str());
            let options = self.rough_options(DAMPING_FAR);
            let solution = self.minimise(self.study.coarse, observations, start, &options);
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

    /// Fits the other readings of the source on the coarse mesh, from the optimum of the first reading.
    fn alternatives(&self, x: &[f64]) -> Vec<AlternativeCost> {
        let study = self.study;
        let fits = study.alternatives.iter().map(|alternative| {
            let mut observations = study.observations.clone();
            let (a, b) = alternative.swap;
            let first = observations[a].measured;
            observations[a].measured = observations[b].measured;
            observations[b].measured = first;
            let start = (x, alternative.name.as_str());
            let options = self.rough_options(DAMPING_NEAR);
            let solution = self.minimise(study.coarse, &observations, start, &options);
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
        let curves = self.curves(&solution.x);
        let observed = self.observed(&solution, covariance.as_ref(), &curves);
        let (cost, cost_data) = self.costs(&solution, &observed);
        VariantReport {
            variant: self.index,
            estimates: self.estimates(&solution.x, covariance.as_ref()),
            predicted: self.predicted(&solution.x, covariance.as_ref()),
            verdicts: self.verdicts(&curves),
            extras: self.extras(&curves),
            curves,
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
            let Observation {
                noise, measured, ..
            } = o.observation;
            noise.residual(o.model, measured).powi(2)
        });
        let data: f64 = data.sum();
        let priors = self
            .variant()
            .free
            .iter()
            .zip(&solution.x)
            .map(|(free, x)| {
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

    /// A simulator that an interruption does not stop: what it computes belongs to the result.
    fn simulator(&self, resolution: Resolution, targets: Vec<Target>) -> Simulator<'s> {
        let context = (self.counters, &Patient as &dyn Monitor);
        Simulator::new(self.study, self.variant(), resolution, targets, context)
    }

    fn observed(
        &self,
        solution: &Solution,
        covariance: Option<&Array2<f64>>,
        curves: &[Curves],
    ) -> Vec<Observed> {
        let jacobian = solution.linearisation.as_ref().map(|l| &l.jacobian);
        let rows = self.study.observations.iter().enumerate();
        rows.map(|(row, observation)| {
            let model = read(curves, &observation.target).unwrap_or(f64::NAN);
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
        let simulator = self.simulator(self.study.fine, targets);
        let base = simulator.values(x, None).ok();
        let derivatives = base
            .as_ref()
            .and_then(|(_, plans)| simulator.linearise(x, plans).ok());
        let rows = predictions.iter().enumerate();
        rows.map(|(row, prediction)| Predicted {
            target: prediction.target.clone(),
            measured: prediction.measured,
            model: base.as_ref().map(|(values, _)| values[row]),
            sd: derivatives.as_ref().zip(covariance).map(|((_, d), c)| {
                let gradient: Vec<f64> = d.row(row).to_vec();
                propagate(&gradient, c)
            }),
        })
        .collect()
    }

    fn extras(&self, curves: &[Curves]) -> Vec<Extra> {
        let extras = self.study.extras.iter().map(|observation| Extra {
            observation: observation.clone(),
            model: read(curves, &observation.target),
        });
        extras.collect()
    }

    fn curves(&self, x: &[f64]) -> Vec<Curves> {
        let study = self.study;
        let observed = study.observations.iter().chain(&study.extras);
        let observed = observed.map(|o| o.target.clone());
        let predicted = study.predictions.iter().map(|p| p.target.clone());
        let compared = study
            .orderings
            .iter()
            .flat_map(|o| [o.larger.clone(), o.smaller.clone()]);
        let targets = observed.chain(predicted).chain(compared).collect();
        self.simulator(self.study.fine, targets).curves(x)
    }

    fn verdicts(&self, curves: &[Curves]) -> Vec<Verdict> {
        let verdicts = self.study.orderings.iter().map(|ordering| Verdict {
            claim: ordering.claim.clone(),
            values: read(curves, &ordering.larger).zip(read(curves, &ordering.smaller)),
            unit: ordering.larger.observable.unit(),
        });
        verdicts.collect()
    }
}

/// A target's value in the curves of its cell and protocol, if they show it.
fn read(curves: &[Curves], target: &Target) -> Option<f64> {
    let mut runs = curves.iter();
    let run = runs.find(|c| c.cell == target.cell && c.protocol == target.protocol)?;
    let value = target.observable.measure(&run.model, &run.outcome);
    value.filter(|value| value.is_finite())
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
