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
    /// What was foretold: mean, and standard deviation of parameters, variants and scatter.
    pub mean: f64,
    /// Its standard deviation.
    pub sd: f64,
    /// What each baseline expects.
    pub baselines: Vec<f64>,
    /// Relative standard deviation of the baselines: the scatter alone (1).
    pub scatter: f64,
}

impl Scored {
    /// The interval of [`INTERVAL_LEVEL`].
    pub fn interval(&self) -> (f64, f64) {
        let half = NORMAL_90 * self.sd;
        (self.mean - half, self.mean + half)
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
        self.mean(|s| normal_crps(s.mean, s.sd, s.measured))
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
    pub fn skill(&self, baseline: usize) -> f64 {
        1.0 - self.crps() / self.of_baseline(baseline).0
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

/// Scores of every variant and of their average. `scatter` is the relative standard deviation of a measured capacity.
pub fn scores(
    study: &Study,
    (fitted, weights): (&[Fitted], &[f64]),
    scatter: f64,
    (monitor, archive): (&dyn Monitor, &dyn Archive),
) -> Vec<Score> {
    let mut parts: Vec<(Left, Vec<usize>, Vec<(Target, f64)>)> = parts(study)
        .into_iter()
        .map(|(left, rows)| {
            let targets = rows.iter().map(|row| {
                let observation = &study.observations[*row];
                (observation.target.clone(), observation.measured)
            });
            let targets = targets.collect();
            (left, rows, targets)
        })
        .collect();
    let is_capacity = |target: &Target| known(study, target, 1.0).is_some();
    for prediction in study.predictions.iter().filter(|p| is_capacity(&p.target)) {
        let left = Left::Unseen(prediction.target.id.clone());
        let targets = vec![(prediction.target.clone(), prediction.measured)];
        parts.push((left, Vec::new(), targets));
    }
    monitor.begin("fits without some of the data", parts.len() * fitted.len());
    let work: Vec<(usize, usize)> = (0..parts.len())
        .flat_map(|part| (0..fitted.len()).map(move |f| (part, f)))
        .collect();
    let done = std::sync::atomic::AtomicUsize::new(0);
    let told: Vec<Option<Vec<Foretold>>> = work
        .par_iter()
        .map(|(part, f)| {
            let (_, rows, targets) = &parts[*part];
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
    let mut scores = Vec::new();
    for (position, (left, rows, targets)) in parts.iter().enumerate() {
        let of_part = &told[position * fitted.len()..(position + 1) * fitted.len()];
        let context = Context {
            study,
            rows,
            targets,
            scatter,
        };
        for (f, told) in fitted.iter().zip(of_part) {
            if let Some(told) = told {
                let numbers = context.scored(told);
                let blind = blindness(study.variants[f.variant].blind, left);
                scores.push(Score {
                    left: left.clone(),
                    variant: Some(f.variant),
                    blind,
                    numbers,
                });
            }
        }
        let all: Option<Vec<&Vec<Foretold>>> = of_part.iter().map(Option::as_ref).collect();
        if let Some(all) = all.filter(|all| all.len() > 1) {
            let blind = fitted
                .iter()
                .map(|f| blindness(study.variants[f.variant].blind, left));
            scores.push(Score {
                left: left.clone(),
                variant: None,
                blind: least_blind(blind),
                numbers: context.scored(&averaged(&all, weights)),
            });
        }
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

/// Means over the variants, the spread between them in the standard deviation.
fn averaged(all: &[&Vec<Foretold>], weights: &[f64]) -> Vec<Foretold> {
    let n = all.first().map_or(0, |first| first.len());
    let one = |i: usize| {
        let each = || {
            all.iter()
                .zip(weights)
                .map(|(told, weight)| (told[i], weight))
        };
        let value: f64 = each().map(|(told, weight)| weight * told.value).sum();
        let variance: f64 = each()
            .map(|(told, weight)| weight * (told.sd.powi(2) + (told.value - value).powi(2)))
            .sum();
        Foretold {
            value,
            sd: variance.sqrt(),
        }
    };
    (0..n).map(one).collect()
}

/// What scores of one part need.
struct Context<'a> {
    study: &'a Study,
    rows: &'a [usize],
    targets: &'a [(Target, f64)],
    scatter: f64,
}

impl Context<'_> {
    fn scored(&self, told: &[Foretold]) -> Vec<Scored> {
        let pairs = self.targets.iter().zip(told);
        pairs
            .map(|((target, measured), told)| {
                let baselines = Baseline::ALL.map(|b| self.baseline(target, b));
                let by_scatter = self.scatter * told.value;
                Scored {
                    id: target.id.clone(),
                    cell: target.cell,
                    measured: *measured,
                    mean: told.value,
                    sd: told.sd.hypot(by_scatter),
                    scatter: self.scatter,
                    baselines: baselines.to_vec(),
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

    #[test]
    fn averages_carry_the_spread_of_the_variants() {
        let told = |value: f64, sd: f64| vec![Foretold { value, sd }];
        let (a, b) = (told(900.0, 10.0), told(1000.0, 10.0));
        let both = averaged(&[&a, &b], &[0.5, 0.5]);
        assert!((both[0].value - 950.0).abs() < 1e-9);
        assert!((both[0].sd - (100.0_f64 + 2500.0).sqrt()).abs() < 1e-9);
    }
}
