//! How many simulations an estimation took, and how many failed.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering as Memory;

use crate::simulate::SimulationFailure;

/// Failures that are kept word for word.
const FAILURES_KEPT: usize = 20;
/// Why a simulation did not begin.
pub(super) const INTERRUPTED: &str = "interrupted";

/// Simulations so far.
#[derive(Debug, Default)]
pub struct Counters {
    /// Parameter points for which all protocols were run, with or without derivatives.
    pub evaluations: AtomicUsize,
    /// Protocols run.
    pub runs: AtomicUsize,
    failed: AtomicUsize,
    failures: Mutex<Vec<SimulationFailure>>,
}

impl Counters {
    /// Parameter points, protocols run, failures.
    pub(super) fn numbers(&self) -> [usize; 3] {
        [&self.evaluations, &self.runs, &self.failed].map(|n| n.load(Memory::Relaxed))
    }

    /// Counts that were kept, without the failures' words.
    pub(super) fn from_numbers([evaluations, runs, failed]: [usize; 3]) -> Self {
        Self {
            evaluations: evaluations.into(),
            runs: runs.into(),
            failed: failed.into(),
            failures: Mutex::default(),
        }
    }

    /// Adds what another count has seen.
    pub(super) fn absorb(&self, other: &Self) {
        for (to, from) in [
            (&self.evaluations, &other.evaluations),
            (&self.runs, &other.runs),
            (&self.failed, &other.failed),
        ] {
            to.fetch_add(from.load(Memory::Relaxed), Memory::Relaxed);
        }
        if let Ok(mut failures) = self.failures.lock() {
            failures.extend(other.failures());
            failures.truncate(FAILURES_KEPT);
        }
    }
}

impl Counters {
    /// Number of failed simulations.
    pub fn failed(&self) -> usize {
        self.failed.load(Memory::Relaxed)
    }

    /// The first failures.
    pub fn failures(&self) -> Vec<SimulationFailure> {
        self.failures.lock().map(|f| f.clone()).unwrap_or_default()
    }

    /// Counts what failed among results, in their order; that of arrival depends on the number of threads.
    pub(super) fn count_all<T>(&self, results: &[Result<T, SimulationFailure>]) {
        let failures = results.iter().filter_map(|result| result.as_ref().err());
        failures
            .filter(|failure| failure.reason != INTERRUPTED)
            .for_each(|failure| self.count(failure));
    }

    fn count(&self, failure: &SimulationFailure) {
        tracing::info!("{failure}");
        self.failed.fetch_add(1, Memory::Relaxed);
        if let Ok(mut failures) = self.failures.lock()
            && failures.len() < FAILURES_KEPT
        {
            failures.push(failure.clone());
        }
    }
}
