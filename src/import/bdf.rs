//! Battery Data Format: text with machine-readable or human-readable column names, and Parquet.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use polars::prelude::DataFrame;
use polars::prelude::DataType;
use polars::prelude::ParquetReader;
use polars::prelude::PlSmallStr;
use polars::prelude::PolarsResult;
use polars::prelude::SerReader;

use crate::import::Hints;
use crate::import::ImportError;
use crate::import::Part;
use crate::import::Vendor;
use crate::import::content::Text;
use crate::import::draft::Draft;
use crate::import::guard::caught;
use crate::import::header::Column;
use crate::import::header::Target;
use crate::import::header::column;
use crate::import::header::matched;
use crate::import::layout::Layout;
use crate::import::simulated;
use crate::import::table::Delimiter;
use crate::import::table::Header;
use crate::import::write::INSTRUMENT;
use crate::import::write::TECHNIQUE;
use crate::record::Measured;
use crate::record::Quantity;
use crate::record::Technique;

/// The reader.
pub(super) const VENDOR: Vendor = Vendor {
    recognises: |text| {
        let line = text.text.lines().next().unwrap_or("");
        let names = [
            "test_time_second",
            "Test Time / s",
            "frequency_hertz",
            "Frequency / Hz",
        ];
        names.iter().any(|name| {
            line.split([',', ';', '\t'])
                .any(|cell| cell.trim().trim_matches('"') == *name)
        })
    },
    read,
};

// The format fixes the sign: positive current charges.
const LAYOUT: Layout = Layout {
    technique: None,
    ..Layout::cycler("Battery Data Format", COLUMNS)
};

const COLUMNS: &[Column] = &[
    column(&["testtime"], Target::Record(Quantity::TestTime)),
    column(&["unixtime"], Target::Record(Quantity::UnixTime)),
    column(
        &["voltage", "voltagevolt"],
        Target::Record(Quantity::Voltage),
    ),
    column(
        &["current", "currentampere"],
        Target::Record(Quantity::Current),
    ),
    column(&["cyclecount"], Target::Record(Quantity::Cycle)),
    column(
        &["stepid", "stepcount", "stepindex"],
        Target::Record(Quantity::Step),
    ),
    column(
        &["chargingcapacity"],
        Target::Record(Quantity::ChargingCapacity),
    ),
    column(
        &["dischargingcapacity"],
        Target::Record(Quantity::DischargingCapacity),
    ),
    column(
        &["surfacetemperature", "temperaturet1", "ambienttemperature"],
        Target::Record(Quantity::Temperature),
    ),
    column(&["frequency"], Target::Record(Quantity::Frequency)),
    column(&["realimpedance"], Target::Record(Quantity::RealImpedance)),
    column(
        &["imaginaryimpedance"],
        Target::Record(Quantity::ImaginaryImpedance),
    ),
    column(&["absoluteimpedance"], Target::Magnitude),
    column(&["phase"], Target::Phase),
];

fn read(text: &Text, hints: &Hints) -> Result<Measured, ImportError> {
    LAYOUT.read(text, hints)
}

/// Reads a Parquet file: a record in this format, or what sulfit simulated.
///
/// # Errors
/// [`ImportError`] if it is damaged or lacks a column.
pub(super) fn read_parquet(
    path: &Path,
    bytes: Vec<u8>,
    hints: &Hints,
) -> Result<Vec<Part>, ImportError> {
    let opened = caught(|| open(bytes).map_err(|error| error.to_string()));
    let (frame, words) = opened.map_err(|error| ImportError::Kind {
        path: path.to_owned(),
        kind: format!("a Parquet file that cannot be read ({error})"),
        remedy: "write it again".to_owned(),
    })?;
    let names = frame.get_column_names();
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    match simulated::wanted(&names) {
        Some(wanted) if frame.height() > 0 => {
            let column = |name: &&str| ((*name).to_owned(), whole_column(&frame, name));
            let columns = wanted.iter().map(column).collect();
            Ok(simulated::read(&columns, frame.height(), &words, hints))
        }
        _ => read_frame(path, &frame, &names, &words).map(|measured| vec![measured.into()]),
    }
}

fn read_frame(
    path: &Path,
    frame: &DataFrame,
    names: &[&str],
    words: &BTreeMap<String, String>,
) -> Result<Measured, ImportError> {
    let header = Header {
        first_row: 0,
        delimiter: Delimiter::Space,
        decimal_comma: false,
        columns: matched(names, COLUMNS),
    };
    let draft = draft(frame, names, &header);
    if !header.is_complete() || draft.len() == 0 {
        return Err(ImportError::Unrecognised {
            path: path.to_owned(),
            found: format!("a Parquet table of {} rows with the columns {}", draft.len(), names.join(", ")),
            expected: "test_time_second, voltage_volt and current_ampere, or frequency_hertz and an impedance".to_owned(),
        });
    }
    // What sulfit wrote beside the columns.
    let technique = words.get(TECHNIQUE).and_then(|stated| {
        let known = Technique::NAMES.iter().find(|(name, _)| name == stated)?;
        Some(known.1)
    });
    let hints = Hints {
        technique,
        ..Hints::default()
    };
    let mut measured = LAYOUT.finish(draft, &hints);
    if let Some(instrument) = words.get(INSTRUMENT) {
        measured.instrument.clone_from(instrument);
    }
    Ok(measured)
}

/// The table of a Parquet file and the words beside it. Of a table that was simulated only the columns that are read:
/// it holds all states of the cell.
fn open(bytes: Vec<u8>) -> PolarsResult<(DataFrame, BTreeMap<String, String>)> {
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    let metadata = reader.get_metadata()?;
    let pairs = metadata.key_value_metadata().iter().flatten();
    let words = pairs.filter_map(|pair| Some((pair.key.clone(), pair.value.clone()?)));
    let words = words.collect();
    let schema = reader.schema()?;
    let names: Vec<&str> = schema.iter_names().map(PlSmallStr::as_str).collect();
    let wanted = simulated::wanted(&names);
    let wanted = wanted.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    Ok((reader.with_columns(wanted).finish()?, words))
}

/// The known columns; what is no number there is unknown.
fn draft(frame: &DataFrame, names: &[&str], header: &Header) -> Draft {
    let mut draft = Draft::new(header.columns.iter().map(|column| column.target));
    let columns: Vec<Vec<f64>> = header
        .columns
        .iter()
        .map(|column| whole_column(frame, names[column.index]))
        .collect();
    let mut row_values = vec![0.0; columns.len()];
    for row in 0..frame.height() {
        for (value, column) in row_values.iter_mut().zip(&columns) {
            *value = column[row];
        }
        draft.push(row + 1, &row_values);
    }
    draft
}

/// A column; unknown values where a damaged page holds fewer than the file promises.
fn whole_column(frame: &DataFrame, name: &str) -> Vec<f64> {
    let whole = values(frame, name).ok();
    let whole = whole.filter(|values| values.len() == frame.height());
    whole.unwrap_or_else(|| vec![f64::NAN; frame.height()])
}

fn values(frame: &DataFrame, name: &str) -> PolarsResult<Vec<f64>> {
    let column = frame.column(name)?.cast(&DataType::Float64)?;
    Ok(column
        .f64()?
        .iter()
        .map(|value| value.unwrap_or(f64::NAN))
        .collect())
}
