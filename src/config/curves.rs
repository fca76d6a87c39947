//! Curves of an experiment: what a record shows, thinned, and the points of the simulation that it is compared with.

use super::curve_file::RawCurve;
use super::curve_file::RawCurveNoise;
use super::error::ConfigError;
use super::experiment::Builder;
use super::nearest::one_of;
use super::store::Loaded;
use crate::estimate::Abscissa;
use crate::estimate::Calibration;
use crate::estimate::MeasuredCurve;
use crate::estimate::Noise;
use crate::estimate::NoiseGroup;
use crate::estimate::Observation;
use crate::estimate::Target;
use crate::observe::CurvePoint;
use crate::observe::Observable;
use crate::observe::Part;
use crate::protocol::Protocol;

/// Name of an entry: that of its record unless stated.
pub(super) fn curve_name(raw: &RawCurve) -> &str {
    raw.name.as_ref().unwrap_or(&raw.record)
}

/// What curves add to a study.
#[derive(Default)]
pub(super) struct Curves {
    pub(super) observations: Vec<Observation>,
    pub(super) measured: Vec<MeasuredCurve>,
    pub(super) calibrations: Vec<Calibration>,
    pub(super) noise_groups: Vec<NoiseGroup>,
}

/// Points of one curve before they are numbered.
pub(super) struct Points {
    /// What tells it from other curves of the same entry.
    pub(super) suffix: String,
    pub(super) abscissa: Abscissa,
    pub(super) noise: NoiseOfPoints,
    /// Place on the abscissa, what is compared, measured value, standard deviation.
    pub(super) rows: Vec<(f64, CurvePoint, f64, f64)>,
}

/// How the standard deviations of points are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NoiseOfPoints {
    /// In the unit of the value; the level may be estimated.
    Absolute,
    /// Relative to the value, as stated.
    Relative,
}

/// A curve's entry with what it names.
pub(super) struct Entry<'b> {
    pub(super) key: String,
    raw: &'b RawCurve,
    pub(super) loaded: Loaded,
    cell: usize,
    protocol: usize,
}

impl Builder<'_> {
    /// The curves that are fitted, or those that are only compared; `first` is the position of their first point among
    /// the observations.
    pub(super) fn curves(
        &self,
        protocols: &[Protocol],
        (first, are_fitted): (usize, bool),
    ) -> Result<Curves, ConfigError> {
        let mut built = Curves::default();
        for (i, raw) in self.raw.curve.iter().enumerate() {
            if raw.fit.unwrap_or(true) != are_fitted {
                continue;
            }
            let (entry, points) = self.entry((i, raw), protocols)?;
            self.enter(&mut built, &entry, points, (protocols, first))?;
        }
        for (i, curve) in built.measured.iter().enumerate() {
            let earlier = &built.measured[..i];
            if earlier.iter().any(|other| other.name == curve.name) {
                let found = format!("two curves named '{}'", curve.name);
                let expected = "a name = \"...\" of its own for each [[curve]]";
                return Err(self.place.value("curve", found, expected));
            }
            let point = |row: usize| &built.observations[row - first].target;
            let is_shared = |other: &&MeasuredCurve| {
                let mut others = other.members.iter();
                others.any(|a| {
                    let (a, mut own) = (point(*a), curve.members.iter().map(|b| point(*b)));
                    own.any(|b| {
                        (a.cell, a.protocol, &a.observable) == (b.cell, b.protocol, &b.observable)
                    })
                })
            };
            if let Some(other) = earlier.iter().find(is_shared) {
                let found = format!(
                    "points of '{}' and '{}' that are the same",
                    other.name, curve.name
                );
                let expected = "every point once, or its weight would be twice what its noise says";
                return Err(self.place.value("curve", found, expected));
            }
        }
        Ok(built)
    }

    /// A curve's entry with its points.
    pub(super) fn entry<'b>(
        &self,
        (i, raw): (usize, &'b RawCurve),
        protocols: &[Protocol],
    ) -> Result<(Entry<'b>, Vec<Points>), ConfigError> {
        let key = format!("curve {} '{}'", i + 1, curve_name(raw));
        let cell = self.cell_index(&key, &raw.cell)?;
        let record = (cell, raw.record.as_str());
        let entry = Entry {
            loaded: self
                .store
                .record(&self.place, &format!("{key}.record"), record)?,
            protocol: self.protocol_index(&key, &raw.protocol, protocols)?,
            key,
            raw,
            cell,
        };
        let points = self.points(&entry, &protocols[entry.protocol])?;
        Ok((entry, points))
    }

    /// The points of an entry by its kind.
    fn points(&self, entry: &Entry<'_>, protocol: &Protocol) -> Result<Vec<Points>, ConfigError> {
        let RawCurve {
            galvanostatic,
            capacities,
            voltammogram,
            impedance,
            over_time,
            ..
        } = entry.raw;
        match (
            galvanostatic,
            capacities,
            voltammogram,
            impedance,
            over_time,
        ) {
            (Some(raw), None, None, None, None) => self.galvanostatic(entry, raw, protocol),
            (None, Some(raw), None, None, None) => self.capacities(entry, raw, protocol),
            (None, None, Some(raw), None, None) => self.voltammogram(entry, raw, protocol),
            (None, None, None, Some(raw), None) => self.spectrum(entry, raw),
            (None, None, None, None, Some(raw)) => self.over_time(entry, raw),
            _ => Err(self.place.value(
                &entry.key,
                "none or several kinds of curve",
                "exactly one of galvanostatic, capacities, voltammogram, impedance, over_time",
            )),
        }
    }

    /// Numbers the points and puts them into the study.
    fn enter(
        &self,
        built: &mut Curves,
        entry: &Entry<'_>,
        points: Vec<Points>,
        (protocols, first): (&[Protocol], usize),
    ) -> Result<(), ConfigError> {
        let name = curve_name(entry.raw);
        let before = built.measured.len();
        let mut group = Vec::new();
        for Points {
            suffix,
            abscissa,
            noise,
            rows,
        } in points
        {
            let name = format!("{name}{suffix}");
            let mut curve = MeasuredCurve {
                name: name.clone(),
                record: entry.loaded.file.name.clone(),
                origin: entry.loaded.origin,
                abscissa,
                at: Vec::new(),
                members: Vec::new(),
            };
            for (at, point, measured, sd) in rows {
                let target = Target {
                    id: name.clone(),
                    cell: entry.cell,
                    protocol: entry.protocol,
                    observable: Observable::Point(point),
                };
                let shown = target.observable.check(&protocols[entry.protocol]);
                shown.map_err(|what| {
                    let expected = "points of the record that the protocol's step passes";
                    self.place.value(&entry.key, what, expected)
                })?;
                curve.at.push(at);
                curve.members.push(first + built.observations.len());
                built.observations.push(Observation {
                    target,
                    measured,
                    noise: match noise {
                        NoiseOfPoints::Absolute => Noise::Absolute(sd),
                        NoiseOfPoints::Relative => Noise::Relative(sd),
                    },
                });
            }
            if noise == NoiseOfPoints::Absolute {
                group.extend(curve.members.iter().copied());
            }
            built.measured.push(curve);
        }
        if entry.raw.noise != Some(RawCurveNoise::Stated) && !group.is_empty() {
            built.noise_groups.push(NoiseGroup {
                name: name.to_owned(),
                members: group,
            });
        }
        let own = built.measured[before..].to_vec();
        self.instruments(entry, &own, (built, first))
    }

    /// The instrument's unknowns of the curves of an entry: offsets of a potential, a current, or the resistance of the
    /// leads; and slopes of the background of a voltammogram. Each ramp has its own, because what charges the electrode
    /// beside the couple changes its sign with the ramp.
    fn instruments(
        &self,
        entry: &Entry<'_>,
        own: &[MeasuredCurve],
        (built, first): (&mut Curves, usize),
    ) -> Result<(), ConfigError> {
        let name = curve_name(entry.raw);
        for (what, sd) in [
            ("offset", entry.raw.offset_sd),
            ("slope", entry.raw.slope_sd),
        ] {
            let Some(sd) = sd else { continue };
            let key = format!("{}.{what}_sd", entry.key);
            let sd = self
                .place
                .number(&key, sd, |sd| sd > 0.0, "a positive number")?;
            let is_slope = what == "slope";
            if is_slope && entry.raw.voltammogram.is_none() {
                let expected = "a slope for voltammograms only";
                return Err(self.place.value(key, "a slope of another curve", expected));
            }
            let unknowns = own.iter().filter_map(|curve| {
                let observations = |row: usize| &built.observations[row - first];
                unknown(curve, observations, (what, sd))
            });
            let mut unknowns: Vec<Calibration> = unknowns.collect();
            if unknowns.is_empty() {
                let found = "an unknown of a curve whose noise is relative";
                let expected = "a scale by [[calibration]] instead, or none";
                return Err(self.place.value(key, found, expected));
            }
            if entry.raw.voltammogram.is_none() {
                let members = unknowns.iter().flat_map(|u| u.members.clone()).collect();
                unknowns.truncate(1);
                unknowns[0].members = members;
                unknowns[0].name = format!("{what} of {name}");
            }
            built.calibrations.extend(unknowns);
        }
        Ok(())
    }

    /// The position of a protocol.
    pub(super) fn protocol_index(
        &self,
        key: &str,
        name: &str,
        protocols: &[Protocol],
    ) -> Result<usize, ConfigError> {
        let position = protocols.iter().position(|p| p.name == name);
        position.ok_or_else(|| {
            let expected = one_of(name, protocols.iter().map(|p| p.name.as_str()));
            self.place
                .value(format!("{key}.protocol"), format!("'{name}'"), expected)
        })
    }
}

/// One unknown of a curve, `None` if no point of it can have one: an offset does not concern imaginary parts, and where
/// the noise is relative it would not be linear. A slope counts from the middle of the curve.
fn unknown<'o>(
    curve: &MeasuredCurve,
    observation: impl Fn(usize) -> &'o Observation,
    (what, sd): (&str, f64),
) -> Option<Calibration> {
    let middle = curve.at.iter().sum::<f64>() / curve.at.len() as f64;
    let points = curve.at.iter().zip(&curve.members);
    let members = points.filter_map(|(at, row)| {
        let Observation { target, noise, .. } = observation(*row);
        let is_imaginary = matches!(
            target.observable,
            Observable::Point(CurvePoint::Impedance {
                part: Part::Imaginary,
                ..
            })
        );
        let lever = if what == "slope" { at - middle } else { 1.0 };
        match noise {
            Noise::Absolute(own) if !is_imaginary => Some((*row, lever / own)),
            _ => None,
        }
    });
    let members: Vec<(usize, f64)> = members.collect();
    let unit = observation(members.first()?.0).target.observable.unit();
    Some(Calibration {
        name: format!("{what} of {}", curve.name),
        unit: if what == "slope" { "A V^-1" } else { unit },
        sd,
        members,
    })
}
