//! What `sulfit rank` says on the terminal.

use std::fmt::Write;

use super::prediction::loading_mg_cm2;
use super::ranking::Ranked;
use super::ranking::rankable_words;
use crate::predict::Limiting;
use crate::rank::Place;
use crate::units::short;

/// Candidates of the table; more stand in the files only.
const ROWS_MAX: usize = 25;
/// Things to do next that are told.
const NEXT_MAX: usize = 5;

/// The summary of a ranking.
pub fn ranking_summary(ranked: Ranked<'_>) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, ranked);
    text
}

fn write(text: &mut String, ranked: Ranked<'_>) -> std::fmt::Result {
    let (contest, ranking) = (ranked.contest, ranked.ranking);
    writeln!(
        text,
        "{}: {} of {} catalysts at {} mg/cm2, {}C, cycle {} ({}), larger is better; {} draws",
        ranked.name,
        contest.quantity.as_str().replace('_', " "),
        contest.entrants.len(),
        short(loading_mg_cm2(&contest.condition)),
        short(contest.condition.c_rate),
        contest.setting.cycles.last().copied().unwrap_or(1),
        contest.quantity.unit(),
        contest.draws,
    )?;
    write_table(text, ranked)?;
    write_balance(text, ranked)?;
    write_next(text, ranked)?;
    writeln!(text)?;
    let cloud = &ranking.cloud;
    match &ranking.surrogate {
        Some(name) => writeln!(
            text,
            "answers: {} by the surrogate {name}, {} refused by it, {} simulated, {} failed",
            cloud.by_surrogate, cloud.refused, cloud.by_model, cloud.failed
        )?,
        None => writeln!(
            text,
            "answers: {} simulated, {} failed",
            cloud.by_model, cloud.failed
        )?,
    }
    for warning in ranked.warnings() {
        writeln!(text, "warning: {warning}")?;
    }
    Ok(())
}

fn write_table(text: &mut String, ranked: Ranked<'_>) -> std::fmt::Result {
    let ranking = ranked.ranking;
    writeln!(text)?;
    let width = ranking
        .places
        .iter()
        .take(ROWS_MAX)
        .map(|p| ranked.name(p).chars().count());
    let width = width.max().unwrap_or(4).max(9);
    writeln!(
        text,
        "group  {:<width$}  median   90 % interval       one new cell         P(best)  expected rank  rests on                  limited by",
        "catalyst"
    )?;
    for place in ranking.places.iter().take(ROWS_MAX) {
        write_place(text, ranked, place, width)?;
    }
    if ranking.places.len() > ROWS_MAX {
        writeln!(
            text,
            "... and {} more in ranking.csv",
            ranking.places.len() - ROWS_MAX
        )?;
    }
    writeln!(
        text,
        "group 1 holds the best with 95 %; members of a group cannot be told apart; – not ranked: {}",
        rankable_words()
    )?;
    let [median, lower, upper] = ranking.unknown.map(short);
    writeln!(
        text,
        "a catalyst of which nothing is known: {median} [{lower}, {upper}]"
    )?;
    Ok(())
}

fn write_next(text: &mut String, ranked: Ranked<'_>) -> std::fmt::Result {
    let (contest, ranking) = (ranked.contest, ranked.ranking);
    if !ranking.worths.is_empty() {
        writeln!(
            text,
            "\nwhat to do next (expected gain of the catalyst then chosen, {})",
            contest.quantity.unit()
        )?;
        for worth in ranking.worths.iter().take(NEXT_MAX) {
            writeln!(
                text,
                "  {:>9}  {}; changes the choice with {:.0} %",
                short(worth.gain),
                worth.action.words(&contest.entrants[worth.candidate].name),
                100.0 * worth.changes_choice
            )?;
        }
    }
    Ok(())
}

fn write_place(
    text: &mut String,
    ranked: Ranked<'_>,
    place: &Place,
    width: usize,
) -> std::fmt::Result {
    let told = |[_, lower, upper]: [f64; 3]| format!("[{}, {}]", short(lower), short(upper));
    let standing = place.standing.as_ref();
    writeln!(
        text,
        "{:>5}  {:<width$}  {:>6}   {:<18}  {:<18}   {:>6}   {:>12}  {:<24}  {}",
        standing.map_or_else(|| "–".to_owned(), |s| s.group.to_string()),
        ranked.name(place),
        short(place.interval[0]),
        told(place.interval),
        place.new_cell.map_or_else(String::new, told),
        standing.map_or_else(String::new, |s| format!("{:.2}", s.p_best)),
        standing.map_or_else(String::new, |s| format!("{:.1}", s.expected_rank)),
        place.evidence.as_str(),
        place.control.as_ref().map_or("", |c| c.limiting().as_str()),
    )
}

/// Whether the tandem of the first ones is balanced.
fn write_balance(text: &mut String, ranked: Ranked<'_>) -> std::fmt::Result {
    let told = ranked
        .ranking
        .places
        .iter()
        .filter_map(|p| Some((p, p.control.as_ref()?)));
    let told: Vec<_> = told.take(5).collect();
    if told.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "\ndegree of rate control of the target (share of a change of the constant that arrives)"
    )?;
    for (place, control) in told {
        let steps = control
            .degrees
            .iter()
            .filter(|(_, group, _)| matches!(group, Limiting::Desolvation | Limiting::Conversion));
        let steps: Vec<String> = steps
            .map(|(name, _, x)| format!("{name} {x:+.3}"))
            .collect();
        let (first, second) = (
            control.of(Limiting::Desolvation),
            control.of(Limiting::Conversion),
        );
        let words = match (first, second) {
            (a, b) if a.max(b) < 0.02 => "neither step limits",
            (a, b) if a > 2.0 * b => "desolvation limits",
            (a, b) if b > 2.0 * a => "conversion limits",
            _ => "balanced",
        };
        writeln!(
            text,
            "  {}: {}: {words}",
            ranked.name(place),
            steps.join(", ")
        )?;
    }
    Ok(())
}
