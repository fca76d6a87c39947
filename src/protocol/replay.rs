//! A measured signal that is imposed on a cell as it was recorded.

use std::sync::Arc;

use thiserror::Error;

use crate::numerics::polyline::Polyline;

/// How far the imposed signal may lie from the samples before areas are made equal, as a share of the largest magnitude
/// of a current or of the span of a voltage (1). Of a drive cycle up to 2 A this is 2 mA, what its cycler resolves; it
/// spares the integrator the knots of phases that are constant but for noise.
const TOLERANCE: f64 = 1e-3;

/// What a replay imposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imposed {
    /// The current of the whole cell (A), discharge positive.
    Current,
    /// The terminal voltage (V).
    Voltage,
}

/// What makes samples unfit for a replay.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ReplayError {
    /// The window has no length.
    #[error("a window from {from_s} s to {to_s} s")]
    EmptyWindow {
        /// Its start (s).
        from_s: f64,
        /// Its end (s).
        to_s: f64,
    },
    /// There are fewer than two samples.
    #[error("{count} samples")]
    TooFew {
        /// How many there are.
        count: usize,
    },
    /// The samples do not fill the window.
    #[error("samples from {first_s} s to {last_s} s for a window from {from_s} s to {to_s} s")]
    Short {
        /// First sample (s).
        first_s: f64,
        /// Last sample (s).
        last_s: f64,
        /// Start of the window (s).
        from_s: f64,
        /// End of the window (s).
        to_s: f64,
    },
    /// Nothing is known for too long.
    #[error("no sample between {from_s} s and {to_s} s")]
    Gap {
        /// Last sample before (s).
        from_s: f64,
        /// First sample after (s).
        to_s: f64,
    },
    /// Time goes back, or a number is missing.
    #[error(
        "a sample without a finite value, or with a time before the one before it, after {after_s} s"
    )]
    Broken {
        /// The last good sample (s).
        after_s: f64,
    },
}

/// A stretch of a replay without jumps of the signal.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// When it begins (s), counted from the start of the replay.
    pub start_s: f64,
    /// The signal (A or V) over the time since the stretch began (s).
    pub signal: Polyline,
    /// Times of the samples in it (s), counted from the start of the stretch, both ends included.
    pub samples_s: Vec<f64>,
}

impl Stretch {
    /// How long it lasts (s).
    pub fn duration_s(&self) -> f64 {
        self.samples_s.last().copied().unwrap_or(0.0)
    }
}

/// A measured signal to be imposed.
///
/// Between samples it is straight: so it passes the charge that the trapezoidal rule gives, and the cell's double layers
/// need not be charged anew at every sample, as they would by a staircase. Two samples at the same time are a jump.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    imposed: Imposed,
    duration_s: f64,
    stretches: Arc<[Stretch]>,
}

impl Replay {
    /// What is imposed.
    pub fn imposed(&self) -> Imposed {
        self.imposed
    }

    /// How long it lasts (s).
    pub fn duration_s(&self) -> f64 {
        self.duration_s
    }

    /// Its stretches, in order, without gaps.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// The window from `from_s` to `to_s` (s, on the clock of the samples) of a signal, sampled at `times_s` (s, not
    /// falling) with `values` (A of the whole cell with discharge positive, or V). Before its first and after its last
    /// sample the signal is taken as constant for as long as the samples there are apart.
    ///
    /// # Errors
    /// If the samples do not fill the window, or leave a gap of more than `gap_max_s` in it.
    pub fn new(
        imposed: Imposed,
        (times_s, values): (&[f64], &[f64]),
        (from_s, to_s): (f64, f64),
        gap_max_s: f64,
    ) -> Result<Self, ReplayError> {
        let samples = window((times_s, values), (from_s, to_s))?;
        let gap = samples
            .windows(2)
            .find(|pair| pair[1].0 - pair[0].0 > gap_max_s);
        if let Some(pair) = gap {
            return Err(ReplayError::Gap {
                from_s: pair[0].0,
                to_s: pair[1].0,
            });
        }
        let tolerance = TOLERANCE * extent(imposed, &samples);
        let continuous = samples.chunk_by(|a, b| a.0 < b.0).filter(|c| c.len() > 1);
        let stretches = continuous.filter_map(|samples| stretch(samples, from_s, tolerance));
        Ok(Self {
            imposed,
            duration_s: to_s - from_s,
            stretches: stretches.collect(),
        })
    }
}

/// What the tolerance is a share of: the largest magnitude of a current, the span of a voltage.
fn extent(imposed: Imposed, samples: &[(f64, f64)]) -> f64 {
    let values = || samples.iter().map(|(_, value)| *value);
    let (lowest, highest) = (
        values().fold(f64::INFINITY, f64::min),
        values().fold(f64::NEG_INFINITY, f64::max),
    );
    match imposed {
        Imposed::Current => highest.max(-lowest),
        Imposed::Voltage => highest - lowest,
    }
}

fn stretch(samples: &[(f64, f64)], from_s: f64, tolerance: f64) -> Option<Stretch> {
    let begin_s = samples.first()?.0;
    let times: Vec<f64> = samples.iter().map(|(time_s, _)| time_s - begin_s).collect();
    let values = samples.iter().map(|(_, value)| *value).collect();
    Some(Stretch {
        start_s: begin_s - from_s,
        signal: Polyline::new(times.clone(), values)?.thinned(tolerance),
        samples_s: times,
    })
}

/// The samples in the window, with one at each of its ends.
fn window(
    (times_s, values): (&[f64], &[f64]),
    (from_s, to_s): (f64, f64),
) -> Result<Vec<(f64, f64)>, ReplayError> {
    if !(from_s.is_finite() && to_s.is_finite() && from_s < to_s) {
        return Err(ReplayError::EmptyWindow { from_s, to_s });
    }
    let n = times_s.len().min(values.len());
    if n < 2 {
        return Err(ReplayError::TooFew { count: n });
    }
    let is_good = |i: usize| {
        let rises = i == 0 || times_s[i - 1] <= times_s[i];
        rises && times_s[i].is_finite() && values[i].is_finite()
    };
    if let Some(bad) = (0..n).find(|i| !is_good(*i)) {
        let after_s = bad.checked_sub(1).map_or(f64::NAN, |i| times_s[i]);
        return Err(ReplayError::Broken { after_s });
    }
    let (first_s, last_s) = (times_s[0], times_s[n - 1]);
    let reach = (times_s[1] - first_s, last_s - times_s[n - 2]);
    if from_s < first_s - reach.0 || to_s > last_s + reach.1 {
        return Err(ReplayError::Short {
            first_s,
            last_s,
            from_s,
            to_s,
        });
    }
    let begin = times_s[..n].partition_point(|t| *t <= from_s);
    let end = times_s[..n].partition_point(|t| *t < to_s);
    let at = |time_s: f64, i: usize| match i.checked_sub(1) {
        None => (time_s, values[0]),
        Some(_) if i == n => (time_s, values[n - 1]),
        Some(before) => {
            let share = (time_s - times_s[before]) / (times_s[i] - times_s[before]);
            (
                time_s,
                values[before] + share * (values[i] - values[before]),
            )
        }
    };
    let inside = (begin..end).map(|i| (times_s[i], values[i]));
    let ends = (at(from_s, begin), at(to_s, end));
    Ok(std::iter::once(ends.0)
        .chain(inside)
        .chain([ends.1])
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES_S: [f64; 5] = [1.0, 2.0, 3.0, 3.0, 4.0];
    const VALUES: [f64; 5] = [0.0, 1.0, 1.0, 2.0, 2.0];

    fn replay(window: (f64, f64)) -> Result<Replay, ReplayError> {
        Replay::new(Imposed::Current, (&TIMES_S, &VALUES), window, 1.5)
    }

    #[test]
    fn charge_is_that_of_the_trapezoids() {
        let whole = replay((1.0, 4.0)).unwrap();
        let charge: f64 = whole.stretches().iter().map(|s| s.signal.integral()).sum();
        assert!((charge - 3.5).abs() < 1e-12);
    }

    #[test]
    fn two_samples_at_one_time_are_a_jump() {
        let whole = replay((1.0, 4.0)).unwrap();
        let starts: Vec<f64> = whole.stretches().iter().map(|s| s.start_s).collect();
        assert!(starts.len() == 2 && starts[0].abs() < 1e-12 && (starts[1] - 2.0).abs() < 1e-12);
        assert!((whole.stretches()[0].signal.at(2.0) - 1.0).abs() < 1e-12);
        assert!((whole.stretches()[1].signal.at(0.0) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn window_cuts_between_samples_and_reaches_one_beyond() {
        let cut = replay((1.5, 2.5)).unwrap();
        let stretch = &cut.stretches()[0];
        assert!(stretch.samples_s.len() == 3 && (stretch.samples_s[1] - 0.5).abs() < 1e-12);
        assert!((stretch.signal.at(0.0) - 0.5).abs() < 2e-3);
        let beyond = replay((0.0, 5.0)).unwrap();
        assert!((beyond.stretches()[0].samples_s[1] - 1.0).abs() < 1e-12);
        assert!((beyond.duration_s() - 5.0).abs() < 1e-12);
    }

    #[test]
    fn unfit_samples_are_told() {
        let message = |window| replay(window).unwrap_err().to_string();
        assert_eq!(message((2.0, 2.0)), "a window from 2 s to 2 s");
        let short = "samples from 1 s to 4 s for a window from 0 s to 6 s";
        assert_eq!(message((0.0, 6.0)), short);
        let gap = Replay::new(
            Imposed::Voltage,
            (&[0.0, 2.0], &[1.0, 1.0]),
            (0.0, 2.0),
            1.0,
        );
        assert_eq!(
            gap.unwrap_err().to_string(),
            "no sample between 0 s and 2 s"
        );
        let back = Replay::new(Imposed::Voltage, (&[0.0, -2.0], &[1.0; 2]), (0.0, 2.0), 1.0);
        assert!(matches!(back, Err(ReplayError::Broken { .. })));
    }
}
