//! Protocols in experiment files.

use super::error::ConfigError;
use super::error::Place;
use super::experiment::Builder;
use super::protocol_file::RawCatholyte;
use super::protocol_file::RawCycle;
use super::protocol_file::RawHalf;
use super::protocol_file::RawImpedance;
use super::protocol_file::RawNothing;
use super::protocol_file::RawProtocol;
use super::protocol_file::RawRecorded;
use super::protocol_file::RawStart;
use super::protocol_file::RawStep;
use super::protocol_file::RawSweep;
use super::protocol_file::RawWhich;
use super::replay::RawReplay;
use super::store::RecordStore;
use crate::cell::Catholyte;
use crate::cell::CatholytePotential;
use crate::cell::Cell;
use crate::cell::Equilibrated;
use crate::mechanism::Law;
use crate::mechanism::Mechanism;
use crate::protocol::Cycles;
use crate::protocol::Imposed;
use crate::protocol::Protocol;
use crate::protocol::Recorded;
use crate::protocol::Replay;
use crate::protocol::Start;
use crate::protocol::Step;
use crate::units::Unit;

/// A half cycle ends after this many times its theoretical time at the latest.
pub(super) const TIME_FACTOR: f64 = 1.15;
/// Highest factor on the number of volumes.
pub(super) const REFINE_MAX: usize = 10;
/// Most cycles of one step.
pub(super) const CYCLES_MAX: usize = 100_000;
/// Lowest voltage that a protocol may ask for (V): far below any reaction, and no overflow in an exponential.
const VOLTAGE_MIN_V: f64 = -3.0;
/// Highest voltage where the electrolyte's window is not known (V).
const VOLTAGE_MAX_V: f64 = 5.0;

impl RawProtocol {
    pub(super) fn build(&self, builder: &Builder<'_>, name: &str) -> Result<Protocol, ConfigError> {
        let (place, mechanism) = (&builder.place, builder.mechanism);
        let key = format!("protocol.{name}");
        let checker = Checker {
            place,
            upper_limit_v: builder.facts.upper_limit_v,
            store: builder.store,
        };
        let start = match &self.start {
            RawStart::Fresh => Start::Fresh,
            RawStart::Coated => Start::Coated,
            RawStart::Catholyte(raw) => Start::Catholyte(checker.catholyte(&key, raw, mechanism)?),
            RawStart::Symmetric(raw) => Start::Symmetric(checker.catholyte(&key, raw, mechanism)?),
        };
        let loading = self.loading_mg_cm2.map(|loading| {
            let key = format!("{key}.loading_mg_cm2");
            place.number(&key, loading, |v| v > 0.0, "a positive number")
        });
        let loading = loading.transpose()?;
        let refine = self.refine.unwrap_or(1);
        if refine == 0 || refine > REFINE_MAX {
            let expected = format!("1 to {REFINE_MAX}");
            return Err(place.value(format!("{key}.refine"), refine.to_string(), expected));
        }
        let unit = Unit::parse("mg cm^-2").expect("units in the code are known");
        let is_half_cell = mechanism.half_cell().is_some();
        if is_half_cell && (start != Start::Fresh || loading.is_some()) {
            let found = "a start with catholyte or foils, or a loading, of a half cell";
            return Err(place.value(key, found, "start = \"fresh\" without a loading"));
        }
        let is_battery = !is_half_cell && matches!(start, Start::Fresh | Start::Catholyte(_));
        let steps = self.steps(builder, &key, (&checker, is_battery))?;
        Ok(Protocol {
            name: name.to_owned(),
            steps,
            start,
            refine,
            loading_kg_m2: loading.map(|loading| unit.to_si(loading)),
        })
    }
}

impl RawProtocol {
    /// The steps; one that is taken from a record may become several.
    fn steps(
        &self,
        builder: &Builder<'_>,
        key: &str,
        (checker, is_battery): (&Checker<'_>, bool),
    ) -> Result<Vec<Step>, ConfigError> {
        let mut steps = Vec::new();
        for (i, raw) in self.step.iter().enumerate() {
            let key = format!("{key}.step {i}");
            let own = match raw {
                RawStep::AsRecorded(raw) => builder.steps_of_record(&key, raw)?,
                _ => vec![checker.step(&key, raw)?],
            };
            let needs_battery = |step: &Step| {
                matches!(
                    step,
                    Step::Cycle(_) | Step::Galvanostatic { .. } | Step::Condition
                )
            };
            if !is_battery && own.iter().any(needs_battery) {
                return Err(builder.place.value(
                    key,
                    "a step for a battery",
                    "a protocol of a battery that starts fresh or with catholyte",
                ));
            }
            steps.extend(own);
        }
        Ok(steps)
    }
}

struct Checker<'a> {
    place: &'a Place<'a>,
    upper_limit_v: Option<f64>,
    store: &'a RecordStore,
}

impl Checker<'_> {
    fn positive(&self, key: &str, name: &str, value: f64) -> Result<f64, ConfigError> {
        let key = format!("{key}.{name}");
        self.place
            .number(&key, value, |v| v > 0.0, "a positive number")
    }

    fn voltage(&self, key: &str, name: &str, value: f64) -> Result<f64, ConfigError> {
        let highest = self.upper_limit_v.unwrap_or(VOLTAGE_MAX_V);
        let expected = match self.upper_limit_v {
            Some(limit) => format!("{VOLTAGE_MIN_V} V to {limit} V, the electrolyte's window"),
            None => format!("{VOLTAGE_MIN_V} V to {VOLTAGE_MAX_V} V"),
        };
        let holds = |v: f64| (VOLTAGE_MIN_V..=highest).contains(&v);
        self.place
            .number(&format!("{key}.{name}"), value, holds, &expected)
    }

    fn duration(
        &self,
        key: &str,
        seconds: Option<f64>,
        hours: Option<f64>,
    ) -> Result<f64, ConfigError> {
        match (seconds, hours) {
            (Some(s), None) => self.positive(key, "duration_s", s),
            (None, Some(h)) => Ok(3600.0 * self.positive(key, "duration_h", h)?),
            _ => Err(self
                .place
                .value(key, "both or no duration", "duration_s or duration_h")),
        }
    }

    fn step(&self, key: &str, raw: &RawStep) -> Result<Step, ConfigError> {
        Ok(match raw {
            RawStep::Rest(raw) => Step::Rest {
                duration_s: self.duration(
                    &format!("{key}.rest"),
                    raw.duration_s,
                    raw.duration_h,
                )?,
            },
            RawStep::Condition(RawNothing {}) => Step::Condition,
            RawStep::Cycle(raw) => Step::Cycle(self.cycle(&format!("{key}.cycle"), raw)?),
            RawStep::Discharge(raw) => self.half(&format!("{key}.discharge"), raw, 1.0)?,
            RawStep::Charge(raw) => self.half(&format!("{key}.charge"), raw, -1.0)?,
            RawStep::Sweep(raw) => self.sweep(&format!("{key}.sweep"), raw)?,
            RawStep::Hold(raw) => {
                let key = format!("{key}.hold");
                Step::Hold {
                    voltage_v: self.voltage(&key, "voltage_v", raw.voltage_v)?,
                    duration_s: self.duration(&key, raw.duration_s, raw.duration_h)?,
                }
            }
            RawStep::Impedance(raw) => Step::Impedance {
                frequencies_hz: self.frequencies(&format!("{key}.impedance"), raw)?,
            },
            RawStep::AsRecorded(_) => unreachable!("the caller expands it"),
            RawStep::Replay(raw) => Step::Replay(self.replay(&format!("{key}.replay"), raw)?),
        })
    }

    fn sweep(&self, key: &str, raw: &RawSweep) -> Result<Step, ConfigError> {
        let vertices_key = format!("{key}.vertices_v");
        if raw.vertices_v.is_empty() {
            return Err(self
                .place
                .value(vertices_key, "none", "at least one voltage"));
        }
        let repeats = |pair: &[f64]| (pair[0] - pair[1]).abs() < 1e-9;
        if raw.vertices_v.windows(2).any(repeats) {
            let found = "the same voltage twice in a row";
            return Err(self
                .place
                .value(vertices_key, found, "voltages that differ"));
        }
        let vertices = raw.vertices_v.iter();
        Ok(Step::Sweep {
            from_v: raw
                .from_v
                .map(|v| self.voltage(key, "from_v", v))
                .transpose()?,
            vertices_v: vertices
                .map(|v| self.voltage(key, "vertices_v", *v))
                .collect::<Result<_, _>>()?,
            rate_v_s: self.positive(key, "rate_v_s", raw.rate_v_s)?,
        })
    }

    fn replay(&self, key: &str, raw: &RawReplay) -> Result<Replay, ConfigError> {
        let replay = raw.build(self.place, key, self.store)?;
        if replay.imposed() == Imposed::Voltage {
            let knots = replay.stretches().iter().flat_map(|s| s.signal.y());
            let beyond = knots.map(|v| self.voltage(key, "record", *v));
            beyond.collect::<Result<Vec<_>, _>>()?;
        }
        Ok(replay)
    }

    fn cycle(&self, key: &str, raw: &RawCycle) -> Result<Cycles, ConfigError> {
        if raw.count == 0 || raw.count > CYCLES_MAX {
            let expected = format!("1 to {CYCLES_MAX} cycles");
            return Err(self
                .place
                .value(format!("{key}.count"), raw.count.to_string(), expected));
        }
        let (lower_v, upper_v) = (
            self.voltage(key, "lower_v", raw.lower_v)?,
            self.voltage(key, "upper_v", raw.upper_v)?,
        );
        if lower_v >= upper_v {
            let found = format!("{upper_v} V, below lower_v = {lower_v} V");
            return Err(self.place.value(
                format!("{key}.upper_v"),
                found,
                "a voltage above lower_v",
            ));
        }
        Ok(Cycles {
            c_rate: self.positive(key, "c_rate", raw.c_rate)?,
            count: raw.count,
            lower_v,
            upper_v,
            time_factor: self.positive(
                key,
                "time_factor",
                raw.time_factor.unwrap_or(TIME_FACTOR),
            )?,
            may_jump: raw.jump,
            recorded: match raw.record {
                RawRecorded::Whether(false) => Recorded::Nothing,
                RawRecorded::Whether(true) => Recorded::First,
                RawRecorded::Which(RawWhich::All) => Recorded::All,
            },
        })
    }

    fn half(&self, key: &str, raw: &RawHalf, sign: f64) -> Result<Step, ConfigError> {
        let c_rate = self.positive(key, "c_rate", raw.c_rate)?;
        let limit = raw
            .until_v
            .map(|v| self.voltage(key, "until_v", v))
            .transpose()?;
        let duration_s = match (raw.duration_s, raw.duration_h, limit) {
            (None, None, Some(_)) => TIME_FACTOR * 3600.0 / c_rate,
            _ => self.duration(key, raw.duration_s, raw.duration_h)?,
        };
        Ok(Step::Galvanostatic {
            c_rate: sign * c_rate,
            limit_v: limit,
            duration_s,
        })
    }

    /// Frequencies from the highest to the lowest, evenly spaced in the logarithm, both ends included.
    fn frequencies(&self, key: &str, raw: &RawImpedance) -> Result<Vec<f64>, ConfigError> {
        let highest = self.positive(key, "highest_hz", raw.highest_hz)?;
        let lowest = self.positive(key, "lowest_hz", raw.lowest_hz)?;
        if lowest >= highest {
            let found = format!("{lowest} Hz, not below highest_hz = {highest} Hz");
            return Err(self.place.value(
                format!("{key}.lowest_hz"),
                found,
                "a frequency below highest_hz",
            ));
        }
        if raw.per_decade == 0 || raw.per_decade > 1000 {
            return Err(self.place.value(
                format!("{key}.per_decade"),
                raw.per_decade.to_string(),
                "1 to 1000",
            ));
        }
        let decades = (highest / lowest).log10();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number of decades times at most 1000"
        )]
        let intervals = ((decades * raw.per_decade as f64).round() as usize).max(1);
        let frequency = |i: usize| highest * (lowest / highest).powf(i as f64 / intervals as f64);
        Ok((0..=intervals).map(frequency).collect())
    }

    fn catholyte(
        &self,
        key: &str,
        raw: &RawCatholyte,
        mechanism: &Mechanism,
    ) -> Result<Catholyte, ConfigError> {
        let key = format!("{key}.start");
        let active = self.positive(&key, "active_mg_cm2", raw.active_mg_cm2)?;
        let sum: f64 = raw.shares.values().sum();
        if (sum - 1.0).abs() > 1e-9 || raw.shares.values().any(|share| *share <= 0.0) {
            return Err(self.place.value(
                format!("{key}.shares"),
                format!("shares with the sum {sum}"),
                "positive shares with the sum 1",
            ));
        }
        let potential = match (raw.potential_v, &raw.potential_of) {
            (Some(v), None) => CatholytePotential::Fixed(self.voltage(&key, "potential_v", v)?),
            (None, Some(reaction)) => CatholytePotential::Equilibrium(reaction.clone()),
            _ => {
                return Err(self.place.value(
                    key,
                    "both or no potential",
                    "potential_v or potential_of",
                ));
            }
        };
        for (name, amount) in &raw.solids {
            self.place.number(
                &format!("{key}.solids.{name}"),
                *amount,
                |v| v >= 0.0,
                "an amount in mol m^-3",
            )?;
        }
        for minor in &raw.equilibrated {
            if let Some(fraction) = minor.fraction_max {
                self.positive(&key, "equilibrated.fraction_max", fraction)?;
            }
        }
        let equilibrated = raw.equilibrated.iter().map(|minor| Equilibrated {
            species: minor.species.clone(),
            reaction: minor.reaction.clone(),
            fraction_max: minor.fraction_max,
            in_separator: minor.in_separator,
        });
        let unit = Unit::parse("mg cm^-2").expect("units in the code are known");
        let catholyte = Catholyte {
            active_kg_m2: unit.to_si(active),
            shares: raw.shares.clone().into_iter().collect(),
            potential,
            equilibrated: equilibrated.collect(),
            solids: raw.solids.clone().into_iter().collect(),
        };
        self.check_names(&key, &catholyte, mechanism)?;
        Ok(catholyte)
    }

    fn check_names(
        &self,
        key: &str,
        catholyte: &Catholyte,
        mechanism: &Mechanism,
    ) -> Result<(), ConfigError> {
        if let Some(name) = Cell::misplaced_species(mechanism, catholyte) {
            let expected = "dissolved species in shares and equilibrated, solids in solids";
            return Err(self.place.value(key, format!("'{name}'"), expected));
        }
        let mut reactions: Vec<&String> =
            catholyte.equilibrated.iter().map(|e| &e.reaction).collect();
        if let CatholytePotential::Equilibrium(reaction) = &catholyte.potential {
            reactions.push(reaction);
        }
        for name in reactions {
            let law = mechanism.reaction(name).map(|r| &r.law);
            if !matches!(law, Some(Law::Tandem { .. })) {
                return Err(self.place.value(
                    key,
                    format!("the reaction '{name}'"),
                    "a reaction with the law 'tandem'",
                ));
            }
        }
        Ok(())
    }
}
