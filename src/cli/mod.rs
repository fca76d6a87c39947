//! The command line: arguments, progress, messages, exit codes.

mod batch;
mod console;
mod explain;
mod measured;
mod new;
mod pages;
mod predict;
mod progress;
mod rank;
mod raw;
mod report_command;
mod state;
mod train;

use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::CommandFactory;
use clap::Parser;
use clap::Subcommand;

use crate::config::is_campaign_file;
use crate::config::is_prediction_file;
use crate::config::is_ranking_file;
use crate::config::is_training_file;
use crate::config::one_of;
use crate::config::read_study;
use crate::config::read_study_or_problems;
use crate::estimate::Effort;
use crate::estimate::FitReport;
use crate::estimate::RecoveryPlan;
use crate::estimate::Study;
use crate::estimate::fit;
use crate::estimate::recover;
use crate::estimate::simulate;
use crate::report;
use crate::report::Kind;
use crate::report::RawChecked;
use crate::report::RawCheckedVariant;
use batch::BatchArguments;
use batch::run_batch;
use console::ConsoleArguments;
use console::answer;
use console::answer_file;
use console::incomplete;
use console::print;
use console::say;
use explain::ExplainArguments;
use explain::SchemaArguments;
use explain::run_explain;
use explain::run_schema;
use measured::AnalyzeArguments;
use measured::ImportArguments;
use measured::SourceArguments;
use measured::run_analyze;
use measured::run_import;
use measured::run_inspect;
use new::NewArguments;
use new::run_new;
use pages::CompletionsArguments;
use pages::ManArguments;
use pages::run_completions;
use pages::run_man;
use predict::PredictArguments;
use predict::run_predict;
use progress::Terminal;
use rank::RankArguments;
use rank::run_rank;
use raw::RawArguments;
use raw::run_raw;
use report_command::ReportArguments;
use report_command::run_report;
use state::FolderArchive;
use train::TrainArguments;
use train::run_train;

/// Some runs failed or did not converge.
const EXIT_INCOMPLETE: u8 = 1;
/// The user's file or argument is wrong.
const EXIT_BAD_INPUT: u8 = 2;

/// What the help tells after the commands.
const AFTER_HELP: &str = "\
Exit codes:
  0  all went well
  1  some runs failed or did not converge, or the command was interrupted; the report tells which
  2  bad input: a file or an argument is wrong; the message names the place and what to do

Example:
  sulfit check tests/files/good/small.toml";

/// Rate constants of metal-sulfur cells from cycling, voltammetry and impedance data.
#[derive(Parser)]
#[command(name = "sulfit", version, about, max_term_width = 100, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    console: ConsoleArguments,
}

#[derive(Subcommand)]
enum Command {
    /// Make a first experiment from a folder of measured files: recognise them, propose what to fit, mark what is assumed
    #[command(
        after_help = "Example:\n  sulfit new results/my_cell --from datasets/synthetic_cell/raw --sulfur-mg 1.13 --area-cm2 1.13"
    )]
    New(NewArguments),
    /// Fit the free parameters of an experiment, predict its targets and write a report
    #[command(
        after_help = "Example:\n  sulfit fit tests/files/good/small.toml --out results/small"
    )]
    Fit(FitArguments),
    /// Simulate cells with known constants, fit them, and tell how often the intervals hold the truth
    #[command(
        after_help = "Example:\n  sulfit recover tests/files/good/small.toml --cells 3 --out results/small_recovery"
    )]
    Recover(RecoverArguments),
    /// Run the protocols of an experiment at the values of its mechanism file, without fitting
    #[command(
        after_help = "Example:\n  sulfit simulate tests/files/good/small.toml --out results/small_simulated"
    )]
    Simulate(SimulateArguments),
    /// Simulate the cell model all over a box of parameters and train a surrogate for it
    #[command(
        after_help = "Example:\n  sulfit train tests/files/good/small_surrogate.toml --out results/small_surrogate"
    )]
    Train(TrainArguments),
    /// Predict capacity, energy and fade at other loadings, currents and cycles from a fit, with intervals
    #[command(
        after_help = "Example:\n  sulfit predict tests/files/good/small_predict.toml --fit results/small"
    )]
    Predict(PredictArguments),
    /// Rank catalysts by what a cell with them would give, from fits and descriptors, and tell what to measure next
    #[command(
        after_help = "Example:\n  sulfit rank tests/files/good/small_rank.toml --fit results/small"
    )]
    Rank(RankArguments),
    /// Fit many cells: safe against every interruption, on one machine or a Slurm cluster
    #[command(
        after_help = "Example:\n  sulfit batch run tests/files/good/campaign/campaign.toml --out results/campaign"
    )]
    Batch(BatchArguments),
    /// Tell about finished results on one page: data against fit, parameters, predictions, rankings
    #[command(after_help = "Example:\n  sulfit report results/small")]
    Report(ReportArguments),
    /// Read an experiment and everything it names, and tell what is wrong with it; runs nothing
    #[command(after_help = "Example:\n  sulfit check experiments/star_lcnc.toml")]
    Check(CheckArguments),
    /// Read files of instruments, check them, and write one record in the Battery Data Format
    #[command(
        after_help = "Example:\n  sulfit import tests/files/import/neware_flat.csv --out record.parquet"
    )]
    Import(ImportArguments),
    /// Show what is in files of instruments, with small plots, and what is wrong with them
    #[command(
        after_help = "Example:\n  sulfit inspect tests/files/import/biologic_cv_decimal_comma.mpt"
    )]
    Inspect(SourceArguments),
    /// Classical analyses of measured files: cycles, peaks, impedance, diffusion, each with its doubts
    #[command(after_help = "Example:\n  sulfit analyze tests/files/import/gamry_eis.DTA")]
    Analyze(AnalyzeArguments),
    /// Print the script that lets a shell complete commands and options
    #[command(after_help = "Example:\n  sulfit completions bash")]
    Completions(CompletionsArguments),
    /// Write manual pages, one per command
    #[command(after_help = "Example:\n  sulfit man results/man")]
    Man(ManArguments),
    /// Say what a key, parameter, observable, unit, verdict or warning is
    #[command(after_help = "Example:\n  sulfit explain kdes identified mesh.fine")]
    Explain(ExplainArguments),
    /// Print the format of a file as JSON Schema for editors, or the reference of all files
    #[command(after_help = "Example:\n  sulfit schema experiment")]
    Schema(SchemaArguments),
}

#[derive(Args)]
struct FitArguments {
    /// Experiment file (TOML)
    file: PathBuf,
    /// Folder for the report [default: results/NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Number of threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Number of starts that are fitted on the coarse mesh [default: that of the experiment]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    starts: Option<u16>,
    /// Profile the cost along every free quantity, on the coarse mesh: intervals without the assumption of a parabola,
    /// at about an hour for the two cells of the main example
    #[arg(long)]
    profiles: bool,
    /// Draw this many samples from the posterior by NUTS, on the coarse mesh: expensive, meant for experiments with
    /// few free quantities [default: none]
    #[arg(long, value_name = "DRAWS", value_parser = clap::value_parser!(u16).range(1..))]
    posterior: Option<u16>,
    /// Draw from the posterior of the surrogate instead, and weight this many draws by the cell model (coarse mesh); a
    /// Pareto k above 0.7 says that they are not to be trusted [default: none]
    #[arg(long, value_name = "DRAWS", value_parser = clap::value_parser!(u16).range(20..))]
    posterior_by_surrogate: Option<u16>,
    /// Fit again without each record, on the coarse mesh, and tell how intervals and verdicts change: what each
    /// technique adds
    #[arg(long)]
    ablate: bool,
}

#[derive(Args)]
struct RecoverArguments {
    /// Experiment file (TOML)
    file: PathBuf,
    /// Number of cells to simulate and fit
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    cells: u32,
    /// Variant of the experiment [default: the first]
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Seed of truths and noise
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// Truths are drawn from the posterior of the real data with this many times their noise
    #[arg(long, value_name = "FACTOR", default_value_t = 2.0)]
    widening: f64,
    /// Folder for the result and for what an interrupted run goes on from [default: results/NAME-recovery]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Number of threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

#[derive(Args)]
struct SimulateArguments {
    /// Experiment file (TOML)
    file: PathBuf,
    /// Folder for the report [default: results/NAME-simulated]
    #[arg(long, value_name = "DIR", conflicts_with = "raw")]
    out: Option<PathBuf>,
    #[command(flatten)]
    raw: RawArguments,
    /// Number of threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

#[derive(Args)]
struct CheckArguments {
    /// Experiment file (TOML)
    file: PathBuf,
}

/// The commands with their options, as clap knows them: for manual pages, completions and tests.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the program with the arguments of the process.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return console::refuse(&error),
    };
    let result = console::open(arguments.console).and_then(|()| match arguments.command {
        Command::New(arguments) => run_new(&arguments),
        Command::Fit(arguments) => run_fit(&arguments),
        Command::Recover(arguments) => run_recover(&arguments),
        Command::Simulate(arguments) => run_simulate(&arguments),
        Command::Train(arguments) => run_train(&arguments),
        Command::Predict(arguments) => run_predict(&arguments),
        Command::Rank(arguments) => run_rank(&arguments),
        Command::Batch(arguments) => run_batch(&arguments),
        Command::Report(arguments) => run_report(&arguments),
        Command::Check(arguments) => run_check(&arguments.file),
        Command::Import(arguments) => run_import(&arguments),
        Command::Inspect(arguments) => run_inspect(&arguments),
        Command::Analyze(arguments) => run_analyze(&arguments),
        Command::Completions(arguments) => Ok(run_completions(&arguments)),
        Command::Man(arguments) => run_man(&arguments),
        Command::Explain(arguments) => run_explain(&arguments),
        Command::Schema(arguments) => run_schema(&arguments),
    });
    console::close(result)
}

fn run_fit(arguments: &FitArguments) -> Result<ExitCode, String> {
    let mut study = read(&arguments.file)?;
    if let Some(starts) = arguments.starts {
        study.settings.starts = usize::from(starts);
        study.settings.candidates = study.settings.candidates.max(study.settings.starts);
    }
    let folder = folder(arguments.out.as_deref(), &study.name);
    check_folder(&folder)?;
    let monitor = Terminal::new();
    let effort = Effort {
        profiles: arguments.profiles,
        draws: usize::from(arguments.posterior.unwrap_or(0)),
        weighted_draws: usize::from(arguments.posterior_by_surrogate.unwrap_or(0)),
        ablate: arguments.ablate,
    };
    let archive = FolderArchive::new(&folder, &study);
    tracing::info!("report goes to {}", folder.display());
    let report = in_pool(arguments.threads, || {
        fit(&study, &effort, &monitor, &archive)
    })?;
    monitor.finish();
    tell_unkept(&archive);
    finish(&study, &report, &folder, Kind::Fit)
}

fn run_recover(arguments: &RecoverArguments) -> Result<ExitCode, String> {
    let study = read(&arguments.file)?;
    let variant = match &arguments.variant {
        None => 0,
        Some(name) => position_of_variant(&study, name)?,
    };
    if !(arguments.widening.is_finite() && arguments.widening > 0.0) {
        let found = arguments.widening;
        return Err(format!(
            "--widening: found {found}, expected a positive number"
        ));
    }
    let plan = RecoveryPlan {
        variant,
        cells: usize::try_from(arguments.cells).unwrap_or(usize::MAX),
        seed: arguments.seed,
        widening: arguments.widening,
    };
    let folder = folder(
        arguments.out.as_deref(),
        &format!("{}-recovery", study.name),
    );
    check_folder(&folder)?;
    let monitor = Terminal::new();
    let archive = FolderArchive::new(&folder, &study);
    let recovery = in_pool(arguments.threads, || {
        recover(&study, &plan, &monitor, &archive)
    })?;
    monitor.finish();
    tell_unkept(&archive);
    let Some(recovery) = recovery else {
        return Ok(incomplete(
            "no fit of the real data to draw truths from: it failed or was interrupted",
        ));
    };
    report::write_recovery(&folder, &study, &plan, &recovery).map_err(|error| error.to_string())?;
    print(&report::recovery_summary(&study, &plan, &recovery));
    answer_file(&folder, "recovery.json")?;
    print(&format!("report in {}\n", folder.display()));
    if recovery.n_cells < plan.cells {
        say("some cells were not fitted; the report tells why");
        return Ok(ExitCode::from(EXIT_INCOMPLETE));
    }
    Ok(ExitCode::SUCCESS)
}

fn position_of_variant(study: &Study, name: &str) -> Result<usize, String> {
    let position = study.variants.iter().position(|v| v.name == name);
    position.ok_or_else(|| {
        let expected = one_of(name, study.variants.iter().map(|v| v.name.as_str()));
        format!("--variant: found '{name}', expected {expected}")
    })
}

/// What could not be kept for a resumption does no harm to the result, but should be known.
fn tell_unkept(archive: &FolderArchive) {
    if let Some(error) = archive.error() {
        say(&format!(
            "warning: {error}; an interrupted run would begin anew"
        ));
    }
}

fn run_simulate(arguments: &SimulateArguments) -> Result<ExitCode, String> {
    let study = read(&arguments.file)?;
    if let Some(folder) = &arguments.raw.raw {
        return run_raw(&study, folder, &arguments.raw, arguments.threads);
    }
    let folder = folder(
        arguments.out.as_deref(),
        &format!("{}-simulated", study.name),
    );
    check_folder(&folder)?;
    let monitor = Terminal::new();
    let report = in_pool(arguments.threads, || simulate(&study, &monitor))?;
    monitor.finish();
    finish(&study, &report, &folder, Kind::Simulation)
}

fn run_check(file: &Path) -> Result<ExitCode, String> {
    if is_training_file(file) {
        return train::check(file);
    }
    if is_campaign_file(file) {
        return batch::check(file);
    }
    if is_ranking_file(file) {
        return rank::check(file);
    }
    if is_prediction_file(file) {
        return predict::check(file);
    }
    let study = read_study_or_problems(file).map_err(|problems| {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        texts.join("\nerror: ")
    })?;
    let mechanism = &study.variants[0].mechanism;
    print(&format!(
        "{}: mechanism '{}' with {} parameters and {} reactions, balanced\n\
         {} cells, {} protocols, {} observables, {} predictions, {} comparisons\n\
         variants: {}\n",
        file.display(),
        mechanism.name(),
        mechanism.parameters().rows().len(),
        mechanism.reactions().len(),
        study.cells.len(),
        study.protocols.len(),
        study.observations.len(),
        study.predictions.len(),
        study.orderings.len(),
        study
            .variants
            .iter()
            .map(|v| format!("{} ({} free)", v.name, v.free.len()))
            .collect::<Vec<_>>()
            .join(", "),
    ));
    answer(|| report::document(&checked(file, &study)));
    match (&study.guide, &study.guide_refusal) {
        (Some(guide), _) => print(&format!(
            "surrogate: {} finds starts\n",
            guide.surrogate.name
        )),
        (None, Some(reason)) => print(&format!("surrogate: not used: {reason}\n")),
        (None, None) => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// What an experiment holds, as a document.
fn checked(file: &Path, study: &Study) -> RawChecked {
    let mechanism = &study.variants[0].mechanism;
    let protocols = study.protocols.iter().map(|p| p.name.clone());
    let variants = study.variants.iter().map(|variant| RawCheckedVariant {
        name: variant.name.clone(),
        free: variant.free.len(),
    });
    let guide = study.guide.as_ref();
    RawChecked::Experiment {
        file: file.display().to_string(),
        mechanism: mechanism.name().to_owned(),
        parameters: mechanism.parameters().rows().len(),
        reactions: mechanism.reactions().len(),
        cells: study.cells.clone(),
        protocols: protocols.collect(),
        observables: study.observations.len(),
        predictions: study.predictions.len(),
        comparisons: study.orderings.len(),
        variants: variants.collect(),
        surrogate: guide.map(|guide| guide.surrogate.name.clone()),
        surrogate_refusal: study.guide_refusal.clone(),
    }
}

fn read(file: &Path) -> Result<Study, String> {
    read_study(file).map_err(|error| error.to_string())
}

fn folder(given: Option<&Path>, name: &str) -> PathBuf {
    given.map_or_else(|| Path::new("results").join(name), Path::to_owned)
}

/// A file in place of the folder is told before hours of work, not after.
fn check_folder(folder: &Path) -> Result<(), String> {
    if folder.exists() && !folder.is_dir() {
        let place = folder.display();
        return Err(format!(
            "{place}: found a file, expected a folder; choose another name"
        ));
    }
    Ok(())
}

fn in_pool<T: Send>(threads: Option<u16>, work: impl FnOnce() -> T + Send) -> Result<T, String> {
    let threads = threads.map_or(0, usize::from);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| format!("--threads: {error}"))?;
    Ok(pool.install(work))
}

fn finish(
    study: &Study,
    report: &FitReport,
    folder: &Path,
    kind: Kind,
) -> Result<ExitCode, String> {
    report::write(folder, study, report).map_err(|error| error.to_string())?;
    print(&report::summary(study, report, kind));
    answer_file(folder, "result.json")?;
    print(&format!("report in {}\n", folder.display()));
    let is_converged = report.variants.iter().all(|v| v.stop.is_converged());
    let is_complete = report.variants.len() == study.variants.len() || kind == Kind::Simulation;
    if kind == Kind::Fit && (!is_converged || !is_complete) {
        say("some fits did not converge; the report tells why");
        return Ok(ExitCode::from(EXIT_INCOMPLETE));
    }
    if kind == Kind::Simulation && report.failed > 0 {
        say(&format!(
            "{} simulations failed; the report tells why",
            report.failed
        ));
        return Ok(ExitCode::from(EXIT_INCOMPLETE));
    }
    Ok(ExitCode::SUCCESS)
}
