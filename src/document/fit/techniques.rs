//! The simulated techniques: voltage over charge, capacity over cycle, voltammograms, Nyquist and Bode plots, with the
//! numbers that were measured.

use std::path::PathBuf;

use super::Scene;
use crate::document::Axis;
use crate::document::Chart;
use crate::document::Mark;
use crate::document::Panel;
use crate::document::Section;
use crate::document::Series;
use crate::document::source::simulated;
use crate::document::source::simulated::Cycles;
use crate::document::source::simulated::HalfCycle;
use crate::document::source::simulated::Simulated;
use crate::document::source::simulated::Spectra;
use crate::import::Origin;
use crate::report::file_name;

/// Everything that was simulated.
#[derive(Default)]
struct Files {
    trajectories: Vec<Simulated>,
    cycles: Vec<Cycles>,
    spectra: Vec<Spectra>,
    problems: Vec<String>,
}

pub(super) fn section(scene: &Scene<'_>) -> Section {
    let mut section = Section::new("Techniques");
    let files = read(scene);
    if !files.trajectories.is_empty() || !files.cycles.is_empty() || !files.spectra.is_empty() {
        section.paragraph("Simulated at the values of each variant. Oxidation currents are positive in voltammograms; capacities are per gram of the active element.");
    }
    for problem in &files.problems {
        section.warning(problem.clone());
    }
    let mut protocols: Vec<String> = Vec::new();
    let origins = files.trajectories.iter().map(|file| &file.origin);
    let origins = origins.chain(files.cycles.iter().map(|file| &file.origin));
    for origin in origins.chain(files.spectra.iter().map(|file| &file.origin)) {
        if !protocols.contains(&origin.protocol) {
            protocols.push(origin.protocol.clone());
        }
    }
    for protocol in &protocols {
        section.chart(capacity(scene, &files, protocol));
        section.chart(voltage(scene, &files, protocol));
        section.chart(voltammogram(scene, &files, protocol));
        section.chart(nyquist(scene, &files, protocol));
        section.chart(bode(scene, &files, protocol));
    }
    section
}

/// Reads all files; of several variants the trajectories of the best only, which are long.
fn read(scene: &Scene<'_>) -> Files {
    let mut files = Files::default();
    let entries = std::fs::read_dir(scene.folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !name.ends_with(".parquet") {
            continue;
        }
        let result = if name.starts_with("trajectory-") {
            let stem = format!("trajectory-{}-", file_name(&scene.best.variant));
            if !name.starts_with(&stem) {
                continue;
            }
            simulated::trajectory(&path).map(|read| files.trajectories.push(read))
        } else if name.starts_with("cycles-") {
            simulated::cycles(&path).map(|read| files.cycles.push(read))
        } else if name.starts_with("spectra-") {
            simulated::spectra(&path).map(|read| files.spectra.push(read))
        } else {
            continue;
        };
        if let Err(reason) = result {
            files.problems.push(format!("{name} is left out: {reason}"));
        }
    }
    let known = |origin: &Origin| {
        let mut variants = scene.result.variants();
        variants.any(|variant| variant.variant == origin.variant)
    };
    let before = files.cycles.len() + files.spectra.len();
    files.cycles.retain(|file| known(&file.origin));
    files.spectra.retain(|file| known(&file.origin));
    let stale = before - files.cycles.len() - files.spectra.len();
    if stale > 0 {
        files.problems.push(format!(
            "{stale} files of variants that the result does not hold are left out: they are of an earlier run."
        ));
    }
    files
}

impl Scene<'_> {
    /// Number of a cell's colour.
    fn group(&self, origin: &Origin) -> usize {
        let mut cells: Vec<&str> = Vec::new();
        for observable in &self.best.observables {
            if !cells.contains(&observable.cell.as_str()) {
                cells.push(&observable.cell);
            }
        }
        cells
            .iter()
            .position(|cell| *cell == origin.cell)
            .unwrap_or(cells.len())
    }

    /// The entry of a legend.
    fn label(&self, origin: &Origin) -> String {
        if self.compares() {
            format!("{}, {}", origin.cell, origin.variant)
        } else {
            origin.cell.clone()
        }
    }

    /// How a variant's line is drawn.
    fn mark(&self, origin: &Origin) -> (Mark, bool) {
        let is_best = origin.variant == self.best.variant;
        (if is_best { Mark::Line } else { Mark::Dashed }, is_best)
    }
}

fn words(protocol: &str) -> String {
    protocol.replace('_', " ")
}

/// Capacity over the cycles of a protocol, with the measured ones.
fn capacity(scene: &Scene<'_>, files: &Files, protocol: &str) -> Chart {
    let mut series = Vec::new();
    for file in files
        .cycles
        .iter()
        .filter(|file| file.origin.protocol == protocol)
    {
        let (mark, is_shown) = scene.mark(&file.origin);
        let numbers = file.numbers();
        let discharge = numbers.iter().zip(&file.rows);
        let discharge = discharge.map(|(number, row)| (*number as f64, row.2));
        let group = scene.group(&file.origin);
        series.push(
            Series::new(scene.label(&file.origin), mark, group, discharge.collect())
                .shown(is_shown),
        );
        if file.origin.variant != scene.best.variant {
            continue;
        }
        let measured = scene.best.observables.iter().filter(|o| {
            o.protocol.as_deref() == Some(protocol)
                && o.cell == file.origin.cell
                && o.reading.as_deref() == Some("capacity")
        });
        let placed: Vec<_> = measured
            .filter_map(|o| {
                let (step, cycle) = (o.step?, o.cycle?);
                let row = file.rows.iter().position(|r| (r.0, r.1) == (step, cycle))?;
                Some((numbers[row] as f64, o))
            })
            .collect();
        if !placed.is_empty() {
            let points = placed.iter().map(|(at, o)| (*at, o.measured)).collect();
            let bars = placed
                .iter()
                .map(|(_, o)| (o.measured - o.sd, o.measured + o.sd));
            let labels = placed.iter().map(|(_, o)| o.id.clone()).collect();
            let name = format!("{}, {}", file.origin.cell, scene.kind());
            series.push(
                Series::new(name, Mark::Points, group, points)
                    .within(bars.collect())
                    .labelled(labels)
                    .from_source(scene.source()),
            );
        }
    }
    Chart::lines(
        scene.id(&format!("capacity_{protocol}")),
        format!("Capacity over cycles, {}", words(protocol)),
        (
            Axis::linear("cycle (1)"),
            Axis::linear("discharge capacity (mAh g⁻¹ of the active element)"),
        ),
        series,
    )
}

/// Voltage over charge of the recorded cycles of the variant told.
fn voltage(scene: &Scene<'_>, files: &Files, protocol: &str) -> Chart {
    let mut series = Vec::new();
    for file in files
        .trajectories
        .iter()
        .filter(|f| f.origin.protocol == protocol)
    {
        let steps = file.half_cycles.iter().map(|half: &HalfCycle| half.step);
        let has_steps = steps.clone().min() != steps.max();
        for half in &file.half_cycles {
            let mark = if half.is_discharge {
                Mark::Line
            } else {
                Mark::Dashed
            };
            let what = if half.is_discharge {
                "discharge"
            } else {
                "charge"
            };
            let step = if has_steps {
                format!("step {}, ", half.step)
            } else {
                String::new()
            };
            let name = format!("{}, {step}cycle {}, {what}", file.origin.cell, half.cycle);
            let group = scene.group(&file.origin);
            series.push(Series::new(name, mark, group, half.points.clone()));
        }
    }
    Chart::lines(
        scene.id(&format!("voltage_{protocol}")),
        format!("Voltage over charge, {}", words(protocol)),
        (
            Axis::linear("charge passed (mAh g⁻¹ of the active element)"),
            Axis::linear("voltage (V)"),
        ),
        series,
    )
    .told(
        "Solid: discharge, dashed: charge. Of many half cycles the first and last four are drawn.",
    )
}

fn voltammogram(scene: &Scene<'_>, files: &Files, protocol: &str) -> Chart {
    let mut series = Vec::new();
    for file in files
        .trajectories
        .iter()
        .filter(|f| f.origin.protocol == protocol)
    {
        for ramp in &file.ramps {
            let name = format!(
                "{}, step {}, ramp {}",
                file.origin.cell, ramp.step, ramp.number
            );
            let mark = if ramp.number % 2 == 1 {
                Mark::Line
            } else {
                Mark::Dashed
            };
            let group = scene.group(&file.origin);
            series.push(Series::new(name, mark, group, ramp.points.clone()));
        }
    }
    Chart::lines(
        scene.id(&format!("voltammogram_{protocol}")),
        format!("Voltammogram, {}", words(protocol)),
        (
            Axis::linear("voltage (V)"),
            Axis::linear("current density (A m⁻²)"),
        ),
        series,
    )
}

fn nyquist(scene: &Scene<'_>, files: &Files, protocol: &str) -> Chart {
    let series = spectra(scene, files, protocol).map(|(name, file, rows)| {
        let (mark, is_shown) = scene.mark(&file.origin);
        let points = rows.iter().map(|row| (row.2, -row.3)).collect();
        let labels = rows.iter().map(|row| format!("{:.4} Hz", row.1)).collect();
        Series::new(name, mark, scene.group(&file.origin), points)
            .labelled(labels)
            .shown(is_shown)
    });
    Chart::lines(
        scene.id(&format!("nyquist_{protocol}")),
        format!("Nyquist plot, {}", words(protocol)),
        (Axis::linear("Re Z (ohm)"), Axis::linear("-Im Z (ohm)")),
        series.collect(),
    )
    .isometric()
}

fn bode(scene: &Scene<'_>, files: &Files, protocol: &str) -> Chart {
    let series = |value: fn(f64, f64) -> f64| {
        let series = spectra(scene, files, protocol).map(|(name, file, rows)| {
            let (mark, is_shown) = scene.mark(&file.origin);
            let points = rows.iter().map(|row| (row.1, value(row.2, row.3)));
            let group = scene.group(&file.origin);
            Series::new(name, mark, group, points.collect()).shown(is_shown)
        });
        series.collect::<Vec<_>>()
    };
    Chart::panels(
        scene.id(&format!("bode_{protocol}")),
        format!("Bode plot, {}", words(protocol)),
        Axis::log("frequency (Hz)"),
        vec![
            Panel {
                y: Axis::log("|Z| (ohm)"),
                series: series(f64::hypot),
            },
            Panel {
                y: Axis::linear("-phase (°)"),
                series: series(|re, im| -im.atan2(re).to_degrees()),
            },
        ],
    )
}

/// A spectrum: its name in the legend, its file, and its rows.
type Spectrum<'f> = (String, &'f Spectra, &'f [(usize, f64, f64, f64)]);

/// The spectra of a protocol, those of several steps apart.
fn spectra<'f>(
    scene: &Scene<'_>,
    files: &'f Files,
    protocol: &str,
) -> impl Iterator<Item = Spectrum<'f>> {
    let own = files.spectra.iter();
    let own = own.filter(|file| file.origin.protocol == protocol);
    let each = own.flat_map(|file| {
        let label = scene.label(&file.origin);
        let steps: Vec<_> = file.rows.chunk_by(|a, b| a.0 == b.0).collect();
        let is_one = steps.len() == 1;
        let named = steps.into_iter().map(|rows| {
            let name = match rows.first() {
                Some(row) if !is_one => format!("{label}, step {}", row.0),
                _ => label.clone(),
            };
            (name, file, rows)
        });
        named.collect::<Vec<_>>()
    });
    each.collect::<Vec<_>>().into_iter()
}
