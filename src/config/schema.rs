//! The files as JSON Schemas, made from the types that read and write them.

use schemars::Schema;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::Map;
use serde_json::Value;

use super::campaign::RawCampaign;
use super::dataset::RawDataset;
use super::experiment_file::RawExperiment;
use super::model_file::RawModel;
use super::prediction::RawForecast;
use super::ranking_file::RawRanking;
use super::training_file::RawTraining;
use crate::report::Make;
use crate::report::REPORT_SCHEMAS;

/// Files that users write: kind, where they usually lie, and the schema.
const WRITTEN_BY_USERS: [(&str, &str, Make); 7] = [
    (
        "experiment",
        "experiments/NAME.toml",
        SchemaGenerator::into_root_schema_for::<RawExperiment>,
    ),
    (
        "mechanism",
        "models/NAME.toml",
        SchemaGenerator::into_root_schema_for::<RawModel>,
    ),
    (
        "dataset",
        "datasets/NAME/dataset.toml",
        SchemaGenerator::into_root_schema_for::<RawDataset>,
    ),
    (
        "training",
        "experiments/NAME_surrogate.toml",
        SchemaGenerator::into_root_schema_for::<RawTraining>,
    ),
    (
        "prediction",
        "experiments/NAME_predict.toml",
        SchemaGenerator::into_root_schema_for::<RawForecast>,
    ),
    (
        "ranking",
        "experiments/NAME_rank.toml",
        SchemaGenerator::into_root_schema_for::<RawRanking>,
    ),
    (
        "campaign",
        "campaign.toml",
        SchemaGenerator::into_root_schema_for::<RawCampaign>,
    ),
];

/// The format of a file that sulfit reads or writes.
#[derive(Clone, Copy, Debug)]
pub struct FileFormat {
    /// Its kind, as `sulfit schema` takes it.
    pub kind: &'static str,
    /// Where such files usually lie.
    pub place: &'static str,
    /// Whether sulfit writes it; otherwise users do.
    pub is_result: bool,
    make: Make,
}

/// All formats, those that users write first.
pub fn file_formats() -> Vec<FileFormat> {
    let inputs = WRITTEN_BY_USERS.into_iter();
    let inputs = inputs.map(|(kind, place, make)| FileFormat {
        kind,
        place,
        is_result: false,
        make,
    });
    let results = REPORT_SCHEMAS.into_iter();
    let results = results.map(|(kind, make)| FileFormat {
        kind,
        place: kind,
        is_result: true,
        make,
    });
    inputs.chain(results).collect()
}

impl FileFormat {
    /// The JSON Schema (draft 7, which editors of TOML understand).
    pub fn schema(&self) -> String {
        format!("{:#}\n", self.value())
    }

    pub(super) fn value(&self) -> Value {
        let settings = SchemaSettings::draft07();
        let settings = if self.is_result {
            settings.for_serialize()
        } else {
            settings.for_deserialize()
        };
        let schema: Schema = (self.make)(settings.into_generator());
        let mut value = schema.to_value();
        tidy(&mut value, self.is_result);
        if let Value::Object(root) = &mut value {
            root.insert("title".to_owned(), Value::from(self.kind));
        }
        value
    }
}

/// Takes out what belongs to Rust alone: prefixes of type names, formats of numbers, and in files of TOML, which has
/// none, the null of what may be left out.
fn tidy(value: &mut Value, may_be_null: bool) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|v| tidy(v, may_be_null)),
        Value::Object(map) => {
            if map.get("format").is_some_and(Value::is_string) {
                map.remove("format");
            }
            if let Some(Value::Object(definitions)) = map.remove("definitions") {
                let renamed = definitions.into_iter();
                let renamed = renamed.map(|(name, v)| (plain_name(&name).to_owned(), v));
                map.insert("definitions".to_owned(), Value::Object(renamed.collect()));
            }
            if let Some(Value::String(target)) = map.get_mut("$ref") {
                *target = target.replace("#/definitions/Raw", "#/definitions/");
            }
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = flowing(text);
            }
            if may_be_null {
                add_null(map);
            } else {
                drop_null(map);
            }
            map.values_mut().for_each(|v| tidy(v, may_be_null));
        }
        _ => {}
    }
}

fn plain_name(name: &str) -> &str {
    name.strip_prefix("Raw").unwrap_or(name)
}

/// A doc comment without its line breaks; paragraphs stay.
fn flowing(text: &str) -> String {
    let paragraphs = text.split("\n\n");
    let paragraphs = paragraphs.map(|p| p.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// Words beside which there may be nothing.
fn add_null(map: &mut Map<String, Value>) {
    let has_null = |kinds: &Value| {
        kinds
            .as_array()
            .is_some_and(|k| k.contains(&Value::from("null")))
    };
    if map.get("type").is_some_and(has_null)
        && let Some(Value::Array(words)) = map.get_mut("enum")
    {
        words.push(Value::Null);
    }
}

/// `["number", "null"]` is a number that may be left out; so is one of a choice with null.
fn drop_null(map: &mut Map<String, Value>) {
    if let Some(Value::Array(kinds)) = map.get("type")
        && let [kind, other] = &kinds[..]
        && other == "null"
    {
        let kind = kind.clone();
        map.insert("type".to_owned(), kind);
    }
    if let Some(Value::Array(choices)) = map.get("anyOf")
        && let [choice, other] = &choices[..]
        && other.get("type").is_some_and(|kind| kind == "null")
    {
        let choice = choice.clone();
        map.remove("anyOf");
        map.insert("allOf".to_owned(), Value::Array(vec![choice]));
    }
    if map.get("default").is_some_and(Value::is_null) {
        map.remove("default");
    }
}
