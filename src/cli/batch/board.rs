//! What a running campaign shows, and the ends that Ctrl-C asks for: the first lets the fits in flight finish, the
//! second ends them now.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use indicatif::HumanDuration;
use indicatif::MultiProgress;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use super::super::console;
use super::pipe::Standing;
use super::say;

/// How often a line is drawn again.
const REDRAW: Duration = Duration::from_millis(200);
/// Exit code of a process that SIGINT ended.
const EXIT_INTERRUPTED: i32 = 130;

/// How many fits stand where.
#[derive(Clone, Copy, Default)]
struct Counts {
    running: usize,
    done: usize,
    failed: usize,
}

/// A bar over all fits and a line for each that runs; where there is no terminal, a line for each that has ended.
pub(super) struct Board {
    bars: MultiProgress,
    whole: ProgressBar,
    counts: Mutex<Counts>,
    n: usize,
    began: Instant,
    interrupts: Arc<AtomicUsize>,
}

impl Board {
    /// With something to look at while the campaign is read.
    pub(super) fn new(said: &str) -> Self {
        let (bars, whole) = console::new_bars();
        whole.set_message(said.to_owned());
        whole.enable_steady_tick(REDRAW);
        Self {
            bars,
            whole,
            counts: Mutex::default(),
            n: 0,
            began: Instant::now(),
            interrupts: Arc::new(AtomicUsize::new(0)),
        }
    }

    /// So many fits begin. From now on Ctrl-C ends them and not the program.
    pub(super) fn begin(&mut self, n: usize) {
        let counter = Arc::clone(&self.interrupts);
        // Without a handler Ctrl-C ends all processes, which loses no more than the fits in flight.
        let _ = ctrlc::set_handler(move || match counter.fetch_add(1, Ordering::SeqCst) {
            0 => say("finishing the fits in flight; Ctrl-C again ends them now"),
            1 => {}
            _ => std::process::exit(EXIT_INTERRUPTED),
        });
        (self.n, self.began) = (n, Instant::now());
        // First, so that no frame shows the old words under the new bar.
        self.whole.set_message("nothing failed");
        let style = "{spinner} fits [{bar:24}] {pos} of {len}, {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            self.whole.set_style(style.progress_chars("=> "));
        }
        self.whole.set_length(n as u64);
        self.whole.reset();
    }

    /// A line for one fit at a time.
    pub(super) fn line(&self) -> Line {
        let bar = self.bars.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("  {prefix}  {elapsed}  {wide_msg}") {
            bar.set_style(style);
        }
        Line { bar }
    }

    /// A fit begins, told by this line.
    pub(super) fn begun(&self, cell: &str, line: &Line) {
        line.bar.set_message("");
        line.bar.set_prefix(cell.to_owned());
        line.bar.reset();
        line.bar.enable_steady_tick(REDRAW);
        self.count(|counts| counts.running += 1);
    }

    /// A fit was given back: somebody else does it, or nobody does now.
    pub(super) fn given_back(&self) {
        self.count(|counts| counts.running -= 1);
    }

    /// A fit has ended after this time: done, or failed for a reason.
    pub(super) fn ended(&self, cell: &str, failure: Option<&str>, took: Duration) {
        let so_far = self.count(|counts| {
            counts.running -= 1;
            match failure {
                None => counts.done += 1,
                Some(_) => counts.failed += 1,
            }
        });
        let is_drawn = !self.bars.is_hidden();
        match failure {
            Some(reason) if is_drawn => say(&format!("{cell}: failed: {reason}")),
            Some(reason) => say(&format!("{cell}: failed: {reason} ({so_far})")),
            None if is_drawn || console::is_quiet() => {}
            None => {
                let seconds = took.as_secs_f64();
                say(&format!("{cell}: done in {seconds:.1} s ({so_far})"));
            }
        }
    }

    /// Changes the counts and the bar; gives where the campaign stands, in words.
    fn count(&self, change: impl FnOnce(&mut Counts)) -> String {
        let Ok(mut counts) = self.counts.lock() else {
            return String::new();
        };
        change(&mut counts);
        let Counts {
            running,
            done,
            failed,
        } = *counts;
        let ended = done + failed;
        let left = self.left(ended);
        self.whole.set_position(ended as u64);
        self.whole
            .set_message(format!("{failed} failed, {running} running{left}"));
        format!("{ended} of {}, {failed} failed{left}", self.n)
    }

    /// The time that the rest takes at the pace so far.
    fn left(&self, ended: usize) -> String {
        let n_left = self.n.saturating_sub(ended);
        if ended == 0 || n_left == 0 {
            return String::new();
        }
        let seconds = self.began.elapsed().as_secs_f64() / ended as f64 * n_left as f64;
        format!(
            ", about {} left",
            HumanDuration(Duration::from_secs_f64(seconds))
        )
    }

    /// Whether no further fit shall begin.
    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupts.load(Ordering::SeqCst) > 0
    }

    /// Whether the fits in flight shall end now.
    pub(super) fn is_stopped(&self) -> bool {
        self.interrupts.load(Ordering::SeqCst) > 1
    }

    /// Takes everything off the terminal.
    pub(super) fn finish(&self) {
        self.whole.finish_and_clear();
        // A terminal that is gone is no reason to fail.
        let _ = self.bars.clear();
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The line of a running fit.
pub(super) struct Line {
    bar: ProgressBar,
}

impl Line {
    /// Where it stands.
    pub(super) fn tell(&self, standing: &Standing) {
        self.bar.set_message(standing.to_string());
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
