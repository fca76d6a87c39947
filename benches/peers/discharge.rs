//! One discharge to the cut-off, timed.

use std::error::Error;
use std::time::Instant;

use clap::ValueEnum;
use serde_json::Value;
use serde_json::json;
use sulfit::cell::Cell;
use sulfit::numerics::scalar::Dual;
use sulfit::numerics::scalar::Sensitive;
use sulfit::numerics::scalar::constants;
use sulfit::numerics::stiff::End;
use sulfit::numerics::stiff::Work;
use sulfit::record::Record;
use sulfit::simulate::Accuracy;
use sulfit::simulate::Recording;
use sulfit::simulate::Simulation;

use crate::Solver;
use crate::case::Case;
use crate::case::FREE;

/// The derivatives of the fit.
pub(crate) type Varied = Dual<{ FREE.len() }>;

/// What a recorded segment is solved tighter by; without a record the same steps are wanted.
const RECORDED_TIGHTER: f64 = 0.1;

/// A discharge that reached the cut-off.
pub(crate) struct Discharge<S> {
    /// When (s).
    pub(crate) end_s: S,
    /// The voltage curve; empty if it was not wanted.
    pub(crate) record: Record<S>,
    work: Work,
}

/// Everything that a user's call needs: the cell from its parameter values, the solution, the voltage curve if it is
/// wanted. `None` if the equations could not be solved or the cut-off was not reached.
pub(crate) fn discharge<S: Sensitive>(
    case: &Case,
    values: &[S],
    mut accuracy: Accuracy,
    recording: Recording<'_>,
) -> Option<Discharge<S>> {
    if recording == Recording::Nothing {
        accuracy.relative *= RECORDED_TIGHTER;
        accuracy.absolute_factor *= RECORDED_TIGHTER;
    }
    let cell = Cell::new(&case.mechanism, values, case.design());
    let mut simulation = Simulation::new(&cell, accuracy, constants(&case.start));
    let current = S::constant(case.current_a_m2);
    let segment = simulation
        .galvanostatic(current, Some(case.limit_v), case.duration_s, recording)
        .ok()?;
    Some(Discharge {
        end_s: (segment.end == End::Event).then_some(segment.duration_s)?,
        record: segment.record.map(|r| r.record).unwrap_or_default(),
        work: simulation.work(),
    })
}

/// Times of one call (s), after one that is not counted, and what the last call gave.
pub(crate) fn repeated<T>(
    n: usize,
    mut call: impl FnMut() -> Option<T>,
) -> Result<(Vec<f64>, T), Box<dyn Error>> {
    let mut last = call();
    let mut seconds = Vec::new();
    for _ in 0..n {
        let begin = Instant::now();
        last = call();
        seconds.push(begin.elapsed().as_secs_f64());
    }
    Ok((seconds, last.ok_or("the discharge could not be solved")?))
}

/// What is told of a discharge.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wanted {
    /// When it ends; the voltage is not recorded.
    End,
    /// How long it takes with its voltage curve.
    Time,
    /// The curve too.
    Curve,
}

/// Runs and tells the discharge of a case.
pub(crate) fn timed(case: &Case, solver: Solver, wanted: Wanted) -> Result<Value, Box<dyn Error>> {
    let (seconds, last) = repeated(solver.repeat, || {
        let recording = Recording::steps_if(wanted != Wanted::End);
        discharge(case, &case.values, solver.accuracy(), recording)
    })?;
    let mut told = told(&seconds, &last);
    if wanted == Wanted::Curve {
        told["time_s"] = json!(last.record.time_s);
        told["voltage_v"] = json!(last.record.voltage_v);
    }
    Ok(told)
}

/// The same with the derivatives by the quantities that are fitted.
pub(crate) fn timed_with_derivatives(case: &Case, solver: Solver) -> Result<Value, Box<dyn Error>> {
    let x = std::array::from_fn::<_, { FREE.len() }, _>(|i| Varied::variable(0.0, i));
    let (seconds, last) = repeated(solver.repeat, || {
        discharge(
            case,
            &case.values_at(&x),
            solver.accuracy(),
            Recording::Steps,
        )
    })?;
    let mut told = told(&seconds, &last);
    told["end_s_by_ln_parameter"] = json!(last.end_s.eps);
    Ok(told)
}

fn told<S: Sensitive>(seconds: &[f64], last: &Discharge<S>) -> Value {
    json!({
        "seconds": seconds,
        "end_s": last.end_s.value(),
        "points": last.record.len(),
        "steps": last.work.steps,
        "jacobians": last.work.jacobians,
        "iterations": last.work.iterations,
        "factorisations": last.work.factorisations,
    })
}
