//! `prediction.json` and `prediction.csv`: predictions over a grid, for other programs.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::ReportError;
use super::prediction_figures::figures;
use super::ranking::finite;
use super::tables::csv;
use super::tables::numbers;
use super::tables::texts;
use super::write_result;
use crate::predict::Baseline;
use crate::predict::BestLoading;
use crate::predict::Condition;
use crate::predict::Control;
use crate::predict::Entry;
use crate::predict::Forecast;
use crate::predict::INTERVAL_LEVEL;
use crate::predict::Knowledge;
use crate::predict::Limiting;
use crate::predict::Outlook;
use crate::predict::Score;

/// Draws of all variants together below which intervals are called rough.
const DRAWS_FEW: usize = 20;

/// A prediction with what it was asked by.
#[derive(Clone, Copy, Debug)]
pub struct Predicted<'p> {
    /// Name of the prediction.
    pub name: &'p str,
    /// What was asked.
    pub forecast: &'p Forecast<'p>,
    /// Where the scatter comes from.
    pub scatter_source: &'p str,
    /// The answer.
    pub outlook: &'p Outlook,
    /// How good such predictions are where the answer is known.
    pub scores: &'p [Score],
}

/// Predictions over a grid of conditions.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawPrediction {
    /// Version of the program.
    version: &'static str,
    /// Name of the prediction.
    name: String,
    /// Name of the experiment.
    experiment: String,
    /// Where its data come from: `measured`, `literature` or `synthetic`.
    data: &'static str,
    /// Name of the cell whose catalyst is asked about.
    cell: String,
    /// Name of the protocol.
    protocol: String,
    /// What the numbers are: a prediction by the model.
    kind: &'static str,
    /// Probability that intervals are meant to hold.
    #[schemars(extend("x-unit" = "1"))]
    interval_level: f64,
    /// Seed of the draws.
    seed: u64,
    /// Draws of each variant.
    draws_per_variant: usize,
    /// Relative standard deviation of a measured capacity between cells.
    #[schemars(extend("x-unit" = "1"))]
    scatter: f64,
    /// Where that number comes from.
    scatter_source: String,
    /// Weight of each variant.
    #[schemars(extend("x-unit" = "1"))]
    model_weights: BTreeMap<String, f64>,
    /// Whether the weights come from the evidence; otherwise all are equal.
    model_weights_are_known: bool,
    /// Name of the surrogate that answered, if one did.
    surrogate: Option<String>,
    /// Answers that it gave.
    answers_by_surrogate: usize,
    /// Answers that it refused.
    answers_refused_by_surrogate: usize,
    /// Answers of the cell model.
    simulations: usize,
    /// Simulations that failed.
    failed_solves: usize,
    /// Whether somebody ended it before it was done.
    interrupted: bool,
    /// What informed the fit.
    support: RawSupport,
    /// Comparisons of surrogate, coarse and fine mesh.
    checks: Vec<RawCheck>,
    /// What to know before using the numbers.
    warnings: Vec<String>,
    /// The predicted numbers.
    grid: Vec<RawEntry>,
    /// The loading of the highest areal capacity at every current, electrolyte and cycle.
    best_loadings: Vec<RawBest>,
    /// Predictions whose answer is known, against naive ones.
    scores: Vec<RawScore>,
    /// Voltage of the first and the last cycle at the optima.
    voltage_curves: Vec<RawCurve>,
}

/// What informed the fit.
#[derive(Serialize, JsonSchema)]
struct RawSupport {
    /// Capacities that were fitted.
    capacities: usize,
    /// Lowest and highest loading among them.
    loading_mg_cm2: Option<(f64, f64)>,
    /// Lowest and highest current.
    #[schemars(extend("x-unit" = "1"))]
    c_rate: Option<(f64, f64)>,
    /// First and last cycle.
    cycle: Option<(f64, f64)>,
}

/// A comparison of two ways to the same numbers.
#[derive(Serialize, JsonSchema)]
struct RawCheck {
    /// What is compared.
    what: String,
    /// Compared numbers.
    compared: usize,
    /// Median of the relative differences.
    #[schemars(extend("x-unit" = "1"))]
    median_relative_difference: f64,
    /// The largest.
    #[schemars(extend("x-unit" = "1"))]
    worst_relative_difference: f64,
}

/// A predicted number.
#[derive(Serialize, JsonSchema)]
struct RawEntry {
    /// Loading.
    loading_mg_cm2: f64,
    /// Current in multiples of the theoretical capacity per hour.
    #[schemars(extend("x-unit" = "1"))]
    c_rate: f64,
    /// Amount of electrolyte; none for that of the mechanism file.
    electrolyte_ul_mg: Option<f64>,
    /// The cycle, counted from one.
    cycle: usize,
    /// `capacity`, `areal_capacity`, `energy`, `areal_energy`, `power` or `retention`.
    quantity: &'static str,
    /// Unit of all values here.
    unit: &'static str,
    /// Median.
    median: Option<f64>,
    /// Lower end of the interval of parameters, variants and scatter together.
    lower: Option<f64>,
    /// Upper end.
    upper: Option<f64>,
    /// Lower end without the scatter of cells and readings.
    model_lower: Option<f64>,
    /// Upper end without it.
    model_upper: Option<f64>,
    /// Standard deviation by the parameters, within the variants.
    parameter_sd: Option<f64>,
    /// Standard deviation between the variants.
    model_sd: Option<f64>,
    /// Standard deviation by the scatter of cells and readings.
    scatter_sd: Option<f64>,
    /// Draws that gave it.
    draws: usize,
    /// Value at the optimum of each variant, on the fine mesh.
    at_optimum: BTreeMap<String, Option<f64>>,
    /// What limits the capacity: the group of processes with the largest degree of rate control.
    limiting: Option<&'static str>,
    /// Degree of rate control of each group of processes.
    #[schemars(extend("x-unit" = "1"))]
    rate_control: Option<BTreeMap<String, f64>>,
    /// Degree of rate control of each process.
    #[schemars(extend("x-unit" = "1"))]
    rate_control_of_processes: Option<BTreeMap<String, f64>>,
    /// How far it lies beyond what informed the fit, as a factor on loading, current or cycle.
    #[schemars(extend("x-unit" = "1"))]
    extrapolation: Option<f64>,
    /// Share of the prior's variance that the data leave.
    #[schemars(extend("x-unit" = "1"))]
    prior_share: Option<f64>,
    /// Whether the data have taken away less than half of it.
    mostly_prior: Option<bool>,
    /// The quantity that contributes most.
    largest_source_of_uncertainty: Option<String>,
}

/// The best loading of a condition.
#[derive(Serialize, JsonSchema)]
struct RawBest {
    /// Current in multiples of the theoretical capacity per hour.
    #[schemars(extend("x-unit" = "1"))]
    c_rate: f64,
    /// Amount of electrolyte; none for that of the mechanism file.
    electrolyte_ul_mg: Option<f64>,
    /// The cycle, counted from one.
    cycle: usize,
    /// Loading of the highest areal capacity: median.
    loading_mg_cm2: Option<f64>,
    /// Lower end of its interval.
    #[schemars(extend("x-unit" = "mg cm^-2"))]
    loading_lower: Option<f64>,
    /// Upper end.
    #[schemars(extend("x-unit" = "mg cm^-2"))]
    loading_upper: Option<f64>,
    /// The highest areal capacity: median.
    areal_capacity_mah_cm2: Option<f64>,
    /// Lower end of its interval.
    #[schemars(extend("x-unit" = "mAh cm^-2"))]
    areal_lower: Option<f64>,
    /// Upper end.
    #[schemars(extend("x-unit" = "mAh cm^-2"))]
    areal_upper: Option<f64>,
    /// Probability that the best loading lies beyond the grid.
    #[schemars(extend("x-unit" = "1"))]
    probability_beyond_grid: f64,
}

/// A score of predictions whose answer is known.
#[derive(Serialize, JsonSchema)]
struct RawScore {
    /// What was left out of the fit.
    left_out: String,
    /// Name of the variant; none for the average of all.
    variant: Option<String>,
    /// Whether the numbers were known when the model was chosen: `yes`, `parameters_only` or `no`.
    blind: &'static str,
    /// Skill against the baseline: 1 is perfect, 0 no better, negative worse.
    #[schemars(extend("x-unit" = "1"))]
    skill: Option<f64>,
    /// Share of the numbers inside their intervals.
    #[schemars(extend("x-unit" = "1"))]
    coverage: Option<f64>,
    /// The naive prediction.
    baseline: &'static str,
    /// Mean continuous ranked probability score; smaller is better.
    #[schemars(extend("x-unit" = "mAh g^-1"))]
    crps: Option<f64>,
    /// The same of the baseline.
    #[schemars(extend("x-unit" = "mAh g^-1"))]
    crps_baseline: Option<f64>,
    /// Mean interval score; smaller is better.
    #[schemars(extend("x-unit" = "mAh g^-1"))]
    interval_score: Option<f64>,
    /// The same of the baseline.
    #[schemars(extend("x-unit" = "mAh g^-1"))]
    interval_score_baseline: Option<f64>,
    /// The numbers.
    numbers: Vec<RawScored>,
}

/// A number that was foretold and is known.
#[derive(Serialize, JsonSchema)]
struct RawScored {
    /// Id of the fact.
    id: String,
    /// Name of the cell.
    cell: String,
    /// The measured number.
    #[schemars(extend("x-unit" = "mAh g^-1"))]
    measured: f64,
    /// What was foretold.
    #[schemars(extend("x-unit" = "mAh g^-1"))]
    predicted: f64,
    /// Its standard deviation.
    #[schemars(extend("x-unit" = "mAh g^-1"))]
    sd: f64,
    /// Lower end of its interval.
    #[schemars(extend("x-unit" = "mAh g^-1"))]
    lower: f64,
    /// Upper end.
    #[schemars(extend("x-unit" = "mAh g^-1"))]
    upper: f64,
    /// What the baseline expects.
    #[schemars(extend("x-unit" = "mAh g^-1"))]
    baseline: Option<f64>,
}

/// A voltage curve.
#[derive(Serialize, JsonSchema)]
struct RawCurve {
    /// Loading.
    loading_mg_cm2: f64,
    /// Current in multiples of the theoretical capacity per hour.
    #[schemars(extend("x-unit" = "1"))]
    c_rate: f64,
    /// Amount of electrolyte; none for that of the mechanism file.
    electrolyte_ul_mg: Option<f64>,
    /// The cycle, counted from one.
    cycle: usize,
    /// Name of the variant.
    variant: String,
    /// Charge that has passed.
    charge_mah_g: Vec<f64>,
    /// Voltage.
    voltage_v: Vec<f64>,
}

/// A number without the noise of a change of units.
fn neat(value: f64) -> f64 {
    let text = format!("{value:.9e}");
    text.parse().unwrap_or(value)
}

pub(super) fn loading_mg_cm2(condition: &Condition) -> f64 {
    neat(100.0 * condition.loading_kg_m2)
}

pub(super) fn electrolyte_ul_mg(electrolyte_m3_kg: Option<f64>) -> Option<f64> {
    electrolyte_m3_kg.map(|v| neat(1e3 * v))
}

/// Degrees of rate control, summed over groups.
fn groups(control: &Control) -> BTreeMap<String, f64> {
    let groups = control.degrees.iter().map(|(_, group, _)| *group);
    groups
        .map(|group| (group.as_str().to_owned(), control.of(group)))
        .collect()
}

impl Predicted<'_> {
    fn variant(&self, fitted: usize) -> &str {
        let fitted = &self.forecast.fitted[fitted];
        &self.forecast.study.variants[fitted.variant].name
    }

    /// What the user should know before using the numbers.
    pub(super) fn warnings(&self) -> Vec<String> {
        let outlook = self.outlook;
        let mut warnings = Vec::new();
        if !outlook.weights_are_known {
            warnings.push(
                "the fit could not compare its variants: all count alike; fit all of them to their ends".to_owned(),
            );
        }
        for fitted in self.forecast.fitted.iter().filter(|f| !f.is_converged) {
            let name = &self.forecast.study.variants[fitted.variant].name;
            warnings.push(format!("the fit of variant '{name}' did not converge"));
        }
        let is_prior = |e: &&Entry| e.knowledge.as_ref().is_some_and(Knowledge::is_mostly_prior);
        let capacities = || {
            let entries = outlook.entries.iter();
            entries.filter(|e| e.quantity == crate::predict::Quantity::Capacity)
        };
        let (n_prior, n) = (capacities().filter(is_prior).count(), capacities().count());
        if n_prior > 0 {
            warnings.push(format!(
                "{n_prior} of {n} capacities are mostly prior: the data have taken away less than half of the variance that the priors gave them"
            ));
        }
        let farthest = capacities().map(|e| e.extrapolation).fold(1.0, f64::max);
        if farthest.is_infinite() {
            warnings.push("no capacity of this cell informed the fit".to_owned());
        } else if farthest > 1.0 {
            warnings.push(format!(
                "the grid reaches {} times beyond what informed the fit (loading, current or cycle)",
                crate::units::short(farthest)
            ));
        }
        let failed = outlook.cloud.failed + outlook.failed_at_optimum;
        if failed > 0 {
            warnings.push(format!(
                "{failed} simulations failed; their draws are left out"
            ));
        }
        if capacities().any(|e| e.n < DRAWS_FEW) {
            warnings.push(format!(
                "some intervals rest on fewer than {DRAWS_FEW} draws"
            ));
        }
        if outlook.is_interrupted {
            warnings.push("interrupted: the same command goes on from here".to_owned());
        }
        warnings
    }

    fn entry(&self, entry: &Entry) -> RawEntry {
        let condition = &self.forecast.conditions[entry.condition];
        let control = entry.control.as_ref();
        let fine = entry.at_optimum.iter().enumerate();
        RawEntry {
            loading_mg_cm2: loading_mg_cm2(condition),
            c_rate: condition.c_rate,
            electrolyte_ul_mg: electrolyte_ul_mg(condition.electrolyte_m3_kg),
            cycle: entry.cycle,
            quantity: entry.quantity.as_str(),
            unit: entry.quantity.unit(),
            median: finite(entry.interval[0]),
            lower: finite(entry.interval[1]),
            upper: finite(entry.interval[2]),
            model_lower: finite(entry.model_interval[1]),
            model_upper: finite(entry.model_interval[2]),
            parameter_sd: finite(entry.parameter_sd),
            model_sd: finite(entry.model_sd),
            scatter_sd: finite(entry.scatter_sd),
            draws: entry.n,
            at_optimum: fine
                .map(|(i, value)| (self.variant(i).to_owned(), finite(*value)))
                .collect(),
            limiting: control.map(|c| c.limiting().as_str()),
            rate_control: control.map(groups),
            rate_control_of_processes: control.map(|c| {
                let degrees = c.degrees.iter();
                degrees.map(|(name, _, x)| (name.clone(), *x)).collect()
            }),
            extrapolation: finite(entry.extrapolation),
            prior_share: entry.knowledge.as_ref().map(|k| k.prior_share),
            mostly_prior: entry.knowledge.as_ref().map(Knowledge::is_mostly_prior),
            largest_source_of_uncertainty: entry
                .knowledge
                .as_ref()
                .and_then(|k| k.largest_source.as_ref().map(|(name, _)| name.clone())),
        }
    }

    fn best(best: &BestLoading) -> RawBest {
        let [loading, lower, upper] = best.loading_kg_m2.map(|l| finite(neat(100.0 * l)));
        let [areal, areal_lower, areal_upper] = best.areal_capacity.map(finite);
        RawBest {
            c_rate: best.c_rate,
            electrolyte_ul_mg: electrolyte_ul_mg(best.electrolyte_m3_kg),
            cycle: best.cycle,
            loading_mg_cm2: loading,
            loading_lower: lower,
            loading_upper: upper,
            areal_capacity_mah_cm2: areal,
            areal_lower,
            areal_upper,
            probability_beyond_grid: best.beyond_grid,
        }
    }

    fn scores(&self, score: &Score) -> Vec<RawScore> {
        let study = self.forecast.study;
        let each = Baseline::ALL.into_iter().enumerate();
        let rows = each.map(|(position, baseline)| {
            let (crps, interval) = score.of_baseline(position);
            let numbers = score.numbers.iter().map(|number| {
                let (lower, upper) = number.interval();
                RawScored {
                    id: number.id.clone(),
                    cell: study.cells[number.cell].clone(),
                    measured: number.measured,
                    predicted: number.mean(),
                    sd: number.sd(),
                    lower,
                    upper,
                    baseline: finite(number.baselines[position]),
                }
            });
            RawScore {
                left_out: score.left.words(),
                variant: score.variant.map(|v| study.variants[v].name.clone()),
                blind: score.blind.as_str(),
                skill: finite(score.skill(position)),
                coverage: finite(score.coverage()),
                baseline: baseline.as_str(),
                crps: finite(score.crps()),
                crps_baseline: finite(crps),
                interval_score: finite(score.interval_score()),
                interval_score_baseline: finite(interval),
                numbers: numbers.collect(),
            }
        });
        rows.collect()
    }

    fn support(&self) -> RawSupport {
        let support = &self.outlook.support;
        let range = |(low, high): (f64, f64), factor: f64| {
            (low <= high).then(|| (neat(low * factor), neat(high * factor)))
        };
        RawSupport {
            capacities: support.n,
            loading_mg_cm2: range(support.loading_kg_m2, 100.0),
            c_rate: range(support.c_rate, 1.0),
            cycle: range(support.cycle, 1.0),
        }
    }

    fn curves(&self) -> Vec<RawCurve> {
        let curves = self.outlook.curves.iter().map(|curve| {
            let condition = &self.forecast.conditions[curve.condition];
            let (charge_mah_g, voltage_v) = curve.points.iter().copied().unzip();
            RawCurve {
                loading_mg_cm2: loading_mg_cm2(condition),
                c_rate: condition.c_rate,
                electrolyte_ul_mg: electrolyte_ul_mg(condition.electrolyte_m3_kg),
                cycle: curve.cycle,
                variant: self.forecast.study.variants[curve.variant].name.clone(),
                charge_mah_g,
                voltage_v,
            }
        });
        curves.collect()
    }

    fn raw(&self) -> RawPrediction {
        let (forecast, outlook) = (self.forecast, self.outlook);
        let weights = outlook.weights.iter().enumerate();
        RawPrediction {
            version: env!("CARGO_PKG_VERSION"),
            name: self.name.to_owned(),
            experiment: forecast.study.name.clone(),
            data: forecast.study.origin.as_str(),
            cell: forecast.study.cells[forecast.cell].clone(),
            protocol: forecast.setting.protocol.name.clone(),
            kind: "prediction",
            interval_level: INTERVAL_LEVEL,
            seed: forecast.seed,
            draws_per_variant: forecast.draws,
            scatter: forecast.scatter,
            scatter_source: self.scatter_source.to_owned(),
            model_weights: weights
                .map(|(i, weight)| (self.variant(i).to_owned(), *weight))
                .collect(),
            model_weights_are_known: outlook.weights_are_known,
            surrogate: outlook.surrogate.clone(),
            answers_by_surrogate: outlook.cloud.by_surrogate,
            answers_refused_by_surrogate: outlook.cloud.refused,
            simulations: outlook.cloud.by_model,
            failed_solves: outlook.cloud.failed + outlook.failed_at_optimum,
            interrupted: outlook.is_interrupted,
            support: self.support(),
            checks: outlook
                .checks
                .iter()
                .map(|check| RawCheck {
                    what: check.what.clone(),
                    compared: check.n,
                    median_relative_difference: check.median,
                    worst_relative_difference: check.worst,
                })
                .collect(),
            warnings: self.warnings(),
            grid: outlook.entries.iter().map(|e| self.entry(e)).collect(),
            best_loadings: outlook.best_loadings.iter().map(Self::best).collect(),
            scores: self.scores.iter().flat_map(|s| self.scores(s)).collect(),
            voltage_curves: self.curves(),
        }
    }

    fn table(&self) -> polars::prelude::PolarsResult<Vec<u8>> {
        let rows: Vec<RawEntry> = self.outlook.entries.iter().map(|e| self.entry(e)).collect();
        let rows = || rows.iter();
        csv(vec![
            numbers("loading_mg_cm2", rows().map(|r| Some(r.loading_mg_cm2))),
            numbers("c_rate", rows().map(|r| Some(r.c_rate))),
            numbers("electrolyte_ul_mg", rows().map(|r| r.electrolyte_ul_mg)),
            numbers("cycle", rows().map(|r| Some(r.cycle as f64))),
            texts("quantity", rows().map(|r| r.quantity)),
            texts("unit", rows().map(|r| r.unit)),
            numbers("median", rows().map(|r| r.median)),
            numbers("lower", rows().map(|r| r.lower)),
            numbers("upper", rows().map(|r| r.upper)),
            numbers("parameter_sd", rows().map(|r| r.parameter_sd)),
            numbers("model_sd", rows().map(|r| r.model_sd)),
            numbers("scatter_sd", rows().map(|r| r.scatter_sd)),
            texts("limiting", rows().map(|r| r.limiting.unwrap_or(""))),
            numbers("extrapolation", rows().map(|r| r.extrapolation)),
            numbers("prior_share", rows().map(|r| r.prior_share)),
        ])
    }
}

/// Writes `prediction.json`, `prediction.csv` and the figures into a folder, all or nothing.
///
/// # Errors
/// [`ReportError`] if a file cannot be written.
pub fn write_prediction(folder: &Path, predicted: Predicted<'_>) -> Result<(), ReportError> {
    let (json, table) = ("prediction.json", "prediction.csv");
    let figures = figures(predicted);
    write_result(
        folder,
        (json, &predicted.raw()),
        (table, predicted.table()),
        figures,
    )
}

/// A limiting process as a few letters, for maps.
pub(super) fn letters(limiting: Limiting) -> &'static str {
    match limiting {
        Limiting::Desolvation => "des",
        Limiting::Conversion => "conv",
        Limiting::IonTransport => "ion",
        Limiting::IntermediateTransport => "poly",
        Limiting::ElectronicTransport => "el",
        Limiting::Passivation => "pass",
        Limiting::Anode => "anode",
        Limiting::Wetting => "wet",
        Limiting::Loss => "loss",
        Limiting::Nothing => "–",
    }
}
