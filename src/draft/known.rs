//! Area and mass of sulfur: said by the user, or by the files where that is no default of their instrument.

use super::Given;
use super::Stated;
use crate::import::FolderFile;
use crate::record::Stated as Told;

/// Relative difference of numbers that are the same (1).
const SAME: f64 = 1e-3;

/// What a preamble's number is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An area (cm²).
    Area,
    /// A mass (mg).
    Mass,
}

/// Area (cm²), mass of sulfur (mg), and what the files say that is not used.
pub(super) fn stated(
    used: &[&FolderFile],
    given: &Given,
) -> (Option<Stated>, Option<Stated>, Vec<String>) {
    let mut unused = Vec::new();
    let mut one = |kind: Kind, given: Option<f64>, option: &str| match given {
        Some(value) => Some(Stated {
            value,
            by: option.to_owned(),
        }),
        None => of_files(used, kind, &mut unused),
    };
    let area = one(Kind::Area, given.area_cm2, "stated by you");
    let mass = one(Kind::Mass, given.sulfur_mg, "stated by you");
    (area, mass, unused)
}

/// The number that all files that state it agree in.
fn of_files(used: &[&FolderFile], kind: Kind, unused: &mut Vec<String>) -> Option<Stated> {
    let mut found: Option<Stated> = None;
    for file in used {
        let Ok(content) = &file.content else { continue };
        for told in &content.measured.stated {
            let Some((of, value)) = number(told) else {
                continue;
            };
            if of != kind {
                continue;
            }
            let words = format!("{}: {} = {}", file.name, told.name, told.value);
            if told.is_default {
                unused.push(format!("{words}: the instrument's default"));
                continue;
            }
            match &found {
                None => {
                    let by = match kind {
                        Kind::Area => words,
                        Kind::Mass => format!("{words}, taken as that of the sulfur alone"),
                    };
                    found = Some(Stated { value, by });
                }
                Some(other) if (other.value / value - 1.0).abs() < SAME => {}
                Some(other) => {
                    unused.push(format!("{words}: another value than {}", other.by));
                    return None;
                }
            }
        }
    }
    found
}

/// Kind and value of a preamble's number, in cm² or mg.
fn number(told: &Told) -> Option<(Kind, f64)> {
    let name = told.name.to_lowercase();
    let kind = if name.contains("area") {
        Kind::Area
    } else if name.contains("mass") {
        Kind::Mass
    } else {
        return None;
    };
    let mut words = told.value.split_whitespace();
    let value: f64 = words.next()?.replace(',', ".").parse().ok()?;
    let unit = words.next().map(str::to_lowercase);
    let in_name = |unit: &str| name.contains(&format!("({unit})"));
    let factor = match (kind, unit.as_deref()) {
        (Kind::Area, Some("cm²" | "cm2" | "cm^2")) | (Kind::Mass, Some("mg")) => 1.0,
        (Kind::Mass, Some("g")) => 1e3,
        (Kind::Area, None) if in_name("cm2") => 1.0,
        (Kind::Mass, None) if in_name("g") => 1e3,
        // A number without a unit is no area and no mass.
        _ => return None,
    };
    let value = value * factor;
    (value.is_finite() && value > 0.0).then_some((kind, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Option<f64> {
        let told = Told {
            name: name.to_owned(),
            value: value.to_owned(),
            is_default: false,
        };
        number(&told).map(|(_, value)| value)
    }

    #[test]
    fn numbers_of_preambles_need_a_unit() {
        assert_eq!(
            read("electrode area (cm2)", "1.130973E+000"),
            Some(1.130_973)
        );
        assert_eq!(read("electrode surface area", "0,5 cm²"), Some(0.5));
        assert_eq!(read("characteristic mass", "0.002 g"), Some(2.0));
        assert_eq!(read("characteristic mass", "2.5 mg"), Some(2.5));
        assert_eq!(read("Mass (g)", "0.003"), Some(3.0));
        assert_eq!(read("Mass", "3"), None);
        assert_eq!(read("Mass (g)", "-1"), None);
        assert_eq!(read("Capacity (Ah)", "1"), None);
        assert_eq!(read("characteristic mass", "nan mg"), None);
    }
}
