//! Figures as SVG: capacity over cycles, voltammograms, Nyquist plots, with measured points where there are any.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use crate::estimate::Curves;
use crate::estimate::FitReport;
use crate::estimate::Study;
use crate::observe::Observable;
use crate::protocol::Step;
use crate::simulate::StepOutcome;

/// Size of a figure (pixels).
const SIZE: (u32, u32) = (800, 520);
/// Colours of the cells: Okabe & Ito, told apart by colour-blind readers.
const COLOURS: [RGBColor; 5] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
];

/// Symbols of the cells, as one stroke from a point beside the middle back to it (pixels around the middle): they say
/// what the colours say. The first cell's lines have none, and its measured points are round.
const SYMBOLS: [&[(i32, i32)]; 4] = [
    &[(-4, 0), (-4, -4), (4, -4), (4, 4), (-4, 4), (-4, 0)],
    &[(-3, 0), (0, -5), (5, 4), (-5, 4), (-3, 0)],
    &[(-5, 0), (0, -5), (5, 0), (0, 5), (-5, 0)],
    &[(0, 0), (-4, -4), (4, 4), (0, 0), (-4, 4), (4, -4), (0, 0)],
];
/// Symbols on a line.
const SYMBOLS_PER_LINE: usize = 6;

/// The plane of a figure.
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// What drawing gives.
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// One line of a figure.
pub(super) struct Line {
    pub(super) label: String,
    pub(super) colour: RGBColor,
    pub(super) is_dashed: bool,
    pub(super) points: Vec<(f64, f64)>,
}

/// Length of a line in the legend (pixels): two dashes of a dashed one.
const KEY_PX: i32 = 18;

/// One measured point of a figure.
pub(super) struct Mark {
    /// Its entry in the legend; none if empty.
    pub(super) label: String,
    pub(super) colour: RGBColor,
    pub(super) at: (f64, f64),
    pub(super) radius_px: i32,
}

/// Radius of a measured number (pixels).
const RADIUS_PX: i32 = 6;

/// A legend where most curves leave room.
pub(super) fn plain_legend() -> SeriesLabelPosition {
    SeriesLabelPosition::UpperRight
}

/// A figure before it is drawn.
pub(super) struct Figure {
    pub(super) title: String,
    pub(super) x: &'static str,
    pub(super) y: &'static str,
    pub(super) starts_at_zero: bool,
    pub(super) is_isometric: bool,
    pub(super) legend: SeriesLabelPosition,
    pub(super) lines: Vec<Line>,
    pub(super) marks: Vec<Mark>,
}

/// All figures of a result: file name and SVG text.
pub(super) fn figures(study: &Study, report: &FitReport) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for (index, protocol) in study.protocols.iter().enumerate() {
        let figures = [
            ("capacity", capacity(study, report, index)),
            ("voltammogram", voltammogram(study, report, index)),
            ("nyquist", nyquist(study, report, index)),
        ];
        for (kind, figure) in figures {
            if figure.lines.iter().any(|line| !line.points.is_empty())
                && let Some(svg) = figure.draw()
            {
                files.push((format!("{kind}_{}.svg", protocol.name), svg));
            }
        }
    }
    files
}

/// The curves of a protocol in every variant: variant, curves.
fn of_protocol(report: &FitReport, protocol: usize) -> impl Iterator<Item = (usize, &Curves)> {
    report.variants.iter().flat_map(move |variant| {
        let curves = variant
            .curves
            .iter()
            .filter(move |c| c.protocol == protocol);
        curves.map(move |c| (variant.variant, c))
    })
}

/// The label of a line; the trailing spaces make up for the legend's estimate of the text's width.
fn label(study: &Study, report: &FitReport, variant: usize, cell: usize) -> String {
    let cell = &study.cells[cell];
    if report.variants.len() > 1 {
        format!("{cell}, {}\u{a0}\u{a0}", study.variants[variant].name)
    } else {
        format!("{cell}\u{a0}\u{a0}")
    }
}

/// A protocol's name as words.
fn title(what: &str, study: &Study, protocol: usize) -> String {
    format!(
        "{what}, {}",
        study.protocols[protocol].name.replace('_', " ")
    )
}

/// A tick without needless decimals.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "plotters asks for this signature"
)]
fn tick(value: &f64) -> String {
    if (value - value.round()).abs() < 1e-9 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

pub(super) fn colour(cell: usize) -> RGBColor {
    COLOURS[cell % COLOURS.len()]
}

/// The symbol that goes with a colour; the first one has none.
pub(super) fn symbol(colour: RGBColor) -> Option<&'static [(i32, i32)]> {
    let position = COLOURS.iter().position(|known| *known == colour)?;
    SYMBOLS.get(position.checked_sub(1)?).copied()
}

/// A symbol of this radius (pixels); empty without one.
fn scaled(symbol: Option<&[(i32, i32)]>, radius_px: i32) -> Vec<(i32, i32)> {
    let strokes = symbol.unwrap_or_default().iter();
    strokes
        .map(|(x, y)| (x * radius_px / 4, y * radius_px / 4))
        .collect()
}

/// Every n-th point of a line, so that a few of them stand well apart, the first half a distance from the line's end.
fn few(points: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> {
    let every = points.len().div_ceil(SYMBOLS_PER_LINE).max(1);
    points.iter().copied().skip(every / 2).step_by(every)
}

/// Cycle number of the first cycle of each step, counted through the protocol.
fn first_cycles(steps: &[Step]) -> Vec<usize> {
    let mut next = 1;
    let mut firsts = Vec::new();
    for step in steps {
        firsts.push(next);
        if let Step::Cycle(cycles) = step {
            next += cycles.count;
        }
    }
    firsts
}

/// One line per cell and variant of a protocol: the points that each step's outcome gives.
fn lines(
    study: &Study,
    report: &FitReport,
    protocol: usize,
    points: impl Fn(usize, &StepOutcome) -> Vec<(f64, f64)>,
) -> Vec<Line> {
    let lines = of_protocol(report, protocol).map(|(variant, curves)| {
        let steps = curves.outcome.steps.iter().enumerate();
        Line {
            label: label(study, report, variant, curves.cell),
            colour: colour(curves.cell),
            is_dashed: variant > 0,
            points: steps.flat_map(|(i, step)| points(i, step)).collect(),
        }
    });
    lines.collect()
}

/// The measured points of a protocol: those targets that have a place in the figure.
fn marks(
    study: &Study,
    protocol: usize,
    what: &str,
    place: impl Fn(&Observable, f64) -> Option<(f64, f64)>,
) -> Vec<Mark> {
    let observed = study.observations.iter().map(|o| (&o.target, o.measured));
    let predicted = study.predictions.iter().map(|p| (&p.target, p.measured));
    let targets = observed.chain(predicted);
    let targets = targets.filter(|(target, _)| target.protocol == protocol);
    let marks = targets.filter_map(|(target, measured)| {
        let cell = &study.cells[target.cell];
        Some(Mark {
            label: format!("{cell}, {what}\u{a0}\u{a0}"),
            colour: colour(target.cell),
            at: place(&target.observable, measured)?,
            radius_px: RADIUS_PX,
        })
    });
    marks.collect()
}

fn capacity(study: &Study, report: &FitReport, protocol: usize) -> Figure {
    let firsts = first_cycles(&study.protocols[protocol].steps);
    let points = |step: usize, outcome: &StepOutcome| match outcome {
        StepOutcome::Cycles(log) => {
            let cycles = log.cycles.iter();
            let number = |cycle: usize| (firsts[step] + cycle - 1) as f64;
            cycles
                .map(|c| (number(c.cycle), c.discharge_mah_g))
                .collect()
        }
        _ => Vec::new(),
    };
    let place = |observable: &Observable, measured: f64| {
        let (step, cycle) = match observable {
            Observable::Capacity { step, cycle } => (step, cycle),
            Observable::CapacityMax { step, to, .. } => (step, to),
            _ => return None,
        };
        Some(((firsts.get(*step)? + cycle - 1) as f64, measured))
    };
    Figure {
        title: title("Discharge capacity", study, protocol),
        x: "cycle",
        y: "discharge capacity / mAh g⁻¹ of active element",
        starts_at_zero: true,
        is_isometric: false,
        legend: SeriesLabelPosition::LowerLeft,
        lines: lines(study, report, protocol, points),
        marks: marks(study, protocol, "measured", place),
    }
}

fn voltammogram(study: &Study, report: &FitReport, protocol: usize) -> Figure {
    let points = |_: usize, outcome: &StepOutcome| match outcome {
        StepOutcome::Sweep(ramps) => {
            let records = ramps.iter().map(|ramp| &ramp.record);
            let points = records.flat_map(|r| r.voltage_v.iter().zip(&r.current));
            // In a voltammogram oxidation is positive.
            points.map(|(v, i)| (*v, -i)).collect()
        }
        _ => Vec::new(),
    };
    let place = |observable: &Observable, measured: f64| match observable {
        Observable::OxidationPeak { .. } | Observable::FirstOxidationPeak { .. } => {
            Some((measured, 0.0))
        }
        _ => None,
    };
    Figure {
        title: title("Voltammogram", study, protocol),
        x: "voltage / V",
        y: "current density, oxidation positive / A m⁻²",
        starts_at_zero: false,
        is_isometric: false,
        legend: SeriesLabelPosition::UpperLeft,
        lines: lines(study, report, protocol, points),
        marks: marks(study, protocol, "measured peak", place),
    }
}

fn nyquist(study: &Study, report: &FitReport, protocol: usize) -> Figure {
    let points = |_: usize, outcome: &StepOutcome| match outcome {
        StepOutcome::Spectrum(spectrum) => {
            let points = spectrum.impedance_ohm.iter();
            points.map(|(re, im)| (*re, -im)).collect()
        }
        _ => Vec::new(),
    };
    let place = |observable: &Observable, measured: f64| match observable {
        Observable::Resistance { .. } => Some((measured, 0.0)),
        _ => None,
    };
    Figure {
        title: title("Impedance", study, protocol),
        x: "Re Z / Ω",
        y: "−Im Z / Ω",
        starts_at_zero: true,
        is_isometric: true,
        legend: SeriesLabelPosition::UpperRight,
        lines: lines(study, report, protocol, points),
        marks: marks(study, protocol, "measured resistance", place),
    }
}

impl Figure {
    /// The ranges of both axes with a margin, equal scales for an isometric figure.
    fn ranges(&self) -> (Range<f64>, Range<f64>) {
        let lines = self.lines.iter().flat_map(|line| line.points.iter());
        let points = lines.copied().chain(self.marks.iter().map(|mark| mark.at));
        let points: Vec<(f64, f64)> = points
            .filter(|p| p.0.is_finite() && p.1.is_finite())
            .collect();
        let range = |value: fn(&(f64, f64)) -> f64, from_zero: bool| {
            let values = points.iter().map(value);
            let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
                (low.min(v), high.max(v))
            });
            let low = if from_zero { low.min(0.0) } else { low };
            let margin = (0.04 * (high - low)).max(1e-9);
            let below = if from_zero && low >= 0.0 { 0.0 } else { margin };
            low - below..high + margin
        };
        let x = range(|p| p.0, self.is_isometric);
        let mut y = range(|p| p.1, self.starts_at_zero);
        if self.is_isometric {
            let scale = (x.end - x.start) / f64::from(SIZE.0);
            y.end = y.end.max(y.start + scale * f64::from(SIZE.1));
        }
        (x, y)
    }

    /// The SVG text; `None` if the plotting library refuses, which would be a bug of ours that a report survives.
    pub(super) fn draw(&self) -> Option<String> {
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            self.draw_on(&area).ok()?;
            area.present().ok()?;
        }
        Some(svg)
    }

    fn draw_on(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Drawn {
        area.fill(&WHITE)?;
        let (x, y) = self.ranges();
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, ("sans-serif", 20))
            .margin(14)
            .x_label_area_size(44)
            .y_label_area_size(70)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .x_desc(self.x)
            .y_desc(self.y)
            .x_label_formatter(&tick)
            .y_label_formatter(&tick)
            .light_line_style(WHITE)
            .bold_line_style(RGBColor(225, 225, 225))
            .axis_desc_style(("sans-serif", 16))
            .label_style(("sans-serif", 14))
            .draw()?;
        for line in &self.lines {
            let colour = line.colour;
            let style = ShapeStyle::from(&colour).stroke_width(2);
            let points = line.points.iter().copied();
            let series = if line.is_dashed {
                chart.draw_series(DashedLineSeries::new(points, 6, 4, style))?
            } else {
                chart.draw_series(LineSeries::new(points, style))?
            };
            if line.label.is_empty() {
                continue;
            }
            let (is_dashed, strokes) = (line.is_dashed, symbol(colour).unwrap_or_default());
            series.label(line.label.clone()).legend(move |(x, y)| {
                let mut key = vec![(x, y)];
                key.extend(strokes.iter().map(|at| (x + KEY_PX / 2 + at.0, y + at.1)));
                key.push((x + KEY_PX, y));
                if is_dashed {
                    DashedPathElement::new(key, 6, 4, style).into_dyn()
                } else {
                    PathElement::new(key, style).into_dyn()
                }
            });
            chart.draw_series(
                few(&line.points).map(|at| EmptyElement::at(at) + PathElement::new(strokes, style)),
            )?;
        }
        self.draw_marks(&mut chart)?;
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.8))
            .border_style(RGBColor(200, 200, 200))
            .label_font(("sans-serif", 14))
            .position(self.legend.clone())
            .draw()?;
        Ok(())
    }

    fn draw_marks<'a, 'b: 'a>(&self, chart: &mut Chart<'a, 'b>) -> Drawn {
        let mut labelled = Vec::new();
        for mark in &self.marks {
            let (colour, at, radius) = (mark.colour, mark.at, mark.radius_px);
            let width = if radius < RADIUS_PX { 1 } else { 2 };
            let ring = ShapeStyle::from(&colour).stroke_width(width);
            let strokes = scaled(symbol(colour), radius);
            let round = if strokes.is_empty() { radius } else { 0 };
            let drawn = chart.draw_series(std::iter::once(
                EmptyElement::at(at)
                    + Circle::new((0, 0), radius, WHITE.filled())
                    + Circle::new((0, 0), round, ring)
                    + Circle::new((0, 0), radius / 3, colour.filled())
                    + PathElement::new(strokes, ring),
            ))?;
            if !mark.label.is_empty() && !labelled.contains(&(&mark.label, colour)) {
                labelled.push((&mark.label, colour));
                drawn.label(mark.label.clone()).legend(move |(x, y)| {
                    let ring = ShapeStyle::from(&colour).stroke_width(2);
                    let strokes = scaled(symbol(colour), RADIUS_PX);
                    let strokes: Vec<(i32, i32)> =
                        strokes.iter().map(|at| (x + 9 + at.0, y + at.1)).collect();
                    if strokes.is_empty() {
                        Circle::new((x + 9, y), RADIUS_PX, ring).into_dyn()
                    } else {
                        PathElement::new(strokes, ring).into_dyn()
                    }
                });
            }
        }
        Ok(())
    }
}
