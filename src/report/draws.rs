//! `draws.csv`: parameter values drawn from what the fit knows, cell by cell.

use polars::prelude::PolarsResult;

use super::tables::csv;
use super::tables::numbers;
use super::tables::texts;
use crate::estimate::FitReport;
use crate::estimate::Fitted;
use crate::estimate::Role;
use crate::estimate::Study;
use crate::estimate::VariantReport;

/// Draws of each variant.
const DRAWS: usize = 512;

/// One draw in one cell.
struct Row<'s> {
    variant: &'s str,
    draw: usize,
    cell: &'s str,
    /// Values (SI, table order).
    values: Vec<f64>,
}

/// The table; `None` if no variant has a curvature.
pub(super) fn draws_csv(study: &Study, report: &FitReport) -> PolarsResult<Option<Vec<u8>>> {
    let rows: Vec<Row<'_>> = report
        .variants
        .iter()
        .flat_map(|v| rows(study, v))
        .collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let table = study.variants[0].mechanism.parameters();
    let free = study.variants.iter().flat_map(|variant| &variant.free);
    let mut varied: Vec<usize> = free
        .flat_map(|free| match &free.role {
            Role::Value(id) => vec![id.index()],
            Role::Ratio { parameters, .. } => parameters.iter().map(|id| id.index()).collect(),
        })
        .collect();
    varied.sort_unstable();
    varied.dedup();
    let mut columns = vec![
        texts("variant", rows.iter().map(|row| row.variant)),
        numbers("draw", rows.iter().map(|row| Some(row.draw as f64))),
        texts("cell", rows.iter().map(|row| row.cell)),
    ];
    for id in varied {
        let parameter = &table.rows()[id];
        let told = rows
            .iter()
            .map(|row| Some(parameter.unit.from_si(row.values[id])));
        columns.push(numbers(&parameter.name, told));
    }
    csv(columns).map(Some)
}

fn rows<'s>(study: &'s Study, report: &VariantReport) -> Vec<Row<'s>> {
    let variant = &study.variants[report.variant];
    let fitted = Fitted::new(report, None);
    let draws = fitted.map_or_else(Vec::new, |fitted| {
        fitted.draws(&variant.free, DRAWS, study.settings.seed)
    });
    let draws = draws.into_iter().enumerate();
    let of_draw = |(draw, x): (usize, Vec<f64>)| {
        let cells = study.cells.iter().enumerate();
        let rows = cells.map(|(cell, name)| Row {
            variant: &variant.name,
            draw: draw + 1,
            cell: name,
            values: study.values(variant, &x, cell, 0),
        });
        rows.collect::<Vec<_>>()
    };
    draws.flat_map(of_draw).collect()
}
