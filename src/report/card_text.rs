//! `card.md`: what a surrogate is, for people.

use std::fmt::Write;

use super::card::RawAssessment;
use super::card::RawCard;
use crate::units::digits;

/// The card for people.
pub fn card_md(card: &RawCard) -> String {
    let made = &card.made;
    let [training, with_slopes, validation, calibration, test] = made.simulations;
    let mut text = format!(
        "# Surrogate {}\n\n\
         Answers for the mechanism `{}` inside the box below, {} networks for each of {} kinds of quantities and {} curves, whose mean answers and whose spread warns. \
         It proposes; the cell model decides.\n\n\
         Trained by sulfit {} (seed {}) from {training} simulations, {with_slopes} of them with derivatives (weight {}); \
         {validation} to stop by, {calibration} to calibrate intervals with, {test} to tell the error below, which touched nothing else. \
         Failed among them: {:?}. {}\n",
        card.name,
        card.mechanism,
        card.members,
        card.number_departments.len(),
        card.curve_departments.len(),
        made.version,
        made.seed,
        made.slope_weight,
        made.failed,
        made.resolution,
    );
    for assessment in &card.assessments {
        text.push_str(&assessment_md(assessment, card.level));
    }
    text.push_str("\n## Box\n\n| quantity | from | to | unit | scale |\n|---|---|---|---|---|\n");
    for axis in &card.axes {
        let unit = crate::units::Unit::parse(&axis.unit);
        let told = |si: f64| digits(unit.as_ref().map_or(si, |unit| unit.from_si(si)));
        let (from, to) = (told(axis.lower_si), told(axis.upper_si));
        let (name, unit, scale) = (&axis.name, &axis.unit, &axis.scale);
        let _ = writeln!(text, "| {name} | {from} | {to} | {unit} | {scale} |");
    }
    text
}

fn assessment_md(assessment: &RawAssessment, level: f64) -> String {
    let share = 100.0 * assessment.working as f64 / assessment.points.max(1) as f64;
    let mut text = format!(
        "\n## Errors: {}\n\n\
         {} points, {share:.0} % of them working cells, which are compared. Whether there is a value is answered rightly for {:.1} %. \
         Intervals of {:.0} % hold {:.1} % of all numbers. The networks disagree, so that no answer is given, for {} points.\n\n\
         | output | unit | n | median | 95 % | worst | median, relative | 95 %, relative | in interval |\n\
         |---|---|---|---|---|---|---|---|---|\n",
        assessment.set,
        assessment.points,
        100.0 * assessment.presence_accuracy,
        100.0 * level,
        100.0 * assessment.pooled_coverage,
        assessment.refused,
    );
    for errors in &assessment.errors {
        let number = |value: Option<f64>| value.map_or_else(String::new, digits);
        let percent =
            |value: Option<f64>| value.map_or_else(String::new, |v| format!("{:.2} %", 100.0 * v));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            errors.name,
            errors.unit,
            errors.n,
            number(errors.median),
            number(errors.p95),
            number(errors.worst),
            percent(errors.relative_median),
            percent(errors.relative_p95),
            percent(errors.coverage),
        );
    }
    text
}
