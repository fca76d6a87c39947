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
/// Information of the data over that of the prior below which a fit does not count: the quotient would throw its value
/// far out, and its prior is believed anew by the joint estimate.
const LEAST_INFORMATION: f64 = 0.1;
/// Share of a catalyst's cells that must say something, for any of them to count. Where data say something of a constant
/// only by chance, those that do are the ones that it favoured, and they err to one side.
const LEAST_INFORMED: f64 = 0.8;
/// Cells of a catalyst that it takes to tell that one lies outside.
const CROWD: usize = 5;
/// A cell does not count if it lies farther from the others than this many robust standard deviations, and farther than
/// so many times the scatter that is believed of cells: few cells tell their own scatter badly.
const LEFT_OUT_FROM: f64 = 6.0;
const FAR: f64 = 4.0;
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
    /// Cells whose data say next to nothing about the constant beside its prior: they do not count either, nor do the
    /// others if these are more than a fifth.
    pub n_uninformed: usize,
    /// What its cells say together; none if not one of them counts.
    pub estimate: Option<CatalystEstimate>,
    /// Root mean square of what the fits leave open, in ln.
    pub of_fits: f64,
}

/// A constant as the cells of a catalyst know it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CatalystEstimate {
    /// Median and 95 % interval for the catalyst, in the unit.
    pub interval: [f64; 3],
    /// Median of the scatter of its cells, in ln; common to all catalysts.
    pub between_cells: f64,
}

/// The constants of all catalysts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pooled {
    /// One by one, by parameter and catalyst.
    pub constants: Vec<CatalystConstant>,
    /// Parameters whose joint estimate failed, and why: their constants have none.
    pub failures: Vec<String>,
}

/// The cells of a catalyst for one constant.
#[derive(Clone, Debug, Default, PartialEq)]
struct Cells {
    /// What the data of each cell say: ln of the value and its standard deviation.
    known: Vec<(f64, f64)>,
    /// Standard deviations that the fits tell, prior included.
    of_fits: Vec<f64>,
    n_left_out: usize,
    n_uninformed: usize,
}

type OfCatalysts<'c> = BTreeMap<&'c str, Cells>;

/// Estimates the constants of all catalysts jointly. Parameters whose prior is not on a logarithm, and those without an
/// uncertainty, are left out. Those in `shared` have one value for all cells, whatever their catalyst.
///
/// # Errors
/// If no cell has a shared parameter.
pub fn pooled(cells: &[CollectedCell], shared: &[String], seed: u64) -> Result<Pooled, String> {
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
    let of_parameter = gathered(cells, shared);
    let mut pooled = Pooled::default();
    for ((parameter, unit), mut catalysts) in of_parameter {
        for cells in catalysts.values_mut() {
            leave_out(cells);
            leave_to_prior(cells);
        }
        let estimates = estimated(parameter, &catalysts, seed).unwrap_or_else(|failure| {
            pooled.failures.push(failure);
            BTreeMap::new()
        });
        let constants = &mut pooled.constants;
        constants.extend(catalysts.iter().map(|(catalyst, cells)| CatalystConstant {
            parameter: parameter.to_owned(),
            unit: unit.to_owned(),
            catalyst: (*catalyst).to_owned(),
            n_cells: cells.known.len(),
            n_left_out: cells.n_left_out,
            n_uninformed: cells.n_uninformed,
            estimate: estimates.get(catalyst).copied(),
            of_fits: root_mean_square(&cells.of_fits),
        }));
    }
    Ok(pooled)
}

/// The joint estimate of all catalysts of which a cell says something.
fn estimated<'c>(
    parameter: &str,
    catalysts: &OfCatalysts<'c>,
    seed: u64,
) -> Result<BTreeMap<&'c str, CatalystEstimate>, String> {
    let all = catalysts.values().flat_map(|cells| &cells.known);
    let mut values: Vec<f64> = all.map(|(value, _)| *value).collect();
    values.sort_by(f64::total_cmp);
    let Some(centre) = values.get(values.len() / 2).copied() else {
        return Ok(BTreeMap::new());
    };
    let known = catalysts
        .iter()
        .filter(|(_, cells)| !cells.known.is_empty());
    let levels: Vec<(&str, Level)> = known
        .map(|(catalyst, cells)| {
            let cells = cells.known.iter().map(|(v, sd)| (v - centre, *sd));
            let level = Level {
                descriptors: Vec::new(),
                cells: cells.collect(),
            };
            (*catalyst, level)
        })
        .collect();
    let told = one(parameter, &levels, seed)?.into_iter();
    let told = told.map(|(catalyst, interval, between_cells)| {
        let interval = interval.map(|x| (x + centre).exp());
        let estimate = CatalystEstimate {
            interval,
            between_cells,
        };
        (catalyst, estimate)
    });
    Ok(told.collect())
}

/// For every constant with its unit, what all cells say of it.
fn gathered<'c>(
    cells: &'c [CollectedCell],
    shared: &[String],
) -> BTreeMap<(&'c str, &'c str), OfCatalysts<'c>> {
    let mut of_parameter: BTreeMap<(&str, &str), OfCatalysts<'_>> = BTreeMap::new();
    for cell in cells {
        for p in &cell.report.parameters {
            // What follows from ratios between the cells of one experiment is no cell of its own.
            let is_free = p.verdict.is_some();
            let (Some(sd), "ln", true) = (p.sd, p.sd_scale.as_str(), p.value > 0.0 && is_free)
            else {
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
            own.of_fits.push(sd);
            match of_the_data(p, sd) {
                Some(known) => own.known.push(known),
                None => own.n_uninformed += 1,
            }
        }
    }
    of_parameter
}

/// What the data of a fit alone say about ln of a value: the fit's own posterior holds its prior, which would count
/// once for every cell. A quotient of normals, without regard to other quantities: where two are known only together,
/// the prior of the other one stays in it. `None` if the data say next to nothing.
fn of_the_data(parameter: &CollectedParameter, sd: f64) -> Option<(f64, f64)> {
    let (value, sd) = (parameter.value.ln(), sd.max(1e-6));
    let (Some(median), Some(prior_sd)) = (parameter.prior_median, parameter.prior_sd_ln) else {
        return Some((value, sd));
    };
    let (of_fit, of_prior) = (sd.powi(-2), prior_sd.powi(-2));
    let precision = of_fit - of_prior;
    (precision > LEAST_INFORMATION * of_prior).then(|| {
        let sum = value * of_fit - median.ln() * of_prior;
        (sum / precision, precision.sqrt().recip())
    })
}

/// Takes out what lies too far from the other cells with the catalyst, and counts it: the scatter between cells is a
/// normal one, and a single fit in another optimum would widen it for all.
fn leave_out(cells: &mut Cells) {
    let before = cells.known.len();
    if before < CROWD {
        return;
    }
    let mut distances = distances(&cells.known).into_iter();
    let is_near = |(away, z): (f64, f64)| z.abs() <= LEFT_OUT_FROM || away.abs() <= FAR * WITHIN.0;
    cells.known.retain(|_| distances.next().is_none_or(is_near));
    cells.n_left_out = before - cells.known.len();
}

/// Takes out the cells that say something, if too few do.
fn leave_to_prior(cells: &mut Cells) {
    let n = cells.known.len() + cells.n_uninformed;
    if (cells.known.len() as f64) < LEAST_INFORMED * n as f64 {
        cells.n_uninformed = n;
        cells.known.clear();
    }
}

/// Catalyst, median and interval, scatter of cells.
type Told<'c> = (&'c str, [f64; 3], f64);

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
        (*catalyst, interval, within)
    });
    Ok(told.collect())
}

fn root_mean_square(values: &[f64]) -> f64 {
    (values.iter().map(|x| x * x).sum::<f64>() / values.len().max(1) as f64).sqrt()
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
            verdict: Some("identified".to_owned()),
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
            let (found, found_sd) = of_the_data(&fit, fit.sd.unwrap()).unwrap();
            proptest::prop_assert!((found - data).abs() < 1e-9);
            proptest::prop_assert!((found_sd - sd).abs() < 1e-9);
        }
    }

    #[test]
    fn a_fit_that_knows_its_prior_only_does_not_count() {
        let nothing = of_the_data(&known(2.0, 1.5, Some((2.0, 1.5))), 1.5);
        assert_eq!(nothing, None);
        let (value, sd) = of_the_data(&known(2.0, 0.1, None), 0.1).unwrap();
        assert!((value - 2f64.ln()).abs() < 1e-12 && (sd - 0.1).abs() < 1e-12);
    }

    #[test]
    fn few_cells_that_say_something_do_not_count() {
        for (n_known, n_uninformed, counted) in [(4, 1, 4), (3, 1, 0), (2, 0, 2), (0, 3, 0)] {
            let mut cells = Cells {
                known: vec![(0.0, 0.1); n_known],
                n_uninformed,
                ..Cells::default()
            };
            leave_to_prior(&mut cells);
            let n = cells.known.len();
            assert_eq!(
                (n, n + cells.n_uninformed),
                (counted, n_known + n_uninformed)
            );
        }
    }

    /// As many catalysts as it takes to see that intervals hold the truth as often as they say, with cells that know
    /// little each.
    #[test]
    fn intervals_of_catalysts_hold_the_truth() {
        let mut normal = normals(11, 0);
        let (mut truths, mut catalysts) = (Vec::new(), OfCatalysts::new());
        let names: Vec<String> = (0..200).map(|i| i.to_string()).collect();
        for name in &names {
            let truth = 2.0 + 0.4 * normal();
            let cells = (0..10).map(|i| {
                let sd = 0.3 + 0.05 * f64::from(i);
                (truth + 0.1 * normal() + sd * normal(), sd)
            });
            let known = cells.collect();
            truths.push((name.as_str(), truth));
            catalysts.insert(
                name,
                Cells {
                    known,
                    ..Cells::default()
                },
            );
        }
        let estimates = estimated("k", &catalysts, 3).unwrap();
        let held = truths.iter().filter(|(name, truth)| {
            let [_, lower, upper] = estimates[name].interval;
            (lower..=upper).contains(&truth.exp())
        });
        // Two hundred intervals of 95 %: 190 expected, with a standard deviation of three.
        let n = held.count();
        assert!((180..=199).contains(&n), "{n} of 200");
    }

    #[test]
    fn a_cell_in_another_optimum_does_not_count() {
        let near = [0.0, 0.05, -0.04, 0.02, -0.03].map(|value| (value, 0.05));
        let left_out = |more: &[(f64, f64)]| {
            let mut cells = Cells {
                known: [&near[..], more].concat(),
                ..Cells::default()
            };
            leave_out(&mut cells);
            cells.n_left_out
        };
        assert_eq!(left_out(&[(-5.0, 0.1)]), 1);
        // Far, but hardly known: it contradicts nobody.
        assert_eq!(left_out(&[(-5.0, 2.0)]), 0);
        // Outside the others, which happen to lie close together.
        assert_eq!(left_out(&[(0.8, 0.05)]), 0);
        // Too few to tell who is right.
        let mut two = Cells {
            known: vec![(0.0, 0.1), (5.0, 0.1)],
            ..Cells::default()
        };
        leave_out(&mut two);
        assert_eq!(two.n_left_out, 0);
    }
}
