//! The loading that gives the most charge per area.

use super::setting::Condition;
use super::weighted::Weighted;

/// The best loading at one current, cycle and amount of electrolyte.
#[derive(Clone, Debug, PartialEq)]
pub struct BestLoading {
    /// Current as a multiple of 1C (1).
    pub c_rate: f64,
    /// Volume of electrolyte per mass of active element (m³ kg⁻¹), if it is stated.
    pub electrolyte_m3_kg: Option<f64>,
    /// Cycle.
    pub cycle: usize,
    /// The loading (kg m⁻²): median and interval.
    pub loading_kg_m2: [f64; 3],
    /// The areal capacity there (mAh cm⁻²): median and interval.
    pub areal_capacity: [f64; 3],
    /// Probability that a loading beyond the grid would be better still.
    pub beyond_grid: f64,
}

/// Of areal capacities over the loadings of a grid, one row per draw with its weight, each draw's best; `None` with
/// fewer than three loadings.
pub(super) fn best_loading(
    (condition, cycle): (&Condition, usize),
    loadings: &[f64],
    draws: &[(Vec<f64>, f64)],
    level: f64,
) -> Option<BestLoading> {
    if loadings.len() < 3 || draws.is_empty() {
        return None;
    }
    let tops: Vec<(f64, f64, bool, f64)> = draws
        .iter()
        .filter(|(areal, _)| areal.iter().all(|a| a.is_finite()))
        .map(|(areal, weight)| {
            let (loading, height, is_inside) = top(loadings, areal);
            (loading, height, is_inside, *weight)
        })
        .collect();
    let all: f64 = tops.iter().map(|(.., weight)| weight).sum();
    let beyond = tops.iter().filter(|(_, _, is_inside, _)| !is_inside);
    Some(BestLoading {
        c_rate: condition.c_rate,
        electrolyte_m3_kg: condition.electrolyte_m3_kg,
        cycle,
        loading_kg_m2: Weighted::new(tops.iter().map(|t| (t.0, t.3))).median_and_interval(level),
        areal_capacity: Weighted::new(tops.iter().map(|t| (t.1, t.3))).median_and_interval(level),
        beyond_grid: beyond.map(|(.., weight)| weight).sum::<f64>() / all,
    })
}

/// Place and height of the highest point of a curve, by the parabola through it and its neighbours over the logarithm
/// of the loading; the third part is `false` if it lies at the upper end.
fn top(loadings: &[f64], areal: &[f64]) -> (f64, f64, bool) {
    let highest = (0..areal.len()).max_by(|a, b| areal[*a].total_cmp(&areal[*b]));
    let i = highest.expect("a grid is not empty");
    if i + 1 == areal.len() {
        return (loadings[i], areal[i], false);
    }
    if i == 0 {
        return (loadings[0], areal[0], true);
    }
    let x = [i - 1, i, i + 1].map(|j| loadings[j].ln());
    let y = [i - 1, i, i + 1].map(|j| areal[j]);
    let left = (y[1] - y[0]) / (x[1] - x[0]);
    let right = (y[2] - y[1]) / (x[2] - x[1]);
    let curvature = (right - left) / (x[2] - x[0]);
    if curvature >= -1e-12 {
        return (loadings[i], areal[i], true);
    }
    let slope = left + curvature * (x[1] - x[0]);
    let step = -0.5 * slope / curvature;
    let height = y[1] + slope * step + curvature * step * step;
    ((x[1] + step).exp(), height, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_of_a_parabola_is_found_between_the_points() {
        let loadings = [1.0, 2.0, 4.0, 8.0];
        let areal: Vec<f64> = loadings
            .iter()
            .map(|l: &f64| 3.0 - (l.ln() - 3.0_f64.ln()).powi(2))
            .collect();
        let (loading, height, is_inside) = top(&loadings, &areal);
        assert!((loading - 3.0).abs() < 1e-9 && (height - 3.0).abs() < 1e-9 && is_inside);
        assert!(!top(&loadings, &[1.0, 2.0, 3.0, 4.0]).2);
        assert!((top(&loadings, &[4.0, 3.0, 2.0, 1.0]).0 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn draws_at_the_upper_end_are_counted() {
        let condition = Condition {
            loading_kg_m2: 0.0,
            c_rate: 0.1,
            electrolyte_m3_kg: None,
        };
        let draws = [(vec![1.0, 2.0, 1.0], 0.75), (vec![1.0, 2.0, 3.0], 0.25)];
        let best = best_loading((&condition, 1), &[0.01, 0.02, 0.04], &draws, 0.9).unwrap();
        assert!((best.beyond_grid - 0.25).abs() < 1e-12);
        assert!((best.loading_kg_m2[1] - 0.02).abs() < 1e-9);
        assert!((best.loading_kg_m2[2] - 0.04).abs() < 1e-9);
        assert!(best_loading((&condition, 1), &[0.01, 0.02], &draws, 0.9).is_none());
    }
}
