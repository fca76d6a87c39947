//! `sulfit batch run`: hands fits to processes of their own and waits for them.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::process::ExitStatus;
use std::sync::Mutex;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::sync::mpsc::channel;
use std::time::Duration;
use std::time::Instant;

use clap::Args;

use super::super::EXIT_BAD_INPUT;
use super::super::console::passed_on;
use super::EXIT_INCOMPLETE;
use super::Place;
use super::answer_campaign;
use super::board::Board;
use super::board::Line;
use super::listed;
use super::print;
use super::problems;
use super::process::Outcome;
use super::process::Process;
use super::say;
use super::told;
use crate::batch::Ended;
use crate::batch::Failure;
use crate::batch::Job;
use crate::batch::State;
use crate::config::Budget;
use crate::config::Instance;
use crate::report::RawDeed;

/// How long a cell that somebody else works on is left alone.
const BUSY_PAUSE: Duration = Duration::from_secs(1);
/// Finished fits are brought to disk together that often.
const SETTLED: Duration = Duration::from_secs(1);
/// Time beyond its budget after which a fit that does not end by itself is ended.
const GRACE: f64 = 0.5;

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
    let place = &Place::new(&arguments.file, arguments.out.as_deref())?;
    place.folder.prepare().map_err(|e| e.to_string())?;
    let mut board = Board::new("checking the cells");
    let tasks = tasks(place, arguments)?;
    let n = tasks.len();
    tracing::info!("{n} fits are left to do");
    board.begin(n);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = arguments.threads.map_or(cores, usize::from).min(n);
    let pool = Pool {
        place,
        tasks: Mutex::new(tasks),
        board: &board,
        program: std::env::current_exe().map_err(|e| format!("the program itself: {e}"))?,
    };
    std::thread::scope(|scope| {
        let (settle, settled) = channel::<String>();
        scope.spawn(move || settle_all(place, &settled));
        for _ in 0..threads {
            let (pool, settle) = (&pool, settle.clone());
            scope.spawn(move || pool.work(&settle));
        }
    });
    board.finish();
    let progress = place.progress();
    print(&format!("{}\n", told(&progress)));
    print(&format!("results in {}\n", place.folder.root().display()));
    let is_interrupted = board.is_interrupted();
    if is_interrupted {
        say("interrupted; the same command goes on from here");
    }
    answer_campaign(place, || RawDeed::Ran {
        interrupted: is_interrupted,
    });
    let is_whole = progress.done + progress.skipped == progress.cells || arguments.part.is_some();
    Ok(if is_whole && !is_interrupted && progress.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_INCOMPLETE)
    })
}

/// Sees to it that finished fits are on disk, a second after their end, while others run.
fn settle_all(place: &Place, finished: &Receiver<String>) {
    while let Ok(first) = finished.recv() {
        let (mut keys, until) = (vec![first], Instant::now() + SETTLED);
        let left = || until.saturating_duration_since(Instant::now());
        while let Ok(key) = finished.recv_timeout(left()) {
            keys.push(key);
        }
        if let Err(error) = place.folder.settle(&keys) {
            say(&format!("warning: {error}"));
        }
    }
}

/// What is left to do, in the order of the table. Cells whose experiment is none fail at once.
fn tasks(place: &Place, arguments: &RunArguments) -> Result<VecDeque<Task>, String> {
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
    board: &'p Board,
    program: PathBuf,
}

/// What became of a fit.
enum Left {
    Done,
    Failed(String),
    Busy,
    Stopped,
}

impl std::fmt::Display for Left {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Done => formatter.write_str("there is a result"),
            Self::Failed(reason) => write!(formatter, "failed: {reason}"),
            Self::Busy => formatter.write_str("somebody else works on it; asked again later"),
            Self::Stopped => formatter.write_str("stopped"),
        }
    }
}

impl Pool<'_> {
    /// One fit after the other, until nothing is left.
    fn work(&self, settle: &Sender<String>) {
        let line = self.board.line();
        let mut process = None;
        while let Some(task) = self.next() {
            let wait = task.from.saturating_duration_since(Instant::now());
            std::thread::sleep(wait);
            if self.board.is_interrupted() {
                return;
            }
            let began = Instant::now();
            self.board.begun(&task.cell, &line);
            let left = self.one(&task, &mut process, &line);
            let left = left.unwrap_or_else(Left::Failed);
            tracing::info!("cell '{}', fit {}: {left}", task.cell, task.instance.key);
            match left {
                Left::Busy => {
                    self.board.given_back();
                    self.put_back(task);
                }
                Left::Stopped => return self.board.given_back(),
                Left::Done => {
                    self.board.ended(&task.cell, None, began.elapsed());
                    // The other end lives as long as this one.
                    let _ = settle.send(task.instance.key);
                }
                Left::Failed(reason) => {
                    let reason = Some(reason.as_str());
                    self.board.ended(&task.cell, reason, began.elapsed());
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

    /// One fit in a process, the last one if it may do another.
    fn one(&self, task: &Task, last: &mut Option<Process>, line: &Line) -> Result<Left, String> {
        let folder = &self.place.folder;
        let key = &task.instance.key;
        match folder.state(key) {
            State::Done => return Ok(Left::Done),
            State::Failed(failure) => return Ok(Left::Failed(failure.reason)),
            State::Running => return Ok(Left::Busy),
            State::Pending => {}
        }
        let job = self.job(task);
        folder
            .assign(key, &job, &task.instance)
            .map_err(|e| e.to_string())?;
        let budget = &self.place.campaign.budget;
        let mut process = self
            .assigned(key, last.take())
            .map_err(|e| format!("cannot start a process: {e}"))?;
        let limit = budget
            .seconds
            .map(|s| Duration::from_secs_f64(s * (1.0 + GRACE) + 5.0));
        let outcome = process.wait(limit, || self.board.is_stopped(), |at| line.tell(at));
        let reason = match outcome.map_err(|e| e.to_string())? {
            Outcome::Ended(ended) => {
                *last = Some(process);
                return Ok(match ended {
                    Ended::Done => Left::Done,
                    Ended::Failed(failure) => Left::Failed(failure.reason),
                    Ended::Busy => Left::Busy,
                    Ended::Interrupted => Left::Stopped,
                });
            }
            // Whatever became of the process, the result had its place already.
            _ if folder.state(key) == State::Done => return Ok(Left::Done),
            Outcome::Stopped => return Ok(Left::Stopped),
            Outcome::Died(_) if self.board.is_stopped() => return Ok(Left::Stopped),
            Outcome::Died(status) => death(status, budget, &process.last_words()),
            Outcome::Late => "out of time: it did not end by itself and was ended".to_owned(),
        };
        let failure = Failure {
            cell: task.cell.clone(),
            reason: reason.clone(),
            said: process.last_words(),
            command: format!(
                "sulfit fit {}",
                folder.work(key).join(&job.experiment).display()
            ),
        };
        folder.fail(key, &failure).map_err(|e| e.to_string())?;
        Ok(Left::Failed(reason))
    }

    /// What the process shall do.
    fn job(&self, task: &Task) -> Job {
        let campaign = &self.place.campaign;
        let files = task.instance.files.iter();
        let inputs: Vec<String> = files.map(|(name, _)| name.clone()).collect();
        Job {
            cell: task.cell.clone(),
            experiment: inputs.first().cloned().unwrap_or_default(),
            inputs,
            profiles: campaign.profiles,
            posterior: campaign.posterior,
            ablate: campaign.ablate,
            seconds: campaign.budget.seconds,
        }
    }

    /// A process that has this fit: the last one, or a new one.
    fn assigned(&self, key: &str, last: Option<Process>) -> std::io::Result<Process> {
        if let Some(mut last) = last.filter(Process::is_fresh)
            && last.hand_over(key).is_ok()
        {
            return Ok(last);
        }
        let (root, budget) = (self.place.folder.root(), &self.place.campaign.budget);
        let mut process = Process::start(&self.program, budget, root, &passed_on())?;
        match process.hand_over(key) {
            // It could not even begin, and waiting for it tells why.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(process),
            handed => handed.map(|()| process),
        }
    }
}

/// Why a process ended without a result: for the error that it told, or for nobody knows what.
fn death(status: ExitStatus, budget: &Budget, said: &[String]) -> String {
    let error = said
        .iter()
        .rev()
        .find_map(|line| line.strip_prefix("error: "));
    if let Some(error) = error.filter(|_| status.code() == Some(i32::from(EXIT_BAD_INPUT))) {
        return error.to_owned();
    }
    let memory = budget.bytes.map_or_else(String::new, |bytes| {
        let gib = bytes as f64 / 1_073_741_824.0;
        format!("; its budget of memory is {gib:.2} GiB")
    });
    format!("the fit's process ended with {status}{memory}")
}
