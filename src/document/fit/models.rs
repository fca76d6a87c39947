//! Variants beside each other, what they predict, and how they were found.

use super::Scene;
use crate::document::Axis;
use crate::document::Chart;
use crate::document::Field;
use crate::document::Mark;
use crate::document::Section;
use crate::document::Series;
use crate::document::Table;
use crate::document::numbers::raised;
use crate::document::source::fit::Prediction;
use crate::units::digits;

pub(super) fn section(scene: &Scene<'_>) -> Section {
    let mut section = Section::new("Comparison of the variants");
    let result = scene.result;
    if !scene.compares() {
        return section;
    }
    section.chart(weights(scene));
    let columns = [
        "variant",
        "meaning",
        "weight",
        "log evidence",
        "leave-one-out density",
        "numbers whose leave-one-out is doubtful",
        "AICc",
        "BIC",
        "cost",
        "cost of the data",
        "converged",
    ];
    let mut table = Table::new(scene.id("models"), "Variants", &columns);
    for variant in result.variants() {
        let model = result.models.iter().find(|m| m.name == variant.variant);
        table.rows.push(vec![
            Field::from(variant.variant.as_str()),
            Field::from(variant.meaning.as_str()),
            Field::from(model.and_then(|m| m.weight)),
            Field::from(model.and_then(|m| m.log_evidence)),
            Field::from(model.and_then(|m| m.loo)),
            Field::from(model.and_then(|m| Some(m.loo_doubtful_data? as f64))),
            Field::from(model.and_then(|m| m.aicc)),
            Field::from(model.and_then(|m| m.bic)),
            Field::from(variant.cost),
            Field::from(variant.cost_data),
            Field::from(if variant.converged { "yes" } else { "no" }),
        ]);
    }
    section.table(table);
    section
}

fn weights(scene: &Scene<'_>) -> Chart {
    let models = &scene.result.models;
    let names: Vec<String> = models.iter().map(|m| m.name.clone()).collect();
    let bars = models.iter().enumerate();
    let bars = bars
        .filter_map(|(i, m)| Some((i as f64, m.weight?)))
        .collect();
    Chart::lines(
        scene.id("weights"),
        "Weights of the variants",
        (Axis::names("", names), Axis::linear("weight (1)")),
        vec![Series::new("weight", Mark::Bars, 0, bars)],
    )
    .told("Probability of each variant after the data, if all were as probable before.")
}

/// Numbers that the fit never saw, and comparisons without numbers.
pub(super) fn predictions(scene: &Scene<'_>) -> Section {
    let mut section = Section::new("Predictions");
    let names: Vec<String> = scene.best.predictions.iter().map(named).collect();
    let mut series = Vec::new();
    for (group, variant) in scene.result.variants().enumerate() {
        let rows = variant.predictions.iter().enumerate();
        let rows: Vec<_> = rows
            .filter_map(|(row, p)| Some((row as f64, p.model?, p.sd.unwrap_or(f64::NAN))))
            .collect();
        let points = rows.iter().map(|(row, model, _)| (*row, *model)).collect();
        let bars = rows.iter().map(|(_, m, sd)| (m - 1.96 * sd, m + 1.96 * sd));
        series.push(
            Series::new(&*variant.variant, Mark::Points, group + 1, points).within(bars.collect()),
        );
    }
    let measured = scene.best.predictions.iter().enumerate();
    let measured = measured.map(|(row, p)| (row as f64, p.measured)).collect();
    series.push(Series::new(scene.kind(), Mark::Points, 0, measured).from_source(scene.source()));
    let units: Vec<&str> = scene
        .best
        .predictions
        .iter()
        .map(|p| p.unit.as_str())
        .collect();
    if units.windows(2).all(|pair| pair[0] == pair[1]) && !units.is_empty() {
        let label = format!("value ({})", raised(units[0]));
        section.chart(
            Chart::lines(
                scene.id("predictions"),
                if scene.is_fit() { "Numbers that the fit never saw" } else { "Numbers to be predicted" },
                (Axis::names("", names), Axis::linear(label)),
                series,
            )
            .told(if scene.is_fit() {
                "Bars: 95 % interval of the fit, without the scatter between cells; none where the fit tells no uncertainty."
            } else {
                "Values of the mechanism file; a simulation tells no uncertainty."
            }),
        );
    }
    section.table(prediction_table(scene));
    section.table(averaged(scene));
    section.table(orderings(scene));
    section
}

fn named(prediction: &Prediction) -> String {
    format!("{}, {}", prediction.id, prediction.cell)
}

/// What `blind` means.
fn blind(word: &str) -> &str {
    match word {
        "yes" => "blind: neither fit nor choice of model saw it",
        "parameters_only" => "the fit did not see it, the choice of the variant did",
        "no" => "not blind",
        other => other,
    }
}

/// Tells the numbers that are to be predicted.
pub(super) fn tell_kept(scene: &Scene<'_>, section: &mut Section) {
    let kept = kept_in_words(scene);
    if kept.is_empty() {
        return;
    }
    section.paragraph(if scene.is_fit() {
        "Kept from the fit:"
    } else {
        "To be predicted, beside what is known:"
    });
    section.list(kept);
}

/// Each number that was kept from the fit beside what the variants say.
fn kept_in_words(scene: &Scene<'_>) -> Vec<String> {
    let told = scene.best.predictions.iter().map(|kept| {
        let variants = scene.result.variants().filter_map(|variant| {
            let mut own = variant.predictions.iter();
            let own = own.find(|p| p.id == kept.id && p.cell == kept.cell)?;
            let value = digits(own.model?);
            let sd = own
                .sd
                .map_or(String::new(), |sd| format!(" ± {}", digits(sd)));
            Some(format!("{} {value}{sd}", variant.variant))
        });
        let variants: Vec<String> = variants.collect();
        format!(
            "{}, {}: {} {} {}; {}",
            kept.id,
            kept.cell,
            scene.kind(),
            digits(kept.measured),
            raised(&kept.unit),
            variants.join(", ")
        )
    });
    told.collect()
}

fn prediction_table(scene: &Scene<'_>) -> Table {
    let columns = [
        "variant",
        "number",
        "cell",
        "data",
        "predicted",
        "sd",
        "unit",
        "blind",
    ];
    let mut table = Table::new(scene.id("predicted"), "Predictions", &columns);
    for variant in scene.result.variants() {
        for p in &variant.predictions {
            table.rows.push(vec![
                Field::from(variant.variant.as_str()),
                Field::from(p.id.as_str()),
                Field::from(p.cell.as_str()),
                Field::from(p.measured),
                Field::from(p.model),
                Field::from(p.sd),
                Field::from(p.unit.as_str()),
                Field::from(blind(&p.blind)),
            ]);
        }
    }
    table
}

fn averaged(scene: &Scene<'_>) -> Table {
    let columns = [
        "number",
        "cell",
        "data",
        "mean over the variants",
        "sd within a variant",
        "sd between variants",
        "unit",
        "blind",
    ];
    let title = "Predictions averaged over the variants";
    let mut table = Table::new(scene.id("averaged"), title, &columns);
    for p in &scene.result.averaged_predictions {
        table.rows.push(vec![
            Field::from(p.id.as_str()),
            Field::from(p.cell.as_str()),
            Field::from(p.measured),
            Field::from(p.mean),
            Field::from(p.sd_within),
            Field::from(p.sd_between),
            Field::from(p.unit.as_str()),
            Field::from(blind(&p.blind)),
        ]);
    }
    table
}

fn orderings(scene: &Scene<'_>) -> Table {
    let columns = [
        "claim of the source",
        "met",
        "should be larger",
        "should be smaller",
        "unit",
    ];
    let title = format!("Comparisons, variant '{}'", scene.best.variant);
    let mut table = Table::new(scene.id("orderings"), title, &columns);
    for ordering in &scene.best.orderings {
        let met = match ordering.met {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "not answered",
        };
        table.rows.push(vec![
            Field::from(ordering.claim.as_str()),
            Field::from(met),
            Field::from(ordering.larger),
            Field::from(ordering.smaller),
            Field::from(ordering.unit.as_str()),
        ]);
    }
    table
}

/// Where the search began and ended.
pub(super) fn starts(scene: &Scene<'_>) -> Table {
    let columns = [
        "variant",
        "found by",
        "cost at the start",
        "cost at the end",
        "iterations",
        "optimum",
        "stopped because",
    ];
    let mut table = Table::new(
        scene.id("starts"),
        "Starts of the search, coarse mesh",
        &columns,
    );
    for variant in scene.result.variants() {
        for start in &variant.starts {
            table.rows.push(vec![
                Field::from(variant.variant.as_str()),
                Field::from(start.found_by.as_str()),
                Field::from(start.cost_at_start),
                Field::from(start.cost),
                Field::from(start.iterations as f64),
                Field::from(start.optimum.map(|optimum| (optimum + 1) as f64)),
                Field::from(start.stop_reason.as_str()),
            ]);
        }
    }
    table
}

/// Other readings of the source.
pub(super) fn alternatives(scene: &Scene<'_>) -> Table {
    let columns = [
        "variant",
        "other reading",
        "cost",
        "cost of the first reading",
    ];
    let title = "Other readings of the source, coarse mesh";
    let mut table = Table::new(scene.id("alternatives"), title, &columns);
    for variant in scene.result.variants() {
        for alternative in &variant.alternatives {
            table.rows.push(vec![
                Field::from(variant.variant.as_str()),
                Field::from(alternative.name.as_str()),
                Field::from(alternative.cost),
                Field::from(alternative.cost_first_reading),
            ]);
        }
    }
    table
}
