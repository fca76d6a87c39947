//! What the cells of a campaign have in common: constants of catalysts, and how far cells with one catalyst scatter.
//!
//! Cell fits come first; then the joint estimate with partial pooling (`estimate::hierarchy`, without descriptors), so
//! that the scatter from cell to cell and the uncertainty of the fits are told apart.

use std::collections::BTreeMap;

use super::collect::CollectedCell;
use super::collect::CollectedParameter;
use super::suspicion::distances;
use crate::config::one_of;
use crate::estimate::Level;
use crate::estimate::Relation;
use crate::estimate::normals;

/// What stands for the catalyst of a parameter that all cells have in common.
const ALL: &str = "all cells";
/// Draws of the joint estimate.
const DRAWS: usize = 1000;
/// Information of the data over that of the prior below which a fit is taken to know nothing.
const LEAST_INFORMATION: f64 = 0.1;
/// Distance from the other cells, in standard deviations, beyond which a cell does not count: of a million normal ones
/// not a single one.
const LEFT_OUT_FROM: f64 = 6.0;
/// Beliefs: scatter between catalysts and between cells, in ln, with the standard deviations of their logarithms.
const BETWEEN: (f64, f64) = (1.0, 1.0);
const WITHIN: (f64, f64) = (0.3, 1.0);

/// A constant of a catalyst over its cells.
#[derive(Clone, Debug, PartialEq)]
pub struct CatalystConstant {
    /// Name of the parameter.
    pub parameter: String,
    /// Unit.
    pub unit: String,
    /// The catalyst.
    pub catalyst: String,
    /// Number of its cells that count.
    pub n_cells: usize,
    /// Cells that lie so far from the others that another optimum or another cell is to be suspected: they do not
    /// count.
    pub n_left_out: usize,
    /// Median and 95 % interval for the catalyst, in the unit.
    pub interval: [f64; 3],
    /// Median of the scatter of its cells, in ln; common to all catalysts.
    pub between_cells: f64,
    /// Root mean square of what the fits leave open, in ln.
    pub of_fits: f64,
}

/// For each catalyst ln of the value and its standard deviation, cell by cell.
type OfCatalysts<'c> = BTreeMap<&'c str, Vec<(f64, f64)>>;

/// Estimates the constants of all catalysts jointly. Parameters whose prior is not on a logarithm, and those without an
/// uncertainty, are left out. Those in `shared` have one value for all cells, whatever their catalyst.
///
/// # Errors
/// If no cell has a shared parameter, or the sampler gives up.
pub fn pooled(
    cells: &[CollectedCell],
    shared: &[String],
    seed: u64,
) -> Result<Vec<CatalystConstant>, String> {
    let all = || cells.iter().flat_map(|cell| &cell.report.parameters);
    for name in shared {
        if !all().any(|p| p.name == *name) {
            let mut known: Vec<&str> = all().map(|p| p.name.as_str()).collect();
            known.sort_unstable();
            known.dedup();
            let expected = one_of(name, known);
            return Err(format!("shared: found '{name}', expected {expected}"));
        }
    }
    let mut of_parameter: BTreeMap<(&str, &str), OfCatalysts<'_>> = BTreeMap::new();
    for cell in cells {
        for p in &cell.report.parameters {
            let (Some(sd), "ln", true) = (p.sd, p.sd_scale.as_str(), p.value > 0.0) else {
                continue;
            };
            let key = (p.name.as_str(), p.unit.as_str());
            let catalysts = of_parameter.entry(key).or_default();
            let catalyst = if shared.contains(&p.name) {
                ALL
            } else {
                cell.catalyst.as_str()
            };
            let own = catalysts.entry(catalyst).or_default();
            own.push(of_the_data(p, sd));
        }
    }
    let mut constants = Vec::new();
    for ((parameter, unit), mut catalysts) in of_parameter {
        let left_out = leave_out(&mut catalysts);
        let all: Vec<f64> = catalysts.values().flatten().map(|(v, _)| *v).collect();
        let centre = all.iter().sum::<f64>() / all.len() as f64;
        let levels: Vec<(&str, Level)> = catalysts
            .iter()
            .map(|(catalyst, cells)| {
                let cells = cells.iter().map(|(v, sd)| (v - centre, *sd)).collect();
                let level = Level {
                    descriptors: Vec::new(),
                    cells,
                };
                (*catalyst, level)
            })
            .collect();
        let told = one(parameter, &levels, seed)?;
        constants.extend(told.into_iter().map(|(catalyst, interval, within, n)| {
            CatalystConstant {
                parameter: parameter.to_owned(),
                unit: unit.to_owned(),
                n_cells: n,
                n_left_out: left_out.get(catalyst).copied().unwrap_or(0),
                interval: interval.map(|x| (x + centre).exp()),
                between_cells: within,
                of_fits: of_fits(&catalysts[catalyst]),
                catalyst: catalyst.to_owned(),
            }
        }));
    }
    Ok(constants)
}

/// What the data of a fit alone say about ln of a value: the fit's own posterior holds its prior, which would count
/// once for every cell. Product and quotient of normals, without regard to other quantities.
fn of_the_data(parameter: &CollectedParameter, sd: f64) -> (f64, f64) {
    let (value, sd) = (parameter.value.ln(), sd.max(1e-6));
    let (Some(median), Some(prior_sd)) = (parameter.prior_median, parameter.prior_sd_ln) else {
        return (value, sd);
    };
    let precision = sd.powi(-2) - prior_sd.powi(-2);
    // Data that say next to nothing must not say it from far away.
    let least = LEAST_INFORMATION * prior_sd.powi(-2);
    if precision <= least {
        return (value, least.sqrt().recip());
    }
    let sum = value * sd.powi(-2) - median.ln() * prior_sd.powi(-2);
    (sum / precision, precision.sqrt().recip())
}

/// Takes out what lies too far from the other cells with the catalyst, and counts it: the scatter between cells is a
/// normal one, and a single fit in another optimum would widen it for all.
fn leave_out<'c>(catalysts: &mut OfCatalysts<'c>) -> BTreeMap<&'c str, usize> {
    let mut left_out = BTreeMap::new();
    for (catalyst, cells) in catalysts.iter_mut() {
        let before = cells.len();
        let mut distances = distances(cells).into_iter();
        cells.retain(|_| {
            distances
                .next()
                .is_none_or(|(_, z)| z.abs() <= LEFT_OUT_FROM)
        });
        left_out.insert(*catalyst, before - cells.len());
    }
    left_out
}

/// Catalyst, median and interval, scatter of cells, number of cells.
type Told<'c> = (&'c str, [f64; 3], f64, usize);

fn one<'c>(
    parameter: &str,
    levels: &[(&'c str, Level)],
    seed: u64,
) -> Result<Vec<Told<'c>>, String> {
    let relation = Relation {
        slopes: Vec::new(),
        mean_sd: 3.0,
        between: BETWEEN.0,
        between_sd_ln: BETWEEN.1,
        within: WITHIN.0,
        within_sd_ln: WITHIN.1,
    };
    let plain: Vec<Level> = levels.iter().map(|(_, level)| level.clone()).collect();
    let common = relation.learned(&plain, DRAWS, seed);
    let common = common.map_err(|error| format!("'{parameter}': {error}"))?;
    let quantile = |values: &[f64], p: f64| crate::numerics::diagnostics::quantile(values, p);
    let scatter: Vec<f64> = common.iter().map(|c| c.within).collect();
    let within = quantile(&scatter, 0.5);
    let told = levels.iter().enumerate().map(|(i, (catalyst, level))| {
        let mut normal = normals(seed, i as u64);
        let draws: Vec<f64> = common
            .iter()
            .map(|common| {
                let cells = level.cells.iter().map(|(y, s)| y + s * normal());
                let cells: Vec<f64> = cells.collect();
                relation.catalyst(common, level, &cells, &mut normal)
            })
            .collect();
        let interval = [0.5, 0.025, 0.975].map(|p| quantile(&draws, p));
        (*catalyst, interval, within, level.cells.len())
    });
    Ok(told.collect())
}

fn of_fits(cells: &[(f64, f64)]) -> f64 {
    (cells.iter().map(|(_, sd)| sd * sd).sum::<f64>() / cells.len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(value: f64, sd: f64, prior: Option<(f64, f64)>) -> CollectedParameter {
        CollectedParameter {
            name: "k".to_owned(),
            cell: "shared".to_owned(),
            value,
            unit: "1".to_owned(),
            sd: Some(sd),
            sd_scale: "ln".to_owned(),
            prior_median: prior.map(|(median, _)| median),
            prior_sd_ln: prior.map(|(_, sd)| sd),
            interval: None,
            verdict: None,
        }
    }

    proptest::proptest! {
        /// What the data say and the prior together make the fit's posterior again.
        #[test]
        fn prior_is_taken_off(data in -3.0..3.0_f64, sd in 0.05..2.0_f64, prior in -3.0..3.0_f64) {
            let prior_sd: f64 = 1.5;
            let precision = sd.powi(-2) + prior_sd.powi(-2);
            let mean = (data * sd.powi(-2) + prior * prior_sd.powi(-2)) / precision;
            let fit = known(mean.exp(), precision.sqrt().recip(), Some((prior.exp(), prior_sd)));
            let (found, found_sd) = of_the_data(&fit, fit.sd.unwrap());
            proptest::prop_assert!((found - data).abs() < 1e-9);
            proptest::prop_assert!((found_sd - sd).abs() < 1e-9);
        }
    }

    #[test]
    fn a_fit_that_knows_its_prior_only_says_next_to_nothing() {
        let (_, sd) = of_the_data(&known(2.0, 1.5, Some((2.0, 1.5))), 1.5);
        assert!(sd > 4.0);
        let (value, sd) = of_the_data(&known(2.0, 0.1, None), 0.1);
        assert!((value - 2f64.ln()).abs() < 1e-12 && (sd - 0.1).abs() < 1e-12);
    }

    #[test]
    fn a_cell_in_another_optimum_does_not_count() {
        let near = [0.0, 0.05, -0.04, 0.02, -0.03].map(|value| (value, 0.05));
        let mut cells = near.to_vec();
        cells.push((-5.0, 0.1));
        let mut catalysts = OfCatalysts::new();
        catalysts.insert("A", cells);
        // Far, but hardly known: it contradicts nobody.
        let mut open = near.to_vec();
        open.push((-5.0, 2.0));
        catalysts.insert("B", open);
        // Too few to tell who is right.
        catalysts.insert("C", vec![(0.0, 0.1), (5.0, 0.1)]);
        let left_out = leave_out(&mut catalysts);
        assert_eq!(left_out, BTreeMap::from([("A", 1), ("B", 0), ("C", 0)]));
        assert_eq!(catalysts["A"], near.to_vec());
    }
}
