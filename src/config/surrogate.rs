//! Folders of surrogates: card and networks become a surrogate for one mechanism.

use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::path::Path;
use std::sync::Arc;

use super::error::ConfigError;
use super::error::Place;
use super::error::read_text;
use super::memory::Memory;
use crate::mechanism::Mechanism;
use crate::mechanism::Scale;
use crate::report::CARD_LAYOUT;
use crate::report::RawCard;
use crate::report::WEIGHTS;
use crate::report::parse_hexadecimal;
use crate::report::quantity;
use crate::surrogate::Axis;
use crate::surrogate::Belongs;
use crate::surrogate::Calibration;
use crate::surrogate::Department;
use crate::surrogate::Encoding;
use crate::surrogate::Known;
use crate::surrogate::KnownCurve;
use crate::surrogate::Networks;
use crate::surrogate::Surrogate;
use crate::surrogate::structure;
use crate::units::Unit;

/// Reads a surrogate for a mechanism.
///
/// # Errors
/// [`ConfigError`] with the file at fault and the reason, above all that it belongs to another mechanism.
pub fn read_surrogate(folder: &Path, mechanism: &Mechanism) -> Result<Surrogate, ConfigError> {
    let path = folder.join("card.json");
    let card = read_card(&path)?;
    let reader = Reader {
        place: Place::new(&path),
        folder,
        card: &card,
    };
    reader.surrogate(mechanism)
}

/// Reads the card of a surrogate.
///
/// # Errors
/// [`ConfigError`] if it cannot be read or is none.
pub fn read_card(path: &Path) -> Result<Arc<RawCard>, ConfigError> {
    static READ: Memory<String, RawCard> = Memory::new();
    let read = READ.recall(read_text(path)?, |text| serde_json::from_str(text));
    read.map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        line: error.line(),
        message: format!("not a card of a surrogate: {error}"),
    })
}

/// All that networks are made of.
#[derive(PartialEq)]
struct Content {
    file: (u64, [u8; 8]),
    n_inputs: usize,
    n_members: usize,
    departments: Vec<Department>,
}

struct Reader<'a> {
    place: Place<'a>,
    folder: &'a Path,
    card: &'a RawCard,
}

impl Reader<'_> {
    fn surrogate(&self, mechanism: &Mechanism) -> Result<Surrogate, ConfigError> {
        let card = self.card;
        if card.layout != CARD_LAYOUT {
            let expected = format!("{CARD_LAYOUT}; train again with this version");
            return Err(self
                .place
                .value("layout", card.layout.to_string(), expected));
        }
        let belongs = Belongs {
            mechanism: card.mechanism.clone(),
            structure: self.number("structure", &card.structure)?,
            constants: card.constants.clone(),
        };
        if belongs.structure != structure(mechanism) {
            let found = format!("a surrogate of '{}' with other equations", card.mechanism);
            let expected = format!(
                "one of the mechanism '{}' as it is now; train again with sulfit train",
                mechanism.name()
            );
            return Err(self.place.value("structure", found, expected));
        }
        let [of_numbers, of_curves] = card.departments().ok_or_else(|| {
            let expected = "each number and coefficient once, of axes that exist; train again";
            self.place
                .value("number_departments", "a contradiction", expected)
        })?;
        Ok(Surrogate {
            name: card.name.clone(),
            belongs,
            axes: self.axes(mechanism)?,
            numbers: self.known()?,
            curves: self.known_curves()?,
            encoding: self.encoding(),
            number_networks: self.networks(WEIGHTS[0], of_numbers)?,
            curve_networks: self.networks(WEIGHTS[1], of_curves)?,
            calibration: Calibration {
                level: card.level,
                floors: card.numbers.iter().map(|n| n.spread_floor).collect(),
                factors: card.numbers.iter().map(|n| n.spread_factor).collect(),
            },
            spread_limits: card.numbers.iter().map(|n| n.spread_max).collect(),
        })
    }

    fn number(&self, key: &str, text: &str) -> Result<u64, ConfigError> {
        parse_hexadecimal(text).ok_or_else(|| {
            let expected = "16 hexadecimal digits; train again";
            self.place.value(key, format!("'{text}'"), expected)
        })
    }

    fn axes(&self, mechanism: &Mechanism) -> Result<Vec<Axis>, ConfigError> {
        let axes = self.card.axes.iter();
        axes.map(|raw| {
            let key = format!("axes '{}'", raw.name);
            let quantity = quantity(&raw.name, mechanism).ok_or_else(|| {
                let expected = format!("a parameter of the mechanism '{}'", mechanism.name());
                self.place.value(&key, format!("'{}'", raw.name), expected)
            })?;
            let scale = match raw.scale.as_str() {
                "ln" => Scale::Ln,
                "linear" => Scale::Linear,
                other => {
                    let expected = "ln or linear";
                    return Err(self.place.value(key, format!("'{other}'"), expected));
                }
            };
            let unit = Unit::parse(&raw.unit)
                .map_err(|error| self.place.value(&key, error.to_string(), "a unit"))?;
            let is_positive = scale == Scale::Linear || raw.lower_si > 0.0;
            if !(is_positive && raw.lower_si < raw.upper_si && raw.upper_si.is_finite()) {
                let found = format!("{} to {}", raw.lower_si, raw.upper_si);
                return Err(self.place.value(key, found, "a side with a length"));
            }
            Ok(Axis {
                name: raw.name.clone(),
                unit,
                quantity,
                scale,
                lower: raw.lower_si,
                upper: raw.upper_si,
            })
        })
        .collect()
    }

    fn known(&self) -> Result<Vec<Known>, ConfigError> {
        let numbers = self.card.numbers.iter();
        numbers
            .map(|number| self.one_known(&number.known))
            .collect()
    }

    fn known_curves(&self) -> Result<Vec<KnownCurve>, ConfigError> {
        let curves = self.card.curves.iter();
        curves
            .map(|curve| {
                let n = curve.at.len();
                let is_whole = curve.mean.len() == n
                    && curve.transforms.len() == n
                    && curve.components.iter().all(|c| c.len() == n);
                if !is_whole {
                    let key = format!("curves '{}'", curve.known.name);
                    let expected = "as many places in all its lists; train again";
                    return Err(self
                        .place
                        .value(key, "lists of different lengths", expected));
                }
                Ok(KnownCurve {
                    known: self.one_known(&curve.known)?,
                    abscissa: curve.abscissa.clone(),
                    at: curve.at.clone(),
                })
            })
            .collect()
    }

    fn one_known(&self, raw: &crate::report::RawKnown) -> Result<Known, ConfigError> {
        Ok(Known {
            name: raw.name.clone(),
            unit: raw.unit.clone(),
            protocol: raw.protocol.clone(),
            protocol_fingerprint: self.number(&raw.name, &raw.protocol_fingerprint)?,
            is_at_any_rate: raw.is_at_any_rate,
            reading: raw.reading.clone(),
        })
    }

    fn encoding(&self) -> Encoding {
        let numbers = self.card.numbers.iter().enumerate();
        let mut from = self.card.numbers.len();
        let curves = self.card.curves.iter().enumerate().map(|(i, curve)| {
            let code = curve.code(self.card.numbers.len() + i, from);
            from += curve.at.len();
            code
        });
        Encoding {
            curves: curves.collect(),
            numbers: numbers.map(|(i, number)| number.code(i)).collect(),
        }
    }

    fn networks(
        &self,
        name: &str,
        departments: Vec<Department>,
    ) -> Result<Arc<Networks>, ConfigError> {
        static READ: Memory<Content, Networks> = Memory::new();
        let path = self.folder.join(name);
        let unreadable = |error: std::io::Error| ConfigError::Unreadable {
            path: path.clone(),
            reason: error.to_string(),
        };
        let content = Content {
            file: length_and_checksum(&path).map_err(unreadable)?,
            n_inputs: self.card.axes.len(),
            n_members: self.card.members,
            departments,
        };
        READ.recall(content, |content| {
            let bytes = std::fs::read(&path).map_err(unreadable)?;
            let of = (&content.departments[..], content.n_members);
            let networks = Networks::from_bytes(&bytes, content.n_inputs, of);
            networks.map_err(|error| ConfigError::Networks {
                path: path.clone(),
                reason: error.to_string(),
            })
        })
    }
}

/// What tells the weights in a file from others: its length and the checksum at its end.
fn length_and_checksum(path: &Path) -> std::io::Result<(u64, [u8; 8])> {
    let mut file = File::open(path)?;
    let (length, mut checksum) = (file.metadata()?.len(), [0; 8]);
    if length >= 8 {
        file.seek(SeekFrom::End(-8))?;
        file.read_exact(&mut checksum)?;
    }
    Ok((length, checksum))
}
