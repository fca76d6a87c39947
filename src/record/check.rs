//! What is wrong with a measured record: each finding with its row and what to do.

use crate::record::Finding;
use crate::record::Measured;
use crate::record::Quantity;
use crate::record::Severity;
use crate::record::Technique;

/// A step of time this many times longer than usual, while current flows, is a gap (1).
const GAP: f64 = 50.0;
/// A current below this share of the largest counts as none (1).
const REST_SHARE: f64 = 1e-3;
/// Equal extreme values in a row that a saturated range gives.
const SATURATED_ROWS: usize = 12;
/// Share of the charge whose voltage must run against the current for its sign to be doubted (1).
const AGAINST: f64 = 0.7;

/// All that the checks find.
pub fn check(measured: &Measured) -> Vec<Finding> {
    let mut findings = Vec::new();
    if measured.len() < 3 {
        let found = format!("only {} rows", measured.len());
        findings.push(Finding::new(
            Severity::Warning,
            found,
            "the file may be cut: copy it again",
        ));
    }
    findings.extend(stated(measured));
    findings.extend(not_numbers(measured));
    findings.extend(time(measured));
    findings.extend(duplicates(measured));
    findings.extend(gaps(measured));
    findings.extend(cycles(measured));
    findings.extend(sign(measured));
    findings.extend(saturation(measured));
    findings.extend(spectrum(measured));
    findings
}

/// Numbers in the preamble, above all those that nobody set.
fn stated(measured: &Measured) -> Vec<Finding> {
    let findings = measured.stated.iter().map(|stated| {
        let found = format!("the file states {} = {}", stated.name, stated.value);
        if stated.is_default {
            let found = format!("{found}, which is the instrument's default");
            Finding::new(
                Severity::Warning,
                found,
                "not used: state mass and area in the data set file",
            )
        } else {
            Finding::new(
                Severity::Note,
                found,
                "not used: state mass and area in the data set file",
            )
        }
    });
    findings.collect()
}

/// Unknown values in the columns that every analysis needs.
fn not_numbers(measured: &Measured) -> Vec<Finding> {
    let needed = [
        Quantity::TestTime,
        Quantity::Voltage,
        Quantity::Current,
        Quantity::Frequency,
        Quantity::RealImpedance,
        Quantity::ImaginaryImpedance,
    ];
    let mut findings = Vec::new();
    for quantity in needed {
        let values = measured.values(quantity).unwrap_or(&[]);
        let rows: Vec<usize> = (0..values.len())
            .filter(|row| !values[*row].is_finite())
            .collect();
        if let Some(first) = rows.first() {
            let found = format!(
                "{} of {} values of {} are no numbers, the first here",
                rows.len(),
                values.len(),
                quantity.name()
            );
            let finding = Finding::new(
                Severity::Warning,
                found,
                "remove these rows or export the file again",
            );
            findings.push(finding.at(measured.line(*first)));
        }
    }
    findings
}

/// Time that runs backwards, or not at all.
fn time(measured: &Measured) -> Vec<Finding> {
    let time = measured.values(Quantity::TestTime).unwrap_or(&[]);
    if measured.technique == Technique::Impedance {
        return Vec::new();
    }
    let back: Vec<usize> = (1..time.len())
        .filter(|row| time[*row] < time[row - 1])
        .collect();
    let mut findings = Vec::new();
    if let Some(first) = back.first() {
        let more = if back.len() > 1 {
            format!(", and {} more times", back.len() - 1)
        } else {
            String::new()
        };
        let found = format!(
            "time goes back from {} s to {} s{more}",
            time[first - 1],
            time[*first]
        );
        let remedy = "sort the file, or split it at this line if it holds several tests";
        findings.push(Finding::new(Severity::Problem, found, remedy).at(measured.line(*first)));
    } else if time.len() > 2 && time.first() == time.last() {
        let remedy = "choose the column of the total time when exporting";
        findings.push(Finding::new(
            Severity::Problem,
            "time stands still over the whole file",
            remedy,
        ));
    }
    findings.extend(clock(measured));
    findings
}

/// A time that runs at another pace than the clock is in another unit.
fn clock(measured: &Measured) -> Option<Finding> {
    let time = measured.values(Quantity::TestTime)?;
    let clock = measured.values(Quantity::UnixTime)?;
    let span = |x: &[f64]| Some(x.last()? - x.first()?);
    let (by_time, by_clock) = (span(time)?, span(clock)?);
    if !(by_time > 0.0 && by_clock > 60.0) {
        return None;
    }
    let ratio = by_clock / by_time;
    let units = [
        (60.0, "minutes"),
        (3600.0, "hours"),
        (86_400.0, "days"),
        (1e-3, "milliseconds"),
    ];
    let (_, unit) = units
        .iter()
        .find(|(factor, _)| (ratio / factor - 1.0).abs() < 0.02)?;
    let found = format!(
        "the clock runs {ratio:.4} times as fast as the time: the time looks like {unit}, not seconds"
    );
    Some(Finding::new(
        Severity::Problem,
        found,
        "state the right unit of the column in a data set file",
    ))
}

/// Rows that stand there twice.
fn duplicates(measured: &Measured) -> Option<Finding> {
    if measured.technique == Technique::Impedance {
        return None;
    }
    let time = measured.values(Quantity::TestTime)?;
    let voltage = measured.values(Quantity::Voltage)?;
    let current = measured.values(Quantity::Current)?;
    let same = |x: &[f64], row: usize| x[row].to_bits() == x[row - 1].to_bits();
    let mut rows = (1..time.len())
        .filter(|row| same(time, *row) && same(voltage, *row) && same(current, *row));
    let first = rows.next()?;
    let found = format!(
        "{} rows stand there twice, the first here",
        1 + rows.count()
    );
    Some(
        Finding::new(
            Severity::Note,
            found,
            "harmless; the second of each adds nothing",
        )
        .at(measured.line(first)),
    )
}

/// Rows that are missing: long steps of time while current flows.
fn gaps(measured: &Measured) -> Option<Finding> {
    if measured.technique == Technique::Impedance {
        return None;
    }
    let time = measured.values(Quantity::TestTime)?;
    let current = measured.values(Quantity::Current)?;
    let mut steps: Vec<f64> = time
        .windows(2)
        .map(|w| w[1] - w[0])
        .filter(|step| *step > 0.0)
        .collect();
    if steps.len() < 10 {
        return None;
    }
    // The longest steps of an instrument that records by change of voltage are regular too.
    let (_, usual, _) = {
        let at = steps.len() * 9 / 10;
        steps.select_nth_unstable_by(at, f64::total_cmp)
    };
    let usual = *usual;
    let largest = largest(current);
    let flows = |row: usize| {
        current[row].abs() > REST_SHARE * largest && current[row - 1].abs() > REST_SHARE * largest
    };
    let mut rows =
        (1..time.len()).filter(|row| time[*row] - time[row - 1] > GAP * usual && flows(*row));
    let first = rows.next()?;
    let step = time[first] - time[first - 1];
    let found = format!(
        "{} gaps while current flows, the first of {step:.0} s here, where {usual:.3} s are usual",
        1 + rows.count()
    );
    let remedy = "rows are missing: export the whole file, or split it here";
    Some(Finding::new(Severity::Warning, found, remedy).at(measured.line(first)))
}

fn largest(values: &[f64]) -> f64 {
    values
        .iter()
        .filter(|x| x.is_finite())
        .fold(0.0, |m: f64, x| m.max(x.abs()))
}

/// A counter of cycles that is no counter, or that jumps.
fn cycles(measured: &Measured) -> Option<Finding> {
    let cycle = measured.values(Quantity::Cycle)?;
    if let Some(row) = cycle
        .iter()
        .position(|c| c.is_finite() && (c - c.round()).abs() > 1e-6)
    {
        let found = format!("the cycle is {}, which is no whole number", cycle[row]);
        let remedy = "the file was converted wrongly: count cycles anew, or go back to the instrument's file";
        return Some(Finding::new(Severity::Problem, found, remedy).at(measured.line(row)));
    }
    let row = (1..cycle.len()).find(|row| {
        let step = cycle[*row] - cycle[row - 1];
        !(0.0..=1.0).contains(&step)
    })?;
    let found = format!("the cycle jumps from {} to {}", cycle[row - 1], cycle[row]);
    let remedy = "cycles are missing or several tests stand in one file: split it here";
    Some(Finding::new(Severity::Warning, found, remedy).at(measured.line(row)))
}

/// A sign of the current that the voltage speaks against.
fn sign(measured: &Measured) -> Option<Finding> {
    let voltage = measured.values(Quantity::Voltage)?;
    let current = measured.values(Quantity::Current)?;
    let share = match measured.technique {
        Technique::Voltammetry => loop_share(voltage, current)?,
        Technique::Cycling | Technique::Chronopotentiometry => {
            trend_share(measured, voltage, current)?
        }
        _ => return None,
    };
    if share <= AGAINST {
        return None;
    }
    let found = if measured.technique == Technique::Voltammetry {
        "the loop of the voltammogram runs the wrong way round: reduction looks positive".to_owned()
    } else {
        format!(
            "voltage falls where current should charge, and the other way round, for {:.0} % of the time",
            100.0 * share
        )
    };
    let remedy = "the sign of the current looks flipped: state --positive-current, or positive_current in the data set file";
    Some(Finding::new(Severity::Problem, found, remedy))
}

/// Share of the galvanostatic stretches, by time, in which the voltage moves against the current (1).
fn trend_share(measured: &Measured, voltage: &[f64], current: &[f64]) -> Option<f64> {
    let time = measured.values(Quantity::TestTime)?;
    let largest = largest(current);
    let (mut with, mut against) = (0.0, 0.0);
    let mut start = 0;
    let n = time.len().min(voltage.len()).min(current.len());
    for row in 1..=n {
        let goes_on = row < n && (current[row] - current[start]).abs() < 0.02 * largest;
        if goes_on {
            continue;
        }
        let last = row - 1;
        let is_flowing = current[start].abs() > 0.05 * largest;
        // The first rows hold the jump of the ohmic drop, which has the sign of the current's change.
        let first = start + (last - start) / 20;
        if is_flowing && last > first + 3 {
            let moved = voltage[last] - voltage[first];
            let lasted = time[last] - time[first];
            if moved.abs() > 2e-3 {
                if (moved > 0.0) == (current[start] > 0.0) {
                    with += lasted;
                } else {
                    against += lasted;
                }
            }
        }
        start = row;
    }
    (with + against > 0.0).then(|| against / (with + against))
}

/// 1 if the loop of a voltammogram runs the wrong way round, 0 if the right way.
///
/// Whatever the reaction, the current of the sweep to higher potentials lies above that of the sweep back, because the
/// interface stores charge and the concentrations lag: ∮ I dE > 0 with oxidation positive.
fn loop_share(voltage: &[f64], current: &[f64]) -> Option<f64> {
    const BINS: usize = 50;
    let span = voltage
        .iter()
        .fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
    let width = (span.1 - span.0) / BINS as f64;
    if width <= 0.0 || !width.is_finite() {
        return None;
    }
    let mut sums = [[(0.0, 0.0); 2]; BINS];
    for row in 1..voltage.len().min(current.len()) {
        let step = voltage[row] - voltage[row - 1];
        if step == 0.0 || !current[row].is_finite() {
            continue;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of the range, which lies between zero and the number of bins"
        )]
        let bin = (((voltage[row] - span.0) / width) as usize).min(BINS - 1);
        let (sum, n) = &mut sums[bin][usize::from(step > 0.0)];
        *sum += current[row];
        *n += 1.0;
    }
    let both = sums.iter().filter(|[down, up]| down.1 > 0.0 && up.1 > 0.0);
    let differences: Vec<f64> = both
        .map(|[down, up]| up.0 / up.1 - down.0 / down.1)
        .collect();
    if differences.len() < 10 {
        return None;
    }
    let sum: f64 = differences.iter().sum();
    let size: f64 = differences.iter().map(|d| d.abs()).sum();
    // A loop without width says nothing.
    (size > 1e-3 * largest(current) * differences.len() as f64).then(|| 0.5 * (1.0 - sum / size))
}

/// Values that stay at the end of a range.
fn saturation(measured: &Measured) -> Vec<Finding> {
    if measured.technique != Technique::Voltammetry {
        return Vec::new();
    }
    let (Some(voltage), Some(current)) = (
        measured.values(Quantity::Voltage),
        measured.values(Quantity::Current),
    ) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for extreme in [
        current.iter().copied().fold(f64::MIN, f64::max),
        current.iter().copied().fold(f64::MAX, f64::min),
    ] {
        let mut run = 0;
        for row in 0..current.len() {
            let stays = current[row].to_bits() == extreme.to_bits()
                && (row == 0 || voltage[row].to_bits() != voltage[row - 1].to_bits());
            run = if stays { run + 1 } else { 0 };
            if run == SATURATED_ROWS {
                let found = format!(
                    "the current stays at {extreme} A, its extreme, while the potential moves"
                );
                let remedy = "the range was too small: leave these points out or measure again in a larger one";
                findings.push(
                    Finding::new(Severity::Warning, found, remedy)
                        .at(measured.line(row + 1 - SATURATED_ROWS)),
                );
                break;
            }
        }
    }
    findings
}

/// A spectrum whose imaginary part has the sign of a coil nearly everywhere was written with the other sign.
fn spectrum(measured: &Measured) -> Vec<Finding> {
    let mut findings = Vec::new();
    for spectrum in measured.spectra() {
        let n = spectrum.impedance_ohm.len();
        let negative = spectrum
            .impedance_ohm
            .iter()
            .filter(|(re, _)| *re < 0.0)
            .count();
        if negative > 0 {
            let found = format!(
                "Re Z is negative for {negative} of {n} frequencies, which no cell at rest does"
            );
            let remedy = "leave these points out: cables or the instrument's limits show";
            findings.push(Finding::new(Severity::Warning, found, remedy));
        }
        let positive = spectrum
            .impedance_ohm
            .iter()
            .filter(|(_, im)| *im > 0.0)
            .count();
        if n >= 5 && positive * 10 > n * 8 {
            let found = format!("Im Z is positive for {positive} of {n} frequencies");
            let remedy = "the column may hold -Im Z: name it negative_imaginary in a data set file";
            findings.push(Finding::new(Severity::Problem, found, remedy));
        }
    }
    findings
}
