//! What the data know: directions, correlations, draws, what each record adds, what to measure next.

use super::Scene;
use crate::document::Axis;
use crate::document::Chart;
use crate::document::Field;
use crate::document::Map;
use crate::document::Mark;
use crate::document::Section;
use crate::document::Series;
use crate::document::Table;
use crate::document::numbers::raised;
use crate::document::source::fit::Handover;
use crate::document::source::fit::Identifiability;
use crate::document::source::fit::Posterior;
use crate::document::source::table::Columns;

/// Pairs of constants that are drawn.
const PAIRS: usize = 6;
/// Draws of each picture.
const DRAWS: usize = 300;

pub(super) fn section(scene: &Scene<'_>) -> Section {
    let mut section = Section::new("Identifiability");
    let best = scene.best;
    if let Some(known) = &best.identifiability {
        section.paragraph(format!(
            "{} data with information determine {:.1} quantities in effect; the data outweigh the priors in {} of {} directions. Chi squared is {:.1}{}.",
            known.informative_data,
            known.effective_parameters,
            known.informed_directions,
            known.eigenvalues.len(),
            known.chi_squared,
            if known.inflation > 1.0 {
                format!("; intervals are wider by a factor of {:.2} for the scatter", known.inflation)
            } else {
                String::new()
            }
        ));
        section.chart(eigenvalues(scene, known));
        section.table(directions(scene, known));
    }
    match correlations(scene) {
        Ok(map) => map.into_iter().for_each(|map| section.chart(map)),
        Err(reason) => section.warning(format!("posterior.json is left out: {reason}.")),
    }
    match pairs(scene) {
        Ok(charts) => charts.into_iter().for_each(|chart| section.chart(chart)),
        Err(reason) => section.warning(format!("draws.csv is left out: {reason}.")),
    }
    posterior(scene, &mut section);
    section.table(ablation(scene));
    section.table(candidates(scene));
    section
}

fn eigenvalues(scene: &Scene<'_>, known: &Identifiability) -> Chart {
    let values = known.eigenvalues.iter().enumerate();
    let values = values.filter(|(_, value)| **value > 0.0);
    let points: Vec<(f64, f64)> = values.map(|(i, v)| ((i + 1) as f64, *v)).collect();
    let last = known.eigenvalues.len() as f64;
    let labels = known.directions.iter().map(|direction| {
        let parts = direction
            .iter()
            .map(|c| format!("{:+.2} {}", c.weight, c.name));
        parts.collect::<Vec<_>>().join(" ")
    });
    let labels: Vec<String> = labels.collect();
    let mut series = Series::new("information of the data", Mark::Points, 0, points);
    if labels.len() == series.x.len() {
        series = series.labelled(labels);
    }
    let line = vec![(0.5, 1.0), (last + 0.5, 1.0)];
    Chart::lines(
        scene.id("eigenvalues"),
        "What the data know, direction by direction",
        (
            Axis::linear("direction (1)"),
            Axis::log("information over that of the prior (1)"),
        ),
        vec![
            series,
            Series::new("as much as the prior", Mark::Dashed, 1, line),
        ],
    )
    .told("Above the line the data speak, below it the prior does.")
}

fn directions(scene: &Scene<'_>, known: &Identifiability) -> Table {
    let columns = ["direction", "information over that of the prior", "made of"];
    let mut table = Table::new(scene.id("directions"), "Directions", &columns);
    let rows = known.eigenvalues.iter().zip(&known.directions).enumerate();
    for (i, (value, direction)) in rows {
        let parts = direction
            .iter()
            .map(|c| format!("{:+.2} {}", c.weight, c.name));
        table.rows.push(vec![
            Field::from((i + 1) as f64),
            Field::from(*value),
            Field::from(parts.collect::<Vec<_>>().join(" ")),
        ]);
    }
    table
}

/// The correlation of every pair of free quantities, from what the fit hands over.
fn correlations(scene: &Scene<'_>) -> Result<Option<Chart>, String> {
    let path = scene.folder.join("posterior.json");
    if scene.best.identifiability.is_none() || !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let handover: Handover = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let mut variants = handover.variants.into_iter();
    let own = variants.find(|v| v.variant == scene.best.variant);
    let own = own.ok_or_else(|| format!("it does not hold variant '{}'", scene.best.variant))?;
    let n = own.free.len();
    let c = &own.covariance;
    if c.len() != n || c.iter().any(|row| row.len() != n) {
        return Err("its covariance is not square".to_owned());
    }
    let rows = (0..n).map(|a| {
        let row = (0..n).map(|b| c[a][b] / (c[a][a] * c[b][b]).sqrt());
        row.collect()
    });
    let map = Map {
        x: String::new(),
        columns: own.free.clone(),
        y: String::new(),
        values: rows.collect(),
        rows: own.free,
        value: "correlation (1)".to_owned(),
        range: (-1.0, 1.0),
        is_square: true,
    };
    let title = format!(
        "Correlations after the fit, variant '{}'",
        scene.best.variant
    );
    let chart = Chart::map(scene.id("correlations"), title, map);
    Ok(Some(chart.told(
        "Near 1 or -1 the data know only the product or the ratio of the two, not each.",
    )))
}

/// Draws of the pairs that hang together most.
fn pairs(scene: &Scene<'_>) -> Result<Vec<Chart>, String> {
    let path = scene.folder.join("draws.csv");
    let Some(known) = scene
        .best
        .identifiability
        .as_ref()
        .filter(|_| path.exists())
    else {
        return Ok(Vec::new());
    };
    let table = Columns::csv(&path)?;
    let (variants, cells) = (table.texts("variant")?, table.texts("cell")?);
    let mut own: Vec<&String> = Vec::new();
    for cell in &cells {
        if !own.contains(&cell) {
            own.push(cell);
        }
    }
    let strongest = known.correlations.iter().take(PAIRS);
    let charts = strongest.filter_map(|pair| {
        // A ratio between cells is no column: its parameter differs from cell to cell instead.
        let (a, b) = (table.numbers(&pair.a).ok()?, table.numbers(&pair.b).ok()?);
        let series = own.iter().enumerate().map(|(group, cell)| {
            let rows = (0..a.len())
                .filter(|i| variants[*i] == scene.best.variant && cells[*i] == **cell);
            let points = rows.take(DRAWS).map(|i| (a[i], b[i])).collect();
            Series::new((*cell).clone(), Mark::Points, group, points)
        });
        let axis = |name: &str| {
            let mut parameters = scene.best.parameters.iter();
            let own = parameters.find(|p| p.name == name)?;
            let label = format!("{name} ({})", raised(&own.unit));
            Some(if own.sd_scale == "ln" {
                Axis::log(label)
            } else {
                Axis::linear(label)
            })
        };
        let chart = Chart::lines(
            scene.id(&format!("pair_{}_{}", pair.a, pair.b)),
            format!("Draws of {} and {}", pair.a, pair.b),
            (axis(&pair.a)?, axis(&pair.b)?),
            series.collect(),
        );
        Some(chart.told(format!(
            "Correlation {:.2}; values that the data and the priors leave open, {DRAWS} draws a cell at most.",
            pair.correlation
        )))
    });
    Ok(charts.collect())
}

/// Vehtari, Gelman, Simpson, Carpenter & Bürkner, Bayesian Anal. 16 (2021), 667.
fn is_trusted(posterior: &Posterior) -> bool {
    posterior.r_hat_max.is_some_and(|r_hat| r_hat < 1.01)
        && posterior.ess_min.is_some_and(|ess| ess > 400.0)
        && posterior.divergences == 0
}

fn posterior(scene: &Scene<'_>, section: &mut Section) {
    let best = scene.best;
    if let Some(posterior) = &best.posterior {
        let number = |value: Option<f64>| value.map_or("unknown".to_owned(), |v| format!("{v:.3}"));
        section.paragraph(format!(
            "Posterior by NUTS: {} draws, largest R-hat {}, smallest effective number {}, {} divergences, {} failed evaluations.",
            posterior.draws,
            number(posterior.r_hat_max),
            number(posterior.ess_min),
            posterior.divergences,
            posterior.failed_evaluations
        ));
    }
    if let Some(posterior) = &best.posterior
        && !is_trusted(posterior)
    {
        section.warning("R-hat above 1.01, fewer than 400 effective draws, or divergences: these draws are not to be trusted; ask for more.");
    }
    if let Some(weighted) = &best.posterior_by_surrogate {
        let k = weighted.pareto_k;
        section.paragraph(format!(
            "Posterior by the surrogate, weighted by the cell model: {} draws, {} failed, Pareto k {}.",
            weighted.draws,
            weighted.failed,
            k.map_or("unknown".to_owned(), |k| format!("{k:.2}"))
        ));
        if k.is_none_or(|k| k > 0.7) {
            section.warning("Pareto k is above 0.7 or unknown: these draws are not to be trusted.");
        }
    }
    let failures = [
        &best.posterior_failure,
        &best.posterior_by_surrogate_failure,
    ];
    for reason in failures.into_iter().flatten() {
        section.warning(format!("No posterior: {reason}."));
    }
}

fn ablation(scene: &Scene<'_>) -> Table {
    let columns = [
        "without",
        "quantity",
        "sd on the scale of the prior",
        "verdict",
    ];
    let title = "What is known without each record";
    let mut table = Table::new(scene.id("ablation"), title, &columns);
    for ablation in &scene.best.ablation {
        let without = ablation.without.clone().unwrap_or("nothing".to_owned());
        for parameter in &ablation.parameters {
            table.rows.push(vec![
                Field::from(without.clone()),
                Field::from(parameter.name.as_str()),
                Field::from(parameter.sd),
                Field::from(parameter.verdict.clone().unwrap_or_default()),
            ]);
        }
    }
    table
}

fn candidates(scene: &Scene<'_>) -> Table {
    let columns = [
        "measurement",
        "information (nat)",
        "intervals that shrink most",
    ];
    let title = "What to measure next";
    let mut table = Table::new(scene.id("next"), title, &columns);
    for candidate in &scene.best.candidates {
        let gains = candidate.interval_ratios.iter();
        let gains = gains.map(|(name, ratio)| format!("{name} to {:.0} %", 100.0 * ratio));
        table.rows.push(vec![
            Field::from(candidate.name.as_str()),
            Field::from(candidate.information_nats),
            Field::from(gains.collect::<Vec<_>>().join(", ")),
        ]);
    }
    table
}
