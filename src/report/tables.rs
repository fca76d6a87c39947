//! Tables: observables and parameters as CSV, trajectories as Parquet.

use polars::prelude::Column;
use polars::prelude::CsvWriter;
use polars::prelude::DataFrame;
use polars::prelude::IntoColumn;
use polars::prelude::KeyValueMetadata;
use polars::prelude::NamedFrom;
use polars::prelude::ParquetWriter;
use polars::prelude::PolarsResult;
use polars::prelude::SerWriter;
use polars::prelude::Series;

use super::result_file::RawObservable;
use super::result_file::RawParameter;
use crate::estimate::Curves;
use crate::import::Origin;
use crate::simulate::StepOutcome;
use crate::simulate::Trajectory;

pub(crate) fn texts<T: AsRef<str>>(name: &str, values: impl Iterator<Item = T>) -> Column {
    let values: Vec<String> = values.map(|v| v.as_ref().to_owned()).collect();
    Series::new(name.into(), values).into_column()
}

pub(crate) fn numbers(name: &str, values: impl Iterator<Item = Option<f64>>) -> Column {
    let values: Vec<Option<f64>> = values.collect();
    Series::new(name.into(), values).into_column()
}

pub(crate) fn csv(columns: Vec<Column>) -> PolarsResult<Vec<u8>> {
    let mut frame = DataFrame::new_infer_height(columns)?;
    let mut bytes = Vec::new();
    CsvWriter::new(&mut bytes).finish(&mut frame)?;
    Ok(bytes)
}

/// A table with what it was simulated from beside it.
fn parquet(columns: Vec<Column>, origin: &Origin) -> PolarsResult<Vec<u8>> {
    let mut frame = DataFrame::new_infer_height(columns)?;
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes)
        .with_key_value_metadata(Some(KeyValueMetadata::from_static(origin.metadata())))
        .finish(&mut frame)?;
    Ok(bytes)
}

/// The rows of all variants, each with its variant's name.
fn of_all<'r, T>(variants: &[(&'r str, &'r [T])]) -> Vec<(&'r str, &'r T)> {
    let rows = variants.iter();
    rows.flat_map(|(name, rows)| rows.iter().map(move |row| (*name, row)))
        .collect()
}

/// `observables.csv`: the rows of every variant.
pub(super) fn observables_csv(variants: &[(&str, &[RawObservable])]) -> PolarsResult<Vec<u8>> {
    let rows = of_all(variants);
    let rows = || rows.iter();
    csv(vec![
        texts("variant", rows().map(|(name, _)| *name)),
        texts("id", rows().map(|(_, r)| &r.id)),
        texts("cell", rows().map(|(_, r)| &r.cell)),
        numbers("measured", rows().map(|(_, r)| Some(r.measured))),
        numbers("model", rows().map(|(_, r)| r.model)),
        numbers("sd", rows().map(|(_, r)| Some(r.sd))),
        numbers("z", rows().map(|(_, r)| r.z)),
        numbers("model_sd", rows().map(|(_, r)| r.model_sd)),
        texts("unit", rows().map(|(_, r)| &r.unit)),
        texts(
            "used_in_fit",
            rows().map(|(_, r)| r.used_in_fit.to_string()),
        ),
    ])
}

/// `parameters.csv`: the rows of every variant.
pub(super) fn parameters_csv(variants: &[(&str, &[RawParameter])]) -> PolarsResult<Vec<u8>> {
    let rows = of_all(variants);
    let rows = || rows.iter();
    csv(vec![
        texts("variant", rows().map(|(name, _)| *name)),
        texts("name", rows().map(|(_, r)| &r.name)),
        texts("cell", rows().map(|(_, r)| &r.cell)),
        numbers("value", rows().map(|(_, r)| Some(r.value))),
        texts("unit", rows().map(|(_, r)| &r.unit)),
        numbers("sd", rows().map(|(_, r)| r.sd)),
        texts("sd_scale", rows().map(|(_, r)| r.sd_scale)),
        texts("prior", rows().map(|(_, r)| &r.prior)),
        numbers("lower", rows().map(|(_, r)| r.lower)),
        numbers("upper", rows().map(|(_, r)| r.upper)),
        numbers("interval_lower", rows().map(|(_, r)| Some(r.interval?.0))),
        numbers("interval_upper", rows().map(|(_, r)| Some(r.interval?.1))),
        texts("verdict", rows().map(|(_, r)| r.verdict.unwrap_or(""))),
    ])
}

/// The recorded segments of a protocol, terminal quantities and all states; `None` if nothing was recorded.
pub(super) fn trajectories_parquet(
    curves: &Curves,
    origin: &Origin,
) -> PolarsResult<Option<Vec<u8>>> {
    let mut segments: Vec<(usize, usize, &Trajectory)> = Vec::new();
    for (step, outcome) in curves.outcome.steps.iter().enumerate() {
        match outcome {
            StepOutcome::Cycles(log) => {
                for (cycle, (discharge, charge)) in &log.curves {
                    segments.extend([
                        (step, 2 * cycle - 2, discharge),
                        (step, 2 * cycle - 1, charge),
                    ]);
                }
            }
            StepOutcome::Segment(segment) => segments.push((step, 0, segment)),
            StepOutcome::Sweep(ramps) => {
                segments.extend(ramps.iter().enumerate().map(|(i, ramp)| (step, i, ramp)));
            }
            StepOutcome::Spectrum(_) | StepOutcome::Done => {}
        }
    }
    if segments.is_empty() {
        return Ok(None);
    }
    let repeated = |value: fn(&(usize, usize, &Trajectory)) -> usize| -> Vec<Option<f64>> {
        let parts = segments.iter();
        parts
            .flat_map(|s| std::iter::repeat_n(Some(value(s) as f64), s.2.record.len()))
            .collect()
    };
    let joined = |values: fn(&Trajectory) -> &[f64]| -> Vec<Option<f64>> {
        let parts = segments.iter().flat_map(|s| values(s.2).iter());
        parts.map(|v| Some(*v)).collect()
    };
    let mut columns = vec![
        numbers("step", repeated(|s| s.0).into_iter()),
        numbers("segment", repeated(|s| s.1).into_iter()),
        numbers("time_s", joined(|t| &t.record.time_s).into_iter()),
        numbers("voltage_v", joined(|t| &t.record.voltage_v).into_iter()),
        numbers(
            "discharge_current_a_m2",
            joined(|t| &t.record.current).into_iter(),
        ),
    ];
    let names = curves.model.layout().state_names(curves.model.mechanism());
    for (state, name) in names.iter().enumerate() {
        let values = segments
            .iter()
            .flat_map(|s| s.2.states.column(state).to_vec());
        columns.push(numbers(name, values.map(Some)));
    }
    parquet(columns, origin).map(Some)
}

/// Capacity over cycle of a protocol; `None` if it has no cycles.
pub(super) fn cycles_parquet(curves: &Curves, origin: &Origin) -> PolarsResult<Option<Vec<u8>>> {
    let mut rows = Vec::new();
    for (step, outcome) in curves.outcome.steps.iter().enumerate() {
        if let StepOutcome::Cycles(log) = outcome {
            rows.extend(log.cycles.iter().map(|cycle| (step, *cycle)));
        }
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let rows = || rows.iter();
    let columns = vec![
        numbers("step", rows().map(|(step, _)| Some(*step as f64))),
        numbers("cycle", rows().map(|(_, c)| Some(c.cycle as f64))),
        numbers(
            "discharge_mah_g",
            rows().map(|(_, c)| Some(c.discharge_mah_g)),
        ),
        numbers("charge_mah_g", rows().map(|(_, c)| Some(c.charge_mah_g))),
    ];
    parquet(columns, origin).map(Some)
}

/// Impedance spectra of a protocol; `None` if it has none.
pub(super) fn spectra_parquet(curves: &Curves, origin: &Origin) -> PolarsResult<Option<Vec<u8>>> {
    let mut rows = Vec::new();
    for (step, outcome) in curves.outcome.steps.iter().enumerate() {
        if let StepOutcome::Spectrum(spectrum) = outcome {
            let points = spectrum.frequency_hz.iter().zip(&spectrum.impedance_ohm);
            rows.extend(points.map(|(f, (re, im))| (step, *f, *re, *im)));
        }
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let rows = || rows.iter();
    let columns = vec![
        numbers("step", rows().map(|r| Some(r.0 as f64))),
        numbers("frequency_hz", rows().map(|r| Some(r.1))),
        numbers("re_z_ohm", rows().map(|r| Some(r.2))),
        numbers("im_z_ohm", rows().map(|r| Some(r.3))),
    ];
    parquet(columns, origin).map(Some)
}
