//! What somebody without a model would expect: the same capacity per gram at the same current, the same retention.

use super::support::cycles_of;
use crate::estimate::Study;
use crate::estimate::Target;
use crate::protocol::Step;
use crate::units::mah_per_g;

/// A capacity and what it was measured at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Known {
    /// Position of the protocol and of its step.
    pub(super) run: (usize, usize),
    /// Loading (kg m⁻²).
    pub(super) loading_kg_m2: f64,
    /// Current as a multiple of 1C.
    pub(super) c_rate: f64,
    /// Cycle within its step; the middle of a range.
    pub(super) cycle: f64,
    /// Capacity (mAh g⁻¹).
    pub(super) capacity: f64,
}

/// A capacity that a study measures, and where; `None` for anything else.
pub(super) fn known(study: &Study, target: &Target, capacity: f64) -> Option<Known> {
    let (step, (from, to)) = cycles_of(&target.observable)?;
    let protocol = &study.protocols[target.protocol];
    let Step::Cycle(cycles) = protocol.steps.get(step)? else {
        return None;
    };
    let mechanism = &study.variants[0].mechanism;
    let usual = mechanism.parameters().row(mechanism.roles().loading).value;
    Some(Known {
        run: (target.protocol, step),
        loading_kg_m2: protocol.loading_kg_m2.unwrap_or(usual),
        c_rate: cycles.c_rate,
        cycle: 0.5 * (from + to) as f64,
        capacity,
    })
}

/// How fade is carried over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// The same retention per cycle.
    PerCycle,
    /// The same retention per hour.
    PerHour,
}

impl Baseline {
    /// Both.
    pub const ALL: [Self; 2] = [Self::PerCycle, Self::PerHour];

    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PerCycle => "same capacity per gram at the same rate, same retention per cycle",
            Self::PerHour => "same capacity per gram at the same rate, same retention per hour",
        }
    }
}

/// Hours of one cycle at a current, discharge and charge alike.
fn hours_per_cycle(capacity: f64, c_rate: f64, one_c: f64) -> f64 {
    2.0 * capacity / one_c / c_rate
}

/// What the capacities at hand would let one expect for another; `None` without any capacity.
pub(super) fn expected(
    study: &Study,
    asked: &Known,
    at_hand: &[Known],
    baseline: Baseline,
) -> Option<f64> {
    let mechanism = &study.variants[0].mechanism;
    let one_c = mah_per_g(
        mechanism
            .parameters()
            .row(mechanism.roles().specific_charge)
            .value,
    );
    let early = at_same_rate(at_hand, asked.c_rate)?;
    // The longest run of cycles at hand tells how fast a cell fades.
    let pairs = at_hand
        .iter()
        .flat_map(|a| at_hand.iter().map(move |b| (a, b)));
    let longest = pairs
        .filter(|(a, b)| a.run == b.run && b.cycle > a.cycle)
        .max_by(|(a, b), (c, d)| (b.cycle - a.cycle).total_cmp(&(d.cycle - c.cycle)));
    let Some((start, end)) = longest else {
        return Some(early);
    };
    let per_cycle = (end.capacity / start.capacity).ln() / (end.cycle - start.cycle);
    let n = (asked.cycle - 1.0).max(0.0);
    let per_asked_cycle = match baseline {
        Baseline::PerCycle => per_cycle,
        Baseline::PerHour => {
            let of_known = hours_per_cycle(start.capacity, start.c_rate, one_c);
            per_cycle * hours_per_cycle(early, asked.c_rate, one_c) / of_known
        }
    };
    Some(early * (per_asked_cycle * n).exp())
}

/// The capacity of early cycles at a current, between the neighbouring currents linear in the logarithm; beyond them
/// that of the nearest.
fn at_same_rate(at_hand: &[Known], c_rate: f64) -> Option<f64> {
    // Of each current the earliest cycle.
    let mut rates: Vec<(f64, f64, f64)> = Vec::new();
    for known in at_hand {
        match rates
            .iter_mut()
            .find(|(rate, ..)| (rate.ln() - known.c_rate.ln()).abs() < 1e-9)
        {
            Some(entry) if known.cycle < entry.2 => *entry = (entry.0, known.capacity, known.cycle),
            Some(_) => {}
            None => rates.push((known.c_rate, known.capacity, known.cycle)),
        }
    }
    rates.sort_by(|a, b| a.0.total_cmp(&b.0));
    let above = rates
        .iter()
        .position(|(rate, ..)| *rate >= c_rate * (1.0 - 1e-9));
    match above {
        None => rates.last().map(|(_, capacity, _)| *capacity),
        Some(0) => rates.first().map(|(_, capacity, _)| *capacity),
        Some(i) => {
            let (a, b) = (rates[i - 1], rates[i]);
            let share = (c_rate.ln() - a.0.ln()) / (b.0.ln() - a.0.ln());
            Some(a.1 + share * (b.1 - a.1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(run: usize, c_rate: f64, cycle: f64, capacity: f64) -> Known {
        Known {
            run: (run, 1),
            loading_kg_m2: 0.01,
            c_rate,
            cycle,
            capacity,
        }
    }

    #[test]
    fn rates_between_are_interpolated() {
        let at_hand = [
            at(0, 0.1, 3.0, 1000.0),
            at(0, 1.0, 3.0, 800.0),
            at(0, 1.0, 9.0, 700.0),
        ];
        assert!((at_same_rate(&at_hand, 0.1).unwrap() - 1000.0).abs() < 1e-9);
        assert!((at_same_rate(&at_hand, 0.1 * 10f64.sqrt()).unwrap() - 900.0).abs() < 1e-6);
        assert!((at_same_rate(&at_hand, 3.0).unwrap() - 800.0).abs() < 1e-9);
        assert!((at_same_rate(&at_hand, 0.01).unwrap() - 1000.0).abs() < 1e-9);
        assert!(at_same_rate(&[], 0.1).is_none());
    }
}
