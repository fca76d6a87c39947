//! Which points of a curve an instrument writes, and the values there.

use super::land::Row;
use super::largest;
use super::piece::Part;
use crate::numerics::interpolate::cubic;
use crate::numerics::interpolate::linear;
use crate::record::Record;
use crate::simulate::Trajectory;

/// Shortest time between two rows (s): what cyclers manage.
const SHORTEST_S: f64 = 0.1;
/// Change of a held cell's current that is written, as a share of the largest one (1).
const CURRENT_SHARE: f64 = 0.01;
/// A step of potential may fall short by this share of it at a vertex (1).
const ROUNDING: f64 = 1e-6;

/// Which points an instrument writes: those of galvanostatic and of held cells by time or by change, whichever comes
/// first, those of voltammograms by potential. Spectra have the frequencies of their protocol.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Longest time between two rows (s), positive.
    pub interval_s: f64,
    /// Change of voltage between two rows of galvanostatic cycles (V), positive.
    pub interval_v: f64,
    /// Step of potential between two rows of voltammograms (V), positive.
    pub step_v: f64,
}

impl Default for Sampling {
    /// 60 s or 5 mV in cycles, 1 mV in voltammograms: what such measurements are usually set to.
    fn default() -> Self {
        Self {
            interval_s: 60.0,
            interval_v: 5e-3,
            step_v: 1e-3,
        }
    }
}

impl Sampling {
    /// The rows of a galvanostatic segment of a cell with a geometric area (m²); without counted charge.
    pub(super) fn half(&self, part: &Part<'_>, area_m2: f64) -> Vec<Row> {
        let record = &part.trajectory.record;
        let times = spaced(
            (&record.time_s, &record.voltage_v),
            (self.interval_s, self.interval_v),
        );
        let sampled = sampled(record, &times, (0.0, area_m2));
        let rows = (0..sampled.len()).map(|i| Row {
            cycle: part.cycle,
            segment: part.segment,
            time_s: part.start_s + sampled.time_s[i],
            step_time_s: sampled.time_s[i],
            voltage_v: sampled.voltage_v[i],
            discharge_current_a: sampled.current[i],
            charged_c: 0.0,
            discharged_c: 0.0,
        });
        rows.collect()
    }

    /// A held cell's current (A, discharge positive).
    pub(super) fn hold(&self, part: &Part<'_>, area_m2: f64) -> Record {
        let record = &part.trajectory.record;
        let interval = CURRENT_SHARE * largest(record.current.iter().copied());
        let times = spaced(
            (&record.time_s, &record.current),
            (self.interval_s, interval),
        );
        sampled(record, &times, (part.start_s, area_m2))
    }

    /// The curves of a voltammogram (A, discharge positive): two ramps are one curve, as there and back.
    pub(super) fn sweep(
        &self,
        (ramps, rate_v_s): (&[Trajectory], f64),
        start_s: f64,
        area_m2: f64,
    ) -> Vec<Record> {
        let mut curves: Vec<Record> = Vec::new();
        let mut clock_s = start_s;
        for (index, ramp) in ramps.iter().enumerate() {
            let record = &ramp.record;
            let (Some(from_v), Some(to_v)) = (record.voltage_v.first(), record.voltage_v.last())
            else {
                continue;
            };
            if index % 2 == 0 {
                curves.push(Record::default());
            }
            // The vertex is the end of the ramp before.
            let potentials = self.potentials(*from_v, *to_v);
            let potentials = potentials.into_iter().skip(usize::from(index > 0));
            if let Some(curve) = curves.last_mut() {
                for potential in potentials {
                    let time_s = (potential - from_v).abs() / rate_v_s;
                    let current = cubic(&record.time_s, &record.current, time_s);
                    let current_a = current.unwrap_or(f64::NAN) * area_m2;
                    curve.push(clock_s + time_s, potential, current_a);
                }
            }
            clock_s += record.time_s.last().copied().unwrap_or(0.0);
        }
        curves.retain(|curve| !curve.is_empty());
        curves
    }

    /// Potentials from one vertex to the next (V), both included.
    fn potentials(&self, from_v: f64, to_v: f64) -> Vec<f64> {
        let step_v = self.step_v * (to_v - from_v).signum();
        let inner = (0..u32::MAX)
            .map(|i| from_v + f64::from(i) * step_v)
            .take_while(|v| (to_v - v) / step_v > ROUNDING);
        inner.chain([to_v]).collect()
    }
}

/// A record at times of its own (s), shifted by `start_s`, its current density over an area (m²) as a current (A).
fn sampled(record: &Record, times: &[f64], (start_s, area_m2): (f64, f64)) -> Record {
    let at =
        |values: &[f64], time_s: f64| cubic(&record.time_s, values, time_s).unwrap_or(f64::NAN);
    let mut sampled = Record::default();
    for time_s in times {
        let voltage_v = at(&record.voltage_v, *time_s);
        let current_a = at(&record.current, *time_s) * area_m2;
        sampled.push(start_s + time_s, voltage_v, current_a);
    }
    sampled
}

/// Times (s) from the first to the last at which an instrument writes: where `y` has moved by `interval_y` since it
/// wrote last, or `interval_s` after that.
fn spaced((time_s, y): (&[f64], &[f64]), (interval_s, interval_y): (f64, f64)) -> Vec<f64> {
    let (Some(first), Some(end)) = (time_s.first(), time_s.last()) else {
        return Vec::new();
    };
    let mut times = vec![*first];
    let (mut last_s, mut last_y) = (*first, y[0]);
    for i in 1..time_s.len() {
        let to = (time_s[i], y[i]);
        loop {
            let from = if last_s > time_s[i - 1] {
                (last_s, last_y)
            } else {
                (time_s[i - 1], y[i - 1])
            };
            let moved = moved_at(from, to, (last_y, interval_y));
            let next = moved.map_or(last_s + interval_s, |at| at.min(last_s + interval_s));
            let next = next.max(last_s + SHORTEST_S);
            if next >= to.0 {
                break;
            }
            times.push(next);
            last_s = next;
            last_y = linear(time_s, y, next).unwrap_or(to.1);
        }
    }
    if end - last_s < SHORTEST_S && times.len() > 1 {
        times.pop();
    }
    if end > first {
        times.push(*end);
    }
    times
}

/// When the straight line between two points has moved from `last_y` by an interval; `None` if it does not.
fn moved_at(from: (f64, f64), to: (f64, f64), (last_y, interval_y): (f64, f64)) -> Option<f64> {
    let is_beyond = |y: f64| (y - last_y).abs() >= interval_y && interval_y > 0.0;
    if is_beyond(from.1) {
        return Some(from.0);
    }
    if !is_beyond(to.1) {
        return None;
    }
    let target = last_y + interval_y * (to.1 - last_y).signum();
    let share = (target - from.1) / (to.1 - from.1);
    Some(from.0 + share * (to.0 - from.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_by_time_or_by_change_whichever_is_first() {
        let time: Vec<f64> = (0..=100).map(|i| 10.0 * f64::from(i)).collect();
        let still = vec![1.0; time.len()];
        let times = spaced((&time, &still), (60.0, 0.005));
        assert_eq!(times.len(), 18);
        assert!(
            times
                .windows(2)
                .take(16)
                .all(|w| (w[1] - w[0] - 60.0).abs() < 1e-9)
        );
        assert!((times[17] - 1000.0).abs() < 1e-9);
        let falls: Vec<f64> = time.iter().map(|t| 2.0 - 1e-3 * t).collect();
        let times = spaced((&time, &falls), (60.0, 0.005));
        assert!(times.windows(2).all(|w| w[1] - w[0] < 5.0 + 1e-6));
    }

    #[test]
    fn a_jump_gives_one_row_and_not_many() {
        let time = [0.0, 0.001, 100.0];
        let times = spaced((&time, &[2.0, 1.0, 1.0]), (60.0, 0.005));
        assert_eq!(times.len(), 4, "{times:?}");
        assert!(times.windows(2).all(|w| w[1] - w[0] >= SHORTEST_S - 1e-12));
    }

    #[test]
    fn potentials_are_evenly_spaced_and_end_at_the_vertex() {
        let sampling = Sampling::default();
        let down = sampling.potentials(1.4004, 1.39);
        assert_eq!(down.len(), 12);
        assert!((down[11] - 1.39).abs() < 1e-12 && (down[10] - 1.3904).abs() < 1e-12);
        assert_eq!(sampling.potentials(0.4, 0.41).len(), 11);
    }
}
