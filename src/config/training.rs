//! Training files: `experiments/<name>_surrogate.toml`, from raw mirror to the plan of a surrogate.

use std::path::Path;
use std::sync::Arc;

use super::curve_file::RawHalfName;
use super::error::ConfigError;
use super::error::Place;
use super::error::parse_toml;
use super::error::read_text;
use super::experiment::Builder;
use super::experiment::with_builder;
use super::model::bounds;
use super::nearest::did_you_mean;
use super::nearest::one_of;
use super::training_file::RawCurrentOverVoltage;
use super::training_file::RawImpedanceCurve;
use super::training_file::RawOutput;
use super::training_file::RawPart;
use super::training_file::RawTraining;
use super::training_file::RawVoltageOverCharge;
use crate::estimate::Study;
use crate::estimate::Target;
use crate::mechanism::Prior;
use crate::mechanism::Scale;
use crate::observe::CurvePoint;
use crate::observe::Half;
use crate::observe::Observable;
use crate::observe::Part;
use crate::protocol::Protocol;
use crate::protocol::Step;
use crate::surrogate::Axis;
use crate::surrogate::Budget;
use crate::surrogate::Learning;
use crate::surrogate::Output;
use crate::surrogate::Plan;
use crate::surrogate::Quantity;
use crate::surrogate::Reading;
use crate::surrogate::Working;
use crate::units::Unit;

/// Fewest points of each set: a network learns nothing from less, and intervals at 90 % need nine.
pub(super) const SET_MIN: usize = 20;
/// Fewest networks whose spread says something.
pub(super) const MEMBERS_MIN: usize = 2;
/// Most points of a curve.
pub(super) const POINTS_MAX: usize = 500;
/// A box side that spans more than this factor is divided evenly in its logarithm if no prior says otherwise.
const LN_FROM: f64 = 3.0;

/// Reads a training file and everything it names.
///
/// # Errors
/// [`ConfigError`] with the file and the line or key at fault.
pub fn read_plan(path: &Path) -> Result<Plan, ConfigError> {
    let raw: RawTraining = parse_toml(path, &read_text(path)?)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    with_builder(&folder.join(&raw.experiment), |builder| {
        let study = builder.study()?;
        let trainer = Trainer {
            raw: &raw,
            builder: Builder {
                place: Place::new(path),
                ..*builder
            },
            study: &study,
        };
        trainer.plan()
    })
}

/// Whether a file names an experiment to learn from, instead of being one.
pub fn is_training_file(path: &Path) -> bool {
    let table = read_text(path)
        .ok()
        .and_then(|text| text.parse::<toml::Table>().ok());
    // Predictions and rankings name an experiment, too, and a fit of it.
    table.is_some_and(|table| table.contains_key("experiment") && !table.contains_key("fit"))
}

/// Checks a raw training file against its experiment.
struct Trainer<'a> {
    raw: &'a RawTraining,
    builder: Builder<'a>,
    study: &'a Study,
}

impl Trainer<'_> {
    fn place(&self) -> &Place<'_> {
        &self.builder.place
    }

    fn plan(&self) -> Result<Plan, ConfigError> {
        let mechanism = self.builder.mechanism;
        if mechanism.battery().is_none() {
            let expected = "the mechanism of a battery";
            return Err(self.place().value("experiment", "a half cell", expected));
        }
        let protocols = self.protocols()?;
        let axes = self.axes(&protocols)?;
        let varies_loading = axes
            .iter()
            .any(|axis| axis.quantity == Quantity::Parameter(mechanism.roles().loading));
        let bare = |protocol: &Protocol| Protocol {
            loading_kg_m2: protocol.loading_kg_m2.filter(|_| !varies_loading),
            ..protocol.clone()
        };
        let outputs = self.outputs(&protocols)?;
        Ok(Plan {
            name: self.raw.name.clone(),
            working: self.working(&outputs)?,
            mechanism: Arc::clone(mechanism),
            fixed: Vec::new(),
            outputs,
            protocols: protocols.iter().map(bare).collect(),
            axes,
            resolution: self.builder.resolution("mesh", &self.raw.mesh)?,
            budget: self.budget()?,
            learning: self.learning()?,
            seed: self.raw.seed,
        })
    }

    /// The protocols that are taken from the experiment, then the file's own.
    fn protocols(&self) -> Result<Vec<Protocol>, ConfigError> {
        let named = self.raw.protocols.iter().map(|name| {
            let found = self.study.protocols.iter().find(|p| p.name == *name);
            found.cloned().ok_or_else(|| {
                let names: Vec<&str> = self.study.protocols.iter().map(|p| &*p.name).collect();
                let meant = did_you_mean(name, names.iter().copied());
                let names = names.join(", ");
                let expected = format!("protocols of the experiment: {names}{meant}");
                self.place()
                    .value("protocols", format!("'{name}'"), expected)
            })
        });
        let own = self.raw.protocol.iter();
        let own = own.map(|(name, raw)| raw.build(&self.builder, name));
        let protocols: Vec<Protocol> = named.chain(own).collect::<Result<_, _>>()?;
        for (i, protocol) in protocols.iter().enumerate() {
            if protocols[..i]
                .iter()
                .any(|other| other.name == protocol.name)
            {
                let found = format!("'{}' twice", protocol.name);
                let expected = "a name of its own for each protocol";
                return Err(self.place().value("protocols", found, expected));
            }
        }
        if protocols.is_empty() {
            let expected = "at least one protocol";
            return Err(self.place().value("protocols", "none", expected));
        }
        Ok(protocols)
    }

    fn axes(&self, protocols: &[Protocol]) -> Result<Vec<Axis>, ConfigError> {
        let sides = &self.raw.sides;
        let positive = |v: f64| v > 0.0;
        let sd = sides.prior_sd;
        let sd = self
            .place()
            .number("box.prior_sd", sd, positive, "a positive number")?;
        let by_prior = sides
            .parameters
            .iter()
            .map(|name| self.side_of_prior(name, sd));
        let stated = sides
            .bounds
            .iter()
            .map(|(name, raw)| self.stated_side(name, *raw));
        let mut axes: Vec<Axis> = by_prior.chain(stated).collect::<Result<_, _>>()?;
        axes.extend(self.rate_side(protocols)?);
        for (i, axis) in axes.iter().enumerate() {
            if axes[..i]
                .iter()
                .any(|other| other.quantity == axis.quantity)
            {
                let found = format!("'{}' twice", axis.name);
                return Err(self.place().value("box", found, "each parameter once"));
            }
        }
        if axes.is_empty() {
            return Err(self
                .place()
                .value("box", "no side", "at least one parameter"));
        }
        Ok(axes)
    }

    /// A side around the centre of a prior, inside the bounds of a fit.
    fn side_of_prior(&self, name: &str, sd: f64) -> Result<Axis, ConfigError> {
        let id = self.builder.parameter("box.parameters", name)?;
        let row = self.builder.mechanism.parameters().row(id);
        let lacks = |what: &str| {
            let found = format!("'{name}', which has no {what}");
            let expected = "a parameter with bounds and a prior, or its sides in [box.bounds]";
            self.place().value("box.parameters", found, expected)
        };
        let (lowest, highest) = row.bounds.ok_or_else(|| lacks("bounds"))?;
        let (scale, lower, upper) = match row.prior {
            Some(Prior::LogNormal { median, sd_ln }) => {
                let factor = (sd * sd_ln).exp();
                (Scale::Ln, median / factor, median * factor)
            }
            Some(Prior::Normal { mean, sd: own }) => {
                (Scale::Linear, mean - sd * own, mean + sd * own)
            }
            Some(Prior::Flat { .. }) | None => return Err(lacks("prior of a width")),
        };
        Ok(Axis {
            name: name.to_owned(),
            unit: row.unit.clone(),
            quantity: Quantity::Parameter(id),
            scale,
            lower: lower.max(lowest),
            upper: upper.min(highest),
        })
    }

    fn stated_side(&self, name: &str, raw: [f64; 2]) -> Result<Axis, ConfigError> {
        let key = format!("box.bounds.{name}");
        let id = self.builder.parameter(&key, name)?;
        let row = self.builder.mechanism.parameters().row(id);
        if row.tied_to.is_some() {
            let found = format!("'{name}', which is tied");
            return Err(self
                .place()
                .value(key, found, "the parameter that it follows"));
        }
        let (lower, upper) = bounds(self.place(), &key, raw, &row.unit)?;
        let scale = match row.prior {
            Some(Prior::LogNormal { .. } | Prior::Flat { is_ln: true }) => Scale::Ln,
            None if lower > 0.0 && upper > LN_FROM * lower => Scale::Ln,
            Some(Prior::Normal { .. } | Prior::Flat { is_ln: false }) | None => Scale::Linear,
        };
        let roles = self.builder.mechanism.roles();
        let is_electrolyte = id == roles.separator_thickness || id == roles.separator_porosity;
        if is_electrolyte && lower <= 0.0 {
            let expected =
                "a positive number: with less the cell would hold less electrolyte than its pores";
            return Err(self.place().value(key, raw[0].to_string(), expected));
        }
        if lower <= 0.0 && (scale == Scale::Ln || id == roles.loading) {
            return Err(self
                .place()
                .value(key, raw[0].to_string(), "positive bounds"));
        }
        Ok(Axis {
            name: name.to_owned(),
            unit: row.unit.clone(),
            quantity: Quantity::Parameter(id),
            scale,
            lower,
            upper,
        })
    }

    fn rate_side(&self, protocols: &[Protocol]) -> Result<Option<Axis>, ConfigError> {
        let Some(raw) = &self.raw.sides.c_rate else {
            return Ok(None);
        };
        let protocol = self.protocol_of("box.c_rate.protocol", &raw.protocol, protocols)?;
        if !matches!(
            protocols[protocol].steps.get(raw.step),
            Some(Step::Cycle(_))
        ) {
            let found = format!("step {} of protocol '{}'", raw.step, raw.protocol);
            return Err(self
                .place()
                .value("box.c_rate.step", found, "a step with cycles"));
        }
        let unit = Unit::parse("1").expect("units in the code are known");
        let (lower, upper) = bounds(self.place(), "box.c_rate.bounds", raw.bounds, &unit)?;
        if lower <= 0.0 {
            let key = "box.c_rate.bounds";
            return Err(self
                .place()
                .value(key, lower.to_string(), "positive bounds"));
        }
        Ok(Some(Axis {
            name: "c_rate".to_owned(),
            unit,
            quantity: Quantity::Rate {
                protocol,
                step: raw.step,
            },
            scale: Scale::Ln,
            lower,
            upper,
        }))
    }

    fn protocol_of(
        &self,
        key: &str,
        name: &str,
        protocols: &[Protocol],
    ) -> Result<usize, ConfigError> {
        let position = protocols.iter().position(|p| p.name == name);
        position.ok_or_else(|| {
            let expected = one_of(name, protocols.iter().map(|p| p.name.as_str()));
            self.place().value(key, format!("'{name}'"), expected)
        })
    }

    /// The numbers that the experiment reads from its protocols, then the file's own outputs.
    fn outputs(&self, protocols: &[Protocol]) -> Result<Vec<Output>, ConfigError> {
        let mut outputs = self.numbers_of_the_experiment();
        for raw in &self.raw.output {
            let key = format!("output '{}'", raw.name);
            let protocol =
                self.protocol_of(&format!("{key}.protocol"), &raw.protocol, protocols)?;
            let output = Output {
                name: raw.name.clone(),
                protocol,
                reading: self.reading(&key, raw)?,
            };
            for observable in output.observables() {
                observable.check(&protocols[protocol]).map_err(|what| {
                    let expected = "a quantity that the protocol gives";
                    self.place().value(&key, what, expected)
                })?;
            }
            if outputs.iter().any(|other| other.name == output.name) {
                return Err(self
                    .place()
                    .value(key, "the name twice", "a name of its own"));
            }
            outputs.push(output);
        }
        if outputs.is_empty() {
            return Err(self.place().value("output", "none", "at least one output"));
        }
        Ok(outputs)
    }

    fn numbers_of_the_experiment(&self) -> Vec<Output> {
        let study = self.study;
        let observed = study
            .observations
            .iter()
            .chain(&study.extras)
            .map(|o| &o.target);
        let predicted = study.predictions.iter().map(|p| &p.target);
        let compared = study.orderings.iter().flat_map(|o| [&o.larger, &o.smaller]);
        let candidates = study.candidates.iter().flat_map(|c| &c.readings);
        let targets: Vec<&Target> = observed
            .chain(predicted)
            .chain(compared)
            .chain(candidates.map(|(target, _)| target))
            .collect();
        let mut outputs: Vec<Output> = Vec::new();
        for (position, name) in self.raw.protocols.iter().enumerate() {
            for target in &targets {
                let is_number = !matches!(target.observable, Observable::Point(_));
                let is_own = study.protocols[target.protocol].name == *name;
                let reading = Reading::Number(target.observable.clone());
                let is_known = |o: &Output| o.protocol == position && o.reading == reading;
                if !(is_number && is_own) || outputs.iter().any(is_known) {
                    continue;
                }
                let n_same = outputs
                    .iter()
                    .filter(|o| o.name.starts_with(&target.id))
                    .count();
                outputs.push(Output {
                    name: match n_same {
                        0 => target.id.clone(),
                        n => format!("{} ({})", target.id, n + 1),
                    },
                    protocol: position,
                    reading,
                });
            }
        }
        outputs
    }

    fn reading(&self, key: &str, raw: &RawOutput) -> Result<Reading, ConfigError> {
        let kinds = vec![
            raw.capacity.map(|raw| Ok(Reading::Number(raw.build()))),
            raw.energy.map(|raw| Ok(Reading::Number(raw.energy()))),
            raw.resistance.map(|raw| Ok(Reading::Number(raw.build()))),
            raw.voltage_over_charge
                .as_ref()
                .map(|raw| self.voltage_over_charge(key, raw)),
            raw.current_over_voltage
                .as_ref()
                .map(|raw| self.current_over_voltage(key, raw)),
            raw.impedance.as_ref().map(|raw| self.impedance(key, raw)),
        ];
        let set: Vec<_> = kinds.into_iter().flatten().collect();
        let n = set.len();
        if let Ok([only]) = <[_; 1]>::try_from(set) {
            return only;
        }
        let expected = "exactly one, like capacity = { step = 1, cycle = 1 }";
        Err(self.place().value(key, format!("{n} quantities"), expected))
    }

    /// Places that divide a range evenly, ends included.
    fn places(
        &self,
        key: &str,
        (from, to): (f64, f64),
        points: usize,
    ) -> Result<Vec<f64>, ConfigError> {
        if !(3..=POINTS_MAX).contains(&points) {
            let expected = format!("3 to {POINTS_MAX}");
            return Err(self
                .place()
                .value(format!("{key}.points"), points.to_string(), expected));
        }
        if !(from.is_finite() && to.is_finite()) || (from - to).abs() < f64::EPSILON {
            let found = format!("{from} to {to}");
            return Err(self.place().value(key, found, "a range with two ends"));
        }
        let step = (to - from) / (points - 1) as f64;
        Ok((0..points).map(|i| from + step * i as f64).collect())
    }

    fn voltage_over_charge(
        &self,
        key: &str,
        raw: &RawVoltageOverCharge,
    ) -> Result<Reading, ConfigError> {
        let half = match raw.half {
            RawHalfName::Discharge => Half::Discharge,
            RawHalfName::Charge => Half::Charge,
        };
        let at = self.places(key, (0.0, 1.0), raw.points)?;
        let points = at.iter().map(|share| CurvePoint::HalfCycleVoltage {
            step: raw.step,
            cycle: raw.cycle,
            half,
            share: *share,
        });
        Ok(Reading::Curve {
            abscissa: "charge_share",
            points: points.map(Observable::Point).collect(),
            at,
        })
    }

    fn current_over_voltage(
        &self,
        key: &str,
        raw: &RawCurrentOverVoltage,
    ) -> Result<Reading, ConfigError> {
        let at = self.places(key, (raw.from_v, raw.to_v), raw.points)?;
        let points = at.iter().map(|voltage_v| CurvePoint::RampCurrent {
            step: raw.step,
            ramp: raw.ramp,
            voltage_v: *voltage_v,
        });
        Ok(Reading::Curve {
            abscissa: "voltage_v",
            points: points.map(Observable::Point).collect(),
            at,
        })
    }

    fn impedance(&self, key: &str, raw: &RawImpedanceCurve) -> Result<Reading, ConfigError> {
        for (name, frequency) in [("lowest_hz", raw.lowest_hz), ("highest_hz", raw.highest_hz)] {
            let key = format!("{key}.{name}");
            self.place()
                .number(&key, frequency, |v| v > 0.0, "a positive number")?;
        }
        let ends = (raw.highest_hz.ln(), raw.lowest_hz.ln());
        let at: Vec<f64> = self
            .places(key, ends, raw.points)?
            .into_iter()
            .map(f64::exp)
            .collect();
        let part = match raw.part {
            RawPart::Real => Part::Real,
            RawPart::Imaginary => Part::Imaginary,
        };
        let points = at.iter().map(|frequency_hz| CurvePoint::Impedance {
            step: raw.step,
            frequency_hz: *frequency_hz,
            part,
        });
        Ok(Reading::Curve {
            abscissa: "frequency_hz",
            points: points.map(Observable::Point).collect(),
            at,
        })
    }

    fn working(&self, outputs: &[Output]) -> Result<Option<Working>, ConfigError> {
        let Some(raw) = &self.raw.working else {
            return Ok(None);
        };
        let mut numbers = outputs.iter().filter(|output| !output.is_curve());
        let number = numbers.position(|output| output.name == raw.output);
        let number = number.ok_or_else(|| {
            let numbers = outputs.iter().filter(|output| !output.is_curve());
            let meant = did_you_mean(&raw.output, numbers.map(|output| output.name.as_str()));
            let expected = format!("the name of an output that is a number{meant}");
            self.place()
                .value("working.output", format!("'{}'", raw.output), expected)
        })?;
        let is_any = |_: f64| true;
        let above = self
            .place()
            .number("working.above", raw.above, is_any, "a finite number")?;
        Ok(Some(Working { number, above }))
    }

    fn budget(&self) -> Result<Budget, ConfigError> {
        let raw = &self.raw.simulations;
        let n_axes = self.raw.sides.parameters.len() + self.raw.sides.bounds.len();
        let fewest = [
            ("training", raw.training, SET_MIN.max(4 * n_axes)),
            ("validation", raw.validation, SET_MIN),
            ("calibration", raw.calibration, SET_MIN),
            ("test", raw.test, SET_MIN),
        ];
        for (name, count, least) in fewest {
            if count < least {
                let expected =
                    format!("at least {least}: fewer say nothing in {n_axes} dimensions");
                let key = format!("simulations.{name}");
                return Err(self.place().value(key, count.to_string(), expected));
            }
        }
        Ok(Budget {
            training: raw.training,
            with_slopes: raw.with_slopes.min(raw.training),
            validation: raw.validation,
            calibration: raw.calibration,
            test: raw.test,
        })
    }

    fn learning(&self) -> Result<Learning, ConfigError> {
        let raw = &self.raw.network;
        if raw.members < MEMBERS_MIN {
            let expected = format!("at least {MEMBERS_MIN}, so that they can disagree");
            let key = "network.members";
            return Err(self.place().value(key, raw.members.to_string(), expected));
        }
        let mut layers = raw.hidden_of.values().chain([&raw.hidden]);
        let is_empty = layers.any(|hidden| hidden.is_empty() || hidden.contains(&0));
        if is_empty || raw.epochs == 0 {
            let expected = "at least one hidden layer, widths and epochs of at least 1";
            return Err(self.place().value("network", "nothing to train", expected));
        }
        let key = "network.slope_weight";
        let is_weight = |v: f64| v >= 0.0;
        Ok(Learning {
            members: raw.members,
            hidden: raw.hidden.clone(),
            hidden_of: raw.hidden_of.clone().into_iter().collect(),
            epochs: raw.epochs,
            slope_weight: self
                .place()
                .number(key, raw.slope_weight, is_weight, "0 or more")?,
        })
    }
}
