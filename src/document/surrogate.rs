//! What is told of a surrogate: its box and its errors.

use super::Field;
use super::Section;
use super::Table;
use super::Told;
use crate::report::RawCard;

pub(super) fn told(card: &RawCard, prefix: &str) -> Told {
    let mut section = Section::new("Surrogate");
    section.paragraph(format!(
        "Networks that answer for mechanism '{}' within a box of {} sides; {} numbers and {} curves, intervals of {:.0} %.",
        card.mechanism,
        card.axes.len(),
        card.numbers.len(),
        card.curves.len(),
        100.0 * card.level
    ));
    section.table(sides(card, prefix));
    for (number, assessment) in card.assessments.iter().enumerate() {
        section.paragraph(format!(
            "{}: {} points, {} of them with working cells; {} refused; {:.1} % of all numbers inside their intervals.",
            assessment.set,
            assessment.points,
            assessment.working,
            assessment.refused,
            100.0 * assessment.pooled_coverage
        ));
        let columns = [
            "number or curve",
            "compared",
            "median error",
            "95th percentile",
            "worst",
            "unit",
            "relative median",
            "share inside",
        ];
        let title = format!("Errors, {}", assessment.set);
        let mut table = Table::new(format!("{prefix}errors_{}", number + 1), title, &columns);
        for e in &assessment.errors {
            table.rows.push(vec![
                Field::from(e.name.as_str()),
                Field::from(e.n as f64),
                Field::from(e.median),
                Field::from(e.p95),
                Field::from(e.worst),
                Field::from(e.unit.as_str()),
                Field::from(e.relative_median),
                Field::from(e.coverage),
            ]);
        }
        section.table(table);
    }
    let provenance = vec![
        ("surrogate".to_owned(), card.name.clone()),
        (
            "trained by".to_owned(),
            format!("sulfit {}", card.made.version),
        ),
        ("seed".to_owned(), card.made.seed.to_string()),
        ("data".to_owned(), card.made.data.clone()),
    ];
    (card.name.clone(), provenance, vec![section])
}

fn sides(card: &RawCard, prefix: &str) -> Table {
    let columns = ["side", "lowest (SI)", "highest (SI)", "scale"];
    let mut table = Table::new(format!("{prefix}sides"), "Sides of the box", &columns);
    for axis in &card.axes {
        table.rows.push(vec![
            Field::from(axis.name.as_str()),
            Field::from(axis.lower_si),
            Field::from(axis.upper_si),
            Field::from(axis.scale.as_str()),
        ]);
    }
    table
}
