//! What the protocols gave: trajectories, cycles and spectra, thinned to what a picture shows.

use std::path::Path;

use super::table::Columns;
use crate::import::Origin;
use crate::numerics::polyline::Polyline;

/// Half cycles of a protocol that are drawn: the first ones and the last.
const HALF_CYCLES: usize = 4;
/// Ramps that are drawn.
const RAMPS: usize = 12;
/// A thinned curve is nowhere farther from the full one than this share of its range.
const TOLERANCE: f64 = 1e-3;
/// A voltage that leaves the straight line by less than this share of its range is swept.
const STRAIGHT: f64 = 1e-2;
/// A current that changes by less than this share of itself is constant.
const STEADY: f64 = 1e-3;

/// What one protocol gave.
#[derive(Clone, Debug)]
pub(crate) struct Simulated {
    pub(crate) origin: Origin,
    /// Half cycles at constant current.
    pub(crate) half_cycles: Vec<HalfCycle>,
    /// Ramps of voltammograms.
    pub(crate) ramps: Vec<Ramp>,
}

/// Charge or discharge at constant current.
#[derive(Clone, Debug)]
pub(crate) struct HalfCycle {
    pub(crate) step: usize,
    pub(crate) cycle: usize,
    pub(crate) is_discharge: bool,
    /// Charge (mAh g⁻¹ of sulfur) and voltage (V).
    pub(crate) points: Vec<(f64, f64)>,
}

/// A ramp of a voltammogram.
#[derive(Clone, Debug)]
pub(crate) struct Ramp {
    pub(crate) step: usize,
    pub(crate) number: usize,
    /// Voltage (V) and current density (A m⁻², oxidation positive).
    pub(crate) points: Vec<(f64, f64)>,
}

/// Capacities of a protocol.
#[derive(Clone, Debug)]
pub(crate) struct Cycles {
    pub(crate) origin: Origin,
    /// Step, cycle within it, discharge and charge (mAh g⁻¹).
    pub(crate) rows: Vec<(usize, usize, f64, f64)>,
}

impl Cycles {
    /// The number of each row's cycle, counted through all steps; what a jump skips is counted, too.
    pub(crate) fn numbers(&self) -> Vec<usize> {
        let mut before = 0;
        let mut last: Option<(usize, usize)> = None;
        let numbers = self.rows.iter().map(|(step, cycle, ..)| {
            if let Some((last_step, last_cycle)) = last
                && last_step != *step
            {
                before += last_cycle;
            }
            last = Some((*step, *cycle));
            before + cycle
        });
        numbers.collect()
    }
}

/// Spectra of a protocol.
#[derive(Clone, Debug)]
pub(crate) struct Spectra {
    pub(crate) origin: Origin,
    /// Step, then frequency (Hz), real and imaginary part (Ω).
    pub(crate) rows: Vec<(usize, f64, f64, f64)>,
}

/// Reads a trajectory.
pub(crate) fn trajectory(path: &Path) -> Result<Simulated, String> {
    let names = [
        "step",
        "segment",
        "time_s",
        "voltage_v",
        "discharge_current_a_m2",
    ];
    let (table, words) = Columns::parquet(path, &names)?;
    let origin = Origin::read_pairs(words).ok_or("it does not tell what was simulated")?;
    let columns = names.map(|name| table.numbers(name));
    let [step, segment, time, voltage, current] = all(columns)?;
    let mut simulated = Simulated {
        origin,
        half_cycles: Vec::new(),
        ramps: Vec::new(),
    };
    let mut start = 0;
    while start < table.height() {
        let is_same = |row: &usize| {
            (step[*row], segment[*row])
                .partial_cmp(&(step[start], segment[start]))
                .is_some_and(std::cmp::Ordering::is_eq)
        };
        let end = (start..table.height())
            .find(|row| !is_same(row))
            .unwrap_or(table.height());
        let end = end.max(start + 1);
        let piece = Piece {
            step: position(step[start]),
            segment: position(segment[start]),
            time: &time[start..end],
            voltage: &voltage[start..end],
            current: &current[start..end],
        };
        simulated.add(&piece);
        start = end;
    }
    simulated.keep_few();
    Ok(simulated)
}

/// All columns, or the first that is none.
pub(crate) fn all<T: Default, const N: usize>(
    columns: [Result<T, String>; N],
) -> Result<[T; N], String> {
    let mut problem = None;
    let columns = columns.map(|column| {
        column.unwrap_or_else(|reason| {
            problem.get_or_insert(reason);
            T::default()
        })
    });
    problem.map_or(Ok(columns), Err)
}

/// A whole number of a table.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be small and not negative"
)]
fn position(value: f64) -> usize {
    if (0.0..1e9).contains(&value) {
        value as usize
    } else {
        0
    }
}

struct Piece<'a> {
    step: usize,
    segment: usize,
    time: &'a [f64],
    voltage: &'a [f64],
    current: &'a [f64],
}

impl Piece<'_> {
    /// Whether the voltage goes along a straight line over time.
    fn is_sweep(&self) -> bool {
        let ends = |values: &[f64]| Some((*values.first()?, *values.last()?));
        let (Some((v0, v1)), Some((t0, t1))) = (ends(self.voltage), ends(self.time)) else {
            return false;
        };
        let slope = (v1 - v0) / (t1 - t0);
        let off = |(time, voltage): (&f64, &f64)| (voltage - v0 - slope * (time - t0)).abs();
        let worst = self.time.iter().zip(self.voltage).map(off);
        worst.fold(0.0, f64::max) < STRAIGHT * (v1 - v0).abs()
    }
}

impl Simulated {
    fn add(&mut self, piece: &Piece<'_>) {
        let largest = piece.current.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
        let first = piece.current.first().copied().unwrap_or(0.0);
        let is_steady = piece
            .current
            .iter()
            .all(|i| (i - first).abs() <= STEADY * largest);
        if largest <= 0.0 {
            return;
        }
        if is_steady {
            let Some(sulfur_kg) = self.origin.sulfur_kg else {
                return;
            };
            // A coulomb per kilogram is 1/3600 mAh/g.
            let scale = self.origin.area_m2 / sulfur_kg / 3600.0 * first.abs();
            let begin = piece.time.first().copied().unwrap_or(0.0);
            let charge = piece.time.iter().map(|time| (time - begin) * scale);
            self.half_cycles.push(HalfCycle {
                step: piece.step,
                cycle: piece.segment / 2 + 1,
                is_discharge: first > 0.0,
                points: thinned(charge.collect(), piece.voltage.to_vec()),
            });
        } else if piece.is_sweep() {
            let oxidation = piece.current.iter().map(|i| -i).collect();
            self.ramps.push(Ramp {
                step: piece.step,
                number: piece.segment + 1,
                points: thinned(piece.voltage.to_vec(), oxidation),
            });
        }
    }

    fn keep_few(&mut self) {
        if self.half_cycles.len() > 2 * HALF_CYCLES {
            let last = self
                .half_cycles
                .split_off(self.half_cycles.len() - HALF_CYCLES);
            self.half_cycles.truncate(HALF_CYCLES);
            self.half_cycles.extend(last);
        }
        self.ramps.truncate(RAMPS);
    }
}

/// Fewer points of a curve whose abscissa rises or falls.
fn thinned(x: Vec<f64>, y: Vec<f64>) -> Vec<(f64, f64)> {
    let falls = x.first() > x.last();
    let mut points: Vec<(f64, f64)> = x.into_iter().zip(y).collect();
    if falls {
        points.reverse();
    }
    points.dedup_by(|next, kept| next.0 <= kept.0);
    let ys = points.iter().map(|point| point.1);
    let (low, high) = ys.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| {
        (low.min(y), high.max(y))
    });
    let (x, y): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
    let mut thin = match Polyline::new(x, y) {
        Some(line) => {
            let line = line.thinned(TOLERANCE * (high - low));
            line.x()
                .iter()
                .copied()
                .zip(line.y().iter().copied())
                .collect()
        }
        None => points,
    };
    if falls {
        thin.reverse();
    }
    thin
}

/// Reads capacities.
pub(crate) fn cycles(path: &Path) -> Result<Cycles, String> {
    let names = ["step", "cycle", "discharge_mah_g", "charge_mah_g"];
    let (table, words) = Columns::parquet(path, &names)?;
    let [step, cycle, discharge, charge] = all(names.map(|name| table.numbers(name)))?;
    let rows = (0..table.height()).map(|row| {
        (
            position(step[row]),
            position(cycle[row]),
            discharge[row],
            charge[row],
        )
    });
    Ok(Cycles {
        origin: Origin::read_pairs(words).ok_or("it does not tell what was simulated")?,
        rows: rows.collect(),
    })
}

/// Reads spectra.
pub(crate) fn spectra(path: &Path) -> Result<Spectra, String> {
    let names = ["step", "frequency_hz", "re_z_ohm", "im_z_ohm"];
    let (table, words) = Columns::parquet(path, &names)?;
    let [step, frequency, re, im] = all(names.map(|name| table.numbers(name)))?;
    let rows =
        (0..table.height()).map(|row| (position(step[row]), frequency[row], re[row], im[row]));
    Ok(Spectra {
        origin: Origin::read_pairs(words).ok_or("it does not tell what was simulated")?,
        rows: rows.collect(),
    })
}
