//! The candidates at the start: draws of their constants, what the cell model or a surrogate gives for them, and why.

use rayon::prelude::*;

use super::candidate::Candidate;
use super::candidate::Evidence;
use super::contest::ActivityMap;
use super::contest::Contest;
use super::contest::Entrant;
use super::contest::LEVEL;
use super::contest::Place;
use super::contest::RANKABLE_BELOW;
use super::contest::Source;
use super::contest::TOLD;
use super::relation::Constant;
use super::standing::standings;
use super::worth::correlation;
use crate::estimate::Common;
use crate::estimate::Level;
use crate::estimate::Monitor;
use crate::estimate::Status;
use crate::estimate::model_weights;
use crate::estimate::normals;
use crate::mechanism::ParameterId;
use crate::predict::Cloud;
use crate::predict::Condition;
use crate::predict::CycleAnswer;
use crate::predict::Setting;
use crate::predict::Weighted;
use crate::predict::controls;

/// A constant never moves by more than this factor's logarithm.
const FARTHEST_LN: f64 = 25.0;
/// Points of the activity map along each axis.
const MAP_POINTS: usize = 13;
/// Candidates above which what the surrogate refuses is left out instead of simulated: a screening list.
pub(super) const SCREENING_FROM: usize = 200;
/// Candidates whose answers are asked for together.
const BATCH: usize = 64;

/// One draw of what is known of the reference's cell: the variant and its parameter values (SI, table order).
pub(super) struct Drawn {
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

pub(super) fn advance(monitor: &dyn Monitor, done: usize, cloud: &Cloud) {
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
pub(super) fn drawn(contest: &Contest<'_>) -> Result<(Vec<f64>, Vec<Drawn>), String> {
    let (weights, _) = model_weights(contest.fitted);
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
pub(super) fn candidate(
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
pub(super) fn learned(
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
pub(super) struct Race<'r> {
    pub(super) contest: &'r Contest<'r>,
    pub(super) drawn: &'r [Drawn],
    pub(super) constants: &'r [Constant],
    pub(super) common: &'r [Vec<Common>],
    pub(super) cloud: &'r Cloud,
    pub(super) one_c: f64,
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

    /// Whether what the surrogate refuses is simulated: not for a screening list, which would take days.
    fn simulates(&self) -> bool {
        self.cloud.surrogate().is_none() || self.contest.entrants.len() < SCREENING_FROM
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

    /// A catalyst of which nothing is known: its targets, and for each constant the share of their variance that goes
    /// with it.
    pub(super) fn unknown(&self, position: usize) -> Result<(Vec<f64>, Vec<f64>), String> {
        let nothing = Candidate {
            name: String::new(),
            cells: Vec::new(),
            known: Vec::new(),
        };
        let ln_factors = self.ln_factors(&nothing, position);
        let mut targets = self.targets(std::slice::from_ref(&ln_factors), &|| self.simulates());
        let targets = targets.pop().ok_or_else(|| "no draws".to_owned())?;
        let squares = ln_factors
            .iter()
            .map(|ln| correlation(&targets, ln).powi(2));
        Ok((targets.clone(), squares.collect()))
    }

    /// How much of what is believed of a catalyst of which nothing is known its descriptors leave as it is: for each
    /// constant one less the variance that they take away and the square of the shift of its mean, weighted by what of
    /// the target goes with the constant.
    fn prior_share(&self, candidate: &Candidate, squares: &[f64]) -> f64 {
        if candidate.evidence() == Evidence::Fitted {
            return 0.0;
        }
        let nothing = Level::default();
        let all: f64 = squares.iter().sum();
        let each = self.constants.iter().zip(self.common).zip(squares);
        let told = each.enumerate().map(|(at, ((constant, common), square))| {
            let relation = &constant.relation;
            let (mean, variance) = relation.foretold(common, &constant.level(candidate, at));
            let (centre, believed) = relation.foretold(common, &nothing);
            let narrower = (1.0 - variance / believed).max(0.0);
            let shifted = (mean - centre).powi(2) / believed;
            square * (narrower + shifted).min(1.0)
        });
        1.0 - told.sum::<f64>() / all.max(1e-12)
    }

    pub(super) fn numbers(
        &self,
        candidates: &[Candidate],
        monitor: &dyn Monitor,
    ) -> Result<Numbers, String> {
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
            let goes_on = || self.simulates() && !monitor.is_interrupted();
            let targets = self.targets(&factors, &goes_on);
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
    pub(super) fn places(
        &self,
        candidates: &[Candidate],
        numbers: &Numbers,
        squares: &[f64],
    ) -> Vec<Place> {
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
                    prior_share: self.prior_share(candidate, squares),
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
    pub(super) fn explain(&self, place: &mut Place, numbers: &Numbers) -> Result<(), String> {
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
            .targets(&[with_cells], &|| self.simulates())
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
    pub(super) fn map(
        &self,
        places: &[Place],
        monitor: &dyn Monitor,
    ) -> Result<Option<ActivityMap>, String> {
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

/// The draw whose number lies nearest to a value.
fn nearest(draws: &[f64], value: f64) -> Option<usize> {
    let known = (0..draws.len()).filter(|i| draws[*i].is_finite());
    known.min_by(|a, b| {
        (draws[*a] - value)
            .abs()
            .total_cmp(&(draws[*b] - value).abs())
    })
}
