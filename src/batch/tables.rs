//! Tables of a campaign: parameters and observables of all cells, who to look at first, constants of catalysts, and the
//! candidates that `sulfit rank` reads.

use std::fmt::Write;
use std::path::Path;

use polars::prelude::Column;
use polars::prelude::DataFrame;
use polars::prelude::ParquetWriter;
use polars::prelude::PolarsResult;

use super::collect::Collected;
use super::collect::CollectedCell;
use super::collect::CollectedObservable;
use super::collect::CollectedParameter;
use super::pool::CatalystConstant;
use super::suspicion::Suspicion;
use crate::report::ReportError;
use crate::report::csv;
use crate::report::numbers;
use crate::report::texts;
use crate::report::write_files;
use crate::units::short;

/// Cells to look at first that are told on the terminal.
const TOLD: usize = 10;

/// Writes the tables into a folder, all or nothing.
///
/// # Errors
/// [`ReportError`] if a file cannot be written.
pub fn write_campaign(
    folder: &Path,
    collected: &Collected,
    suspicions: &[Suspicion],
    constants: &[CatalystConstant],
) -> Result<(), ReportError> {
    let files = files(collected, suspicions, constants);
    let files = files.map_err(|error| ReportError::Unwritable {
        path: folder.to_owned(),
        reason: error.to_string(),
    })?;
    write_files(folder, &files)
}

fn files(
    collected: &Collected,
    suspicions: &[Suspicion],
    constants: &[CatalystConstant],
) -> PolarsResult<Vec<(String, Vec<u8>)>> {
    let cells = &collected.cells;
    let file = |name: &str, bytes: Vec<u8>| (name.to_owned(), bytes);
    Ok(vec![
        file("parameters.csv", csv(parameters(cells))?),
        file("parameters.parquet", parquet(parameters(cells))?),
        file("observables.csv", csv(observables(cells))?),
        file("observables.parquet", parquet(observables(cells))?),
        file("cells.csv", csv(summaries(cells, suspicions))?),
        file("catalysts.csv", csv(catalysts(constants))?),
        file("candidates.csv", csv(candidates(cells))?),
    ])
}

fn parquet(columns: Vec<Column>) -> PolarsResult<Vec<u8>> {
    let mut frame = DataFrame::new_infer_height(columns)?;
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame)?;
    Ok(bytes)
}

/// Columns that say which cell a row belongs to.
fn names<'c>(rows: impl Iterator<Item = &'c CollectedCell> + Clone) -> Vec<Column> {
    vec![
        texts("name", rows.clone().map(|c| &c.name)),
        texts("catalyst", rows.clone().map(|c| &c.catalyst)),
        texts("replicate", rows.map(|c| &c.replicate)),
    ]
}

fn parameters(cells: &[CollectedCell]) -> Vec<Column> {
    let rows: Vec<(&CollectedCell, &CollectedParameter)> = cells
        .iter()
        .flat_map(|cell| cell.report.parameters.iter().map(move |p| (cell, p)))
        .collect();
    let rows = || rows.iter();
    let mut columns = names(rows().map(|(cell, _)| *cell));
    columns.extend([
        texts("parameter", rows().map(|(_, p)| &p.name)),
        texts("cell", rows().map(|(_, p)| &p.cell)),
        numbers("value", rows().map(|(_, p)| Some(p.value))),
        texts("unit", rows().map(|(_, p)| &p.unit)),
        numbers("sd", rows().map(|(_, p)| p.sd)),
        texts("sd_scale", rows().map(|(_, p)| &p.sd_scale)),
        numbers(
            "interval_lower",
            rows().map(|(_, p)| p.interval.map(|i| i.0)),
        ),
        numbers(
            "interval_upper",
            rows().map(|(_, p)| p.interval.map(|i| i.1)),
        ),
        texts(
            "verdict",
            rows().map(|(_, p)| p.verdict.as_deref().unwrap_or("")),
        ),
    ]);
    columns
}

fn observables(cells: &[CollectedCell]) -> Vec<Column> {
    let rows: Vec<(&CollectedCell, &CollectedObservable)> = cells
        .iter()
        .flat_map(|cell| cell.report.observables.iter().map(move |o| (cell, o)))
        .collect();
    let rows = || rows.iter();
    let mut columns = names(rows().map(|(cell, _)| *cell));
    columns.extend([
        texts("id", rows().map(|(_, o)| &o.id)),
        texts("cell", rows().map(|(_, o)| &o.cell)),
        numbers("measured", rows().map(|(_, o)| Some(o.measured))),
        numbers("model", rows().map(|(_, o)| o.model)),
        numbers("z", rows().map(|(_, o)| o.z)),
        texts("unit", rows().map(|(_, o)| &o.unit)),
    ]);
    columns
}

/// One row per cell, the most suspicious first.
fn summaries(cells: &[CollectedCell], suspicions: &[Suspicion]) -> Vec<Column> {
    let mut rows: Vec<(&CollectedCell, f64, String)> = suspicions
        .iter()
        .map(|s| (&cells[s.cell], s.score, s.reasons.join("; ")))
        .collect();
    let is_suspect = |i: usize| suspicions.iter().any(|s| s.cell == i);
    let others = cells.iter().enumerate().filter(|(i, _)| !is_suspect(*i));
    rows.extend(others.map(|(_, cell)| (cell, 0.0, String::new())));
    let rows = || rows.iter();
    let mut columns = names(rows().map(|(cell, ..)| *cell));
    columns.extend([
        texts(
            "converged",
            rows().map(|(c, ..)| c.report.converged.to_string()),
        ),
        numbers("cost", rows().map(|(c, ..)| Some(c.report.cost))),
        numbers("cost_data", rows().map(|(c, ..)| Some(c.report.cost_data))),
        numbers("inflation", rows().map(|(c, ..)| c.report.inflation())),
        numbers(
            "failed_solves",
            rows().map(|(c, ..)| Some(c.report.failed_solves as f64)),
        ),
        numbers("suspicion", rows().map(|(_, score, _)| Some(*score))),
        texts("reasons", rows().map(|(.., reasons)| reasons)),
        texts("fit", rows().map(|(c, ..)| format!("../fits/{}", c.key))),
    ]);
    columns
}

fn catalysts(constants: &[CatalystConstant]) -> Vec<Column> {
    let rows = || constants.iter();
    vec![
        texts("parameter", rows().map(|c| &c.parameter)),
        texts("catalyst", rows().map(|c| &c.catalyst)),
        numbers("cells", rows().map(|c| Some(c.n_cells as f64))),
        numbers("cells_left_out", rows().map(|c| Some(c.n_left_out as f64))),
        numbers(
            "cells_without_information",
            rows().map(|c| Some(c.n_uninformed as f64)),
        ),
        numbers("median", rows().map(|c| Some(c.estimate?.interval[0]))),
        numbers("lower", rows().map(|c| Some(c.estimate?.interval[1]))),
        numbers("upper", rows().map(|c| Some(c.estimate?.interval[2]))),
        texts("unit", rows().map(|c| &c.unit)),
        numbers(
            "sd_ln_between_cells",
            rows().map(|c| Some(c.estimate?.between_cells)),
        ),
        numbers("sd_ln_of_fits", rows().map(|c| Some(c.of_fits))),
    ]
}

/// A table of candidates for `sulfit rank`: one row per fitted cell.
fn candidates(cells: &[CollectedCell]) -> Vec<Column> {
    let rows = || cells.iter();
    let cell_of = |c: &CollectedCell| -> String {
        let own = c.report.parameters.iter().map(|p| p.cell.as_str());
        let observed = c.report.observables.iter().map(|o| o.cell.as_str());
        let mut all = observed.chain(own.filter(|cell| *cell != "shared"));
        all.next().unwrap_or_default().to_owned()
    };
    vec![
        texts("name", rows().map(|c| &c.catalyst)),
        texts("replicate", rows().map(|c| &c.name)),
        texts("fit", rows().map(|c| format!("../fits/{}", c.key))),
        texts("cell", rows().map(cell_of)),
    ]
}

/// The cells of a catalyst that do not count, in words.
fn not_counted(constant: &CatalystConstant) -> String {
    let parts = [
        (constant.n_left_out, "far from the others"),
        (constant.n_uninformed, "without information"),
    ];
    let parts = parts.iter().filter(|(n, _)| *n > 0);
    let parts: Vec<String> = parts.map(|(n, why)| format!("{n} {why}")).collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("  (not counted: {})", parts.join(", "))
    }
}

/// What `sulfit batch collect` says.
pub fn campaign_summary(
    collected: &Collected,
    suspicions: &[Suspicion],
    constants: &[CatalystConstant],
) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_summary(&mut text, collected, suspicions, constants);
    text
}

fn write_summary(
    text: &mut String,
    collected: &Collected,
    suspicions: &[Suspicion],
    constants: &[CatalystConstant],
) -> std::fmt::Result {
    if suspicions.is_empty() {
        writeln!(
            text,
            "nothing speaks against any of {} fits",
            collected.cells.len()
        )?;
    } else {
        writeln!(
            text,
            "something speaks against {} of {} fits; look first at",
            suspicions.len(),
            collected.cells.len()
        )?;
    }
    for suspicion in suspicions.iter().take(TOLD) {
        let cell = &collected.cells[suspicion.cell];
        writeln!(
            text,
            "  {} ({}): {}",
            cell.name,
            cell.catalyst,
            suspicion.reasons.join("; ")
        )?;
    }
    let cells = |c: &CatalystConstant| c.n_cells + c.n_left_out + c.n_uninformed;
    let several = constants.iter().filter(|c| cells(c) > 1);
    let several: Vec<&CatalystConstant> = several.collect();
    if !several.is_empty() {
        writeln!(
            text,
            "\nconstants of catalysts over their cells, 95 %; scatter between cells | left open by each fit, in ln"
        )?;
    }
    for c in several.iter().take(4 * TOLD) {
        write!(
            text,
            "  {:<16} {:<16} {} cells  ",
            c.parameter, c.catalyst, c.n_cells
        )?;
        match c.estimate {
            Some(estimate) => {
                let [median, lower, upper] = estimate.interval.map(short);
                let (unit, within) = (&c.unit, estimate.between_cells);
                write!(text, "{median} [{lower}, {upper}] {unit}  {within:.2}")?;
            }
            None => write!(text, "known by its prior only  –")?,
        }
        writeln!(text, " | {:.2}{}", c.of_fits, not_counted(c))?;
    }
    Ok(())
}
