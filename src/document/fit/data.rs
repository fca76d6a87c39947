//! What was measured beside what the model says.

use super::Scene;
use crate::document::Axis;
use crate::document::Chart;
use crate::document::Field;
use crate::document::Mark;
use crate::document::Panel;
use crate::document::Section;
use crate::document::Series;
use crate::document::Source;
use crate::document::Table;
use crate::document::numbers::capital;
use crate::document::numbers::raised;
use crate::document::source::fit::Observable;
use crate::document::source::fit::VariantResult;
use crate::document::source::simulated::all;
use crate::document::source::table::Columns;

pub(super) fn section(scene: &Scene<'_>) -> Section {
    let mut section = Section::new("Data and fit");
    section.paragraph("z is model minus data in standard deviations of the noise: between -2 and 2 for most numbers of a good fit.");
    section.chart(residuals(scene));
    section.table(numbers(scene));
    match curves(scene) {
        Ok(charts) => charts.into_iter().for_each(|chart| section.chart(chart)),
        Err(reason) => section.warning(reason),
    }
    section.table(curve_table(scene));
    section
}

/// z of every number, all variants.
fn residuals(scene: &Scene<'_>) -> Chart {
    let mut names: Vec<String> = Vec::new();
    for observable in &scene.best.observables {
        if !names.contains(&named(observable)) {
            names.push(named(observable));
        }
    }
    let mut series = Vec::new();
    for (group, variant) in scene.result.variants().enumerate() {
        let z = |is_fitted: bool| {
            let rows = variant.observables.iter();
            let rows = rows.filter(move |o| o.used_in_fit == is_fitted);
            let points = rows.filter_map(|o| {
                let row = names.iter().position(|name| *name == named(o))?;
                Some((o.z?, row as f64))
            });
            points.collect::<Vec<_>>()
        };
        let is_shown = variant.variant == scene.best.variant;
        series.push(Series::new(&*variant.variant, Mark::Points, group, z(true)).shown(is_shown));
        let compared = z(false);
        if !compared.is_empty() {
            let name = format!("{}, compared, not fitted", variant.variant);
            series.push(
                Series::new(name, Mark::Points, group, compared)
                    .hollow()
                    .shown(is_shown),
            );
        }
    }
    Chart::lines(
        scene.id("residuals"),
        "Residuals of the numbers",
        (
            Axis::linear("z = (model - data) / noise (1)"),
            Axis::names("", names),
        ),
        series,
    )
}

fn named(observable: &Observable) -> String {
    format!("{}, {}", observable.id, observable.cell)
}

fn numbers(scene: &Scene<'_>) -> Table {
    let columns = [
        "number",
        "cell",
        "protocol",
        "data",
        "noise",
        "model",
        "sd of model",
        "z",
        "unit",
        "used",
    ];
    let mut table = Table::new(
        scene.id("observables"),
        format!("Numbers, variant '{}'", scene.best.variant),
        &columns,
    );
    for o in &scene.best.observables {
        table.rows.push(vec![
            Field::from(o.id.as_str()),
            Field::from(o.cell.as_str()),
            Field::from(o.protocol.clone().unwrap_or_default()),
            Field::from(o.measured),
            Field::from(o.sd),
            Field::from(o.model),
            Field::from(o.model_sd),
            Field::from(o.z),
            Field::from(o.unit.as_str()),
            Field::from(if o.used_in_fit && scene.is_fit() {
                "fitted"
            } else {
                "compared"
            }),
        ]);
    }
    table
}

fn curve_table(scene: &Scene<'_>) -> Table {
    let columns = [
        "curve",
        "cell",
        "data",
        "points",
        "worth as independent points",
        "rms of model minus data",
        "noise",
        "unit",
        "correlation of neighbours",
        "used",
    ];
    let mut table = Table::new(
        scene.id("curves"),
        format!("Curves, variant '{}'", scene.best.variant),
        &columns,
    );
    for curve in &scene.best.curves {
        table.rows.push(vec![
            Field::from(curve.name.as_str()),
            Field::from(curve.cell.as_str()),
            Field::from(curve.origin.as_str()),
            Field::from(curve.points as f64),
            Field::from(curve.effective_points),
            Field::from(curve.rms),
            Field::from(curve.noise_sd),
            Field::from(curve.unit.as_str()),
            Field::from(curve.correlation),
            Field::from(if curve.used_in_fit {
                "fitted"
            } else {
                "compared"
            }),
        ]);
    }
    table
}

/// One row of `curves.csv`.
struct Row {
    variant: String,
    curve: String,
    at: f64,
    measured: f64,
    model: f64,
    z: f64,
}

/// Every curve with its residuals below it.
fn curves(scene: &Scene<'_>) -> Result<Vec<Chart>, String> {
    let all = || scene.result.variants().flat_map(|v| &v.curves);
    if all().next().is_none() {
        return Ok(Vec::new());
    }
    let path = scene.folder.join("curves.csv");
    let table = Columns::csv(&path)
        .map_err(|reason| format!("The points of the curves are missing: curves.csv: {reason}"))?;
    let rows = rows(&table).map_err(|reason| format!("curves.csv is left out: {reason}"))?;
    let mut charts = Vec::new();
    for curve in &scene.best.curves {
        let own: Vec<&Row> = rows.iter().filter(|row| row.curve == curve.name).collect();
        let unit = &curve.unit;
        let title = capital(&format!("{}, {}", curve.name.replace('_', " "), curve.cell));
        let id = scene.id(&format!("curve_{}", curve.name));
        if curve.abscissa == "frequency_hz" {
            charts.push(nyquist(scene, (&id, &title), (&own, &curve.origin)));
            charts.push(with_residuals(
                scene,
                (
                    &format!("{id}_bode"),
                    &format!("{title}: parts of the impedance"),
                ),
                (
                    Axis::log("frequency (Hz)"),
                    Axis::linear(format!("Re Z, Im Z ({unit})")),
                ),
                (&own, curve.origin.as_str(), true),
            ));
            continue;
        }
        let x = Axis::linear(match curve.abscissa.as_str() {
            "charge_share" => "share of the charge (1)",
            "voltage_v" => "voltage (V)",
            "time_s" => "time (s)",
            "cycle" => "cycle (1)",
            other => other,
        });
        let y = Axis::linear(match unit.as_str() {
            "V" => "voltage (V)".to_owned(),
            "A" | "mA" => format!("current ({unit})"),
            "A m^-2" => format!("current density ({})", raised(unit)),
            _ => format!("value ({})", raised(unit)),
        });
        charts.push(with_residuals(
            scene,
            (&id, &title),
            (x, y),
            (&own, curve.origin.as_str(), false),
        ));
    }
    Ok(charts)
}

fn rows(table: &Columns) -> Result<Vec<Row>, String> {
    let (variants, curves) = (table.texts("variant")?, table.texts("curve")?);
    let numbers = ["at", "measured", "model", "z"].map(|name| table.numbers(name));
    let [at, measured, model, z] = all(numbers)?;
    let rows = variants.into_iter().zip(curves).enumerate();
    let rows = rows.map(|(i, (variant, curve))| Row {
        variant,
        curve,
        at: at[i],
        measured: measured[i],
        model: model[i],
        z: z[i],
    });
    Ok(rows.collect())
}

/// Measured points, the model's line for each variant, and below them the residuals.
fn with_residuals(
    scene: &Scene<'_>,
    (id, title): (&str, &str),
    (x, y): (Axis, Axis),
    (rows, origin, is_impedance): (&[&Row], &str, bool),
) -> Chart {
    let source = Source::parse(origin);
    let of = |variant: &VariantResult| -> Vec<&Row> {
        let rows = rows.iter().filter(|row| row.variant == variant.variant);
        rows.copied().collect()
    };
    let best = of(scene.best);
    let parts = |rows: &[&Row]| -> Vec<Vec<(f64, f64, f64, f64)>> {
        let values = rows.iter().map(|r| (r.at, r.measured, r.model, r.z));
        let values: Vec<_> = values.collect();
        // The real parts come first.
        let size = if is_impedance {
            values.len().div_ceil(2).max(1)
        } else {
            values.len().max(1)
        };
        values.chunks(size).map(<[_]>::to_vec).collect()
    };
    let named = |part: usize, name: &str| match (is_impedance, part) {
        (false, _) => name.to_owned(),
        (true, 0) => format!("Re Z, {name}"),
        (true, _) => format!("Im Z, {name}"),
    };
    let mut upper = Vec::new();
    for (part, points) in parts(&best).into_iter().enumerate() {
        let data = points.iter().map(|p| (p.0, p.1)).collect();
        upper.push(Series::new(named(part, origin), Mark::Points, part, data).from_source(source));
    }
    let mut lower = Vec::new();
    for (number, variant) in scene.result.variants().enumerate() {
        let is_shown = variant.variant == scene.best.variant;
        for (part, points) in parts(&of(variant)).into_iter().enumerate() {
            let name = named(part, &variant.variant);
            let group = if is_impedance { part } else { number + 1 };
            let model = points.iter().map(|p| (p.0, p.2)).collect();
            let mark = if is_shown { Mark::Line } else { Mark::Dashed };
            upper.push(Series::new(&*name, mark, group, model).shown(is_shown));
            let z = points.iter().map(|p| (p.0, p.3)).collect();
            lower.push(Series::new(format!("z, {name}"), Mark::Points, group, z).shown(is_shown));
        }
    }
    Chart::panels(
        id,
        title,
        x,
        vec![
            Panel { y, series: upper },
            Panel {
                y: Axis::linear("z (1)"),
                series: lower,
            },
        ],
    )
}

fn nyquist(scene: &Scene<'_>, (id, title): (&str, &str), (rows, origin): (&[&Row], &str)) -> Chart {
    let mut series = Vec::new();
    for (number, variant) in scene.result.variants().enumerate() {
        let own: Vec<&&Row> = rows
            .iter()
            .filter(|r| r.variant == variant.variant)
            .collect();
        let (re, im) = own.split_at(own.len() / 2);
        let pairs = || re.iter().zip(im);
        let is_best = variant.variant == scene.best.variant;
        if is_best {
            let data = pairs()
                .map(|(re, im)| (re.measured, -im.measured))
                .collect();
            let labels = re.iter().map(|row| format!("{:.4} Hz", row.at)).collect();
            series.push(
                Series::new(origin, Mark::Points, 0, data)
                    .from_source(Source::parse(origin))
                    .labelled(labels),
            );
        }
        let model = pairs().map(|(re, im)| (re.model, -im.model)).collect();
        series.push(Series::new(&*variant.variant, Mark::Line, number + 1, model).shown(is_best));
    }
    Chart::lines(
        id,
        format!("{title}: Nyquist plot"),
        (Axis::linear("Re Z (ohm)"), Axis::linear("-Im Z (ohm)")),
        series,
    )
    .isometric()
}
