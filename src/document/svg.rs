//! Charts as vector pictures.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use super::Axis;
use super::Chart;
use super::Lines;
use super::Map;
use super::Mark;
use super::Panel;
use super::Plane;
use super::Scale;
use super::Series;
use super::Source;
use crate::units::digits;

/// Width of a picture (pixels).
const WIDTH: u32 = 860;
/// Height of a picture (pixels).
const HEIGHT: u32 = 540;
/// Height of a name along an axis (pixels).
const ROW: u32 = 20;
/// Okabe & Ito, told apart by colour-blind readers; yellow is too light for lines.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(143, 98, 0),
    RGBColor(77, 77, 77),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;
type Context<'a, 'b> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// The picture; series that are not shown at first are left out.
pub(super) fn svg(chart: &Chart) -> Result<String, String> {
    let mut text = String::new();
    let height = height(chart);
    {
        let root = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        draw(&root, chart).map_err(|error| error.to_string())?;
    }
    // The root element tells the picture's content to those who cannot see it.
    let title = super::html::escaped(&chart.title);
    Ok(text.replacen(
        "<svg ",
        &format!("<svg role=\"img\" aria-label=\"{title}\" "),
        1,
    ))
}

fn height(chart: &Chart) -> u32 {
    let rows = |n: usize| ROW * u32::try_from(n).unwrap_or(0).min(200);
    match &chart.plane {
        Plane::Map(map) => HEIGHT.max(260 + rows(map.rows.len())),
        Plane::Lines(lines) => match lines.panels.first().map(|panel| &panel.y.scale) {
            Some(Scale::Names(names)) => 160 + rows(names.len()),
            _ if lines.panels.len() > 1 => HEIGHT + 160,
            _ => HEIGHT,
        },
    }
}

fn draw(root: &Area<'_>, chart: &Chart) -> Drawn {
    root.fill(&WHITE)?;
    let area = root.titled(&chart.title, ("sans-serif", 20))?;
    match &chart.plane {
        Plane::Lines(lines) => draw_lines(&area, lines),
        Plane::Map(map) => draw_map(&area, map),
    }
}

fn draw_lines(area: &Area<'_>, lines: &Lines) -> Drawn {
    let (width, height) = area.dim_in_pixel();
    let n = lines.panels.len();
    let mut rest = area.clone();
    let x_range = if lines.is_isometric {
        None
    } else {
        range(&lines.x.scale, || lines.panels.iter().flat_map(abscissas))
    };
    for (i, panel) in lines.panels.iter().enumerate() {
        let is_last = i + 1 == n;
        let own = if is_last {
            rest.clone()
        } else {
            let share = if panel_is_residual(lines) { 0.64 } else { 0.5 };
            let (upper, lower) = rest.split_vertically(share * f64::from(height));
            rest = lower;
            upper
        };
        let y_range = range(&panel.y.scale, || ordinates(panel));
        let (Some(x), Some(y)) = (
            x_range
                .clone()
                .or_else(|| range(&lines.x.scale, || abscissas(panel))),
            y_range,
        ) else {
            continue;
        };
        let (x, y) = if lines.is_isometric {
            isometric((x, y), (f64::from(width) - 110.0, f64::from(height) - 80.0))
        } else {
            (x, y)
        };
        draw_panel(&own, (&lines.x, is_last), panel, (x, y))?;
    }
    Ok(())
}

fn panel_is_residual(lines: &Lines) -> bool {
    lines.panels.len() == 2 && lines.panels[1].y.label.starts_with('z')
}

fn shown(panel: &Panel) -> impl Iterator<Item = &Series> {
    panel.series.iter().filter(|series| series.is_shown)
}

fn abscissas(panel: &Panel) -> impl Iterator<Item = f64> {
    let of = |series: &Series| {
        let ends: Vec<f64> = if series.is_across {
            series.lower.iter().chain(&series.upper).copied().collect()
        } else {
            Vec::new()
        };
        series.x.iter().copied().chain(ends).collect::<Vec<_>>()
    };
    shown(panel).flat_map(of)
}

fn ordinates(panel: &Panel) -> impl Iterator<Item = f64> {
    let of = |series: &Series| {
        let ends: Vec<f64> = if series.is_across {
            Vec::new()
        } else {
            series.lower.iter().chain(&series.upper).copied().collect()
        };
        series.y.iter().copied().chain(ends).collect::<Vec<_>>()
    };
    shown(panel).flat_map(of)
}

/// The place of a value on its axis; not a number where it has none.
fn place(scale: &Scale, value: f64) -> f64 {
    match scale {
        Scale::Log if value > 0.0 => value.log10(),
        Scale::Log => f64::NAN,
        Scale::Linear | Scale::Names(_) => value,
    }
}

/// What an axis spans, with a margin.
fn range<I: Iterator<Item = f64>>(scale: &Scale, values: impl Fn() -> I) -> Option<Range<f64>> {
    if let Scale::Names(names) = scale {
        return Some(-0.7..names.len() as f64 - 0.3);
    }
    let places = values()
        .map(|value| place(scale, value))
        .filter(|p| p.is_finite());
    let (low, high) = places.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), p| {
        (low.min(p), high.max(p))
    });
    if low > high {
        return None;
    }
    let margin = (0.05 * (high - low)).max(1e-9 * high.abs()).max(1e-300);
    let margin = if high > low {
        margin
    } else {
        0.5 * high.abs().max(1.0)
    };
    Some(low - margin..high + margin)
}

/// The same ranges, wider where a unit would be longer.
fn isometric((x, y): (Range<f64>, Range<f64>), (w, h): (f64, f64)) -> (Range<f64>, Range<f64>) {
    let unit = ((x.end - x.start) / w).max((y.end - y.start) / h);
    (x.start..x.start + unit * w, y.start..y.start + unit * h)
}

/// The words of a tick.
fn tick(scale: &Scale, value: f64, span: f64) -> String {
    match scale {
        // A tick at zero is a sum of steps that do not quite cancel.
        Scale::Linear => short(if value.abs() < 1e-9 * span {
            0.0
        } else {
            value
        }),
        Scale::Log => {
            let power = value.round();
            if (value - power).abs() < 1e-6 {
                if (-3.0..5.0).contains(&power) {
                    short(10f64.powf(power))
                } else {
                    format!("1e{power:.0}")
                }
            } else {
                short(10f64.powf(value))
            }
        }
        Scale::Names(names) => {
            let mut names = names.iter().enumerate();
            let own = names.find(|(i, _)| (*i as f64 - value).abs() < 1e-6);
            own.map_or_else(String::new, |(_, name)| name.chars().take(30).collect())
        }
    }
}

/// A number without needless digits.
fn short(value: f64) -> String {
    if value.abs() <= 0.0 {
        return "0".to_owned();
    }
    let text = digits(value);
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn draw_panel(
    area: &Area<'_>,
    (x_axis, is_told): (&Axis, bool),
    panel: &Panel,
    (x, y): (Range<f64>, Range<f64>),
) -> Drawn {
    let has_names = matches!(panel.y.scale, Scale::Names(_));
    let many = match &x_axis.scale {
        Scale::Names(names) => names.len(),
        _ => 0,
    };
    let spans = (x.end - x.start, y.end - y.start);
    // Names are read from above.
    let y = if has_names { y.end..y.start } else { y };
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .x_label_area_size(if is_told {
            if many > 4 { 110 } else { 46 }
        } else {
            8
        })
        .y_label_area_size(if has_names { 230 } else { 78 })
        .build_cartesian_2d(x, y)?;
    let count = |scale: &Scale, other: usize| match scale {
        Scale::Names(names) => 2 * names.len() + 1,
        _ => other,
    };
    let x_tick = |value: &f64| tick(&x_axis.scale, *value, spans.0);
    let y_tick = |value: &f64| tick(&panel.y.scale, *value, spans.1);
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .x_desc(if is_told { &*x_axis.label } else { "" })
        .y_desc(&*panel.y.label)
        .x_labels(count(&x_axis.scale, 8))
        .y_labels(count(&panel.y.scale, 7))
        .x_label_formatter(&x_tick)
        .y_label_formatter(&y_tick)
        .axis_desc_style(("sans-serif", 15))
        .label_style(("sans-serif", 13));
    if many > 4 {
        let turned = ("sans-serif", 12)
            .into_text_style(area)
            .transform(FontTransform::Rotate90);
        mesh.x_label_style(turned);
    }
    mesh.draw()?;
    for series in shown(panel) {
        draw_series(&mut chart, series, (&x_axis.scale, &panel.y.scale))?;
    }
    if shown(panel).count() > 1 || panel.series.len() > 1 {
        chart
            .configure_series_labels()
            .border_style(BLACK.mix(0.2))
            .background_style(WHITE.mix(0.85))
            .label_font(("sans-serif", 13))
            .position(SeriesLabelPosition::UpperRight)
            .draw()?;
    }
    Ok(())
}

fn draw_series(
    chart: &mut Context<'_, '_>,
    series: &Series,
    (x_scale, y_scale): (&Scale, &Scale),
) -> Drawn {
    let colour = COLOURS[series.group % COLOURS.len()];
    let at = |x: f64, y: f64| (place(x_scale, x), place(y_scale, y));
    let points: Vec<(f64, f64)> = series
        .x
        .iter()
        .zip(&series.y)
        .map(|(x, y)| at(*x, *y))
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .collect();
    if series.mark != Mark::Band && !series.lower.is_empty() {
        draw_intervals(chart, series, &at)?;
    }
    let entry = match series.mark {
        Mark::Line => chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?,
        Mark::Dashed => chart.draw_series(std::iter::once(DashedPathElement::new(
            points,
            6,
            4,
            colour.stroke_width(2),
        )))?,
        Mark::Points => match series.source {
            _ if series.is_hollow => chart.draw_series(
                points
                    .into_iter()
                    .map(|p| Circle::new(p, 4, colour.stroke_width(2))),
            )?,
            Source::Measured | Source::Literature | Source::Synthetic => chart.draw_series(
                points
                    .into_iter()
                    .map(|p| Circle::new(p, 5, colour.filled())),
            )?,
            Source::Model => chart.draw_series(
                points
                    .into_iter()
                    .map(|p| TriangleMarker::new(p, 5, colour.filled())),
            )?,
        },
        Mark::Bars => chart.draw_series(points.into_iter().map(|(x, y)| {
            Rectangle::new([(x - 0.3, 0.0), (x + 0.3, y)], colour.mix(0.7).filled())
        }))?,
        Mark::Band => {
            let lower = series.x.iter().zip(&series.lower).map(|(x, y)| at(*x, *y));
            let upper = series.x.iter().zip(&series.upper).map(|(x, y)| at(*x, *y));
            let around: Vec<(f64, f64)> = lower
                .chain(upper.rev())
                .filter(|(x, y)| x.is_finite() && y.is_finite())
                .collect();
            chart.draw_series(std::iter::once(Polygon::new(around, colour.mix(0.18))))?
        }
    };
    entry
        .label(format!("{}\u{a0}", series.name))
        .legend(move |(x, y)| Rectangle::new([(x, y - 4), (x + 14, y + 4)], colour.filled()));
    Ok(())
}

fn draw_intervals(
    chart: &mut Context<'_, '_>,
    series: &Series,
    at: &impl Fn(f64, f64) -> (f64, f64),
) -> Drawn {
    let style = COLOURS[series.group % COLOURS.len()].stroke_width(2);
    let points = series.x.iter().zip(&series.y);
    let ends = series.lower.iter().zip(&series.upper);
    for ((x, y), (lower, upper)) in points.zip(ends) {
        let ends = [*lower, *upper].map(|end| {
            if series.is_across {
                at(end, *y)
            } else {
                at(*x, end)
            }
        });
        if ends.iter().all(|(x, y)| x.is_finite() && y.is_finite()) {
            chart.draw_series(std::iter::once(PathElement::new(ends.to_vec(), style)))?;
        }
    }
    Ok(())
}

fn draw_map(area: &Area<'_>, map: &Map) -> Drawn {
    let (columns, rows) = (map.columns.len() as f64, map.rows.len() as f64);
    let y = if map.is_square {
        rows - 0.5..-0.5
    } else {
        -0.5..rows - 0.5
    };
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(if map.columns.len() > 8 { 110 } else { 50 })
        .y_label_area_size(170)
        .build_cartesian_2d(-0.5..columns - 0.5, y)?;
    let (x_names, y_names) = (
        Scale::Names(map.columns.clone()),
        Scale::Names(map.rows.clone()),
    );
    let (x_tick, y_tick) = (
        |value: &f64| tick(&x_names, *value, 1.0),
        |value: &f64| tick(&y_names, *value, 1.0),
    );
    let mut mesh = chart.configure_mesh();
    mesh.disable_mesh()
        .x_desc(format!(
            "{}    colours: {} from {} to {}",
            map.x,
            map.value,
            short(map.range.0),
            short(map.range.1)
        ))
        .y_desc(&*map.y)
        .x_labels(2 * map.columns.len() + 1)
        .y_labels(2 * map.rows.len() + 1)
        .x_label_formatter(&x_tick)
        .y_label_formatter(&y_tick)
        .label_style(("sans-serif", 12));
    if map.columns.len() > 8 {
        let turned = ("sans-serif", 12)
            .into_text_style(area)
            .transform(FontTransform::Rotate90);
        mesh.x_label_style(turned);
    }
    mesh.draw()?;
    draw_fields(&mut chart, map, area)
}

/// The coloured fields of a map, with their values where there is room.
fn draw_fields(chart: &mut Context<'_, '_>, map: &Map, area: &Area<'_>) -> Drawn {
    for (row, values) in map.values.iter().enumerate() {
        for (column, value) in values.iter().enumerate().filter(|(_, v)| v.is_finite()) {
            let (x, y) = (column as f64, row as f64);
            let colour = shade(*value, map.range);
            chart.draw_series(std::iter::once(Rectangle::new(
                [(x - 0.5, y - 0.5), (x + 0.5, y + 0.5)],
                colour.filled(),
            )))?;
            if map.columns.len() <= 14 {
                let ink = if luminance(colour) > 0.45 {
                    BLACK
                } else {
                    WHITE
                };
                let style = ("sans-serif", 12).into_text_style(area).color(&ink);
                let style = style.pos(plotters::style::text_anchor::Pos::new(
                    plotters::style::text_anchor::HPos::Center,
                    plotters::style::text_anchor::VPos::Center,
                ));
                chart.draw_series(std::iter::once(Text::new(
                    two_digits(*value),
                    (x, y),
                    style,
                )))?;
            }
        }
    }
    Ok(())
}

/// A number with two significant digits.
fn two_digits(value: f64) -> String {
    let rounded: f64 = format!("{value:.1e}").parse().unwrap_or(value);
    short(rounded)
}

/// The colour of a value: from light to dark, or from red over white to blue where the range has two signs.
fn shade(value: f64, (low, high): (f64, f64)) -> RGBColor {
    const RISING: [(u8, u8, u8); 5] = [
        (255, 247, 214),
        (253, 204, 138),
        (233, 139, 58),
        (166, 61, 107),
        (59, 31, 107),
    ];
    const SIGNED: [(u8, u8, u8); 5] = [
        (178, 24, 43),
        (244, 165, 130),
        (247, 247, 247),
        (146, 197, 222),
        (33, 102, 172),
    ];
    let scale = if low < 0.0 { SIGNED } else { RISING };
    let share = if high > low {
        ((value - low) / (high - low)).clamp(0.0, 1.0)
    } else {
        0.5
    };
    let mut place = share * 4.0;
    let mut below = 0;
    while place >= 1.0 && below < 3 {
        place -= 1.0;
        below += 1;
    }
    let mix = |a: u8, b: u8| -> u8 {
        let mixed = f64::from(a) + place * (f64::from(b) - f64::from(a));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between two bytes"
        )]
        let byte = mixed.round() as u8;
        byte
    };
    let (a, b) = (scale[below], scale[below + 1]);
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// How light a colour is (1).
fn luminance(colour: RGBColor) -> f64 {
    (0.2126 * f64::from(colour.0) + 0.7152 * f64::from(colour.1) + 0.0722 * f64::from(colour.2))
        / 255.0
}
