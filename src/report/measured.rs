//! Measured records in words: what was understood, the range of every column, what was found, small plots, analyses.

use std::fmt::Write;

use textplots::Chart;
use textplots::Plot;
use textplots::Shape;

use crate::analysis::Estimate;
use crate::analysis::overview::Section;
use crate::record::Measured;
use crate::record::Quantity;
use crate::record::Severity;
use crate::record::Technique;
use crate::units::digits;

/// Points of a small plot.
const PLOTTED: usize = 2000;
/// Width and height of a small plot (dots of Braille characters).
const PLOT_SIZE: (u32, u32) = (120, 40);

/// What the program understood of a measured record.
pub fn describe(measured: &Measured, name: &str) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = write_description(&mut text, measured, name);
    text
}

fn write_description(text: &mut String, measured: &Measured, name: &str) -> std::fmt::Result {
    writeln!(
        text,
        "{name}: {}, {}, {} rows; positive current charges or oxidises",
        measured.instrument,
        measured.technique,
        measured.len()
    )?;
    for column in Quantity::ALL {
        let Some(values) = measured.values(column) else {
            continue;
        };
        let finite = values.iter().copied().filter(|x| x.is_finite());
        let (low, high) = finite.fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(x), b.max(x)));
        let line = format!(
            "  {:<12} {:>10} to {:>10} {}",
            column.name(),
            cell(column, low),
            cell(column, high),
            shown_unit(column)
        );
        writeln!(text, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A value as people read it: counts without decimals, clock times as dates.
fn cell(column: Quantity, value: f64) -> String {
    match column {
        Quantity::Cycle | Quantity::Step if value.fract() == 0.0 => format!("{value}"),
        Quantity::UnixTime => date(value).unwrap_or_else(|| digits(value)),
        _ => digits(value),
    }
}

/// The date of a time since 1970 (s).
fn date(unix_time_s: f64) -> Option<String> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what does not fit is no date"
    )]
    let moment = chrono::DateTime::from_timestamp(unix_time_s as i64, 0)?;
    Some(moment.format("%Y-%m-%d %H:%M:%S").to_string())
}

fn shown_unit(column: Quantity) -> &'static str {
    match column {
        Quantity::Cycle | Quantity::Step | Quantity::UnixTime => "",
        _ => column.unit(),
    }
}

/// What was found, one line each.
pub fn findings(measured: &Measured) -> String {
    let mut text = String::new();
    for finding in &measured.findings {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "  {}: {finding}", finding.severity);
    }
    text
}

/// Warnings and problems alone, each with the name of the record.
pub fn doubts(measured: &Measured, name: &str) -> Vec<String> {
    let findings = measured.findings.iter();
    let findings = findings.filter(|finding| finding.severity > Severity::Note);
    let told = findings.map(|finding| format!("{name}: {}: {finding}", finding.severity));
    told.collect()
}

/// Small plots of a record, for the terminal.
pub fn plots(measured: &Measured) -> String {
    let pairs: &[(Quantity, Quantity)] = match measured.technique {
        Technique::Impedance => &[(Quantity::RealImpedance, Quantity::ImaginaryImpedance)],
        Technique::Voltammetry => &[(Quantity::Voltage, Quantity::Current)],
        Technique::OpenCircuit => &[(Quantity::TestTime, Quantity::Voltage)],
        _ => &[
            (Quantity::TestTime, Quantity::Voltage),
            (Quantity::TestTime, Quantity::Current),
        ],
    };
    pairs
        .iter()
        .filter_map(|(x, y)| plot(measured, *x, *y))
        .collect()
}

fn plot(measured: &Measured, x: Quantity, y: Quantity) -> Option<String> {
    let (xs, ys) = (measured.values(x)?, measured.values(y)?);
    // A spectrum is drawn as is usual, with the capacitive arcs above the axis, and small currents in their own unit.
    let largest = ys
        .iter()
        .filter(|y| y.is_finite())
        .fold(0.0_f64, |m, y| m.max(y.abs()));
    let (factor, label) = match y {
        Quantity::ImaginaryImpedance => (-1.0, "-Im Z (ohm)".to_owned()),
        Quantity::Current if largest < 1e-3 => (1e6, "current (uA)".to_owned()),
        Quantity::Current if largest < 1.0 => (1e3, "current (mA)".to_owned()),
        _ => (1.0, format!("{} ({})", y.name(), y.unit())),
    };
    let every = xs.len().div_ceil(PLOTTED).max(1);
    #[expect(clippy::cast_possible_truncation, reason = "dots on a terminal")]
    let points: Vec<(f32, f32)> = xs
        .iter()
        .zip(ys)
        .step_by(every)
        .map(|(x, y)| (*x as f32, (factor * y) as f32))
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .collect();
    let low = points.iter().map(|p| p.0).fold(f32::MAX, f32::min);
    let high = points.iter().map(|p| p.0).fold(f32::MIN, f32::max);
    if points.len() < 2 || low >= high {
        return None;
    }
    let shape = match measured.technique {
        Technique::Impedance => Shape::Points(&points),
        _ => Shape::Lines(&points),
    };
    let (width, height) = PLOT_SIZE;
    let mut chart = Chart::new(width, height, low, high);
    let drawn = chart.lineplot(&shape);
    drawn.axis();
    drawn.figures();
    Some(format!(
        "\n  {label} over {} ({})\n{drawn}",
        x.name(),
        x.unit()
    ))
}

/// Sections of analyses, aligned, with their doubts below.
pub fn sections(sections: &[Section]) -> String {
    let mut text = String::new();
    for section in sections {
        // Writing into a string cannot fail.
        let _ = write_section(&mut text, section);
    }
    text
}

fn write_section(text: &mut String, section: &Section) -> std::fmt::Result {
    writeln!(text, "  {}", section.title)?;
    let width = section
        .rows
        .iter()
        .map(|row| row.name.len())
        .max()
        .unwrap_or(0);
    for row in &section.rows {
        writeln!(
            text,
            "    {:<width$}  {}",
            row.name,
            estimate(&row.quantity)
        )?;
    }
    for note in &section.notes {
        writeln!(text, "    {note}")?;
    }
    for warning in &section.warnings {
        writeln!(text, "    ! {warning}")?;
    }
    Ok(())
}

/// Value, standard uncertainty, unit and interval.
fn estimate(estimate: &Estimate) -> String {
    let is_count = estimate.sd.is_none() && estimate.unit == "1" && estimate.value.fract() == 0.0;
    if is_count {
        return format!("{}", estimate.value);
    }
    let sd = estimate.sd.filter(|sd| *sd > 0.0);
    let sd = sd.map_or_else(String::new, |sd| format!(" ± {}", digits(sd)));
    let unit = match estimate.unit {
        "1" => "",
        unit => unit,
    };
    let text = format!("{}{sd} {unit}", digits(estimate.value));
    let interval = estimate.interval.map_or_else(String::new, |(low, high)| {
        format!(", 95 %: {} to {}", digits(low), digits(high))
    });
    format!("{}{interval}", text.trim_end())
}
