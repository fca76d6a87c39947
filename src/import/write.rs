//! A measured record as a Battery Data Format file: Parquet or CSV.

use std::io::Write;

use polars::prelude::CsvWriter;
use polars::prelude::KeyValueMetadata;
use polars::prelude::ParquetCompression;
use polars::prelude::ParquetWriter;
use polars::prelude::PolarsResult;
use polars::prelude::SerWriter;

use crate::record::Measured;

/// Metadata with the technique.
pub(super) const TECHNIQUE: &str = "sulfit_technique";
/// Metadata with the instrument.
pub(super) const INSTRUMENT: &str = "sulfit_instrument";

/// Writes a record as Parquet.
///
/// # Errors
/// What polars says, above all a full disk.
pub fn write_parquet(measured: &Measured, to: impl Write) -> PolarsResult<()> {
    let origin = vec![
        (TECHNIQUE.to_owned(), measured.technique.to_string()),
        (INSTRUMENT.to_owned(), measured.instrument.clone()),
    ];
    ParquetWriter::new(to)
        .with_compression(ParquetCompression::Snappy)
        .with_key_value_metadata(Some(KeyValueMetadata::from_static(origin)))
        .finish(&mut measured.frame.clone())?;
    Ok(())
}

/// Writes a record as CSV, without what the format has no column for.
///
/// # Errors
/// What polars says, above all a full disk.
pub fn write_csv(measured: &Measured, to: impl Write) -> PolarsResult<()> {
    CsvWriter::new(to).finish(&mut measured.frame.clone())
}
