//! Simulated points as Parquet: part files that a later run reads back to the last bit.

use std::io::Cursor;

use ndarray::Array2;
use polars::prelude::Column;
use polars::prelude::DataFrame;
use polars::prelude::IntoColumn;
use polars::prelude::KeyValueMetadata;
use polars::prelude::NamedFrom;
use polars::prelude::ParquetReader;
use polars::prelude::ParquetWriter;
use polars::prelude::PolarsResult;
use polars::prelude::SerReader;
use polars::prelude::Series;

use super::plan::Plan;
use super::sample::Sample;

/// Metadata with the plan's number.
const FINGERPRINT: &str = "sulfit_plan";
/// Prefix of the columns with derivatives.
const SLOPES: &str = "slopes of ";

fn numbers(name: &str, values: Vec<f64>) -> Column {
    Series::new(name.into(), values).into_column()
}

/// A part file of samples that follow one another. Those of one part all have derivatives, or none has.
///
/// # Errors
/// What polars says.
pub fn to_parquet(plan: &Plan, samples: &[Sample]) -> PolarsResult<Vec<u8>> {
    let mut columns = Vec::new();
    for (i, axis) in plan.axes.iter().enumerate() {
        let name = format!("coordinate of {}", axis.name);
        columns.push(numbers(
            &name,
            samples.iter().map(|s| s.coordinates[i]).collect(),
        ));
    }
    for (i, name) in plan.column_names().iter().enumerate() {
        columns.push(numbers(name, samples.iter().map(|s| s.values[i]).collect()));
    }
    let failures: Vec<String> = samples.iter().map(|s| s.failures.join("; ")).collect();
    columns.push(Series::new("failures".into(), failures).into_column());
    if samples.iter().all(|s| s.slopes.is_some()) {
        for (i, axis) in plan.axes.iter().enumerate() {
            for (column, name) in slope_columns(plan) {
                let slopes = samples.iter().filter_map(|s| s.slopes.as_ref());
                let slopes = slopes.map(|slopes| slopes[[column, i]]).collect();
                columns.push(numbers(&format!("{SLOPES}{name} by {}", axis.name), slopes));
            }
        }
    }
    let mut frame = DataFrame::new_infer_height(columns)?;
    let metadata = vec![(
        FINGERPRINT.to_owned(),
        format!("{:016x}", plan.fingerprint()),
    )];
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes)
        .with_key_value_metadata(Some(KeyValueMetadata::from_static(metadata)))
        .finish(&mut frame)?;
    Ok(bytes)
}

/// The columns whose derivatives are kept: those of single numbers.
pub fn slope_columns(plan: &Plan) -> Vec<(usize, String)> {
    let names = plan.column_names();
    let columns = plan.columns().enumerate();
    let numbers = columns.filter(|(_, (output, _))| !output.is_curve());
    numbers.map(|(i, _)| (i, names[i].clone())).collect()
}

/// Reads a part file; `None` if it belongs to another plan.
///
/// # Errors
/// What polars says of a damaged file.
pub fn from_parquet(plan: &Plan, bytes: &[u8]) -> PolarsResult<Option<Vec<Sample>>> {
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    let metadata = reader.get_metadata()?.key_value_metadata().clone();
    let fingerprint = format!("{:016x}", plan.fingerprint());
    let belongs = metadata.iter().flatten().any(|entry| {
        entry.key == FINGERPRINT && entry.value.as_deref() == Some(fingerprint.as_str())
    });
    if !belongs {
        return Ok(None);
    }
    let frame = ParquetReader::new(Cursor::new(bytes)).finish()?;
    samples_of(plan, &frame).map(Some)
}

fn samples_of(plan: &Plan, frame: &DataFrame) -> PolarsResult<Vec<Sample>> {
    let column = |name: &str| -> PolarsResult<Vec<f64>> {
        let values = frame.column(name)?.f64()?;
        Ok(values.iter().map(|v| v.unwrap_or(f64::NAN)).collect())
    };
    let axes = plan
        .axes
        .iter()
        .map(|axis| format!("coordinate of {}", axis.name));
    let coordinates: Vec<Vec<f64>> = axes.map(|name| column(&name)).collect::<Result<_, _>>()?;
    let names = plan.column_names();
    let values: Vec<Vec<f64>> = names
        .iter()
        .map(|name| column(name))
        .collect::<Result<_, _>>()?;
    let failures = frame.column("failures")?.str()?;
    let slopes = slopes_of(plan, frame)?;
    let samples = (0..frame.height()).map(|row| Sample {
        coordinates: coordinates.iter().map(|c| c[row]).collect(),
        values: values.iter().map(|v| v[row]).collect(),
        slopes: slopes.as_ref().map(|slopes| slopes[row].clone()),
        failures: sentences(failures.get(row).unwrap_or("")),
    });
    Ok(samples.collect())
}

fn sentences(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split("; ").map(str::to_owned).collect()
}

/// The derivatives of every row, if the part has any.
fn slopes_of(plan: &Plan, frame: &DataFrame) -> PolarsResult<Option<Vec<Array2<f64>>>> {
    let mut names = frame.get_column_names().into_iter();
    if !names.any(|name| name.starts_with(SLOPES)) {
        return Ok(None);
    }
    let shape = (plan.columns().count(), plan.axes.len());
    let mut slopes = vec![Array2::from_elem(shape, f64::NAN); frame.height()];
    for (i, axis) in plan.axes.iter().enumerate() {
        for (column, name) in slope_columns(plan) {
            let name = format!("{SLOPES}{name} by {}", axis.name);
            let values = frame.column(&name)?.f64()?;
            for (row, value) in values.iter().enumerate() {
                slopes[row][[column, i]] = value.unwrap_or(f64::NAN);
            }
        }
    }
    Ok(Some(slopes))
}
