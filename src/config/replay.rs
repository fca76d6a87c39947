//! Replays of measured records in protocols, and the records of a data set by name.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use serde::Deserialize;

use super::error::ConfigError;
use super::error::Place;
use super::records::RecordFile;
use crate::import::read_measured;
use crate::protocol::Imposed;
use crate::protocol::Replay;
use crate::protocol::ReplayError;
use crate::record::Measured;
use crate::record::Quantity;
use crate::record::Record;

/// Longest time between two samples (s) that a replay bridges with a straight line unless the file says otherwise:
/// longer than the intervals of cyclers at constant current, shorter than what is missing where a file was cut.
const GAP_MAX_S: f64 = 600.0;

/// The records of a data set; each is read once, when it is first asked for.
pub(super) struct Records<'a> {
    dataset: &'a Path,
    files: Vec<RecordFile>,
    read: RefCell<BTreeMap<String, Rc<Measured>>>,
}

impl<'a> Records<'a> {
    /// The records that a data set names; `dataset` is only for messages.
    pub(super) fn new(dataset: &'a Path, files: Vec<RecordFile>) -> Self {
        Self {
            dataset,
            files,
            read: RefCell::default(),
        }
    }

    /// The record of a name.
    pub(super) fn find(
        &self,
        place: &Place<'_>,
        key: &str,
        name: &str,
    ) -> Result<Rc<Measured>, ConfigError> {
        if let Some(measured) = self.read.borrow().get(name) {
            return Ok(Rc::clone(measured));
        }
        let file = self.files.iter().find(|file| file.name == name);
        let file = file.ok_or_else(|| self.unknown(place, key, name))?;
        let measured = Rc::new(read_measured(&file.path, &file.hints)?);
        let mut read = self.read.borrow_mut();
        read.insert(name.to_owned(), Rc::clone(&measured));
        Ok(measured)
    }

    fn unknown(&self, place: &Place<'_>, key: &str, name: &str) -> ConfigError {
        let names: Vec<&str> = self.files.iter().map(|file| file.name.as_str()).collect();
        let dataset = self.dataset.display();
        let expected = if names.is_empty() {
            format!("a [[record]] of that name in {dataset}, which has none")
        } else {
            format!("a [[record]] of {dataset}: {}", names.join(", "))
        };
        place.value(format!("{key}.record"), format!("'{name}'"), expected)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReplay {
    record: String,
    quantity: RawImposed,
    from_h: Option<f64>,
    to_h: Option<f64>,
    gap_max_s: Option<f64>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum RawImposed {
    Current,
    Voltage,
}

impl RawReplay {
    /// The window of the record that it names, on the record's own clock; all of it unless it says otherwise.
    pub(super) fn build(
        &self,
        place: &Place<'_>,
        key: &str,
        records: &Records<'_>,
    ) -> Result<Replay, ConfigError> {
        let measured = records.find(place, key, &self.record)?;
        let record = self.curve(place, key, &measured)?;
        let (imposed, values) = match self.quantity {
            RawImposed::Current => (Imposed::Current, &record.current),
            RawImposed::Voltage => (Imposed::Voltage, &record.voltage_v),
        };
        let hours = |h: f64| 3600.0 * h;
        let end = |time_s: Option<&f64>| time_s.copied().unwrap_or(f64::NAN);
        let window = (
            self.from_h.map_or(end(record.time_s.first()), hours),
            self.to_h.map_or(end(record.time_s.last()), hours),
        );
        let gap_max_s = place.number(
            &format!("{key}.gap_max_s"),
            self.gap_max_s.unwrap_or(GAP_MAX_S),
            |gap| gap > 0.0,
            "a positive number",
        )?;
        let samples = (&record.time_s[..], &values[..]);
        Replay::new(imposed, samples, window, gap_max_s).map_err(|error| {
            let key = format!("{key}, record '{}'", self.record);
            place.value(key, error.to_string(), expected(&error, gap_max_s))
        })
    }

    fn curve(
        &self,
        place: &Place<'_>,
        key: &str,
        measured: &Measured,
    ) -> Result<Record, ConfigError> {
        measured.record().ok_or_else(|| {
            let needed = [Quantity::TestTime, Quantity::Voltage, Quantity::Current];
            let missing = needed.into_iter().filter(|q| measured.values(*q).is_none());
            let names: Vec<&str> = missing.map(Quantity::name).collect();
            let found = format!("'{}', a record without {}", self.record, names.join(", "));
            let expected = "a record of voltage and current over time";
            place.value(format!("{key}.record"), found, expected)
        })
    }
}

/// What would be right instead.
fn expected(error: &ReplayError, gap_max_s: f64) -> String {
    match error {
        ReplayError::EmptyWindow { .. } => "a to_h above from_h".to_owned(),
        ReplayError::TooFew { .. } => "at least two samples".to_owned(),
        ReplayError::Short { .. } => {
            "from_h and to_h on the record's own clock, no farther than it reaches".to_owned()
        }
        ReplayError::Gap { .. } => format!(
            "a sample every {gap_max_s} s at least; choose a window without the gap, or a longer gap_max_s \
             if a straight line may bridge it"
        ),
        ReplayError::Broken { .. } => "finite values at times that do not go back".to_owned(),
    }
}
