//! How much of a prediction the data know: how far its design lies from theirs, and how much of what was believed
//! beforehand is left in it.

use super::outlook::Forecast;
use super::setting::Condition;
use super::setting::Setting;
use crate::estimate::Fitted;
use crate::estimate::Study;
use crate::estimate::Variant;
use crate::numerics::scalar::Dual;
use crate::numerics::scalar::constants;
use crate::observe::Observable;
use crate::protocol::Step;
use crate::simulate::SimulationFailure;

/// Variables that one simulation carries derivatives by; more take several.
const WIDEST: usize = 24;
/// Share of the prior's variance from which on a prediction is called mostly prior (1).
pub(super) const MOSTLY_PRIOR: f64 = 0.5;

/// The capacities that informed a fit: ranges of loading, current and cycle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Support {
    /// Loadings (kg m⁻²).
    pub loading_kg_m2: (f64, f64),
    /// Currents as multiples of 1C.
    pub c_rate: (f64, f64),
    /// Cycles.
    pub cycle: (f64, f64),
    /// Number of capacities.
    pub n: usize,
}

impl Support {
    /// The capacities of a cell that a study fits.
    pub fn new(study: &Study, cell: usize) -> Self {
        let nothing = (f64::INFINITY, f64::NEG_INFINITY);
        let mut support = Self {
            loading_kg_m2: nothing,
            c_rate: nothing,
            cycle: nothing,
            n: 0,
        };
        let widen = |range: &mut (f64, f64), value: f64| {
            *range = (range.0.min(value), range.1.max(value));
        };
        let own = study.observations.iter().map(|o| &o.target);
        for target in own.filter(|t| t.cell == cell) {
            let Some((step, cycles)) = cycles_of(&target.observable) else {
                continue;
            };
            let protocol = &study.protocols[target.protocol];
            let Some(Step::Cycle(of_step)) = protocol.steps.get(step) else {
                continue;
            };
            let mechanism = &study.variants[0].mechanism;
            let id = mechanism.roles().loading;
            let usual = mechanism.parameters().row(id).value;
            let loading = protocol.loading_kg_m2.unwrap_or(usual);
            widen(&mut support.loading_kg_m2, loading);
            widen(&mut support.c_rate, of_step.c_rate);
            // Cycles are counted within their step; those before it wear the cell, too.
            let before: usize = protocol.steps[..step]
                .iter()
                .map(|step| match step {
                    Step::Cycle(cycles) => cycles.count,
                    _ => 0,
                })
                .sum();
            for cycle in [cycles.0, cycles.1] {
                widen(&mut support.cycle, (before + cycle) as f64);
            }
            support.n += 1;
        }
        support
    }

    /// By which factor a design lies beyond the ranges, at most along one of them; 1 inside.
    pub fn extrapolation(&self, condition: &Condition, cycle: usize) -> f64 {
        if self.n == 0 {
            return f64::INFINITY;
        }
        let beyond =
            |range: (f64, f64), value: f64| (value / range.1).max(range.0 / value).max(1.0);
        beyond(self.loading_kg_m2, condition.loading_kg_m2)
            .max(beyond(self.c_rate, condition.c_rate))
            .max(beyond(self.cycle, cycle as f64))
    }
}

/// Step and first and last cycle of a capacity.
pub(super) fn cycles_of(observable: &Observable) -> Option<(usize, (usize, usize))> {
    match observable {
        Observable::Capacity { step, cycle } => Some((*step, (*cycle, *cycle))),
        Observable::CapacityMax { step, from, to } => Some((*step, (*from, *to))),
        _ => None,
    }
}

/// What the data say about a capacity, linearised at the optimum.
#[derive(Clone, Debug, PartialEq)]
pub struct Knowledge {
    /// Share of the variance that the priors gave it which the data have left (1).
    pub prior_share: f64,
    /// The free quantity that its uncertainty comes from most, and its share of the variance (1).
    pub largest_source: Option<(String, f64)>,
}

impl Knowledge {
    /// Whether the answer is mostly prior.
    pub fn is_mostly_prior(&self) -> bool {
        self.prior_share > MOSTLY_PRIOR
    }
}

/// What the data say about the capacity of every cycle that is asked about.
pub(super) fn knowledge(
    forecast: &Forecast<'_>,
    (variant, fitted): (&Variant, &Fitted),
    condition: &Condition,
) -> Result<Vec<Knowledge>, SimulationFailure> {
    let (setting, mechanism) = (&forecast.setting, &variant.mechanism);
    let at = (forecast.coarse, 1);
    let impossible = |error: super::ConditionError| SimulationFailure {
        during: "the design of the cell".to_owned(),
        time_s: f64::NAN,
        reason: error.to_string(),
        parameters: Vec::new(),
    };
    let values = forecast.study.values(variant, &fitted.x, forecast.cell, 0);
    let values = Setting::designed(mechanism, values, condition).map_err(impossible)?;
    let (plain, plans) = setting.simulated::<f64>(mechanism, &values, condition, at, None)?;
    let n = fitted.x.len();
    let mut gradients = vec![vec![0.0; n]; plain.len()];
    let variables: Vec<usize> = (0..n).collect();
    for window in variables.chunks(WIDEST) {
        let mut varied: Vec<Dual<WIDEST>> = constants(&fitted.x);
        for (direction, variable) in window.iter().enumerate() {
            varied[*variable] = Dual::variable(fitted.x[*variable], direction);
        }
        let values = forecast.study.values(variant, &varied, forecast.cell, 0);
        let values = Setting::designed(mechanism, values, condition).map_err(impossible)?;
        let (answers, _) = setting.simulated(mechanism, &values, condition, at, Some(&plans))?;
        for (gradient, answer) in gradients.iter_mut().zip(answers) {
            for (direction, variable) in window.iter().enumerate() {
                gradient[*variable] = answer.capacity.eps[direction];
            }
        }
    }
    let prior: Vec<f64> = variant
        .free
        .iter()
        .map(|f| f.prior_coordinates().1)
        .collect();
    let known = gradients.iter().map(|gradient| {
        let before: f64 = gradient
            .iter()
            .zip(&prior)
            .map(|(g, sd)| (g * sd).powi(2))
            .sum();
        let shares: Vec<f64> = (0..n)
            .map(|i| {
                let row = fitted.covariance.row(i);
                let with: f64 = row.iter().zip(gradient).map(|(c, g)| c * g).sum();
                gradient[i] * with
            })
            .collect();
        let after: f64 = shares.iter().sum();
        let largest = (0..n).max_by(|a, b| shares[*a].total_cmp(&shares[*b]));
        Knowledge {
            prior_share: if before > 0.0 {
                (after / before).max(0.0)
            } else {
                1.0
            },
            largest_source: largest
                .filter(|_| after > 0.0)
                .map(|i| (variant.free[i].name.clone(), shares[i] / after)),
        }
    });
    Ok(known.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_beyond_the_data() {
        let support = Support {
            loading_kg_m2: (0.01, 0.01),
            c_rate: (0.05, 2.0),
            cycle: (1.0, 400.0),
            n: 5,
        };
        let condition = |loading_kg_m2: f64, c_rate: f64| Condition {
            loading_kg_m2,
            c_rate,
            electrolyte_m3_kg: None,
        };
        assert!((support.extrapolation(&condition(0.01, 0.1), 50) - 1.0).abs() < 1e-12);
        assert!((support.extrapolation(&condition(0.04, 0.1), 50) - 4.0).abs() < 1e-12);
        assert!((support.extrapolation(&condition(0.005, 0.01), 800) - 5.0).abs() < 1e-12);
        let nothing = Support { n: 0, ..support };
        assert!(
            nothing
                .extrapolation(&condition(0.01, 0.1), 1)
                .is_infinite()
        );
    }
}
