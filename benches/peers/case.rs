//! A case: parameter values, mesh, the state after the rest, and the discharge that follows.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use serde_json::json;
use sulfit::cell::Cell;
use sulfit::cell::Design;
use sulfit::config::read_mechanism;
use sulfit::mechanism::Mechanism;
use sulfit::numerics::scalar::Sensitive;
use sulfit::simulate::Accuracy;
use sulfit::simulate::Simulation;

/// The quantities that are fitted.
pub(crate) const FREE: [&str; 4] = ["kdes", "k3", "k4", "vmax"];

const REST_S: f64 = 6.0 * 3600.0;
/// Longest discharge as a multiple of the theoretical time.
const TIME_FACTOR: f64 = 1.15;
const LIMIT_V: f64 = 0.4;
/// States of a cathode volume; they stand before the wetted fraction, the last state.
const PER_VOLUME: usize = 10;
/// Place of the wetted fraction in the states of a file; here it is the last.
const WETTED_IN_FILE: usize = 3;

/// One discharge of the reference format of `tests/reference`.
pub(crate) struct Case {
    pub(crate) mechanism: Arc<Mechanism>,
    /// The values of the file, for the next file.
    named: BTreeMap<String, f64>,
    /// Parameter values (SI, table order).
    pub(crate) values: Vec<f64>,
    n_separator: usize,
    n_cathode: usize,
    /// State at the start of the discharge.
    pub(crate) start: Vec<f64>,
    /// Current density (A m⁻²).
    pub(crate) current_a_m2: f64,
    /// Voltage that ends the discharge (V).
    pub(crate) limit_v: f64,
    /// Its longest duration (s).
    pub(crate) duration_s: f64,
}

impl Case {
    /// Reads a case and the shipped mechanism.
    pub(crate) fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let file: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/mg_s_tandem.toml");
        let mechanism = Arc::new(read_mechanism(&model)?);
        let named = serde_json::from_value(file["params"].clone())?;
        let segment = &file["segments"][0];
        let number = |of: &Value, key: &str| {
            let missing = || format!("{}: no number '{key}'", path.display());
            of[key].as_f64().ok_or_else(missing)
        };
        let mut start: Vec<f64> = serde_json::from_value(file["y0"].clone())?;
        start.pop();
        let wetted = start.remove(WETTED_IN_FILE);
        start.push(wetted);
        Ok(Self {
            values: values(&mechanism, &named)?,
            mechanism,
            named,
            n_separator: serde_json::from_value(file["Ns"].clone())?,
            n_cathode: serde_json::from_value(file["Nc"].clone())?,
            start,
            current_a_m2: number(segment, "I_A_m2")?,
            limit_v: number(segment, "v_lo")?,
            duration_s: number(segment, "t_max")?,
        })
    }

    /// The mesh.
    pub(crate) fn design(&self) -> Design {
        Design::battery(self.n_separator, self.n_cathode)
    }

    /// The same discharge with one volume for the cathode: its state is the mean of the volumes, which keeps all amounts.
    pub(crate) fn with_one_cathode_volume(&self) -> Self {
        let first = self.start.len() - 1 - self.n_cathode * PER_VOLUME;
        let (before, rest) = self.start.split_at(first);
        let (cathode, wetted) = rest.split_at(self.n_cathode * PER_VOLUME);
        let mean = |state: usize| {
            let values = cathode.iter().skip(state).step_by(PER_VOLUME);
            values.sum::<f64>() / self.n_cathode as f64
        };
        let mean: Vec<f64> = (0..PER_VOLUME).map(mean).collect();
        Self {
            mechanism: Arc::clone(&self.mechanism),
            named: self.named.clone(),
            values: self.values.clone(),
            n_cathode: 1,
            start: [before, &mean, wetted].concat(),
            ..*self
        }
    }

    /// The same cell fresh, on another mesh and at another rate, after its rest.
    pub(crate) fn rested(
        mut self,
        c_rate: f64,
        n_cathode: usize,
        is_conditioned: bool,
    ) -> Result<Self, Box<dyn Error>> {
        self.n_cathode = n_cathode;
        let cell = Cell::new(&self.mechanism, &self.values, self.design());
        let mut fresh = cell.fresh_state();
        if is_conditioned {
            cell.condition(&mut fresh);
        }
        let accuracy = Accuracy {
            relative: 1e-8,
            absolute_factor: 1e-4,
        };
        let mut simulation = Simulation::new(&cell, accuracy, fresh);
        simulation.rest(REST_S)?;
        self.start = simulation.state().to_vec();
        self.current_a_m2 = cell.one_c_a_m2() * c_rate;
        self.limit_v = LIMIT_V;
        self.duration_s = TIME_FACTOR * 3600.0 / c_rate;
        Ok(self)
    }

    /// The file of this case.
    pub(crate) fn to_json(&self) -> Value {
        let mut y0 = self.start.clone();
        let wetted = y0.pop().unwrap_or_default();
        y0.insert(WETTED_IN_FILE, wetted);
        y0.push(self.current_a_m2);
        json!({
            "params": self.named,
            "Ns": self.n_separator,
            "Nc": self.n_cathode,
            "y0": y0,
            "segments": [{
                "I_A_m2": self.current_a_m2,
                "v_lo": self.limit_v,
                "t_max": self.duration_s,
            }],
        })
    }

    /// The parameter values with those that are fitted multiplied by eˣ: `x` carries the directions, if any.
    pub(crate) fn values_at<S: Sensitive>(&self, x: &[S]) -> Vec<S> {
        let mut values: Vec<S> = self.values.iter().map(|v| S::constant(*v)).collect();
        for (name, x) in FREE.iter().zip(x) {
            if let Some(id) = self.mechanism.parameters().find(name) {
                values[id.index()] = x.exp() * self.values[id.index()];
            }
        }
        values
    }
}

/// The values (SI, table order) of a file: its names are those of the mechanism, but it counts grams of sulfur and
/// tells the thickness, which follows from loading and density here.
fn values(
    mechanism: &Mechanism,
    named: &BTreeMap<String, f64>,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut values = mechanism.parameters().values();
    let (mut loading_kg_m2, mut thickness_m) = (f64::NAN, f64::NAN);
    for (name, value) in named {
        match name.as_str() {
            "Lc" => thickness_m = *value,
            "loading" => loading_kg_m2 = value * 1e-3,
            _ => {
                let id = mechanism.parameters().find(name);
                let id = id.ok_or_else(|| format!("the mechanism has no parameter '{name}'"))?;
                values[id.index()] = *value;
            }
        }
    }
    values[mechanism.roles().loading.index()] = loading_kg_m2;
    values[mechanism.roles().active_density.index()] = loading_kg_m2 / thickness_m;
    Ok(values)
}
