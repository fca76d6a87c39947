//! Parameters with intervals and verdicts.

use super::Scene;
use crate::document::Axis;
use crate::document::Chart;
use crate::document::Field;
use crate::document::Mark;
use crate::document::Section;
use crate::document::Series;
use crate::document::Table;
use crate::document::numbers::raised;
use crate::document::source::fit::Parameter;
use crate::document::source::fit::VariantResult;

pub(super) fn section(scene: &Scene<'_>) -> Section {
    let mut section = Section::new("Parameters");
    if !scene.is_fit() {
        return section;
    }
    section.paragraph(
        "Each value with its interval. A verdict says what the data know: 'identified' is known on its own; a 'combination' only together with others; 'narrowed' means that the data narrow the prior without settling the value, 'prior only' that they say nothing about it. `sulfit explain VERDICT` tells more.",
    );
    section.chart(forest(scene));
    let others = scene
        .result
        .variants()
        .filter(|v| v.variant != scene.best.variant);
    for variant in std::iter::once(scene.best).chain(others) {
        section.table(table(scene, variant));
    }
    for chart in profiles(scene) {
        section.chart(chart);
    }
    section
}

/// What is known of the parameters, in a few sentences.
pub(super) fn in_words(scene: &Scene<'_>) -> Vec<String> {
    let judged = scene.best.parameters.iter();
    let judged: Vec<&Parameter> = judged.filter(|p| p.verdict.is_some()).collect();
    let mut verdicts: Vec<&str> = judged.iter().filter_map(|p| p.verdict.as_deref()).collect();
    verdicts.dedup();
    let mut seen: Vec<&str> = Vec::new();
    for verdict in verdicts {
        if !seen.contains(&verdict) {
            seen.push(verdict);
        }
    }
    let sentences = seen.into_iter().map(|verdict| {
        let names: Vec<&str> = judged
            .iter()
            .filter(|p| p.verdict.as_deref() == Some(verdict))
            .map(|p| p.name.as_str())
            .collect();
        format!(
            "{} of {} free quantities: {} ({})",
            names.len(),
            judged.len(),
            verdict.replace('_', " "),
            names.join("; ")
        )
    });
    sentences.collect()
}

/// Intervals over values: how well each is known, whatever its unit.
fn forest(scene: &Scene<'_>) -> Chart {
    let known: Vec<&Parameter> = scene
        .best
        .parameters
        .iter()
        .filter(|p| p.value > 0.0 && p.interval().is_some_and(|(lower, _)| lower > 0.0))
        .collect();
    let names = known.iter().map(|p| named(p)).collect();
    let rows = known.iter().enumerate();
    let points = rows.map(|(row, _)| (1.0, row as f64)).collect();
    let intervals = known.iter().filter_map(|p| {
        let (lower, upper) = p.interval()?;
        Some((lower / p.value, upper / p.value))
    });
    let labels = known.iter().map(|p| {
        let (lower, upper) = p.interval().unwrap_or((f64::NAN, f64::NAN));
        format!(
            "{} = {:.4e} [{lower:.4e}, {upper:.4e}] {}; {}",
            named(p),
            p.value,
            raised(&p.unit),
            verdict(p)
        )
    });
    let level = scene
        .best
        .parameters
        .first()
        .map_or(0.95, |p| p.interval_level);
    let missing = scene.best.parameters.len() - known.len();
    let open = known.iter().filter(|p| p.is_open()).count();
    let name = format!("{:.0} % interval", 100.0 * level);
    let series = Series::new(name, Mark::Points, 0, points)
        .within(intervals.collect())
        .across()
        .labelled(labels.collect());
    Chart::lines(
        scene.id("intervals"),
        format!("How well each parameter is known, variant '{}'", scene.best.variant),
        (
            Axis::log("interval over value (1)"),
            Axis::names("", names),
        ),
        vec![series],
    )
    .told(format!(
        "A short bar is a well-known constant; one of a factor of ten to either side is hardly known. Not drawn, as they have no interval or may be negative: {missing}. Open at the bound of the fit: {open}."
    ))
}

fn named(parameter: &Parameter) -> String {
    if parameter.cell == "shared" || parameter.cell.is_empty() {
        parameter.name.clone()
    } else {
        format!("{} ({})", parameter.name, parameter.cell)
    }
}

fn verdict(parameter: &Parameter) -> String {
    let words = parameter.verdict_in_words.clone();
    words
        .or_else(|| parameter.verdict.clone())
        .unwrap_or_else(|| "derived".to_owned())
}

fn table(scene: &Scene<'_>, variant: &VariantResult) -> Table {
    let level = variant
        .parameters
        .first()
        .map_or(0.95, |p| p.interval_level);
    let mut table = Table::new(
        scene.id(&format!("parameters_{}", variant.variant)),
        format!("Parameters, variant '{}'", variant.variant),
        &[
            "parameter",
            "cell",
            "value",
            &format!("lower {:.0} %", 100.0 * level),
            &format!("upper {:.0} %", 100.0 * level),
            "unit",
            "verdict",
            "interval by",
            "prior",
        ],
    );
    for parameter in &variant.parameters {
        let (lower, upper) = parameter.interval().unzip();
        table.rows.push(vec![
            Field::from(parameter.name.as_str()),
            Field::from(parameter.cell.as_str()),
            Field::from(parameter.value),
            Field::from(lower),
            Field::from(upper),
            Field::from(parameter.unit.as_str()),
            Field::from(verdict(parameter)),
            Field::from(match (&parameter.interval_method, parameter.is_open()) {
                (Some(method), true) => format!("{method}, open at the bound of the fit"),
                (Some(method), false) => method.clone(),
                (None, _) => String::new(),
            }),
            Field::from(parameter.prior.as_str()),
        ]);
    }
    table
}

/// The profile of every quantity that has one.
fn profiles(scene: &Scene<'_>) -> Vec<Chart> {
    let with_profile = scene.best.parameters.iter();
    let with_profile = with_profile.filter_map(|p| Some((p, p.profile.as_ref()?)));
    let charts = with_profile.map(|(parameter, profile)| {
        let cost = profile.iter().map(|point| (point.value, point.rise)).collect();
        let data = profile.iter().map(|point| (point.value, point.rise_data)).collect();
        let mut series = vec![
            Series::new("cost", Mark::Line, 0, cost),
            Series::new("of the data alone", Mark::Dashed, 1, data),
        ];
        if let (Some(rise), Some(first), Some(last)) = (
            parameter.profile_rise_of_interval,
            profile.first(),
            profile.last(),
        ) {
            let level = vec![(first.value, rise), (last.value, rise)];
            let name = "rise at the ends of the interval";
            series.push(Series::new(name, Mark::Dashed, 2, level));
        }
        let failed = parameter.profile_failed_points.unwrap_or(0);
        let x = format!("{} ({})", parameter.name, raised(&parameter.unit));
        let x = if parameter.sd_scale == "ln" {
            Axis::log(x)
        } else {
            Axis::linear(x)
        };
        Chart::lines(
            scene.id(&format!("profile_{}", parameter.name)),
            format!("Profile of {}", parameter.name),
            (x, Axis::linear("rise of the cost (1)")),
            series,
        )
        .told(format!(
            "All other quantities are fitted anew at every point; {failed} points failed. A flat side means that the data set no limit there."
        ))
    });
    charts.collect()
}
