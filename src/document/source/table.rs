//! Tables, by the names of their columns.

use std::fs::File;
use std::path::Path;

use polars::prelude::CsvReader;
use polars::prelude::DataFrame;
use polars::prelude::DataType;
use polars::prelude::ParquetReader;
use polars::prelude::SerReader;

/// A table whose columns are asked for by name.
pub(crate) struct Columns(DataFrame);

impl Columns {
    /// A CSV file.
    pub(crate) fn csv(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let frame = CsvReader::new(file).finish();
        frame.map(Self).map_err(|error| error.to_string())
    }

    /// Some columns of a Parquet file, and what is written beside them.
    pub(crate) fn parquet(
        path: &Path,
        names: &[&str],
    ) -> Result<(Self, Vec<(String, String)>), String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let mut reader = ParquetReader::new(file);
        let metadata = reader.get_metadata().map_err(|error| error.to_string())?;
        let pairs = metadata.key_value_metadata().iter().flatten();
        let words = pairs.filter_map(|pair| Some((pair.key.clone(), pair.value.clone()?)));
        let words = words.collect();
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let frame = reader.with_columns(Some(names)).finish();
        Ok((Self(frame.map_err(|error| error.to_string())?), words))
    }

    /// Number of rows.
    pub(crate) fn height(&self) -> usize {
        self.0.height()
    }

    /// Names of the columns.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.0.get_column_names().into_iter();
        names.map(|name| name.as_str().to_owned()).collect()
    }

    /// Numbers; not a number where there is none. Empty without the column.
    pub(crate) fn numbers(&self, name: &str) -> Vec<f64> {
        let cast = |name: &str| self.0.column(name)?.cast(&DataType::Float64);
        let Ok(column) = cast(name) else {
            return Vec::new();
        };
        let Ok(column) = column.f64() else {
            return Vec::new();
        };
        column.iter().map(|x| x.unwrap_or(f64::NAN)).collect()
    }

    /// Texts; empty where there is none. Empty without the column.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let cast = |name: &str| self.0.column(name)?.cast(&DataType::String);
        let Ok(column) = cast(name) else {
            return Vec::new();
        };
        let Ok(column) = column.str() else {
            return Vec::new();
        };
        let texts = column.iter();
        texts.map(|text| text.unwrap_or("").to_owned()).collect()
    }
}
