//! Units: the suffix table of the files, conversion between file units and SI, and formatting for people.

use std::fmt;

use thiserror::Error;

/// Faraday constant (C mol⁻¹), CODATA 2018, exact.
pub const FARADAY_C_PER_MOL: f64 = 96_485.332_12;
/// Molar gas constant (J mol⁻¹ K⁻¹), CODATA 2018, exact.
pub const GAS_J_PER_MOL_K: f64 = 8.314_462_618;
/// Converts a specific charge (C kg⁻¹) to mAh g⁻¹.
pub fn mah_per_g(charge_c_per_kg: f64) -> f64 {
    charge_c_per_kg / 3600.0
}

/// A unit as written in a file, with its factor to SI and its dimension.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    text: String,
    factor: f64,
    /// Twice the exponents of kg, m, s, A, K, mol: impedance slopes are per root of a second.
    dimension: [i32; 6],
}

/// A unit text that cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "unit '{unit}' has an unknown part '{part}'; write parts like 'mol m^-2 s^-1', '1' for none"
)]
pub struct UnitError {
    /// The whole unit as written.
    pub unit: String,
    /// The part that is not understood.
    pub part: String,
}

impl Unit {
    /// Reads a unit like `mol m^-2 s^-1`; `1` is dimensionless.
    ///
    /// # Errors
    /// If a part is neither a known symbol nor a known symbol with a power like `-2` or `-1/2`.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let mut unit = Self {
            text: text.to_owned(),
            factor: 1.0,
            dimension: [0; 6],
        };
        for part in text.split_whitespace() {
            let unknown = || UnitError {
                unit: text.to_owned(),
                part: part.to_owned(),
            };
            let (symbol, power) = match part.split_once('^') {
                Some((symbol, power)) => (symbol, half_power(power).ok_or_else(unknown)?),
                None => (part, 2),
            };
            let (factor, dimension) = symbol_value(symbol).ok_or_else(unknown)?;
            unit.factor *= f64::powf(factor, f64::from(power) / 2.0);
            for (sum, exponent) in unit.dimension.iter_mut().zip(dimension) {
                *sum += exponent * power;
            }
        }
        Ok(unit)
    }

    /// The SI unit of a product of powers, as `s^-0.5`.
    pub fn si_of_product<'u>(factors: impl Iterator<Item = (&'u Self, f64)>) -> String {
        const BASE: [&str; 6] = ["kg", "m", "s", "A", "K", "mol"];
        let mut exponents = [0.0; 6];
        for (unit, power) in factors {
            for (sum, twice) in exponents.iter_mut().zip(unit.dimension) {
                *sum += 0.5 * f64::from(twice) * power;
            }
        }
        let parts = BASE.iter().zip(exponents);
        let parts = parts.filter(|(_, exponent)| exponent.abs() > 1e-9);
        let parts: Vec<String> = parts
            .map(|(symbol, exponent)| match exponent {
                e if (e - 1.0).abs() < 1e-9 => (*symbol).to_owned(),
                e => format!("{symbol}^{}", (e * 1e6).round() / 1e6),
            })
            .collect();
        if parts.is_empty() {
            "1".to_owned()
        } else {
            parts.join(" ")
        }
    }

    /// A value in this unit, converted to SI.
    pub fn to_si(&self, value: f64) -> f64 {
        value * self.factor
    }

    /// An SI value, converted to this unit.
    pub fn from_si(&self, value: f64) -> f64 {
        value / self.factor
    }

    /// Whether both measure the same quantity.
    pub fn is_compatible(&self, other: &Self) -> bool {
        self.dimension == other.dimension
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Twice the power that is written: `-2` is −4, `-1/2` is −1.
fn half_power(text: &str) -> Option<i32> {
    match text.strip_suffix("/2") {
        Some(numerator) => numerator.parse().ok(),
        None => text.parse::<i32>().ok().map(|power| 2 * power),
    }
}

/// What units are made of: symbol, name, factor to SI and exponents of kg, m, s, A, K, mol.
const SYMBOLS: &[(&str, &str, f64, [i32; 6])] = &[
    ("1", "dimensionless", 1.0, [0; 6]),
    ("e", "elementary charge, as a number", 1.0, [0; 6]),
    ("rad", "radian", 1.0, [0; 6]),
    ("%", "per cent", 0.01, [0; 6]),
    (
        "deg",
        "degree of an angle",
        std::f64::consts::PI / 180.0,
        [0; 6],
    ),
    ("kg", "kilogram", 1.0, [1, 0, 0, 0, 0, 0]),
    ("g", "gram", 1e-3, [1, 0, 0, 0, 0, 0]),
    ("mg", "milligram", 1e-6, [1, 0, 0, 0, 0, 0]),
    ("m", "metre", 1.0, [0, 1, 0, 0, 0, 0]),
    ("cm", "centimetre", 1e-2, [0, 1, 0, 0, 0, 0]),
    ("mm", "millimetre", 1e-3, [0, 1, 0, 0, 0, 0]),
    ("um", "micrometre", 1e-6, [0, 1, 0, 0, 0, 0]),
    ("s", "second", 1.0, [0, 0, 1, 0, 0, 0]),
    ("ms", "millisecond", 1e-3, [0, 0, 1, 0, 0, 0]),
    ("min", "minute", 60.0, [0, 0, 1, 0, 0, 0]),
    ("h", "hour", 3600.0, [0, 0, 1, 0, 0, 0]),
    ("Hz", "hertz", 1.0, [0, 0, -1, 0, 0, 0]),
    ("kHz", "kilohertz", 1e3, [0, 0, -1, 0, 0, 0]),
    ("A", "ampere", 1.0, [0, 0, 0, 1, 0, 0]),
    ("mA", "milliampere", 1e-3, [0, 0, 0, 1, 0, 0]),
    ("uA", "microampere", 1e-6, [0, 0, 0, 1, 0, 0]),
    ("nA", "nanoampere", 1e-9, [0, 0, 0, 1, 0, 0]),
    ("C", "coulomb", 1.0, [0, 0, 1, 1, 0, 0]),
    ("Ah", "ampere hour", 3600.0, [0, 0, 1, 1, 0, 0]),
    ("mAh", "milliampere hour", 3.6, [0, 0, 1, 1, 0, 0]),
    ("uAh", "microampere hour", 3.6e-3, [0, 0, 1, 1, 0, 0]),
    ("K", "kelvin", 1.0, [0, 0, 0, 0, 1, 0]),
    ("mol", "mole", 1.0, [0, 0, 0, 0, 0, 1]),
    ("V", "volt", 1.0, [1, 2, -3, -1, 0, 0]),
    ("mV", "millivolt", 1e-3, [1, 2, -3, -1, 0, 0]),
    ("ohm", "ohm", 1.0, [1, 2, -3, -2, 0, 0]),
    ("mohm", "milliohm", 1e-3, [1, 2, -3, -2, 0, 0]),
    ("kohm", "kiloohm", 1e3, [1, 2, -3, -2, 0, 0]),
    ("Mohm", "megaohm", 1e6, [1, 2, -3, -2, 0, 0]),
    ("S", "siemens", 1.0, [-1, -2, 3, 2, 0, 0]),
    ("F", "farad", 1.0, [-1, -2, 4, 2, 0, 0]),
    ("uF", "microfarad", 1e-6, [-1, -2, 4, 2, 0, 0]),
    ("J", "joule", 1.0, [1, 2, -2, 0, 0, 0]),
    ("kJ", "kilojoule", 1e3, [1, 2, -2, 0, 0, 0]),
    ("Wh", "watt hour", 3600.0, [1, 2, -2, 0, 0, 0]),
    ("eV", "electronvolt", 1.602_176_634e-19, [1, 2, -2, 0, 0, 0]),
];

/// Factor to SI and exponents of kg, m, s, A, K, mol.
fn symbol_value(symbol: &str) -> Option<(f64, [i32; 6])> {
    let known = SYMBOLS.iter().find(|(own, ..)| *own == symbol);
    known.map(|(_, _, factor, dimension)| (*factor, *dimension))
}

/// A symbol that units are made of, told.
#[derive(Clone, Debug, PartialEq)]
pub struct Symbol {
    /// As it is written.
    pub symbol: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Factor to SI.
    pub factor: f64,
    /// The same in base units of SI, like `kg m^2 s^-2`.
    pub base: String,
}

/// All symbols that units are made of.
pub fn symbols() -> impl Iterator<Item = Symbol> {
    SYMBOLS.iter().filter_map(|(symbol, name, factor, _)| {
        let unit = Unit::parse(symbol).ok()?;
        Some(Symbol {
            symbol,
            name,
            factor: *factor,
            base: Unit::si_of_product(std::iter::once((&unit, 1.0))),
        })
    })
}

/// Endings of keys and the units that they state, the longer ones first.
const ENDINGS: &[(&str, &str)] = &[
    ("_mah_cm2", "mAh cm^-2"),
    ("_mah_g", "mAh g^-1"),
    ("_mg_cm2", "mg cm^-2"),
    ("_ul_mg", "uL mg^-1"),
    ("_ohm_m2", "ohm m^2"),
    ("_wt_pct", "wt%"),
    ("_kj_mol", "kJ mol^-1"),
    ("_v_s", "V s^-1"),
    ("_m2_g", "m^2 g^-1"),
    ("_cm2", "cm^2"),
    ("_gib", "GiB"),
    ("_nats", "nats"),
    ("_hz", "Hz"),
    ("_ev", "eV"),
    ("_mg", "mg"),
    ("_v", "V"),
    ("_s", "s"),
    ("_h", "h"),
];

/// The unit in which the name of a key ends, if it ends in one.
pub fn unit_of_key(key: &str) -> Option<&'static str> {
    let ending = ENDINGS.iter().find(|(ending, _)| key.ends_with(ending));
    ending.map(|(_, unit)| *unit)
}

/// Up to four significant digits without zeros at the end: `0.1`, not `0.1000`.
pub fn short(value: f64) -> String {
    let text = digits(value);
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Four significant digits, without an exponent where that stays short.
pub fn digits(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || !size.is_finite() {
        format!("{value}")
    } else if (1e-3..1e5).contains(&size) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a logarithm between -3 and 5"
        )]
        let before = size.log10().floor() as i32;
        let decimals = usize::try_from(3 - before).unwrap_or(0);
        format!("{value:.decimals$}")
    } else {
        format!("{value:.3e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_convert_and_compare() {
        let loading = Unit::parse("mg cm^-2").unwrap();
        assert!((loading.to_si(1.0) - 0.01).abs() < 1e-15);
        assert!(loading.is_compatible(&Unit::parse("kg m^-2").unwrap()));
        assert!(!loading.is_compatible(&Unit::parse("V").unwrap()));
        let ohm_farad = Unit::parse("ohm F").unwrap();
        assert!(ohm_farad.is_compatible(&Unit::parse("s").unwrap()));
        let capacity = Unit::parse("mAh g^-1").unwrap();
        assert!((mah_per_g(capacity.to_si(1672.0)) - 1672.0).abs() < 1e-9);
    }

    #[test]
    fn unknown_part_is_named() {
        let error = Unit::parse("mol m^-2 fortnight^-1").unwrap_err();
        assert_eq!(error.part, "fortnight^-1");
        assert!(Unit::parse("m^x").is_err());
        let slope = Unit::parse("ohm s^-1/2").unwrap();
        assert!(!slope.is_compatible(&Unit::parse("ohm s^-1").unwrap()));
    }
}
