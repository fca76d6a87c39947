//! From the columns of a file to a record: one time, one sign of the current, one form of the impedance.

use crate::import::header::Target;
use crate::record::Finding;
use crate::record::Measured;
use crate::record::Quantity;
use crate::record::Severity;
use crate::record::Technique;

/// Rows that are told one by one; more are only counted.
const SKIPPED_TOLD: usize = 3;
/// Share of the rows that may be unreadable before the file counts as damaged (1).
const SKIPPED_SHARE_MAX: f64 = 0.05;
/// Spread between the instrument's charge counter and the integral of the current beyond which it is told (1).
const COUNTER_TOLERANCE: f64 = 0.05;

/// Largest current below which counter and integral are not compared (A).
const COMPARED_FROM_A: f64 = 1e-5;

/// A row that could not be read.
#[derive(Clone, Debug)]
pub(super) struct Skipped {
    /// Its line, counted from one.
    pub(super) line: usize,
    /// What is wrong with it.
    pub(super) reason: String,
    /// Whether it is the last of the file.
    pub(super) is_last: bool,
}

/// Where the sign of the current comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// The instrument writes charge and oxidation positive.
    ChargePositive,
    /// Discharge and reduction are positive.
    DischargePositive,
    /// The current has no sign; the mode of the step has it. Where the current has signs, it is taken as it is.
    FromMode,
    /// The file does not say: charge is taken as positive, and told.
    Unstated,
}

/// How a draft becomes a record.
pub(super) struct Finish<'a> {
    /// What wrote the file.
    pub(super) instrument: &'a str,
    /// How it was measured; `None` to tell from the columns.
    pub(super) technique: Option<Technique>,
    /// Sign of the current.
    pub(super) sign: Sign,
    /// Electrode area (m²), for files with current densities.
    pub(super) area_m2: Option<f64>,
}

/// Columns as they stand in a file, in inner units.
pub(super) struct Draft {
    targets: Vec<Target>,
    columns: Vec<Vec<f64>>,
    lines: Vec<u32>,
    /// Rows that could not be read.
    pub(super) skipped: Vec<Skipped>,
    /// What was found on the way.
    pub(super) findings: Vec<Finding>,
    /// Line at which the table ended before the file did, counted from zero.
    pub(super) end_line: Option<usize>,
}

impl Draft {
    /// An empty draft with these columns.
    pub(super) fn new(targets: impl IntoIterator<Item = Target>) -> Self {
        let targets: Vec<Target> = targets.into_iter().collect();
        Self {
            columns: vec![Vec::new(); targets.len()],
            targets,
            lines: Vec::new(),
            skipped: Vec::new(),
            findings: Vec::new(),
            end_line: None,
        }
    }

    /// Appends a row.
    pub(super) fn push(&mut self, line: usize, values: &[f64]) {
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.push(*value);
        }
        self.lines.push(u32::try_from(line).unwrap_or(u32::MAX));
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// A column.
    pub(super) fn column(&self, target: Target) -> Option<&[f64]> {
        let index = self.targets.iter().position(|t| *t == target)?;
        Some(&self.columns[index])
    }

    /// Takes a column out.
    pub(super) fn take(&mut self, target: Target) -> Option<Vec<f64>> {
        let index = self.targets.iter().position(|t| *t == target)?;
        self.targets.remove(index);
        Some(self.columns.remove(index))
    }

    /// Puts a column in, in place of one of the same target.
    pub(super) fn put(&mut self, target: Target, values: Vec<f64>) {
        self.take(target);
        self.targets.push(target);
        self.columns.push(values);
    }

    /// Appends another draft with the same columns, as instruments do that part a test into several tables; columns
    /// that only one of them has are dropped.
    pub(super) fn append(&mut self, mut other: Self) {
        let missing: Vec<Target> = self
            .targets
            .iter()
            .copied()
            .filter(|t| other.column(*t).is_none())
            .collect();
        for target in missing {
            self.take(target);
        }
        for (target, column) in self.targets.clone().into_iter().zip(&mut self.columns) {
            column.append(&mut other.take(target).unwrap_or_default());
        }
        self.lines.append(&mut other.lines);
        self.skipped.append(&mut other.skipped);
        self.findings.append(&mut other.findings);
    }

    /// Keeps the rows for which a condition holds; returns the lines of the others.
    pub(super) fn retain(&mut self, keep: &[bool]) -> Vec<u32> {
        for column in &mut self.columns {
            let mut keep = keep.iter();
            column.retain(|_| *keep.next().unwrap_or(&true));
        }
        let mut dropped = Vec::new();
        let mut flags = keep.iter();
        self.lines.retain(|line| {
            let is_kept = *flags.next().unwrap_or(&true);
            if !is_kept {
                dropped.push(*line);
            }
            is_kept
        });
        dropped
    }

    /// Whether so many rows could not be read that the rest says little.
    pub(super) fn is_damaged(&self) -> bool {
        let n_bad = self.skipped.iter().filter(|row| !row.is_last).count();
        n_bad as f64 > SKIPPED_SHARE_MAX * (self.len() + n_bad) as f64 && n_bad > SKIPPED_TOLD
    }

    /// The record.
    pub(super) fn finish(mut self, how: &Finish<'_>) -> Measured {
        self.tell_skipped();
        self.drop_excluded();
        self.tell_overloads();
        self.make_time();
        self.make_impedance();
        self.make_current(how);
        self.make_capacities();
        let technique = how.technique.unwrap_or_else(|| self.technique());
        let columns = Quantity::ALL.iter().filter_map(|quantity| {
            let values = self.take(Target::Record(*quantity))?;
            let is_known = values.iter().any(|value| value.is_finite());
            is_known.then_some((*quantity, values))
        });
        let columns = columns.collect();
        let mut measured = Measured::new(columns, self.lines, technique, how.instrument);
        measured.findings = self.findings;
        measured
    }

    fn tell_skipped(&mut self) {
        let all = std::mem::take(&mut self.skipped);
        for row in all.iter().take(SKIPPED_TOLD) {
            let remedy = if row.is_last {
                "the file ends inside a row: copy it again once the instrument has finished"
            } else {
                "the row was left out: mend or remove it"
            };
            self.findings
                .push(Finding::new(Severity::Warning, &*row.reason, remedy).at(row.line));
        }
        if all.len() > SKIPPED_TOLD {
            let found = format!("{} more rows that cannot be read", all.len() - SKIPPED_TOLD);
            self.findings.push(Finding::new(
                Severity::Warning,
                found,
                "they were left out: mend or remove them",
            ));
        }
    }

    fn drop_excluded(&mut self) {
        let Some(excluded) = self.take(Target::Excluded) else {
            return;
        };
        let keep: Vec<bool> = excluded.iter().map(|flag| *flag < 0.5).collect();
        let dropped = self.retain(&keep);
        if let Some(first) = dropped.first() {
            let found = format!(
                "{} rows that the instrument marks as excluded were left out",
                dropped.len()
            );
            self.findings
                .push(Finding::new(Severity::Note, found, "").at(*first as usize));
        }
    }

    fn tell_overloads(&mut self) {
        let Some(overload) = self.take(Target::Overload) else {
            return;
        };
        let rows: Vec<usize> = (0..overload.len())
            .filter(|row| overload[*row] > 0.5)
            .collect();
        if let Some(first) = rows.first() {
            let found = format!(
                "{} rows that the instrument marks as overloaded, the first here",
                rows.len()
            );
            let remedy = "do not fit them: measure again in a larger current or voltage range";
            self.findings.push(
                Finding::new(Severity::Warning, found, remedy).at(self.lines[*first] as usize),
            );
        }
    }

    /// Time since the start of the test: as it stands, or from the times of the steps, or from the clock.
    fn make_time(&mut self) {
        let clock = self.take(Target::Clock);
        let step_time = self.take(Target::StepTime);
        let time = Target::Record(Quantity::TestTime);
        if self.column(time).is_none() {
            if let Some(clock) = clock
                .as_ref()
                .filter(|c| c.iter().all(|t| t.is_finite()) && step_time.is_none())
            {
                let first = clock.first().copied().unwrap_or(0.0);
                self.put(time, clock.iter().map(|t| t - first).collect());
            } else if let Some(step_time) = step_time {
                self.put(time, summed(&step_time));
                let found = "the file holds times of steps only: they were added up, so pauses between steps are not part of the time";
                self.findings.push(Finding::new(Severity::Note, found, ""));
            }
        }
        let unix = Target::Record(Quantity::UnixTime);
        if let Some(clock) = clock.filter(|_| self.column(unix).is_none()) {
            self.put(unix, clock);
        }
    }

    fn make_impedance(&mut self) {
        let (re, im) = (
            Target::Record(Quantity::RealImpedance),
            Target::Record(Quantity::ImaginaryImpedance),
        );
        let magnitude = self.take(Target::Magnitude);
        let phase = self.take(Target::Phase);
        if let Some(negative) = self.take(Target::NegativeImaginary)
            && self.column(im).is_none()
        {
            self.put(im, negative.iter().map(|x| -x).collect());
        }
        if (self.column(re).is_none() || self.column(im).is_none())
            && let (Some(magnitude), Some(phase)) = (magnitude, phase)
        {
            let polar = magnitude
                .iter()
                .zip(&phase)
                .map(|(m, p)| (m, p.to_radians()));
            let (real, imaginary) = polar.map(|(m, p)| (m * p.cos(), m * p.sin())).unzip();
            self.put(re, real);
            self.put(im, imaginary);
        }
    }

    fn make_current(&mut self, how: &Finish<'_>) {
        let target = Target::Record(Quantity::Current);
        let density = self.take(Target::CurrentDensity);
        if let (None, Some(density), Some(area)) = (self.column(target), density, how.area_m2) {
            self.put(target, density.iter().map(|j| j * area).collect());
        }
        let mode = self.take(Target::Mode);
        let Some(mut current) = self.take(target) else {
            return;
        };
        match (how.sign, mode) {
            (Sign::DischargePositive, _) => current.iter_mut().for_each(|i| *i = -*i),
            (Sign::FromMode, Some(mode)) if current.iter().all(|i| *i >= 0.0) => {
                let discharges = mode.iter().map(|m| *m < -0.5);
                current
                    .iter_mut()
                    .zip(discharges)
                    .filter(|(_, d)| *d)
                    .for_each(|(i, _)| *i = -*i);
            }
            (Sign::FromMode, None) if current.iter().all(|i| *i >= 0.0) => {
                let found = "the current has no sign and no column tells charge from discharge: it was taken as charging";
                let remedy = "export the state of the steps as well";
                self.findings
                    .push(Finding::new(Severity::Warning, found, remedy));
            }
            (Sign::Unstated, _) => {
                let found = "the file does not say which sign of the current charges the cell: positive was taken as charge or oxidation";
                let remedy = "state --positive-current, or positive_current in the data set file";
                self.findings
                    .push(Finding::new(Severity::Note, found, remedy));
            }
            _ => {}
        }
        self.put(target, current);
    }

    /// Charge in and out since the start: by the instrument's counters where they agree with the current, otherwise by
    /// the trapezoidal rule.
    fn make_capacities(&mut self) {
        let counters = (
            self.take(Target::ChargeCounter),
            self.take(Target::DischargeCounter),
        );
        if self.column(Target::Record(Quantity::Frequency)).is_some() {
            return;
        }
        let (charge, discharge) = (
            Target::Record(Quantity::ChargingCapacity),
            Target::Record(Quantity::DischargingCapacity),
        );
        let (Some(time), Some(current)) = (
            self.column(Target::Record(Quantity::TestTime)),
            self.column(Target::Record(Quantity::Current)),
        ) else {
            return;
        };
        let integrals = [integral(time, current, 1.0), integral(time, current, -1.0)];
        // A Battery Data Format file should hold the sums already; many set them back like a counter (Ah, not C).
        let stated = |target| self.column(target).map(|c| increments(c, 1.0));
        let stated = [stated(charge), stated(discharge)];
        let counted = [
            counters.0.map(|c| increments(&c, 3600.0)),
            counters.1.map(|c| increments(&c, 3600.0)),
        ];
        for (side, target) in [charge, discharge].into_iter().enumerate() {
            let counter = stated[side].clone().or_else(|| counted[side].clone());
            let values = match counter {
                // A counter that never moved counts something else.
                Some(counter) if counter.last().is_some_and(|x| *x > 0.0) => {
                    let name = if side == 0 { "charge" } else { "discharge" };
                    self.compare(name, &counter, &integrals[side]);
                    counter
                }
                _ => integrals[side].clone(),
            };
            self.put(target, values);
        }
    }

    /// Tells where the instrument's counter and the integral of the current part.
    fn compare(&mut self, name: &str, counter: &[f64], integral: &[f64]) {
        let current = self
            .column(Target::Record(Quantity::Current))
            .unwrap_or(&[]);
        // Below this a cycler integrates its own noise.
        if current.iter().all(|i| i.abs() < COMPARED_FROM_A) {
            return;
        }
        let total =
            |x: &[f64]| x.last().copied().unwrap_or(0.0) - x.first().copied().unwrap_or(0.0);
        let (counted, integrated) = (total(counter), total(integral));
        if counted.abs().max(integrated.abs()) < 1e-9 {
            return;
        }
        let ratio = integrated / counted;
        if (ratio - 1.0).abs() <= COUNTER_TOLERANCE {
            return;
        }
        let mixed = [
            (1e3, ", as if mA had been written as A"),
            (1e-3, ", as if A had been written as mA"),
            (60.0, ", as if seconds had been written as minutes"),
            (1.0 / 60.0, ", as if minutes had been written as seconds"),
            (3600.0, ", as if seconds had been written as hours"),
            (1.0 / 3600.0, ", as if hours had been written as seconds"),
        ];
        let mixed = mixed
            .iter()
            .find(|(factor, _)| (ratio / factor - 1.0).abs() < COUNTER_TOLERANCE);
        let (severity, guess, remedy) = match mixed {
            Some((_, guess)) => (
                Severity::Problem,
                *guess,
                "check the units in the header, or state them in a data set file",
            ),
            None => (
                Severity::Warning,
                "",
                "rows may be missing or sampled too sparsely; the instrument's count was taken",
            ),
        };
        let found = format!(
            "the instrument counts {:.4} mAh of {name}, the current integrates to {:.4} mAh{guess}",
            1e3 * counted,
            1e3 * integrated
        );
        self.findings.push(Finding::new(severity, found, remedy));
    }

    /// How it was measured, as far as the columns tell.
    fn technique(&self) -> Technique {
        if self.column(Target::Record(Quantity::Frequency)).is_some() {
            return Technique::Impedance;
        }
        let column = |quantity| self.column(Target::Record(quantity)).unwrap_or(&[]);
        crate::import::technique::guess(
            column(Quantity::TestTime),
            column(Quantity::Voltage),
            column(Quantity::Current),
        )
    }
}

/// Times of steps, one after the other.
fn summed(step_time: &[f64]) -> Vec<f64> {
    let (mut before, mut offset) = (0.0, 0.0);
    let times = step_time.iter().map(|t| {
        if *t < before {
            offset += before;
        }
        before = *t;
        offset + t
    });
    times.collect()
}

/// What a counter has counted since the first row, over `unit`, whenever it was set back.
fn increments(counter: &[f64], unit: f64) -> Vec<f64> {
    let mut sum = 0.0;
    let mut before = counter.first().copied().unwrap_or(0.0).abs();
    let sums = counter.iter().map(|count| {
        let count = count.abs();
        if count.is_finite() {
            // Set back, it begins at zero again.
            sum += if count >= before {
                count - before
            } else {
                count
            };
            before = count;
        }
        sum / unit
    });
    sums.collect()
}

/// ∫ max(sign · I, 0) dt (Ah) by the trapezoidal rule; where the current jumps from one sign to the other, or from rest,
/// the later row's current holds for the interval.
fn integral(time_s: &[f64], current_a: &[f64], sign: f64) -> Vec<f64> {
    let mut sum = 0.0;
    let mut before = None;
    let rows = time_s.iter().zip(current_a).map(|(t, i)| {
        let i = (sign * i).max(0.0);
        if let Some((t0, i0)) = before {
            let mean: f64 = if i0 > 0.0 && i > 0.0 {
                0.5 * (i0 + i)
            } else {
                i
            };
            let step: f64 = t - t0;
            if step > 0.0 {
                sum += mean * step / 3600.0;
            }
        }
        before = Some((*t, i));
        sum
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_steps_add_up() {
        assert_eq!(
            summed(&[0.0, 10.0, 0.0, 5.0, 1.0]),
            [0.0, 10.0, 10.0, 15.0, 16.0]
        );
    }

    #[test]
    fn a_counter_that_is_set_back_goes_on() {
        let counted = increments(&[0.0, 3600.0, 7200.0, 0.0, 3600.0], 3600.0);
        assert_eq!(counted, [0.0, 1.0, 2.0, 2.0, 3.0]);
    }

    #[test]
    fn charge_and_discharge_are_counted_apart() {
        let time = [0.0, 3600.0, 7200.0, 10800.0];
        let current = [1.0, 1.0, -1.0, -1.0];
        assert!((integral(&time, &current, 1.0)[3] - 1.0).abs() < 1e-12);
        assert!((integral(&time, &current, -1.0)[3] - 2.0).abs() < 1e-12);
    }
}
