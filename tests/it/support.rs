//! What several tests share: the shipped mechanism and the reference parameter sets.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use sulfit::config::read_mechanism;
use sulfit::estimate::Archive;
use sulfit::estimate::Monitor;
use sulfit::estimate::Status;
use sulfit::mechanism::Mechanism;
use sulfit::protocol::Cycles;
use sulfit::protocol::Recorded;

/// A path inside the project.
pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The shipped Mg-S mechanism.
pub(crate) fn mg_s() -> Arc<Mechanism> {
    Arc::new(read_mechanism(&project("models/mg_s_tandem.toml")).unwrap())
}

/// The shipped Li-S mechanism.
pub(crate) fn li_s() -> Arc<Mechanism> {
    Arc::new(read_mechanism(&project("models/li_s.toml")).unwrap())
}

/// A JSON file below `tests/reference`.
pub(crate) fn reference_json(name: &str) -> serde_json::Value {
    let path = project("tests/reference").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The values (SI, table order) of a reference parameter set: the specification's symbols are the table's names.
pub(crate) fn reference_values(mechanism: &Mechanism, set: &serde_json::Value) -> Vec<f64> {
    let named: BTreeMap<String, f64> = serde_json::from_value(set.clone()).unwrap();
    let mut values = mechanism.parameters().values();
    for (name, value) in &named {
        // The specification counts grams of sulfur; the thickness follows from the loading here.
        let si = if name == "loading" {
            value * 1e-3
        } else {
            *value
        };
        if name != "Lc" {
            values[mechanism.parameters().find(name).unwrap().index()] = si;
        }
    }
    // The reference rounds the thickness of the thin cell to four digits.
    let density = mechanism.roles().active_density.index();
    values[density] = named["loading"] * 1e-3 / named["Lc"];
    values
}

/// Nobody watches, nobody interrupts.
pub(crate) struct Silent;

impl Monitor for Silent {
    fn begin(&self, _stage: &str, _iterations_max: usize) {}
    fn advance(&self, _status: &Status<'_>) {}
    fn is_interrupted(&self) -> bool {
        false
    }
}

/// Recorded cycles between the cut-offs of the specification, with jumps.
pub(crate) fn cycles(c_rate: f64, count: usize) -> Cycles {
    Cycles {
        c_rate,
        count,
        lower_v: 0.4,
        upper_v: 2.1,
        time_factor: 1.15,
        may_jump: true,
        recorded: Recorded::First,
    }
}

/// An archive in memory.
#[derive(Default)]
pub(crate) struct Memory(Mutex<BTreeMap<String, Vec<Vec<f64>>>>);

impl Memory {
    /// Number of tables.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Archive for Memory {
    fn recall(&self, name: &str) -> Option<Vec<Vec<f64>>> {
        self.0.lock().unwrap().get(name).cloned()
    }
    fn keep(&self, name: &str, rows: &[Vec<f64>]) {
        let mut tables = self.0.lock().unwrap();
        tables.insert(name.to_owned(), rows.to_vec());
    }
    fn append(&self, name: &str, row: &[f64]) {
        let mut tables = self.0.lock().unwrap();
        tables
            .entry(name.to_owned())
            .or_default()
            .push(row.to_vec());
    }
}
