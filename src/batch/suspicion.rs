//! Which cells a human should look at first, and why.

use std::collections::BTreeMap;

use super::collect::CollectedCell;

/// Fewest cells with a catalyst whose spread says who is an outlier.
const ALIKE_MIN: usize = 4;
/// Distance from the median in robust standard deviations from which on a value is an outlier.
const OUTLIER_FROM: f64 = 4.0;
/// Residual in standard deviations that is told.
const RESIDUAL_FROM: f64 = 4.0;
/// Factor on the variance of the data that is told.
const INFLATION_FROM: f64 = 4.0;
/// Share of failed simulations that is told.
const FAILED_FROM: f64 = 0.02;
/// From a median absolute deviation to the standard deviation of a normal distribution.
const MAD_TO_SD: f64 = 1.4826;
/// Smallest robust standard deviation of a logarithm: nobody is an outlier by one part in a hundred.
const SD_MIN: f64 = 0.01;

/// Why a cell is to be looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspicion {
    /// Position among the collected cells.
    pub cell: usize,
    /// How much speaks against it (1): the sum of what is told.
    pub score: f64,
    /// In words.
    pub reasons: Vec<String>,
}

/// All cells against which something speaks, the worst first.
pub fn suspicions(cells: &[CollectedCell]) -> Vec<Suspicion> {
    let mut all: Vec<Suspicion> = (0..cells.len())
        .map(|cell| Suspicion {
            cell,
            score: 0.0,
            reasons: Vec::new(),
        })
        .collect();
    for (suspicion, cell) in all.iter_mut().zip(cells) {
        of_one(suspicion, cell);
    }
    of_outliers(&mut all, cells);
    all.retain(|s| s.score > 0.0);
    all.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.cell.cmp(&b.cell)));
    all
}

impl Suspicion {
    fn add(&mut self, score: f64, reason: String) {
        self.score += score;
        self.reasons.push(reason);
    }
}

/// What its own report says.
fn of_one(suspicion: &mut Suspicion, cell: &CollectedCell) {
    let report = &cell.report;
    if !report.converged {
        suspicion.add(5.0, format!("did not converge: {}", report.stop_reason));
    }
    if let Some(inflation) = report.inflation().filter(|i| *i > INFLATION_FROM) {
        let reason = format!("its data scatter {:.1} times their noise", inflation.sqrt());
        suspicion.add(inflation.sqrt(), reason);
    }
    let residuals = report.observables.iter().filter_map(|o| Some((o, o.z?)));
    let worst = residuals.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    if let Some((observable, z)) = worst.filter(|(_, z)| z.abs() > RESIDUAL_FROM) {
        let reason = format!("{} is off by {z:+.1} standard deviations", observable.id);
        suspicion.add(0.5 * z.abs(), reason);
    }
    let failed = report.failed_solves as f64 / report.evaluations.max(1) as f64;
    if failed > FAILED_FROM {
        let reason = format!("{} simulations failed", report.failed_solves);
        suspicion.add(1.0 + 10.0 * failed, reason);
    }
}

/// Catalyst, parameter, and cell of the experiment: values that should be alike.
type Alike<'c> = (&'c str, &'c str, &'c str);

/// Position of a cell, the logarithm of its value, and what its fit leaves open of it.
type Known = (usize, (f64, f64));

/// Values far from those of other cells with the same catalyst.
fn of_outliers(all: &mut [Suspicion], cells: &[CollectedCell]) {
    let mut values: BTreeMap<Alike<'_>, Vec<Known>> = BTreeMap::new();
    for (i, cell) in cells.iter().enumerate() {
        for parameter in &cell.report.parameters {
            if parameter.value > 0.0 {
                let key = (
                    cell.catalyst.as_str(),
                    parameter.name.as_str(),
                    parameter.cell.as_str(),
                );
                // Of the logarithm; what no fit tells contradicts nobody.
                let sd = match (parameter.sd, parameter.sd_scale.as_str()) {
                    (None, _) => continue,
                    (Some(sd), "ln") => sd,
                    (Some(sd), _) => sd / parameter.value,
                };
                let known = (parameter.value.ln(), sd);
                values.entry(key).or_default().push((i, known));
            }
        }
    }
    for ((catalyst, name, _), values) in values {
        let known: Vec<(f64, f64)> = values.iter().map(|(_, known)| *known).collect();
        for ((cell, _), (away, z)) in values.iter().zip(distances(&known)) {
            if z.abs() > OUTLIER_FROM {
                let factor = away.exp();
                let reason =
                    format!("{name} is {factor:.3} times that of other cells with {catalyst}");
                all[*cell].add(0.5 * z.abs().min(20.0), reason);
            }
        }
    }
}

/// How far each logarithm lies from the median of all: itself, and in standard deviations of what scatters robustly
/// and of what its own fit leaves open. Zero where there are too few to tell.
pub(super) fn distances(known: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if known.len() < ALIKE_MIN {
        return vec![(0.0, 0.0); known.len()];
    }
    let centre = median(known.iter().map(|(value, _)| *value));
    let spread = MAD_TO_SD * median(known.iter().map(|(value, _)| (value - centre).abs()));
    let distance = |(value, sd): &(f64, f64)| {
        let away = value - centre;
        (away, away / spread.max(SD_MIN).hypot(*sd))
    };
    known.iter().map(distance).collect()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let n = values.len();
    0.5 * (values[(n - 1) / 2] + values[n / 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::collect::CollectedReport;

    fn cell(value: f64, converged: bool) -> CollectedCell {
        let json = format!(
            r#"{{"variant": "v", "converged": {converged}, "stop_reason": "stuck", "cost": 1.0, "cost_data": 1.0,
                "failed_solves": 0, "evaluations": 10, "observables": [], "identifiability": {{"inflation": 1.0}},
                "parameters": [{{"name": "k1", "cell": "shared", "value": {value}, "unit": "1", "sd": 0.1,
                "sd_scale": "ln", "interval": null, "verdict": "identified"}}]}}"#
        );
        let report: CollectedReport = serde_json::from_str(&json).unwrap();
        CollectedCell {
            name: "c".to_owned(),
            catalyst: "A".to_owned(),
            replicate: "1".to_owned(),
            key: "k".to_owned(),
            report,
        }
    }

    #[test]
    fn outliers_and_stuck_fits_come_first() {
        let mut cells: Vec<CollectedCell> = [1.0, 1.1, 0.9, 1.05, 0.95, 30.0]
            .into_iter()
            .map(|v| cell(v, true))
            .collect();
        cells.push(cell(1.0, false));
        let found = suspicions(&cells);
        assert_eq!(found.iter().map(|s| s.cell).collect::<Vec<_>>(), [5, 6]);
        assert!(found[0].reasons[0].contains("times that of other cells with A"));
        assert!(found[1].reasons[0].contains("did not converge"));
    }
}
