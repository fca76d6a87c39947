//! `sulfit batch work`, hidden: fits one key after the other that `run` writes to its stdin.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use clap::Args;

use super::FolderArchive;
use super::pipe::Standing;
use super::pipe::Word;
use crate::batch::CampaignFolder;
use crate::batch::work;
use crate::estimate::Monitor;
use crate::estimate::SamplingStatus;
use crate::estimate::Status;

/// How often it tells where it stands.
const TOLD: Duration = Duration::from_millis(200);

#[derive(Args)]
pub(super) struct WorkArguments {
    /// Folder of the campaign
    folder: PathBuf,
}

/// One fit after the other in this process, until there are no more keys or nobody listens.
pub(super) fn serve(arguments: &WorkArguments) -> Result<ExitCode, String> {
    // Ctrl-C reaches all processes of a terminal; whoever handed out a fit decides what becomes of it.
    let _ = ctrlc::set_handler(|| {});
    let folder = CampaignFolder::new(&arguments.folder);
    super::super::in_pool(Some(1), || {
        for key in std::io::stdin().lines() {
            let key = key.map_err(|error| format!("stdin: {error}"))?;
            let _span = tracing::info_span!("fit", key).entered();
            let ended = work(&folder, &key, &Teller::new(), FolderArchive::new)?;
            if !tell(&Word::Ended(ended)) {
                break;
            }
        }
        Ok(ExitCode::SUCCESS)
    })?
}

/// Writes a word; whether anybody listens.
fn tell(word: &Word) -> bool {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(word.line().as_bytes());
    written.and_then(|()| out.flush()).is_ok()
}

/// Tells where a fit stands.
struct Teller {
    now: Mutex<(Standing, Instant)>,
}

impl Teller {
    fn new() -> Self {
        let begun = Standing {
            stage: String::new(),
            iteration: 0,
            iterations_max: 0,
            cost: None,
        };
        Self {
            now: Mutex::new((begun, Instant::now())),
        }
    }

    /// Changes what is told, and tells it unless something was told a moment ago.
    fn change(&self, change: impl FnOnce(&mut Standing)) {
        if let Ok(mut now) = self.now.lock() {
            change(&mut now.0);
            if now.1.elapsed() >= TOLD {
                now.1 = Instant::now();
                // If nobody listens, the end of this fit is the end of the process.
                tell(&Word::At(now.0.clone()));
            }
        }
    }
}

impl Monitor for Teller {
    fn begin(&self, stage: &str, iterations_max: usize) {
        self.change(|standing| {
            *standing = Standing {
                stage: stage.to_owned(),
                iteration: 0,
                iterations_max,
                cost: None,
            }
        });
    }

    fn advance(&self, status: &Status<'_>) {
        self.change(|standing| {
            standing.iteration = status.iteration.unwrap_or(standing.iteration);
            standing.cost = Some(status.cost).filter(|cost| cost.is_finite());
        });
    }

    fn advance_sampling(&self, status: &SamplingStatus) {
        self.change(|standing| standing.iteration = status.draws);
    }

    fn warn(&self, message: &str) {
        super::say(&format!("warning: {message}"));
    }

    fn is_interrupted(&self) -> bool {
        false
    }
}
