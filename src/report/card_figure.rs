//! `parity.svg` of a surrogate: what it says against what the cell model says, one panel for each number.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::figures::Drawn;
use super::figures::colour;
use crate::surrogate::Assessment;
use crate::surrogate::Errors;
use crate::surrogate::Surrogate;

/// Panels side by side.
const COLUMNS: usize = 5;
/// Side of a panel (pixels).
const PANEL_PX: u32 = 190;

/// The figure; `None` if nothing was compared or the plotting library refuses.
pub(super) fn parity(surrogate: &Surrogate, assessments: &[Assessment]) -> Option<String> {
    let n = surrogate.numbers.len();
    let has_points = |a: &Assessment| a.numbers.iter().any(|e| !e.pairs.is_empty());
    if n == 0 || !assessments.iter().any(has_points) {
        return None;
    }
    let rows = n.div_ceil(COLUMNS);
    let size = (
        PANEL_PX * u32::try_from(COLUMNS).ok()?,
        PANEL_PX * u32::try_from(rows).ok()? + 30,
    );
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        drawn(&area, surrogate, assessments).ok()?;
        area.present().ok()?;
    }
    Some(svg)
}

fn drawn(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    surrogate: &Surrogate,
    assessments: &[Assessment],
) -> Drawn {
    area.fill(&WHITE)?;
    let sets: Vec<&str> = assessments.iter().map(|a| a.set.as_str()).collect();
    let title = format!("surrogate over cell model: {}", sets.join(" (blue dots), "));
    let title = if sets.len() > 1 {
        format!("{title} (orange crosses)")
    } else {
        title
    };
    let area = area.titled(&title, ("sans-serif", 15))?;
    let rows = surrogate.numbers.len().div_ceil(COLUMNS);
    let panels = area.split_evenly((rows, COLUMNS));
    for (number, panel) in (0..surrogate.numbers.len()).zip(&panels) {
        let of_sets: Vec<&Errors> = assessments.iter().map(|a| &a.numbers[number]).collect();
        let known = &surrogate.numbers[number];
        one_panel(panel, &format!("{} / {}", known.name, known.unit), &of_sets)?;
    }
    Ok(())
}

fn one_panel(panel: &DrawingArea<SVGBackend<'_>, Shift>, title: &str, sets: &[&Errors]) -> Drawn {
    let values = sets.iter().flat_map(|errors| &errors.pairs);
    let values = values.flat_map(|(truth, said)| [*truth, *said]);
    let (low, high) = values
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
            (l.min(v), h.max(v))
        });
    if low >= high {
        return Ok(());
    }
    let margin = 0.04 * (high - low);
    let range = low - margin..high + margin;
    let mut chart = ChartBuilder::on(panel)
        .caption(title, ("sans-serif", 11))
        .margin(5)
        .x_label_area_size(16)
        .y_label_area_size(36)
        .build_cartesian_2d(range.clone(), range)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_labels(3)
        .y_labels(3)
        .label_style(("sans-serif", 9))
        .x_label_formatter(&|v| crate::units::digits(*v))
        .y_label_formatter(&|v| crate::units::digits(*v))
        .draw()?;
    let diagonal = [(low, low), (high, high)];
    chart.draw_series(LineSeries::new(diagonal, &RGBColor(150, 150, 150)))?;
    for (set, errors) in sets.iter().enumerate() {
        let ink = colour(set).mix(0.5);
        let pairs = errors.pairs.iter().copied();
        if set == 0 {
            chart.draw_series(pairs.map(|at| Circle::new(at, 1, ink.filled())))?;
        } else {
            chart.draw_series(pairs.map(|at| Cross::new(at, 2, ink.stroke_width(1))))?;
        }
    }
    Ok(())
}
