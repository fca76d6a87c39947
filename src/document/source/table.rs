//! Tables, by the names of their columns.

use std::fs::File;
use std::path::Path;

use polars::prelude::Column;
use polars::prelude::CsvReadOptions;
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
        // Texts as they stand: what looks like a number in the first rows may be a name.
        let options = CsvReadOptions::default().with_infer_schema_length(Some(0));
        let frame = options.into_reader_with_file_handle(file).finish();
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

    /// Numbers; not a number where there is none.
    pub(crate) fn numbers(&self, name: &str) -> Result<Vec<f64>, String> {
        let column = self.cast(name, &DataType::Float64)?;
        let column = column.f64().map_err(|error| error.to_string())?;
        Ok(column.iter().map(|x| x.unwrap_or(f64::NAN)).collect())
    }

    /// Texts; empty where there is none.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        let column = self.cast(name, &DataType::String)?;
        let column = column.str().map_err(|error| error.to_string())?;
        let texts = column.iter();
        Ok(texts.map(|text| text.unwrap_or("").to_owned()).collect())
    }

    fn cast(&self, name: &str, kind: &DataType) -> Result<Column, String> {
        let column = self.0.column(name);
        let column = column.map_err(|_| format!("no column '{name}'"))?;
        let cast = column.cast(kind);
        let cast = cast.map_err(|error| format!("column '{name}': {error}"))?;
        // A damaged page holds fewer values than the file promises.
        if cast.len() == self.height() {
            Ok(cast)
        } else {
            Err(format!("column '{name}' is cut"))
        }
    }
}
