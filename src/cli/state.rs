//! Where long work keeps what it has done: a folder of small tables beside the report.

use std::fs;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;

use crate::estimate::Archive;
use crate::estimate::Study;

/// An archive in a folder of its own for every study: another input or another version of the program finds it empty.
pub(super) struct FolderArchive {
    folder: PathBuf,
    /// The first error, told once; work goes on without what cannot be kept.
    error: Mutex<Option<String>>,
}

impl FolderArchive {
    /// In the subfolder `state` of a report.
    pub(super) fn new(report: &Path, study: &Study) -> Self {
        let mut hasher = DefaultHasher::new();
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        // The study as a text holds every number that enters the result, each to its last digit. How many starts are
        // fitted is no part of it: a longer search goes on from a shorter one.
        let mut study = study.clone();
        study.settings.starts = 0;
        // Their content is in the study; a comment in them is no part of it.
        study.inputs.clear();
        format!("{study:?}").hash(&mut hasher);
        Self {
            folder: report
                .join("state")
                .join(format!("{:016x}", hasher.finish())),
            error: Mutex::new(None),
        }
    }

    /// What went wrong, if anything did.
    pub(super) fn error(&self) -> Option<String> {
        self.error.lock().ok()?.clone()
    }

    fn path(&self, name: &str) -> PathBuf {
        let keep = |c: char| {
            if c.is_alphanumeric() || "-.".contains(c) {
                c
            } else {
                '_'
            }
        };
        let file: String = name.chars().map(keep).collect();
        self.folder.join(format!("{file}.csv"))
    }

    fn note(&self, path: &Path, result: std::io::Result<()>) {
        if let (Err(error), Ok(mut first)) = (result, self.error.lock()) {
            first.get_or_insert_with(|| format!("{}: {error}", path.display()));
        }
    }
}

/// Numbers as text that reads back to the last bit.
fn line(row: &[f64]) -> String {
    let numbers: Vec<String> = row.iter().map(|x| format!("{x:e}")).collect();
    numbers.join(",") + "\n"
}

/// The numbers of a line; `None` if it has no end or holds anything else.
fn parse(line: &str) -> Option<Vec<f64>> {
    let line = line.strip_suffix('\n')?;
    if line.is_empty() {
        return Some(Vec::new());
    }
    line.split(',').map(|number| number.parse().ok()).collect()
}

impl Archive for FolderArchive {
    fn recall(&self, name: &str) -> Option<Vec<Vec<f64>>> {
        let text = fs::read_to_string(self.path(name)).ok()?;
        let rows: Vec<Vec<f64>> = text.split_inclusive('\n').map_while(parse).collect();
        if rows.len() < text.lines().count() {
            // The last line was cut off by whatever ended the last run; the next one shall not be glued to it.
            self.keep(name, &rows);
        }
        (!rows.is_empty()).then_some(rows)
    }

    fn keep(&self, name: &str, rows: &[Vec<f64>]) {
        let path = self.path(name);
        let written = (|| -> std::io::Result<()> {
            fs::create_dir_all(&self.folder)?;
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            for row in rows {
                file.write_all(line(row).as_bytes())?;
            }
            file.persist(&path)?;
            Ok(())
        })();
        self.note(&path, written);
    }

    fn append(&self, name: &str, row: &[f64]) {
        let path = self.path(name);
        let written = (|| -> std::io::Result<()> {
            fs::create_dir_all(&self.folder)?;
            let mut file = fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(&path)?;
            file.write_all(line(row).as_bytes())
        })();
        self.note(&path, written);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_to_the_last_bit() {
        let row = [0.1, -1.0 / 3.0, 1e-300, f64::INFINITY, 5.0];
        assert_eq!(parse(&line(&row)).unwrap(), row);
        assert!(parse(&line(&[f64::NAN])).unwrap()[0].is_nan());
        assert_eq!(parse("1.0,x\n"), None);
        assert_eq!(parse("1.0"), None);
    }

    #[test]
    fn line_that_was_cut_off_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let archive = FolderArchive {
            folder: folder.path().to_owned(),
            error: Mutex::default(),
        };
        archive.append("a/b", &[1.0, 2.0]);
        archive.append("a/b", &[3.0]);
        let path = archive.path("a/b");
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("4e0,5");
        fs::write(&path, text).unwrap();
        assert_eq!(archive.recall("a/b").unwrap(), [vec![1.0, 2.0], vec![3.0]]);
        archive.append("a/b", &[6.0]);
        assert_eq!(archive.recall("a/b").unwrap().len(), 3);
        assert_eq!(archive.recall("absent"), None);
        assert_eq!(archive.error(), None);
    }
}
