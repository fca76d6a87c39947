//! Column names of instrument files: the name, its unit, and what it holds.

use crate::record::Quantity;
use crate::units::Unit;

/// What a column of a file is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// It goes into the record.
    Record(Quantity),
    /// Time since the start of the step (s).
    StepTime,
    /// Date and time of the day.
    Clock,
    /// Charge that went in, counted by the instrument, from wherever it counts (C).
    ChargeCounter,
    /// Charge that came out, counted by the instrument (C).
    DischargeCounter,
    /// Current per electrode area (A m⁻²).
    CurrentDensity,
    /// −Im Z (Ω).
    NegativeImaginary,
    /// |Z| (Ω).
    Magnitude,
    /// Phase of Z (degree).
    Phase,
    /// Name of the step's mode, which may hold the sign of the current.
    Mode,
    /// Flags of overloads.
    Overload,
    /// What the instrument calls a row that it does not want to be used.
    Excluded,
}

impl Target {
    /// Whether its cells are words, not numbers.
    pub(super) fn is_text(self) -> bool {
        matches!(
            self,
            Self::Mode | Self::Overload | Self::Excluded | Self::Clock
        )
    }

    /// The unit that a number of this target has inside.
    fn inner_unit(self) -> Option<&'static str> {
        match self {
            // Unit knows no offset; a temperature is taken as it is, and so is a date.
            Self::Record(
                Quantity::Cycle | Quantity::Step | Quantity::Temperature | Quantity::UnixTime,
            )
            | Self::Clock
            | Self::Mode
            | Self::Overload
            | Self::Excluded => None,
            Self::Record(Quantity::ChargingCapacity | Quantity::DischargingCapacity) => Some("Ah"),
            Self::Record(quantity) => Some(quantity.unit()),
            Self::StepTime => Some("s"),
            Self::ChargeCounter | Self::DischargeCounter => Some("C"),
            Self::CurrentDensity => Some("A m^-2"),
            Self::NegativeImaginary | Self::Magnitude => Some("ohm"),
            Self::Phase => Some("deg"),
        }
    }

    /// Factor from a unit to the inner one; `None` if they do not measure the same.
    pub(super) fn factor(self, unit: &str) -> Option<f64> {
        let Some(inner) = self.inner_unit() else {
            return Some(1.0);
        };
        let (unit, inner) = (Unit::parse(unit).ok()?, Unit::parse(inner).ok()?);
        unit.is_compatible(&inner)
            .then(|| unit.to_si(1.0) / inner.to_si(1.0))
    }
}

/// A column of a vendor's layout.
pub(super) struct Column {
    /// Its names, reduced as by [`reduced`], without the unit.
    pub(super) names: &'static [&'static str],
    /// What it holds.
    pub(super) target: Target,
    /// Its unit where the header states none.
    pub(super) unit: Option<&'static str>,
}

/// A column whose header states its unit.
pub(super) const fn column(names: &'static [&'static str], target: Target) -> Column {
    Column {
        names,
        target,
        unit: None,
    }
}

/// A column whose unit the vendor does not write.
pub(super) const fn column_in(
    names: &'static [&'static str],
    target: Target,
    unit: &'static str,
) -> Column {
    Column {
        names,
        target,
        unit: Some(unit),
    }
}

/// A column of a file that a layout knows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    /// Its position.
    pub(super) index: usize,
    /// What it holds.
    pub(super) target: Target,
    /// Factor to the inner unit, `None` if the header states no unit and the layout has none.
    pub(super) factor: Option<f64>,
    /// Its name in the file.
    pub(super) name: String,
}

/// The columns of a header that a layout knows; of several for one target the layout's first is taken.
pub(super) fn matched(cells: &[&str], layout: &[Column]) -> Vec<Found> {
    let cells: Vec<(String, Option<String>)> = cells.iter().map(|cell| split_unit(cell)).collect();
    let mut found: Vec<Found> = Vec::new();
    for column in layout {
        if found.iter().any(|f| f.target == column.target) {
            continue;
        }
        let at = column.names.iter().find_map(|name| {
            let index = cells.iter().position(|(cell, _)| cell == name)?;
            Some((index, &cells[index].1))
        });
        let Some((index, stated)) = at else { continue };
        let factor = match stated.as_deref().or(column.unit) {
            // The name of one quantity with the unit of another is another column.
            Some(unit) => match column.target.factor(unit) {
                Some(factor) => Some(factor),
                None => continue,
            },
            None => column.target.inner_unit().is_none().then_some(1.0),
        };
        found.push(Found {
            index,
            target: column.target,
            factor,
            name: cells[index].0.clone(),
        });
    }
    found
}

/// Name and unit of a header cell: `Current(mA)`, `I/mA`, `U[V]`, `Voltage / V`, `current_A`; the name reduced, the unit
/// as [`Unit`] reads it.
pub(super) fn split_unit(cell: &str) -> (String, Option<String>) {
    let cell = cell.trim().trim_matches('"').trim();
    let candidates = [
        cell.rsplit_once('/'),
        bracketed(cell, '(', ')'),
        bracketed(cell, '[', ']'),
        cell.rsplit_once('_'),
        cell.rsplit_once(' '),
    ];
    for (name, unit) in candidates.into_iter().flatten() {
        // ZView's Z'(a) and Z''(b) are names.
        let is_name = name.ends_with('\'');
        if let Some(unit) = unit_of(unit).filter(|_| !is_name || unit.len() > 1)
            && !reduced(name).is_empty()
        {
            return (reduced(name), Some(unit));
        }
    }
    (reduced(cell), None)
}

fn bracketed(cell: &str, open: char, close: char) -> Option<(&str, &str)> {
    cell.strip_suffix(close)?.rsplit_once(open)
}

/// A name without case, spaces and signs; the primes and the minus of impedances stay.
pub(super) fn reduced(name: &str) -> String {
    let name = name.trim();
    let name = name.replace("''", "\"");
    name.chars()
        .enumerate()
        .filter(|(i, c)| {
            c.is_alphanumeric() || matches!(c, '\'' | '"' | '|') || (*c == '-' && *i == 0)
        })
        .flat_map(|(_, c)| c.to_lowercase())
        .collect()
}

/// A unit as instruments write it, as [`Unit`] reads it.
pub(super) fn unit_of(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text
        .replace("\\g(m)", "u")
        .replace("\\+(-2)", "-2")
        .replace(['µ', 'μ'], "u")
        .replace('Ω', "ohm")
        .replace('²', "2");
    let lower = text.to_lowercase();
    let lower = lower
        .split_once(" vs")
        .map_or(lower.as_str(), |(unit, _)| unit);
    if lower.starts_with("h:m") || lower.starts_with("hh:mm") || lower.contains("in hh:mm") {
        return Some("s".to_owned());
    }
    let unit = match lower {
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "ms" => "ms",
        "min" | "minute" | "minutes" => "min",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "v" | "volt" | "volts" => "V",
        "mv" => "mV",
        "a" | "amp" | "amps" | "ampere" => "A",
        "ma" => "mA",
        "ua" => "uA",
        "na" => "nA",
        "ah" | "a.h" | "amp-hr" => "Ah",
        "mah" | "ma.h" | "mamp-hr" => "mAh",
        "uah" | "ua.h" => "uAh",
        "c" | "coulomb" => "C",
        "hz" | "hertz" => "Hz",
        "khz" => "kHz",
        "ohm" | "ohms" => "ohm",
        "kohm" | "kohms" => "kohm",
        // Milli and mega differ by case alone.
        "mohm" | "mohms" if text.starts_with('m') => "mohm",
        "mohm" | "mohms" => "Mohm",
        "deg" | "degree" | "degrees" | "°" => "deg",
        "rad" => "rad",
        "degc" | "°c" | "celsius" | "\u{fffd}c" => "degC",
        "ua cm-2" | "ua/cm2" | "ua cm^-2" => "uA cm^-2",
        "ma cm-2" | "ma/cm2" | "ma cm^-2" => "mA cm^-2",
        "a cm-2" | "a/cm2" | "a cm^-2" => "A cm^-2",
        "a m-2" | "a/m2" | "a m^-2" => "A m^-2",
        "#" | "1" | "-" => "1",
        _ => return None,
    };
    Some(unit.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_units_are_parted() {
        for (cell, name, unit) in [
            ("Current(mA)", "current", Some("mA")),
            ("I/mA", "i", Some("mA")),
            ("<Ewe>/V", "ewe", Some("V")),
            ("U[V]", "u", Some("V")),
            ("Voltage / V", "voltage", Some("V")),
            ("current_A", "current", Some("A")),
            ("test_time_second", "testtime", Some("s")),
            ("Test_Time", "testtime", None),
            ("-Im(Z)/Ohm", "-imz", Some("ohm")),
            ("Z\"/ohm", "z\"", Some("ohm")),
            ("Z'(a)", "z'a", None),
            ("Z''(b)", "z\"b", None),
            ("Zre (ohms)", "zre", Some("ohm")),
            ("dV/dt(V/s)", "dvdtvs", None),
            ("(Q-Qo)/mA.h", "qqo", Some("mAh")),
            ("Total Time (Hours in hh:mm:ss.xxx)", "totaltime", Some("s")),
            ("Temp (°C)", "temp", Some("degC")),
            ("j / uA cm-2", "j", Some("uA cm^-2")),
        ] {
            let (found_name, found_unit) = split_unit(cell);
            assert_eq!(
                (found_name.as_str(), found_unit.as_deref()),
                (name, unit),
                "{cell}"
            );
        }
    }

    #[test]
    fn a_unit_of_another_quantity_is_another_column() {
        let layout = [column(&["capacity"], Target::ChargeCounter)];
        assert!(matched(&["Capacity(mAh/g)"], &layout).is_empty());
        let found = matched(&["Capacity(mAh)"], &layout);
        assert!((found[0].factor.unwrap() - 3.6).abs() < 1e-12);
        assert!(matched(&["Capacity(V)"], &layout).is_empty());
        assert_eq!(matched(&["Capacity"], &layout)[0].factor, None);
    }
}
