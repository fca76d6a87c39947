//! How far the mesh moves the estimates: intervals tell nothing of what the equations lose on it.

use nalgebra::DMatrix;
use nalgebra::DVector;

use super::task::Task;
use super::task::targets;
use super::uncertainty::Information;
use crate::numerics::least_squares::Solution;
use crate::simulate::Mesh;
use crate::simulate::Resolution;

/// How far each estimate would move on a mesh twice as fine, in its standard deviations; `None` if a simulation failed.
///
/// With the residuals' change Δr at the optimum, the linear model moves by −(JᵀJ)⁻¹JᵀΔr.
pub(super) fn mesh_shifts(
    task: &Task<'_>,
    solution: &Solution,
    information: &Information,
) -> Option<Vec<f64>> {
    let jacobian = &solution.linearisation.as_ref()?.jacobian;
    let fine = task.study.fine;
    let residuals = |resolution: Resolution| {
        let targets = targets(task.measurements.observations());
        let simulator = task.patient_simulator(resolution, targets);
        let (values, _) = simulator.values(&solution.x, None).ok()?;
        Some(task.measurements.residuals(&values))
    };
    let finer = Resolution {
        mesh: Mesh {
            n_separator: 2 * fine.mesh.n_separator,
            n_electrode: 2 * fine.mesh.n_electrode,
        },
        ..fine
    };
    let (here, there) = (residuals(fine)?, residuals(finer)?);
    let (m, n) = jacobian.dim();
    // The rows of the priors feel no mesh.
    let change = |row: usize| match (there.get(row), here.get(row)) {
        (Some(there), Some(here)) => there - here,
        _ => 0.0,
    };
    let jacobian = DMatrix::from_fn(m, n, |i, j| jacobian[[i, j]]);
    let change = DVector::from_fn(m, |row, _| change(row));
    let step = jacobian
        .tr_mul(&jacobian)
        .cholesky()?
        .solve(&jacobian.tr_mul(&change));
    let shifts = step.iter().enumerate();
    Some(shifts.map(|(i, step)| -step / information.sd(i)).collect())
}
