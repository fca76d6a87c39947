//! The reference of all files as one page of Markdown.

use std::fmt::Write;

use super::keys::value;
use crate::config::ColumnTable;
use crate::config::FileFormat;
use crate::config::Key;
use crate::config::KeyTable;
use crate::config::column_tables;
use crate::config::file_formats;

/// Places of a table that a heading tells.
const PLACES_TOLD: usize = 4;

/// Tables that are already told, with the anchor where.
type Told = Vec<(KeyTable, String)>;

/// `docs/reference.md`.
pub fn page() -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(&mut text);
    text
}

fn write_page(text: &mut String) -> std::fmt::Result {
    let formats = file_formats();
    writeln!(text, "# Reference of the files\n")?;
    writeln!(
        text,
        "Made by `sulfit schema --markdown` from the types that read and write the files; `sulfit explain WORD` says the same of one word, `sulfit schema KIND` as JSON Schema for editors. How the files belong together: [formats.md](formats.md).\n"
    )?;
    writeln!(
        text,
        "Keys that end in a unit are in that unit. Places are written like `protocol.NAME.step[].cycle`: `NAME` is a name of your own, `[]` an entry of a list. An unknown key in a file that users write is an error.\n"
    )?;
    for format in &formats {
        writeln!(
            text,
            "- [{}](#{})",
            format.kind,
            anchor(format, format.kind)
        )?;
    }
    for table in column_tables() {
        writeln!(text, "- [table of {0}](#columns-{0})", table.kind)?;
    }
    let mut told = Told::new();
    for format in &formats {
        write_format(text, format, &mut told)?;
    }
    for table in column_tables() {
        write_columns(text, &table)?;
    }
    Ok(())
}

fn anchor(format: &FileFormat, table: &str) -> String {
    let name = format!("{}-{table}", format.kind).to_lowercase();
    name.replace(|c: char| !c.is_alphanumeric() && c != '-', "-")
}

fn write_format(text: &mut String, format: &FileFormat, told: &mut Told) -> std::fmt::Result {
    let tables = format.tables();
    for (position, table) in tables.iter().enumerate() {
        let is_root = position == 0;
        if told_at(table, told).is_some() {
            continue;
        }
        let own = anchor(format, &table.name);
        writeln!(text, "\n<a id=\"{own}\"></a>\n")?;
        if is_root {
            let what = if format.is_result { "" } else { " files" };
            writeln!(text, "## {}{what}\n", format.kind)?;
            if format.is_result {
                writeln!(text, "{}", table.meaning)?;
            } else {
                writeln!(text, "Usually `{}`. {}", format.place, table.meaning)?;
            }
        } else {
            writeln!(text, "### {}\n", heading(format, table))?;
            let what = if table.is_choice {
                " Exactly one of:"
            } else {
                ""
            };
            writeln!(text, "{}{what}", table.meaning)?;
        }
        told.push((table.clone(), own));
        write_keys(text, (format, table), &tables, told)?;
    }
    Ok(())
}

/// Where the same table is told already.
fn told_at<'t>(table: &KeyTable, told: &'t Told) -> Option<&'t str> {
    let same = told.iter().find(|(other, _)| {
        other.name == table.name && other.keys == table.keys && other.meaning == table.meaning
    });
    same.map(|(_, anchor)| anchor.as_str())
}

fn heading(format: &FileFormat, table: &KeyTable) -> String {
    let places = table.places.iter().take(PLACES_TOLD);
    let places: Vec<String> = places.map(|place| format!("`{place}`")).collect();
    let more = match table.places.len().saturating_sub(PLACES_TOLD) {
        0 => "",
        _ => ", …",
    };
    format!("{}: {}{more}", format.kind, places.join(", "))
}

fn write_keys(
    text: &mut String,
    (format, table): (&FileFormat, &KeyTable),
    tables: &[KeyTable],
    told: &Told,
) -> std::fmt::Result {
    writeln!(text, "\n| key | meaning | value |\n|---|---|---|")?;
    for key in &table.keys {
        let inner = tables.iter().find(|t| Some(&t.name) == key.table.as_ref());
        let link = inner.map(|inner| match told_at(inner, told) {
            Some(anchor) => format!(" → [keys](#{anchor})"),
            None => format!(" → [keys](#{})", anchor(format, &inner.name)),
        });
        let words = words(key);
        writeln!(
            text,
            "| `{}` | {}{words} | {}{} |",
            key.name,
            cell(&key.meaning),
            cell(&value(key)),
            link.unwrap_or_default()
        )?;
    }
    Ok(())
}

fn words(key: &Key) -> String {
    let words = key
        .words
        .iter()
        .map(|(word, meaning)| match meaning.as_str() {
            "" => format!("`\"{word}\"`"),
            meaning => format!("`\"{word}\"`: {}", cell(meaning)),
        });
    let words: Vec<String> = words.collect();
    if words.is_empty() {
        String::new()
    } else {
        format!("<br>{}", words.join("<br>"))
    }
}

/// Text inside a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace("\n\n", "<br>")
}

fn write_columns(text: &mut String, table: &ColumnTable) -> std::fmt::Result {
    writeln!(text, "\n<a id=\"columns-{}\"></a>\n", table.kind)?;
    writeln!(text, "## Table of {} (CSV)\n", table.kind)?;
    writeln!(text, "{}", table.meaning)?;
    writeln!(text, "\n| column | meaning | value |\n|---|---|---|")?;
    for column in &table.columns {
        let unit = column.unit.as_ref().map(|unit| format!("in {unit}"));
        let parts = column.allowed.iter().cloned().chain(unit);
        let parts: Vec<String> = parts.collect();
        writeln!(
            text,
            "| `{}` | {} | {} |",
            column.name,
            cell(&column.meaning),
            parts.join("; ")
        )?;
    }
    Ok(())
}
