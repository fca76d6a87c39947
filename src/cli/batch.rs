//! `sulfit batch`: many cells, one process per fit, nothing remembered but what lies on disk.

mod board;
mod pipe;
mod process;
mod run;
mod submit;
mod work;

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use clap::Args;
use clap::Subcommand;

use super::EXIT_INCOMPLETE;
use super::console::answer;
use super::print;
use super::say;
use super::state::FolderArchive;
use crate::batch::CampaignFolder;
use crate::batch::CatalystConstant;
use crate::batch::Pooled;
use crate::batch::Progress;
use crate::batch::State;
use crate::batch::campaign_summary;
use crate::batch::collect;
use crate::batch::keys;
use crate::batch::pooled;
use crate::batch::suspicions;
use crate::batch::write_campaign;
use crate::config::Campaign;
use crate::config::CampaignCell;
use crate::config::Instance;
use crate::config::did_you_mean;
use crate::config::read_campaign;
use crate::config::read_study;
use crate::report;
use crate::report::RawCampaign;
use crate::report::RawCatalyst;
use crate::report::RawChecked;
use crate::report::RawDeed;
use crate::report::RawReason;
use crate::report::RawSuspicious;
use run::RunArguments;
use submit::SubmitArguments;
use work::WorkArguments;

/// Seed of what is estimated over all cells.
const SEED: u64 = 1;
/// Reasons of failures that `status` tells.
const REASONS: usize = 20;
/// Cells that are named with a reason.
const NAMES: usize = 5;

#[derive(Args)]
pub(super) struct BatchArguments {
    #[command(subcommand)]
    command: BatchCommand,
}

#[derive(Subcommand)]
enum BatchCommand {
    /// Fit all cells that have no result yet; may be interrupted, killed and started again at any time
    #[command(
        after_help = "Example:\n  sulfit batch run tests/files/good/campaign/campaign.toml --out results/campaign"
    )]
    Run(RunArguments),
    /// Tell how many cells are done, failed, running and waiting
    #[command(
        after_help = "Example:\n  sulfit batch status tests/files/good/campaign/campaign.toml --out results/campaign"
    )]
    Status(PlaceArguments),
    /// Forget failures, so that the next run tries these cells again, from where they stood
    #[command(
        after_help = "Example:\n  sulfit batch retry tests/files/good/campaign/campaign.toml --out results/campaign"
    )]
    Retry(RetryArguments),
    /// Write tables of all finished fits, the cells to look at first, and constants of catalysts over their cells
    #[command(
        after_help = "Example:\n  sulfit batch collect tests/files/good/campaign/campaign.toml --out results/campaign"
    )]
    Collect(PlaceArguments),
    /// Submit the campaign to Slurm as a job array over the same folder
    #[command(
        after_help = "Example:\n  sulfit batch submit tests/files/good/campaign/campaign.toml --slurm --dry-run"
    )]
    Submit(SubmitArguments),
    /// One fit after the other, for `run`
    #[command(hide = true)]
    Work(WorkArguments),
}

/// A campaign and its folder.
#[derive(Args)]
struct PlaceArguments {
    /// Campaign file (TOML)
    file: PathBuf,
    /// Folder of the campaign [default: results/NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Args)]
struct RetryArguments {
    #[command(flatten)]
    place: PlaceArguments,
    /// Cells to try again [default: all that failed]
    #[arg(value_name = "CELL")]
    cells: Vec<String>,
}

pub(super) fn run_batch(arguments: &BatchArguments) -> Result<ExitCode, String> {
    match &arguments.command {
        BatchCommand::Run(arguments) => run::run(arguments),
        BatchCommand::Status(arguments) => status(arguments),
        BatchCommand::Retry(arguments) => retry(arguments),
        BatchCommand::Collect(arguments) => collect_all(arguments),
        BatchCommand::Submit(arguments) => submit::submit(arguments),
        BatchCommand::Work(arguments) => work::serve(arguments),
    }
}

/// Tells what a campaign file asks for, and checks the experiment of every cell.
pub(super) fn check(file: &Path) -> Result<ExitCode, String> {
    let campaign = read_campaign(file).map_err(|error| error.to_string())?;
    let instances: Vec<Result<Instance, String>> = keys(&campaign)
        .into_iter()
        .map(|instance| instance.map_err(|error| error.to_string()))
        .collect();
    let problems = problems(&campaign, &instances, (0, 1));
    if !problems.is_empty() {
        return Err(listed(&problems));
    }
    let skipped = campaign.cells.iter().filter(|c| c.skip.is_some()).count();
    print(&format!(
        "{}: {} cells, {skipped} of them left out\n",
        file.display(),
        campaign.cells.len()
    ));
    answer(|| {
        report::document(&RawChecked::Campaign {
            file: file.display().to_string(),
            cells: campaign.cells.len(),
            skipped,
        })
    });
    Ok(ExitCode::SUCCESS)
}

/// What is wrong with a campaign: with its table, or with the experiment of a cell, by its position.
type Problem = (Option<usize>, String);

/// Everything that is wrong with every n-th cell, from the i-th, before anything runs.
fn problems(
    campaign: &Campaign,
    instances: &[Result<Instance, String>],
    (i, n): (usize, usize),
) -> Vec<Problem> {
    let table = campaign.table().display();
    let idle = campaign.idle_columns().into_iter().map(|column| {
        let problem = format!(
            "{table}: header: found column '{column}', expected one that a template asks for as {{{column}}}, or name, catalyst, replicate, skip"
        );
        (None, problem)
    });
    let of_cells = on_all_cores(campaign.cells.len(), |position| {
        if campaign.cells[position].skip.is_some() || position % n != i {
            return None;
        }
        let problem = match &instances[position] {
            Ok(instance) => experiment_problem(instance)?,
            Err(problem) => problem.clone(),
        };
        let cell = &campaign.cells[position].name;
        Some((Some(position), format!("cell '{cell}': {problem}")))
    });
    let of_cells = of_cells.into_iter().flatten();
    idle.chain(of_cells).collect()
}

/// The answers to `0..n` in their order. Reading a table waits for the thread pool of polars; a thread of another
/// pool begins with the next cell while it waits, one upon the other until its stack is full, and plain threads do not.
fn on_all_cores<T: Send>(n: usize, answer: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = AtomicUsize::new(0);
    let mut answers: Vec<(usize, T)> = std::thread::scope(|scope| {
        let work = || {
            let mut own = Vec::new();
            loop {
                let position = next.fetch_add(1, Ordering::Relaxed);
                if position >= n {
                    return own;
                }
                own.push((position, answer(position)));
            }
        };
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let joined = threads.into_iter().map(|thread| match thread.join() {
            Ok(own) => own,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.flatten().collect()
    });
    answers.sort_by_key(|(position, _)| *position);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// What is wrong with the experiment of a cell: it is written into a folder that is gone afterwards, and read.
fn experiment_problem(instance: &Instance) -> Option<String> {
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => return Some(format!("no temporary folder: {error}")),
    };
    for (name, text) in &instance.files {
        if let Err(error) = std::fs::write(folder.path().join(name), text) {
            return Some(format!("no temporary file: {error}"));
        }
    }
    let (name, _) = instance.files.first()?;
    let error = read_study(&folder.path().join(name)).err()?;
    let place = format!("{}/", folder.path().display());
    Some(error.to_string().replace(&place, ""))
}

/// Problems as lines.
fn listed(problems: &[Problem]) -> String {
    let lines: Vec<&str> = problems
        .iter()
        .map(|(_, problem)| problem.as_str())
        .collect();
    match lines.as_slice() {
        [one] => (*one).to_owned(),
        many => format!("{} problems\n  {}", many.len(), many.join("\n  ")),
    }
}

/// A campaign with its folder.
struct Place {
    campaign: Campaign,
    folder: CampaignFolder,
}

impl Place {
    fn new(file: &Path, out: Option<&Path>) -> Result<Self, String> {
        let campaign = read_campaign(file).map_err(|error| error.to_string())?;
        let folder = super::folder(out, &campaign.name);
        super::check_folder(&folder)?;
        Ok(Self {
            folder: CampaignFolder::new(&folder),
            campaign,
        })
    }

    /// The experiments of all cells; those that are none are told with their cell.
    fn instances(&self) -> Vec<Result<Instance, String>> {
        let all = keys(&self.campaign).into_iter();
        all.map(|instance| instance.map_err(|error| error.to_string()))
            .collect()
    }

    /// Keys by name: those that a run has listed, or new ones.
    fn keys(&self) -> BTreeMap<String, String> {
        self.folder.listed(&self.campaign).unwrap_or_else(|| {
            let pairs = self.campaign.cells.iter().zip(self.instances());
            let known =
                pairs.filter_map(|(cell, instance)| Some((cell.name.clone(), instance.ok()?.key)));
            known.collect()
        })
    }

    fn progress(&self) -> Progress {
        self.folder.progress(&self.campaign.cells, &self.keys())
    }

    /// Cells with a result, in the order of the table.
    fn done(&self) -> Vec<(&CampaignCell, String)> {
        let keys = self.keys();
        let cells = self
            .campaign
            .cells
            .iter()
            .filter(|cell| cell.skip.is_none());
        let with_key = cells.filter_map(|cell| Some((cell, keys.get(&cell.name)?.clone())));
        with_key
            .filter(|(_, key)| self.folder.state(key) == State::Done)
            .collect()
    }
}

/// Where a campaign stands, in one line.
fn told(progress: &Progress) -> String {
    format!(
        "{} cells: {} done, {} failed, {} skipped, {} running, {} waiting",
        progress.cells,
        progress.done,
        progress.failed,
        progress.skipped,
        progress.running,
        progress.pending
    )
}

/// The document of a campaign: where it stands, why cells failed, what was done.
fn answer_campaign(place: &Place, deed: impl FnOnce() -> RawDeed) {
    answer(|| {
        let progress = place.progress();
        let failures = reasons(place).into_iter();
        let failures = failures.map(|(reason, cells)| RawReason {
            reason,
            cells: cells.into_iter().map(ToOwned::to_owned).collect(),
        });
        report::document(&RawCampaign {
            campaign: place.campaign.name.clone(),
            folder: place.folder.root().display().to_string(),
            cells: progress.cells,
            done: progress.done,
            failed: progress.failed,
            skipped: progress.skipped,
            running: progress.running,
            waiting: progress.pending,
            failures: failures.collect(),
            deed: deed(),
        })
    });
}

/// Why cells failed, and which; the most frequent reason first.
fn reasons(place: &Place) -> Vec<(String, Vec<&str>)> {
    let keys = place.keys();
    let failures = place.campaign.cells.iter().filter_map(|cell| {
        match place.folder.state(keys.get(&cell.name)?) {
            State::Failed(failure) => {
                // A reason that names its cell is the same reason in another cell.
                let named = format!("cell '{}': ", cell.name);
                Some((failure.reason.replace(&named, ""), cell.name.as_str()))
            }
            _ => None,
        }
    });
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for (reason, cell) in failures {
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, cells)) => cells.push(cell),
            None => reasons.push((reason, vec![cell])),
        }
    }
    reasons.sort_by_key(|(_, cells)| std::cmp::Reverse(cells.len()));
    reasons
}

fn status(arguments: &PlaceArguments) -> Result<ExitCode, String> {
    let place = Place::new(&arguments.file, arguments.out.as_deref())?;
    let slurm = submit::queue(place.folder.root());
    print(&format!("{}\n", told(&place.progress())));
    print(&slurm);
    let reasons = reasons(&place);
    for (reason, cells) in reasons.iter().take(REASONS) {
        print(&format!("  {}: {reason}\n", some_of(cells)));
    }
    if reasons.len() > REASONS {
        let more = reasons.len() - REASONS;
        print(&format!(
            "  and {more} more reasons; failed/ holds them all\n"
        ));
    }
    answer_campaign(&place, || RawDeed::Asked {
        slurm: slurm.trim_end().to_owned(),
    });
    Ok(ExitCode::SUCCESS)
}

/// The first few names, and how many more there are.
fn some_of(names: &[&str]) -> String {
    let first = names[..names.len().min(NAMES)].join(", ");
    match names.len().checked_sub(NAMES) {
        None | Some(0) => first,
        Some(more) => format!("{first} and {more} more"),
    }
}

fn retry(arguments: &RetryArguments) -> Result<ExitCode, String> {
    let place = Place::new(&arguments.place.file, arguments.place.out.as_deref())?;
    let keys = place.keys();
    for name in &arguments.cells {
        if !place.campaign.cells.iter().any(|cell| cell.name == *name) {
            let file = arguments.place.file.display();
            let cells = place.campaign.cells.iter();
            let meant = did_you_mean(name, cells.map(|cell| cell.name.as_str()));
            return Err(format!(
                "{file}: no cell '{name}'; name cells of the campaign's table{meant}"
            ));
        }
    }
    let mut n = 0;
    for cell in &place.campaign.cells {
        let is_asked = arguments.cells.is_empty() || arguments.cells.contains(&cell.name);
        if let Some(key) = keys.get(&cell.name).filter(|_| is_asked) {
            n += usize::from(place.folder.forgive(key).map_err(|e| e.to_string())?);
        }
    }
    print(&format!(
        "{n} failures forgotten{}\n",
        if n == 0 {
            ""
        } else {
            "; sulfit batch run tries these cells again"
        }
    ));
    answer_campaign(&place, || RawDeed::Retried { forgotten: n });
    Ok(ExitCode::SUCCESS)
}

fn collect_all(arguments: &PlaceArguments) -> Result<ExitCode, String> {
    let place = Place::new(&arguments.file, arguments.out.as_deref())?;
    let done = place.done();
    if done.is_empty() {
        return Err(format!(
            "{}: no finished fit; sulfit batch run first",
            place.folder.root().display()
        ));
    }
    let collected = collect(&place.folder, &done);
    let suspicions = suspicions(&collected.cells);
    let Pooled {
        constants,
        failures,
    } = pooled(&collected.cells, &place.campaign.shared, SEED)?;
    let folder = place.folder.root().join("collected");
    write_campaign(&folder, &collected, &suspicions, &constants)
        .map_err(|error| error.to_string())?;
    print(&campaign_summary(&collected, &suspicions, &constants));
    print(&format!(
        "{}\ntables in {}\n",
        told(&place.progress()),
        folder.display()
    ));
    for (cell, reason) in &collected.damaged {
        say(&format!(
            "{cell}: its report cannot be read: {reason}; sulfit batch run fits it again"
        ));
    }
    for failure in &failures {
        say(&format!(
            "constants of catalysts: {failure}; catalysts.csv has no estimate of it"
        ));
    }
    let is_whole = collected.damaged.is_empty() && failures.is_empty();
    answer_campaign(&place, || RawDeed::Collected {
        tables: folder.display().to_string(),
        suspicious: suspicions
            .into_iter()
            .map(|suspicion| RawSuspicious {
                cell: collected.cells[suspicion.cell].name.clone(),
                score: suspicion.score,
                reasons: suspicion.reasons,
            })
            .collect(),
        catalysts: constants.into_iter().map(raw_catalyst).collect(),
        damaged: collected
            .damaged
            .into_iter()
            .map(|(cell, reason)| RawReason {
                reason,
                cells: vec![cell],
            })
            .collect(),
    });
    Ok(if is_whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_INCOMPLETE)
    })
}

fn raw_catalyst(constant: CatalystConstant) -> RawCatalyst {
    let interval = constant.estimate.map(|estimate| estimate.interval);
    let end = |at: usize| interval.map(|interval| interval[at]);
    RawCatalyst {
        catalyst: constant.catalyst,
        parameter: constant.parameter,
        unit: constant.unit,
        cells: constant.n_cells,
        median: end(0),
        lower: end(1),
        upper: end(2),
    }
}
