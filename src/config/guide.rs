//! The surrogate of an experiment: the one that it names, or the one that lies beside its mechanism.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use super::error::ConfigError;
use super::experiment::Builder;
use super::experiment_file::SURROGATE_STARTS;
use super::surrogate::read_surrogate;
use crate::estimate::Guide;
use crate::estimate::Study;
use crate::estimate::guide_fits;

/// What says that none is wanted.
const NONE: &str = "none";

impl Builder<'_> {
    /// Gives a study its surrogate. One that the experiment names must belong to it; one that merely lies beside the
    /// mechanism is left alone if it does not.
    pub(super) fn find_guide(&self, study: &mut Study) -> Result<(), ConfigError> {
        let named = self.raw.fit.surrogate.as_deref();
        if named == Some(Path::new(NONE)) {
            return Ok(());
        }
        let folder = self.place.path.parent().unwrap_or(Path::new("."));
        let found = match named {
            Some(path) => self.guide(study, &folder.join(path)).map(Some),
            None => self.shipped(study, folder),
        };
        match (found, named) {
            (Ok(guide), _) => {
                if let Some(guide) = &guide {
                    tracing::info!(
                        "surrogate '{}' belongs to the experiment",
                        guide.surrogate.name
                    );
                }
                study.guide = guide;
            }
            (Err(error), Some(_)) => return Err(error),
            (Err(error), None) => {
                tracing::info!("the surrogate beside the mechanism is not used: {error}");
                study.guide_refusal = Some(error.to_string());
            }
        }
        Ok(())
    }

    /// The surrogate beside the mechanism, if there is one.
    fn shipped(&self, study: &Study, folder: &Path) -> Result<Option<Guide>, ConfigError> {
        let mechanism: PathBuf = folder.join(&self.raw.mechanism);
        let models = mechanism.parent().unwrap_or(Path::new("."));
        let path = models.join("surrogates").join(self.mechanism.name());
        if !path.join("card.json").exists() {
            return Ok(None);
        }
        self.guide(study, &path).map(Some)
    }

    fn guide(&self, study: &Study, folder: &Path) -> Result<Guide, ConfigError> {
        let surrogate = read_surrogate(folder, self.mechanism)?;
        let guide = Guide {
            fingerprint: surrogate.number_networks.fingerprint(),
            starts: self.raw.fit.surrogate_starts.unwrap_or(SURROGATE_STARTS),
            surrogate: Arc::new(surrogate),
        };
        let variants = 0..study.variants.len();
        let reasons: Result<Vec<()>, String> = variants
            .map(|variant| guide_fits(study, &guide, variant))
            .collect();
        reasons.map(|_| guide).map_err(|reason| {
            let found = format!(
                "{}, which does not belong to this experiment",
                folder.display()
            );
            let expected = format!("another one, or none: {reason}");
            self.place.value("fit.surrogate", found, expected)
        })
    }
}
