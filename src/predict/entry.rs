//! From draws of all variants to the numbers that are told: medians, intervals, and where their width comes from.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::Distribution;
use rand_distr::StandardNormal;

use super::control::Control;
use super::loading::BestLoading;
use super::loading::best_loading;
use super::outlook::Branch;
use super::outlook::Forecast;
use super::outlook::INTERVAL_LEVEL;
use super::outlook::Reasons;
use super::setting::Condition;
use super::setting::CycleAnswer;
use super::setting::Quantity;
use super::setting::one_c_mah_g;
use super::support::Knowledge;
use super::support::Support;
use super::weighted::Weighted;

/// One predicted number.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Position of the condition.
    pub condition: usize,
    /// Cycle.
    pub cycle: usize,
    /// What.
    pub quantity: Quantity,
    /// Its value at the optimum of each variant, on the fine mesh; not a number if the simulation failed.
    pub at_optimum: Vec<f64>,
    /// Median of all draws, and the interval of parameters, variants and scatter together.
    pub interval: [f64; 3],
    /// Median and interval of parameters and variants, without the scatter.
    pub model_interval: [f64; 3],
    /// Standard deviation by the uncertainty of the parameters, within the variants.
    pub parameter_sd: f64,
    /// Standard deviation between the variants.
    pub model_sd: f64,
    /// Standard deviation by the scatter of cells and readings.
    pub scatter_sd: f64,
    /// Draws that gave it.
    pub n: usize,
    /// What limits the capacity there, in the variant of the largest weight; `None` if that could not be computed.
    pub control: Option<Control>,
    /// How far the design lies beyond what informed the fit, as a factor on loading, current or cycle (1).
    pub extrapolation: f64,
    /// What the data say about it, in the variant of the largest weight.
    pub knowledge: Option<Knowledge>,
}

/// All numbers of a grid.
pub(super) fn entries(
    forecast: &Forecast<'_>,
    branches: &[Branch<'_>],
    (reasons, support): (&[Reasons], &Support),
) -> Vec<Entry> {
    let one_c = one_c_mah_g(&forecast.study.variants[0].mechanism);
    let mut entries = Vec::new();
    for (position, condition) in forecast.conditions.iter().enumerate() {
        let (control, known) = &reasons[position];
        for (at, cycle) in forecast.setting.cycles.iter().enumerate() {
            for quantity in Quantity::ALL {
                if quantity == Quantity::Retention && at == 0 {
                    continue;
                }
                let told = |answer: &Vec<CycleAnswer>| {
                    answer[at].quantity(quantity, condition, &answer[0], one_c)
                };
                let of_branch = |branch: &Branch<'_>| -> Vec<f64> {
                    let draws = branch.draws[position].iter().flatten();
                    draws.map(told).filter(|v| v.is_finite()).collect()
                };
                let draws: Vec<Vec<f64>> = branches.iter().map(of_branch).collect();
                let fine = branches.iter().map(|branch| {
                    let fine = branch.fine[position].as_ref();
                    fine.map_or(f64::NAN, told)
                });
                let weights: Vec<f64> = branches.iter().map(|b| b.weight).collect();
                let scatter = if quantity == Quantity::Power {
                    0.0
                } else {
                    forecast.scatter
                };
                entries.push(Entry {
                    condition: position,
                    cycle: *cycle,
                    quantity,
                    at_optimum: fine.collect(),
                    control: control.as_ref().map(|all| all[at].clone()),
                    extrapolation: support.extrapolation(condition, *cycle),
                    knowledge: known.as_ref().map(|all| all[at].clone()),
                    ..spread(&draws, &weights, (scatter, forecast.seed))
                });
            }
        }
    }
    entries
}

/// Intervals and standard deviations of draws of several variants, apart and together.
fn spread(draws: &[Vec<f64>], weights: &[f64], (scatter, seed): (f64, u64)) -> Entry {
    let pooled = || {
        let each = draws.iter().zip(weights);
        each.flat_map(|(values, weight)| {
            let weight = weight / values.len().max(1) as f64;
            values.iter().map(move |value| (*value, weight))
        })
    };
    let within: Vec<Weighted> = draws
        .iter()
        .map(|values| Weighted::new(values.iter().map(|v| (*v, 1.0))))
        .collect();
    let known = || within.iter().zip(weights).filter(|(w, _)| !w.is_empty());
    let all: f64 = known().map(|(_, weight)| weight).sum();
    let mean = known().map(|(w, weight)| weight * w.mean()).sum::<f64>() / all;
    let variance = known()
        .map(|(w, weight)| weight * w.sd().powi(2))
        .sum::<f64>()
        / all;
    let between = known().map(|(w, weight)| weight * (w.mean() - mean).powi(2));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut noisy = || {
        let normal: f64 = StandardNormal.sample(&mut random);
        (scatter * normal).exp()
    };
    let model = Weighted::new(pooled());
    let with_scatter = Weighted::new(pooled().map(|(value, weight)| (value * noisy(), weight)));
    Entry {
        condition: 0,
        cycle: 0,
        quantity: Quantity::Capacity,
        at_optimum: Vec::new(),
        interval: with_scatter.median_and_interval(INTERVAL_LEVEL),
        model_interval: model.median_and_interval(INTERVAL_LEVEL),
        parameter_sd: variance.sqrt(),
        model_sd: (between.sum::<f64>() / all).sqrt(),
        scatter_sd: scatter * mean,
        n: draws.iter().map(Vec::len).sum(),
        control: None,
        extrapolation: 1.0,
        knowledge: None,
    }
}

/// The best loading at every current, amount of electrolyte and cycle of the grid.
pub(super) fn best_loadings(forecast: &Forecast<'_>, branches: &[Branch<'_>]) -> Vec<BestLoading> {
    let mut best = Vec::new();
    let mut seen: Vec<(u64, Option<u64>)> = Vec::new();
    for condition in &forecast.conditions {
        let kind = |c: &Condition| (c.c_rate.to_bits(), c.electrolyte_m3_kg.map(f64::to_bits));
        if seen.contains(&kind(condition)) {
            continue;
        }
        seen.push(kind(condition));
        let mut alike: Vec<(f64, usize)> = (0..forecast.conditions.len())
            .filter(|i| kind(&forecast.conditions[*i]) == kind(condition))
            .map(|i| (forecast.conditions[i].loading_kg_m2, i))
            .collect();
        alike.sort_by(|a, b| a.0.total_cmp(&b.0));
        let loadings: Vec<f64> = alike.iter().map(|(loading, _)| *loading).collect();
        for (at, cycle) in forecast.setting.cycles.iter().enumerate() {
            let draws = branches.iter().flat_map(|branch| {
                let n = branch.draws.first().map_or(0, Vec::len);
                let weight = branch.weight / n.max(1) as f64;
                let alike = &alike;
                (0..n).map(move |draw| {
                    let areal = alike.iter().map(|(loading, condition)| {
                        let answer = branch.draws[*condition][draw].as_ref();
                        answer.map_or(f64::NAN, |a| a[at].capacity * loading * 0.1)
                    });
                    (areal.collect::<Vec<f64>>(), weight)
                })
            });
            let draws: Vec<(Vec<f64>, f64)> = draws.collect();
            best.extend(best_loading(
                (condition, *cycle),
                &loadings,
                &draws,
                INTERVAL_LEVEL,
            ));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_add_up() {
        let first: Vec<f64> = (0..2001).map(|i| 990.0 + 0.01 * f64::from(i)).collect();
        let second: Vec<f64> = first.iter().map(|v| v + 100.0).collect();
        let entry = spread(&[first, second], &[0.5, 0.5], (0.03, 1));
        let uniform_sd = 20.0 / 12.0_f64.sqrt();
        assert!((entry.parameter_sd - uniform_sd).abs() < 0.1);
        assert!((entry.model_sd - 50.0).abs() < 1e-6);
        assert!((entry.scatter_sd - 0.03 * 1050.0).abs() < 0.1);
        assert!(entry.interval[1] < entry.model_interval[1]);
        assert!(entry.interval[2] > entry.model_interval[2]);
    }
}
