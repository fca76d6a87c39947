//! `sulfit batch run`: hands fits to processes of their own and waits for them.

use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitCode;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use clap::Args;

use super::super::console::passed_on;
use super::EXIT_BUSY;
use super::EXIT_FAILED;
use super::EXIT_INCOMPLETE;
use super::Place;
use super::Terminal;
use super::answer_campaign;
use super::listed;
use super::print;
use super::problems;
use super::say;
use super::told;
use crate::batch::CampaignFolder;
use crate::batch::Failure;
use crate::batch::Job;
use crate::batch::State;
use crate::config::Budget;
use crate::config::Instance;
use crate::estimate::Monitor;
use crate::estimate::Status;
use crate::report::RawDeed;

/// How often a process is asked whether it has ended: a question costs a microsecond.
const POLL: Duration = Duration::from_millis(2);
/// How long a cell that somebody else works on is left alone.
const BUSY_PAUSE: Duration = Duration::from_secs(1);
/// Time beyond its budget after which a fit that does not end by itself is ended.
const GRACE: f64 = 0.5;
/// Lines of what a process said last that are kept.
const SAID: usize = 5;

#[derive(Args)]
pub(super) struct RunArguments {
    /// Campaign file (TOML)
    file: PathBuf,
    /// Folder of the campaign [default: results/NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Fits at the same time [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Only every n-th cell, from the i-th: part I of N, counted from zero
    #[arg(long, value_name = "I/N", value_parser = part)]
    part: Option<(usize, usize)>,
    /// Run the cells whose experiments are right, although others are wrong; these count as failed
    #[arg(long)]
    keep_going: bool,
    /// Do not read finished fits again to find damaged ones
    #[arg(long)]
    trust: bool,
}

/// `2/8`.
fn part(text: &str) -> Result<(usize, usize), String> {
    let numbers = text
        .split_once('/')
        .and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match numbers {
        Some((i, n)) if i < n => Ok((i, n)),
        _ => Err("expected I/N with I below N, like 0/8".to_owned()),
    }
}

/// A fit to be done.
struct Task {
    cell: String,
    instance: Instance,
    /// Not before this.
    from: Instant,
}

pub(super) fn run(arguments: &RunArguments) -> Result<ExitCode, String> {
    let place = Place::new(&arguments.file, arguments.out.as_deref())?;
    place.folder.prepare().map_err(|e| e.to_string())?;
    let monitor = Terminal::new();
    let tasks = tasks(&place, arguments, &monitor)?;
    let n = tasks.len();
    tracing::info!("{n} fits are left to do");
    monitor.begin("fits", n);
    let pool = Pool {
        place: &place,
        tasks: Mutex::new(tasks),
        counts: Mutex::new((0, 0)),
        monitor: &monitor,
        program: std::env::current_exe().map_err(|e| format!("the program itself: {e}"))?,
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = arguments.threads.map_or(cores, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(n.max(1)) {
            scope.spawn(|| pool.work());
        }
    });
    let is_interrupted = monitor.is_interrupted();
    monitor.finish();
    let progress = place.progress();
    print(&format!("{}\n", told(&progress)));
    print(&format!("results in {}\n", place.folder.root().display()));
    if is_interrupted {
        say("interrupted; the same command goes on from here");
    }
    answer_campaign(&place, || RawDeed::Ran {
        interrupted: is_interrupted,
    });
    let is_whole = progress.done + progress.skipped == progress.cells || arguments.part.is_some();
    Ok(if is_whole && !is_interrupted && progress.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_INCOMPLETE)
    })
}

/// What is left to do, in the order of the table. Cells whose experiment is none fail at once.
fn tasks(
    place: &Place,
    arguments: &RunArguments,
    monitor: &Terminal,
) -> Result<VecDeque<Task>, String> {
    monitor.begin("checking the cells", 1);
    let mut instances = place.instances();
    let (i, n) = arguments.part.unwrap_or((0, 1));
    let problems = problems(&place.campaign, &instances, (i, n));
    if !problems.is_empty() && !arguments.keep_going {
        let listed = listed(&problems);
        return Err(format!(
            "{listed}\nnothing was run; --keep-going runs the others"
        ));
    }
    for (position, problem) in problems {
        match position {
            Some(position) => instances[position] = Err(problem),
            None => say(&format!("warning: {problem}")),
        }
    }
    let cells = place.campaign.cells.iter();
    let listed: Vec<(String, String)> = cells
        .zip(&instances)
        .map(|(cell, instance)| {
            let key = instance
                .as_ref()
                .map_or_else(|_| bad_key(&cell.name), |i| i.key.clone());
            (cell.name.clone(), key)
        })
        .collect();
    place
        .folder
        .list(&place.campaign, &listed)
        .map_err(|e| e.to_string())?;
    let mut tasks = VecDeque::new();
    let mut keys = std::collections::BTreeSet::new();
    let cells = place.campaign.cells.iter().zip(instances).enumerate();
    for (_, (cell, instance)) in cells.filter(|(position, _)| position % n == i) {
        if cell.skip.is_some() {
            continue;
        }
        let instance = match instance {
            Ok(instance) => instance,
            Err(reason) => {
                reject(place, &cell.name, &reason)?;
                continue;
            }
        };
        let is_done = is_settled(place, &cell.name, &instance.key, arguments.trust)?;
        if !is_done && keys.insert(instance.key.clone()) {
            tasks.push_back(Task {
                cell: cell.name.clone(),
                instance,
                from: Instant::now(),
            });
        }
    }
    Ok(tasks)
}

/// Whether a fit needs no work: done and whole, or failed. A damaged one is forgotten.
fn is_settled(place: &Place, cell: &str, key: &str, trust: bool) -> Result<bool, String> {
    Ok(match place.folder.state(key) {
        State::Done if trust || place.folder.is_whole(key) => true,
        State::Done => {
            say(&format!(
                "{cell}: its result is damaged and is fitted again"
            ));
            place.folder.forget_fit(key).map_err(|e| e.to_string())?;
            false
        }
        State::Failed(_) => true,
        State::Running | State::Pending => false,
    })
}

/// Records a cell whose experiment is none.
fn reject(place: &Place, cell: &str, reason: &str) -> Result<(), String> {
    let failure = Failure {
        cell: cell.to_owned(),
        reason: format!("bad input: {reason}"),
        said: Vec::new(),
        command: format!("sulfit check {}", place.campaign.path.display()),
    };
    let key = bad_key(cell);
    place.folder.fail(&key, &failure).map_err(|e| e.to_string())
}

/// What stands for the key of a cell that has none.
fn bad_key(name: &str) -> String {
    let number = crate::numerics::fingerprint::fingerprint(name.as_bytes());
    format!("bad-{number:016x}")
}

/// Processes and what they shall do.
struct Pool<'p> {
    place: &'p Place,
    tasks: Mutex<VecDeque<Task>>,
    /// Ended, and failed among these.
    counts: Mutex<(usize, usize)>,
    monitor: &'p Terminal,
    program: PathBuf,
}

/// How a process ended.
enum Left {
    Ended,
    Failed,
    Busy,
    Interrupted,
}

impl std::fmt::Display for Left {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Ended => "there is a result",
            Self::Failed => "failed",
            Self::Busy => "somebody else works on it; asked again later",
            Self::Interrupted => "interrupted",
        })
    }
}

impl Pool<'_> {
    /// One fit after the other, until nothing is left.
    fn work(&self) {
        while let Some(task) = self.next() {
            if self.monitor.is_interrupted() {
                return;
            }
            let wait = task.from.saturating_duration_since(Instant::now());
            std::thread::sleep(wait);
            let left = self.one(&task);
            if let Ok(left) = &left {
                tracing::info!("cell '{}', fit {}: {left}", task.cell, task.instance.key);
            }
            match left {
                Ok(Left::Busy) => self.put_back(task),
                Ok(Left::Interrupted) => return,
                Ok(Left::Ended) => self.count(false),
                Ok(Left::Failed) => self.count(true),
                Err(error) => {
                    self.monitor.warn(&format!("{}: {error}", task.cell));
                    self.count(true);
                }
            }
        }
    }

    fn next(&self) -> Option<Task> {
        self.tasks.lock().ok()?.pop_front()
    }

    fn put_back(&self, task: Task) {
        if let Ok(mut tasks) = self.tasks.lock() {
            let from = Instant::now() + BUSY_PAUSE;
            tasks.push_back(Task { from, ..task });
        }
    }

    fn count(&self, has_failed: bool) {
        if let Ok(mut counts) = self.counts.lock() {
            counts.0 += 1;
            counts.1 += usize::from(has_failed);
            self.monitor.advance(&Status {
                stage: "fits",
                iteration: Some(counts.0),
                cost: f64::NAN,
                scaled_gradient: f64::NAN,
                evaluations: counts.0,
                failed: counts.1,
            });
        }
    }

    /// One fit in a process of its own.
    fn one(&self, task: &Task) -> Result<Left, String> {
        let folder = &self.place.folder;
        let key = &task.instance.key;
        match folder.state(key) {
            State::Done | State::Failed(_) => return Ok(Left::Ended),
            State::Running => return Ok(Left::Busy),
            State::Pending => {}
        }
        let campaign = &self.place.campaign;
        let files = task.instance.files.iter();
        let inputs: Vec<String> = files.map(|(name, _)| name.clone()).collect();
        let job = Job {
            cell: task.cell.clone(),
            experiment: inputs.first().cloned().unwrap_or_default(),
            inputs,
            profiles: campaign.profiles,
            posterior: campaign.posterior,
            ablate: campaign.ablate,
            seconds: campaign.budget.seconds,
        };
        folder
            .assign(key, &job, &task.instance)
            .map_err(|e| e.to_string())?;
        let log = folder.work(key).join("worker.log");
        let status = self.process(folder, key, &log)?;
        let code = status.and_then(|s| s.code());
        Ok(match code {
            Some(0) => Left::Ended,
            Some(code) if code == i32::from(EXIT_FAILED) => Left::Failed,
            Some(code) if code == i32::from(EXIT_BUSY) => Left::Busy,
            Some(code) if code == i32::from(EXIT_INCOMPLETE) => Left::Interrupted,
            _ if self.monitor.is_interrupted() => Left::Interrupted,
            _ => {
                let failure = Failure {
                    cell: task.cell.clone(),
                    reason: reason(status, &campaign.budget),
                    said: said(&log),
                    command: format!(
                        "sulfit fit {}",
                        folder.work(key).join(&job.experiment).display()
                    ),
                };
                folder.fail(key, &failure).map_err(|e| e.to_string())?;
                Left::Failed
            }
        })
    }

    /// Runs the process to its end; `None` if it had to be ended because its time was over.
    fn process(
        &self,
        folder: &CampaignFolder,
        key: &str,
        log: &Path,
    ) -> Result<Option<ExitStatus>, String> {
        let budget = self.place.campaign.budget;
        let mut command = limited(&self.program, &budget);
        let log = File::create(log).map_err(|e| format!("{}: {e}", log.display()))?;
        let child = command
            .args(["batch", "work"])
            .arg(folder.root())
            .arg(key)
            .args(passed_on(&folder.work(key)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let mut child = child.map_err(|e| format!("cannot start a process: {e}"))?;
        let limit = budget
            .seconds
            .map(|s| Duration::from_secs_f64(s * (1.0 + GRACE) + 5.0));
        waited(&mut child, limit).map_err(|e| e.to_string())
    }
}

/// Waits for a process; `None` after ending it because the time is over.
fn waited(child: &mut Child, limit: Option<Duration>) -> std::io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if limit.is_some_and(|limit| began.elapsed() > limit) {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

/// The program with a limit on its memory, where the system has a shell that sets one.
fn limited(program: &Path, budget: &Budget) -> Command {
    match budget.bytes {
        Some(bytes) if cfg!(unix) => {
            let mut command = Command::new("sh");
            let kib = bytes / 1024;
            command
                .arg("-c")
                .arg(format!("ulimit -v {kib}; exec \"$0\" \"$@\""))
                .arg(program);
            command
        }
        _ => Command::new(program),
    }
}

/// Why a process left no result, in words.
fn reason(status: Option<ExitStatus>, budget: &Budget) -> String {
    let memory = budget.bytes.map_or_else(String::new, |bytes| {
        let gib = bytes as f64 / 1_073_741_824.0;
        format!("; its budget of memory is {gib:.2} GiB")
    });
    match status {
        None => "out of time: it did not end by itself and was ended".to_owned(),
        Some(status) => format!("the fit's process ended with {status}{memory}"),
    }
}

/// The last lines of a log.
fn said(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(SAID);
    lines[from..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}
