//! `sulfit simulate --raw`: simulated curves as files of instruments.

use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::EXIT_INCOMPLETE;
use super::check_folder;
use super::console::answer;
use super::in_pool;
use super::measured::positive;
use super::print;
use super::progress::Terminal;
use super::say;
use crate::estimate::Study;
use crate::estimate::simulate_all;
use crate::report;
use crate::report::Instrument;
use crate::report::RawWritten;
use crate::report::ReadingNoise;
use crate::report::Sampling;
use crate::report::write_raw;

/// Smallest step of potential (V): what the converters of potentiostats resolve, and smaller ones only fill
/// the memory.
const STEP_V_MIN: f64 = 1e-5;

#[derive(Args)]
pub(super) struct RawArguments {
    /// Instead of a report, write every recorded step of every protocol on every cell into this folder, as files of
    /// instruments that say SYNTHETIC, with a data set file (docs/formats.md)
    #[arg(long, value_name = "DIR")]
    pub(super) raw: Option<PathBuf>,
    /// Add the noise of an instrument to these curves
    #[arg(long, requires = "raw")]
    noise: bool,
    /// Seed of the noise [default: that of the experiment]
    #[arg(long, value_name = "N", requires = "noise")]
    seed: Option<u64>,
    /// Standard deviation of measured voltages (V) [default: 0.001]
    #[arg(long, value_name = "SD", requires = "noise", value_parser = not_negative)]
    noise_voltage_v: Option<f64>,
    /// Standard deviation of currents, as a share of the largest one of the file [default: 0.001]
    #[arg(long, value_name = "SD", requires = "noise", value_parser = not_negative)]
    noise_current_share: Option<f64>,
    /// Standard deviation of currents beside that (A) [default: 1e-9]
    #[arg(long, value_name = "SD", requires = "noise", value_parser = not_negative)]
    noise_current_a: Option<f64>,
    /// Standard deviation of both parts of an impedance, as a share of its modulus [default: 0.005]
    #[arg(long, value_name = "SD", requires = "noise", value_parser = not_negative)]
    noise_impedance_share: Option<f64>,
    /// Longest time between two rows of cycles and holds (s) [default: 60]
    #[arg(long, value_name = "TIME", requires = "raw", value_parser = positive)]
    interval_s: Option<f64>,
    /// Change of voltage between two rows of cycles (V) [default: 0.005]
    #[arg(long, value_name = "STEP", requires = "raw", value_parser = positive)]
    interval_v: Option<f64>,
    /// Step of potential between two rows of voltammograms (V) [default: 0.001]
    #[arg(long, value_name = "STEP", requires = "raw", value_parser = potential_step)]
    step_v: Option<f64>,
}

fn potential_step(text: &str) -> Result<f64, String> {
    let value = positive(text)?;
    if value >= STEP_V_MIN {
        Ok(value)
    } else {
        Err(format!("expected at least {STEP_V_MIN:?} V"))
    }
}

fn not_negative(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if value.is_finite() && value >= 0.0 {
        Ok(value)
    } else {
        Err("expected zero or a positive number".to_owned())
    }
}

impl RawArguments {
    fn instrument(&self, study: &Study) -> Instrument {
        let (noise, sampling) = (ReadingNoise::default(), Sampling::default());
        Instrument {
            sampling: Sampling {
                interval_s: self.interval_s.unwrap_or(sampling.interval_s),
                interval_v: self.interval_v.unwrap_or(sampling.interval_v),
                step_v: self.step_v.unwrap_or(sampling.step_v),
            },
            noise: self.noise.then(|| ReadingNoise {
                voltage_v: self.noise_voltage_v.unwrap_or(noise.voltage_v),
                current_share: self.noise_current_share.unwrap_or(noise.current_share),
                current_floor_a: self.noise_current_a.unwrap_or(noise.current_floor_a),
                impedance_share: self.noise_impedance_share.unwrap_or(noise.impedance_share),
            }),
            seed: self.seed.unwrap_or(study.settings.seed),
        }
    }
}

/// Simulates everything that a study can, and writes it.
pub(super) fn run_raw(
    study: &Study,
    folder: &Path,
    arguments: &RawArguments,
    threads: Option<u16>,
) -> Result<ExitCode, String> {
    check_folder(folder)?;
    let monitor = Terminal::new();
    let (curves, failures) = in_pool(threads, || simulate_all(study, &monitor))?;
    monitor.finish();
    let instrument = arguments.instrument(study);
    let names =
        write_raw(folder, study, &curves, &instrument).map_err(|error| error.to_string())?;
    if names.is_empty() {
        say(
            "no step of the protocols is recorded: write record = true in a cycle, or add a sweep, a hold or an impedance",
        );
    }
    for name in &names {
        print(&format!("{}\n", folder.join(name).display()));
    }
    print(&format!(
        "{} synthetic files, dataset.toml and truth.toml in {}\n",
        names.len(),
        folder.display()
    ));
    answer(|| {
        report::document(&RawWritten {
            folder: folder.display().to_string(),
            files: names.clone(),
            failures: failures.iter().map(ToString::to_string).collect(),
        })
    });
    for failure in &failures {
        say(&failure.to_string());
    }
    if failures.is_empty() {
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::from(EXIT_INCOMPLETE))
    }
}
