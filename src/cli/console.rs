//! What is told and where: results on stdout, all else on stderr, one JSON document for programs, a log.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::OnceLock;

use clap::ArgAction;
use clap::Args;
use indicatif::MultiProgress;
use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::EXIT_BAD_INPUT;
use super::EXIT_INCOMPLETE;
use crate::report;
use crate::report::RawError;

/// Heading of these options in every help.
const HEADING: &str = "What is told";
/// Log lines of this target stand on stderr already.
const SAID: &str = "sulfit::said";

#[derive(Args, Clone, Debug, Default)]
pub(super) struct ConsoleArguments {
    /// Tell errors and warnings only: no progress, no summary
    #[arg(long, short, global = true, help_heading = HEADING, conflicts_with = "verbose")]
    quiet: bool,
    /// Log on stderr what is read and decided; -vv tells every step of it
    #[arg(long, short, global = true, help_heading = HEADING, action = ArgAction::Count)]
    verbose: u8,
    /// Print the result as exactly one JSON document instead of a summary; an error is {"error": "..."}
    #[arg(long, global = true, help_heading = HEADING)]
    json: bool,
    /// Append the log to this file, always as with -vv
    #[arg(long, global = true, help_heading = HEADING, value_name = "FILE")]
    log: Option<PathBuf>,
}

/// What a command has said so far that goes into the JSON document.
#[derive(Default)]
struct Held {
    /// The document, once there is one.
    document: Option<String>,
    /// What would have been printed without `--json`.
    text: String,
}

/// How this process talks.
struct Console {
    arguments: ConsoleArguments,
    held: Mutex<Held>,
}

static CONSOLE: OnceLock<Console> = OnceLock::new();

/// The bar that is drawn at the moment: lines on stderr make it step aside.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Takes the options of this process and begins its log.
///
/// # Errors
/// In words, if the file of the log cannot be written.
pub(super) fn open(arguments: ConsoleArguments) -> Result<(), String> {
    let started = begin_log(arguments.verbose, arguments.log.as_deref());
    CONSOLE.get_or_init(|| Console {
        arguments,
        held: Mutex::default(),
    });
    started?;
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let words: Vec<String> = words.collect();
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!("sulfit {version}: {}", words.join(" "));
    Ok(())
}

/// Ends with what the command came to: an error becomes words on stderr, the JSON document is printed.
pub(super) fn close(result: Result<ExitCode, String>) -> ExitCode {
    let code = match result {
        Ok(code) => code,
        Err(message) => {
            fail(&message);
            ExitCode::from(EXIT_BAD_INPUT)
        }
    };
    if let Some(console) = CONSOLE.get().filter(|console| console.arguments.json)
        && let Ok(mut held) = console.held.lock()
    {
        let held = std::mem::take(&mut *held);
        write_out(&held.document.unwrap_or_else(|| report::worded(&held.text)));
    }
    code
}

/// Tells an error, in words on stderr and as JSON document.
fn fail(message: &str) {
    say(&format!("error: {message}"));
    answer(|| report::document(&RawError::new(message)));
}

/// Ends a command that has no result because it was interrupted or could not begin.
pub(super) fn incomplete(message: &str) -> ExitCode {
    say(message);
    answer(|| report::document(&RawError::new(message)));
    ExitCode::from(EXIT_INCOMPLETE)
}

/// What clap says of arguments that it does not accept, or of help that was asked for.
pub(super) fn refuse(error: &clap::Error) -> ExitCode {
    // A closed pipe is no reason to fail.
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().any(|word| word == "--json") {
        let text = error.render().to_string();
        // What follows the first empty line is usage, not the error.
        let words = text.lines().take_while(|line| !line.trim().is_empty());
        let words: Vec<&str> = words.map(str::trim).collect();
        let message = words.join(" ");
        let message = message.trim_start_matches("error: ");
        write_out(&report::document(&RawError::new(message)));
    }
    ExitCode::from(EXIT_BAD_INPUT)
}

/// Summaries go to stdout, unless nobody wants them.
pub(super) fn print(text: &str) {
    let Some(Console { arguments, held }) = CONSOLE.get() else {
        return write_out(text);
    };
    if arguments.json {
        if let Ok(mut held) = held.lock() {
            held.text.push_str(text);
        }
    } else if !arguments.quiet {
        write_out(text);
    }
}

/// Whether nobody wants summaries.
pub(super) fn is_quiet() -> bool {
    CONSOLE.get().is_some_and(|console| console.arguments.quiet)
}

/// What was asked for is no summary: it goes to stdout even if the command shall be quiet.
pub(super) fn deliver(text: &str) {
    if CONSOLE.get().is_some_and(|console| console.arguments.json) {
        print(text);
    } else {
        write_out(text);
    }
}

/// The JSON document of a command, made only if it is wanted. The last one counts.
pub(super) fn answer(document: impl FnOnce() -> String) {
    if let Some(console) = CONSOLE.get().filter(|console| console.arguments.json)
        && let Ok(mut held) = console.held.lock()
    {
        held.document = Some(document());
    }
}

/// The JSON document is the file of a result, with the folder that it lies in.
///
/// # Errors
/// In words, if the file cannot be read again.
pub(super) fn answer_file(folder: &Path, name: &str) -> Result<(), String> {
    if CONSOLE.get().is_some_and(|console| console.arguments.json) {
        let placed = report::placed(folder, name).map_err(|error| error.to_string())?;
        answer(|| placed);
    }
    Ok(())
}

/// All else goes to stderr, and into the log if there is one.
pub(super) fn say(text: &str) {
    tracing::warn!(target: SAID, "{text}");
    aside(|| {
        // A closed pipe is no reason to fail.
        let _ = writeln!(std::io::stderr(), "{text}");
    });
}

/// A new bar for the progress of a command, the one that steps aside from now on.
pub(super) fn new_bar() -> ProgressBar {
    let is_quiet = CONSOLE.get().is_some_and(|c| c.arguments.quiet);
    let bar = if is_quiet {
        ProgressBar::hidden()
    } else {
        // Nothing is shown before the first stage has a name.
        let unnamed = ProgressStyle::default_spinner().template("{spinner}");
        let bar = ProgressBar::new(1);
        match unnamed {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    };
    if let Ok(mut present) = BAR.lock() {
        *present = Some(bar.clone());
    }
    bar
}

/// A bar that steps aside from now on together with the lines that are added below it.
pub(super) fn new_bars() -> (MultiProgress, ProgressBar) {
    let bars = MultiProgress::new();
    if is_quiet() {
        bars.set_draw_target(ProgressDrawTarget::hidden());
    }
    let whole = bars.add(ProgressBar::new_spinner());
    if let Ok(mut present) = BAR.lock() {
        *present = Some(whole.clone());
    }
    (bars, whole)
}

/// The options that a process started by this one shall have too: it writes into the same log.
pub(super) fn passed_on() -> Vec<std::ffi::OsString> {
    let log = CONSOLE.get().and_then(|c| c.arguments.log.as_ref());
    log.map_or_else(Vec::new, |file| vec!["--log".into(), file.into()])
}

/// Does something on stderr while no bar is in the way.
fn aside(work: impl FnOnce()) {
    let bar = BAR.lock().ok().and_then(|bar| bar.clone());
    match bar {
        Some(bar) => bar.suspend(work),
        None => work(),
    }
}

fn write_out(text: &str) {
    // A closed pipe is no reason to fail.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Stderr for whole lines of the log.
struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let mut written = Ok(line.len());
        aside(|| written = std::io::stderr().write_all(line).map(|()| line.len()));
        written
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Begins the log, if anybody wants one. It tells what this program does, not what its libraries do.
fn begin_log(verbose: u8, file: Option<&Path>) -> Result<(), String> {
    if verbose == 0 && file.is_none() {
        return Ok(());
    }
    let level = match verbose {
        0 => LevelFilter::OFF,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let on_terminal = Targets::new()
        .with_target("sulfit", level)
        .with_target(SAID, LevelFilter::OFF);
    let terminal = fmt::layer()
        .with_ansi(false)
        .with_target(false)
        .with_timer(fmt::time::uptime())
        .with_writer(|| Lines)
        .with_filter(on_terminal);
    let kept = match file {
        None => None,
        Some(path) => {
            let opened = File::options().create(true).append(true).open(path);
            let file = opened.map_err(|error| {
                let place = path.display();
                format!("--log {place}: cannot be written: {error}; choose another file")
            })?;
            let layer = fmt::layer()
                .with_ansi(false)
                .with_target(false)
                .with_timer(fmt::time::uptime())
                .with_writer(Mutex::new(file));
            Some(layer.with_filter(Targets::new().with_target("sulfit", LevelFilter::DEBUG)))
        }
    };
    // Whoever calls this a second time in one process keeps the first log.
    let _ = tracing_subscriber::registry()
        .with(terminal)
        .with(kept)
        .try_init();
    Ok(())
}
