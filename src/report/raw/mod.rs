//! Simulated curves as files in the layouts that instruments write: labelled synthetic, sampled and noisy as from an
//! instrument, and with a data set file beside them. What `import` reads back is what was written.

mod dataset;
mod gamry;
mod land;
mod noise;
mod piece;
mod sampling;

use std::path::Path;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::ReportError;
use super::file_name;
use super::write_files;
use crate::estimate::Curves;
use crate::estimate::Study;
use crate::import::SYNTHETIC;
use crate::record::Technique;
use dataset::Written;
use dataset::dataset_toml;
use dataset::truth_toml;
use piece::Content;
use piece::Piece;
use piece::pieces;

pub use noise::ReadingNoise;
pub use sampling::Sampling;

/// The instrument that the curves pass on their way into files.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Instrument {
    /// Which points it writes.
    pub sampling: Sampling,
    /// How far its readings are off; `None` for exact ones.
    pub noise: Option<ReadingNoise>,
    /// Seed of the noise.
    pub seed: u64,
}

/// Writes every recorded step of simulated protocols into `folder`, one file each, with `dataset.toml` and `truth.toml`
/// beside them; returns the names of the files with curves, in order.
///
/// Everything is written beside the folder first, so that nothing is left half-written. Every file says that it is
/// SYNTHETIC. Currents are those of the whole cell (A), time goes on over the steps of a protocol.
///
/// # Errors
/// [`ReportError`] if a file cannot be written.
pub fn write_raw(
    folder: &Path,
    study: &Study,
    curves: &[Curves],
    instrument: &Instrument,
) -> Result<Vec<String>, ReportError> {
    let mut files = Vec::new();
    let mut written = Vec::new();
    for run in curves {
        let protocol = &study.protocols[run.protocol];
        for piece in pieces(protocol, run) {
            let name = unused(&name(study, run, &piece), &files);
            let label = label(study, run, &piece, instrument);
            let text = text(run, &piece, (&name, &label), instrument);
            written.push(Written::new(study, run, &piece, (&name, label)));
            files.push((name, text.into_bytes()));
        }
    }
    let names = written.iter().map(|w| w.file.clone()).collect();
    let about = [
        ("dataset.toml", dataset_toml(study, instrument, &written)),
        ("truth.toml", truth_toml(study, instrument, curves)),
    ];
    files.extend(about.map(|(name, text)| (name.to_owned(), text.into_bytes())));
    write_files(folder, &files)?;
    Ok(names)
}

/// `CELL_PROTOCOL_STEP.ext`, with the first cycle behind the step where a step has several runs of recorded cycles.
fn name(study: &Study, run: &Curves, piece: &Piece<'_>) -> String {
    let cell = file_name(&study.cells[run.cell]);
    let protocol = file_name(&study.protocols[run.protocol].name);
    let cycle = match piece.later_cycle {
        Some(cycle) => format!("_cycle{cycle}"),
        None => String::new(),
    };
    let extension = match piece.content {
        Content::Cycling(_) => "csv",
        Content::Sweep { .. } | Content::Hold(_) | Content::Spectrum(_) => "DTA",
    };
    format!("{cell}_{protocol}_{}{cycle}.{extension}", piece.step)
}

/// The name, with a number where another cell or protocol has the same one after its signs were replaced.
fn unused(name: &str, files: &[(String, Vec<u8>)]) -> String {
    let is_used = |name: &str| files.iter().any(|(other, _)| other == name);
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let numbered = (2..).map(|number| format!("{stem}_{number}.{extension}"));
    let mut candidates = std::iter::once(name.to_owned()).chain(numbered);
    candidates
        .find(|candidate| !is_used(candidate))
        .unwrap_or_default()
}

/// What stands in the notes of a file. It begins with SYNTHETIC.
fn label(study: &Study, run: &Curves, piece: &Piece<'_>, instrument: &Instrument) -> String {
    format!(
        "{}; cell '{}'; protocol '{}'; step {}",
        origin(study, instrument),
        study.cells[run.cell],
        study.protocols[run.protocol].name,
        piece.step
    )
    .replace(|c: char| c.is_control(), " ")
}

/// What all files have in common.
fn origin(study: &Study, instrument: &Instrument) -> String {
    let noise = match &instrument.noise {
        Some(noise) => format!("seed {}; noise {noise}", instrument.seed),
        None => "without noise".to_owned(),
    };
    format!(
        "{SYNTHETIC}: simulated by sulfit {} and measured by no instrument; experiment '{}'; {noise}",
        env!("CARGO_PKG_VERSION"),
        study.name
    )
}

/// The file: the piece sampled, with noise, in the layout of its technique.
fn text(
    run: &Curves,
    piece: &Piece<'_>,
    (name, label): (&str, &str),
    instrument: &Instrument,
) -> String {
    let area_m2 = run.model.area_m2();
    let sampling = &instrument.sampling;
    let mut rng = ChaCha8Rng::seed_from_u64(instrument.seed);
    // Every file has a stream of its own, so that another protocol more does not change its noise.
    rng.set_stream(fingerprint(name));
    let mut noise = noise::Noisy::new(instrument.noise, &mut rng);
    match &piece.content {
        Content::Cycling(halves) => {
            let halves = halves.iter().map(|half| sampling.half(half, area_m2));
            let mut rows: Vec<land::Row> = halves.flatten().collect();
            land::count_charge(&mut rows);
            noise.cycling(&mut rows);
            land::text(&rows, label)
        }
        Content::Sweep {
            ramps,
            rate_v_s,
            start_s,
        } => {
            let mut curves = sampling.sweep((ramps, *rate_v_s), *start_s, area_m2);
            noise.currents(&mut curves);
            let about = gamry::Sweep {
                vertices_v: ramps
                    .iter()
                    .filter_map(|r| r.record.voltage_v.last().copied())
                    .collect(),
                rate_v_s: *rate_v_s,
                step_v: sampling.step_v,
            };
            gamry::sweep(&curves, &about, (label, area_m2))
        }
        Content::Hold(part) => {
            let mut curve = sampling.hold(part, area_m2);
            noise.held(&mut curve);
            gamry::hold(&curve, (label, area_m2))
        }
        Content::Spectrum(spectrum) => gamry::spectrum(&noise.spectrum(spectrum), (label, area_m2)),
    }
}

/// FNV-1a: the same on every machine and in every version.
fn fingerprint(text: &str) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    text.bytes().fold(BASIS, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}

/// The technique of a piece.
fn technique(content: &Content<'_>) -> Technique {
    match content {
        Content::Cycling(_) => Technique::Cycling,
        Content::Sweep { .. } => Technique::Voltammetry,
        Content::Hold(_) => Technique::Chronoamperometry,
        Content::Spectrum(_) => Technique::Impedance,
    }
}

/// Decimals that give a number of this size seven digits.
fn decimals_for(largest: f64) -> usize {
    const DIGITS: f64 = 7.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped between 0 and 15"
    )]
    let decimals = (DIGITS - 1.0 - largest.abs().log10().floor()).clamp(0.0, 15.0) as usize;
    decimals
}

/// The largest size of values.
fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |largest: f64, value| largest.max(value.abs()))
}
