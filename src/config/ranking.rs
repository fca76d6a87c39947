//! Ranking files: `experiments/<name>_rank.toml`, from raw mirror to a contest.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use polars::prelude::CsvReader;
use polars::prelude::DataFrame;
use polars::prelude::DataType;
use polars::prelude::SerReader;

use super::candidates::Row;
use super::candidates::Transfer;
use super::candidates::read_candidates;
use super::error::ConfigError;
use super::error::Place;
use super::error::parse_toml;
use super::error::read_text;
use super::experiment::Builder;
use super::experiment::with_builder;
use super::handover::check_structure;
use super::handover::read_fitted;
use super::handover::read_handover;
use super::nearest::one_of;
use super::ranking_file::RawQuantity;
use super::ranking_file::RawRanking;
use super::surrogate::read_surrogate;
use crate::estimate::Fitted;
use crate::estimate::Study;
use crate::mechanism::Mechanism;
use crate::predict::Condition;
use crate::predict::Quantity;
use crate::predict::Setting;
use crate::rank::Beliefs;
use crate::rank::Contest;
use crate::rank::Entrant;
use crate::rank::Source;
use crate::rank::catalyst_parameters;
use crate::report::HANDOVER_FILE;
use crate::simulate::Resolution;
use crate::surrogate::Surrogate;
use crate::surrogate::structure;

/// Draws unless the file says otherwise.
pub(super) const DRAWS: usize = 128;
/// Fewest draws: probabilities of five in a hundred need them.
pub(super) const DRAWS_MIN: usize = 16;
/// Standard deviation of what is added to a barrier of lithium sulfide to make it one of magnesium sulfide, unless stated (eV).
pub(super) const TRANSFER_SD_EV: f64 = 0.5;
/// What is added to it unless stated (eV).
pub(super) const TRANSFER_OFFSET_EV: f64 = 0.0;

/// What a ranking file asks for.
#[derive(Debug)]
pub struct RankingFile {
    /// Name.
    pub name: String,
    /// The study of the reference.
    pub study: Study,
    /// What its fit left behind.
    pub fitted: Vec<Fitted>,
    /// Position of the reference's cell.
    pub reference: usize,
    /// The entrants, the reference first.
    pub entrants: Vec<Entrant>,
    /// What is believed of catalysts.
    pub beliefs: Beliefs,
    /// Protocol and cycles.
    pub setting: Setting,
    /// Design and current.
    pub condition: Condition,
    /// The quantity.
    pub quantity: Quantity,
    /// Draws.
    pub draws: usize,
    /// Seed.
    pub seed: u64,
    /// Relative scatter of measured values.
    pub scatter: f64,
    /// Mesh of the cell model.
    pub resolution: Resolution,
    /// A surrogate.
    pub surrogate: Option<Arc<Surrogate>>,
}

impl RankingFile {
    /// What is to be ranked.
    pub fn contest(&self) -> Contest<'_> {
        Contest {
            study: &self.study,
            fitted: &self.fitted,
            reference: self.reference,
            entrants: &self.entrants,
            beliefs: self.beliefs,
            setting: self.setting.clone(),
            condition: self.condition,
            quantity: self.quantity,
            draws: self.draws,
            seed: self.seed,
            scatter: self.scatter,
            resolution: self.resolution,
            surrogate: self.surrogate.clone(),
        }
    }
}

/// Reads a ranking file and everything it names; `fit` and `candidates` go before what the file names.
///
/// # Errors
/// [`ConfigError`] with the file and the line, row or key at fault.
pub fn read_ranking(
    path: &Path,
    fit: Option<&Path>,
    candidates: Option<&Path>,
) -> Result<RankingFile, ConfigError> {
    let raw: RawRanking = parse_toml(path, &read_text(path)?)?;
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
        reader.ranking(builder.study()?, (fit, candidates))
    })
}

/// Whether a file asks for a ranking.
pub fn is_ranking_file(path: &Path) -> bool {
    let text = read_text(path).ok();
    let table = text.and_then(|text| text.parse::<toml::Table>().ok());
    table.is_some_and(|table| table.contains_key("target") && table.contains_key("candidates"))
}

struct Reader<'a> {
    raw: &'a RawRanking,
    folder: &'a Path,
    builder: Builder<'a>,
}

impl Reader<'_> {
    fn place(&self) -> &Place<'_> {
        &self.builder.place
    }

    fn ranking(
        &self,
        study: Study,
        (fit, candidates): (Option<&Path>, Option<&Path>),
    ) -> Result<RankingFile, ConfigError> {
        let raw = self.raw;
        self.builder.needs_battery("experiment")?;
        let cycles = match raw.target.cycle {
            0 => {
                let expected = "a cycle counted from one";
                return Err(self.place().value("target.cycle", "0", expected));
            }
            1 => vec![1],
            cycle => vec![1, cycle],
        };
        let setting = self
            .builder
            .setting(&study, (&raw.protocol, &raw.own), cycles)?;
        let fit = fit.map_or_else(|| self.folder.join(&raw.fit), Path::to_owned);
        let fitted = read_fitted(&fit, &study)?;
        self.check_equations(&study, &fitted)?;
        let table = candidates.map_or_else(|| self.folder.join(&raw.candidates), Path::to_owned);
        let rows = read_candidates(&table, self.transfer()?)?;
        let (entrants, reference) = self.entrants(&study, &fit, (&table, &rows))?;
        let condition = self.condition(&study, reference)?;
        let draws = raw.draws.unwrap_or(DRAWS);
        if draws < DRAWS_MIN {
            let expected = format!("at least {DRAWS_MIN}");
            return Err(self.place().value("draws", draws.to_string(), expected));
        }
        let surrogate = match &raw.surrogate {
            Some(path) => {
                let path = self.folder.join(path);
                Some(Arc::new(read_surrogate(&path, self.builder.mechanism)?))
            }
            None => None,
        };
        Ok(RankingFile {
            name: raw.name.clone(),
            fitted,
            reference,
            entrants,
            beliefs: self.beliefs()?,
            setting,
            condition,
            quantity: match raw.target.quantity {
                RawQuantity::Capacity => Quantity::Capacity,
                RawQuantity::ArealCapacity => Quantity::ArealCapacity,
                RawQuantity::Energy => Quantity::Energy,
                RawQuantity::ArealEnergy => Quantity::ArealEnergy,
                RawQuantity::Power => Quantity::Power,
                RawQuantity::Retention => Quantity::Retention,
            },
            draws,
            seed: raw.seed.unwrap_or(study.settings.seed),
            scatter: self.builder.scatter(&study, raw.scatter)?.0,
            resolution: match &raw.mesh {
                Some(mesh) => self.builder.resolution("mesh", mesh)?,
                None => study.coarse,
            },
            surrogate,
            study,
        })
    }

    /// One cell's constants must mean the same in all variants.
    fn check_equations(&self, study: &Study, fitted: &[Fitted]) -> Result<(), ConfigError> {
        let equations = |f: &Fitted| structure(&study.variants[f.variant].mechanism);
        if fitted.iter().all(|f| equations(f) == equations(&fitted[0])) {
            return Ok(());
        }
        let expected = "variants of one mechanism, so that their constants mean the same";
        Err(self
            .place()
            .value("fit", "variants with other equations", expected))
    }

    fn positive(&self, key: &str, value: f64) -> Result<f64, ConfigError> {
        self.place()
            .number(key, value, |v| v > 0.0, "a positive number")
    }

    fn beliefs(&self) -> Result<Beliefs, ConfigError> {
        let raw = &self.raw.beliefs;
        let usual = Beliefs::default();
        Ok(Beliefs {
            between: self.positive("beliefs.between_ln", raw.between.unwrap_or(usual.between))?,
            within: self.positive("beliefs.within_ln", raw.within.unwrap_or(usual.within))?,
            mean_sd: self.positive("beliefs.mean_sd_ln", raw.mean_sd.unwrap_or(usual.mean_sd))?,
        })
    }

    fn transfer(&self) -> Result<Transfer, ConfigError> {
        let raw = &self.raw.transfer;
        let offset = raw.li2s_to_mgs_offset_ev.unwrap_or(TRANSFER_OFFSET_EV);
        let key = "transfer.li2s_to_mgs_offset_ev";
        let sd = raw.li2s_to_mgs_sd_ev.unwrap_or(TRANSFER_SD_EV);
        Ok(Transfer {
            offset_ev: self
                .place()
                .number(key, offset, |v| v.abs() <= 10.0, "-10 to 10 eV")?,
            sd_ev: self.positive("transfer.li2s_to_mgs_sd_ev", sd)?,
        })
    }

    fn condition(&self, study: &Study, cell: usize) -> Result<Condition, ConfigError> {
        let raw = &self.raw.target;
        let electrolyte = raw.electrolyte_ul_mg;
        let electrolyte = electrolyte.map(|v| self.positive("target.electrolyte_ul_mg", v));
        let condition = Condition {
            loading_kg_m2: 0.01 * self.positive("target.loading_mg_cm2", raw.loading_mg_cm2)?,
            c_rate: self.positive("target.c_rate", raw.c_rate)?,
            electrolyte_m3_kg: electrolyte.transpose()?.map(|v| v * 1e-3),
        };
        let variant = &study.variants[0];
        let centre: Vec<f64> = variant
            .free
            .iter()
            .map(|f| f.prior_coordinates().0)
            .collect();
        let values = study.values(variant, &centre, cell, 0);
        let key = "target.electrolyte_ul_mg";
        self.builder
            .designed(key, &variant.mechanism, values, &condition)?;
        Ok(condition)
    }

    /// Rows of the same name become one entrant; the reference comes first.
    fn entrants(
        &self,
        study: &Study,
        own_fit: &Path,
        (table, rows): (&Path, &[Row]),
    ) -> Result<(Vec<Entrant>, usize), ConfigError> {
        let place = Place::new(table);
        let mut entrants: Vec<Entrant> = Vec::new();
        let mut seen: Vec<(&str, Option<&str>)> = Vec::new();
        let mut reference = None;
        for row in rows {
            let key = format!("line {}, column 'name'", row.line);
            let replicate = row.replicate.as_deref();
            if seen.contains(&(row.name.as_str(), replicate)) {
                let found = format!("'{}' twice", row.name);
                let expected =
                    "one row per catalyst, or a column 'replicate' that tells its cells apart";
                return Err(place.value(key, found, expected));
            }
            seen.push((row.name.as_str(), replicate));
            let source = self.source((study, own_fit), (&place, row))?;
            if row.name == self.raw.reference && reference.is_none() {
                reference = match &source {
                    Some(Source::Same { cell }) => Some(*cell),
                    _ => None,
                };
            }
            let position = entrants.iter().position(|e| e.name == row.name);
            let position = position.unwrap_or_else(|| {
                entrants.push(Entrant {
                    name: row.name.clone(),
                    sources: Vec::new(),
                    known: Vec::new(),
                });
                entrants.len() - 1
            });
            entrants[position].sources.extend(source);
            join(&mut entrants[position], row, &place)?;
        }
        let reference = reference.ok_or_else(|| {
            let found = format!("'{}'", self.raw.reference);
            let expected = format!(
                "a name in {} whose row has a cell of the experiment ({}), and no fit or that of the ranking file",
                table.display(),
                study.cells.join(", ")
            );
            self.place().value("reference", found, expected)
        })?;
        let first = entrants.iter().position(|e| e.name == self.raw.reference);
        if let Some(first) = first {
            entrants[..=first].rotate_right(1);
        }
        Ok((entrants, reference))
    }

    fn source(
        &self,
        (study, own_fit): (&Study, &Path),
        (place, row): (&Place<'_>, &Row),
    ) -> Result<Option<Source>, ConfigError> {
        let key = |column: &str| format!("line {}, column '{column}'", row.line);
        let beside = place.path.parent().unwrap_or(Path::new("."));
        // A row that names the ranking's own fit needs no other draws than that.
        let is_own = |fit: &PathBuf| match (beside.join(fit).canonicalize(), own_fit.canonicalize())
        {
            (Ok(a), Ok(b)) => a == b,
            _ => false,
        };
        match (row.fit.as_ref().filter(|fit| !is_own(fit)), &row.cell) {
            (None, None) => Ok(None),
            (Some(_), None) => {
                let expected = "the name of a cell of that fit";
                Err(place.value(key("cell"), "nothing", expected))
            }
            (None, Some(name)) => {
                let cell = study.cells.iter().position(|c| c == name);
                let cell = cell.ok_or_else(|| {
                    let expected = one_of(name, study.cells.iter().map(String::as_str));
                    place.value(key("cell"), format!("'{name}'"), expected)
                })?;
                Ok(Some(Source::Same { cell }))
            }
            (Some(fit), Some(name)) => {
                let folder = beside.join(fit);
                let handover = read_handover(&folder)?;
                let path = folder.join(HANDOVER_FILE);
                for variant in &handover.variants {
                    check_structure(&Place::new(&path), variant, self.builder.mechanism)?;
                }
                if !handover.cells.contains(name) {
                    let expected = one_of(name, handover.cells.iter().map(String::as_str));
                    return Err(place.value(key("cell"), format!("'{name}'"), expected));
                }
                let weights: Vec<(String, f64)> = handover
                    .variants
                    .iter()
                    .map(|v| (v.variant.clone(), v.weight.unwrap_or(1.0)))
                    .collect();
                let draws = other_draws(
                    &folder.join("draws.csv"),
                    (name, &weights),
                    self.builder.mechanism,
                )?;
                Ok(Some(Source::Other { draws }))
            }
        }
    }
}

/// Adds what a row knows of a catalyst to what other rows of it know.
fn join(entrant: &mut Entrant, row: &Row, place: &Place<'_>) -> Result<(), ConfigError> {
    for known in &row.known {
        let same = entrant.known.iter();
        let same = same.clone().find(|k| k.descriptor == known.descriptor);
        match same {
            None => entrant.known.push(known.clone()),
            Some(other) if (other.value - known.value).abs() < 1e-12 => {}
            Some(_) => {
                let key = format!("line {}, column 'name'", row.line);
                let found = format!("another {} of '{}'", known.descriptor.words(), row.name);
                let expected = "each descriptor of a catalyst once";
                return Err(place.value(key, found, expected));
            }
        }
    }
    Ok(())
}

/// Logarithms of the constants that depend on the catalyst, from `draws.csv` of a report: each variant as often as it
/// weighs, in turn.
fn other_draws(
    path: &Path,
    (cell, weights): (&str, &[(String, f64)]),
    mechanism: &Mechanism,
) -> Result<Vec<Vec<f64>>, ConfigError> {
    let text = read_text(path)?;
    let place = Place::new(path);
    let frame = CsvReader::new(std::io::Cursor::new(text.as_bytes())).finish();
    let frame = frame.map_err(|error| {
        let expected = "the table that a fit writes; fit again";
        place.value("table", error.to_string(), expected)
    })?;
    let texts = |name: &str| -> Result<Vec<String>, ConfigError> {
        let column = frame.column(name).ok().and_then(|c| c.str().ok());
        let column = column.ok_or_else(|| {
            place.value(
                format!("column '{name}'"),
                "none",
                "the table that a fit writes; fit again",
            )
        })?;
        Ok(column
            .iter()
            .map(|t| t.unwrap_or_default().to_owned())
            .collect())
    };
    let (variants, cells) = (texts("variant")?, texts("cell")?);
    let table = mechanism.parameters();
    let columns = catalyst_parameters(mechanism).into_iter().map(|id| {
        let row = table.row(id);
        match numbers(&frame, &row.name) {
            Some(numbers) => numbers
                .into_iter()
                .map(|v| row.unit.to_si(v).ln())
                .collect(),
            None => vec![row.value.ln(); frame.height()],
        }
    });
    let columns: Vec<Vec<f64>> = columns.collect();
    let row = |i: usize| -> Vec<f64> { columns.iter().map(|c| c[i]).collect() };
    let mut lists: Vec<(f64, std::vec::IntoIter<Vec<f64>>)> = Vec::new();
    for (variant, weight) in weights {
        let own = (0..frame.height()).filter(|i| variants[*i] == *variant && cells[*i] == cell);
        let rows: Vec<Vec<f64>> = own
            .map(row)
            .filter(|r| r.iter().all(|v| v.is_finite()))
            .collect();
        if !rows.is_empty() && *weight > 0.0 {
            lists.push((*weight, rows.into_iter()));
        }
    }
    let draws = in_turn(lists);
    if draws.is_empty() {
        let expected = "draws of the cell; fit again";
        return Err(place.value(format!("cell '{cell}'"), "none", expected));
    }
    Ok(draws)
}

/// Rows of several lists, each as often as it weighs, until one has no more: whoever is most behind its share goes
/// next.
fn in_turn(mut lists: Vec<(f64, std::vec::IntoIter<Vec<f64>>)>) -> Vec<Vec<f64>> {
    let all: f64 = lists.iter().map(|(weight, _)| weight).sum();
    let mut due = vec![0.0; lists.len()];
    let mut rows = Vec::new();
    loop {
        for (due, (weight, _)) in due.iter_mut().zip(&lists) {
            *due += weight / all;
        }
        let next = (0..due.len()).max_by(|a, b| due[*a].total_cmp(&due[*b]));
        let row = next.and_then(|next| {
            due[next] -= 1.0;
            lists[next].1.next()
        });
        let Some(row) = row else {
            return rows;
        };
        rows.push(row);
    }
}

fn numbers(frame: &DataFrame, name: &str) -> Option<Vec<f64>> {
    let column = frame.column(name).ok()?.cast(&DataType::Float64).ok()?;
    let numbers = column.f64().ok()?;
    Some(numbers.iter().map(|v| v.unwrap_or(f64::NAN)).collect())
}
