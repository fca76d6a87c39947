//! Progress on the terminal, and the end that Ctrl-C asks for.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::estimate::Monitor;
use crate::estimate::Status;

/// How often the bar is drawn again.
const REDRAW: Duration = Duration::from_millis(200);
/// Exit code of a process that SIGINT ended.
const EXIT_INTERRUPTED: i32 = 130;

/// Shows progress on stderr if that is a terminal; the first Ctrl-C asks for an end at the best point so far, the
/// second one ends the process.
pub(super) struct Terminal {
    bar: ProgressBar,
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
        let bar = ProgressBar::new(1);
        bar.enable_steady_tick(REDRAW);
        Self { bar, interrupts }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Monitor for Terminal {
    fn begin(&self, stage: &str, iterations_max: usize) {
        let template = if iterations_max > 1 {
            "{spinner} {prefix} [{bar:12}] {pos}/{len}, at most {eta} left, {wide_msg}"
        } else {
            "{spinner} {prefix}, {elapsed} {wide_msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("=> "));
        }
        self.bar.reset();
        self.bar.set_length(iterations_max as u64);
        self.bar.set_prefix(stage.to_owned());
        self.bar.set_message("");
    }

    fn advance(&self, status: &Status<'_>) {
        if let Some(iteration) = status.iteration {
            self.bar.set_position(iteration as u64);
        }
        self.bar.set_message(format!(
            "cost {:.3}, {} evaluations, {} failed",
            status.cost, status.evaluations, status.failed
        ));
    }

    fn is_interrupted(&self) -> bool {
        self.interrupts.load(Ordering::SeqCst) > 0
    }
}
