//! Figures of predictions: areal capacity over loading, maps over loading and current, voltage curves.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::figures::Drawn;
use super::figures::Figure;
use super::figures::Line;
use super::figures::colour;
use super::prediction::Predicted;
use super::prediction::electrolyte_ul_mg;
use super::prediction::letters;
use super::prediction::loading_mg_cm2;
use crate::predict::Condition;
use crate::predict::Entry;
use crate::predict::Quantity;
use crate::units::short;

/// Size of a map (pixels).
const MAP: (u32, u32) = (800, 520);

/// All figures: file name and SVG text.
pub(super) fn figures(predicted: Predicted<'_>) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let cycles = &predicted.forecast.setting.cycles;
    let electrolytes = electrolytes(predicted);
    for cycle in cycles {
        for (i, electrolyte) in electrolytes.iter().enumerate() {
            let suffix = if electrolytes.len() > 1 {
                format!("_electrolyte_{}", i + 1)
            } else {
                String::new()
            };
            let group = Group {
                predicted,
                cycle: *cycle,
                electrolyte: *electrolyte,
            };
            let lines = group.over_loading();
            if lines.lines.iter().any(|line| line.points.len() > 1) {
                let name = format!("areal_capacity_cycle_{cycle}{suffix}.svg");
                files.extend(lines.draw().map(|svg| (name, svg)));
            }
            let name = format!("map_cycle_{cycle}{suffix}.svg");
            files.extend(group.map().map(|svg| (name, svg)));
        }
    }
    let name = "voltage_curves.svg".to_owned();
    files.extend(
        voltages(predicted)
            .and_then(|f| f.draw())
            .map(|svg| (name, svg)),
    );
    files
}

fn electrolytes(predicted: Predicted<'_>) -> Vec<Option<f64>> {
    let mut all: Vec<Option<f64>> = Vec::new();
    for condition in &predicted.forecast.conditions {
        if !all.contains(&condition.electrolyte_m3_kg) {
            all.push(condition.electrolyte_m3_kg);
        }
    }
    all
}

/// The areal capacities of one cycle at one amount of electrolyte.
struct Group<'p> {
    predicted: Predicted<'p>,
    cycle: usize,
    electrolyte: Option<f64>,
}

impl Group<'_> {
    fn title(&self, what: &str) -> String {
        let amount = electrolyte_ul_mg(self.electrolyte);
        let amount = amount.map_or_else(String::new, |v| format!(", {} µL/mg", short(v)));
        let cell = &self.predicted.forecast.study.cells[self.predicted.forecast.cell];
        format!("{what}, {cell}, cycle {}{amount}", self.cycle)
    }

    /// Entries with their conditions.
    fn entries(&self) -> impl Iterator<Item = (&Condition, &Entry)> {
        let conditions = &self.predicted.forecast.conditions;
        let entries = self.predicted.outlook.entries.iter();
        let own = entries.filter(|e| {
            e.quantity == Quantity::ArealCapacity
                && e.cycle == self.cycle
                && conditions[e.condition].electrolyte_m3_kg == self.electrolyte
        });
        own.map(|e| (&conditions[e.condition], e))
    }

    fn rates(&self) -> Vec<f64> {
        let mut rates: Vec<f64> = self.entries().map(|(c, _)| c.c_rate).collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        rates
    }

    fn loadings(&self) -> Vec<f64> {
        let mut loadings: Vec<f64> = self.entries().map(|(c, _)| loading_mg_cm2(c)).collect();
        loadings.sort_by(f64::total_cmp);
        loadings.dedup();
        loadings
    }

    /// Areal capacity over loading: medians, and the ends of the intervals dashed.
    fn over_loading(&self) -> Figure {
        let mut lines = Vec::new();
        for (i, rate) in self.rates().into_iter().enumerate() {
            for (part, is_dashed) in [(0, false), (1, true), (2, true)] {
                let at_rate = self
                    .entries()
                    .filter(|(c, _)| c.c_rate.to_bits() == rate.to_bits());
                let points = at_rate.map(|(c, e)| (loading_mg_cm2(c), e.interval[part]));
                let mut points: Vec<(f64, f64)> = points.filter(|p| p.1.is_finite()).collect();
                points.sort_by(|a, b| a.0.total_cmp(&b.0));
                let label = match part {
                    0 => format!("{}C\u{a0}\u{a0}", short(rate)),
                    1 => "90 % interval\u{a0}\u{a0}".to_owned(),
                    _ => String::new(),
                };
                lines.push(Line {
                    label: if part == 1 && i > 0 {
                        String::new()
                    } else {
                        label
                    },
                    colour: colour(i),
                    is_dashed,
                    points,
                });
            }
        }
        Figure {
            title: self.title("Areal capacity"),
            x: "loading / mg cm⁻²",
            y: "areal capacity / mAh cm⁻²",
            starts_at_zero: true,
            is_isometric: false,
            legend: SeriesLabelPosition::UpperLeft,
            lines,
            marks: Vec::new(),
        }
    }

    /// A map over loading and current; `None` if there is but one of either or the plotting library refuses.
    fn map(&self) -> Option<String> {
        let (rates, loadings) = (self.rates(), self.loadings());
        if rates.len() < 2 || loadings.len() < 2 {
            return None;
        }
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, MAP).into_drawing_area();
            self.draw_map(&area, &rates, &loadings).ok()?;
            area.present().ok()?;
        }
        Some(svg)
    }

    fn draw_map(
        &self,
        area: &DrawingArea<SVGBackend<'_>, Shift>,
        rates: &[f64],
        loadings: &[f64],
    ) -> Drawn {
        area.fill(&WHITE)?;
        let highest = self
            .entries()
            .map(|(_, e)| e.interval[0])
            .fold(0.0, f64::max);
        let title = self.title("Areal capacity / mAh cm⁻² and what limits it");
        let mut chart = ChartBuilder::on(area)
            .caption(title, ("sans-serif", 20))
            .margin(14)
            .x_label_area_size(44)
            .y_label_area_size(70)
            .build_cartesian_2d(0.0..loadings.len() as f64, 0.0..rates.len() as f64)?;
        let name = |values: &[f64], at: f64| {
            let middle = at - 0.5;
            let position = (0..values.len()).find(|i| (*i as f64 - middle).abs() < 1e-6);
            position.map_or_else(String::new, |i| short(values[i]))
        };
        chart
            .configure_mesh()
            .disable_mesh()
            .x_desc("loading / mg cm⁻²")
            .y_desc("current / C")
            .x_labels(2 * loadings.len() + 1)
            .y_labels(2 * rates.len() + 1)
            .x_label_formatter(&|v| name(loadings, *v))
            .y_label_formatter(&|v| name(rates, *v))
            .axis_desc_style(("sans-serif", 16))
            .label_style(("sans-serif", 14))
            .draw()?;
        for (condition, entry) in self.entries() {
            let column = loadings
                .iter()
                .position(|l| l.to_bits() == loading_mg_cm2(condition).to_bits());
            let row = rates
                .iter()
                .position(|r| r.to_bits() == condition.c_rate.to_bits());
            let (Some(column), Some(row)) = (column, row) else {
                continue;
            };
            let (x, y) = (column as f64, row as f64);
            let share = (entry.interval[0] / highest.max(1e-12)).clamp(0.0, 1.0);
            let corners = [(x, y), (x + 1.0, y + 1.0)];
            chart.draw_series([Rectangle::new(corners, shade(share).filled())])?;
            let ink = if share > 0.55 { WHITE } else { BLACK };
            let limiting = entry.control.as_ref().map_or("", |c| letters(c.limiting()));
            let place = |dx: f64, dy: f64| (x + dx, y + dy);
            let style = |size: u32| ("sans-serif", size).into_font().color(&ink);
            chart.draw_series([
                Text::new(short(entry.interval[0]), place(0.12, 0.66), style(15)),
                Text::new(limiting.to_owned(), place(0.12, 0.36), style(12)),
            ])?;
        }
        Ok(())
    }
}

/// From white to dark blue: lightness alone tells, whatever eyes see.
pub(super) fn shade(share: f64) -> RGBColor {
    let mix = |from: f64, to: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a colour between 0 and 255"
        )]
        let value = (from + share * (to - from)).round().clamp(0.0, 255.0) as u8;
        value
    };
    RGBColor(mix(247.0, 8.0), mix(251.0, 48.0), mix(255.0, 107.0))
}

/// Voltage curves of the first cycle in the variant of the largest weight: the thinnest and the thickest electrode at
/// every current.
fn voltages(predicted: Predicted<'_>) -> Option<Figure> {
    let (forecast, outlook) = (predicted.forecast, predicted.outlook);
    let main = (0..outlook.weights.len())
        .max_by(|a, b| outlook.weights[*a].total_cmp(&outlook.weights[*b]))?;
    let main = forecast.fitted[main].variant;
    let first = forecast.setting.cycles.first()?;
    let loadings = forecast.conditions.iter().map(|c| c.loading_kg_m2);
    let thickest = loadings.clone().fold(0.0, f64::max);
    let thinnest = loadings.fold(f64::INFINITY, f64::min);
    let own = outlook.curves.iter().filter(|curve| {
        let condition = &forecast.conditions[curve.condition];
        let is_end = condition.loading_kg_m2 >= thickest || condition.loading_kg_m2 <= thinnest;
        curve.variant == main
            && curve.cycle == *first
            && is_end
            && condition.electrolyte_m3_kg == forecast.conditions[0].electrolyte_m3_kg
    });
    let mut rates: Vec<u64> = Vec::new();
    let mut lines = Vec::new();
    for curve in own {
        let condition = &forecast.conditions[curve.condition];
        let bits = condition.c_rate.to_bits();
        let position = rates.iter().position(|r| *r == bits).unwrap_or_else(|| {
            rates.push(bits);
            rates.len() - 1
        });
        lines.push(Line {
            label: format!(
                "{}C, {} mg cm⁻²\u{a0}\u{a0}",
                short(condition.c_rate),
                short(loading_mg_cm2(condition))
            ),
            colour: colour(position),
            is_dashed: condition.loading_kg_m2 >= thickest && thickest > thinnest,
            points: curve.points.clone(),
        });
    }
    (!lines.is_empty()).then(|| Figure {
        title: format!(
            "Discharge, {}, cycle {first}",
            forecast.study.cells[forecast.cell]
        ),
        x: "capacity / mAh g⁻¹ of active element",
        y: "voltage / V",
        starts_at_zero: false,
        is_isometric: false,
        legend: SeriesLabelPosition::UpperRight,
        lines,
        marks: Vec::new(),
    })
}
