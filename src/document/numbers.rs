//! Figures and tables as files: vector pictures for papers, and the numbers behind each.

use super::Chart;
use super::Document;
use super::Field;
use super::Plane;
use super::Scale;
use super::Series;
use super::Table;
use super::svg::svg;
use crate::units::digits;

/// Every chart as `ID.svg` and `ID.csv`, every table as `ID.csv`.
///
/// # Errors
/// A chart that cannot be drawn.
pub fn figures(document: &Document) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut files = Vec::new();
    for chart in document.charts() {
        let picture = svg(chart).map_err(|error| format!("{}: {error}", chart.id))?;
        files.push((format!("{}.svg", chart.id), picture.into_bytes()));
        files.push((format!("{}.csv", chart.id), chart_csv(chart).into_bytes()));
    }
    for table in document.tables() {
        files.push((format!("{}.csv", table.id), table_csv(table).into_bytes()));
    }
    Ok(files)
}

/// A name of letters, digits and underscores, for files and elements of a page.
pub(super) fn plain(name: &str) -> String {
    let keep = |c: char| if c.is_alphanumeric() { c } else { '_' };
    name.chars().map(keep).collect()
}

/// A field as it is read by people.
pub(super) fn field(field: &Field) -> String {
    match field {
        Field::Text(text) => text.clone(),
        Field::Number(value)
            if value.trunc().total_cmp(value).is_eq() && (1.0..1e6).contains(&value.abs()) =>
        {
            format!("{value:.0}")
        }
        Field::Number(value) if value.abs() <= 0.0 => "0".to_owned(),
        Field::Number(value) => digits(*value),
        Field::Missing => String::new(),
    }
}

/// The same words as the beginning of a sentence.
pub(super) fn capital(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// A unit with its exponents raised.
pub(super) fn raised(unit: &str) -> String {
    let mut text = String::new();
    let mut is_exponent = false;
    for c in unit.chars() {
        let above = match c {
            '-' => '⁻',
            '/' => 'ᐟ',
            '0' => '⁰',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            '4' => '⁴',
            '5' => '⁵',
            '6' => '⁶',
            '7' => '⁷',
            '8' => '⁸',
            '9' => '⁹',
            _ => c,
        };
        match c {
            '^' => is_exponent = true,
            _ if is_exponent && above != c => text.push(above),
            _ => {
                is_exponent = false;
                text.push(c);
            }
        }
    }
    text
}

/// A row of a CSV file.
fn row(fields: &[String]) -> String {
    let quoted = fields.iter().map(|field| {
        if field.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            field.clone()
        }
    });
    quoted.collect::<Vec<_>>().join(",") + "\n"
}

fn table_csv(table: &Table) -> String {
    let mut text = row(&table.columns);
    for fields in &table.rows {
        let fields: Vec<String> = fields
            .iter()
            .map(|field| match field {
                Field::Text(text) => text.clone(),
                Field::Number(value) => value.to_string(),
                Field::Missing => String::new(),
            })
            .collect();
        text += &row(&fields);
    }
    text
}

fn chart_csv(chart: &Chart) -> String {
    match &chart.plane {
        Plane::Map(map) => {
            let corner = format!("{}; {}", map.value, map.y);
            let head: Vec<String> = std::iter::once(corner).chain(map.columns.clone()).collect();
            let mut text = row(&head);
            for (name, values) in map.rows.iter().zip(&map.values) {
                let values = values.iter().map(|value| number(*value));
                let fields: Vec<String> = std::iter::once(name.clone()).chain(values).collect();
                text += &row(&fields);
            }
            text
        }
        Plane::Lines(lines) => {
            let abscissa = match lines.x.label.as_str() {
                "" => "x",
                label => label,
            };
            let head = [
                "series",
                abscissa,
                "ordinate",
                "y",
                "lower",
                "upper",
                "interval of",
                "name",
                "source",
            ];
            let head: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
            let mut text = row(&head);
            for panel in &lines.panels {
                for series in &panel.series {
                    for i in 0..series.x.len().min(series.y.len()) {
                        let place = (&lines.x.scale, &panel.y.scale);
                        text += &row(&point(series, i, place, &panel.y.label));
                    }
                }
            }
            text
        }
    }
}

fn number(value: f64) -> String {
    if value.is_finite() {
        value.to_string()
    } else {
        String::new()
    }
}

/// A point of a series as fields.
fn point(series: &Series, i: usize, (x, y): (&Scale, &Scale), ordinate: &str) -> Vec<String> {
    let end = |ends: &[f64]| ends.get(i).map_or(String::new(), |value| number(*value));
    vec![
        series.name.clone(),
        at(x, series.x[i]),
        ordinate.to_owned(),
        at(y, series.y[i]),
        end(&series.lower),
        end(&series.upper),
        match (series.lower.is_empty(), series.is_across) {
            (true, _) => "",
            (false, true) => "x",
            (false, false) => "y",
        }
        .to_owned(),
        series.labels.get(i).cloned().unwrap_or_default(),
        series.source.as_str().to_owned(),
    ]
}

/// A value of an axis as text.
pub(super) fn at(scale: &Scale, value: f64) -> String {
    match scale {
        Scale::Names(names) => {
            let mut names = names.iter().enumerate();
            let own = names.find(|(i, _)| (*i as f64 - value).abs() < 1e-6);
            own.map_or_else(|| number(value), |(_, name)| name.clone())
        }
        Scale::Linear | Scale::Log => number(value),
    }
}
