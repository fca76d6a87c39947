//! Observables: what a paper or a lab states as one number, read from records and simulations by the same code; and
//! the points of curves.

mod curve;

use crate::analysis::differentiable::activation_voltage_v;
use crate::analysis::differentiable::deposition_time_s;
use crate::analysis::differentiable::first_oxidation_peak;
use crate::analysis::differentiable::largest_current;
use crate::analysis::differentiable::mean_voltage_v;
use crate::analysis::differentiable::oxidation_peak;
use crate::analysis::differentiable::passed_charge;
use crate::analysis::differentiable::resistance_ohm;
use crate::analysis::differentiable::warburg_slope;
use crate::cell::Cell;
use crate::mechanism::Slot;
use crate::numerics::interpolate::maximum;
use crate::numerics::scalar::Sensitive;
use crate::protocol::Protocol;
use crate::protocol::Step;
use crate::record::Spectrum;
use crate::simulate::CycleLog;
use crate::simulate::Outcome;
use crate::simulate::StepOutcome;
use crate::simulate::Trajectory;
pub use curve::CurvePoint;
pub use curve::Half;
pub use curve::Part;

/// Share of the largest oxidation current that a local maximum must reach to count as a peak (1).
const PEAK_SHARE: f64 = 0.5;

/// One number that a protocol yields. Steps are counted from zero.
#[derive(Clone, Debug, PartialEq)]
pub enum Observable {
    /// Discharge capacity of a cycle (mAh g⁻¹).
    Capacity {
        /// Step with the cycles.
        step: usize,
        /// Cycle, counted from one.
        cycle: usize,
    },
    /// Mean voltage of the discharge of a recorded cycle (V).
    MeanVoltage {
        /// Step with the cycles.
        step: usize,
        /// Cycle, counted from one.
        cycle: usize,
    },
    /// Energy that a recorded cycle's discharge gives (Wh kg⁻¹ of active element).
    Energy {
        /// Step with the cycles.
        step: usize,
        /// Cycle, counted from one.
        cycle: usize,
    },
    /// Highest discharge capacity of a range of cycles (mAh g⁻¹).
    CapacityMax {
        /// Step with the cycles.
        step: usize,
        /// First cycle.
        from: usize,
        /// Last cycle.
        to: usize,
    },
    /// Discharge capacity of a cycle over that of another (1).
    CapacityRatio {
        /// Step with the cycles.
        step: usize,
        /// Cycle in the numerator.
        cycle: usize,
        /// Cycle in the denominator.
        over: usize,
    },
    /// Highest voltage in the first part of the first charge (V).
    ActivationVoltage {
        /// Step with the cycles.
        step: usize,
        /// The part (1).
        window: f64,
    },
    /// Voltage of the largest oxidation current of a ramp (V).
    OxidationPeak {
        /// Step with the sweep.
        step: usize,
        /// Which of its ramps.
        ramp: usize,
    },
    /// Voltage of the first oxidation peak of a ramp (V).
    FirstOxidationPeak {
        /// Step with the sweep.
        step: usize,
        /// Which of its ramps.
        ramp: usize,
    },
    /// Largest current density of a step (A m⁻²).
    LargestCurrent {
        /// Step with a sweep or a hold.
        step: usize,
    },
    /// Charge that a hold passes (C m⁻²).
    PassedCharge {
        /// Step with the hold.
        step: usize,
    },
    /// Slope of Re Z against ω^−1/2 (Ω s^−1/2).
    WarburgSlope {
        /// Step with the spectrum.
        step: usize,
        /// Lowest frequency (Hz).
        lowest_hz: f64,
        /// Highest frequency (Hz).
        highest_hz: f64,
    },
    /// Re Z at a frequency (Ω).
    Resistance {
        /// Step with the spectrum.
        step: usize,
        /// Frequency (Hz).
        frequency_hz: f64,
    },
    /// Transference number of the polarisation between coated foils, small signal (1).
    Transference,
    /// Time of the fastest growth of a solid during a hold (s).
    GrowthTime {
        /// Step with the hold.
        step: usize,
        /// The solid.
        solid: String,
    },
    /// Time of the current maximum of a hold after its initial decay (s).
    DepositionTime {
        /// Step with the hold.
        step: usize,
    },
    /// Share of the active element that lies on the anode after a step (1).
    AnodeShare {
        /// The step.
        step: usize,
    },
    /// A point of a curve.
    Point(CurvePoint),
}

impl Observable {
    /// The value for a protocol's outcome, `None` if the outcome does not hold it.
    pub fn measure<S: Sensitive>(&self, cell: &Cell<S>, outcome: &Outcome<S>) -> Option<S> {
        match self {
            Self::Capacity { step, cycle } => log(outcome, *step)?.discharge_mah_g(*cycle),
            Self::MeanVoltage { step, cycle } => {
                mean_voltage_v(&log(outcome, *step)?.curves_of(*cycle)?.0.record)
            }
            Self::Energy { step, cycle } => {
                let log = log(outcome, *step)?;
                let voltage = mean_voltage_v(&log.curves_of(*cycle)?.0.record)?;
                // A milliampere hour per gram at one volt is a watt hour per kilogram.
                Some(log.discharge_mah_g(*cycle)? * voltage)
            }
            Self::CapacityMax { step, from, to } => {
                let cycles = log(outcome, *step)?.cycles.iter();
                let inside = cycles.filter(|c| (*from..=*to).contains(&c.cycle));
                inside.map(|c| c.discharge_mah_g).reduce(larger)
            }
            Self::CapacityRatio { step, cycle, over } => {
                let log = log(outcome, *step)?;
                Some(log.discharge_mah_g(*cycle)? / log.discharge_mah_g(*over)?)
            }
            Self::ActivationVoltage { step, window } => {
                let (_, charge) = log(outcome, *step)?.curves_of(1)?;
                activation_voltage_v(&charge.record, *window)
            }
            Self::OxidationPeak { step, ramp } => {
                oxidation_peak(&self::ramp(outcome, *step, *ramp)?.record).map(|(v, _)| v)
            }
            Self::FirstOxidationPeak { step, ramp } => {
                let record = &self::ramp(outcome, *step, *ramp)?.record;
                first_oxidation_peak(record, PEAK_SHARE).map(|(v, _)| v)
            }
            Self::LargestCurrent { step } => match outcome.steps.get(*step)? {
                StepOutcome::Segment(segment) => largest_current(&segment.record),
                StepOutcome::Sweep(ramps) => {
                    let heights = ramps.iter().filter_map(|r| largest_current(&r.record));
                    heights.reduce(larger)
                }
                _ => None,
            },
            Self::PassedCharge { step } => passed_charge(&segment(outcome, *step)?.record),
            Self::WarburgSlope {
                step,
                lowest_hz,
                highest_hz,
            } => warburg_slope(spectrum(outcome, *step)?, *lowest_hz, *highest_hz),
            Self::Resistance { step, frequency_hz } => {
                resistance_ohm(spectrum(outcome, *step)?, *frequency_hz)
            }
            Self::Transference => Some(cell.polarisation_resistances().transference_number()),
            Self::GrowthTime { step, solid } => {
                let segment = segment(outcome, *step)?;
                let rates = growth_rates(cell, segment, solid)?;
                maximum(&segment.record.time_s, &rates).map(|(time, _)| time)
            }
            Self::DepositionTime { step } => deposition_time_s(&segment(outcome, *step)?.record),
            Self::AnodeShare { step } => anode_share(cell, outcome.states.get(*step)?),
            Self::Point(point) => point.measure(cell, outcome),
        }
    }

    /// Whether it is read from what only a battery has.
    pub fn needs_battery(&self) -> bool {
        matches!(
            self,
            Self::Transference
                | Self::GrowthTime { .. }
                | Self::AnodeShare { .. }
                | Self::Capacity { .. }
                | Self::CapacityMax { .. }
                | Self::CapacityRatio { .. }
                | Self::MeanVoltage { .. }
                | Self::Energy { .. }
                | Self::ActivationVoltage { .. }
        )
    }

    /// Whether its values are negative by their nature: the imaginary part of a capacitive impedance.
    pub fn is_negative(&self) -> bool {
        matches!(
            self,
            Self::Point(CurvePoint::Impedance {
                part: Part::Imaginary,
                ..
            })
        )
    }

    /// Its name, as the key of an experiment file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Capacity { .. } => "capacity",
            Self::MeanVoltage { .. } => "mean_voltage",
            Self::Energy { .. } => "energy",
            Self::CapacityMax { .. } => "capacity_max",
            Self::CapacityRatio { .. } => "capacity_ratio",
            Self::ActivationVoltage { .. } => "activation_voltage",
            Self::OxidationPeak { .. } => "oxidation_peak",
            Self::FirstOxidationPeak { .. } => "first_oxidation_peak",
            Self::LargestCurrent { .. } => "largest_current",
            Self::PassedCharge { .. } => "passed_charge",
            Self::WarburgSlope { .. } => "warburg_slope",
            Self::Resistance { .. } => "resistance",
            Self::Transference => "transference",
            Self::GrowthTime { .. } => "growth_time",
            Self::DepositionTime { .. } => "deposition_time",
            Self::AnodeShare { .. } => "anode_share",
            Self::Point(_) => "point",
        }
    }

    /// The step that it is read from, and the cycle, if it is a number of one cycle.
    pub fn place(&self) -> (Option<usize>, Option<usize>) {
        match self {
            Self::Capacity { step, cycle }
            | Self::MeanVoltage { step, cycle }
            | Self::Energy { step, cycle } => (Some(*step), Some(*cycle)),
            Self::CapacityMax { step, .. }
            | Self::CapacityRatio { step, .. }
            | Self::ActivationVoltage { step, .. }
            | Self::OxidationPeak { step, .. }
            | Self::FirstOxidationPeak { step, .. }
            | Self::LargestCurrent { step }
            | Self::PassedCharge { step }
            | Self::WarburgSlope { step, .. }
            | Self::Resistance { step, .. }
            | Self::GrowthTime { step, .. }
            | Self::DepositionTime { step }
            | Self::AnodeShare { step } => (Some(*step), None),
            Self::Point(point) => (Some(point.step()), None),
            Self::Transference => (None, None),
        }
    }

    /// The unit of the value.
    pub fn unit(&self) -> &'static str {
        match self {
            Self::Capacity { .. } | Self::CapacityMax { .. } => "mAh g^-1",
            Self::CapacityRatio { .. } | Self::Transference | Self::AnodeShare { .. } => "1",
            Self::Energy { .. } => "Wh kg^-1",
            Self::ActivationVoltage { .. }
            | Self::MeanVoltage { .. }
            | Self::OxidationPeak { .. }
            | Self::FirstOxidationPeak { .. } => "V",
            Self::LargestCurrent { .. } => "A m^-2",
            Self::PassedCharge { .. } => "C m^-2",
            Self::WarburgSlope { .. } => "ohm s^-1/2",
            Self::Resistance { .. } => "ohm",
            Self::GrowthTime { .. } | Self::DepositionTime { .. } => "s",
            Self::Point(point) => point.unit(),
        }
    }

    /// Checks that a protocol produces this observable.
    ///
    /// # Errors
    /// What the protocol lacks.
    pub fn check(&self, protocol: &Protocol) -> Result<(), String> {
        match self {
            Self::Point(point) => point.lacks(protocol).map_or(Ok(()), |what| {
                let (step, name) = (point.step(), &protocol.name);
                Err(format!("step {step} of protocol '{name}' without {what}"))
            }),
            _ => self.check_number(protocol),
        }
    }

    fn check_number(&self, protocol: &Protocol) -> Result<(), String> {
        let Some((index, what, holds)) = self.need() else {
            return Ok(());
        };
        let (name, n) = (&protocol.name, protocol.steps.len());
        match protocol.steps.get(index) {
            None => Err(format!("step {index} of protocol '{name}', which has {n}")),
            Some(step) if holds(step) => Ok(()),
            Some(_) => Err(format!("step {index} of protocol '{name}' without {what}")),
        }
    }

    /// The step that a number is read from, and what it must have: in words, and as a question to it.
    fn need(&self) -> Option<(usize, String, StepQuestion)> {
        let need =
            |index: &usize, what: &str, holds: StepQuestion| Some((*index, what.to_owned(), holds));
        match self {
            Self::Transference | Self::Point(_) => None,
            Self::AnodeShare { step } => need(step, "", Box::new(|_| true)),
            Self::Capacity { step, cycle: last }
            | Self::CapacityMax { step, to: last, .. }
            | Self::CapacityRatio {
                step, cycle: last, ..
            } => {
                let last = *last;
                let holds = move |step: &Step| matches!(step, Step::Cycle(cycles) if (1..=cycles.count).contains(&last));
                need(step, &format!("cycle {last}"), Box::new(holds))
            }
            Self::MeanVoltage { step, cycle } | Self::Energy { step, cycle } => {
                let cycle = *cycle;
                let holds = move |step: &Step| is_recorded(step, cycle);
                need(
                    step,
                    &format!("the recorded cycle {cycle}"),
                    Box::new(holds),
                )
            }
            Self::ActivationVoltage { step, .. } => need(
                step,
                "recorded cycles",
                Box::new(|step| is_recorded(step, 1)),
            ),
            Self::OxidationPeak { step, ramp } | Self::FirstOxidationPeak { step, ramp } => {
                let ramp = *ramp;
                let holds = move |step: &Step| matches!(step, Step::Sweep { vertices_v, .. } if ramp < vertices_v.len());
                need(step, &format!("a sweep with ramp {ramp}"), Box::new(holds))
            }
            Self::LargestCurrent { step } => {
                let holds = |step: &Step| matches!(step, Step::Sweep { .. } | Step::Hold { .. });
                need(step, "a sweep or a hold", Box::new(holds))
            }
            Self::WarburgSlope { step, .. } | Self::Resistance { step, .. } => {
                let holds = |step: &Step| matches!(step, Step::Impedance { .. });
                need(step, "an impedance spectrum", Box::new(holds))
            }
            Self::GrowthTime { step, .. }
            | Self::DepositionTime { step }
            | Self::PassedCharge { step } => {
                let holds = |step: &Step| matches!(step, Step::Hold { .. });
                need(step, "a hold", Box::new(holds))
            }
        }
    }
}

/// A question to a step.
type StepQuestion = Box<dyn Fn(&Step) -> bool>;

/// Whether a step keeps the voltage curves of a cycle.
fn is_recorded(step: &Step, cycle: usize) -> bool {
    let Step::Cycle(cycles) = step else {
        return false;
    };
    (1..=cycles.count).contains(&cycle) && cycles.recorded.includes(cycle)
}

fn larger<S: Sensitive>(a: S, b: S) -> S {
    if b.value() > a.value() { b } else { a }
}

fn log<S>(outcome: &Outcome<S>, step: usize) -> Option<&CycleLog<S>> {
    match outcome.steps.get(step)? {
        StepOutcome::Cycles(log) => Some(log),
        _ => None,
    }
}

fn spectrum<S>(outcome: &Outcome<S>, step: usize) -> Option<&Spectrum<S>> {
    match outcome.steps.get(step)? {
        StepOutcome::Spectrum(spectrum) => Some(spectrum),
        _ => None,
    }
}

fn segment<S>(outcome: &Outcome<S>, step: usize) -> Option<&Trajectory<S>> {
    match outcome.steps.get(step)? {
        StepOutcome::Segment(segment) => Some(segment),
        _ => None,
    }
}

fn ramp<S>(outcome: &Outcome<S>, step: usize, ramp: usize) -> Option<&Trajectory<S>> {
    match outcome.steps.get(step)? {
        StepOutcome::Sweep(ramps) => ramps.get(ramp),
        _ => None,
    }
}

/// Mean rate of growth of a solid over the porous volumes, at every time of a segment (mol m⁻³ s⁻¹): from the cell's
/// own equations, because the slope of interpolated amounts would jump from step to step.
fn growth_rates<S: Sensitive>(
    cell: &Cell<S>,
    segment: &Trajectory<S>,
    solid: &str,
) -> Option<Vec<S>> {
    let Some(Slot::Solid(slot)) = cell.mechanism().slot(solid) else {
        return None;
    };
    let layout = cell.layout();
    let indices: Vec<usize> = layout
        .porous_volumes()
        .map(|v| layout.solid(v, slot))
        .collect();
    let mut rate = vec![S::constant(0.0); layout.n_states];
    let states = segment.states.rows().into_iter();
    let rates = states.zip(&segment.record.current).map(|(state, current)| {
        cell.rate(&state.to_vec(), *current, &mut rate);
        let mut sum = S::constant(0.0);
        for index in &indices {
            sum += rate[*index];
        }
        sum / indices.len() as f64
    });
    Some(rates.collect())
}

fn anode_share<S: Sensitive>(cell: &Cell<S>, state: &[S]) -> Option<S> {
    let mechanism = cell.mechanism();
    let element = &mechanism.fresh().active_element;
    let all = *cell.inventory(state).get(element)?;
    let mut on_anode = S::constant(0.0);
    for (i, film) in mechanism.films().enumerate() {
        let atoms = film.composition.get(element).copied().unwrap_or(0);
        on_anode += state[cell.layout().left_foil.start + 2 + i] * f64::from(atoms);
    }
    Some(on_anode / all)
}
