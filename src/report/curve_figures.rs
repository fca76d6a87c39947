//! Figures of measured curves with the fitted ones, one for every record, protocol and kind of curve.

use super::curves::Point;
use super::curves::points;
use super::figures::Figure;
use super::figures::Line;
use super::figures::Mark;
use super::figures::colour;
use super::figures::plain_legend;
use super::file_name;
use crate::estimate::Abscissa;
use crate::estimate::FitReport;
use crate::estimate::MeasuredCurve;
use crate::estimate::Study;

/// Radius of a measured point (pixels).
const RADIUS_PX: i32 = 3;

/// File name and SVG text of every figure.
pub(super) fn curve_figures(study: &Study, report: &FitReport) -> Vec<(String, String)> {
    let Some(main) = report.variants.first() else {
        return Vec::new();
    };
    let all = points(study, main);
    let curves: Vec<&MeasuredCurve> = study.curves.iter().chain(&study.compared_curves).collect();
    let mut groups: Vec<(String, Abscissa, Vec<&MeasuredCurve>)> = Vec::new();
    for curve in curves {
        let own = groups
            .iter_mut()
            .find(|(record, abscissa, _)| *record == curve.record && *abscissa == curve.abscissa);
        match own {
            Some((_, _, members)) => members.push(curve),
            None => groups.push((curve.record.clone(), curve.abscissa, vec![curve])),
        }
    }
    let figures = groups
        .into_iter()
        .filter_map(|(record, abscissa, members)| {
            let figure = figure((&record, abscissa), &members, &all);
            Some((
                format!("curve_{}_{}.svg", file_name(&record), abscissa.label()),
                figure.draw()?,
            ))
        });
    figures.collect()
}

fn figure(
    (record, abscissa): (&str, Abscissa),
    curves: &[&MeasuredCurve],
    all: &[Point<'_>],
) -> Figure {
    let (x, y) = axes(abscissa);
    let mut figure = Figure {
        title: format!("{record}: measured points, fitted lines"),
        x,
        y,
        starts_at_zero: abscissa == Abscissa::Cycle,
        is_isometric: abscissa == Abscissa::Frequency,
        legend: plain_legend(),
        lines: Vec::new(),
        marks: Vec::new(),
    };
    for (i, curve) in curves.iter().enumerate() {
        let own: Vec<(f64, f64, Option<f64>)> = all
            .iter()
            .filter(|point| point.is_of(curve))
            .map(Point::values)
            .collect();
        let (measured, model) = match abscissa {
            Abscissa::Frequency => nyquist(&own),
            Abscissa::Voltage => plane(&own, -1.0),
            _ => plane(&own, 1.0),
        };
        figure.lines.push(Line {
            label: format!("{}\u{a0}\u{a0}", curve.name),
            colour: colour(i),
            is_dashed: false,
            points: model,
        });
        figure.marks.extend(measured.into_iter().map(|at| Mark {
            label: String::new(),
            colour: colour(i),
            at,
            radius_px: RADIUS_PX,
        }));
    }
    figure
}

/// Titles of the axes with units.
fn axes(abscissa: Abscissa) -> (&'static str, &'static str) {
    match abscissa {
        Abscissa::ChargeShare => ("share of the charge of the half cycle", "voltage / V"),
        Abscissa::Cycle => ("cycle", "capacity / mAh g⁻¹ of active element"),
        Abscissa::Voltage => ("voltage / V", "current, oxidation positive / A"),
        Abscissa::Time => ("time / s", "voltage / V or current / A"),
        Abscissa::Frequency => ("Re Z / Ω", "−Im Z / Ω"),
    }
}

type Points = Vec<(f64, f64)>;

/// Measured and model points over their place; `sign` turns discharge-positive currents for a voltammogram.
fn plane(own: &[(f64, f64, Option<f64>)], sign: f64) -> (Points, Points) {
    let measured = own.iter().map(|(at, measured, _)| (*at, sign * measured));
    let model = own
        .iter()
        .filter_map(|(at, _, model)| Some((*at, sign * (*model)?)));
    (measured.collect(), model.collect())
}

/// Measured and model points of a spectrum, whose real parts come first.
fn nyquist(own: &[(f64, f64, Option<f64>)]) -> (Points, Points) {
    let (real, imaginary) = own.split_at(own.len() / 2);
    let pairs = || real.iter().zip(imaginary);
    let measured = pairs().map(|(re, im)| (re.1, -im.1));
    let model = pairs().filter_map(|(re, im)| Some((re.2?, -im.2?)));
    (measured.collect(), model.collect())
}
