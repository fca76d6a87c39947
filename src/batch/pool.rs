//! What the cells of a campaign have in common: constants of catalysts, and how far cells with one catalyst scatter.
//!
//! Cell fits come first; then the joint estimate with partial pooling (`estimate::hierarchy`, without descriptors), so
//! that the scatter from cell to cell and the uncertainty of the fits are told apart.

use std::collections::BTreeMap;

use super::collect::CollectedCell;
use crate::config::one_of;
use crate::estimate::Level;
use crate::estimate::Relation;
use crate::estimate::normals;

/// What stands for the catalyst of a parameter that all cells have in common.
const ALL: &str = "all cells";
/// Draws of the joint estimate.
const DRAWS: usize = 1000;
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
    /// Number of its cells.
    pub n_cells: usize,
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
            own.push((p.value.ln(), sd.max(1e-6)));
        }
    }
    let mut constants = Vec::new();
    for ((parameter, unit), catalysts) in of_parameter {
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
                interval: interval.map(|x| (x + centre).exp()),
                between_cells: within,
                of_fits: of_fits(&catalysts[catalyst]),
                catalyst: catalyst.to_owned(),
            }
        }));
    }
    Ok(constants)
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
