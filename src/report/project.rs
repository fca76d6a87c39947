//! A new folder, all or nothing: written beside its place first, then renamed.

use std::path::Path;
use std::path::PathBuf;

use tempfile::TempDir;

use super::ReportError;

/// Name of the folder inside the temporary one: a temporary folder can be read by its owner only.
const INSIDE: &str = "new";

/// A folder that does not stand at its place yet.
pub struct Staged {
    folder: PathBuf,
    staging: TempDir,
}

impl Staged {
    /// A folder that will become `folder`, which must not exist or be empty.
    ///
    /// # Errors
    /// [`ReportError`] if nothing can be written beside it.
    pub fn new(folder: &Path) -> Result<Self, ReportError> {
        let parent = match folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let made = (|| -> std::io::Result<TempDir> {
            std::fs::create_dir_all(parent)?;
            let staging = tempfile::Builder::new()
                .prefix(".sulfit-")
                .tempdir_in(parent)?;
            std::fs::create_dir(staging.path().join(INSIDE))?;
            Ok(staging)
        })();
        let staging = made.map_err(|error| unwritable(folder, &error))?;
        Ok(Self {
            folder: folder.to_owned(),
            staging,
        })
    }

    /// Where it stands so far.
    pub fn path(&self) -> PathBuf {
        self.staging.path().join(INSIDE)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// [`ReportError`] if it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ReportError> {
        self.put(name, |path| std::fs::write(path, bytes))
    }

    /// Copies a file into it. The copy can be written, whatever the original is.
    ///
    /// # Errors
    /// [`ReportError`] if it cannot be written.
    pub fn copy(&self, from: &Path, name: &str) -> Result<(), ReportError> {
        self.put(name, |path| {
            let mut source = std::fs::File::open(from)?;
            std::io::copy(&mut source, &mut std::fs::File::create(path)?).map(|_| ())
        })
    }

    /// Takes a file back.
    ///
    /// # Errors
    /// [`ReportError`] if it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), ReportError> {
        let removed = std::fs::remove_file(self.path().join(name));
        removed.map_err(|error| unwritable(&self.folder, &error))
    }

    fn put(
        &self,
        name: &str,
        write: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> Result<(), ReportError> {
        let path = self.path().join(name);
        let parent = path.parent().unwrap_or(Path::new("."));
        let written = std::fs::create_dir_all(parent).and_then(|()| write(&path));
        written.map_err(|error| unwritable(&self.folder, &error))
    }

    /// Puts the folder at its place.
    ///
    /// # Errors
    /// [`ReportError`] if something stands there by now.
    pub fn commit(self) -> Result<(), ReportError> {
        let placed = (|| -> std::io::Result<()> {
            if self.folder.is_dir() {
                // Fails unless it is empty.
                std::fs::remove_dir(&self.folder)?;
            }
            std::fs::rename(self.path(), &self.folder)
        })();
        placed.map_err(|error| unwritable(&self.folder, &error))
    }
}

fn unwritable(folder: &Path, error: &std::io::Error) -> ReportError {
    ReportError::Unwritable {
        path: folder.to_owned(),
        reason: error.to_string(),
    }
}
