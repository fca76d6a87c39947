//! A measured record as a Battery Data Format file: Parquet or CSV.

use std::io::Write;

use polars::prelude::Column;
use polars::prelude::CsvWriter;
use polars::prelude::DataFrame;
use polars::prelude::ParquetCompression;
use polars::prelude::ParquetWriter;
use polars::prelude::PolarsResult;
use polars::prelude::SerWriter;

use crate::record::Measured;

/// Column with the technique, beside those of the format.
pub(super) const TECHNIQUE: &str = "sulfit_technique";
/// Column with the instrument, beside those of the format.
pub(super) const INSTRUMENT: &str = "sulfit_instrument";

/// Writes a record as Parquet.
///
/// # Errors
/// What polars says, above all a full disk.
pub fn write_parquet(measured: &Measured, to: impl Write) -> PolarsResult<()> {
    ParquetWriter::new(to)
        .with_compression(ParquetCompression::Snappy)
        .finish(&mut with_origin(measured)?)?;
    Ok(())
}

/// Writes a record as CSV, without what the format has no column for.
///
/// # Errors
/// What polars says, above all a full disk.
pub fn write_csv(measured: &Measured, to: impl Write) -> PolarsResult<()> {
    CsvWriter::new(to).finish(&mut measured.frame.clone())
}

fn with_origin(measured: &Measured) -> PolarsResult<DataFrame> {
    let n = measured.len();
    let mut frame = measured.frame.clone();
    let technique = measured.technique.to_string();
    let words = [
        (TECHNIQUE, technique.as_str()),
        (INSTRUMENT, measured.instrument.as_str()),
    ];
    for (name, word) in words {
        frame.with_column(Column::new(name.into(), vec![word; n]))?;
    }
    Ok(frame)
}
