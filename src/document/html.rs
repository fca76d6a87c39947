//! One page that holds everything: it opens without a network, on any screen.

use std::fmt::Write;

use super::Block;
use super::Document;
use super::Field;
use super::Section;
use super::Table;
use super::numbers::field;
use super::numbers::raised;

/// Apache `ECharts` 6.1.0, licensed under the Apache License 2.0 (`echarts.LICENSE`).
const ECHARTS: &str = include_str!("assets/echarts.min.js");
/// What draws the charts of this page with it.
const SCRIPT: &str = include_str!("assets/report.js");
/// How the page looks.
const STYLE: &str = include_str!("assets/report.css");

/// The document as HTML.
///
/// # Errors
/// A chart that cannot be written as JSON.
pub fn page(document: &Document) -> Result<String, String> {
    let charts: Vec<_> = document.charts().collect();
    let charts = serde_json::to_string(&charts).map_err(|error| error.to_string())?;
    // No text may end the element that holds it.
    let charts = charts.replace('<', "\\u003c");
    let title = escaped(&document.title);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'unsafe-inline'; img-src data: blob:\">\n\
         <meta name=\"generator\" content=\"sulfit {}\">\n<title>{title}: sulfit report</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n\
         <button id=\"theme\" type=\"button\">Dark or light</button>\n</header>\n<main>\n",
        env!("CARGO_PKG_VERSION")
    );
    html += "<nav aria-label=\"Sections\"><ul>\n";
    for (number, section) in document.sections.iter().enumerate() {
        let _ = writeln!(
            html,
            "<li><a href=\"#section-{number}\">{}</a></li>",
            escaped(&section.title)
        );
    }
    html += "<li><a href=\"#provenance\">Provenance</a></li>\n</ul></nav>\n";
    for (number, section) in document.sections.iter().enumerate() {
        add_section(&mut html, number, section);
    }
    html += "<section id=\"provenance\">\n<h2>Provenance</h2>\n<dl>\n";
    for (name, value) in &document.provenance {
        let _ = writeln!(
            html,
            "<dt>{}</dt><dd>{}</dd>",
            escaped(name),
            escaped(value)
        );
    }
    let _ = write!(
        html,
        "</dl>\n</section>\n<noscript>Charts need the script of this page; all tables and texts stand here without it.</noscript>\n</main>\n<footer>Written by sulfit {}; charts by Apache ECharts. This file makes no request to any network.</footer>\n\
         <script type=\"application/json\" id=\"charts\">{charts}</script>\n\
         <script>{ECHARTS}</script>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    );
    Ok(html)
}

fn add_section(html: &mut String, number: usize, section: &Section) {
    let title = escaped(&section.title);
    let _ = writeln!(html, "<section id=\"section-{number}\">\n<h2>{title}</h2>");
    for block in &section.blocks {
        match block {
            Block::Paragraph(text) => {
                let _ = writeln!(html, "<p>{}</p>", marked(text));
            }
            Block::Warning(text) => {
                let _ = writeln!(
                    html,
                    "<div class=\"warning\" role=\"note\">{}</div>",
                    marked(text)
                );
            }
            Block::List(entries) => {
                html.push_str("<ul>\n");
                for entry in entries {
                    let _ = writeln!(html, "<li>{}</li>", marked(entry));
                }
                html.push_str("</ul>\n");
            }
            Block::Table(table) => add_table(html, table),
            Block::Chart(chart) => {
                let (id, title) = (escaped(&chart.id), escaped(&chart.title));
                let caption = escaped(&chart.caption);
                let _ = writeln!(
                    html,
                    "<figure id=\"figure-{id}\">\n<figcaption><h3>{title}</h3><p>{caption}</p></figcaption>\n\
                     <div class=\"chart\" id=\"chart-{id}\" role=\"img\" aria-label=\"{title}\"></div>\n\
                     <details class=\"numbers\" data-chart=\"{id}\"><summary>Numbers of this chart</summary></details>\n</figure>"
                );
            }
        }
    }
    html.push_str("</section>\n");
}

fn add_table(html: &mut String, table: &Table) {
    let title = escaped(&table.title);
    let _ = writeln!(
        html,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{title}\">\n\
         <table class=\"sortable\" id=\"table-{}\">\n<caption>{title}</caption>\n<thead><tr>",
        escaped(&table.id)
    );
    for column in &table.columns {
        let _ = write!(
            html,
            "<th scope=\"col\"><button type=\"button\">{}</button></th>",
            escaped(column)
        );
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        html.push_str("<tr>");
        for (cell, title) in row.iter().zip(&table.columns) {
            match cell {
                Field::Text(text) if title == "unit" => {
                    let _ = write!(html, "<td class=\"unit\">{}</td>", escaped(&raised(text)));
                }
                Field::Number(value) => {
                    let _ = write!(
                        html,
                        "<td class=\"number\" data-v=\"{value:e}\">{}</td>",
                        field(cell)
                    );
                }
                Field::Text(text) => {
                    let _ = write!(html, "<td>{}</td>", escaped(text));
                }
                Field::Missing => html.push_str("<td></td>"),
            }
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table>\n</div>\n");
}

/// Text in which nothing is markup.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

/// Text in which only `code` is markup.
fn marked(text: &str) -> String {
    let parts = escaped(text);
    let mut marked = String::new();
    for (i, part) in parts.split('`').enumerate() {
        if i % 2 == 1 {
            let _ = write!(marked, "<code>{part}</code>");
        } else {
            marked.push_str(part);
        }
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Axis;
    use crate::document::Chart;
    use crate::document::Mark;
    use crate::document::Series;

    /// Relative luminance of a colour (WCAG 2.2).
    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| {
            let byte = u8::from_str_radix(&colour[at..at + 2], 16).unwrap();
            let share = f64::from(byte) / 255.0;
            if share <= 0.040_45 {
                share / 12.92
            } else {
                ((share + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_stands_out_from_its_paper_by_four_and_a_half_and_lines_by_three() {
        let colour = |block: &str, name: &str| -> String {
            let rest = block.split(&format!("{name}: ")).nth(1).unwrap();
            rest[..7].to_owned()
        };
        let blocks: Vec<&str> = STYLE.split(":root").skip(1).collect();
        assert_eq!(blocks.len(), 3);
        for block in &blocks {
            for paper in ["--paper", "--raised"] {
                for ink in ["--ink", "--soft", "--accent"] {
                    let found = contrast(&colour(block, ink), &colour(block, paper));
                    assert!(found >= 4.5, "{ink} on {paper}: {found}");
                }
            }
            let warning = contrast(&colour(block, "--warn"), &colour(block, "--warn-paper"));
            assert!(warning >= 4.5, "{warning}");
        }
        for (set, block) in [("LIGHT", blocks[0]), ("DARK", blocks[2])] {
            let list = SCRIPT.split(&format!("const {set} = [")).nth(1).unwrap();
            let list = &list[..list.find(']').unwrap()];
            for line in list.split(", ").map(|text| text.trim_matches('"')) {
                let found = contrast(line, &colour(block, "--paper"));
                assert!(found >= 3.0, "{line}: {found}");
            }
        }
    }

    #[test]
    fn no_name_becomes_markup_or_ends_the_script() {
        let evil = "</script><img src=x onerror=alert(1)>";
        let mut section = Section::new(evil);
        section.paragraph(format!("{evil} and `code`"));
        let series = Series::new(evil, Mark::Line, 0, vec![(0.0, 1.0)]);
        section.chart(Chart::lines(
            "one",
            evil,
            (Axis::linear(evil), Axis::log(evil)),
            vec![series],
        ));
        let mut table = Table::new("table", evil, &[evil]);
        table.rows.push(vec![Field::from(evil)]);
        section.table(table);
        let html = page(&Document {
            title: evil.to_owned(),
            provenance: vec![(evil.to_owned(), evil.to_owned())],
            sections: vec![section],
        });
        let html = html.unwrap();
        // The library behind the first plain script has markup of its own.
        let own = &html[..html.find("<script>").unwrap()];
        assert!(!own.contains("<img"));
        // Three scripts and no more.
        assert_eq!(html.matches("</script>").count(), 3);
        assert!(html.contains("<code>code</code>"));
    }
}
