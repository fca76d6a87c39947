//! Points of curves: what a record and a simulation are compared at, read so that each has a value wherever a curve
//! ends.

use crate::cell::Cell;
use crate::numerics::interpolate::cubic;
use crate::numerics::scalar::Sensitive;
use crate::protocol::Protocol;
use crate::protocol::Step;
use crate::record::Record;
use crate::record::Spectrum;
use crate::simulate::Outcome;
use crate::simulate::Trajectory;

use super::log;
use super::ramp;
use super::segment;
use super::spectrum;

/// Relative tolerance of a frequency at the ends of a spectrum (1): the digits that instruments write.
const FREQUENCY_TOLERANCE: f64 = 1e-3;
/// Tolerance of a voltage at the ends of a ramp (V): a step of a staircase.
const VOLTAGE_TOLERANCE_V: f64 = 5e-3;

/// Which half of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The discharge.
    Discharge,
    /// The charge after it.
    Charge,
}

impl Half {
    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Discharge => "discharge",
            Self::Charge => "charge",
        }
    }
}

/// Part of an impedance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Re Z.
    Real,
    /// Im Z.
    Imaginary,
}

/// One point of a curve. Steps and ramps are counted from zero, cycles from one.
#[derive(Clone, Debug, PartialEq)]
pub enum CurvePoint {
    /// Voltage (V) of a half cycle where it has passed a share of its own charge, so that every share has a value
    /// whenever the half cycle ends; its end is [`CurvePoint::HalfCycleCharge`].
    HalfCycleVoltage {
        /// Step with the cycles.
        step: usize,
        /// Cycle.
        cycle: usize,
        /// Which half.
        half: Half,
        /// Share of the half cycle's charge (1).
        share: f64,
    },
    /// Charge of a half cycle (mAh g⁻¹).
    HalfCycleCharge {
        /// Step with the cycles.
        step: usize,
        /// Cycle.
        cycle: usize,
        /// Which half.
        half: Half,
    },
    /// Current of the whole cell (A, discharge positive) where a ramp passes a voltage.
    RampCurrent {
        /// Step with the sweep.
        step: usize,
        /// Which of its ramps.
        ramp: usize,
        /// The voltage (V).
        voltage_v: f64,
    },
    /// Voltage (V) at a time of a segment.
    Voltage {
        /// The step.
        step: usize,
        /// Time since its start (s).
        time_s: f64,
    },
    /// Current of the whole cell (A, discharge positive) at a time of a segment.
    Current {
        /// The step.
        step: usize,
        /// Time since its start (s).
        time_s: f64,
    },
    /// A part of the impedance (Ω) at a frequency.
    Impedance {
        /// Step with the spectrum.
        step: usize,
        /// Frequency (Hz).
        frequency_hz: f64,
        /// Which part.
        part: Part,
    },
}

impl CurvePoint {
    /// The value for a protocol's outcome, `None` if the outcome does not hold it.
    pub(super) fn measure<S: Sensitive>(&self, cell: &Cell<S>, outcome: &Outcome<S>) -> Option<S> {
        match self {
            Self::HalfCycleVoltage {
                step,
                cycle,
                half,
                share,
            } => {
                let (discharge, charge) = log(outcome, *step)?.curves_of(*cycle)?;
                let record = match half {
                    Half::Discharge => &discharge.record,
                    Half::Charge => &charge.record,
                };
                // The current is constant: the share of the charge is that of the time.
                let end = *record.time_s.last()?;
                cubic(&record.time_s, &record.voltage_v, end * *share)
            }
            Self::HalfCycleCharge { step, cycle, half } => {
                let mut cycles = log(outcome, *step)?.cycles.iter();
                let found = cycles.find(|c| c.cycle == *cycle)?;
                Some(match half {
                    Half::Discharge => found.discharge_mah_g,
                    Half::Charge => found.charge_mah_g,
                })
            }
            Self::RampCurrent {
                step,
                ramp: which,
                voltage_v,
            } => {
                let record = &ramp(outcome, *step, *which)?.record;
                let time = time_of_voltage(record, *voltage_v)?;
                Some(cubic(&record.time_s, &record.current, time)? * cell.area_m2())
            }
            Self::Voltage { step, time_s } => {
                let (record, time) = at_time(segment(outcome, *step)?, *time_s);
                cubic(&record.time_s, &record.voltage_v, time)
            }
            Self::Current { step, time_s } => {
                let (record, time) = at_time(segment(outcome, *step)?, *time_s);
                Some(cubic(&record.time_s, &record.current, time)? * cell.area_m2())
            }
            Self::Impedance {
                step,
                frequency_hz,
                part,
            } => impedance(spectrum(outcome, *step)?, *frequency_hz, *part),
        }
    }

    /// The unit of the value.
    pub(super) fn unit(&self) -> &'static str {
        match self {
            Self::HalfCycleVoltage { .. } | Self::Voltage { .. } => "V",
            Self::HalfCycleCharge { .. } => "mAh g^-1",
            Self::RampCurrent { .. } | Self::Current { .. } => "A",
            Self::Impedance { .. } => "ohm",
        }
    }

    /// The step that it is read from.
    pub fn step(&self) -> usize {
        match self {
            Self::HalfCycleVoltage { step, .. }
            | Self::HalfCycleCharge { step, .. }
            | Self::RampCurrent { step, .. }
            | Self::Voltage { step, .. }
            | Self::Current { step, .. }
            | Self::Impedance { step, .. } => *step,
        }
    }

    /// What a protocol's step lacks for this point; `None` if it has it.
    pub(super) fn lacks(&self, protocol: &Protocol) -> Option<String> {
        let step = protocol.steps.get(self.step());
        match (self, step) {
            (
                Self::HalfCycleVoltage { cycle, .. } | Self::HalfCycleCharge { cycle, .. },
                Some(Step::Cycle(cycles)),
            ) => {
                if *cycle < 1 || *cycle > cycles.count {
                    Some(format!("cycle {cycle}"))
                } else if matches!(self, Self::HalfCycleVoltage { .. })
                    && !cycles.recorded.includes(*cycle)
                {
                    Some(format!(
                        "the curves of cycle {cycle}; set record = \"all\" in its step"
                    ))
                } else {
                    None
                }
            }
            (
                Self::RampCurrent {
                    ramp, voltage_v, ..
                },
                Some(Step::Sweep {
                    from_v, vertices_v, ..
                }),
            ) => ramp_lacks((*ramp, *voltage_v), *from_v, vertices_v),
            (Self::Voltage { time_s, .. } | Self::Current { time_s, .. }, Some(step)) => {
                match duration_s(step) {
                    None => {
                        Some("a fixed duration: its end would move with the parameters".to_owned())
                    }
                    Some(duration) if *time_s > duration * (1.0 + 1e-9) => {
                        Some(format!("{time_s} s; it lasts {duration} s"))
                    }
                    Some(_) => None,
                }
            }
            (Self::Impedance { frequency_hz, .. }, Some(Step::Impedance { frequencies_hz })) => {
                spectrum_lacks(*frequency_hz, frequencies_hz)
            }
            (Self::RampCurrent { .. }, _) => Some("a sweep".to_owned()),
            (Self::Impedance { .. }, _) => Some("an impedance spectrum".to_owned()),
            (Self::HalfCycleVoltage { .. } | Self::HalfCycleCharge { .. }, _) => {
                Some("cycles".to_owned())
            }
            (Self::Voltage { .. } | Self::Current { .. }, None) => Some("anything".to_owned()),
        }
    }
}

/// How long a step lasts whatever the parameters (s).
fn duration_s(step: &Step) -> Option<f64> {
    match step {
        Step::Replay(replay) => Some(replay.duration_s()),
        Step::Hold { duration_s, .. }
        | Step::Galvanostatic {
            limit_v: None,
            duration_s,
            ..
        } => Some(*duration_s),
        _ => None,
    }
}

fn ramp_lacks(
    (ramp, voltage_v): (usize, f64),
    from_v: Option<f64>,
    vertices_v: &[f64],
) -> Option<String> {
    let Some(to) = vertices_v.get(ramp) else {
        return Some(format!("ramp {ramp}; it has {}", vertices_v.len()));
    };
    let from = match ramp {
        0 => from_v,
        _ => Some(vertices_v[ramp - 1]),
    };
    // A first ramp from the open-circuit voltage begins wherever that is.
    let from = from?;
    let (low, high) = (from.min(*to), from.max(*to));
    let range = low - VOLTAGE_TOLERANCE_V..=high + VOLTAGE_TOLERANCE_V;
    (!range.contains(&voltage_v))
        .then(|| format!("{voltage_v} V on ramp {ramp}, which goes from {from} V to {to} V"))
}

fn spectrum_lacks(frequency_hz: f64, simulated_hz: &[f64]) -> Option<String> {
    let low = simulated_hz.iter().copied().fold(f64::INFINITY, f64::min);
    let high = simulated_hz.iter().copied().fold(0.0, f64::max);
    let (from, to) = (
        low * (1.0 - FREQUENCY_TOLERANCE),
        high * (1.0 + FREQUENCY_TOLERANCE),
    );
    (!(from..=to).contains(&frequency_hz))
        .then(|| format!("{frequency_hz} Hz; it simulates {low} Hz to {high} Hz"))
}

/// The time (s) at which a ramp passes a voltage; its voltage is linear in time.
fn time_of_voltage<S: Sensitive>(record: &Record<S>, voltage_v: f64) -> Option<S> {
    let (from_s, to_s) = (*record.time_s.first()?, *record.time_s.last()?);
    let (from_v, to_v) = (*record.voltage_v.first()?, *record.voltage_v.last()?);
    let share = (-from_v + voltage_v) / (to_v - from_v);
    Some(from_s + share * (to_s - from_s))
}

fn at_time<S: Sensitive>(segment: &Trajectory<S>, time_s: f64) -> (&Record<S>, S) {
    let start = segment.record.time_s.first().copied();
    (&segment.record, start.unwrap_or(S::constant(0.0)) + time_s)
}

/// A part of the impedance at a frequency, between the simulated ones by the cubic through the logarithms of four.
fn impedance<S: Sensitive>(spectrum: &Spectrum<S>, frequency_hz: f64, part: Part) -> Option<S> {
    let mut points: Vec<(f64, S)> = spectrum
        .frequency_hz
        .iter()
        .zip(&spectrum.impedance_ohm)
        .map(|(frequency, (re, im))| {
            let value = match part {
                Part::Real => *re,
                Part::Imaginary => *im,
            };
            (frequency.ln(), value)
        })
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (x, y): (Vec<S>, Vec<S>) = points.into_iter().map(|(x, y)| (S::constant(x), y)).unzip();
    cubic(&x, &y, S::constant(frequency_hz.ln()))
}
