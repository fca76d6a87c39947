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
         {} points of a table were learned from too. In {} of the simulations to learn from, {}, {} and {} of the others something failed. Mesh: {}.\n",
        card.name,
        card.mechanism,
        card.members,
        card.number_departments.len(),
        card.curve_departments.len(),
        made.version,
        made.seed,
        made.slope_weight,
        made.refined,
        made.failed[0],
        made.failed[1],
        made.failed[2],
        made.failed[3],
        made.resolution,
    );
    for assessment in &card.assessments {
        text.push_str(&assessment_md(assessment, card));
    }
    text.push_str(
        "\n![what the surrogate says over what the cell model says, for each number](parity.svg)\n",
    );
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

fn assessment_md(assessment: &RawAssessment, card: &RawCard) -> String {
    let share = 100.0 * assessment.working as f64 / assessment.points.max(1) as f64;
    let mut text = format!(
        "\n## Errors: {}\n\n\
         {} points, {share:.0} % of them working cells, which are compared. Whether there is a value is answered rightly for {:.1} %. \
         Intervals of {:.0} % hold {:.1} % of all numbers. The networks disagree, so that no answer is given, for {} points.\n\n\
         | output | protocol | what is read | unit | n | median | 95 % | worst | median, relative | 95 %, relative | in interval |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
        assessment.set,
        assessment.points,
        100.0 * assessment.presence_accuracy,
        100.0 * card.level,
        100.0 * assessment.pooled_coverage,
        assessment.refused,
    );
    for errors in &assessment.errors {
        let number = |value: Option<f64>| value.map_or_else(String::new, digits);
        let percent =
            |value: Option<f64>| value.map_or_else(String::new, |v| format!("{:.2} %", 100.0 * v));
        let (protocol, what) = read_from(card, &errors.name);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            errors.name,
            protocol,
            what,
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

/// Protocol of an output and what is read from it, in words.
fn read_from(card: &RawCard, name: &str) -> (String, String) {
    if let Some(curve) = card.curves.iter().find(|curve| curve.known.name == name) {
        let (from, to) = (curve.at.first(), curve.at.last());
        let end = |at: Option<&f64>| at.copied().map_or_else(String::new, digits);
        let what = format!("over {} from {} to {}", curve.abscissa, end(from), end(to));
        return (curve.known.protocol.clone(), what);
    }
    let number = card.numbers.iter().find(|number| number.known.name == name);
    number.map_or_else(Default::default, |number| {
        (
            number.known.protocol.clone(),
            in_words(&number.known.reading),
        )
    })
}

/// `OxidationPeak { step: 1, ramp: 1 }` as `oxidation peak (step 1, ramp 1)`.
fn in_words(reading: &str) -> String {
    let (kind, details) = reading.split_once(" {").unwrap_or((reading, ""));
    let mut words = String::new();
    for (i, c) in kind.chars().enumerate() {
        if c.is_uppercase() && i > 0 {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    let details = details
        .trim_matches([' ', '}'])
        .replace(": ", " ")
        .replace('"', "");
    if details.is_empty() {
        words
    } else {
        format!("{words} ({details})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_words() {
        assert_eq!(in_words("Transference"), "transference");
        assert_eq!(
            in_words("GrowthTime { step: 1, solid: \"MgS\" }"),
            "growth time (step 1, solid MgS)"
        );
    }
}
