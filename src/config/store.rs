//! The records of an experiment: which cell's data set names them, read once.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use super::dataset::Facts;
use super::dataset::read_facts;
use super::error::ConfigError;
use super::error::Place;
use super::experiment_file::RawExperiment;
use super::records::RecordFile;
use crate::estimate::Origin;
use crate::import::read_measured;
use crate::record::Measured;
use crate::record::Severity;

/// The data sets of an experiment and the records that were read from them.
pub(super) struct RecordStore {
    /// The data set of the experiment, then those of cells that have their own.
    sets: Vec<Facts>,
    /// Position of each cell's data set.
    of_cell: Vec<usize>,
    read: Mutex<BTreeMap<PathBuf, Arc<Measured>>>,
}

/// A record with what its data set says about it.
#[derive(Clone)]
pub(super) struct Loaded {
    /// What was measured.
    pub(super) measured: Arc<Measured>,
    /// What the data set says.
    pub(super) file: RecordFile,
    /// Where it comes from.
    pub(super) origin: Origin,
}

impl RecordStore {
    /// Reads the data sets; their records are read when they are asked for.
    pub(super) fn new(raw: &RawExperiment, folder: &Path) -> Result<Self, ConfigError> {
        let mut sets = vec![read_facts(&folder.join(&raw.dataset))?];
        let mut of_cell = Vec::new();
        for cell in &raw.cell {
            of_cell.push(match &cell.dataset {
                None => 0,
                Some(path) => {
                    sets.push(read_facts(&folder.join(path))?);
                    sets.len() - 1
                }
            });
        }
        Ok(Self {
            sets,
            of_cell,
            read: Mutex::default(),
        })
    }

    /// Where the data come from: simulated ones spoil the rest, and what was read from the literature comes before
    /// what was measured.
    pub(super) fn origin(&self) -> Origin {
        let mut origins = self.sets.iter().map(|set| set.origin);
        let worst = |a: Origin, b: Origin| match (a, b) {
            (Origin::Synthetic, _) | (_, Origin::Synthetic) => Origin::Synthetic,
            (Origin::Literature, _) | (_, Origin::Literature) => Origin::Literature,
            (Origin::Measured, Origin::Measured) => Origin::Measured,
        };
        let first = origins.next().unwrap_or(Origin::Measured);
        origins.fold(first, worst)
    }

    /// The files with numbers, and those of the records.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        let of_set = |set: &Facts| {
            let records = set.records.iter().map(|record| record.path.clone());
            std::iter::once(set.path.clone())
                .chain(records)
                .collect::<Vec<_>>()
        };
        self.sets.iter().flat_map(of_set).collect()
    }

    /// The data set of the experiment.
    pub(super) fn facts(&self) -> &Facts {
        &self.sets[0]
    }

    /// The record of a name in the data set of a cell.
    pub(super) fn record(
        &self,
        place: &Place<'_>,
        key: &str,
        (cell, name): (usize, &str),
    ) -> Result<Loaded, ConfigError> {
        self.load(place, key, (&self.sets[self.of_cell[cell]], name))
    }

    /// The record of a name in the data set of the experiment.
    pub(super) fn shared(
        &self,
        place: &Place<'_>,
        key: &str,
        name: &str,
    ) -> Result<Loaded, ConfigError> {
        self.load(place, key, (&self.sets[0], name))
    }

    fn load(
        &self,
        place: &Place<'_>,
        key: &str,
        (set, name): (&Facts, &str),
    ) -> Result<Loaded, ConfigError> {
        let Some(file) = set.records.iter().find(|file| file.name == name) else {
            let names: Vec<&str> = set.records.iter().map(|file| file.name.as_str()).collect();
            let dataset = set.path.display();
            let expected = match names.as_slice() {
                [] => format!("a [[record]] of that name in {dataset}, which has none"),
                _ => format!("a [[record]] of {dataset}: {}", names.join(", ")),
            };
            return Err(place.value(key, format!("'{name}'"), expected));
        };
        Ok(Loaded {
            measured: self.measured(file)?,
            file: file.clone(),
            origin: set.origin,
        })
    }

    fn measured(&self, file: &RecordFile) -> Result<Arc<Measured>, ConfigError> {
        let mut read = self.read.lock().map_err(|_| ConfigError::Unreadable {
            path: file.path.clone(),
            reason: "another thread stopped while it read".to_owned(),
        })?;
        if let Some(measured) = read.get(&file.path) {
            return Ok(Arc::clone(measured));
        }
        let measured = Arc::new(read_measured(&file.path, &file.hints)?);
        let problem = measured
            .findings
            .iter()
            .find(|finding| finding.severity == Severity::Problem);
        if let Some(finding) = problem {
            let line = finding
                .line
                .map_or_else(|| "record".to_owned(), |line| format!("line {line}"));
            return Err(Place::new(&file.path).value(
                line,
                finding.found.clone(),
                format!("a record without this problem: {}", finding.remedy),
            ));
        }
        read.insert(file.path.clone(), Arc::clone(&measured));
        Ok(measured)
    }
}
