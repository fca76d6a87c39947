//! What is told of a prediction: capacity over loading and rate, what limits it, and how earlier predictions fared.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::Axis;
use super::Chart;
use super::Field;
use super::Map;
use super::Mark;
use super::Section;
use super::Series;
use super::Source;
use super::Table;
use super::Told;
use super::numbers::capital;
use super::numbers::raised;
use super::source::prediction::GridPoint;
use super::source::prediction::Prediction;

/// Voltage curves that are drawn at first: those of this many loadings.
const SHOWN_CURVES: usize = 6;

pub(super) fn told(prediction: &Prediction, prefix: &str) -> Told {
    let scene = Scene { prediction, prefix };
    let sections = vec![
        summary(prediction),
        scene.capacities(),
        scene.limits(),
        scene.curves(),
        scene.scores(),
    ];
    let weights = prediction.model_weights.iter();
    let weights: Vec<String> = weights.map(|(name, w)| format!("{name} {w:.2}")).collect();
    let provenance = vec![
        ("prediction".to_owned(), prediction.name.clone()),
        ("fit of".to_owned(), prediction.experiment.clone()),
        (
            "predicted by".to_owned(),
            format!("sulfit {}", prediction.version),
        ),
        ("seed".to_owned(), prediction.seed.to_string()),
        ("variants".to_owned(), weights.join(", ")),
    ];
    (prediction.name.clone(), provenance, sections)
}

struct Scene<'a> {
    prediction: &'a Prediction,
    prefix: &'a str,
}

fn summary(prediction: &Prediction) -> Section {
    let mut section = Section::new("Summary of the prediction");
    section.paragraph(format!(
        "Predicted for cell '{}' from the fit of '{}', over all variants by their weights, with {} draws each; bands are {:.0} % intervals of a new cell, with a scatter between cells of {:.1} % ({}).",
        prediction.cell,
        prediction.experiment,
        prediction.draws_per_variant,
        100.0 * prediction.interval_level,
        100.0 * prediction.scatter,
        prediction.scatter_source
    ));
    if let Some(surrogate) = &prediction.surrogate {
        section.paragraph(format!(
            "The surrogate '{surrogate}' answered where it could."
        ));
    }
    section.paragraph(format!(
        "The last run simulated {} times, {} solves failed; what an earlier run had found is not counted.",
        prediction.simulations, prediction.failed_solves
    ));
    if let Some(support) = prediction.support.as_ref().filter(|s| s.capacities > 0) {
        let range = |name: &str, range: Option<(f64, f64)>, unit: &str| {
            let (low, high) = range?;
            Some(format!("{name} {low} to {high}{unit}"))
        };
        let ranges = [
            range("loading", support.loading_mg_cm2, " mg/cm²"),
            range("rate", support.c_rate, "C"),
            range("cycle", support.cycle, ""),
        ];
        let ranges: Vec<String> = ranges.into_iter().flatten().collect();
        section.paragraph(format!(
            "{} capacities informed the fit: {}. Everything beyond is extrapolated by the physics.",
            support.capacities,
            ranges.join(", ")
        ));
    }
    if prediction.data.as_deref() == Some("synthetic") {
        section.warning("The fit rests on SYNTHETIC data: no instrument has measured them.");
    }
    for warning in &prediction.warnings {
        section.warning(warning.clone());
    }
    section
}

/// Values of a column, each once, in order.
fn distinct(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut all: Vec<f64> = values.collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}

/// Whether two numbers of one list are the same entry.
fn same(a: f64, b: f64) -> bool {
    a.total_cmp(&b).is_eq()
}

impl Scene<'_> {
    fn id(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The points of a quantity after a cycle, for one amount of electrolyte.
    fn points(&self, quantity: &str, cycle: usize) -> Vec<&GridPoint> {
        let first = self
            .prediction
            .grid
            .first()
            .and_then(|p| p.electrolyte_ul_mg);
        let grid = self.prediction.grid.iter();
        let points = grid
            .filter(|p| p.quantity == quantity && p.cycle == cycle && p.electrolyte_ul_mg == first);
        let mut points: Vec<&GridPoint> = points.collect();
        points.sort_by(|a, b| a.loading_mg_cm2.total_cmp(&b.loading_mg_cm2));
        points
    }

    /// What the charts leave out, if they do.
    fn left_out(&self) -> String {
        let amounts = self.prediction.grid.iter().map(|p| p.electrolyte_ul_mg);
        let first = self
            .prediction
            .grid
            .first()
            .and_then(|p| p.electrolyte_ul_mg);
        if amounts.into_iter().all(|amount| amount == first) {
            return String::new();
        }
        match first {
            Some(amount) => format!(" Drawn for {amount} µL/mg of electrolyte; the table holds the other amounts."),
            None => " Drawn for the electrolyte of the mechanism file; the table holds the other amounts.".to_owned(),
        }
    }

    fn cycles(&self) -> Vec<usize> {
        let mut cycles: Vec<usize> = self.prediction.grid.iter().map(|p| p.cycle).collect();
        cycles.sort_unstable();
        cycles.dedup();
        cycles
    }

    fn capacities(&self) -> Section {
        let mut section = Section::new("Capacity over loading and rate");
        for quantity in self.quantities() {
            for cycle in self.cycles() {
                let points = self.points(&quantity, cycle);
                section.chart(self.over_loading(&quantity, cycle, &points));
                if quantity == "areal_capacity" || quantity == "capacity" {
                    section.chart(self.map(&quantity, cycle, &points));
                }
            }
        }
        section.table(self.best_loadings());
        section.table(self.grid_table());
        section
    }

    fn quantities(&self) -> Vec<String> {
        let mut quantities: Vec<String> = Vec::new();
        for point in &self.prediction.grid {
            if !quantities.contains(&point.quantity) {
                quantities.push(point.quantity.clone());
            }
        }
        quantities
    }

    fn over_loading(&self, quantity: &str, cycle: usize, points: &[&GridPoint]) -> Chart {
        let unit = points.first().map_or("", |p| &*p.unit);
        let rates = distinct(points.iter().map(|p| p.c_rate));
        let mut series = Vec::new();
        for (group, rate) in rates.iter().enumerate() {
            let own = points.iter().filter(|p| same(p.c_rate, *rate));
            let own: Vec<(f64, f64, f64, f64)> = own
                .filter_map(|p| Some((p.loading_mg_cm2, p.median?, p.lower?, p.upper?)))
                .collect();
            let medians = || own.iter().map(|p| (p.0, p.1)).collect();
            let bands = own.iter().map(|p| (p.2, p.3)).collect();
            let is_shown = group < 2;
            series.push(
                Series::new(format!("{rate}C, interval"), Mark::Band, group, medians())
                    .within(bands)
                    .shown(is_shown),
            );
            series.push(
                Series::new(format!("{rate}C"), Mark::Line, group, medians()).shown(is_shown),
            );
        }
        let words = quantity.replace('_', " ");
        Chart::lines(
            self.id(&format!("{quantity}_cycle_{cycle}")),
            format!("{} over loading, cycle {cycle}", capital(&words)),
            (
                Axis::linear("sulfur loading (mg cm⁻²)"),
                Axis::linear(format!("{words} ({})", raised(unit))),
            ),
            series,
        )
        .told(format!(
            "Lines: medians; bands: intervals of a new cell. Further rates can be switched on.{}",
            self.left_out()
        ))
    }

    /// The map over loading and rate.
    fn map(&self, quantity: &str, cycle: usize, points: &[&GridPoint]) -> Chart {
        let loadings = distinct(points.iter().map(|p| p.loading_mg_cm2));
        let rates = distinct(points.iter().map(|p| p.c_rate));
        let value = |rate: f64, loading: f64| {
            let mut own = points.iter();
            let own = own.find(|p| same(p.c_rate, rate) && same(p.loading_mg_cm2, loading));
            own.and_then(|p| p.median).unwrap_or(f64::NAN)
        };
        let values: Vec<Vec<f64>> = rates
            .iter()
            .map(|rate| loadings.iter().map(|l| value(*rate, *l)).collect())
            .collect();
        let highest = values.iter().flatten().fold(0.0, |a: f64, b| a.max(*b));
        let words = quantity.replace('_', " ");
        let unit = points.first().map_or("", |p| &*p.unit);
        Chart::map(
            self.id(&format!("map_{quantity}_cycle_{cycle}")),
            format!("{} over loading and rate, cycle {cycle}", capital(&words)),
            Map {
                x: "sulfur loading (mg cm⁻²)".to_owned(),
                columns: loadings.iter().map(ToString::to_string).collect(),
                y: "rate (C)".to_owned(),
                rows: rates.iter().map(ToString::to_string).collect(),
                value: format!("median {words} ({})", raised(unit)),
                values,
                is_square: false,
                range: (0.0, highest),
            },
        )
        .told(self.left_out())
    }

    /// What limits the cell: shares of control by loading.
    fn limits(&self) -> Section {
        let mut section = Section::new("Degree of rate control");
        let Some(rate) = self.prediction.grid.first().map(|p| p.c_rate) else {
            return section;
        };
        section.paragraph("By how much the quantity would rise, relatively, if a process were faster by the same share; of all processes of a kind together.");
        // A process keeps its colour over all charts.
        let grid = self.prediction.grid.iter();
        let all: BTreeSet<&String> = grid
            .filter_map(|p| p.rate_control.as_ref())
            .flat_map(BTreeMap::keys)
            .collect();
        let group = |name: &str| all.iter().position(|own| *own == name).unwrap_or(0);
        for cycle in self.cycles() {
            let quantity = self.quantities().into_iter().next().unwrap_or_default();
            let points = self.points(&quantity, cycle);
            let points: Vec<&&GridPoint> = points.iter().filter(|p| same(p.c_rate, rate)).collect();
            let mut largest: BTreeMap<&str, f64> = BTreeMap::new();
            for (name, control) in points
                .iter()
                .filter_map(|p| p.rate_control.as_ref())
                .flatten()
            {
                let entry = largest.entry(name).or_insert(0.0);
                *entry = entry.max(control.unwrap_or(0.0).abs());
            }
            let told = largest.iter().filter(|(_, value)| **value > 0.01);
            let series = told.map(|(name, _)| {
                let controls = points.iter().filter_map(|p| {
                    let control = p.rate_control.as_ref()?.get(*name)?;
                    Some((p.loading_mg_cm2, (*control)?))
                });
                Series::new(*name, Mark::Line, group(name), controls.collect())
            });
            section.chart(Chart::lines(
                self.id(&format!("control_cycle_{cycle}")),
                format!("Degree of rate control over loading, {rate}C, cycle {cycle}"),
                (
                    Axis::linear("sulfur loading (mg cm⁻²)"),
                    Axis::linear(format!(
                        "degree of control of the {} (1)",
                        quantity.replace('_', " ")
                    )),
                ),
                series.collect(),
            ));
        }
        section
    }

    fn curves(&self) -> Section {
        let mut section = Section::new("Voltage curves");
        let curves = self.prediction.voltage_curves.iter();
        let heaviest = self
            .prediction
            .model_weights
            .iter()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .map(|(name, _)| name.clone());
        let own =
            curves.filter(|curve| heaviest.as_ref().is_none_or(|name| *name == curve.variant));
        let series = own.enumerate().map(|(group, curve)| {
            let points = curve
                .charge_mah_g
                .iter()
                .copied()
                .zip(curve.voltage_v.iter().copied());
            let amount = curve
                .electrolyte_ul_mg
                .map_or(String::new(), |amount| format!(", {amount} µL/mg"));
            let name = format!(
                "{} mg/cm², {}C{amount}, cycle {}",
                curve.loading_mg_cm2, curve.c_rate, curve.cycle
            );
            Series::new(name, Mark::Line, group, points.collect()).shown(group < SHOWN_CURVES)
        });
        section.chart(Chart::lines(
            self.id("voltage"),
            format!(
                "Discharge curves, variant '{}'",
                heaviest.clone().unwrap_or_default()
            ),
            (
                Axis::linear("charge passed (mAh g⁻¹ of the active element)"),
                Axis::linear("voltage (V)"),
            ),
            series.collect(),
        ));
        section
    }

    /// Predictions of numbers that were measured, made without them.
    fn scores(&self) -> Section {
        let mut section = Section::new("Against known numbers");
        let data = self.prediction.data.as_deref().unwrap_or("given");
        let mut names: Vec<String> = Vec::new();
        let averaged = self
            .prediction
            .scores
            .iter()
            .filter(|s| s.variant.is_none());
        // Each score stands once for every rule that it is compared with.
        let rule = self.prediction.scores.first().map(|s| s.baseline.clone());
        let own = averaged.filter(|s| rule.as_ref().is_none_or(|rule| s.baseline == *rule));
        let own: Vec<_> = own.collect();
        let mut points = Vec::new();
        let mut bars = Vec::new();
        let mut measured = Vec::new();
        for score in &own {
            for number in &score.numbers {
                let (Some(predicted), Some(lower), Some(upper)) =
                    (number.predicted, number.lower, number.upper)
                else {
                    continue;
                };
                let row = names.len() as f64;
                names.push(format!(
                    "{}, {} (without {})",
                    number.id, number.cell, score.left_out
                ));
                points.push((row, predicted / number.measured));
                bars.push((lower / number.measured, upper / number.measured));
                measured.push((row, 1.0));
            }
        }
        let series = vec![
            Series::new("predicted", Mark::Points, 1, points).within(bars),
            Series::new(data, Mark::Points, 0, measured).from_source(Source::parse(data)),
        ];
        section.chart(Chart::lines(
            self.id("scores"),
            "Predicted over known, each predicted without itself",
            (
                Axis::names("", names),
                Axis::linear("predicted over known (1)"),
            ),
            series,
        ));
        section.table(self.score_table());
        section
    }

    fn score_table(&self) -> Table {
        let columns = [
            "left out",
            "variant",
            "blind",
            "number",
            "cell",
            "data",
            "predicted",
            "lower",
            "upper",
            "by the simple rule",
            "simple rule",
            "interval score",
            "that of the rule",
            "share inside",
        ];
        let title = "Predictions of known numbers that were left out";
        let mut table = Table::new(self.id("score_table"), title, &columns);
        for score in &self.prediction.scores {
            for number in &score.numbers {
                table.rows.push(vec![
                    Field::from(score.left_out.as_str()),
                    Field::from(score.variant.clone().unwrap_or("averaged".to_owned())),
                    Field::from(score.blind.as_str()),
                    Field::from(number.id.as_str()),
                    Field::from(number.cell.as_str()),
                    Field::from(number.measured),
                    Field::from(number.predicted),
                    Field::from(number.lower),
                    Field::from(number.upper),
                    Field::from(number.baseline),
                    Field::from(score.baseline.as_str()),
                    Field::from(score.interval_score),
                    Field::from(score.interval_score_baseline),
                    Field::from(score.coverage),
                ]);
            }
        }
        table
    }

    fn best_loadings(&self) -> Table {
        let columns = [
            "rate (C)",
            "electrolyte (µL mg⁻¹)",
            "cycle",
            "best loading (mg cm⁻²)",
            "lower",
            "upper",
            "areal capacity (mAh cm⁻²)",
            "lower of it",
            "upper of it",
            "probability that the best lies beyond the grid",
        ];
        let title = "Loading with the highest areal capacity";
        let mut table = Table::new(self.id("best_loadings"), title, &columns);
        for best in &self.prediction.best_loadings {
            table.rows.push(vec![
                Field::from(best.c_rate),
                Field::from(best.electrolyte_ul_mg),
                Field::from(best.cycle as f64),
                Field::from(best.loading_mg_cm2),
                Field::from(best.loading_lower),
                Field::from(best.loading_upper),
                Field::from(best.areal_capacity_mah_cm2),
                Field::from(best.areal_lower),
                Field::from(best.areal_upper),
                Field::from(best.probability_beyond_grid),
            ]);
        }
        table
    }

    fn grid_table(&self) -> Table {
        let columns = [
            "loading (mg cm⁻²)",
            "rate (C)",
            "electrolyte (µL mg⁻¹)",
            "cycle",
            "quantity",
            "median",
            "lower",
            "upper",
            "unit",
            "limited by",
            "times beyond the data",
            "mostly prior",
        ];
        let mut table = Table::new(self.id("grid"), "All predictions", &columns);
        for point in &self.prediction.grid {
            table.rows.push(vec![
                Field::from(point.loading_mg_cm2),
                Field::from(point.c_rate),
                Field::from(point.electrolyte_ul_mg),
                Field::from(point.cycle as f64),
                Field::from(point.quantity.replace('_', " ")),
                Field::from(point.median),
                Field::from(point.lower),
                Field::from(point.upper),
                Field::from(point.unit.as_str()),
                Field::from(point.limiting.clone().unwrap_or_default()),
                Field::from(point.extrapolation),
                Field::from(match point.mostly_prior {
                    Some(true) => "yes",
                    Some(false) => "no",
                    None => "",
                }),
            ]);
        }
        table
    }
}
