//! Prediction files: `experiments/<name>_predict.toml`, from raw mirror to what is asked.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::error::ConfigError;
use super::error::Place;
use super::error::parse_toml;
use super::error::read_text;
use super::experiment::Builder;
use super::experiment::with_builder;
use super::experiment_file::RawResolution;
use super::handover::read_fitted;
use super::nearest::one_of;
use super::protocol_file::RawProtocol;
use super::surrogate::read_surrogate;
use crate::estimate::Fitted;
use crate::estimate::Noise;
use crate::estimate::Study;
use crate::mechanism::Mechanism;
use crate::observe::Observable;
use crate::predict::Condition;
use crate::predict::Forecast;
use crate::predict::Setting;
use crate::protocol::Protocol;
use crate::protocol::Recorded;
use crate::protocol::Start;
use crate::protocol::Step;
use crate::simulate::Resolution;
use crate::surrogate::Surrogate;

/// Draws of each variant unless the file says otherwise.
const DRAWS: usize = 64;
/// Draws that are checked on the fine mesh unless the file says otherwise.
const CHECKS: usize = 12;
/// Scatter of capacities where no measured one tells it (1).
const SCATTER: f64 = 0.03;
/// Most conditions of a grid.
const CONDITIONS_MAX: usize = 10_000;

/// What is to be predicted from a fit. Paths start at the file's own folder.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawForecast {
    /// Name; results go to `results/NAME` unless `--out` says otherwise.
    name: String,
    /// Path of the experiment that was fitted.
    experiment: PathBuf,
    /// Folder of the report of its fit; `--fit` goes before it.
    fit: PathBuf,
    /// Name of the cell whose catalyst is asked about.
    cell: String,
    /// Name of a protocol of `[protocols]` or of the experiment: a fresh cell with one step of cycles, `record = "all"`.
    protocol: String,
    /// Draws of each variant.
    #[schemars(extend("default" = DRAWS, "minimum" = 8))]
    draws: Option<usize>,
    /// Seed of the draws.
    #[schemars(extend("x-default" = "that of the experiment"))]
    seed: Option<u64>,
    /// Draws that are simulated on the fine mesh, too.
    #[schemars(extend("default" = CHECKS, "minimum" = 0))]
    checks: Option<usize>,
    /// Relative standard deviation of a measured capacity between cells.
    #[schemars(extend("minimum" = 0, "x-unit" = "1", "x-default" = "the median of the fitted capacities, 0.03 without any"))]
    scatter: Option<f64>,
    /// Folder of a surrogate that was trained for this protocol; what it refuses is simulated.
    #[schemars(extend("x-default" = "none"))]
    surrogate: Option<PathBuf>,
    /// Mesh and tolerances of the draws.
    #[schemars(extend("x-default" = "the coarse one of the experiment"))]
    mesh: Option<RawResolution>,
    /// Whether predictions are scored where the answer is known.
    #[serde(default = "yes")]
    scores: bool,
    /// The conditions: every combination is predicted.
    grid: RawGrid,
    /// Protocols beside those of the experiment, by name.
    #[serde(rename = "protocols", default)]
    own: BTreeMap<String, RawProtocol>,
}

fn yes() -> bool {
    true
}

/// The conditions; at most 10000 combinations.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawGrid {
    /// Loadings of active material; positive.
    loadings_mg_cm2: Vec<f64>,
    /// Currents in multiples of the theoretical capacity per hour; positive.
    #[schemars(extend("x-unit" = "1"))]
    c_rates: Vec<f64>,
    /// Cycles that are told, counted from one; the first is always told.
    cycles: Vec<usize>,
    /// Amounts of electrolyte per mass of active element.
    #[serde(default)]
    #[schemars(extend("x-default" = "that of the mechanism file"))]
    electrolyte_ul_mg: Vec<f64>,
}

/// What a prediction file asks for.
#[derive(Debug)]
pub struct PredictionFile {
    /// Name.
    pub name: String,
    /// The study that was fitted.
    pub study: Study,
    /// The folder of the fit.
    pub fit: PathBuf,
    /// What the fit left behind.
    pub fitted: Vec<Fitted>,
    /// Position of the cell.
    pub cell: usize,
    /// Protocol and cycles.
    pub setting: Setting,
    /// The grid.
    pub conditions: Vec<Condition>,
    /// Draws of each variant.
    pub draws: usize,
    /// Seed.
    pub seed: u64,
    /// Draws that are checked.
    pub checks: usize,
    /// Relative scatter of capacities.
    pub scatter: f64,
    /// Where that number comes from.
    pub scatter_source: &'static str,
    /// Mesh of the cloud.
    pub coarse: Resolution,
    /// A surrogate for the cloud.
    pub surrogate: Option<Arc<Surrogate>>,
    /// Whether predictions are scored where the answer is known.
    pub scores: bool,
}

impl PredictionFile {
    /// What is to be predicted.
    pub fn forecast(&self) -> Forecast<'_> {
        Forecast {
            study: &self.study,
            cell: self.cell,
            fitted: &self.fitted,
            setting: self.setting.clone(),
            conditions: self.conditions.clone(),
            draws: self.draws,
            seed: self.seed,
            scatter: self.scatter,
            coarse: self.coarse,
            fine: self.study.fine,
            surrogate: self.surrogate.clone(),
            checks: self.checks,
        }
    }
}

/// Reads a prediction file and everything it names; `fit` goes before the folder that the file names.
///
/// # Errors
/// [`ConfigError`] with the file and the line or key at fault.
pub fn read_prediction(path: &Path, fit: Option<&Path>) -> Result<PredictionFile, ConfigError> {
    let raw: RawForecast = parse_toml(path, &read_text(path)?)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    with_builder(&folder.join(&raw.experiment), |builder| {
        let reader = Reader {
            raw: &raw,
            folder,
            builder: Builder {
                place: Place::new(path),
                ..*builder
            },
        };
        reader.prediction(builder.study()?, fit)
    })
}

/// Whether a file asks for predictions.
pub fn is_prediction_file(path: &Path) -> bool {
    let text = read_text(path).ok();
    let table = text.and_then(|text| text.parse::<toml::Table>().ok());
    table.is_some_and(|table| table.contains_key("grid"))
}

struct Reader<'a> {
    raw: &'a RawForecast,
    folder: &'a Path,
    builder: Builder<'a>,
}

impl Reader<'_> {
    fn place(&self) -> &Place<'_> {
        &self.builder.place
    }

    fn prediction(&self, study: Study, fit: Option<&Path>) -> Result<PredictionFile, ConfigError> {
        let raw = self.raw;
        self.builder.needs_battery("experiment")?;
        let cell = self.builder.cell_index("cell", &raw.cell);
        let cell = cell.map_err(|_| {
            let expected = one_of(&raw.cell, study.cells.iter().map(String::as_str));
            self.place()
                .value("cell", format!("'{}'", raw.cell), expected)
        })?;
        let cycles = self.cycles()?;
        let setting = self
            .builder
            .setting(&study, (&raw.protocol, &raw.own), cycles)?;
        let conditions = self.conditions(&study, cell)?;
        let fit = fit.map_or_else(|| self.folder.join(&raw.fit), Path::to_owned);
        let count = |key: &str, value: Option<usize>, default: usize, least: usize| {
            let value = value.unwrap_or(default);
            if value < least {
                let expected = format!("at least {least}");
                return Err(self.place().value(key, value.to_string(), expected));
            }
            Ok(value)
        };
        let (scatter, scatter_source) = self.builder.scatter(&study, raw.scatter)?;
        let surrogate = match &raw.surrogate {
            Some(path) => {
                let path = self.folder.join(path);
                Some(Arc::new(read_surrogate(&path, self.builder.mechanism)?))
            }
            None => None,
        };
        Ok(PredictionFile {
            name: raw.name.clone(),
            fitted: read_fitted(&fit, &study)?,
            fit,
            cell,
            setting,
            conditions,
            draws: count("draws", raw.draws, DRAWS, 8)?,
            seed: raw.seed.unwrap_or(study.settings.seed),
            checks: count("checks", raw.checks, CHECKS, 0)?,
            scatter,
            scatter_source,
            coarse: match &raw.mesh {
                Some(mesh) => self.builder.resolution("mesh", mesh)?,
                None => study.coarse,
            },
            surrogate,
            scores: raw.scores,
            study,
        })
    }

    fn cycles(&self) -> Result<Vec<usize>, ConfigError> {
        let mut cycles = self.raw.grid.cycles.clone();
        if cycles.is_empty() || cycles.contains(&0) {
            let found = format!("{cycles:?}");
            let expected = "cycles counted from one, like [1, 50]";
            return Err(self.place().value("grid.cycles", found, expected));
        }
        // Retention is told against the first cycle.
        cycles.push(1);
        cycles.sort_unstable();
        cycles.dedup();
        Ok(cycles)
    }

    fn conditions(&self, study: &Study, cell: usize) -> Result<Vec<Condition>, ConfigError> {
        let grid = &self.raw.grid;
        let positive = |key: &str, values: &[f64], highest: f64| {
            let expected = format!("positive numbers of at most {highest}, each once");
            let is_wrong = |v: &f64| !(v.is_finite() && *v > 0.0 && *v <= highest);
            let repeats = (1..values.len()).any(|i| values[..i].contains(&values[i]));
            if values.is_empty() || values.iter().any(is_wrong) || repeats {
                return Err(self.place().value(key, format!("{values:?}"), expected));
            }
            Ok(())
        };
        positive("grid.loadings_mg_cm2", &grid.loadings_mg_cm2, 100.0)?;
        positive("grid.c_rates", &grid.c_rates, 100.0)?;
        let electrolytes: Vec<Option<f64>> = if grid.electrolyte_ul_mg.is_empty() {
            vec![None]
        } else {
            positive("grid.electrolyte_ul_mg", &grid.electrolyte_ul_mg, 1e4)?;
            grid.electrolyte_ul_mg
                .iter()
                .map(|v| Some(v * 1e-3))
                .collect()
        };
        let mut conditions = Vec::new();
        for electrolyte_m3_kg in electrolytes {
            for c_rate in &grid.c_rates {
                for loading in &grid.loadings_mg_cm2 {
                    conditions.push(Condition {
                        loading_kg_m2: 0.01 * loading,
                        c_rate: *c_rate,
                        electrolyte_m3_kg,
                    });
                }
            }
        }
        if conditions.len() > CONDITIONS_MAX {
            let found = format!("{} conditions", conditions.len());
            let expected = format!("at most {CONDITIONS_MAX}");
            return Err(self.place().value("grid", found, expected));
        }
        // What no cell can be is told now, not after hours.
        let variant = &study.variants[0];
        let centre: Vec<f64> = variant
            .free
            .iter()
            .map(|f| f.prior_coordinates().0)
            .collect();
        for condition in &conditions {
            let values = study.values(variant, &centre, cell, 0);
            Setting::designed(&variant.mechanism, values, condition).map_err(|error| {
                let text = error.to_string();
                let (found, expected) = text.split_once(", expected ").unwrap_or((&text, ""));
                self.place()
                    .value("grid.electrolyte_ul_mg", found, expected)
            })?;
        }
        Ok(conditions)
    }
}

impl Builder<'_> {
    /// The relative scatter of a capacity: stated, or the median of what the experiment says of those that it fits.
    pub(super) fn scatter(
        &self,
        study: &Study,
        stated: Option<f64>,
    ) -> Result<(f64, &'static str), ConfigError> {
        if let Some(scatter) = stated {
            let is_share = |v: f64| (0.0..1.0).contains(&v);
            let expected = "a relative standard deviation, 0 or more and below 1";
            let scatter = self.place.number("scatter", scatter, is_share, expected)?;
            return Ok((scatter, "stated in the file"));
        }
        let mut known: Vec<f64> = study
            .observations
            .iter()
            .filter(|o| matches!(o.target.observable, Observable::Capacity { .. }))
            .filter_map(|o| match o.noise {
                Noise::Relative(sd) => Some(sd),
                Noise::Absolute(sd) if o.measured > 0.0 => Some(sd / o.measured),
                _ => None,
            })
            .collect();
        known.sort_by(f64::total_cmp);
        Ok(match known.get(known.len() / 2) {
            Some(median) => (*median, "median of the fitted capacities"),
            None => (SCATTER, "assumed"),
        })
    }

    /// A design that no cell can have is told with its key.
    pub(super) fn designed(
        &self,
        key: &str,
        mechanism: &Mechanism,
        values: Vec<f64>,
        condition: &Condition,
    ) -> Result<(), ConfigError> {
        let designed = Setting::designed(mechanism, values, condition);
        designed.map(|_| ()).map_err(|error| {
            let text = error.to_string();
            let (found, expected) = text.split_once(", expected ").unwrap_or((&text, ""));
            self.place.value(key, found, expected)
        })
    }

    /// What is read from battery alone is not asked of a half cell.
    pub(super) fn needs_battery(&self, key: &str) -> Result<(), ConfigError> {
        if self.mechanism.battery().is_some() {
            return Ok(());
        }
        let expected = "the mechanism of a battery";
        Err(self.place.value(key, "a half cell", expected))
    }

    /// A protocol of the file, or of its experiment.
    fn protocol_of(
        &self,
        study: &Study,
        name: &str,
        own: &BTreeMap<String, RawProtocol>,
    ) -> Result<Protocol, ConfigError> {
        if let Some(raw) = own.get(name) {
            return raw.build(self, name);
        }
        let known = study.protocols.iter().find(|p| p.name == name);
        known.cloned().ok_or_else(|| {
            let all = study.protocols.iter().map(|p| p.name.as_str());
            let expected = one_of(name, own.keys().map(String::as_str).chain(all));
            self.place.value("protocol", format!("'{name}'"), expected)
        })
    }

    /// A protocol with exactly one step of recorded cycles, from the file or from its experiment, and the cycles that
    /// are asked about.
    pub(super) fn setting(
        &self,
        study: &Study,
        (name, own): (&str, &BTreeMap<String, RawProtocol>),
        cycles: Vec<usize>,
    ) -> Result<Setting, ConfigError> {
        let protocol = self.protocol_of(study, name, own)?;
        let steps = protocol.steps.iter().enumerate();
        let with_cycles: Vec<usize> = steps
            .filter(|(_, step)| matches!(step, Step::Cycle(_)))
            .map(|(i, _)| i)
            .collect();
        let ([step], Start::Fresh) = (&with_cycles[..], &protocol.start) else {
            let found = format!("'{name}' with {} steps of cycles", with_cycles.len());
            let expected = "a protocol of a fresh cell with exactly one step of cycles";
            return Err(self.place.value("protocol", found, expected));
        };
        let step = *step;
        if let Step::Cycle(of_step) = &protocol.steps[step] {
            if of_step.recorded != Recorded::All {
                let expected = "record = \"all\" there, so that energies are known";
                let found = format!("'{name}', whose cycles are not all recorded");
                return Err(self.place.value("protocol", found, expected));
            }
            if let Some(beyond) = cycles.iter().find(|cycle| **cycle > of_step.count) {
                let expected = format!("cycles of protocol '{name}', which has {}", of_step.count);
                return Err(self.place.value("cycles", beyond.to_string(), expected));
            }
        }
        Ok(Setting {
            protocol,
            step,
            cycles,
        })
    }
}
