//! One variant of a study on its way through the estimation: what every stage needs to build and minimise objectives.

use super::Archive;
use super::Monitor;
use super::Status;
use super::archive::solution_of;
use super::archive::solution_rows;
use super::belief::Belief;
use super::counters::Counters;
use super::measurement::Measurements;
use super::objective::Objective;
use super::objective::Simulator;
use super::study::Observation;
use super::study::Study;
use super::study::Target;
use super::study::Variant;
use super::uncertainty::Information;
use crate::numerics::least_squares::Linearisation;
use crate::numerics::least_squares::Options;
use crate::numerics::least_squares::Progress;
use crate::numerics::least_squares::Residuals;
use crate::numerics::least_squares::Solution;
use crate::numerics::least_squares::minimise;
use crate::numerics::scaling::Scaling;
use crate::simulate::Resolution;

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
/// Decrease of the cost that is not worth another step on that way.
const ROUGH_PROMISE_TOLERANCE: f64 = 0.05;
/// Decrease of the cost that is not worth a step at the end: the variables then lie within a thirtieth of a standard
/// deviation of the minimum of the linear model.
pub(super) const SETTLED_PROMISE: f64 = 1e-3;
/// Good steps running that may do with updated derivatives, where new ones cost several simulations and the way does
/// not matter.
pub(super) const UPDATES_MAX: usize = 4;
/// First damping from a start far away.
pub(super) const DAMPING_FAR: f64 = 1.0;
/// First damping from a good neighbourhood.
pub(super) const DAMPING_NEAR: f64 = 1e-1;
/// Promised decrease of the cost from which on the coarse mesh is asked: below it the residuals are as good as linear.
const GUIDED_FROM: f64 = 0.02;
/// Iterations that the coarse mesh may take to propose one step of the fine one.
const GUIDED_ITERATIONS_MAX: usize = 5;

/// Somebody who never interrupts, for the last simulations of an interrupted fit.
pub(super) struct Patient;

impl Monitor for Patient {
    fn begin(&self, _stage: &str, _iterations_max: usize) {}
    fn advance(&self, _status: &Status<'_>) {}
    fn is_interrupted(&self) -> bool {
        false
    }
}

/// Somebody who passes on interruptions and shows nothing: for work that runs beside other work.
pub(super) struct Quiet<'m>(pub(super) &'m dyn Monitor);

impl Monitor for Quiet<'_> {
    fn begin(&self, _stage: &str, _iterations_max: usize) {}
    fn advance(&self, _status: &Status<'_>) {}
    fn is_interrupted(&self) -> bool {
        self.0.is_interrupted()
    }
}

/// One variant of a study on its way through the estimation.
#[derive(Clone)]
pub(super) struct Task<'s> {
    pub(super) study: &'s Study,
    pub(super) index: usize,
    pub(super) measurements: Measurements,
    pub(super) belief: Belief,
    /// Points that are followed down beside the starts of the search: optima of variants that this one contains.
    pub(super) carried: Vec<Vec<f64>>,
    pub(super) counters: &'s Counters,
    pub(super) monitor: &'s dyn Monitor,
    pub(super) archive: &'s dyn Archive,
}

impl<'s> Task<'s> {
    pub(super) fn variant(&self) -> &'s Variant {
        &self.study.variants[self.index]
    }

    pub(super) fn stage(&self, what: &str) -> String {
        format!("{}, {what}", self.variant().name)
    }

    /// The name of a piece of work in the archive.
    pub(super) fn key(&self, piece: &str) -> String {
        format!("{}/{piece}", self.variant().name)
    }

    /// The same task with other data.
    pub(super) fn with_measurements(&self, measurements: Measurements) -> Self {
        Self {
            measurements,
            ..self.clone()
        }
    }

    /// The same task beside others: it shows no progress of its own and counts apart.
    pub(super) fn beside<'t>(&self, counters: &'t Counters, quiet: &'t Quiet<'t>) -> Task<'t>
    where
        's: 't,
    {
        Task {
            counters,
            monitor: quiet,
            ..self.clone()
        }
    }

    pub(super) fn objective(&self, resolution: Resolution, stage: &str) -> Objective<'s> {
        let observations = self.measurements.observations();
        let simulator = self.simulator(resolution, targets(observations));
        let (measurements, belief) = (self.measurements.clone(), self.belief.clone());
        Objective::new(simulator, measurements, belief, stage)
    }

    pub(super) fn simulator(&self, resolution: Resolution, targets: Vec<Target>) -> Simulator<'s> {
        let context = (self.counters, self.monitor);
        Simulator::new(self.study, self.variant(), resolution, targets, context)
    }

    /// A simulator that an interruption does not stop: what it computes belongs to the result.
    pub(super) fn patient_simulator(
        &self,
        resolution: Resolution,
        targets: Vec<Target>,
    ) -> Simulator<'s> {
        let context = (self.counters, &Patient as &dyn Monitor);
        Simulator::new(self.study, self.variant(), resolution, targets, context)
    }

    /// Options for the fine mesh.
    pub(super) fn options(&self) -> Options {
        let (lower, upper) = self.variant().free.iter().map(super::Free::bounds).unzip();
        Options {
            lower,
            upper,
            gradient_tolerance: self.study.settings.gradient_tolerance,
            cost_tolerance: COST_TOLERANCE,
            promise_tolerance: 0.0,
            step_tolerance: STEP_TOLERANCE,
            iterations_max: self.study.settings.iterations_max,
            step_max: STEP_MAX,
            damping: DAMPING_NEAR,
            scaling: Scaling::Given(self.belief.standard_deviations()),
            updates_max: 0,
        }
    }

    /// Options for finding the way.
    pub(super) fn rough_options(&self, damping: f64) -> Options {
        Options {
            gradient_tolerance: ROUGH_GRADIENT_TOLERANCE,
            cost_tolerance: ROUGH_COST_TOLERANCE,
            promise_tolerance: ROUGH_PROMISE_TOLERANCE,
            damping,
            updates_max: UPDATES_MAX,
            ..self.options()
        }
    }

    /// One descent on one mesh.
    pub(super) fn descend(
        &self,
        resolution: Resolution,
        (start, what): (&[f64], &str),
        options: &Options,
    ) -> Solution {
        let stage = self.stage(what);
        self.monitor.begin(&stage, options.iterations_max);
        let solution = minimise(&self.objective(resolution, &stage), start, options);
        if !what.is_empty() {
            tracing::info!("{}", ended(&stage, &solution));
        }
        solution
    }

    /// What the data say at the end of a descent.
    pub(super) fn information(&self, solution: &Solution) -> Option<Information> {
        let linearisation = solution.linearisation.as_ref()?;
        Information::new(linearisation, &self.measurements, &self.belief)
    }

    /// A piece of work that the archive may know already. It counts apart, so that a recalled piece counts as much as
    /// one that was done.
    pub(super) fn remembered(
        &self,
        piece: &str,
        work: impl FnOnce(&Task<'_>) -> Solution,
    ) -> Solution {
        let key = self.key(piece);
        if let Some((solution, counters)) = self.archive.recall(&key).and_then(solution_of) {
            self.counters.absorb(&counters);
            tracing::debug!("{key}: recalled from an earlier run");
            return solution;
        }
        let counters = Counters::default();
        let solution = work(&Task {
            counters: &counters,
            ..self.clone()
        });
        // Whatever an interruption cut off would be recalled as an end.
        if !self.monitor.is_interrupted() {
            self.archive
                .keep(&key, &solution_rows(&solution, &counters));
        }
        self.counters.absorb(&counters);
        solution
    }

    /// A descent on the fine mesh, guided by the coarse one.
    pub(super) fn polish(&self, (start, what): (&[f64], &str)) -> Solution {
        let stage = self.stage(what);
        let options = Options {
            promise_tolerance: SETTLED_PROMISE,
            ..self.options()
        };
        self.monitor.begin(&stage, options.iterations_max);
        let quiet = Quiet(self.monitor);
        let guided = Guided {
            fine: self.objective(self.study.fine, &stage),
            coarse: self
                .beside(self.counters, &quiet)
                .objective(self.study.coarse, ""),
            options: &options,
        };
        let solution = minimise(&guided, start, &options);
        tracing::info!("{}", ended(&stage, &solution));
        solution
    }
}

/// How a descent ended, for the log.
fn ended(stage: &str, solution: &Solution) -> String {
    format!(
        "{stage}: cost {:.4} after {} iterations: {}",
        solution.cost, solution.iterations, solution.stop
    )
}

/// The targets of observations.
pub(super) fn targets(observations: &[Observation]) -> Vec<Target> {
    observations.iter().map(|o| o.target.clone()).collect()
}

/// The fine objective, whose steps the coarse one proposes: the coarse residuals, corrected so that value and slope
/// at the present point are those of the fine mesh, are minimised in a few cheap iterations.
///
/// Source: space mapping with first-order corrections (Alexandrov, Lewis, Gumbert, Green & Newman, J. Aircraft 38
/// (2001) 1093); the trust-region method of the fine objective judges every proposal and goes on alone without one.
struct Guided<'o, 's> {
    fine: Objective<'s>,
    coarse: Objective<'s>,
    options: &'o Options,
}

impl Residuals for Guided<'_, '_> {
    fn trial(&self, x: &[f64]) -> Option<Vec<f64>> {
        self.fine.trial(x)
    }

    fn linearise(&self, x: &[f64]) -> Option<Linearisation> {
        self.fine.linearise(x)
    }

    fn propose(&self, x: &[f64], fine: &Linearisation) -> Option<Vec<f64>> {
        let promised = promised_decrease(fine);
        if promised < GUIDED_FROM {
            return None;
        }
        let coarse = self.coarse.linearise(x)?;
        let offset = fine
            .residuals
            .iter()
            .zip(&coarse.residuals)
            .map(|(f, c)| f - c);
        let corrected = Corrected {
            coarse: &self.coarse,
            centre: x,
            offset: offset.collect(),
            slope: &fine.jacobian - &coarse.jacobian,
        };
        let options = Options {
            iterations_max: GUIDED_ITERATIONS_MAX,
            // A tenth of what the coarse problem has to gain is left to the next proposal.
            promise_tolerance: 0.1 * promised,
            ..self.options.clone()
        };
        let proposed = minimise(&corrected, x, &options);
        tracing::debug!(
            "the coarse mesh proposes a step after {} iterations, where the fine one promises {promised:.4}",
            proposed.iterations
        );
        Some(proposed.x)
    }

    fn goes_on(&self, progress: &Progress) -> bool {
        self.fine.goes_on(progress)
    }
}

/// By how much a full step of the linear model lowers the cost, bounds aside.
fn promised_decrease(at: &Linearisation) -> f64 {
    let (m, n) = at.jacobian.dim();
    let jacobian = nalgebra::DMatrix::from_fn(m, n, |i, j| at.jacobian[[i, j]]);
    let residuals = nalgebra::DVector::from_column_slice(&at.residuals);
    let gradient = jacobian.tr_mul(&residuals);
    let step = jacobian
        .tr_mul(&jacobian)
        .cholesky()
        .map(|c| c.solve(&gradient));
    step.map_or(0.0, |step| gradient.dot(&step))
}

/// A coarse objective with the fine one's value and slope at one point.
struct Corrected<'o, 's> {
    coarse: &'o Objective<'s>,
    centre: &'o [f64],
    offset: Vec<f64>,
    slope: ndarray::Array2<f64>,
}

impl Corrected<'_, '_> {
    fn correct(&self, x: &[f64], mut residuals: Vec<f64>) -> Vec<f64> {
        let distance: Vec<f64> = x.iter().zip(self.centre).map(|(x, c)| x - c).collect();
        for (row, residual) in residuals.iter_mut().enumerate() {
            let slopes = self.slope.row(row);
            let change: f64 = slopes.iter().zip(&distance).map(|(s, d)| s * d).sum();
            *residual += self.offset[row] + change;
        }
        residuals
    }
}

impl Residuals for Corrected<'_, '_> {
    fn trial(&self, x: &[f64]) -> Option<Vec<f64>> {
        Some(self.correct(x, self.coarse.trial(x)?))
    }

    fn linearise(&self, x: &[f64]) -> Option<Linearisation> {
        let coarse = self.coarse.linearise(x)?;
        Some(Linearisation {
            residuals: self.correct(x, coarse.residuals),
            jacobian: coarse.jacobian + &self.slope,
        })
    }

    fn goes_on(&self, progress: &Progress) -> bool {
        self.coarse.goes_on(progress)
    }
}
