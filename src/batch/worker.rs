//! One fit of a campaign, in a process of its own: whatever happens to it, the others go on.

use std::time::Duration;
use std::time::Instant;

use serde::Deserialize;
use serde::Serialize;

use super::folder::CampaignFolder;
use super::folder::Failure;
use super::folder::Job;
use crate::config::read_study;
use crate::estimate::Archive;
use crate::estimate::Effort;
use crate::estimate::Monitor;
use crate::estimate::Status;
use crate::estimate::Study;
use crate::estimate::fit;
use crate::report;

/// How a worker ended.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The result is in its place.
    Done,
    /// Somebody else works on it.
    Busy,
    /// Somebody asked for an end; the next run goes on from here.
    Interrupted,
    /// It failed, and the failure is recorded.
    Failed(Failure),
}

/// Watches for the end of the time, and for whoever asks for an end.
struct Watch<'w> {
    inner: &'w dyn Monitor,
    deadline: Option<Instant>,
}

impl Watch<'_> {
    fn is_late(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| Instant::now() > deadline)
    }
}

impl Monitor for Watch<'_> {
    fn begin(&self, stage: &str, iterations_max: usize) {
        self.inner.begin(stage, iterations_max);
    }
    fn advance(&self, status: &Status<'_>) {
        self.inner.advance(status);
    }
    fn warn(&self, message: &str) {
        self.inner.warn(message);
    }
    fn is_interrupted(&self) -> bool {
        self.is_late() || self.inner.is_interrupted()
    }
}

/// Does one fit. `archive` gives the keeper of its state for a folder and a study.
///
/// # Errors
/// In words, if the folder of the campaign cannot be read or written: then nothing is recorded either.
pub fn work<A: Archive>(
    folder: &CampaignFolder,
    key: &str,
    monitor: &dyn Monitor,
    archive: impl FnOnce(&std::path::Path, &Study) -> A,
) -> Result<Ended, String> {
    let Some(_lock) = folder.lock(key).map_err(|e| e.to_string())? else {
        return Ok(Ended::Busy);
    };
    if folder.state(key) == super::folder::State::Done {
        return Ok(Ended::Done);
    }
    let job = folder.job(key)?;
    let place = folder.work(key);
    let experiment = place.join(&job.experiment);
    let command = format!("sulfit fit {}", experiment.display());
    let failed = |reason: String| -> Result<Ended, String> {
        tracing::info!("fit of cell '{}' failed: {reason}", job.cell);
        let failure = Failure {
            cell: job.cell.clone(),
            reason,
            said: Vec::new(),
            command: command.clone(),
        };
        folder.fail(key, &failure).map_err(|e| e.to_string())?;
        Ok(Ended::Failed(failure))
    };
    let study = match read_study(&experiment) {
        Ok(study) => study,
        Err(error) => return failed(format!("bad input: {error}")),
    };
    tracing::info!("fit of cell '{}' in {}", job.cell, place.display());
    let watch = Watch {
        inner: monitor,
        deadline: job
            .seconds
            .map(|s| Instant::now() + Duration::from_secs_f64(s)),
    };
    let archive = archive(&place, &study);
    let report = fit(&study, &effort(&job), &watch, &archive);
    if report.is_interrupted {
        if watch.is_late() {
            let minutes = job.seconds.unwrap_or(0.0) / 60.0;
            return failed(format!(
                "out of time: not finished in {minutes} min; sulfit batch retry goes on from where it stood"
            ));
        }
        return Ok(Ended::Interrupted);
    }
    let staging = place.join("report");
    let _ = std::fs::remove_dir_all(&staging);
    if let Err(error) = report::write(&staging, &study, &report) {
        return failed(format!("the report cannot be written: {error}"));
    }
    let finished = folder.finish(key, &staging, &job.inputs);
    finished.map_err(|e| e.to_string())?;
    Ok(Ended::Done)
}

fn effort(job: &Job) -> Effort {
    Effort {
        profiles: job.profiles,
        draws: job.posterior,
        weighted_draws: 0,
        ablate: job.ablate,
    }
}
