//! Many cycles: all of them, or with jumps over runs of similar ones.
//!
//! A jump extrapolates what accumulates (films on the anode, solids cut off for good) through the last measured cycles,
//! lets the barrier of the anode film and the dry fraction decay geometrically, and takes the active element from the
//! loaded solid of the charged cathode. SPEC section 9, with another extrapolation and with a bound on its error: its
//! rule is off by more than 0.3 % where the shuttle fades the cell.

use super::Recording;
use super::Segment;
use super::Simulation;
use super::SimulationFailure;
use super::Trajectory;
use crate::mechanism::Law;
use crate::mechanism::Mechanism;
use crate::mechanism::Slot;
use crate::numerics::scalar::Sensitive;
use crate::protocol::Cycles;
use crate::units::mah_per_g;

/// Cycles simulated in full before the first jump: wetting and the anode film settle in them.
const FULL_AT_START: usize = 12;
/// Cycles simulated in full at the end.
const FULL_AT_END: usize = 3;
/// Measured cycles that a jump extrapolates from.
const TRENDS: usize = 3;
/// Longest jump: what a cell does may change from one cycle to the next, which no extrapolation foresees.
const JUMP_MAX: usize = 30;
/// Largest share of the available active element that a jump may take.
const LOSS_MAX: f64 = 0.1;
/// What a jump may take in any case: a cell that behaves otherwise in every cycle would not jump at all.
const LOSS_FREE: f64 = 0.01;
/// Largest error that a longer jump may be in danger of, as a share of the available active element.
const ERROR_MAX: f64 = 3e-4;
/// Shortest jump that is worth its settling cycle.
const JUMP_MIN: usize = 2;
/// The loaded solid must hold this many times what a jump takes from it when the jump is chosen; a frozen jump at
/// neighbouring parameters then finds enough.
const RESERVE: f64 = 1.5;
/// A frozen jump may be this many times as long as the one that would be chosen there.
const LONGER_MAX: f64 = 1.5;
/// A frozen plan may have this many jumps more than would be chosen.
const MORE_JUMPS_MAX: f64 = 2.0;

/// Where a run of cycles jumps: after which cycle, over how many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JumpPlan {
    /// Cycle after which it jumps, and number of cycles skipped; in order.
    pub jumps: Vec<(usize, usize)>,
    /// The number of cycles that the run itself would have skipped there; in order.
    pub own_lengths: Vec<usize>,
}

impl JumpPlan {
    /// Whether jumps that were chosen elsewhere suit the run that took them: hardly longer than its own, and hardly
    /// more of them.
    pub fn suits(&self) -> bool {
        let pairs = || {
            self.jumps
                .iter()
                .map(|(_, length)| *length)
                .zip(&self.own_lengths)
        };
        let is_bold =
            |(length, own): (usize, &usize)| length as f64 > LONGER_MAX * *own as f64 + 1.0;
        let own_count: f64 = pairs()
            .map(|(length, own)| length as f64 / (*own).max(1) as f64)
            .sum();
        !pairs().any(is_bold) && self.jumps.len() as f64 <= own_count + MORE_JUMPS_MAX
    }
}

/// How jumps are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jumping<'p> {
    /// Every cycle is simulated.
    Never,
    /// By what the cell loses per cycle.
    Adaptive,
    /// As planned before, so that results stay smooth in the parameters.
    Frozen(&'p JumpPlan),
}

/// What one simulated cycle gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CycleResult<S = f64> {
    /// Its number, counted from one.
    pub cycle: usize,
    /// Discharge capacity (mAh g⁻¹ of active element).
    pub discharge_mah_g: S,
    /// Charge capacity (mAh g⁻¹ of active element).
    pub charge_mah_g: S,
}

/// What a run of cycles gave.
#[derive(Clone, Debug)]
pub struct CycleLog<S = f64> {
    /// The simulated cycles, in order; jumped ones are missing.
    pub cycles: Vec<CycleResult<S>>,
    /// Discharge and charge of the cycles that were recorded, each with its number, in order.
    pub curves: Vec<(usize, CycleCurves<S>)>,
    /// The jumps that were made.
    pub plan: JumpPlan,
}

/// The discharge and the charge of one cycle.
pub type CycleCurves<S = f64> = (Trajectory<S>, Trajectory<S>);

impl<S: Sensitive> CycleLog<S> {
    /// Discharge capacity (mAh g⁻¹) of a cycle, if it was simulated.
    pub fn discharge_mah_g(&self, cycle: usize) -> Option<S> {
        let found = self.cycles.iter().find(|c| c.cycle == cycle);
        found.map(|c| c.discharge_mah_g)
    }

    /// Discharge and charge of a cycle, if it was recorded.
    pub fn curves_of(&self, cycle: usize) -> Option<&CycleCurves<S>> {
        let found = self.curves.iter().find(|(number, _)| *number == cycle);
        found.map(|(_, curves)| curves)
    }
}

/// A state that accumulates: how much of the active element one unit of it holds, per geometric area.
struct Sink<S> {
    index: usize,
    active_per_area: S,
}

/// What accumulates per cycle, measured over one.
struct Trend<S> {
    cycle: usize,
    per_cycle: Vec<S>,
}

impl<S: Sensitive> Simulation<'_, S> {
    /// Runs cycles.
    ///
    /// # Errors
    /// [`SimulationFailure`] if the equations could not be solved.
    pub fn cycle(
        &mut self,
        cycles: &Cycles,
        jumping: Jumping<'_>,
    ) -> Result<CycleLog<S>, SimulationFailure> {
        let mut log = CycleLog {
            cycles: Vec::new(),
            curves: Vec::new(),
            plan: JumpPlan::default(),
        };
        let sinks = self.sinks();
        let mut trends: Vec<Trend<S>> = Vec::new();
        let mut is_settling = false;
        let mut cycle = 0;
        while cycle < cycles.count {
            cycle += 1;
            let start = self.state.clone();
            let (result, curves) = self.one_cycle(cycle, cycles)?;
            log.cycles.push(result);
            log.curves.extend(curves.map(|curves| (cycle, curves)));
            if std::mem::take(&mut is_settling) {
                continue;
            }
            trends.push(self.trend(cycle, &start, &sinks));
            let known = &trends[trends.len().saturating_sub(TRENDS)..];
            let own = self.jump_length(cycles, known, &sinks);
            let length = match jumping {
                Jumping::Never => 0,
                Jumping::Frozen(plan) => planned(plan, cycle),
                Jumping::Adaptive => own,
            };
            let reserve = match jumping {
                Jumping::Adaptive => RESERVE,
                Jumping::Never | Jumping::Frozen(_) => 1.0,
            };
            if length > 0 && self.jump((length, reserve), &start, known, &sinks) {
                log.plan.jumps.push((cycle, length));
                log.plan.own_lengths.push(own);
                cycle += length;
                is_settling = true;
            }
        }
        Ok(log)
    }

    fn one_cycle(
        &mut self,
        cycle: usize,
        cycles: &Cycles,
    ) -> Result<(CycleResult<S>, Option<CycleCurves<S>>), SimulationFailure> {
        let current = self.cell.one_c_a_m2() * cycles.c_rate;
        let longest_s = cycles.time_factor * 3600.0 / cycles.c_rate;
        let is_recorded = cycles.recorded.includes(cycle);
        let mut half = |current: S, limit_v: f64| -> Result<(S, Segment<S>), SimulationFailure> {
            let recording = Recording::steps_if(is_recorded);
            let segment = self.galvanostatic(current, Some(limit_v), longest_s, recording)?;
            let charge = self.specific_charge(current, segment.duration_s);
            Ok((charge * mah_per_g(1.0), segment))
        };
        let (discharge_mah_g, discharge) = half(current, cycles.lower_v)?;
        let (charge_mah_g, charge) = half(-current, cycles.upper_v)?;
        let result = CycleResult {
            cycle,
            discharge_mah_g,
            charge_mah_g,
        };
        Ok((result, discharge.record.zip(charge.record)))
    }

    /// The states that only ever grow: films on the anode, and solids that decay forms and nothing consumes.
    fn sinks(&self) -> Vec<Sink<S>> {
        let layout = self.cell.layout();
        let mechanism = self.cell.mechanism();
        let mut sinks = Vec::new();
        for (i, film) in mechanism.films().enumerate() {
            if layout.left_foil.len() > 2 {
                sinks.push(Sink {
                    index: layout.left_foil.start + 2 + i,
                    active_per_area: S::constant(active_atoms(mechanism, &film.name)),
                });
            }
        }
        for (i, solid) in mechanism.solids().enumerate() {
            if is_sink(mechanism, &solid.name) {
                let atoms = active_atoms(mechanism, &solid.name);
                for volume in layout.porous_volumes() {
                    sinks.push(Sink {
                        index: layout.solid(volume, i),
                        active_per_area: self.cell.width_m(volume) * atoms,
                    });
                }
            }
        }
        sinks
    }

    fn trend(&self, cycle: usize, start: &[S], sinks: &[Sink<S>]) -> Trend<S> {
        let change = |sink: &Sink<S>| self.state[sink.index] - start[sink.index];
        Trend {
            cycle,
            per_cycle: sinks.iter().map(change).collect(),
        }
    }

    /// How many cycles may be jumped over; decided by values alone.
    ///
    /// As many as lose no more than their share of the active element, and as the last measured cycles and all but the
    /// earliest of them agree on: what their extrapolations differ by is the error of the shorter one.
    fn jump_length(&self, cycles: &Cycles, trends: &[Trend<S>], sinks: &[Sink<S>]) -> usize {
        let Some(last) = trends.last() else {
            return 0;
        };
        let remaining = cycles.count.saturating_sub(FULL_AT_END + last.cycle);
        if !cycles.may_jump || last.cycle < FULL_AT_START || remaining < JUMP_MIN {
            return 0;
        }
        let gone: f64 = sinks
            .iter()
            .map(|sink| self.state[sink.index].value() * sink.active_per_area.value())
            .sum();
        let element = &self.cell.mechanism().fresh().active_element;
        let inventory = self.cell.inventory(&self.state);
        let available = inventory.get(element).map_or(0.0, |all| all.value()) - gone;
        // No farther ahead than the known cycles reach back.
        let longest = JUMP_MAX.min(last.cycle - trends[0].cycle);
        let shorter = &trends[trends.len().min(2) - 1..];
        let lost = |trends: &[Trend<S>], cycle: usize| -> f64 {
            let per_sink = sinks.iter().enumerate().map(|(i, sink)| {
                let amount = Extrapolation::new(trends, i).amount(cycle).value();
                amount * sink.active_per_area.value()
            });
            per_sink.sum()
        };
        let (mut all, mut error) = (0.0, 0.0);
        let is_safe = |length: &usize| {
            let cycle = last.cycle + length;
            let amount = lost(trends, cycle);
            all += amount;
            error += amount - lost(shorter, cycle);
            let is_exact = error.abs() <= ERROR_MAX * available || all <= LOSS_FREE * available;
            all <= LOSS_MAX * available && is_exact
        };
        let length = (1..=longest.min(remaining)).take_while(is_safe).count();
        if length < JUMP_MIN { 0 } else { length }
    }

    /// Extrapolates the state over `length` cycles; `false` if the loaded solid cannot give what the sinks take.
    fn jump(
        &mut self,
        (length, reserve): (usize, f64),
        start: &[S],
        trends: &[Trend<S>],
        sinks: &[Sink<S>],
    ) -> bool {
        let n = length as f64;
        let end = trends.last().map_or(0, |trend| trend.cycle);
        let growth = (0..sinks.len()).map(|sink| {
            let extrapolation = Extrapolation::new(trends, sink);
            let mut sum = S::constant(0.0);
            for cycle in end + 1..=end + length {
                sum += extrapolation.amount(cycle);
            }
            sum
        });
        let growth: Vec<S> = growth.collect();
        let mut taken = S::constant(0.0);
        for (amount, sink) in growth.iter().zip(sinks) {
            taken += *amount * sink.active_per_area;
        }
        if !self.take_from_loaded(taken, reserve) {
            return false;
        }
        for (amount, sink) in growth.iter().zip(sinks) {
            self.state[sink.index] += *amount;
        }
        self.decay_geometrically(start, n);
        true
    }

    /// Takes active element (mol m⁻²) from the loaded solid, volume by volume in proportion to what they hold.
    fn take_from_loaded(&mut self, active_mol_m2: S, reserve: f64) -> bool {
        let layout = self.cell.layout();
        let mechanism = self.cell.mechanism();
        let loaded = &mechanism.fresh().loaded;
        let Some(Slot::Solid(solid)) = mechanism.slot(loaded) else {
            return false;
        };
        let atoms = active_atoms(mechanism, loaded);
        let mut held = S::constant(0.0);
        let mut holdings = Vec::new();
        for volume in layout.porous_volumes() {
            let index = layout.solid(volume, solid);
            let amount = self.state[index].at_least(0.0);
            held += amount * self.cell.width_m(volume) * atoms;
            holdings.push((index, amount));
        }
        if held.value() < reserve * active_mol_m2.value() {
            return false;
        }
        for (index, amount) in holdings {
            self.state[index] -= amount * active_mol_m2 / held;
        }
        true
    }

    /// The barrier of the anode film and the dry fraction fall by the same factor every cycle.
    fn decay_geometrically(&mut self, start: &[S], n: f64) {
        let layout = self.cell.layout();
        if !layout.left_foil.is_empty() {
            let barrier = layout.left_foil.start + 1;
            if self.state[barrier].value() > 1e-6 {
                let factor = (self.state[barrier] / start[barrier]).at_least(0.0);
                self.state[barrier] = self.state[barrier] * factor.powf(n);
            }
        }
        if let Some(wetted) = layout.wetted {
            let (dry, dry_before) = (-self.state[wetted] + 1.0, -start[wetted] + 1.0);
            let left = if dry_before.value() > 1e-12 {
                dry * (dry / dry_before).powf(n)
            } else {
                S::constant(0.0)
            };
            self.state[wetted] = -left + 1.0;
        }
    }
}

/// What a sink takes per cycle, continued from measured cycles: the polynomial through the logarithms of the amounts,
/// or through the amounts themselves where one is not positive.
struct Extrapolation<S> {
    points: Vec<(f64, S)>,
    is_logarithmic: bool,
}

impl<S: Sensitive> Extrapolation<S> {
    fn new(trends: &[Trend<S>], sink: usize) -> Self {
        let points = trends.iter().map(|t| (t.cycle as f64, t.per_cycle[sink]));
        let mut points: Vec<(f64, S)> = points.collect();
        let is_logarithmic = points.iter().all(|(_, amount)| amount.value() > 0.0);
        if is_logarithmic {
            for (_, amount) in &mut points {
                *amount = amount.ln();
            }
        }
        Self {
            points,
            is_logarithmic,
        }
    }

    fn amount(&self, cycle: usize) -> S {
        let value = polynomial(&self.points, cycle as f64);
        if self.is_logarithmic {
            value.exp()
        } else {
            value.at_least(0.0)
        }
    }
}

/// The polynomial through a few points, after Lagrange.
fn polynomial<S: Sensitive>(points: &[(f64, S)], x: f64) -> S {
    let mut sum = S::constant(0.0);
    for (i, (own, y)) in points.iter().enumerate() {
        let others = points.iter().enumerate().filter(|(j, _)| *j != i);
        let weight: f64 = others
            .map(|(_, (other, _))| (x - other) / (own - other))
            .product();
        sum += *y * weight;
    }
    sum
}

fn planned(plan: &JumpPlan, cycle: usize) -> usize {
    let jump = plan.jumps.iter().find(|(after, _)| *after == cycle);
    jump.map_or(0, |(_, length)| *length)
}

fn active_atoms(mechanism: &Mechanism, name: &str) -> f64 {
    let species = mechanism.species().iter().find(|s| s.name == name);
    let element = &mechanism.fresh().active_element;
    let count = species.and_then(|s| s.composition.get(element));
    f64::from(count.copied().unwrap_or(0))
}

/// Whether a solid is formed by decay and consumed by nothing.
fn is_sink(mechanism: &Mechanism, name: &str) -> bool {
    let names = |terms: &[(String, u32)]| terms.iter().any(|(other, _)| other == name);
    let formed = mechanism.reactions().iter().any(|reaction| {
        matches!(reaction.law, Law::Decay { .. }) && names(&reaction.equation.products)
    });
    let consumed = mechanism.reactions().iter().any(|reaction| {
        names(&reaction.equation.reactants)
            || (reaction.equation.reversible && names(&reaction.equation.products))
    });
    formed && !consumed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn trends(cycles: &[usize], amount: impl Fn(f64) -> f64) -> Vec<Trend<f64>> {
        let measured = cycles.iter().map(|cycle| Trend {
            cycle: *cycle,
            per_cycle: vec![amount(*cycle as f64)],
        });
        measured.collect()
    }

    proptest! {
        #[test]
        fn fade_that_slows_down_evenly_is_continued_exactly(
            first in 1e-6f64..1.0, rate in -0.05f64..0.01, bend in -1e-4f64..1e-4, ahead in 1usize..30,
        ) {
            let amount = |k: f64| first * (rate * k + bend * k * k).exp();
            let known = trends(&[12, 20, 35], amount);
            let here = Extrapolation::new(&known, 0).amount(35 + ahead);
            let expected = amount((35 + ahead) as f64);
            prop_assert!((here / expected - 1.0).abs() < 1e-9, "{here} instead of {expected}");
        }

        #[test]
        fn nothing_flows_back_out_of_a_sink(a in -1.0f64..1.0, b in -1.0f64..1.0, c in -1.0f64..1.0) {
            let known = trends(&[1, 2, 3], |k| [a, b, c][if k < 1.5 { 0 } else if k < 2.5 { 1 } else { 2 }]);
            for cycle in 4..10 {
                prop_assert!(Extrapolation::new(&known, 0).amount(cycle) >= 0.0);
            }
        }
    }
}
