//! One point of the box, simulated: the values of all outputs, their derivatives, and what failed.

use ndarray::Array2;

use super::plan::Plan;
use super::plan::Quantity;
use crate::cell::Cell;
use crate::numerics::scalar::Dual;
use crate::numerics::scalar::Sensitive;
use crate::numerics::scalar::constants;
use crate::simulate::JumpPlan;
use crate::simulate::SimulationFailure;
use crate::simulate::run;

/// Directions that one simulation carries derivatives in; more take several simulations.
const WIDEST: usize = 24;

/// What one point of the box gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Coordinates of the point, one per axis.
    pub coordinates: Vec<f64>,
    /// Values of all columns; not a number where a simulation failed or a curve does not show the value.
    pub values: Vec<f64>,
    /// Derivatives of all columns by the coordinates, `n_columns × n_axes`, if they were asked for; not a number where
    /// there is none.
    pub slopes: Option<Array2<f64>>,
    /// What failed, as a sentence for each protocol.
    pub failures: Vec<String>,
}

/// What one protocol gave: its columns and the jumps that led to them.
type ProtocolResult<S> = Result<(Vec<(usize, Option<S>)>, Vec<JumpPlan>), SimulationFailure>;

/// Simulates a point, with derivatives if they are asked for. Failures are part of the sample.
pub fn simulated(plan: &Plan, coordinates: &[f64], with_slopes: bool) -> Sample {
    let n_columns = plan.columns().count();
    let mut sample = Sample {
        coordinates: coordinates.to_vec(),
        values: vec![f64::NAN; n_columns],
        slopes: with_slopes.then(|| Array2::from_elem((n_columns, coordinates.len()), f64::NAN)),
        failures: Vec::new(),
    };
    for protocol in 0..plan.protocols.len() {
        let (columns, jumps) = match one::<f64>(plan, protocol, coordinates, coordinates, None) {
            Ok(result) => result,
            Err(failure) => {
                sample.failures.push(failure.to_string());
                continue;
            }
        };
        for (column, value) in columns {
            sample.values[column] = value.unwrap_or(f64::NAN);
        }
        if let Some(slopes) = &mut sample.slopes
            && let Err(failure) = fill_slopes(plan, protocol, coordinates, (&jumps, slopes))
        {
            sample.failures.push(format!("derivatives: {failure}"));
        }
    }
    sample
}

/// One protocol with any scalar. `varied` are the coordinates as they enter the parameters, `coordinates` their values.
fn one<S: Sensitive>(
    plan: &Plan,
    index: usize,
    coordinates: &[f64],
    varied: &[S],
    frozen: Option<&[JumpPlan]>,
) -> ProtocolResult<S> {
    let protocol = plan.protocol(index, coordinates);
    let mut values = plan.values(varied);
    if let Some(loading) = protocol.loading_kg_m2 {
        values[plan.mechanism.roles().loading.index()] = S::constant(loading);
    }
    let design = plan.resolution.mesh.design(&plan.mechanism, &protocol);
    let cell = Cell::new(&plan.mechanism, &values, design);
    let outcome = run(&cell, &protocol, plan.resolution.accuracy, frozen)?;
    let columns = plan.columns().enumerate();
    let own = columns.filter(|(_, (output, _))| output.protocol == index);
    let read = own.map(|(column, (_, observable))| {
        let value = observable.measure(&cell, &outcome);
        (column, value.filter(|v| v.value().is_finite()))
    });
    Ok((read.collect(), outcome.plans))
}

/// The derivatives of a protocol's columns by everything but currents, which carry none.
fn fill_slopes(
    plan: &Plan,
    protocol: usize,
    coordinates: &[f64],
    (jumps, slopes): (&[JumpPlan], &mut Array2<f64>),
) -> Result<(), SimulationFailure> {
    let axes = plan.axes.iter().enumerate();
    let directions: Vec<usize> = axes
        .filter(|(_, axis)| matches!(axis.quantity, Quantity::Parameter(_)))
        .map(|(i, _)| i)
        .collect();
    for (i, axis) in plan.axes.iter().enumerate() {
        // A current that another protocol uses does not move this one's values.
        if matches!(axis.quantity, Quantity::Rate { protocol: of, .. } if of != protocol) {
            let own = plan
                .columns()
                .map(|(output, _)| output.protocol)
                .enumerate();
            let own = own.filter(|(_, of)| *of == protocol);
            own.for_each(|(column, _)| slopes[[column, i]] = 0.0);
        }
    }
    for window in directions.chunks(WIDEST) {
        let mut varied: Vec<Dual<WIDEST>> = constants(coordinates);
        for (direction, axis) in window.iter().enumerate() {
            varied[*axis] = Dual::variable(coordinates[*axis], direction);
        }
        let (columns, _) = one(plan, protocol, coordinates, &varied, Some(jumps))?;
        for (column, value) in columns {
            for (direction, axis) in window.iter().enumerate() {
                slopes[[column, *axis]] = value.map_or(f64::NAN, |v| v.eps[direction]);
            }
        }
    }
    Ok(())
}
