//! The ranking, step by step.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering as Memory;

use rayon::prelude::*;

use super::candidate::Candidate;
use super::contest::Contest;
use super::contest::LEVEL;
use super::contest::Place;
use super::contest::Ranking;
use super::contest::TOLD;
use super::contest::catalyst_parameters;
use super::race::Numbers;
use super::race::Race;
use super::race::advance;
use super::race::candidate;
use super::race::drawn;
use super::race::learned;
use super::relation::constants;
use super::standing::beats;
use super::worth::Stakes;
use super::worth::worths;
use crate::estimate::Monitor;
use crate::predict::Cloud;
use crate::predict::Weighted;
use crate::predict::one_c_mah_g;

/// Candidates that are checked by the cell model and whose limits are told.
const CHECKED: usize = 20;

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
    let (unknown, squares) = race.unknown(candidates.len())?;
    let numbers = race.numbers(&candidates, monitor)?;
    let mut places = race.places(&candidates, &numbers, &squares);
    order(&mut places);
    let stakes = Stakes {
        contest,
        constants: &constants,
        common: &common,
        numbers: &numbers,
    };
    let worths = worths(&stakes, &candidates, &places);
    explain(&race, &mut places, &numbers, monitor)?;
    let pairwise = pairwise(&places, &numbers);
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

/// Gives the first places what they have beside their numbers.
fn explain(
    race: &Race<'_>,
    places: &mut [Place],
    numbers: &Numbers,
    monitor: &dyn Monitor,
) -> Result<(), String> {
    let n_checked = places.len().min(CHECKED);
    monitor.begin("checks by the cell model", n_checked);
    let done = AtomicUsize::new(0);
    let first: &mut [Place] = &mut places[..n_checked];
    let explained: Vec<Result<(), String>> = first
        .par_iter_mut()
        .map(|place| {
            if monitor.is_interrupted() {
                return Ok(());
            }
            let explained = race.explain(place, numbers);
            let done = done.fetch_add(1, Memory::Relaxed) + 1;
            advance(monitor, done, race.cloud);
            explained
        })
        .collect();
    explained.into_iter().collect::<Result<Vec<()>, String>>()?;
    Ok(())
}

/// For the first ranked ones the probability that the row beats the column.
fn pairwise(places: &[Place], numbers: &Numbers) -> Vec<Vec<f64>> {
    let ranked = places.iter().filter(|p| p.standing.is_some());
    let ranked: Vec<&Vec<f64>> = ranked
        .map(|p| &numbers.targets[p.candidate])
        .take(TOLD)
        .collect();
    let row = |a: &&Vec<f64>| ranked.iter().map(|b| beats(a, b)).collect();
    ranked.iter().map(row).collect()
}
