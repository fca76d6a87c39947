//! A summary in Markdown: the text, the tables, and links to the figures.

use std::fmt::Write;

use super::Block;
use super::Document;
use super::Field;
use super::Table;
use super::numbers::field;

/// Rows of a table that a summary holds; the table's file holds all.
const ROWS: usize = 40;

/// The document as Markdown; figures are linked to where `--format figures` puts them.
pub fn summary(document: &Document) -> String {
    let mut text = format!(
        "# {}\n\nThe figures are written by `sulfit report --format figures`.\n",
        plain(&document.title)
    );
    for section in &document.sections {
        let _ = write!(text, "\n## {}\n\n", section.title);
        for block in &section.blocks {
            match block {
                Block::Paragraph(words) => {
                    let _ = write!(text, "{}\n\n", plain(words));
                }
                Block::Warning(words) => {
                    let _ = write!(text, "> **Warning:** {}\n\n", plain(words));
                }
                Block::List(entries) => {
                    for entry in entries {
                        let _ = writeln!(text, "- {}", plain(entry));
                    }
                    text.push('\n');
                }
                Block::Table(table) => add_table(&mut text, table),
                Block::Chart(chart) => {
                    let title = plain(&chart.title);
                    let _ = write!(
                        text,
                        "![{title}](figures/{}.svg)

",
                        chart.id
                    );
                    if !chart.caption.is_empty() {
                        let _ = write!(text, "{}\n\n", plain(&chart.caption));
                    }
                }
            }
        }
    }
    text += "\n## Provenance\n\n";
    for (name, value) in &document.provenance {
        let _ = writeln!(text, "- {}: {}", plain(name), plain(value));
    }
    text
}

/// Text in one line in which nothing but `code` is markup.
fn plain(words: &str) -> String {
    let mut safe = String::new();
    for c in words.chars() {
        match c {
            '\n' | '\r' => safe.push(' '),
            '<' => safe.push_str("&lt;"),
            '[' | ']' | '*' | '|' => safe.extend(['\\', c]),
            other => safe.push(other),
        }
    }
    safe
}

fn add_table(text: &mut String, table: &Table) {
    let cell = plain;
    let _ = write!(text, "**{}**\n\n", table.title);
    let titles: Vec<String> = table.columns.iter().map(|title| cell(title)).collect();
    let _ = writeln!(text, "| {} |", titles.join(" | "));
    let rules: Vec<&str> = (0..table.columns.len())
        .map(|column| {
            let is_number = table
                .rows
                .first()
                .is_some_and(|row| matches!(row.get(column), Some(Field::Number(_))));
            if is_number { "--:" } else { "---" }
        })
        .collect();
    let _ = writeln!(text, "|{}|", rules.join("|"));
    for row in table.rows.iter().take(ROWS) {
        let fields: Vec<String> = row.iter().map(|f| cell(&field(f))).collect();
        let _ = writeln!(text, "| {} |", fields.join(" | "));
    }
    if table.rows.len() > ROWS {
        let _ = write!(
            text,
            "\n{} of {} rows; figures/{}.csv holds all.\n",
            ROWS,
            table.rows.len(),
            table.id
        );
    }
    text.push('\n');
}
