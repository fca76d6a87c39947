//! All that is wrong with an experiment and what it names, not only the first: for whoever corrects it.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use super::dataset::read_facts;
use super::error::ConfigError;
use super::error::parse_toml;
use super::error::read_text;
use super::experiment::Builder;
use super::experiment::read_study;
use super::experiment::with_builder;
use super::experiment_file::RawExperiment;
use super::model::read_mechanism;
use crate::estimate::Study;

/// Reads an experiment and everything it names; if it cannot be used, with every problem that can be told apart.
///
/// A problem that hides others, such as a file that cannot be parsed, is told alone: what follows from it is none.
///
/// # Errors
/// At least one [`ConfigError`], each another one.
pub fn read_study_or_problems(path: &Path) -> Result<Study, Vec<ConfigError>> {
    read_study(path).map_err(|first| {
        let mut problems = Problems::default();
        problems.of_files(path);
        if problems.found.is_empty() {
            let built = with_builder(path, |builder| {
                problems.of_builder(builder);
                Ok(())
            });
            problems.note(built);
        }
        // The pieces may each be right and not fit together.
        if problems.found.is_empty() {
            problems.add(first);
        }
        problems.found
    })
}

/// Problems in the order in which they were found.
#[derive(Default)]
struct Problems {
    found: Vec<ConfigError>,
    told: BTreeSet<String>,
}

impl Problems {
    fn add(&mut self, error: ConfigError) {
        let text = error.to_string();
        self.add_once(error, text);
    }

    /// Adds an error unless one with the same text was there.
    fn add_once(&mut self, error: ConfigError, text: String) {
        if self.told.insert(text) {
            self.found.push(error);
        }
    }

    /// The value, or `None` and its problem noted.
    fn note<T>(&mut self, result: Result<T, ConfigError>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    /// The experiment's own file, mechanisms and data sets, each by itself.
    fn of_files(&mut self, path: &Path) {
        let Some(text) = self.note(read_text(path)) else {
            return;
        };
        let raw: Result<RawExperiment, ConfigError> = parse_toml(path, &text);
        self.note(raw);
        // Also from a file with a wrong key the names of the others can be read.
        let Ok(table) = text.parse::<toml::Table>() else {
            return;
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        for file in named(&table, "mechanism", "variant") {
            self.note(read_mechanism(&folder.join(file)));
        }
        for file in named(&table, "dataset", "cell") {
            self.note(read_facts(&folder.join(file)));
        }
    }

    /// Every part of an experiment whose files can be read.
    fn of_builder(&mut self, builder: &Builder<'_>) {
        let raw = builder.raw;
        self.note(builder.resolution("mesh.coarse", &raw.mesh.coarse));
        self.note(builder.resolution("mesh.fine", &raw.mesh.fine));
        self.note(builder.settings());
        let mut protocols = Vec::new();
        let mut failed: Vec<&str> = Vec::new();
        for (name, own) in &raw.protocol {
            match self.note(own.build(builder, name)) {
                Some(protocol) => protocols.push(protocol),
                None => failed.push(name),
            }
        }
        // What needs a protocol that is wrong itself tells nothing new.
        let is_known = |protocol: &String| !failed.contains(&protocol.as_str());
        for (i, own) in raw.observable.iter().enumerate() {
            if is_known(&own.protocol) {
                self.note(builder.observed((i, own), &protocols));
            }
        }
        for (i, own) in raw.curve.iter().enumerate() {
            if is_known(&own.protocol) {
                self.note(builder.entry((i, own), &protocols));
            }
        }
        for own in raw.prediction.iter().filter(|own| is_known(&own.protocol)) {
            self.note(builder.prediction(own, &protocols));
        }
        if failed.is_empty() {
            self.note(builder.orderings(&protocols));
            self.note(builder.candidates(&protocols));
            for own in &raw.variant {
                if let Err(error) = builder.variant(own, &protocols) {
                    // What is wrong in every variant is told for the first.
                    let text = error.to_string().replace(&format!("'{}'", own.name), "");
                    self.add_once(error, text);
                }
            }
        }
    }
}

/// The files that an experiment names by a key, itself or in its tables of a name; each once.
fn named(table: &toml::Table, key: &str, tables: &str) -> Vec<PathBuf> {
    let own = table.get(key).into_iter();
    let lists = table.get(tables).and_then(toml::Value::as_array);
    let others = lists.into_iter().flatten().filter_map(|one| one.get(key));
    let names = own.chain(others).filter_map(toml::Value::as_str);
    let mut files: Vec<PathBuf> = Vec::new();
    for name in names.map(PathBuf::from) {
        if !files.contains(&name) {
            files.push(name);
        }
    }
    files
}
