//! Experiment files: `experiments/<name>.toml`, from raw mirror to study.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::dataset::FactRole;
use super::dataset::Facts;
use super::error::ConfigError;
use super::error::Place;
use super::error::parse_toml;
use super::error::read_text;
use super::experiment_file::POLISHED;
use super::experiment_file::RawExperiment;
use super::experiment_file::RawFit;
use super::experiment_file::RawLoss;
use super::experiment_file::RawPredicted;
use super::experiment_file::RawResolution;
use super::experiment_file::RawSearch;
use super::model::read_mechanism;
use super::nearest::did_you_mean;
use super::nearest::one_of;
use super::observable_file::RawObserved;
use super::observable_file::RawSide;
use super::store::RecordStore;
use crate::estimate::Alternative;
use crate::estimate::FitSettings;
use crate::estimate::Input;
use crate::estimate::Noise;
use crate::estimate::Observation;
use crate::estimate::Ordering;
use crate::estimate::Prediction;
use crate::estimate::Search;
use crate::estimate::Study;
use crate::estimate::Target;
use crate::estimate::Variant;
use crate::mechanism::Mechanism;
use crate::numerics::fingerprint::fingerprint;
use crate::numerics::loss::Loss;
use crate::numerics::loss::Robust;
use crate::observe::Observable;
use crate::protocol::Protocol;
use crate::simulate::Accuracy;
use crate::simulate::Mesh;
use crate::simulate::Resolution;
use crate::units::Unit;

/// Reads an experiment and everything it names.
///
/// # Errors
/// [`ConfigError`] with the file and the line or key at fault.
pub fn read_study(path: &Path) -> Result<Study, ConfigError> {
    let study = |builder: &Builder<'_>| {
        let mut study = builder.study()?;
        study.inputs = builder.inputs(path);
        Ok(study)
    };
    with_builder(path, study)
}

/// Reads an experiment's file and all that it names, for whoever builds something of it.
pub(super) fn with_builder<T>(
    path: &Path,
    build: impl FnOnce(&Builder<'_>) -> Result<T, ConfigError>,
) -> Result<T, ConfigError> {
    let raw: RawExperiment = parse_toml(path, &read_text(path)?)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mechanism = Arc::new(read_mechanism(&folder.join(&raw.mechanism))?);
    let store = RecordStore::new(&raw, folder)?;
    let builder = Builder {
        place: Place::new(path),
        raw: &raw,
        mechanism: &mechanism,
        facts: store.facts(),
        store: &store,
    };
    build(&builder)
}

/// Checks a raw experiment against what it names.
#[derive(Clone, Copy)]
pub(super) struct Builder<'a> {
    pub(super) place: Place<'a>,
    pub(super) raw: &'a RawExperiment,
    pub(super) mechanism: &'a Arc<Mechanism>,
    pub(super) facts: &'a Facts,
    pub(super) store: &'a RecordStore,
}

impl Builder<'_> {
    pub(super) fn study(&self) -> Result<Study, ConfigError> {
        let raw = self.raw;
        if raw.observable.is_empty() && raw.curve.is_empty() {
            let expected = "at least one [[observable]] or [[curve]]";
            return Err(self.place.value("observable", "none", expected));
        }
        if raw.cell.is_empty() {
            return Err(self.place.value("cell", "none", "at least one [[cell]]"));
        }
        let protocols = raw
            .protocol
            .iter()
            .map(|(name, p)| p.build(self, name))
            .collect::<Result<Vec<Protocol>, _>>()?;
        let mut observations = self.observations(&protocols, true)?;
        let mut calibrations = self.calibrations(&observations, &protocols)?;
        let mut noise_groups = self.noise_groups(&observations)?;
        let alternatives = self.alternatives(&observations)?;
        let curves = self.curves(&protocols, (observations.len(), true))?;
        observations.extend(curves.observations);
        calibrations.extend(curves.calibrations);
        noise_groups.extend(curves.noise_groups);
        let mut extras = self.observations(&protocols, false)?;
        let compared = self.curves(&protocols, (extras.len(), false))?;
        extras.extend(compared.observations);
        let variants = self.variants(&protocols, observations.len())?;
        let mut study = Study {
            name: raw.name.clone(),
            assumptions: raw.assumptions.clone(),
            origin: self.store.origin(),
            inputs: Vec::new(),
            cells: raw.cell.iter().map(|cell| cell.name.clone()).collect(),
            curves: curves.measured,
            compared_curves: compared.measured,
            calibrations,
            noise_groups,
            candidates: self.candidates(&protocols)?,
            combinations: self.combinations(&variants)?,
            predictions: self.predictions(&protocols)?,
            orderings: self.orderings(&protocols)?,
            alternatives,
            protocols,
            observations,
            extras,
            variants,
            coarse: self.resolution("mesh.coarse", &raw.mesh.coarse)?,
            fine: self.resolution("mesh.fine", &raw.mesh.fine)?,
            settings: self.settings()?,
            guide: None,
            guide_refusal: None,
        };
        self.find_guide(&mut study)?;
        Ok(study)
    }

    /// The files that the experiment is read from, itself first, each once.
    fn inputs(&self, path: &Path) -> Vec<Input> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let sets = self
            .raw
            .cell
            .iter()
            .filter_map(|cell| cell.dataset.as_ref());
        let variants = self.raw.variant.iter();
        let mechanisms = variants.filter_map(|variant| variant.mechanism.as_ref());
        let sets = [&self.raw.mechanism, &self.raw.dataset]
            .into_iter()
            .chain(mechanisms)
            .chain(sets);
        let mut paths = vec![path.to_owned()];
        paths.extend(sets.map(|set| folder.join(set)));
        paths.extend(self.store.paths());
        let mut seen = HashSet::new();
        let inputs = paths.iter().filter(|path| seen.insert(*path));
        let inputs = inputs.filter_map(|path| {
            Some(Input {
                name: path.file_name()?.to_string_lossy().into_owned(),
                fingerprint: fingerprint(&std::fs::read(path).ok()?),
            })
        });
        inputs.collect()
    }

    /// The variants, checked against each other and against the number of data.
    fn variants(&self, protocols: &[Protocol], n_data: usize) -> Result<Vec<Variant>, ConfigError> {
        let variants: Vec<Variant> = self
            .raw
            .variant
            .iter()
            .map(|v| self.variant(v, protocols))
            .collect::<Result<_, _>>()?;
        for (i, variant) in variants.iter().enumerate() {
            if variants[..i].iter().any(|other| other.name == variant.name) {
                let found = format!("'{}' twice", variant.name);
                return Err(self
                    .place
                    .value("variant", found, "a name of its own for each"));
            }
        }
        self.check_compared(&variants)?;
        for variant in &variants {
            self.check_count(variant, n_data)?;
        }
        if variants.is_empty() {
            return Err(self
                .place
                .value("variant", "none", "at least one [[variant]]"));
        }
        Ok(variants)
    }

    pub(super) fn settings(&self) -> Result<FitSettings, ConfigError> {
        let RawFit {
            seed,
            candidates,
            starts,
            iterations_max,
            gradient_tolerance,
            search,
            polished,
            loss,
            surrogate_starts,
            ..
        } = self.raw.fit;
        let search = search.unwrap_or(RawSearch::Sobol);
        let rounds = match search {
            RawSearch::Sobol => 1,
            RawSearch::Swarm { rounds } => rounds,
        };
        for (key, value) in [
            ("candidates", candidates),
            ("starts", starts),
            ("iterations_max", iterations_max),
            ("polished", polished.unwrap_or(POLISHED)),
            ("search.swarm.rounds", rounds),
            ("surrogate_starts", surrogate_starts.unwrap_or(1)),
        ] {
            if value == 0 {
                return Err(self.place.value(format!("fit.{key}"), "0", "at least 1"));
            }
        }
        let key = "fit.gradient_tolerance";
        Ok(FitSettings {
            search: match search {
                RawSearch::Sobol => Search::Sobol,
                RawSearch::Swarm { rounds } => Search::Swarm { rounds },
            },
            loss: self.loss(loss.unwrap_or(RawLoss::Squares))?,
            polished: polished.unwrap_or(POLISHED),
            seed,
            candidates: candidates.max(starts),
            starts,
            iterations_max,
            gradient_tolerance: self.place.number(
                key,
                gradient_tolerance,
                |v| v > 0.0,
                "a positive number",
            )?,
        })
    }

    fn loss(&self, raw: RawLoss) -> Result<Robust, ConfigError> {
        let (loss, f_scale) = match raw {
            RawLoss::Squares => (Loss::Squares, 1.0),
            RawLoss::Huber { from_sd } => (Loss::Huber, from_sd),
            RawLoss::SoftL1 { from_sd } => (Loss::SoftL1, from_sd),
            RawLoss::Cauchy { from_sd } => (Loss::Cauchy, from_sd),
        };
        let is_positive = |sd: f64| sd > 0.0;
        let f_scale = self.place.number(
            "fit.loss.from_sd",
            f_scale,
            is_positive,
            "a positive number",
        )?;
        if loss != Loss::Squares && !self.raw.calibration.is_empty() {
            let expected = "squares, as offsets and scales are solved for squares only";
            return Err(self.place.value(
                "fit.loss",
                "a robust loss beside [[calibration]]",
                expected,
            ));
        }
        Ok(Robust { loss, f_scale })
    }

    pub(super) fn resolution(
        &self,
        key: &str,
        raw: &RawResolution,
    ) -> Result<Resolution, ConfigError> {
        const VOLUMES_MAX: usize = 1000;
        for (name, count) in [("separator", raw.separator), ("cathode", raw.cathode)] {
            if count == 0 || count > VOLUMES_MAX {
                let expected = format!("1 to {VOLUMES_MAX} volumes");
                return Err(self
                    .place
                    .value(format!("{key}.{name}"), count.to_string(), expected));
            }
        }
        let tolerance = |name: &str, value: f64, most: f64| {
            let expected = format!("a positive number up to {most}");
            self.place.number(
                &format!("{key}.{name}"),
                value,
                |v| v > 0.0 && v <= most,
                &expected,
            )
        };
        Ok(Resolution {
            mesh: Mesh {
                n_separator: raw.separator,
                n_electrode: raw.cathode,
            },
            accuracy: Accuracy {
                relative: tolerance("relative_tolerance", raw.relative_tolerance, 1e-2)?,
                absolute_factor: tolerance("absolute_factor", raw.absolute_factor, 1e3)?,
            },
        })
    }

    pub(super) fn parameter(
        &self,
        key: &str,
        name: &str,
    ) -> Result<crate::mechanism::ParameterId, ConfigError> {
        self.mechanism.parameters().find(name).ok_or_else(|| {
            let rows = self.mechanism.parameters().rows().iter();
            let meant = did_you_mean(name, rows.map(|row| row.name.as_str()));
            let mechanism = self.mechanism.name();
            let expected = format!("a parameter of the mechanism '{mechanism}'{meant}");
            self.place.value(key, format!("'{name}'"), expected)
        })
    }

    pub(super) fn cell_index(&self, key: &str, name: &str) -> Result<usize, ConfigError> {
        let position = self.raw.cell.iter().position(|cell| cell.name == name);
        position.ok_or_else(|| {
            let expected = one_of(name, self.raw.cell.iter().map(|c| c.name.as_str()));
            self.place
                .value(format!("{key}.cell"), format!("'{name}'"), expected)
        })
    }

    pub(super) fn target(
        &self,
        key: &str,
        (id, cell, protocol): (&str, &str, &str),
        observable: Result<Observable, usize>,
        protocols: &[Protocol],
    ) -> Result<Target, ConfigError> {
        let observable = observable.map_err(|count| {
            self.place.value(
                key,
                format!("{count} quantities"),
                "exactly one, like capacity = { step = 1, cycle = 1 }",
            )
        })?;
        let cell = self.cell_index(key, cell)?;
        let position = self.protocol_index(key, protocol, protocols)?;
        if self.mechanism.half_cell().is_some() && observable.needs_battery() {
            let expected = "a quantity that a half cell has";
            return Err(self.place.value(key, "a quantity of a battery", expected));
        }
        observable.check(&protocols[position]).map_err(|what| {
            self.place
                .value(key, what, "a quantity that the protocol produces")
        })?;
        if let Observable::GrowthTime { solid, .. } = &observable
            && !self.mechanism.solids().any(|s| s.name == *solid)
        {
            let key = format!("{key}.growth_time.solid");
            return Err(self
                .place
                .value(key, format!("'{solid}'"), "a solid of the mechanism"));
        }
        Ok(Target {
            id: id.to_owned(),
            cell,
            protocol: position,
            observable,
        })
    }

    /// The observables that are fitted, or those that are only reported.
    fn observations(
        &self,
        protocols: &[Protocol],
        are_fitted: bool,
    ) -> Result<Vec<Observation>, ConfigError> {
        let list = self.raw.observable.iter().enumerate();
        let list = list.filter(|(_, raw)| raw.fit.unwrap_or(true) == are_fitted);
        list.map(|(i, raw)| self.observed((i, raw), protocols))
            .collect()
    }

    /// One observable with its fact.
    pub(super) fn observed(
        &self,
        (i, raw): (usize, &RawObserved),
        protocols: &[Protocol],
    ) -> Result<Observation, ConfigError> {
        let key = format!("observable {} '{}' of '{}'", i + 1, raw.id, raw.cell);
        let names = (raw.id.as_str(), raw.cell.as_str(), raw.protocol.as_str());
        let target = self.target(&key, names, raw.observable(), protocols)?;
        let (measured, noise) = self.measured(&key, &target, raw.assumed)?;
        let noise = noise.ok_or_else(|| {
            let found = format!("no uncertainty in {}", self.facts.path.display());
            self.place
                .value(&key, found, "a fact with an uncertainty and its kind")
        })?;
        Ok(Observation {
            target,
            measured,
            noise,
        })
    }

    /// Value and noise of a fact, in the observable's unit.
    fn measured(
        &self,
        key: &str,
        target: &Target,
        assumed: Option<f64>,
    ) -> Result<(f64, Option<Noise>), ConfigError> {
        let names = &self.raw.cell[target.cell].facts;
        let fact = self.facts.find(&target.id, names).ok_or_else(|| {
            let found = format!(
                "no fact of that id and cell in {}",
                self.facts.path.display()
            );
            let ids = self.facts.rows.iter().map(|fact| fact.id.as_str());
            let meant = did_you_mean(&target.id, ids);
            self.place
                .value(key, found, format!("an id of the data set{meant}"))
        })?;
        if fact.role == FactRole::Derived {
            let expected = "the facts that it is derived from, which must not count twice";
            return Err(self.place.value(key, "a derived fact", expected));
        }
        let wanted = Unit::parse(target.observable.unit()).expect("units in the code are known");
        if !fact.unit.is_compatible(&wanted) {
            let found = format!("a fact in {}", fact.unit);
            return Err(self.place.value(key, found, format!("a fact in {wanted}")));
        }
        let factor = fact.unit.to_si(1.0) / wanted.to_si(1.0);
        let value = match (fact.value, assumed) {
            (Some(value), None) => value * factor,
            (None, Some(assumed)) => self.place.number(
                &format!("{key}.assumed"),
                assumed,
                |_| true,
                "a finite number",
            )?,
            (Some(_), Some(_)) => {
                return Err(self.place.value(
                    format!("{key}.assumed"),
                    "a value beside that of the fact",
                    "one of both",
                ));
            }
            (None, None) => {
                return Err(self.place.value(
                    key,
                    "a fact without a number",
                    "assumed = … in the experiment",
                ));
            }
        };
        let noise = fact.noise.map(|noise| match noise {
            Noise::Absolute(sd) => Noise::Absolute(sd * factor),
            Noise::LowerLimit(sd) => Noise::LowerLimit(sd * factor),
            relative => relative,
        });
        if matches!(noise, Some(Noise::Relative(_) | Noise::UpperLimit(_))) && value <= 0.0 {
            return Err(self.place.value(
                key,
                format!("the value {value}"),
                "a positive number, as its uncertainty is relative",
            ));
        }
        Ok((value, noise))
    }

    fn predictions(&self, protocols: &[Protocol]) -> Result<Vec<Prediction>, ConfigError> {
        let list = self.raw.prediction.iter();
        list.map(|raw| self.prediction(raw, protocols)).collect()
    }

    pub(super) fn prediction(
        &self,
        raw: &RawPredicted,
        protocols: &[Protocol],
    ) -> Result<Prediction, ConfigError> {
        let key = format!("prediction '{}'", raw.id);
        let names = (raw.id.as_str(), raw.cell.as_str(), raw.protocol.as_str());
        let target = self.target(&key, names, Ok(raw.capacity.build()), protocols)?;
        if self
            .raw
            .observable
            .iter()
            .any(|o| o.id == raw.id && o.cell == raw.cell)
        {
            return Err(self.place.value(
                key,
                "the same number as an observable",
                "a number that is not fitted",
            ));
        }
        let (measured, _) = self.measured(&key, &target, None)?;
        Ok(Prediction { target, measured })
    }

    pub(super) fn orderings(&self, protocols: &[Protocol]) -> Result<Vec<Ordering>, ConfigError> {
        let list = self.raw.ordering.iter();
        list.map(|raw| {
            let key = format!("ordering '{}'", raw.claim);
            if !self.facts.rows.iter().any(|fact| fact.id == raw.id) {
                return Err(self.place.value(
                    key,
                    format!("the unknown id '{}'", raw.id),
                    "an id of the data set",
                ));
            }
            let side = |name: &str, side: &RawSide| {
                let names = (raw.id.as_str(), side.cell.as_str(), side.protocol.as_str());
                self.target(
                    &format!("{key}.{name}"),
                    names,
                    side.observable(),
                    protocols,
                )
            };
            Ok(Ordering {
                claim: raw.claim.clone(),
                larger: side("larger", &raw.larger)?,
                smaller: side("smaller", &raw.smaller)?,
            })
        })
        .collect()
    }

    /// The position of a fitted observation by its id and cell.
    pub(super) fn observation(
        &self,
        key: &str,
        [id, cell]: &[String; 2],
        observations: &[Observation],
    ) -> Result<usize, ConfigError> {
        let cell = self.cell_index(key, cell)?;
        let found = observations
            .iter()
            .position(|o| o.target.id == *id && o.target.cell == cell);
        found.ok_or_else(|| {
            let expected = "the id and cell of an [[observable]] that is fitted";
            self.place.value(key, format!("'{id}'"), expected)
        })
    }

    fn alternatives(&self, observations: &[Observation]) -> Result<Vec<Alternative>, ConfigError> {
        let list = self.raw.alternative.iter();
        list.map(|raw| {
            let key = format!("alternative '{}'.swap", raw.name);
            let find = |name: &[String; 2]| self.observation(&key, name, observations);
            Ok(Alternative {
                name: raw.name.clone(),
                meaning: raw.meaning.clone(),
                swap: (find(&raw.swap[0])?, find(&raw.swap[1])?),
            })
        })
        .collect()
    }
}
