//! The ranking: constants of every candidate, what a cell with it would give, who stands where, why, and what next.

use std::sync::Arc;

use rayon::prelude::*;

use super::candidate::Candidate;
use super::candidate::Evidence;
use super::candidate::Known;
use super::relation::Beliefs;
use super::relation::Constant;
use super::relation::constants;
use super::standing::Standing;
use super::standing::beats;
use super::standing::standings;
use super::value::Worth;
use super::worth::worths;
use crate::estimate::Common;
use crate::estimate::Fitted;
use crate::estimate::Level;
use crate::estimate::Monitor;
use crate::estimate::Status;
use crate::estimate::Study;
use crate::estimate::normals;
use crate::mechanism::Mechanism;
use crate::mechanism::ParameterId;
use crate::predict::Cloud;
use crate::predict::CloudReport;
use crate::predict::Condition;
use crate::predict::Control;
use crate::predict::CycleAnswer;
use crate::predict::Quantity;
use crate::predict::Setting;
use crate::predict::Weighted;
use crate::predict::controls;
use crate::predict::one_c_mah_g;
use crate::simulate::Resolution;
use crate::surrogate::Surrogate;

/// Candidates that are told in full: pairs.
pub const TOLD: usize = 50;
/// Candidates that are checked by the cell model and whose limits are told.
const CHECKED: usize = 20;
/// Share of an unknown catalyst's variance above which a candidate is not ranked (1).
pub const RANKABLE_BELOW: f64 = 0.8;
/// The probability that intervals are meant to hold.
const LEVEL: f64 = 0.9;
/// A constant never moves by more than this factor's logarithm.
const FARTHEST_LN: f64 = 25.0;
/// Points of the activity map along each axis.
const MAP_POINTS: usize = 13;
/// Candidates whose answers are asked for together.
const BATCH: usize = 64;

/// Where the constants of a fitted cell come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A cell of the study that the reference belongs to: its draws go with those of the reference.
    Same {
        /// Position of the cell.
        cell: usize,
    },
    /// Draws of another fit: natural logarithms of the constants that depend on the catalyst, in table order.
    Other {
        /// `n_draws × n_constants`.
        draws: Vec<Vec<f64>>,
    },
    /// A mean and a standard deviation of ln(constant/that of the reference), one pair per constant.
    Stated {
        /// One pair per constant.
        ratios: Vec<(f64, f64)>,
    },
}

/// A catalyst as it enters.
#[derive(Clone, Debug, PartialEq)]
pub struct Entrant {
    /// Name, unique.
    pub name: String,
    /// Its fitted cells.
    pub sources: Vec<Source>,
    /// What is known of it beside that.
    pub known: Vec<Known>,
}

/// What is to be ranked, and for what.
#[derive(Clone, Debug)]
pub struct Contest<'c> {
    /// The study of the reference.
    pub study: &'c Study,
    /// What its fit left behind.
    pub fitted: &'c [Fitted],
    /// Position of the reference's cell: all else of a cell is as in this one.
    pub reference: usize,
    /// The entrants, the reference first.
    pub entrants: &'c [Entrant],
    /// What is believed of catalysts beforehand.
    pub beliefs: Beliefs,
    /// Protocol and cycles; the last cycle is the target's.
    pub setting: Setting,
    /// Design and current.
    pub condition: Condition,
    /// The quantity; larger is better.
    pub quantity: Quantity,
    /// Draws.
    pub draws: usize,
    /// Seed.
    pub seed: u64,
    /// Relative standard deviation of a measured value (1).
    pub scatter: f64,
    /// Mesh and tolerances of the cell model.
    pub resolution: Resolution,
    /// A surrogate in front of the cell model.
    pub surrogate: Option<Arc<Surrogate>>,
}

/// Where a candidate stands, and why.
#[derive(Clone, Debug)]
pub struct Place {
    /// Position among the entrants.
    pub candidate: usize,
    /// What it rests on.
    pub evidence: Evidence,
    /// Median of the target and its interval, for the catalyst.
    pub interval: [f64; 3],
    /// The interval for one new cell with it: the scatter between cells and of readings in it; of the first ones only.
    pub new_cell: Option<[f64; 3]>,
    /// Standard deviation of the target by what is not known of the catalyst.
    pub sd: f64,
    /// Standard deviation between new cells with it, of the first ones only.
    pub replicate_sd: Option<f64>,
    /// Its variance against the reference over that of a catalyst of which nothing is known (1).
    pub prior_share: f64,
    /// Where it stands; `None` if only beliefs speak, which rank nothing.
    pub standing: Option<Standing>,
    /// Median factor on each constant, against the reference, and its interval.
    pub factors: Vec<[f64; 3]>,
    /// What limits the target with it; of the first ones only.
    pub control: Option<Control>,
    /// The cell model's answer over the surrogate's at one draw, minus one; if a surrogate answered.
    pub disagreement: Option<f64>,
    /// Mean and covariance (xx, xy, yy) of the logarithms of the factors on desolvation and last conversion.
    pub ellipse: ([f64; 2], [f64; 3]),
}

/// The target over two constants.
#[derive(Clone, Debug, Default)]
pub struct ActivityMap {
    /// Names of the two constants.
    pub names: [String; 2],
    /// Factors on the constant of desolvation.
    pub desolvation: Vec<f64>,
    /// Factors on that of the last conversion.
    pub conversion: Vec<f64>,
    /// The target, `n_conversion × n_desolvation`; not a number where a simulation failed.
    pub target: Vec<Vec<f64>>,
}

/// The result.
#[derive(Clone, Debug)]
pub struct Ranking {
    /// The constants, with what was believed of them.
    pub constants: Vec<Constant>,
    /// For each constant draws of what catalysts have in common.
    pub common: Vec<Vec<Common>>,
    /// All candidates, the best first, those that are not ranked last.
    pub places: Vec<Place>,
    /// For the first ranked ones the probability that the row beats the column.
    pub pairwise: Vec<Vec<f64>>,
    /// What to do next, the most valuable first.
    pub worths: Vec<Worth>,
    /// The map.
    pub map: Option<ActivityMap>,
    /// Who answered.
    pub cloud: CloudReport,
    /// The surrogate that answered, if one did.
    pub surrogate: Option<String>,
    /// Weights of the variants.
    pub weights: Vec<f64>,
    /// Median and interval for a catalyst of which nothing is known.
    pub unknown: [f64; 3],
    /// Whether somebody asked for an end.
    pub is_interrupted: bool,
}

/// The constants of a mechanism that depend on the catalyst, ties aside, in table order.
pub fn catalyst_parameters(mechanism: &Mechanism) -> Vec<ParameterId> {
    let table = mechanism.parameters();
    let rows = table.rows().iter();
    let own = rows.filter(|row| row.depends_on_catalyst && row.tied_to.is_none());
    own.filter_map(|row| table.find(&row.name)).collect()
}

/// One draw of what is known of the reference's cell: the variant and its parameter values (SI, table order).
struct Drawn {
    /// Position among the fitted variants.
    fitted: usize,
    x: Vec<f64>,
    values: Vec<f64>,
}

/// The numbers of candidates and draws.
pub(super) struct Numbers {
    /// Targets, `n_candidates × n_draws`.
    pub(super) targets: Vec<Vec<f64>>,
    /// Logarithms of the factors, `n_candidates × n_constants × n_draws`.
    pub(super) ln_factors: Vec<Vec<Vec<f64>>>,
}

/// Ranks.
///
/// # Errors
/// Why there is no ranking: a surrogate that does not belong, a design that no cell can have, a fit without a curvature.
pub fn ranking(contest: &Contest<'_>, monitor: &dyn Monitor) -> Result<Ranking, String> {
    let (weights, drawn) = drawn(contest)?;
    let mechanism = Arc::clone(&contest.study.variants[contest.fitted[0].variant].mechanism);
    let parameters = catalyst_parameters(&mechanism);
    let candidates: Vec<Candidate> = contest
        .entrants
        .iter()
        .enumerate()
        .map(|(i, entrant)| candidate(contest, entrant, (&drawn, &parameters), i))
        .collect();
    let constants = constants(&mechanism, &candidates, contest.beliefs);
    let common = learned(contest, &constants, &candidates)?;
    let mut cloud = Cloud::new(
        contest.setting.clone(),
        Arc::clone(&mechanism),
        contest.resolution,
    );
    if let Some(surrogate) = &contest.surrogate {
        cloud = cloud.with_surrogate(Arc::clone(surrogate))?;
    }
    let race = Race {
        contest,
        drawn: &drawn,
        constants: &constants,
        common: &common,
        cloud: &cloud,
        one_c: one_c_mah_g(&mechanism),
    };
    let unknown = race.unknown(candidates.len())?;
    let numbers = race.numbers(&candidates, monitor)?;
    let mut places = race.places(&candidates, &numbers, &unknown);
    order(&mut places);
    let worths = worths(
        contest,
        (&constants, &common),
        &candidates,
        (&numbers, &places),
    );
    let n_checked = places.len().min(CHECKED);
    monitor.begin("checks by the cell model", n_checked);
    for (i, place) in places.iter_mut().take(CHECKED).enumerate() {
        if monitor.is_interrupted() {
            break;
        }
        race.explain(place, &numbers)?;
        advance(monitor, i + 1, &cloud);
    }
    let ranked: Vec<usize> = places
        .iter()
        .filter(|p| p.standing.is_some())
        .map(|p| p.candidate)
        .take(TOLD)
        .collect();
    let pairwise = ranked.iter().map(|a| {
        let row = ranked
            .iter()
            .map(|b| beats(&numbers.targets[*a], &numbers.targets[*b]));
        row.collect()
    });
    let pairwise = pairwise.collect();
    let map = race.map(&places, monitor)?;
    Ok(Ranking {
        pairwise,
        worths,
        map,
        cloud: cloud.report(),
        surrogate: cloud.surrogate().map(str::to_owned),
        unknown: Weighted::new(unknown.iter().map(|t| (*t, 1.0))).median_and_interval(LEVEL),
        is_interrupted: monitor.is_interrupted(),
        places,
        constants,
        common,
        weights,
    })
}

fn advance(monitor: &dyn Monitor, done: usize, cloud: &Cloud) {
    monitor.advance(&Status {
        stage: "",
        iteration: Some(done),
        cost: f64::NAN,
        scaled_gradient: f64::NAN,
        evaluations: done,
        failed: cloud.report().failed,
    });
}

/// Weights of the variants and draws of the reference's cell, each variant as often as it weighs.
fn drawn(contest: &Contest<'_>) -> Result<(Vec<f64>, Vec<Drawn>), String> {
    let known: Option<Vec<f64>> = contest.fitted.iter().map(|f| f.weight).collect();
    let weights = known.unwrap_or_else(|| vec![1.0; contest.fitted.len()]);
    let all: f64 = weights.iter().sum();
    let weights: Vec<f64> = weights.iter().map(|w| w / all).collect();
    let mut drawn = Vec::new();
    let (mut due, mut given) = (0.0, 0usize);
    for (position, (fitted, weight)) in contest.fitted.iter().zip(&weights).enumerate() {
        due += weight * contest.draws as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of draws"
        )]
        let n = (due.round() as usize).saturating_sub(given);
        given += n;
        let variant = &contest.study.variants[fitted.variant];
        let xs = fitted.draws(&variant.free, n, contest.seed);
        if xs.len() < n {
            return Err(format!(
                "variant '{}': the covariance of the fit is not positive definite; fit again",
                variant.name
            ));
        }
        for x in xs {
            let values = contest.study.values(variant, &x, contest.reference, 0);
            let values = Setting::designed(&variant.mechanism, values, &contest.condition);
            let values = values.map_err(|error| format!("target: found {error}"))?;
            drawn.push(Drawn {
                fitted: position,
                x,
                values,
            });
        }
    }
    Ok((weights, drawn))
}

/// An entrant with the draws of its cells against those of the reference.
fn candidate(
    contest: &Contest<'_>,
    entrant: &Entrant,
    (drawn, parameters): (&[Drawn], &[ParameterId]),
    position: usize,
) -> Candidate {
    let study = contest.study;
    let of_reference = |draw: &Drawn, id: &ParameterId| draw.values[id.index()].ln();
    let cells = entrant.sources.iter().enumerate().map(|(cell, source)| {
        let mut normal = normals(contest.seed, (1000 * position + cell) as u64);
        let rows = drawn.iter().enumerate().map(|(d, draw)| match source {
            Source::Same { cell } => {
                let variant = &study.variants[contest.fitted[draw.fitted].variant];
                let values = study.values(variant, &draw.x, *cell, 0);
                let ratios = parameters
                    .iter()
                    .map(|id| values[id.index()].ln() - of_reference(draw, id));
                ratios.collect()
            }
            Source::Other { draws } => {
                let own = &draws[d % draws.len()];
                let pairs = own.iter().zip(parameters);
                pairs.map(|(ln, id)| ln - of_reference(draw, id)).collect()
            }
            Source::Stated { ratios } => {
                let drawn = ratios.iter().map(|(mean, sd)| mean + sd * normal());
                drawn.collect::<Vec<f64>>()
            }
        });
        rows.collect()
    });
    Candidate {
        name: entrant.name.clone(),
        cells: cells.collect(),
        known: entrant.known.clone(),
    }
}

/// For each constant draws of what the catalysts have in common.
fn learned(
    contest: &Contest<'_>,
    constants: &[Constant],
    candidates: &[Candidate],
) -> Result<Vec<Vec<Common>>, String> {
    let fitted: Vec<&Candidate> = candidates.iter().filter(|c| !c.cells.is_empty()).collect();
    constants
        .par_iter()
        .enumerate()
        .map(|(position, constant)| {
            let levels: Vec<Level> = fitted.iter().map(|c| constant.level(c, position)).collect();
            let seed = contest.seed.wrapping_add(position as u64);
            let learned = constant.relation.learned(&levels, contest.draws, seed);
            learned.map_err(|error| format!("relation of '{}': {error}", constant.name))
        })
        .collect()
}

/// All that is needed to run.
struct Race<'r> {
    contest: &'r Contest<'r>,
    drawn: &'r [Drawn],
    constants: &'r [Constant],
    common: &'r [Vec<Common>],
    cloud: &'r Cloud,
    one_c: f64,
}

impl Race<'_> {
    /// The values of the reference's cell with factors on the constants that depend on the catalyst.
    fn values(&self, reference: &[f64], ln_factors: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut values = reference.to_vec();
        for (constant, ln) in self.constants.iter().zip(ln_factors) {
            values[constant.parameter.index()] *= ln.clamp(-FARTHEST_LN, FARTHEST_LN).exp();
        }
        self.cloud.mechanism().parameters().follow_ties(&mut values);
        values
    }

    fn target(&self, answer: Option<&Vec<CycleAnswer>>) -> f64 {
        let told = answer.and_then(|cycles| {
            let (first, last) = (cycles.first()?, cycles.last()?);
            Some(last.quantity(
                self.contest.quantity,
                &self.contest.condition,
                first,
                self.one_c,
            ))
        });
        told.unwrap_or(f64::NAN)
    }

    /// Draws of the logarithms of a candidate's factors, `n_constants × n_draws`.
    fn ln_factors(&self, candidate: &Candidate, position: usize) -> Vec<Vec<f64>> {
        let per_constant = self.constants.iter().zip(self.common).enumerate();
        per_constant
            .map(|(at, (constant, common))| {
                let level = constant.level(candidate, at);
                let stream = (position * self.constants.len() + at) as u64;
                let mut normal = normals(self.contest.seed ^ 0x5eed, stream);
                (0..self.drawn.len())
                    .map(|draw| {
                        let cells: Vec<f64> = candidate.cells.iter().map(|c| c[draw][at]).collect();
                        let common = &common[draw % common.len()];
                        constant
                            .relation
                            .catalyst(common, &level, &cells, &mut normal)
                    })
                    .collect()
            })
            .collect()
    }

    /// Targets for factors, `n_constants × n_draws`.
    fn targets(
        &self,
        many: &[Vec<Vec<f64>>],
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Vec<Vec<f64>> {
        let points: Vec<(Vec<f64>, Condition)> = many
            .iter()
            .flat_map(|ln_factors| {
                self.drawn.iter().enumerate().map(|(draw, drawn)| {
                    let factors = ln_factors.iter().map(|constant| constant[draw]);
                    (self.values(&drawn.values, factors), self.contest.condition)
                })
            })
            .collect();
        let answers = self.cloud.answers(&points, goes_on);
        let targets: Vec<f64> = answers.iter().map(|a| self.target(a.as_ref())).collect();
        targets
            .chunks(self.drawn.len().max(1))
            .map(<[f64]>::to_vec)
            .collect()
    }

    /// Targets of a catalyst of which nothing is known.
    fn unknown(&self, position: usize) -> Result<Vec<f64>, String> {
        let nothing = Candidate {
            name: String::new(),
            cells: Vec::new(),
            known: Vec::new(),
        };
        let mut targets = self.targets(&[self.ln_factors(&nothing, position)], &|| true);
        targets.pop().ok_or_else(|| "no draws".to_owned())
    }

    fn numbers(&self, candidates: &[Candidate], monitor: &dyn Monitor) -> Result<Numbers, String> {
        monitor.begin("candidates", candidates.len());
        let mut numbers = Numbers {
            targets: Vec::new(),
            ln_factors: Vec::new(),
        };
        let positions: Vec<usize> = (0..candidates.len()).collect();
        for batch in positions.chunks(BATCH) {
            let factors: Vec<Vec<Vec<f64>>> = batch
                .par_iter()
                .map(|position| self.ln_factors(&candidates[*position], *position))
                .collect();
            let targets = self.targets(&factors, &|| !monitor.is_interrupted());
            numbers.targets.extend(targets);
            numbers.ln_factors.extend(factors);
            advance(monitor, numbers.targets.len(), self.cloud);
        }
        if numbers.targets.iter().flatten().all(|t| t.is_nan()) {
            return Err("every simulation of the target failed or was interrupted".to_owned());
        }
        Ok(numbers)
    }

    /// The places of all candidates, unordered.
    fn places(&self, candidates: &[Candidate], numbers: &Numbers, unknown: &[f64]) -> Vec<Place> {
        let reference = &numbers.targets[0];
        let spread = |targets: &[f64]| {
            let differences = targets.iter().zip(reference).map(|(a, b)| (a - b, 1.0));
            Weighted::new(differences).sd().powi(2)
        };
        let of_unknown = spread(unknown);
        let mut places: Vec<Place> = candidates
            .par_iter()
            .enumerate()
            .map(|(i, candidate)| {
                let targets = Weighted::new(numbers.targets[i].iter().map(|t| (*t, 1.0)));
                let factors = numbers.ln_factors[i].iter().map(|draws| {
                    let draws = Weighted::new(draws.iter().map(|d| (*d, 1.0)));
                    draws.median_and_interval(LEVEL).map(f64::exp)
                });
                Place {
                    candidate: i,
                    evidence: candidate.evidence(),
                    interval: targets.median_and_interval(LEVEL),
                    new_cell: None,
                    sd: targets.sd(),
                    replicate_sd: None,
                    prior_share: spread(&numbers.targets[i]) / of_unknown,
                    standing: None,
                    factors: factors.collect(),
                    control: None,
                    disagreement: None,
                    ellipse: self.ellipse(&numbers.ln_factors[i]),
                }
            })
            .collect();
        let ranked: Vec<usize> = (0..places.len())
            .filter(|i| {
                let is_known = places[*i].prior_share < RANKABLE_BELOW;
                places[*i].evidence == Evidence::Fitted
                    || (is_known && places[*i].evidence != Evidence::PriorOnly)
            })
            .collect();
        let targets: Vec<Vec<f64>> = ranked.iter().map(|i| numbers.targets[*i].clone()).collect();
        for (i, standing) in ranked.into_iter().zip(standings(&targets)) {
            places[i].standing = Some(standing);
        }
        places
    }

    fn ellipse(&self, ln_factors: &[Vec<f64>]) -> ([f64; 2], [f64; 3]) {
        let at = |wanted: fn(&Constant) -> bool| self.constants.iter().position(wanted);
        let (Some(a), Some(b)) = (at(|c| c.is_desolvation), at(|c| c.is_last_conversion)) else {
            return ([0.0; 2], [0.0; 3]);
        };
        let (x, y) = (&ln_factors[a], &ln_factors[b]);
        let n = x.len() as f64;
        let mean = [x, y].map(|v| v.iter().sum::<f64>() / n);
        let product = |p: &[f64], q: &[f64], m: [f64; 2]| {
            p.iter()
                .zip(q)
                .map(|(p, q)| (p - m[0]) * (q - m[1]))
                .sum::<f64>()
                / n
        };
        let covariance = [
            product(x, x, [mean[0], mean[0]]),
            product(x, y, mean),
            product(y, y, [mean[1], mean[1]]),
        ];
        (mean, covariance)
    }

    /// What one of the first places has beside its numbers: new cells, limits, a check by the cell model.
    fn explain(&self, place: &mut Place, numbers: &Numbers) -> Result<(), String> {
        let i = place.candidate;
        let ln_factors = &numbers.ln_factors[i];
        let mut normal = normals(self.contest.seed ^ 0xce11, i as u64);
        let with_cells: Vec<Vec<f64>> = ln_factors
            .iter()
            .zip(self.common)
            .map(|(draws, common)| {
                let draws = draws.iter().enumerate();
                let one = draws.map(|(d, ln)| ln + common[d % common.len()].within * normal());
                one.collect()
            })
            .collect();
        let cells = self
            .targets(&[with_cells], &|| true)
            .pop()
            .unwrap_or_default();
        let read: Vec<f64> = cells
            .iter()
            .map(|t| t * (self.contest.scatter * normal()).exp())
            .collect();
        place.new_cell =
            Some(Weighted::new(read.iter().map(|t| (*t, 1.0))).median_and_interval(LEVEL));
        let apart = cells
            .iter()
            .zip(&numbers.targets[i])
            .map(|(a, b)| (a - b, 1.0));
        place.replicate_sd = Some(Weighted::new(apart).sd());
        let main = self.main();
        let at_median = place.factors.iter().map(|f| f[0].ln());
        let reference = self.optimum(main)?;
        let values = self.values(&reference, at_median);
        let at = (&self.contest.condition, self.contest.resolution);
        let mechanism = self.cloud.mechanism();
        let control = controls(&self.contest.setting, mechanism, &values, at);
        place.control = control.ok().and_then(|mut all| all.pop());
        if self.cloud.surrogate().is_some() {
            let draw = nearest(&numbers.targets[i], place.interval[0]);
            place.disagreement = draw.map(|draw| {
                let factors = ln_factors.iter().map(|constant| constant[draw]);
                let values = self.values(&self.drawn[draw].values, factors);
                let model = self.cloud.by_model(&(values, self.contest.condition));
                self.target(model.as_ref()) / numbers.targets[i][draw] - 1.0
            });
        }
        Ok(())
    }

    /// The variant that most draws are of.
    fn main(&self) -> usize {
        let n = |fitted: usize| self.drawn.iter().filter(|d| d.fitted == fitted).count();
        (0..self.contest.fitted.len())
            .max_by_key(|f| n(*f))
            .unwrap_or(0)
    }

    /// The reference's cell at the optimum of a variant.
    fn optimum(&self, fitted: usize) -> Result<Vec<f64>, String> {
        let fitted = &self.contest.fitted[fitted];
        let variant = &self.contest.study.variants[fitted.variant];
        let values = self
            .contest
            .study
            .values(variant, &fitted.x, self.contest.reference, 0);
        let values = Setting::designed(&variant.mechanism, values, &self.contest.condition);
        values.map_err(|error| error.to_string())
    }

    /// The target over the constants of desolvation and last conversion, all else as with the reference.
    fn map(&self, places: &[Place], monitor: &dyn Monitor) -> Result<Option<ActivityMap>, String> {
        let at = |wanted: fn(&Constant) -> bool| self.constants.iter().position(wanted);
        let (Some(a), Some(b)) = (at(|c| c.is_desolvation), at(|c| c.is_last_conversion)) else {
            return Ok(None);
        };
        if monitor.is_interrupted() {
            return Ok(None);
        }
        let reference = self.optimum(self.main())?;
        let range = |axis: usize| {
            let told = places.iter().filter(|p| p.standing.is_some()).take(TOLD);
            let ends = told.flat_map(|p| {
                let sd = p.ellipse.1[2 * axis].sqrt();
                [p.ellipse.0[axis] - 1.5 * sd, p.ellipse.0[axis] + 1.5 * sd]
            });
            let (low, high) = ends.fold((-2.3, 2.3), |(l, h): (f64, f64), x| (l.min(x), h.max(x)));
            let (low, high) = (low.max(-12.0), high.min(12.0));
            let step = (high - low) / (MAP_POINTS - 1) as f64;
            (0..MAP_POINTS)
                .map(move |i| low + step * i as f64)
                .collect::<Vec<f64>>()
        };
        let (x, y) = (range(0), range(1));
        monitor.begin("activity map", 1);
        let points: Vec<(Vec<f64>, Condition)> = y
            .iter()
            .flat_map(|v| x.iter().map(move |u| (*u, *v)))
            .map(|(u, v)| {
                let factors = (0..self.constants.len()).map(|i| match i {
                    i if i == a => u,
                    i if i == b => v,
                    _ => 0.0,
                });
                (self.values(&reference, factors), self.contest.condition)
            })
            .collect();
        let answers = self.cloud.answers(&points, &|| !monitor.is_interrupted());
        let targets: Vec<f64> = answers.iter().map(|a| self.target(a.as_ref())).collect();
        Ok(Some(ActivityMap {
            names: [
                self.constants[a].name.clone(),
                self.constants[b].name.clone(),
            ],
            desolvation: x.iter().map(|u| u.exp()).collect(),
            conversion: y.iter().map(|v| v.exp()).collect(),
            target: targets.chunks(MAP_POINTS).map(<[f64]>::to_vec).collect(),
        }))
    }
}

/// The best first, by expected rank; those without a standing last, by median.
fn order(places: &mut [Place]) {
    let key = |place: &Place| match &place.standing {
        Some(standing) => (0, standing.group, standing.expected_rank),
        None => (1, 0, -place.interval[0]),
    };
    places.sort_by(|a, b| {
        let ((x, g, u), (y, h, v)) = (key(a), key(b));
        x.cmp(&y).then(g.cmp(&h)).then(u.total_cmp(&v))
    });
}

/// The draw whose number lies nearest to a value.
fn nearest(draws: &[f64], value: f64) -> Option<usize> {
    let known = (0..draws.len()).filter(|i| draws[*i].is_finite());
    known.min_by(|a, b| {
        (draws[*a] - value)
            .abs()
            .total_cmp(&(draws[*b] - value).abs())
    })
}
