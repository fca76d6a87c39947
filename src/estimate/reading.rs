//! What the model gives at the fitted point: observables, predictions and comparisons with their uncertainty.

use super::measurement::Measurements;
use super::objective::Curves;
use super::outcome::Estimate;
use super::outcome::Extra;
use super::outcome::IntervalMethod;
use super::outcome::Observed;
use super::outcome::Predicted;
use super::outcome::Verdict;
use super::profile::NORMAL_95;
use super::profile::Profile;
use super::study::Target;
use super::task::Task;
use super::task::targets;
use super::uncertainty::Information;
use super::uncertainty::propagate;
use crate::numerics::least_squares::Solution;

/// The model at a point, every protocol simulated on the fine mesh.
pub(super) struct Readings<'r> {
    task: &'r Task<'r>,
    solution: &'r Solution,
    information: Option<&'r Information>,
    curves: Vec<Curves>,
    /// Model values of the observations, in order; not a number where a curve does not show it.
    values: Vec<f64>,
}

impl<'r> Readings<'r> {
    pub(super) fn new(
        task: &'r Task<'r>,
        solution: &'r Solution,
        information: Option<&'r Information>,
    ) -> Self {
        let study = task.study;
        let observed = study.observations.iter().chain(&study.extras);
        let observed = observed.map(|o| o.target.clone());
        let predicted = study.predictions.iter().map(|p| p.target.clone());
        let compared = study
            .orderings
            .iter()
            .flat_map(|o| [o.larger.clone(), o.smaller.clone()]);
        let targets = observed.chain(predicted).chain(compared).collect();
        let curves = task
            .patient_simulator(study.fine, targets)
            .curves(&solution.x);
        let values = task.measurements.observations().iter();
        let values = values.map(|o| read(&curves, &o.target).unwrap_or(f64::NAN));
        Self {
            values: values.collect(),
            task,
            solution,
            information,
            curves,
        }
    }

    fn measurements(&self) -> &Measurements {
        &self.task.measurements
    }

    /// The cost, and the part of the data.
    pub(super) fn costs(&self) -> (f64, f64) {
        let data = self.measurements().residuals(&self.values);
        let priors = self.task.belief.residuals(&self.solution.x);
        let squares = |rows: Vec<f64>| rows.iter().map(|r| r * r).sum::<f64>();
        let data = squares(data);
        (data + squares(priors), data)
    }

    pub(super) fn estimates(&self, profiles: &[Option<Profile>]) -> Vec<Estimate> {
        let free = self
            .task
            .variant()
            .free
            .iter()
            .zip(&self.solution.x)
            .enumerate();
        free.map(|(index, (free, x))| {
            let sd = self.information.map(|i| i.sd(index));
            let value = |coordinate: f64| free.scale().to_value(coordinate);
            let by_profile = profiles.get(index).and_then(Option::as_ref).map(|profile| {
                let (lower, upper) = profile.interval;
                (
                    lower.map_or(free.lower, value),
                    upper.map_or(free.upper, value),
                    IntervalMethod::Profile,
                )
            });
            let by_curvature = sd.map(|sd| {
                let end =
                    |side: f64| value(x + side * NORMAL_95 * sd).clamp(free.lower, free.upper);
                (end(-1.0), end(1.0), IntervalMethod::Laplace)
            });
            Estimate {
                index,
                value: value(*x),
                sd,
                sd_assumed: self.information.map(|i| i.assumed[[index, index]].sqrt()),
                interval: by_profile.or(by_curvature),
            }
        })
        .collect()
    }

    pub(super) fn observed(&self) -> Vec<Observed> {
        let residuals = self.measurements().residuals(&self.values);
        let gradients = self.gradients();
        let rows = self.measurements().observations().iter().enumerate();
        rows.map(|(row, observation)| {
            let spread = self.information.and_then(|information| {
                let gradient = gradients.get(row)?.as_ref()?;
                Some(propagate(gradient, &information.covariance))
            });
            Observed {
                observation: observation.clone(),
                model: self.values[row],
                model_sd: spread,
                residual: residuals[row],
            }
        })
        .collect()
    }

    /// The derivatives of the observations' model values, where they are known: a limit that is kept has none in the
    /// residuals.
    fn gradients(&self) -> Vec<Option<Vec<f64>>> {
        let measurements = self.measurements();
        let Some(linearisation) = &self.solution.linearisation else {
            return Vec::new();
        };
        if measurements.is_reshaped() {
            // The rows of the fit are projected or reshaped: the values are linearised once more.
            let targets = targets(measurements.observations());
            let simulator = self.task.patient_simulator(self.task.study.fine, targets);
            let x = &self.solution.x;
            let plans = simulator.values(x, None).ok().map(|(_, plans)| plans);
            let derivatives = plans.and_then(|plans| simulator.linearise(x, &plans).ok());
            return derivatives.map_or_else(Vec::new, |(_, d)| {
                d.rows().into_iter().map(|row| Some(row.to_vec())).collect()
            });
        }
        let rows = measurements.observations().iter().enumerate();
        rows.map(|(row, o)| {
            let slope =
                o.noise.slope(self.values[row], o.measured) / measurements.noise_factor(row);
            let row = linearisation.jacobian.row(row);
            (slope > 0.0).then(|| row.iter().map(|x| x / slope).collect())
        })
        .collect()
    }

    /// The instruments' unknowns: value and standard deviation.
    pub(super) fn calibrations(&self) -> Vec<(f64, f64)> {
        self.measurements().unknowns(&self.values)
    }

    pub(super) fn predicted(&self) -> Vec<Predicted> {
        let predictions = &self.task.study.predictions;
        if predictions.is_empty() {
            return Vec::new();
        }
        self.task.monitor.begin(&self.task.stage("predictions"), 1);
        let targets = predictions.iter().map(|p| p.target.clone()).collect();
        let simulator = self.task.patient_simulator(self.task.study.fine, targets);
        let x = &self.solution.x;
        let base = simulator.values(x, None).ok();
        let derivatives = self.information.and_then(|information| {
            let (_, plans) = base.as_ref()?;
            Some((simulator.linearise(x, plans).ok()?.1, information))
        });
        let rows = predictions.iter().enumerate();
        rows.map(|(row, prediction)| Predicted {
            target: prediction.target.clone(),
            measured: prediction.measured,
            model: base.as_ref().map(|(values, _)| values[row]),
            sd: derivatives
                .as_ref()
                .map(|(d, information)| propagate(&d.row(row).to_vec(), &information.covariance)),
        })
        .collect()
    }

    pub(super) fn extras(&self) -> Vec<Extra> {
        let extras = self.task.study.extras.iter().map(|observation| Extra {
            observation: observation.clone(),
            model: read(&self.curves, &observation.target),
        });
        extras.collect()
    }

    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        let verdicts = self.task.study.orderings.iter().map(|ordering| {
            let larger = read(&self.curves, &ordering.larger);
            Verdict {
                claim: ordering.claim.clone(),
                values: larger.zip(read(&self.curves, &ordering.smaller)),
                unit: ordering.larger.observable.unit(),
            }
        });
        verdicts.collect()
    }

    pub(super) fn into_curves(self) -> Vec<Curves> {
        self.curves
    }
}

/// A target's value in the curves of its cell and protocol, if they show it.
fn read(curves: &[Curves], target: &Target) -> Option<f64> {
    let mut runs = curves.iter();
    let run = runs.find(|c| c.cell == target.cell && c.protocol == target.protocol)?;
    let value = target.observable.measure(&run.model, &run.outcome);
    value.filter(|value| value.is_finite())
}
