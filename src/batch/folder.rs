//! The folder of a campaign. State is what lies in it:
//!
//! - `cells.csv`: name of every cell and the key of its fit;
//! - `fits/KEY/`: a finished fit, which appeared by one rename, with `checksums.json`;
//! - `failed/KEY.json`: why a fit ended without a result;
//! - `work/KEY/`: a fit in flight, its inputs, and what it goes on from after an interruption;
//! - `work/KEY.lock`: locked by whoever works on it; the system unlocks it when that process ends, however it ends.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::fs::File;
use std::fs::TryLockError;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use thiserror::Error;

use crate::config::Campaign;
use crate::config::CampaignCell;
use crate::config::ConfigError;
use crate::config::Instance;
use crate::numerics::fingerprint::fingerprint;

/// Numbers for the content of every file of a finished fit.
const CHECKSUMS: &str = "checksums.json";
/// What a worker is asked to do.
const JOB: &str = "job.json";
/// Folder of the inputs of a finished fit.
const INPUT: &str = "input";
/// The list of cells and keys.
const INDEX: &str = "cells.csv";

/// What cannot be done in the folder of a campaign.
#[derive(Debug, Error)]
#[error("{}: {what}: {reason}; {remedy}", path.display())]
pub struct FolderError {
    path: PathBuf,
    what: &'static str,
    reason: String,
    remedy: &'static str,
}

impl FolderError {
    fn unwritable(path: &Path, error: &std::io::Error) -> Self {
        Self {
            path: path.to_owned(),
            what: "cannot be written",
            reason: error.to_string(),
            remedy: "free some space, or choose another folder with --out",
        }
    }
}

/// Why a fit ended without a result.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Failure {
    /// Name of the cell.
    pub cell: String,
    /// What happened.
    pub reason: String,
    /// What it said last.
    pub said: Vec<String>,
    /// A command that does the same again, in sight.
    pub command: String,
}

/// What a worker is asked to do, in the folder of the fit.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Job {
    /// Name of the cell.
    pub cell: String,
    /// The experiment, beside this file.
    pub experiment: String,
    /// It and all other files of the cell. Whatever else lies there was left by a worker that was killed.
    pub inputs: Vec<String>,
    /// Whether costs are profiled.
    pub profiles: bool,
    /// Draws from the posterior.
    pub posterior: usize,
    /// Whether records are left out in turn.
    pub ablate: bool,
    /// Time that may be spent (s).
    pub seconds: Option<f64>,
}

/// Where a fit stands.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Its result is there.
    Done,
    /// It ended without a result.
    Failed(Failure),
    /// Somebody works on it.
    Running,
    /// Nobody has begun it, or somebody has left it.
    Pending,
}

/// How many cells stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Cells of the campaign.
    pub cells: usize,
    /// Cells with a result.
    pub done: usize,
    /// Cells that ended without one.
    pub failed: usize,
    /// Cells that the table leaves out.
    pub skipped: usize,
    /// Cells that somebody works on.
    pub running: usize,
    /// Cells that wait.
    pub pending: usize,
}

/// The folder of a campaign.
#[derive(Clone, Debug)]
pub struct CampaignFolder {
    root: PathBuf,
}

impl CampaignFolder {
    /// A folder that may not exist yet.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a finished fit lies.
    pub fn fit(&self, key: &str) -> PathBuf {
        self.root.join("fits").join(key)
    }

    /// Where a fit in flight lies.
    pub fn work(&self, key: &str) -> PathBuf {
        self.root.join("work").join(key)
    }

    fn failure_path(&self, key: &str) -> PathBuf {
        self.root.join("failed").join(format!("{key}.json"))
    }

    fn lock_path(&self, key: &str) -> PathBuf {
        self.root.join("work").join(format!("{key}.lock"))
    }

    /// Makes the folders, so that what cannot be written is told before any work.
    ///
    /// # Errors
    /// [`FolderError`] if they cannot be written.
    pub fn prepare(&self) -> Result<(), FolderError> {
        for name in ["fits", "work", "failed"] {
            let path = self.root.join(name);
            fs::create_dir_all(&path).map_err(|e| FolderError::unwritable(&path, &e))?;
        }
        let probe = tempfile::NamedTempFile::new_in(self.root.join("work"));
        let probe = probe.and_then(|mut file| file.write_all(b"sulfit"));
        probe.map_err(|e| FolderError::unwritable(&self.root, &e))
    }

    /// Where a fit stands.
    pub fn state(&self, key: &str) -> State {
        if self.fit(key).join(CHECKSUMS).exists() {
            return State::Done;
        }
        if let Ok(text) = fs::read_to_string(self.failure_path(key)) {
            let failure = serde_json::from_str(&text).unwrap_or_else(|error| Failure {
                cell: String::new(),
                reason: format!("the record of its failure is damaged: {error}"),
                said: Vec::new(),
                command: String::new(),
            });
            return State::Failed(failure);
        }
        match File::open(self.lock_path(key)).map(|file| file.try_lock_shared()) {
            Ok(Err(TryLockError::WouldBlock)) => State::Running,
            _ => State::Pending,
        }
    }

    /// Takes the lock of a fit; `None` if somebody else has it. It holds as long as the file is open.
    ///
    /// # Errors
    /// [`FolderError`] if the lock cannot be written.
    pub fn lock(&self, key: &str) -> Result<Option<File>, FolderError> {
        let path = self.lock_path(key);
        let file = File::create(&path).map_err(|e| FolderError::unwritable(&path, &e))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(FolderError::unwritable(&path, &error)),
        }
    }

    /// Writes what a worker needs; what an interrupted one has left stays. Whoever hands out the fit again, after a
    /// loss of power too, writes it again: nothing waits for the disk.
    ///
    /// # Errors
    /// [`FolderError`] if it cannot be written.
    pub fn assign(&self, key: &str, job: &Job, instance: &Instance) -> Result<(), FolderError> {
        let folder = self.work(key);
        let written = (|| -> std::io::Result<()> {
            fs::create_dir_all(&folder)?;
            for (name, text) in &instance.files {
                swap_in(&folder.join(name), text.as_bytes(), OnDisk::Later)?;
            }
            let job = serde_json::to_vec_pretty(job).map_err(std::io::Error::other)?;
            swap_in(&folder.join(JOB), &job, OnDisk::Later)
        })();
        written.map_err(|e| FolderError::unwritable(&folder, &e))
    }

    /// What a worker shall do.
    ///
    /// # Errors
    /// In words, if there is nothing or it is damaged.
    pub fn job(&self, key: &str) -> Result<Job, String> {
        let path = self.work(key).join(JOB);
        let text = fs::read_to_string(&path);
        let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Moves a finished report into its place, with the inputs beside it and numbers for the content of every file.
    /// A loss of power before [`CampaignFolder::settle`] may damage it, which its numbers tell.
    ///
    /// # Errors
    /// [`FolderError`] if it cannot be written.
    pub fn finish(&self, key: &str, report: &Path, inputs: &[String]) -> Result<(), FolderError> {
        let (work, place) = (self.work(key), self.fit(key));
        let moved = (|| -> std::io::Result<()> {
            let folder = report.join(INPUT);
            fs::create_dir_all(&folder)?;
            for name in inputs {
                fs::copy(work.join(name), folder.join(name))?;
            }
            let checksums = checksums(report)?;
            let json = serde_json::to_vec_pretty(&checksums).map_err(std::io::Error::other)?;
            fs::write(report.join(CHECKSUMS), &json)?;
            if place.exists() {
                // A damaged one: what is there has no checksums or wrong ones.
                fs::remove_dir_all(&place)?;
            }
            fs::rename(report, &place)
        })();
        moved.map_err(|e| FolderError::unwritable(&place, &e))?;
        // What is left over does no harm.
        let _ = fs::remove_dir_all(&work);
        Ok(())
    }

    /// Waits until finished fits are on disk, so that no loss of power takes them back.
    ///
    /// # Errors
    /// [`FolderError`] if the disk does not take them.
    pub fn settle(&self, keys: &[String]) -> Result<(), FolderError> {
        let fits = self.root.join("fits");
        let settled = match sync_system(&fits) {
            Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {
                keys.iter().try_for_each(|key| sync_files(&self.fit(key)))
            }
            settled => settled,
        };
        settled.map_err(|e| FolderError::unwritable(&fits, &e))
    }

    /// Whether every file of a finished fit is as it was written.
    pub fn is_whole(&self, key: &str) -> bool {
        let folder = self.fit(key);
        let stored = fs::read_to_string(folder.join(CHECKSUMS)).ok();
        let stored: Option<BTreeMap<String, String>> =
            stored.and_then(|text| serde_json::from_str(&text).ok());
        stored.is_some() && stored == checksums(&folder).ok()
    }

    /// Forgets a finished fit that is damaged.
    ///
    /// # Errors
    /// [`FolderError`] if it cannot be removed.
    pub fn forget_fit(&self, key: &str) -> Result<(), FolderError> {
        let path = self.fit(key);
        fs::remove_dir_all(&path).map_err(|e| FolderError::unwritable(&path, &e))
    }

    /// Records why a fit ended without a result.
    ///
    /// # Errors
    /// [`FolderError`] if it cannot be written.
    pub fn fail(&self, key: &str, failure: &Failure) -> Result<(), FolderError> {
        let path = self.failure_path(key);
        let json = serde_json::to_vec_pretty(failure).unwrap_or_default();
        write_whole(&path, &json).map_err(|e| FolderError::unwritable(&path, &e))
    }

    /// Forgets a failure, so that the fit is tried again; whether there was one.
    ///
    /// # Errors
    /// [`FolderError`] if it cannot be removed.
    pub fn forgive(&self, key: &str) -> Result<bool, FolderError> {
        let path = self.failure_path(key);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(FolderError::unwritable(&path, &error)),
        }
    }

    /// Names and keys of the cells, as an earlier run has listed them for the same campaign; `None` if it changed.
    pub fn listed(&self, campaign: &Campaign) -> Option<BTreeMap<String, String>> {
        let text = fs::read_to_string(self.root.join(INDEX)).ok()?;
        let mut lines = text.lines();
        if lines.next()? != header(campaign) {
            return None;
        }
        let pairs = lines.map(|line| {
            let (key, name) = line.split_once(',')?;
            Some((name.to_owned(), key.to_owned()))
        });
        pairs.collect()
    }

    /// Lists names and keys.
    ///
    /// # Errors
    /// [`FolderError`] if the list cannot be written.
    pub fn list(&self, campaign: &Campaign, keys: &[(String, String)]) -> Result<(), FolderError> {
        let mut text = header(campaign) + "\n";
        for (name, key) in keys {
            let _ = writeln!(text, "{key},{name}");
        }
        let path = self.root.join(INDEX);
        write_whole(&path, text.as_bytes()).map_err(|e| FolderError::unwritable(&path, &e))
    }

    /// How many cells stand where, by what lies in the folder.
    pub fn progress(&self, cells: &[CampaignCell], keys: &BTreeMap<String, String>) -> Progress {
        let names = |folder: &str| -> BTreeSet<String> {
            let entries = fs::read_dir(self.root.join(folder)).into_iter().flatten();
            let names = entries
                .flatten()
                .map(|e| e.file_name().to_string_lossy().into_owned());
            names.collect()
        };
        let (fits, failed, work) = (names("fits"), names("failed"), names("work"));
        let mut progress = Progress {
            cells: cells.len(),
            ..Progress::default()
        };
        for cell in cells {
            let key = keys.get(&cell.name);
            let part = match key {
                _ if cell.skip.is_some() => &mut progress.skipped,
                Some(key) if fits.contains(key) => &mut progress.done,
                Some(key) if failed.contains(&format!("{key}.json")) => &mut progress.failed,
                Some(key)
                    if work.contains(&format!("{key}.lock"))
                        && self.state(key) == State::Running =>
                {
                    &mut progress.running
                }
                _ => &mut progress.pending,
            };
            *part += 1;
        }
        progress
    }
}

/// The keys of all cells, or why a cell has none, in the order of the table.
pub fn keys(campaign: &Campaign) -> Vec<Result<Instance, ConfigError>> {
    use rayon::prelude::*;
    let cells = campaign.cells.par_iter();
    cells.map(|cell| campaign.instance(cell)).collect()
}

/// First line of the list: a number for the campaign's own files.
fn header(campaign: &Campaign) -> String {
    format!("key,name,{:016x}", campaign.fingerprint())
}

/// Every file below a folder.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                all.push(path);
            }
        }
    }
    Ok(all)
}

/// Waits for everything on the file system of a folder: one question, where each file would be asked for otherwise.
#[cfg(target_os = "linux")]
fn sync_system(folder: &Path) -> std::io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_system(_: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Waits for every file below a folder, and for their names.
fn sync_files(folder: &Path) -> std::io::Result<()> {
    for path in files(folder)? {
        File::options().append(true).open(path)?.sync_all()?;
    }
    if cfg!(unix) {
        for named in [&folder.join(INPUT), folder] {
            File::open(named)?.sync_all()?;
        }
    }
    Ok(())
}

/// Numbers for the content of every file below a folder, without the list itself.
fn checksums(folder: &Path) -> std::io::Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for path in files(folder)? {
        let name = path.strip_prefix(folder).unwrap_or(&path);
        let name = name.to_string_lossy().into_owned();
        if name != CHECKSUMS {
            all.insert(name, format!("{:016x}", fingerprint(&fs::read(&path)?)));
        }
    }
    Ok(all)
}

/// When the content of a file has to be on disk.
#[derive(Clone, Copy, PartialEq)]
enum OnDisk {
    /// Before it has its name.
    First,
    /// Whenever the system finds time.
    Later,
}

/// A file appears whole or not at all, and is on disk before it has its name.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    swap_in(path, bytes, OnDisk::First)
}

/// A file appears whole or not at all.
fn swap_in(path: &Path, bytes: &[u8], on_disk: OnDisk) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    if on_disk == OnDisk::First {
        file.as_file().sync_data()?;
    }
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Systems that cannot be asked for everything at once are asked for each file.
    #[test]
    fn finished_fits_can_be_brought_to_disk_in_both_ways() {
        let root = tempfile::tempdir().unwrap();
        let folder = CampaignFolder::new(root.path());
        folder.prepare().unwrap();
        let fit = folder.fit("key");
        fs::create_dir_all(fit.join(INPUT)).unwrap();
        for name in ["result.json", "input/experiment.toml"] {
            fs::write(fit.join(name), "text").unwrap();
        }
        folder.settle(&["key".to_owned()]).unwrap();
        sync_files(&fit).unwrap();
        let absent = sync_files(&folder.fit("absent")).unwrap_err();
        assert_eq!(absent.kind(), std::io::ErrorKind::NotFound);
    }
}
