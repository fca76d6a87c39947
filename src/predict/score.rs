//! How good predictions are where the answer is known: data left out of the fit, and those that it never saw.
//!
//! Sources: Gneiting & Raftery, J. Am. Stat. Assoc. 102 (2007), 359 (continuous ranked probability score, interval
//! score).

use rayon::prelude::*;
use statrs::distribution::Continuous;
use statrs::distribution::ContinuousCDF;
use statrs::distribution::Normal;

use super::baseline::Baseline;
use super::baseline::Known;
use super::baseline::expected;
use super::baseline::known;
use super::outlook::INTERVAL_LEVEL;
use crate::estimate::Archive;
use crate::estimate::Blind;
use crate::estimate::Fitted;
use crate::estimate::Foretold;
use crate::estimate::Monitor;
use crate::estimate::Study;
use crate::estimate::Target;
use crate::estimate::foretold;

/// Cycles from which on a capacity counts as a late one.
const LATE_FROM: f64 = 50.0;
/// Halvings that find a quantile.
const BISECTIONS: usize = 60;
/// Quantile of the normal distribution at the end of an interval of 90 %.
const NORMAL_90: f64 = 1.644_853_626_951_472_7;

/// What is left out.
#[derive(Clone, Debug, PartialEq)]
pub enum Left {
    /// All capacities of one loading (mg cm⁻²).
    Loading(f64),
    /// All capacities at one current (C).
    Rate(f64),
    /// The capacities of late cycles.
    LateCycles,
    /// A prediction of the experiment: the fit never sees it.
    Unseen(String),
}

impl Left {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Loading(loading) => format!("loading {loading} mg/cm2"),
            Self::Rate(rate) => format!("{rate}C"),
            Self::LateCycles => "late cycles".to_owned(),
            Self::Unseen(id) => id.clone(),
        }
    }
}

/// One number that was foretold and is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// Identifier of the number.
    pub id: String,
    /// Position of the cell.
    pub cell: usize,
    /// Its measured value (mAh g⁻¹).
    pub measured: f64,
    /// What was foretold: weight, mean, and standard deviation of parameters and scatter, of each variant.
    pub parts: Vec<(f64, f64, f64)>,
    /// What each baseline expects.
    pub baselines: Vec<f64>,
    /// Relative standard deviation of the baselines: the scatter alone (1).
    pub scatter: f64,
}

impl Scored {
    /// The mean of what was foretold.
    pub fn mean(&self) -> f64 {
        self.parts
            .iter()
            .map(|(weight, mean, _)| weight * mean)
            .sum()
    }

    /// Its standard deviation: parameters, variants and scatter together.
    pub fn sd(&self) -> f64 {
        let centre = self.mean();
        let parts = self.parts.iter();
        let variance: f64 = parts
            .map(|(w, m, sd)| w * (sd * sd + (m - centre).powi(2)))
            .sum();
        variance.sqrt()
    }

    /// The value below which the foretold one lies with this probability.
    fn quantile(&self, probability: f64) -> f64 {
        let ends = self
            .parts
            .iter()
            .map(|(_, mean, sd)| (mean - 8.0 * sd, mean + 8.0 * sd));
        let (mut low, mut high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |a, b| {
            (a.0.min(b.0), a.1.max(b.1))
        });
        let normal = Normal::standard();
        for _ in 0..BISECTIONS {
            let middle = 0.5 * (low + high);
            let parts = self.parts.iter();
            let below: f64 = parts
                .map(|(w, m, sd)| w * normal.cdf((middle - m) / sd))
                .sum();
            if below < probability {
                low = middle;
            } else {
                high = middle;
            }
        }
        0.5 * (low + high)
    }

    /// The interval of [`INTERVAL_LEVEL`].
    pub fn interval(&self) -> (f64, f64) {
        let tail = 0.5 * (1.0 - INTERVAL_LEVEL);
        (self.quantile(tail), self.quantile(1.0 - tail))
    }

    /// Whether the interval holds the measured value.
    pub fn is_covered(&self) -> bool {
        let (lower, upper) = self.interval();
        (lower..=upper).contains(&self.measured)
    }

    /// The interval of a baseline.
    pub fn baseline_interval(&self, baseline: usize) -> (f64, f64) {
        let expected = self.baselines[baseline];
        let half = NORMAL_90 * self.scatter * expected;
        (expected - half, expected + half)
    }
}

/// The score of one thing left out, of one variant or of their average.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// What was left out.
    pub left: Left,
    /// Position of the variant; `None` for the average of all by their weights.
    pub variant: Option<usize>,
    /// Whether the numbers were known when the model was chosen.
    pub blind: Blind,
    /// The numbers.
    pub numbers: Vec<Scored>,
}

impl Score {
    /// Mean continuous ranked probability score (mAh g⁻¹).
    pub fn crps(&self) -> f64 {
        self.mean(|s| mixture_crps(&s.parts, s.measured))
    }

    /// Mean interval score (mAh g⁻¹).
    pub fn interval_score(&self) -> f64 {
        self.mean(|s| interval_score(s.interval(), s.measured, INTERVAL_LEVEL))
    }

    /// The same two of a baseline.
    pub fn of_baseline(&self, baseline: usize) -> (f64, f64) {
        let crps = self.mean(|s| {
            let expected = s.baselines[baseline];
            normal_crps(expected, s.scatter * expected, s.measured)
        });
        let interval = self
            .mean(|s| interval_score(s.baseline_interval(baseline), s.measured, INTERVAL_LEVEL));
        (crps, interval)
    }

    /// Skill against a baseline (1): 1 is perfect, 0 no better, negative worse.
    ///
    /// Numbers for which the baseline expects nothing are left out on both sides.
    pub fn skill(&self, baseline: usize) -> f64 {
        let has = |s: &&Scored| s.baselines[baseline].is_finite();
        let comparable = Self {
            numbers: self.numbers.iter().filter(has).cloned().collect(),
            ..self.clone()
        };
        1.0 - comparable.crps() / comparable.of_baseline(baseline).0
    }

    /// Share of the numbers inside their intervals (1).
    pub fn coverage(&self) -> f64 {
        self.mean(|s| f64::from(u8::from(s.is_covered())))
    }

    fn mean(&self, of: impl Fn(&Scored) -> f64) -> f64 {
        self.numbers.iter().map(of).sum::<f64>() / self.numbers.len() as f64
    }
}

/// Continuous ranked probability score of a normal distribution, in the unit of the value; smaller is better.
pub fn normal_crps(mean: f64, sd: f64, measured: f64) -> f64 {
    let z = (measured - mean) / sd;
    let normal = Normal::standard();
    let pi = std::f64::consts::PI;
    sd * (z * (2.0 * normal.cdf(z) - 1.0) + 2.0 * normal.pdf(z) - 1.0 / pi.sqrt())
}

/// The same of a mixture of normal distributions: weight, mean and standard deviation of each.
pub fn mixture_crps(parts: &[(f64, f64, f64)], measured: f64) -> f64 {
    let normal = Normal::standard();
    // E|X| of a normal X.
    let absolute = |mean: f64, sd: f64| {
        let z = mean / sd;
        2.0 * sd * normal.pdf(z) + mean * (2.0 * normal.cdf(z) - 1.0)
    };
    let mut sum = 0.0;
    for (w, m, sd) in parts {
        sum += w * absolute(measured - m, *sd);
        for (v, n, other) in parts {
            sum -= 0.5 * w * v * absolute(m - n, sd.hypot(*other));
        }
    }
    sum
}

/// Interval score, in the unit of the value; smaller is better: the width, and a penalty for values outside.
pub fn interval_score((lower, upper): (f64, f64), measured: f64, level: f64) -> f64 {
    let penalty = 2.0 / (1.0 - level);
    upper - lower + penalty * (lower - measured).max(0.0) + penalty * (measured - upper).max(0.0)
}

/// Things that can be left out: what, and positions of the observations.
fn parts(study: &Study) -> Vec<(Left, Vec<usize>)> {
    let places: Vec<(usize, Known)> = study
        .observations
        .iter()
        .enumerate()
        .filter(|(_, o)| !o.noise.is_limit())
        .filter_map(|(row, o)| Some((row, known(study, &o.target, o.measured)?)))
        .collect();
    let distinct = |of: fn(&Known) -> f64| {
        let mut values: Vec<f64> = places.iter().map(|(_, known)| of(known)).collect();
        values.sort_by(f64::total_cmp);
        values.dedup_by(|a, b| (a.ln() - b.ln()).abs() < 1e-9);
        values
    };
    let rows = |is_left: &dyn Fn(&Known) -> bool| -> Vec<usize> {
        let left = places.iter().filter(|(_, known)| is_left(known));
        left.map(|(row, _)| *row).collect()
    };
    let mut parts = Vec::new();
    let loadings = distinct(|known| known.loading_kg_m2);
    if loadings.len() > 1 {
        for loading in loadings {
            let same = |k: &Known| (k.loading_kg_m2.ln() - loading.ln()).abs() < 1e-9;
            parts.push((Left::Loading(100.0 * loading), rows(&same)));
        }
    }
    let early = |k: &Known| k.cycle < LATE_FROM;
    let rates = distinct(|known| known.c_rate);
    if rates.len() > 2 {
        for rate in rates {
            let same = |k: &Known| (k.c_rate.ln() - rate.ln()).abs() < 1e-9 && early(k);
            parts.push((Left::Rate(rate), rows(&same)));
        }
    }
    parts.push((Left::LateCycles, rows(&|k: &Known| !early(k))));
    parts.retain(|(_, rows)| !rows.is_empty());
    parts
}

/// What is left out, positions of the observations, and the numbers that are then foretold.
struct Part {
    left: Left,
    rows: Vec<usize>,
    targets: Vec<(Target, f64)>,
}

/// All that can be left out, then the predictions of the study, which no fit sees.
fn asked(study: &Study) -> Vec<Part> {
    let left_out = parts(study).into_iter().map(|(left, rows)| {
        let targets = rows.iter().map(|row| {
            let observation = &study.observations[*row];
            (observation.target.clone(), observation.measured)
        });
        Part {
            targets: targets.collect(),
            left,
            rows,
        }
    });
    let predictions = study.predictions.iter();
    let unseen = predictions.filter(|p| known(study, &p.target, 1.0).is_some());
    let unseen = unseen.map(|prediction| Part {
        left: Left::Unseen(prediction.target.id.clone()),
        rows: Vec::new(),
        targets: vec![(prediction.target.clone(), prediction.measured)],
    });
    left_out.chain(unseen).collect()
}

/// Scores of every variant and of their average. `scatter` is the relative standard deviation of a measured capacity.
pub fn scores(
    study: &Study,
    (fitted, weights): (&[Fitted], &[f64]),
    scatter: f64,
    (monitor, archive): (&dyn Monitor, &dyn Archive),
) -> Vec<Score> {
    let parts = asked(study);
    monitor.begin("fits without some of the data", parts.len() * fitted.len());
    let work: Vec<(usize, usize)> = (0..parts.len())
        .flat_map(|part| (0..fitted.len()).map(move |f| (part, f)))
        .collect();
    let done = std::sync::atomic::AtomicUsize::new(0);
    let told: Vec<Option<Vec<Foretold>>> = work
        .par_iter()
        .map(|(part, f)| {
            let Part { rows, targets, .. } = &parts[*part];
            let targets: Vec<Target> = targets.iter().map(|(target, _)| target.clone()).collect();
            let at = (fitted[*f].variant, &fitted[*f].x[..]);
            let told = foretold(study, at, (rows, &targets), (monitor, archive));
            monitor.advance(&crate::estimate::Status {
                stage: "",
                iteration: Some(done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1),
                cost: f64::NAN,
                scaled_gradient: f64::NAN,
                evaluations: 0,
                failed: 0,
            });
            told
        })
        .collect();
    let each = parts.iter().zip(told.chunks(fitted.len().max(1)));
    each.flat_map(|(part, told)| of_part(study, (fitted, weights), scatter, (part, told)))
        .collect()
}

/// The scores of one part, of every variant and of their average.
fn of_part(
    study: &Study,
    (fitted, weights): (&[Fitted], &[f64]),
    scatter: f64,
    (part, told): (&Part, &[Option<Vec<Foretold>>]),
) -> Vec<Score> {
    let context = Context {
        study,
        rows: &part.rows,
        targets: &part.targets,
        scatter,
    };
    let left = &part.left;
    let blind_of = |f: &Fitted| blindness(study.variants[f.variant].blind, left);
    let mut scores = Vec::new();
    for (f, told) in fitted.iter().zip(told) {
        if let Some(told) = told {
            scores.push(Score {
                left: left.clone(),
                variant: Some(f.variant),
                blind: blind_of(f),
                numbers: context.scored(&[(1.0, told)]),
            });
        }
    }
    let all: Option<Vec<&Vec<Foretold>>> = told.iter().map(Option::as_ref).collect();
    if let Some(all) = all.filter(|all| all.len() > 1) {
        let each: Vec<(f64, &Vec<Foretold>)> = weights.iter().copied().zip(all).collect();
        scores.push(Score {
            left: left.clone(),
            variant: None,
            blind: least_blind(fitted.iter().map(blind_of)),
            numbers: context.scored(&each),
        });
    }
    scores
}

/// Data of the fit were seen by whoever chose mechanism and priors.
fn blindness(of_variant: Blind, left: &Left) -> Blind {
    match left {
        Left::Unseen(_) => of_variant,
        _ => Blind::ParametersOnly,
    }
}

fn least_blind(all: impl Iterator<Item = Blind>) -> Blind {
    let rank = |blind: &Blind| match blind {
        Blind::No => 0,
        Blind::ParametersOnly => 1,
        Blind::Yes => 2,
    };
    all.min_by_key(rank).unwrap_or(Blind::No)
}

/// What scores of one part need.
struct Context<'a> {
    study: &'a Study,
    rows: &'a [usize],
    targets: &'a [(Target, f64)],
    scatter: f64,
}

impl Context<'_> {
    /// The numbers as foretold by variants with weights.
    fn scored(&self, told: &[(f64, &Vec<Foretold>)]) -> Vec<Scored> {
        let targets = self.targets.iter().enumerate();
        targets
            .map(|(i, (target, measured))| {
                let parts = told.iter().map(|(weight, told)| {
                    let Foretold { value, sd } = told[i];
                    (*weight, value, sd.hypot(self.scatter * value))
                });
                Scored {
                    id: target.id.clone(),
                    cell: target.cell,
                    measured: *measured,
                    parts: parts.collect(),
                    scatter: self.scatter,
                    baselines: Baseline::ALL.map(|b| self.baseline(target, b)).to_vec(),
                }
            })
            .collect()
    }

    /// What the data that are left would let one expect; not a number if there are none of the same cell.
    fn baseline(&self, target: &Target, baseline: Baseline) -> f64 {
        let Some(asked) = known(self.study, target, f64::NAN) else {
            return f64::NAN;
        };
        let observations = self.study.observations.iter().enumerate();
        let at_hand: Vec<Known> = observations
            .filter(|(row, o)| !self.rows.contains(row) && o.target.cell == target.cell)
            .filter_map(|(_, o)| known(self.study, &o.target, o.measured))
            .collect();
        expected(self.study, &asked, &at_hand, baseline).unwrap_or(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn crps_of_a_sharp_forecast_is_its_error() {
        assert!((normal_crps(10.0, 1e-9, 13.0) - 3.0).abs() < 1e-6);
        // At the mean: sd (2 φ(0) − 1/√π).
        let at_mean = 2.0 * 0.398_942_280_4 - 1.0 / std::f64::consts::PI.sqrt();
        assert!((normal_crps(0.0, 2.0, 0.0) - 2.0 * at_mean).abs() < 1e-6);
    }

    #[test]
    fn interval_scores_punish_misses() {
        assert!((interval_score((1.0, 3.0), 2.0, 0.9) - 2.0).abs() < 1e-12);
        assert!((interval_score((1.0, 3.0), 3.5, 0.9) - (2.0 + 20.0 * 0.5)).abs() < 1e-9);
    }

    proptest! {
        /// The score is proper: the true distribution expects the least of it.
        #[test]
        fn crps_is_proper(shift in 0.3..2.0f64, factor in 1.4..3.0f64) {
            let draws: Vec<f64> = (0..400)
                .map(|i| crate::numerics::sampling::normal_quantile((f64::from(i) + 0.5) / 400.0))
                .collect();
            let mean = |m: f64, sd: f64| draws.iter().map(|y| normal_crps(m, sd, *y)).sum::<f64>() / 400.0;
            let truth = mean(0.0, 1.0);
            prop_assert!(truth < mean(shift, 1.0));
            prop_assert!(truth < mean(0.0, factor));
            prop_assert!(truth < mean(0.0, 1.0 / factor));
        }
    }

    fn scored(parts: Vec<(f64, f64, f64)>) -> Scored {
        Scored {
            id: "q".to_owned(),
            cell: 0,
            measured: 950.0,
            parts,
            baselines: vec![900.0, f64::NAN],
            scatter: 0.03,
        }
    }

    #[test]
    fn mixtures_carry_the_spread_of_the_variants() {
        let both = scored(vec![(0.5, 900.0, 10.0), (0.5, 1000.0, 10.0)]);
        assert!((both.mean() - 950.0).abs() < 1e-9);
        assert!((both.sd() - (100.0_f64 + 2500.0).sqrt()).abs() < 1e-9);
        // Nine tenths of either variant lie inside, and nothing between them is excluded.
        let (lower, upper) = both.interval();
        assert!((lower - (900.0 - 12.816)).abs() < 0.01 && (upper - 1012.816).abs() < 0.01);
        let one = scored(vec![(1.0, 900.0, 10.0)]);
        let (lower, _) = one.interval();
        assert!((lower - (900.0 - 16.4485)).abs() < 0.01);
        assert!((mixture_crps(&one.parts, 930.0) - normal_crps(900.0, 10.0, 930.0)).abs() < 1e-9);
    }

    #[test]
    fn numbers_without_a_baseline_do_not_spoil_the_skill() {
        let mut other = scored(vec![(1.0, 940.0, 30.0)]);
        other.baselines = vec![f64::NAN, f64::NAN];
        let score = Score {
            left: Left::LateCycles,
            variant: None,
            blind: Blind::Yes,
            numbers: vec![scored(vec![(1.0, 950.0, 30.0)]), other],
        };
        assert!(score.skill(0) > 0.5 && score.skill(1).is_nan());
    }
}
