//! Campaigns: one template of an experiment and a table of cells; each row becomes an experiment of its own.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;

use polars::prelude::CsvReadOptions;
use polars::prelude::SerReader;
use schemars::JsonSchema;
use serde::Deserialize;

use super::error::ConfigError;
use super::error::Place;
use super::error::parse_toml;
use super::error::read_text;
use crate::numerics::fingerprint::fingerprint;

/// Columns of the table that have a meaning of their own; all others are what templates ask for.
const NAME: &str = "name";
const CATALYST: &str = "catalyst";
const REPLICATE: &str = "replicate";
const SKIP: &str = "skip";
/// What the columns mean.
pub(super) const CELL_COLUMNS: [(&str, &str); 4] = [
    (NAME, "name of the cell; unique and needed"),
    (CATALYST, "its catalyst; without it the cell's own name"),
    (
        REPLICATE,
        "which of the cells with that catalyst; without it 1",
    ),
    (
        SKIP,
        "a reason to leave the cell out; empty where it is fitted",
    ),
];
/// Keys of templates whose values are paths.
const PATH_KEYS: [&str; 5] = ["mechanism", "dataset", "facts", "file", "surrogate"];
/// A path that is none.
const NO_PATH: &str = "none";
/// Bytes of a GiB.
const GIB: f64 = 1_073_741_824.0;

/// A campaign: one template of an experiment and a table of cells. Paths start at the file's own folder.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCampaign {
    /// Name; results go to `results/NAME` unless `--out` says otherwise.
    name: String,
    /// Paths: an experiment first, then the files that it names and that have placeholders, too. `{column}` stands
    /// for the text of that column, in numbers as in strings.
    templates: Vec<PathBuf>,
    /// Path of the table of cells (CSV).
    cells: PathBuf,
    /// Parameters that all cells have in common, whatever their catalyst: those of electrolyte and separator.
    #[serde(default)]
    shared: Vec<String>,
    /// What is done beside the fit of each cell.
    #[serde(default)]
    fit: RawEffort,
    /// What may be spent on one fit; what does not end in time or memory is a failure, the others go on.
    #[serde(default)]
    budget: RawBudget,
}

/// What is done beside the fit of each cell.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawEffort {
    /// Whether the cost is profiled along every free quantity, as by `--profiles`.
    #[serde(default)]
    profiles: bool,
    /// Draws from the posterior, as by `--posterior`; 0 for none.
    #[serde(default)]
    posterior: usize,
    /// Whether each fit is repeated without each record, as by `--ablate`.
    #[serde(default)]
    ablate: bool,
}

/// What may be spent on one fit.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawBudget {
    /// Longest time.
    #[schemars(extend("exclusiveMinimum" = 0, "x-unit" = "min", "x-default" = "no limit"))]
    minutes: Option<f64>,
    /// Most memory.
    #[schemars(extend("exclusiveMinimum" = 0, "x-default" = "no limit"))]
    memory_gib: Option<f64>,
}

/// What may be spent on one fit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// Time (s).
    pub seconds: Option<f64>,
    /// Memory (bytes).
    pub bytes: Option<u64>,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct CampaignCell {
    /// Name, unique.
    pub name: String,
    /// Its catalyst; its own name if none is stated.
    pub catalyst: String,
    /// Which of the cells with it.
    pub replicate: String,
    /// Why it is left out, if it is.
    pub skip: Option<String>,
    /// Number of its line.
    line: usize,
    /// What placeholders stand for.
    values: BTreeMap<String, String>,
}

/// A campaign.
#[derive(Debug)]
pub struct Campaign {
    /// Name.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// The cells, in the order of the table.
    pub cells: Vec<CampaignCell>,
    /// Parameters that all cells have in common, whatever their catalyst: those of electrolyte and separator.
    pub shared: Vec<String>,
    /// Whether costs are profiled.
    pub profiles: bool,
    /// Draws from the posterior.
    pub posterior: usize,
    /// Whether records are left out in turn.
    pub ablate: bool,
    /// What may be spent on one fit.
    pub budget: Budget,
    table: PathBuf,
    templates: Vec<Template>,
    /// Numbers for the content of files, each read once.
    contents: Mutex<BTreeMap<PathBuf, u64>>,
}

#[derive(Debug)]
struct Template {
    path: PathBuf,
    text: String,
}

/// The experiment of one cell: files to be written into a folder, and a number for all that its result depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Name and text of each file, the experiment first.
    pub files: Vec<(String, String)>,
    /// 16 hexadecimal digits: the same for the same inputs, experiment, version and seed.
    pub key: String,
}

/// Whether a file is that of a campaign.
pub fn is_campaign_file(path: &Path) -> bool {
    let text = read_text(path).ok();
    let table = text.and_then(|text| text.parse::<toml::Table>().ok());
    // The cells of an experiment are tables, those of a campaign a file.
    table.is_some_and(|table| table.get("cells").is_some_and(toml::Value::is_str))
}

/// Reads a campaign, its templates and its table; the experiments of its cells are not checked yet.
///
/// # Errors
/// [`ConfigError`] with the file and the line, row or key at fault.
pub fn read_campaign(path: &Path) -> Result<Campaign, ConfigError> {
    let raw: RawCampaign = parse_toml(path, &read_text(path)?)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let place = Place::new(path);
    if raw.templates.is_empty() {
        let expected = "the file of an experiment with {placeholders}";
        return Err(place.value("templates", "none", expected));
    }
    let templates = raw.templates.iter().map(|template| {
        let path = folder.join(template);
        let text = read_text(&path)?;
        Ok(Template { path, text })
    });
    let positive = |key: &str, value: Option<f64>| {
        let number = |v| place.number(key, v, |v| v > 0.0, "a positive number");
        value.map(number).transpose()
    };
    let minutes = positive("budget.minutes", raw.budget.minutes)?;
    let memory = positive("budget.memory_gib", raw.budget.memory_gib)?;
    let table = folder.join(&raw.cells);
    Ok(Campaign {
        cells: read_cells(&table)?,
        name: raw.name,
        path: path.to_owned(),
        shared: raw.shared,
        profiles: raw.fit.profiles,
        posterior: raw.fit.posterior,
        ablate: raw.fit.ablate,
        budget: Budget {
            seconds: minutes.map(|m| 60.0 * m),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a positive number of bytes"
            )]
            bytes: memory.map(|gib| (gib * GIB) as u64),
        },
        table,
        templates: templates.collect::<Result<_, ConfigError>>()?,
        contents: Mutex::default(),
    })
}

/// The rows of a table of cells.
fn read_cells(path: &Path) -> Result<Vec<CampaignCell>, ConfigError> {
    let text = read_text(path)?;
    let place = Place::new(path);
    let frame = CsvReadOptions::default()
        .with_infer_schema_length(Some(0))
        .into_reader_with_file_handle(std::io::Cursor::new(text.as_bytes()))
        .finish();
    let frame = frame.map_err(|error| {
        let expected = "comma-separated values with a header, every row as long as it";
        place.value("table", error.to_string(), expected)
    })?;
    if frame.column(NAME).is_err() {
        return Err(place.value("header", "no column 'name'", "one"));
    }
    if frame.height() == 0 {
        return Err(place.value("table", "no row", "one row per cell"));
    }
    let columns = frame.get_column_names();
    let columns: Vec<String> = columns.iter().map(|c| c.as_str().to_owned()).collect();
    let mut cells: Vec<CampaignCell> = Vec::new();
    let mut names = std::collections::BTreeSet::new();
    for row in 0..frame.height() {
        let line = row + 2;
        let mut values = BTreeMap::new();
        for column in &columns {
            let text = frame.column(column).ok().and_then(|c| c.str().ok());
            let text = text.and_then(|t| t.get(row)).unwrap_or_default();
            values.insert(column.clone(), text.trim().to_owned());
        }
        let stated = |key: &str| values.get(key).filter(|v| !v.is_empty()).cloned();
        let name = stated(NAME).ok_or_else(|| {
            place.value(
                format!("line {line}, column 'name'"),
                "nothing",
                "a name for the cell",
            )
        })?;
        if !names.insert(name.clone()) {
            let key = format!("line {line}, column 'name'");
            return Err(place.value(
                key,
                format!("'{name}' twice"),
                "a name of its own for each cell",
            ));
        }
        cells.push(CampaignCell {
            catalyst: stated(CATALYST).unwrap_or_else(|| name.clone()),
            replicate: stated(REPLICATE).unwrap_or_else(|| "1".to_owned()),
            skip: stated(SKIP),
            name,
            line,
            values,
        });
    }
    Ok(cells)
}

impl Campaign {
    /// Columns of the table that no template asks for and that mean nothing by themselves.
    pub fn idle_columns(&self) -> Vec<String> {
        let own = CELL_COLUMNS.map(|(name, _)| name);
        let columns = self
            .cells
            .first()
            .into_iter()
            .flat_map(|cell| cell.values.keys());
        let idle = columns.filter(|column| {
            let asked = format!("{{{column}}}");
            let is_asked = self.templates.iter().any(|t| t.text.contains(&asked));
            !is_asked && !own.contains(&column.as_str())
        });
        idle.cloned().collect()
    }

    /// The table of cells.
    pub fn table(&self) -> &Path {
        &self.table
    }

    /// A number for the campaign's own files: its settings, templates and cells.
    pub fn fingerprint(&self) -> u64 {
        let templates: Vec<&str> = self.templates.iter().map(|t| t.text.as_str()).collect();
        let text = format!(
            "{} {} {} {} {templates:?} {:?}",
            env!("CARGO_PKG_VERSION"),
            self.profiles,
            self.posterior,
            self.ablate,
            self.cells
        );
        fingerprint(text.as_bytes())
    }

    /// The experiment of a cell.
    ///
    /// # Errors
    /// [`ConfigError`] if a placeholder has no value, a template is none, or a file that it names cannot be read.
    pub fn instance(&self, cell: &CampaignCell) -> Result<Instance, ConfigError> {
        let mut files = Vec::new();
        let mut key = format!(
            "{} {} {} {}",
            env!("CARGO_PKG_VERSION"),
            self.profiles,
            self.posterior,
            self.ablate
        );
        for template in &self.templates {
            let text = self.filled(template, cell)?;
            key.push_str(&text);
            let name = file_name(&template.path);
            let is_toml = template.path.extension().is_some_and(|e| e == "toml");
            let text = if is_toml {
                self.settled(template, &text, &mut key)?
            } else {
                text
            };
            files.push((name, text));
        }
        Ok(Instance {
            files,
            key: format!("{:016x}", fingerprint(key.as_bytes())),
        })
    }

    /// A template with the values of a cell in place of `{column}`.
    fn filled(&self, template: &Template, cell: &CampaignCell) -> Result<String, ConfigError> {
        let mut text = String::with_capacity(template.text.len());
        let mut rest = template.text.as_str();
        while let Some(open) = rest.find('{') {
            text.push_str(&rest[..open]);
            rest = &rest[open..];
            let Some(name) = placeholder(rest) else {
                text.push('{');
                rest = &rest[1..];
                continue;
            };
            let value = cell.values.get(name).ok_or_else(|| {
                let key = format!("placeholder '{{{name}}}'");
                let columns: Vec<&str> = cell.values.keys().map(String::as_str).collect();
                let expected = format!(
                    "a column of {}: {}",
                    self.table.display(),
                    columns.join(", ")
                );
                Place::new(&template.path).value(key, "no such column", expected)
            })?;
            if value.is_empty() {
                let key = format!("line {}, column '{name}'", cell.line);
                let expected = format!("a value, as {} asks for it", template.path.display());
                return Err(Place::new(&self.table).value(key, "nothing", expected));
            }
            text.push_str(value);
            rest = &rest[name.len() + 2..];
        }
        text.push_str(rest);
        Ok(text)
    }

    /// A filled template whose paths hold wherever it is written; what they lead to becomes part of the key.
    fn settled(
        &self,
        template: &Template,
        text: &str,
        key: &mut String,
    ) -> Result<String, ConfigError> {
        let table: toml::Table = parse_toml(&template.path, text)?;
        let mut root = toml::Value::Table(table);
        self.settle(template, &mut root, key)?;
        let text = toml::to_string(&root);
        text.map_err(|error| {
            Place::new(&template.path).value("template", error.to_string(), "a TOML file")
        })
    }

    fn settle(
        &self,
        template: &Template,
        value: &mut toml::Value,
        key: &mut String,
    ) -> Result<(), ConfigError> {
        match value {
            toml::Value::Table(table) => {
                for (name, value) in table.iter_mut() {
                    match value {
                        toml::Value::String(path)
                            if PATH_KEYS.contains(&name.as_str()) && path != NO_PATH =>
                        {
                            *path = self.path(template, path, key)?;
                        }
                        other => self.settle(template, other, key)?,
                    }
                }
            }
            toml::Value::Array(list) => {
                for value in list {
                    self.settle(template, value, key)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A path as it stands in the files of a cell: another template lies beside, everything else where it is.
    fn path(
        &self,
        template: &Template,
        path: &str,
        key: &mut String,
    ) -> Result<String, ConfigError> {
        let folder = template.path.parent().unwrap_or(Path::new("."));
        let joined = folder.join(path);
        if let Some(other) = self.templates.iter().find(|t| same(&t.path, &joined)) {
            return Ok(file_name(&other.path));
        }
        let content = self.content(&joined)?;
        let _ = write!(key, " {content:016x}");
        let absolute = std::path::absolute(&joined).unwrap_or(joined);
        Ok(absolute.to_string_lossy().into_owned())
    }

    /// A number for the content of a file, or of all files of a folder.
    fn content(&self, path: &Path) -> Result<u64, ConfigError> {
        if let Ok(known) = self.contents.lock()
            && let Some(content) = known.get(path)
        {
            return Ok(*content);
        }
        let mut files = vec![path.to_owned()];
        if path.is_dir() {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            files = entries.map(|e| e.path()).filter(|p| p.is_file()).collect();
            files.sort();
        }
        let mut content = Vec::new();
        for file in &files {
            let bytes = std::fs::read(file).map_err(|error| ConfigError::Unreadable {
                path: file.clone(),
                reason: error.to_string(),
            })?;
            content.extend(fingerprint(&bytes).to_le_bytes());
            // A data set's own table of facts and records are read with it.
            content.extend(self.named_in(file, &bytes)?);
        }
        let content = fingerprint(&content);
        if let Ok(mut known) = self.contents.lock() {
            known.insert(path.to_owned(), content);
        }
        Ok(content)
    }

    /// Contents of what a TOML file that is no template names.
    fn named_in(&self, path: &Path, bytes: &[u8]) -> Result<Vec<u8>, ConfigError> {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let is_toml = path.extension().is_some_and(|e| e == "toml");
        let Some(table) = is_toml.then(|| text.parse::<toml::Table>().ok()).flatten() else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        named_paths(&toml::Value::Table(table), &mut found);
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut content = Vec::new();
        for name in found {
            content.extend(self.content(&folder.join(name))?.to_le_bytes());
        }
        Ok(content)
    }
}

/// Values of the keys whose values are paths.
fn named_paths(value: &toml::Value, found: &mut Vec<String>) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                match value {
                    toml::Value::String(path)
                        if PATH_KEYS.contains(&name.as_str()) && path != NO_PATH =>
                    {
                        found.push(path.clone());
                    }
                    other => named_paths(other, found),
                }
            }
        }
        toml::Value::Array(list) => list.iter().for_each(|value| named_paths(value, found)),
        _ => {}
    }
}

/// The name in `{name}` at the start of a text; an inline table has spaces or an equals sign.
fn placeholder(text: &str) -> Option<&str> {
    let end = text.find('}')?;
    let name = &text[1..end];
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    is_name.then_some(name)
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Whether two paths lead to the same file.
fn same(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_names_in_braces() {
        assert_eq!(placeholder("{mass_mg} rest"), Some("mass_mg"));
        assert_eq!(placeholder("{ step = 1 }"), None);
        assert_eq!(placeholder("{}"), None);
        assert_eq!(placeholder("{open"), None);
    }
}
