//! `ranking.json` and `ranking.csv`: a ranking of catalysts, for other programs.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::ReportError;
use super::prediction::electrolyte_ul_mg;
use super::prediction::loading_mg_cm2;
use super::ranking_figures::figures;
use super::tables::csv;
use super::tables::numbers;
use super::tables::texts;
use super::write_result;
use crate::predict::Control;
use crate::predict::Limiting;
use crate::rank::ActivityMap;
use crate::rank::Contest;
use crate::rank::Place;
use crate::rank::RANKABLE_BELOW;
use crate::rank::Ranking;
use crate::rank::TOLD;

/// A ranking with what was asked.
#[derive(Clone, Copy, Debug)]
pub struct Ranked<'r> {
    /// Name of the ranking.
    pub name: &'r str,
    /// What was asked.
    pub contest: &'r Contest<'r>,
    /// The answer.
    pub ranking: &'r Ranking,
}

/// A ranking of catalysts.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawRanking {
    /// Version of the program.
    version: &'static str,
    /// Name of the ranking.
    name: String,
    /// Name of the experiment of the reference.
    experiment: String,
    /// Where its data come from: `measured`, `literature` or `synthetic`.
    data: &'static str,
    /// Name of the reference.
    reference: String,
    /// Probability that intervals are meant to hold.
    #[schemars(extend("x-unit" = "1"))]
    interval_level: f64,
    /// Seed of the draws.
    seed: u64,
    /// Draws of the constants.
    draws: usize,
    /// Weight of each variant.
    #[schemars(extend("x-unit" = "1"))]
    model_weights: BTreeMap<String, f64>,
    /// What catalysts are ranked by.
    target: RawTarget,
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
    /// What catalysts have in common in each constant.
    relations: Vec<RawRelation>,
    /// The target of a catalyst of which nothing is known.
    unknown_catalyst: RawInterval,
    /// The candidates, the best first, those that cannot be ranked last.
    candidates: Vec<RawPlace>,
    /// Who beats whom, among the first fifty.
    pairwise: RawPairwise,
    /// The measurement that is worth most.
    next_best_measurement: Option<RawWorth>,
    /// What else to measure.
    next_measurements: Vec<RawWorth>,
    /// The target over two constants.
    activity_map: Option<RawMap>,
    /// What to know before acting on it.
    warnings: Vec<String>,
}

/// What catalysts are ranked by.
#[derive(Serialize, JsonSchema)]
struct RawTarget {
    /// `capacity`, `areal_capacity`, `energy`, `areal_energy`, `power` or `retention`.
    quantity: &'static str,
    /// Its unit.
    unit: &'static str,
    /// Loading.
    loading_mg_cm2: f64,
    /// Current in multiples of the theoretical capacity per hour.
    #[schemars(extend("x-unit" = "1"))]
    c_rate: f64,
    /// The cycle, counted from one.
    cycle: usize,
    /// Amount of electrolyte; none for that of the mechanism file.
    electrolyte_ul_mg: Option<f64>,
}

/// Median and interval.
#[derive(Serialize, JsonSchema)]
struct RawInterval {
    /// Median.
    median: Option<f64>,
    /// Lower end of the interval.
    lower: Option<f64>,
    /// Upper end.
    upper: Option<f64>,
}

impl RawInterval {
    fn new([median, lower, upper]: [f64; 3]) -> Self {
        Self {
            median: finite(median),
            lower: finite(lower),
            upper: finite(upper),
        }
    }
}

/// What catalysts have in common in one constant.
#[derive(Serialize, JsonSchema)]
struct RawRelation {
    /// Name of the constant.
    constant: String,
    /// Transfer slopes of barriers (0..1) and slopes of other descriptors, after the fitted catalysts.
    slopes: Vec<RawSlope>,
    /// Scatter between catalysts, in the natural logarithm.
    scatter_between_catalysts_ln: RawInterval,
    /// Scatter between cells of one catalyst, in the natural logarithm.
    scatter_between_cells_ln: RawInterval,
    /// Fitted catalysts.
    fitted_catalysts: usize,
}

/// A slope over a descriptor.
#[derive(Serialize, JsonSchema)]
struct RawSlope {
    /// The descriptor.
    descriptor: &'static str,
    /// `transfer slope` of a barrier (0..1), or `slope` in ln per unit of the descriptor.
    kind: &'static str,
    #[serde(flatten)]
    interval: RawInterval,
    /// Fitted catalysts for which the descriptor is known: two leave no residual, fewer leave the prior.
    calibrated_by: usize,
}

/// A candidate.
#[derive(Serialize, JsonSchema)]
struct RawPlace {
    /// Name of the catalyst.
    name: String,
    /// Its place; none if it cannot be ranked.
    rank: Option<usize>,
    /// Median of the target.
    median: Option<f64>,
    /// Lower end of its interval.
    lower: Option<f64>,
    /// Upper end.
    upper: Option<f64>,
    /// The target of one new cell with it, scatter of cells and readings included.
    new_cell: Option<RawInterval>,
    /// Standard deviation of the target for the catalyst.
    sd_of_the_catalyst: Option<f64>,
    /// Standard deviation between its cells.
    sd_between_cells: Option<f64>,
    /// Probability that it is the best.
    #[schemars(extend("x-unit" = "1"))]
    p_best: Option<f64>,
    /// Expected place.
    #[schemars(extend("x-unit" = "1"))]
    expected_rank: Option<f64>,
    /// Members of a group cannot be told apart; group 1 holds the best with 95 %.
    group: Option<usize>,
    /// What it rests on: `fitted`, `descriptors`, `transferred descriptors` or `prior only`.
    evidence: &'static str,
    /// Share of the prior's variance that descriptors and fits leave.
    #[schemars(extend("x-unit" = "1"))]
    prior_share: Option<f64>,
    /// Whether enough is known to rank it.
    rankable: bool,
    /// Factor on each constant against the reference.
    #[schemars(extend("x-unit" = "1"))]
    factors: BTreeMap<String, RawInterval>,
    /// What limits the target.
    limiting: Option<&'static str>,
    /// Degree of rate control of each step and group of processes.
    #[schemars(extend("x-unit" = "1"))]
    rate_control: Option<BTreeMap<String, f64>>,
    /// How far surrogate and cell model differ for it.
    #[schemars(extend("x-unit" = "1"))]
    model_over_surrogate_minus_one: Option<f64>,
    /// Sources of what is known of it.
    sources: Vec<String>,
}

/// Who beats whom.
#[derive(Serialize, JsonSchema)]
struct RawPairwise {
    /// Names, in the order of rows and columns.
    names: Vec<String>,
    /// Probability that the row beats the column.
    #[schemars(extend("x-unit" = "1"))]
    row_beats_column: Vec<Vec<f64>>,
}

/// What a measurement is worth.
#[derive(Clone, Serialize, JsonSchema)]
struct RawWorth {
    /// The measurement, in words.
    what: String,
    /// The catalyst that it is about.
    candidate: String,
    /// Expected gain in the target by choosing after it, in the unit.
    expected_gain: f64,
    /// Probability that it changes the choice.
    #[schemars(extend("x-unit" = "1"))]
    probability_to_change_the_choice: f64,
    /// Unit of the gain.
    unit: &'static str,
}

/// The target over factors on two constants.
#[derive(Serialize, JsonSchema)]
struct RawMap {
    /// What lies along x.
    x: String,
    /// What lies along y.
    y: String,
    /// Factors along x.
    #[schemars(extend("x-unit" = "1"))]
    x_factor: Vec<f64>,
    /// Factors along y.
    #[schemars(extend("x-unit" = "1"))]
    y_factor: Vec<f64>,
    /// The target, one row for each y.
    target: Vec<Vec<Option<f64>>>,
}

impl RawTarget {
    fn new(contest: &Contest<'_>) -> Self {
        Self {
            quantity: contest.quantity.as_str(),
            unit: contest.quantity.unit(),
            loading_mg_cm2: loading_mg_cm2(&contest.condition),
            c_rate: contest.condition.c_rate,
            cycle: contest.setting.cycles.last().copied().unwrap_or(1),
            electrolyte_ul_mg: electrolyte_ul_mg(contest.condition.electrolyte_m3_kg),
        }
    }
}

impl RawMap {
    fn new(map: &ActivityMap) -> Self {
        Self {
            x: format!("factor on {}", map.names[0]),
            y: format!("factor on {}", map.names[1]),
            x_factor: map.desolvation.clone(),
            y_factor: map.conversion.clone(),
            target: map
                .target
                .iter()
                .map(|row| row.iter().map(|t| finite(*t)).collect())
                .collect(),
        }
    }
}

pub(super) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Median and 90 % interval of draws.
fn interval(draws: impl Iterator<Item = f64>) -> [f64; 3] {
    crate::predict::Weighted::new(draws.map(|d| (d, 1.0))).median_and_interval(0.9)
}

/// Degrees of rate control of desolvation and of every conversion step, then those of the other groups.
fn rate_control(control: &Control) -> BTreeMap<String, f64> {
    let steps = control.degrees.iter().map(|(name, group, degree)| {
        let own = matches!(group, Limiting::Desolvation | Limiting::Conversion);
        let name = if own {
            name.clone()
        } else {
            group.as_str().to_owned()
        };
        (name, *degree)
    });
    let mut all = BTreeMap::new();
    for (name, degree) in steps {
        *all.entry(name).or_insert(0.0) += degree;
    }
    all
}

impl Ranked<'_> {
    pub(super) fn name(&self, place: &Place) -> &str {
        &self.contest.entrants[place.candidate].name
    }

    /// What the user should know before acting on it.
    pub(super) fn warnings(&self) -> Vec<String> {
        let ranking = self.ranking;
        let mut warnings = Vec::new();
        warnings.extend(self.slope_warnings());
        let fitted = self
            .contest
            .entrants
            .iter()
            .filter(|e| !e.sources.is_empty());
        if fitted.clone().all(|e| e.sources.len() < 2) {
            warnings.push(
                "no catalyst has two fitted cells: the scatter from cell to cell is the prior"
                    .to_owned(),
            );
        }
        let unranked = ranking.places.iter().filter(|p| p.standing.is_none());
        let names: Vec<&str> = unranked.clone().take(5).map(|p| self.name(p)).collect();
        if !names.is_empty() {
            warnings.push(format!(
                "not rankable, only beliefs speak: {}{}",
                names.join(", "),
                match unranked.count() - names.len() {
                    0 => String::new(),
                    n => format!(" and {n} more"),
                }
            ));
        }
        let apart = ranking.places.iter().filter_map(|p| p.disagreement);
        let worst = apart.map(f64::abs).fold(0.0, f64::max);
        if worst > 0.1 {
            warnings.push(format!(
                "surrogate and cell model differ by up to {:.0} % among the first: rank these again without surrogate",
                100.0 * worst
            ));
        }
        let missing = ranking.cloud.missing();
        if missing > 0 {
            let all = missing + ranking.cloud.by_surrogate + ranking.cloud.by_model;
            warnings.push(format!(
                "{:.0} % of the answers are missing: what the surrogate refused is not simulated for so many candidates",
                100.0 * missing as f64 / all as f64
            ));
        }
        if ranking.cloud.failed > 0 {
            warnings.push(format!(
                "{} simulations failed; their draws count for the other candidates alone",
                ranking.cloud.failed
            ));
        }
        if ranking.is_interrupted {
            warnings.push("interrupted: not everything was computed".to_owned());
        }
        warnings
    }

    /// Which slopes rest on a difference, and which on beliefs alone.
    fn slope_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for (constant, slopes) in self.slopes() {
            let by_difference: Vec<&str> = slopes
                .iter()
                .filter(|s| s.kind == "transfer slope" && s.calibrated_by == 2)
                .map(|s| s.descriptor)
                .collect();
            let by_prior: Vec<&str> = slopes
                .iter()
                .filter(|s| s.kind == "transfer slope" && s.calibrated_by < 2)
                .map(|s| s.descriptor)
                .collect();
            if !by_difference.is_empty() {
                warnings.push(format!(
                    "the slope of {constant} over the {} rests on one difference between two catalysts and has no residual",
                    by_difference.join(", ")
                ));
            }
            if !by_prior.is_empty() {
                warnings.push(format!(
                    "the slope of {constant} over the {} is the prior: no two fitted catalysts have it",
                    by_prior.join(", ")
                ));
            }
        }
        warnings
    }

    /// Slopes of every constant.
    fn slopes(&self) -> Vec<(String, Vec<RawSlope>)> {
        let ranking = self.ranking;
        let pairs = ranking.constants.iter().zip(&ranking.common);
        let all = pairs.map(|(constant, common)| {
            let slopes = constant
                .relation
                .slopes
                .iter()
                .enumerate()
                .map(|(at, slope)| {
                    let (kind, factor) = match slope {
                        crate::estimate::Slope::Barrier { per_unit, .. } => {
                            ("transfer slope", -1.0 / per_unit)
                        }
                        crate::estimate::Slope::Linear { .. } => ("slope", 1.0),
                    };
                    let descriptor = constant.descriptors[at];
                    let entrants = self.contest.entrants.iter();
                    let fitted = entrants.filter(|e| !e.sources.is_empty());
                    let known =
                        fitted.filter(|e| e.known.iter().any(|k| k.descriptor == descriptor));
                    RawSlope {
                        descriptor: descriptor.words(),
                        kind,
                        interval: RawInterval::new(interval(
                            common.iter().map(|c| c.slopes[at] * factor),
                        )),
                        calibrated_by: known.count(),
                    }
                });
            (constant.name.clone(), slopes.collect())
        });
        all.collect()
    }

    fn place(&self, (position, place): (usize, &Place)) -> RawPlace {
        let ranking = self.ranking;
        let entrant = &self.contest.entrants[place.candidate];
        let standing = place.standing.as_ref();
        let [median, lower, upper] = place.interval.map(finite);
        let factors = ranking.constants.iter().zip(&place.factors);
        let sources = entrant.known.iter().map(|known| {
            let transferred = if known.is_transferred {
                ", carried over from Li2S"
            } else {
                ""
            };
            format!(
                "{}: {}{transferred}",
                known.descriptor.words(),
                known.source
            )
        });
        RawPlace {
            name: entrant.name.clone(),
            rank: standing.map(|_| position + 1),
            median,
            lower,
            upper,
            new_cell: place.new_cell.map(RawInterval::new),
            sd_of_the_catalyst: finite(place.sd),
            sd_between_cells: place.replicate_sd.and_then(finite),
            p_best: standing.map(|s| s.p_best),
            expected_rank: standing.and_then(|s| finite(s.expected_rank)),
            group: standing.map(|s| s.group),
            evidence: place.evidence.as_str(),
            prior_share: finite(place.prior_share),
            rankable: standing.is_some(),
            factors: factors
                .map(|(constant, factor)| (constant.name.clone(), RawInterval::new(*factor)))
                .collect(),
            limiting: place.control.as_ref().map(|c| c.limiting().as_str()),
            rate_control: place.control.as_ref().map(rate_control),
            model_over_surrogate_minus_one: place.disagreement.and_then(finite),
            sources: sources.collect(),
        }
    }

    fn worths(&self) -> Vec<RawWorth> {
        let worths = self.ranking.worths.iter().map(|worth| {
            let name = &self.contest.entrants[worth.candidate].name;
            RawWorth {
                what: worth.action.words(name),
                candidate: name.clone(),
                expected_gain: worth.gain,
                probability_to_change_the_choice: worth.changes_choice,
                unit: self.contest.quantity.unit(),
            }
        });
        worths.collect()
    }

    fn relations(&self) -> Vec<RawRelation> {
        let entrants = self.contest.entrants.iter();
        let n_fitted = entrants.filter(|e| !e.sources.is_empty()).count();
        let relations = self.slopes().into_iter().zip(&self.ranking.common);
        relations
            .map(|((constant, slopes), common)| RawRelation {
                constant,
                slopes,
                scatter_between_catalysts_ln: RawInterval::new(interval(
                    common.iter().map(|c| c.between),
                )),
                scatter_between_cells_ln: RawInterval::new(interval(
                    common.iter().map(|c| c.within),
                )),
                fitted_catalysts: n_fitted,
            })
            .collect()
    }

    fn raw(&self) -> RawRanking {
        let (contest, ranking) = (self.contest, self.ranking);
        let weights = contest.fitted.iter().zip(&ranking.weights);
        let ranked = ranking.places.iter().filter(|p| p.standing.is_some());
        let worths = self.worths();
        RawRanking {
            version: env!("CARGO_PKG_VERSION"),
            name: self.name.to_owned(),
            experiment: contest.study.name.clone(),
            data: contest.study.origin.as_str(),
            reference: contest.entrants[0].name.clone(),
            interval_level: 0.9,
            seed: contest.seed,
            draws: contest.draws,
            model_weights: weights
                .map(|(f, w)| (contest.study.variants[f.variant].name.clone(), *w))
                .collect(),
            target: RawTarget::new(contest),
            surrogate: ranking.surrogate.clone(),
            answers_by_surrogate: ranking.cloud.by_surrogate,
            answers_refused_by_surrogate: ranking.cloud.refused,
            simulations: ranking.cloud.by_model,
            failed_solves: ranking.cloud.failed,
            interrupted: ranking.is_interrupted,
            relations: self.relations(),
            unknown_catalyst: RawInterval::new(ranking.unknown),
            candidates: ranking
                .places
                .iter()
                .enumerate()
                .map(|p| self.place(p))
                .collect(),
            pairwise: RawPairwise {
                names: ranked.take(TOLD).map(|p| self.name(p).to_owned()).collect(),
                row_beats_column: ranking.pairwise.clone(),
            },
            next_best_measurement: worths.first().cloned(),
            next_measurements: worths,
            activity_map: ranking.map.as_ref().map(RawMap::new),
            warnings: self.warnings(),
        }
    }

    fn table(&self) -> polars::prelude::PolarsResult<Vec<u8>> {
        let rows: Vec<RawPlace> = self
            .ranking
            .places
            .iter()
            .enumerate()
            .map(|p| self.place(p))
            .collect();
        let rows = || rows.iter();
        csv(vec![
            numbers("rank", rows().map(|r| r.rank.map(|n| n as f64))),
            texts("name", rows().map(|r| &r.name)),
            numbers("median", rows().map(|r| r.median)),
            numbers("lower", rows().map(|r| r.lower)),
            numbers("upper", rows().map(|r| r.upper)),
            numbers("p_best", rows().map(|r| r.p_best)),
            numbers("expected_rank", rows().map(|r| r.expected_rank)),
            numbers("group", rows().map(|r| r.group.map(|g| g as f64))),
            texts("evidence", rows().map(|r| r.evidence)),
            numbers("prior_share", rows().map(|r| r.prior_share)),
            texts("limiting", rows().map(|r| r.limiting.unwrap_or(""))),
        ])
    }
}

/// Writes `ranking.json`, `ranking.csv` and the figures into a folder, all or nothing.
///
/// # Errors
/// [`ReportError`] if a file cannot be written.
pub fn write_ranking(folder: &Path, ranked: Ranked<'_>) -> Result<(), ReportError> {
    let (json, table) = ("ranking.json", "ranking.csv");
    let figures = figures(ranked);
    write_result(
        folder,
        (json, &ranked.raw()),
        (table, ranked.table()),
        figures,
    )
}

/// Where nothing is ranked, in words.
pub(super) fn rankable_words() -> String {
    let told = 100.0 * (1.0 - RANKABLE_BELOW);
    format!("its descriptors say less than {told:.0} % about it")
}
