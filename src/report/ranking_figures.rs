//! Figures of rankings: intervals of the candidates, and the target over desolvation and conversion.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::figures::Drawn;
use super::figures::colour;
use super::figures::symbol;
use super::prediction_figures::shade;
use super::ranking::Ranked;
use crate::predict::Quantity;
use crate::rank::ActivityMap;
use crate::rank::Evidence;
use crate::rank::Place;
use crate::units::short;

/// Candidates in a figure.
const SHOWN: usize = 25;
/// Candidates whose ellipses are drawn.
const ELLIPSES: usize = 8;
/// Height of a candidate's row, and of all else (pixels).
const ROW_PX: u32 = 24;
const REST_PX: u32 = 120;
/// Points of an ellipse.
const ELLIPSE_POINTS: usize = 60;
/// Standard deviations to the edge of an ellipse of 90 % in two dimensions.
const ELLIPSE_SD: f64 = 2.146;

/// The plane of a figure.
type Plane<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// All figures: file name and SVG text.
pub(super) fn figures(ranked: Ranked<'_>) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let shown = ranked.ranking.places.len().min(SHOWN);
    let rows = u32::try_from(shown).unwrap_or(1);
    let mut svg = String::new();
    {
        let size = (800, REST_PX + ROW_PX * rows);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        if intervals(&area, ranked).is_ok() && area.present().is_ok() {
            drop(area);
            files.push(("ranking.svg".to_owned(), svg));
        }
    }
    if let Some(map) = &ranked.ranking.map {
        let mut svg = String::new();
        let area = SVGBackend::with_string(&mut svg, (800, 620)).into_drawing_area();
        if activity(&area, ranked, map).is_ok() && area.present().is_ok() {
            drop(area);
            files.push(("activity_map.svg".to_owned(), svg));
        }
    }
    files
}

/// Medians and intervals, the best on top; those that are not ranked hollow.
fn intervals(area: &DrawingArea<SVGBackend<'_>, Shift>, ranked: Ranked<'_>) -> Drawn {
    area.fill(&WHITE)?;
    let places: Vec<_> = ranked.ranking.places.iter().take(SHOWN).collect();
    let highest = places
        .iter()
        .map(|p| p.interval[2])
        .filter(|v| v.is_finite());
    let highest = highest.fold(1e-9, f64::max);
    let n = places.len() as f64;
    let quantity = ranked.contest.quantity;
    let mut chart = ChartBuilder::on(area)
        .caption(
            "median and 90 % interval; blue circle: fitted, orange square: descriptors, green triangle: carried over; hollow: not ranked",
            ("sans-serif", 14),
        )
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(190)
        .build_cartesian_2d(0.0..1.05 * highest, -0.6..n - 0.4)?;
    let name = |at: f64| {
        let position = (0..places.len()).find(|i| (n - 1.0 - *i as f64 - at).abs() < 1e-6);
        position.map_or_else(String::new, |i| ranked.name(places[i]).to_owned())
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(225, 225, 225))
        .x_desc(format!(
            "{} / {}",
            quantity.as_str().replace('_', " "),
            quantity.unit()
        ))
        .y_labels(2 * places.len() + 1)
        .y_label_formatter(&|v| name(*v))
        .x_label_formatter(&|v| short(*v))
        .axis_desc_style(("sans-serif", 15))
        .label_style(("sans-serif", 13))
        .draw()?;
    for (i, place) in places.iter().enumerate() {
        one_interval(&mut chart, place, n - 1.0 - i as f64)?;
    }
    Ok(())
}

/// Median and interval of one candidate at a height.
fn one_interval(chart: &mut Plane<'_, '_>, place: &Place, y: f64) -> Drawn {
    let ink = colour(match place.evidence {
        Evidence::Fitted => 0,
        Evidence::Descriptors => 1,
        Evidence::Transferred => 2,
        Evidence::PriorOnly => 3,
    });
    let [median, lower, upper] = place.interval;
    if !median.is_finite() {
        return Ok(());
    }
    let style = ink.stroke_width(2);
    chart.draw_series([PathElement::new([(lower, y), (upper, y)], style)])?;
    let centre = if place.standing.is_some() {
        ink.filled()
    } else {
        WHITE.filled()
    };
    if let Some(strokes) = symbol(ink) {
        chart.draw_series([EmptyElement::at((median, y))
            + Polygon::new(strokes, centre)
            + PathElement::new(strokes, style)])?;
    } else {
        chart.draw_series([Circle::new((median, y), 5, centre)])?;
        chart.draw_series([Circle::new((median, y), 5, style)])?;
    }
    Ok(())
}

/// The target over the factors on both constants, with the candidates and their error ellipses.
fn activity(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    ranked: Ranked<'_>,
    map: &ActivityMap,
) -> Drawn {
    area.fill(&WHITE)?;
    let log = |values: &[f64]| values.iter().map(|v| v.log10()).collect::<Vec<f64>>();
    let (x, y) = (log(&map.desolvation), log(&map.conversion));
    let half = |values: &[f64]| 0.5 * (values[1] - values[0]);
    let (dx, dy) = (half(&x), half(&y));
    let range = |values: &[f64], half: f64| values[0] - half..values[values.len() - 1] + half;
    let quantity = ranked.contest.quantity;
    let all = || {
        map.target
            .iter()
            .flatten()
            .copied()
            .filter(|t| t.is_finite())
    };
    let highest = all().fold(f64::NEG_INFINITY, f64::max);
    let lowest = all().fold(f64::INFINITY, f64::min);
    let title = format!(
        "{}: {} (white) to {} (dark)",
        axis_title(quantity),
        short(lowest),
        short(highest)
    );
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(14)
        .x_label_area_size(44)
        .y_label_area_size(70)
        .build_cartesian_2d(range(&x, dx), range(&y, dy))?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc(format!(
            "log10 of the factor on {} (desolvation)",
            map.names[0]
        ))
        .y_desc(format!(
            "log10 of the factor on {} (last conversion)",
            map.names[1]
        ))
        .axis_desc_style(("sans-serif", 15))
        .label_style(("sans-serif", 13))
        .draw()?;
    let all = map
        .target
        .iter()
        .flatten()
        .copied()
        .filter(|t| t.is_finite());
    let highest = all.fold(1e-12, f64::max);
    shades(&mut chart, map, (&x, &y), (lowest, highest))?;
    let step = (0.012 * (x[x.len() - 1] - x[0]), 0.6 * dy);
    for (i, place) in ranked.ranking.places.iter().take(ELLIPSES).enumerate() {
        let step = (step.0, if i % 2 == 0 { step.1 } else { -step.1 });
        one_ellipse(&mut chart, (place, ranked.name(place)), step)?;
    }
    Ok(())
}

/// The target of every pair of factors, from white to dark.
fn shades(
    chart: &mut Plane<'_, '_>,
    map: &ActivityMap,
    (x, y): (&[f64], &[f64]),
    (lowest, highest): (f64, f64),
) -> Drawn {
    let (dx, dy) = (0.5 * (x[1] - x[0]), 0.5 * (y[1] - y[0]));
    for (row, v) in map.target.iter().zip(y) {
        for (target, u) in row.iter().zip(x).filter(|(t, _)| t.is_finite()) {
            let corners = [(u - dx, v - dy), (u + dx, v + dy)];
            let share = (target - lowest) / (highest - lowest).max(1e-12);
            let fill = shade(share.clamp(0.0, 1.0)).filled();
            chart.draw_series([Rectangle::new(corners, fill)])?;
        }
    }
    Ok(())
}

/// A candidate with its error ellipse; its name is `step` away from its place.
fn one_ellipse(
    chart: &mut Plane<'_, '_>,
    (place, name): (&Place, &str),
    step: (f64, f64),
) -> Drawn {
    let ten = std::f64::consts::LN_10;
    let ([cx, cy], covariance) = place.ellipse;
    let ink = if place.standing.is_some() {
        RGBColor(213, 94, 0)
    } else {
        RGBColor(150, 150, 150)
    };
    let points = ellipse(covariance).map(|(u, v)| ((cx + u) / ten, (cy + v) / ten));
    let edge = PathElement::new(points.collect::<Vec<_>>(), ink.stroke_width(1));
    chart.draw_series([edge])?;
    let centre = (cx / ten, cy / ten);
    chart.draw_series([Circle::new(centre, 4, ink.filled())])?;
    let at = (centre.0 + step.0, centre.1 + step.1);
    let style = ("sans-serif", 13).into_font().color(&ink);
    chart.draw_series([Text::new(name.to_owned(), at, style)])?;
    Ok(())
}

/// A quantity with its unit, as axes have it.
fn axis_title(quantity: Quantity) -> String {
    let unit = quantity.unit().replace("^-1", "⁻¹").replace("^-2", "⁻²");
    format!("{} / {unit}", quantity.as_str().replace('_', " "))
}

/// The edge of the ellipse of a covariance (xx, xy, yy) that holds 90 %.
fn ellipse([xx, xy, yy]: [f64; 3]) -> impl Iterator<Item = (f64, f64)> {
    // Lower triangular root of the covariance.
    let a = xx.max(0.0).sqrt();
    let b = if a > 0.0 { xy / a } else { 0.0 };
    let c = (yy - b * b).max(0.0).sqrt();
    (0..=ELLIPSE_POINTS).map(move |i| {
        let angle = std::f64::consts::TAU * i as f64 / ELLIPSE_POINTS as f64;
        let (s, t) = (ELLIPSE_SD * angle.cos(), ELLIPSE_SD * angle.sin());
        (a * s, b * s + c * t)
    })
}
