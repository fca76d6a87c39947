//! The keys of the files, told one by one from their schemas.

use serde_json::Map;
use serde_json::Value;

use super::campaign::CELL_COLUMNS;
use super::candidates::described_columns;
use super::dataset::FACT_COLUMNS;
use super::error::plain;
use super::schema::FileFormat;
use crate::units::unit_of_key;

/// What one key is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Key {
    /// As it is written.
    pub name: String,
    /// What it means.
    pub meaning: String,
    /// What stands behind it: `number`, `list of texts`, ...
    pub kind: String,
    /// The table behind it, if one is, by name.
    pub table: Option<String>,
    /// Its unit; `1` for none; `None` where it has no number or the meaning tells.
    pub unit: Option<String>,
    /// What holds where it is left out.
    pub default: Option<String>,
    /// The range that is allowed.
    pub allowed: Option<String>,
    /// The words that are allowed, with their meaning.
    pub words: Vec<(String, String)>,
    /// Whether it must not be left out.
    pub is_required: bool,
}

/// A table of a file, or a choice in it.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyTable {
    /// Its name.
    pub name: String,
    /// What it is.
    pub meaning: String,
    /// Whether exactly one of the keys stands there.
    pub is_choice: bool,
    /// Where it may stand: `fit.search`, `protocol.NAME.step[]`; empty for the file itself.
    pub places: Vec<String>,
    /// Its keys.
    pub keys: Vec<Key>,
}

/// A column of a table of comma-separated values.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnText {
    /// Its name in the header.
    pub name: String,
    /// What it means.
    pub meaning: String,
    /// Its unit.
    pub unit: Option<String>,
    /// The range that is allowed.
    pub allowed: Option<String>,
}

/// A table of comma-separated values that users write.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnTable {
    /// Its kind.
    pub kind: &'static str,
    /// What names it, and what it is.
    pub meaning: &'static str,
    /// Its columns.
    pub columns: Vec<ColumnText>,
}

/// All tables of comma-separated values that users write.
pub fn column_tables() -> Vec<ColumnTable> {
    let texts = |columns: &[(&str, &str)]| {
        let columns = columns.iter().map(|(name, meaning)| ColumnText {
            name: (*name).to_owned(),
            meaning: (*meaning).to_owned(),
            unit: None,
            allowed: None,
        });
        columns.collect::<Vec<_>>()
    };
    vec![
        ColumnTable {
            kind: "facts",
            meaning: "The table of facts, `facts` of a data set: one stated number per row. Other columns are for the reader.",
            columns: texts(&FACT_COLUMNS),
        },
        ColumnTable {
            kind: "candidates",
            meaning: "The table of candidates, `candidates` of a ranking: one row per catalyst, or per fitted cell of it. An empty field is not known.",
            columns: described_columns(),
        },
        ColumnTable {
            kind: "cells",
            meaning: "The table of cells, `cells` of a campaign: one row per cell. All other columns are what the templates ask for.",
            columns: texts(&CELL_COLUMNS),
        },
    ]
}

impl FileFormat {
    /// The tables of the file, the file itself first.
    pub fn tables(&self) -> Vec<KeyTable> {
        let root = self.value();
        let mut tables = Vec::new();
        let walk = Walk {
            definitions: root.get("definitions").and_then(Value::as_object),
            is_result: self.is_result,
        };
        let mut waiting = vec![(self.kind.to_owned(), root.clone(), String::new())];
        while !waiting.is_empty() {
            let (name, schema, place) = waiting.remove(0);
            let known = tables.iter_mut().find(|t: &&mut KeyTable| t.name == name);
            let keys = if let Some(table) = known {
                table.places.push(place.clone());
                table.keys.clone()
            } else {
                let table = walk.table(&name, &schema, &place);
                let keys = table.keys.clone();
                tables.push(table);
                keys
            };
            for key in keys {
                let Some(inner) = &key.table else { continue };
                let mut schema = walk.definition(inner, (&name, &schema), &key.name);
                if schema["description"].is_null() {
                    schema["description"] = Value::from(key.meaning.as_str());
                }
                let dot = if place.is_empty() { "" } else { "." };
                let path = format!("{place}{dot}{}{}", key.name, below(&key.kind));
                waiting.push((inner.clone(), schema, path));
            }
        }
        tables
    }
}

/// What stands between a key and the keys of the table behind it.
fn below(kind: &str) -> &'static str {
    match kind {
        _ if kind.starts_with("list") => "[]",
        _ if kind.contains("by name") => ".NAME",
        _ => "",
    }
}

struct Walk<'s> {
    definitions: Option<&'s Map<String, Value>>,
    /// A result holds all of its keys.
    is_result: bool,
}

/// What stands behind a key.
#[derive(Default)]
struct Shape {
    kind: String,
    table: Option<String>,
    words: Vec<(String, String)>,
}

impl Walk<'_> {
    /// The schema of the table behind a key: a definition, or what stands there itself.
    fn definition(&self, name: &str, (outer, schema): (&str, &Value), key: &str) -> Value {
        let found = self.definitions.and_then(|all| all.get(name)).cloned();
        let inner = || {
            debug_assert_eq!(name, format!("{outer} {key}"));
            let choices = schema["oneOf"].as_array().into_iter().flatten();
            let mut behind = choices.filter_map(|choice| choice["properties"].get(key));
            behind.next().cloned().unwrap_or_default()
        };
        found.unwrap_or_else(inner)
    }

    fn table(&self, name: &str, schema: &Value, place: &str) -> KeyTable {
        let choices = schema["oneOf"].as_array();
        let keys = match choices {
            Some(choices) => choices
                .iter()
                .flat_map(|choice| self.choice(name, choice))
                .collect(),
            None => self.keys(name, schema),
        };
        KeyTable {
            name: name.to_owned(),
            meaning: text(schema, "description"),
            is_choice: choices.is_some(),
            places: vec![place.to_owned()],
            keys,
        }
    }

    fn keys(&self, table: &str, schema: &Value) -> Vec<Key> {
        let needed = schema["required"].as_array();
        let is_required = |name: &str| {
            !self.is_result && needed.is_some_and(|list| list.iter().any(|n| n == name))
        };
        let properties = schema["properties"].as_object().into_iter().flatten();
        let keys = properties.map(|(name, schema)| Key {
            is_required: is_required(name),
            ..self.key(table, name, schema)
        });
        keys.collect()
    }

    /// The alternatives of a choice: words alone, or keys with something behind them.
    fn choice(&self, table: &str, choice: &Value) -> Vec<Key> {
        let meaning = text(choice, "description");
        let words = words_of(choice).into_iter().map(|(word, _)| Key {
            name: word,
            meaning: meaning.clone(),
            kind: "word".to_owned(),
            ..Key::default()
        });
        let keys = self.keys(table, choice).into_iter().map(|key| Key {
            meaning: match meaning.as_str() {
                "" => key.meaning.clone(),
                own => own.to_owned(),
            },
            is_required: false,
            ..key
        });
        words.chain(keys).collect()
    }

    fn key(&self, table: &str, name: &str, schema: &Value) -> Key {
        let shape = self.shape(schema, &format!("{table} {name}"));
        let unit = schema["x-unit"].as_str().or_else(|| {
            let is_number = shape.kind.contains("number");
            unit_of_key(name).filter(|_| is_number)
        });
        Key {
            name: name.to_owned(),
            meaning: text(schema, "description"),
            default: default(schema),
            allowed: range(schema),
            unit: unit.map(str::to_owned),
            kind: shape.kind,
            table: shape.table,
            words: shape.words,
            is_required: false,
        }
    }

    /// What a schema describes; `own` names a table that has no name of its own.
    fn shape(&self, schema: &Value, own: &str) -> Shape {
        if let Some(target) = schema["$ref"].as_str() {
            let name = target.rsplit('/').next().unwrap_or(target);
            let definition = self.definitions.and_then(|all| all.get(name));
            return definition.map_or_else(Shape::default, |d| self.shape(d, name));
        }
        for several in ["allOf", "anyOf"] {
            if let Some(parts) = schema[several].as_array() {
                return self.either(parts, own);
            }
        }
        let words = words_of(schema);
        let choices = schema["oneOf"].as_array().into_iter().flatten();
        let all: Vec<&Value> = choices.collect();
        if !all.is_empty() && all.iter().all(|choice| choice["properties"].is_null()) {
            let words = all.iter().flat_map(|choice| words_of(choice)).collect();
            return Shape {
                kind: "word".to_owned(),
                words,
                ..Shape::default()
            };
        }
        if !words.is_empty() {
            return Shape {
                kind: "word".to_owned(),
                words,
                ..Shape::default()
            };
        }
        if !all.is_empty() || schema["properties"].is_object() {
            let kind = if all.is_empty() { "table" } else { "choice" };
            return Shape {
                kind: kind.to_owned(),
                table: Some(own.to_owned()),
                ..Shape::default()
            };
        }
        self.simple(schema, own)
    }

    /// One of several; null says that there may be nothing.
    fn either(&self, parts: &[Value], own: &str) -> Shape {
        let parts = parts.iter().filter(|part| part["type"] != "null");
        let shapes: Vec<Shape> = parts.map(|part| self.shape(part, own)).collect();
        let kinds: Vec<&str> = shapes.iter().map(|s| s.kind.as_str()).collect();
        Shape {
            kind: kinds.join(" or "),
            table: shapes.iter().find_map(|s| s.table.clone()),
            words: shapes.iter().flat_map(|s| s.words.clone()).collect(),
        }
    }

    fn simple(&self, schema: &Value, own: &str) -> Shape {
        let kinds = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            kind => kind.as_str().into_iter().collect::<Vec<_>>(),
        };
        let kind = kinds.into_iter().find(|kind| *kind != "null");
        match kind {
            Some("array") => {
                let inner = match &schema["items"] {
                    Value::Array(items) => self.either_once(items, own),
                    items => self.shape(items, own),
                };
                Shape {
                    kind: format!("{} {}", list_of(schema), plural(&inner.kind)),
                    ..inner
                }
            }
            Some("object") if schema["additionalProperties"] == false => named("empty table"),
            Some("object") => {
                let inner = self.shape(&schema["additionalProperties"], own);
                Shape {
                    kind: format!("{} by name", plural(&inner.kind)),
                    ..inner
                }
            }
            Some("integer") => named("whole number"),
            Some("boolean") => named("true or false"),
            Some("string") => named("text"),
            Some(other) => named(other),
            None => named("value"),
        }
    }

    /// The kinds of a list whose places have kinds of their own, each told once.
    fn either_once(&self, parts: &[Value], own: &str) -> Shape {
        let mut shape = self.either(parts, own);
        let mut kinds: Vec<&str> = Vec::new();
        for kind in shape.kind.split(" or ") {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        shape.kind = kinds.join(" or ");
        shape
    }
}

fn named(kind: &str) -> Shape {
    Shape {
        kind: kind.to_owned(),
        ..Shape::default()
    }
}

fn list_of(schema: &Value) -> String {
    match (schema["minItems"].as_u64(), schema["maxItems"].as_u64()) {
        (Some(least), Some(most)) if least == most => format!("list of {least}"),
        _ => "list of".to_owned(),
    }
}

fn plural(kind: &str) -> String {
    match kind {
        "value" | "true or false" => kind.to_owned(),
        _ if kind.starts_with("list") => kind.replacen("list", "lists", 1),
        _ => format!("{}s", kind.replace(" or ", "s or ")),
    }
}

/// The words that a schema allows, with what it says about them.
fn words_of(schema: &Value) -> Vec<(String, String)> {
    let meaning = text(schema, "description");
    let single = schema["const"].as_str().map(|word| (word, meaning));
    let several = schema["enum"].as_array().into_iter().flatten();
    let several = several.filter_map(Value::as_str);
    let several = several.map(|word| (word, String::new()));
    let words = single.into_iter().chain(several);
    words.map(|(word, m)| (word.to_owned(), m)).collect()
}

fn text(schema: &Value, key: &str) -> String {
    schema[key].as_str().unwrap_or_default().to_owned()
}

fn default(schema: &Value) -> Option<String> {
    if let Some(words) = schema["x-default"].as_str() {
        return Some(words.to_owned());
    }
    match schema.get("default")? {
        Value::Null => None,
        Value::Array(list) if list.is_empty() => Some("none".to_owned()),
        // A table that is left out is one whose keys are left out.
        Value::Object(_) => Some("none".to_owned()),
        Value::Number(number) => Some(number.as_f64().map_or(number.to_string(), plain)),
        Value::String(word) => Some(word.clone()),
        other => Some(other.to_string()),
    }
}

fn range(schema: &Value) -> Option<String> {
    let number = |key: &str| schema[key].as_f64();
    let below = number("maximum").map(|most| format!("at most {}", plain(most)));
    let is_count = schema["type"] == "integer";
    let above = match (number("minimum"), number("exclusiveMinimum")) {
        // That a count is not negative goes without saying.
        (Some(least), _) if is_count && least.abs() < f64::EPSILON => None,
        (Some(least), _) => Some(format!("at least {}", plain(least))),
        (None, Some(least)) => Some(format!("above {}", plain(least))),
        (None, None) => None,
    };
    let parts: Vec<String> = [above, below].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
