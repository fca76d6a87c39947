//! Progress on the terminal, and the end that Ctrl-C asks for.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use indicatif::HumanDuration;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::estimate::Monitor;
use crate::estimate::SamplingStatus;
use crate::estimate::Status;

/// How often the bar is drawn again.
const REDRAW: Duration = Duration::from_millis(200);
/// Exit code of a process that SIGINT ended.
const EXIT_INTERRUPTED: i32 = 130;

/// Shows progress on stderr if that is a terminal; the first Ctrl-C asks for an end at the best point so far, the
/// second one ends the process.
pub(super) struct Terminal {
    bar: ProgressBar,
    /// When the present stage began, and its most iterations.
    stage: Mutex<(Instant, usize)>,
    interrupts: Arc<AtomicUsize>,
}

impl Terminal {
    pub(super) fn new() -> Self {
        let interrupts = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&interrupts);
        // Without a handler Ctrl-C ends the process, which is no reason to refuse work.
        let _ = ctrlc::set_handler(move || {
            if counter.fetch_add(1, Ordering::SeqCst) > 0 {
                // The second Ctrl-C means now.
                std::process::exit(EXIT_INTERRUPTED);
            }
        });
        let bar = super::console::new_bar();
        bar.enable_steady_tick(REDRAW);
        Self {
            bar,
            stage: Mutex::new((Instant::now(), 1)),
            interrupts,
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Terminal {
    /// Moves on by iterations of which nothing else is told.
    pub(super) fn advance_plainly(&self, iteration: usize) {
        self.bar.set_position(iteration as u64);
        let left = self.time_left();
        let left = left.map_or_else(String::new, |left| format!("at most {left} left"));
        self.bar.set_message(left);
    }

    /// The time that the stage takes if it needs all its iterations, at the pace of those so far.
    fn time_left(&self) -> Option<HumanDuration> {
        let done = u32::try_from(self.bar.position())
            .ok()
            .filter(|done| *done > 0)?;
        let (began, iterations_max) = *self.stage.lock().ok()?;
        let rest = u32::try_from(iterations_max).ok()?.saturating_sub(done);
        Some(HumanDuration(began.elapsed() / done * rest))
    }
}

impl Monitor for Terminal {
    fn begin(&self, stage: &str, iterations_max: usize) {
        if !stage.is_empty() {
            tracing::debug!("{stage}: begins, at most {iterations_max} iterations");
        }
        // First, so that no frame shows the last stage's words under the new one's name.
        self.bar.set_message("");
        let template = if iterations_max > 1 {
            "{spinner} {prefix} [{bar:12}] {pos}/{len}, {wide_msg}"
        } else {
            "{spinner} {prefix}, {elapsed} {wide_msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("=> "));
        }
        self.bar.reset();
        self.bar.set_length(iterations_max as u64);
        self.bar.set_prefix(stage.to_owned());
        if let Ok(mut stage) = self.stage.lock() {
            *stage = (Instant::now(), iterations_max);
        }
    }

    fn advance(&self, status: &Status<'_>) {
        if let Some(iteration) = status.iteration {
            self.bar.set_position(iteration as u64);
        }
        let left = self.time_left();
        let left = left.map_or_else(String::new, |left| format!("at most {left} left, "));
        // Cells of a recovery study have no cost in common.
        let cost = if status.cost.is_finite() {
            format!("cost {:.3}, ", status.cost)
        } else {
            String::new()
        };
        self.bar.set_message(format!(
            "{left}{cost}{} evaluations, {} failed",
            status.evaluations, status.failed
        ));
    }

    fn advance_sampling(&self, status: &SamplingStatus) {
        self.bar.set_position(status.draws as u64);
        let left = self.time_left();
        let left = left.map_or_else(String::new, |left| format!("about {left} left, "));
        self.bar
            .set_message(format!("{left}{} failed", status.failed));
    }

    fn warn(&self, message: &str) {
        super::say(&format!("warning: {message}"));
    }

    fn is_interrupted(&self) -> bool {
        self.interrupts.load(Ordering::SeqCst) > 0
    }
}
