//! All residuals of the shipped experiment at the values of its mechanism, timed.

use std::error::Error;
use std::path::Path;

use serde_json::Value;
use serde_json::json;
use sulfit::config::read_study;
use sulfit::estimate::Noise;
use sulfit::estimate::residuals;
use sulfit::simulate::Mesh;
use sulfit::simulate::Resolution;

use crate::Solver;
use crate::discharge::repeated;

/// Runs and tells the residuals; of observations with relative noise the logarithm of model over measured.
pub(crate) fn timed(mesh: Mesh, solver: Solver) -> Result<Value, Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/star_lcnc.toml");
    let study = read_study(&path)?;
    let free = study.variants[0].free.iter();
    let x: Vec<f64> = free.map(|f| f.scale().to_coordinate(f.given)).collect();
    let resolution = Resolution {
        mesh,
        accuracy: solver.accuracy(),
    };
    let (seconds, residuals) = repeated(solver.repeat, || residuals(&study, 0, &x, resolution))?;
    let pairs = study.observations.iter().zip(&residuals);
    let ratios = pairs.filter_map(|(observation, residual)| match observation.noise {
        Noise::Relative(sd) => {
            let cell = &study.cells[observation.target.cell];
            let name = format!("{}, {cell}", observation.target.id);
            Some((name, json!(residual * sd)))
        }
        _ => None,
    });
    Ok(json!({
        "seconds": seconds,
        "ln_ratio": ratios.collect::<serde_json::Map<_, _>>(),
    }))
}
