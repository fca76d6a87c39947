//! Tables of parameter values, as a fit writes them, as points in the box of a surrogate.

use std::path::Path;

use polars::prelude::CsvReader;
use polars::prelude::DataFrame;
use polars::prelude::DataType;
use polars::prelude::SerReader;

use super::error::ConfigError;
use super::error::Place;
use super::error::read_text;
use crate::surrogate::Axis;
use crate::surrogate::Plan;
use crate::surrogate::Quantity;

/// Reads points from a table with one column per parameter in its unit, like `draws.csv` of a report. Axes without a
/// column have the value of the mechanism, or the centre of their side. Points outside the box are left out; their
/// number is the second part of the result.
///
/// # Errors
/// [`ConfigError`] if the table cannot be read, has none of the axes, or holds what is no number.
pub fn read_points(path: &Path, plan: &Plan) -> Result<(Vec<Vec<f64>>, usize), ConfigError> {
    let text = read_text(path)?;
    let place = Place::new(path);
    let frame = CsvReader::new(std::io::Cursor::new(text.as_bytes())).finish();
    let frame = frame.map_err(|error| {
        place.value(
            "table",
            error.to_string(),
            "comma-separated values with a header",
        )
    })?;
    let known = plan
        .axes
        .iter()
        .filter(|axis| frame.column(&axis.name).is_ok());
    if known.count() == 0 {
        let names: Vec<&str> = plan.axes.iter().map(|axis| axis.name.as_str()).collect();
        let expected = format!("columns named like {}", names.join(", "));
        return Err(place.value("table", "no parameter of the box", expected));
    }
    let columns = plan
        .axes
        .iter()
        .map(|axis| column(&place, plan, &frame, axis));
    let columns: Vec<Vec<f64>> = columns.collect::<Result<_, _>>()?;
    let all = (0..frame.height()).map(|row| columns.iter().map(|c| c[row]).collect::<Vec<f64>>());
    let (inside, outside): (Vec<_>, Vec<_>) =
        all.partition(|point| point.iter().all(|c| c.abs() <= 1.0));
    Ok((inside, outside.len()))
}

/// Coordinates along one axis.
fn column(
    place: &Place<'_>,
    plan: &Plan,
    frame: &DataFrame,
    axis: &Axis,
) -> Result<Vec<f64>, ConfigError> {
    let Ok(column) = frame.column(&axis.name) else {
        let coordinate = match axis.quantity {
            Quantity::Parameter(id) => {
                axis.coordinate(plan.mechanism.parameters().values()[id.index()])
            }
            Quantity::Rate { .. } => 0.0,
        };
        return Ok(vec![coordinate; frame.height()]);
    };
    let key = format!("column '{}'", axis.name);
    let wrong = |found: String| place.value(&key, found, format!("numbers in {}", axis.unit));
    let numbers = column
        .cast(&DataType::Float64)
        .map_err(|e| wrong(e.to_string()))?;
    let numbers = numbers.f64().map_err(|e| wrong(e.to_string()))?.iter();
    numbers
        .enumerate()
        .map(|(row, value)| {
            let value = value.map(|v| axis.coordinate(axis.unit.to_si(v)));
            let value = value.filter(|c: &f64| c.is_finite());
            value.ok_or_else(|| wrong(format!("no number in row {}", row + 1)))
        })
        .collect()
}
