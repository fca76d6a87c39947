//! Keys, tables and columns of files.

use super::Topic;
use crate::config::FileFormat;
use crate::config::Key;
use crate::config::KeyTable;
use crate::config::column_tables;
use crate::config::file_formats;

/// Places of a key that are told.
const PLACES_TOLD: usize = 6;
/// Tables of an experiment whose keys say what is read from a protocol.
const OBSERVABLES: [&str; 2] = ["Observed", "Side"];

pub(super) fn topics() -> Vec<Topic> {
    let mut topics: Vec<Topic> = Vec::new();
    for format in file_formats() {
        let tables = format.tables();
        topics.push(of_file(&format, &tables));
        for table in &tables {
            for key in &table.keys {
                add(&mut topics, of_key(&format, table, key, &tables));
                let words = key.words.iter();
                for word in words.filter(|(_, meaning)| !meaning.is_empty()) {
                    add(&mut topics, of_word(&format, table, key, word));
                }
            }
        }
    }
    topics.extend(columns());
    topics
}

/// What is said alike of several files is said once, with all its places.
fn add(topics: &mut Vec<Topic>, topic: Topic) {
    let same = topics.iter_mut().find(|other| {
        other.word == topic.word && other.title == topic.title && other.said() == topic.said()
    });
    match same {
        Some(other) => {
            other.paths.extend(topic.paths);
            let stands = topic.lines.into_iter().last();
            other.lines.extend(stands);
        }
        None => topics.push(topic),
    }
}

impl Topic {
    /// What it says but for where it stands.
    fn said(&self) -> Vec<&String> {
        let lines = self.lines.iter();
        lines.filter(|l| !l.starts_with("stands in ")).collect()
    }
}

fn of_file(format: &FileFormat, tables: &[KeyTable]) -> Topic {
    let root = &tables[0];
    let keys: Vec<&str> = root.keys.iter().map(|key| key.name.as_str()).collect();
    let lines = vec![
        root.meaning.clone(),
        format!("keys: {}", keys.join(", ")),
        format!(
            "all of it: docs/reference.md; for editors: sulfit schema {}",
            format.kind
        ),
    ];
    let title = if format.is_result {
        "file of a report".to_owned()
    } else {
        format!("file that users write, like {}", format.place)
    };
    Topic::new("files", format.kind, title, lines)
}

fn of_key(format: &FileFormat, table: &KeyTable, key: &Key, tables: &[KeyTable]) -> Topic {
    let mut lines = vec![key.meaning.clone(), value(key)];
    lines.extend(
        key.words
            .iter()
            .map(|(word, meaning)| match meaning.as_str() {
                "" => format!("\"{word}\""),
                meaning => format!("\"{word}\": {meaning}"),
            }),
    );
    let inner = tables.iter().find(|t| Some(&t.name) == key.table.as_ref());
    lines.extend(inner.map(|inner| {
        let keys: Vec<&str> = inner.keys.iter().map(|key| key.name.as_str()).collect();
        let what = if inner.is_choice { "one of" } else { "keys" };
        format!("{what}: {}", keys.join(", "))
    }));
    lines.push(stands(format, table, &key.name));
    let is_observable = OBSERVABLES.contains(&table.name.as_str()) && key.unit.is_some();
    let group = match (is_observable, format.is_result) {
        (true, _) => "observables".to_owned(),
        (_, true) => format!("keys of {}", format.kind),
        _ => format!("keys of {} files", format.kind),
    };
    let title = match (is_observable, format.is_result) {
        (true, _) => "observable, what is read from a protocol",
        (_, true) => "key of a result",
        _ => "key of a file",
    };
    let mut topic = Topic::new(&group, &key.name, title.to_owned(), lines);
    topic.paths = paths(table, &key.name);
    topic
}

fn of_word(
    format: &FileFormat,
    table: &KeyTable,
    key: &Key,
    (word, meaning): &(String, String),
) -> Topic {
    let lines = vec![meaning.clone(), stands(format, table, &key.name)];
    let title = format!("word that stands behind {}", key.name);
    let mut topic = Topic::new("words of files", word, title, lines);
    topic.paths = paths(table, &key.name);
    for path in &mut topic.paths {
        path.push(word.clone());
    }
    topic
}

/// Kind, range, unit and default in one line.
pub(super) fn value(key: &Key) -> String {
    let mut parts = vec![key.kind.clone()];
    parts.extend(key.allowed.clone());
    // Behind a text stands the parameter that it names.
    let of = if key.kind.starts_with("text") {
        "a parameter "
    } else {
        ""
    };
    parts.extend(key.unit.as_ref().map(|unit| match unit.as_str() {
        "1" => format!("{of}without a unit"),
        unit => format!("{of}in {unit}"),
    }));
    if key.is_required {
        parts.push("needed".to_owned());
    }
    parts.extend(key.default.as_ref().map(|d| format!("default: {d}")));
    parts.join("; ")
}

fn stands(format: &FileFormat, table: &KeyTable, key: &str) -> String {
    let places = table.places.iter().take(PLACES_TOLD);
    let places: Vec<String> = places.map(|place| path(place, key)).collect();
    let more = match table.places.len().saturating_sub(PLACES_TOLD) {
        0 => String::new(),
        n => format!(" and {n} more places"),
    };
    let file = if format.is_result {
        format.kind.to_owned()
    } else {
        format!("{} files", format.kind)
    };
    format!("stands in {file}: {}{more}", places.join(", "))
}

fn path(place: &str, key: &str) -> String {
    match place {
        "" => key.to_owned(),
        place => format!("{place}.{key}"),
    }
}

/// The places of a key as names of tables; names that users give are left out.
fn paths(table: &KeyTable, key: &str) -> Vec<Vec<String>> {
    let places = table.places.iter().map(|place| {
        let parts = place
            .split('.')
            .filter(|part| !part.is_empty() && *part != "NAME");
        let parts = parts.map(|part| part.trim_end_matches("[]").to_owned());
        parts.chain([key.to_owned()]).collect()
    });
    places.collect()
}

fn columns() -> Vec<Topic> {
    let tables = column_tables();
    let all = tables.iter().flat_map(|table| {
        table.columns.iter().map(|column| {
            let mut lines = vec![column.meaning.clone()];
            lines.extend(column.unit.as_ref().map(|unit| format!("in {unit}")));
            lines.extend(column.allowed.clone());
            lines.push(table.meaning.to_owned());
            let title = format!("column of a table of {}", table.kind);
            let group = format!("columns of {}", table.kind);
            let mut topic = Topic::new(&group, &column.name, title, lines);
            topic.paths = vec![vec![table.kind.to_owned(), column.name.clone()]];
            topic
        })
    });
    all.collect()
}
