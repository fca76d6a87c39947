//! Replays of measured records in protocols.

use schemars::JsonSchema;
use serde::Deserialize;

use super::error::ConfigError;
use super::error::Place;
use super::store::RecordStore;
use crate::protocol::Imposed;
use crate::protocol::Replay;
use crate::protocol::ReplayError;
use crate::record::Measured;
use crate::record::Quantity;
use crate::record::Record;

/// Longest time between two samples (s) that a replay bridges with a straight line unless the file says otherwise:
/// longer than the intervals of cyclers at constant current, shorter than what is missing where a file was cut.
const GAP_MAX_S: f64 = 600.0;

/// A measured signal that is imposed. Its window is on the record's own clock.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReplay {
    /// Name of a `[[record]]` of the data set.
    record: String,
    /// What is imposed.
    quantity: RawImposed,
    /// Begin of the window.
    #[schemars(extend("x-default" = "where the record begins"))]
    from_h: Option<f64>,
    /// End of the window.
    #[schemars(extend("x-default" = "where the record ends"))]
    to_h: Option<f64>,
    /// Longest time between two samples that is bridged with a straight line.
    #[schemars(extend("default" = GAP_MAX_S, "exclusiveMinimum" = 0))]
    gap_max_s: Option<f64>,
}

/// What is imposed.
#[derive(Deserialize, Clone, Copy, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RawImposed {
    /// The current of the whole cell.
    Current,
    /// The voltage.
    Voltage,
}

impl RawReplay {
    /// The window of the record that it names, on the record's own clock; all of it unless it says otherwise.
    pub(super) fn build(
        &self,
        place: &Place<'_>,
        key: &str,
        store: &RecordStore,
    ) -> Result<Replay, ConfigError> {
        let loaded = store.shared(place, &format!("{key}.record"), &self.record)?;
        let record = self.curve(place, key, &loaded.measured)?;
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
