//! `posterior.json` of a report, matched with the experiment that it was fitted by.

use std::path::Path;

use ndarray::Array2;

use super::error::ConfigError;
use super::error::Place;
use super::error::read_text;
use crate::estimate::Fitted;
use crate::estimate::Study;
use crate::mechanism::Mechanism;
use crate::report::HANDOVER_FILE;
use crate::report::HANDOVER_LAYOUT;
use crate::report::RawFitted;
use crate::report::RawHandover;
use crate::report::parse_hexadecimal;
use crate::surrogate::structure;

/// Reads what a fit has left in the folder of its report, without regard to its experiment.
///
/// # Errors
/// [`ConfigError`] if there is none, it is of another layout, or it contradicts itself.
pub(super) fn read_handover(folder: &Path) -> Result<RawHandover, ConfigError> {
    let path = folder.join(HANDOVER_FILE);
    if !path.exists() {
        let found = format!("no {HANDOVER_FILE}");
        let expected = "the folder of a report; run sulfit fit first";
        return Err(Place::new(folder).value("fit", found, expected));
    }
    let place = Place::new(&path);
    let raw: RawHandover =
        serde_json::from_str(&read_text(&path)?).map_err(|error| ConfigError::Syntax {
            path: path.clone(),
            line: error.line(),
            message: format!("not what a fit hands over: {error}; fit again"),
        })?;
    if raw.layout != HANDOVER_LAYOUT {
        let expected = format!("{HANDOVER_LAYOUT}; fit again with this version");
        return Err(place.value("layout", raw.layout.to_string(), expected));
    }
    for variant in &raw.variants {
        check_shape(&place, variant)?;
    }
    Ok(raw)
}

/// A file that contradicts itself.
fn check_shape(place: &Place<'_>, variant: &RawFitted) -> Result<(), ConfigError> {
    let n = variant.free.len();
    let is_row = |row: &Vec<f64>| row.len() == n && row.iter().all(|x| x.is_finite());
    let is_whole = is_row(&variant.x)
        && variant.covariance.len() == n
        && variant.covariance.iter().all(is_row)
        && variant.samples.iter().all(is_row);
    let key = format!("variant '{}'", variant.variant);
    if is_whole {
        return Ok(());
    }
    Err(place.value(
        key,
        "rows of another length",
        format!("{n} numbers each; fit again"),
    ))
}

/// A fit with another mechanism, or with the same before its equations were changed.
pub(super) fn check_structure(
    place: &Place<'_>,
    raw: &RawFitted,
    mechanism: &Mechanism,
) -> Result<(), ConfigError> {
    if parse_hexadecimal(&raw.structure) == Some(structure(mechanism)) {
        return Ok(());
    }
    let found = format!("a fit with other equations ('{}')", raw.mechanism);
    let name = mechanism.name();
    let expected = format!("the mechanism '{name}' as it is now; fit again");
    Err(place.value(format!("variant '{}'", raw.variant), found, expected))
}

/// What a fit of a study has left in the folder of its report.
///
/// # Errors
/// [`ConfigError`] if there is none, or it is of another experiment.
pub fn read_fitted(folder: &Path, study: &Study) -> Result<Vec<Fitted>, ConfigError> {
    let path = folder.join(HANDOVER_FILE);
    let place = Place::new(&path);
    let raw = read_handover(folder)?;
    if raw.cells != study.cells {
        let found = format!("cells {}", raw.cells.join(", "));
        let expected = format!(
            "{}, as in the experiment; fit again",
            study.cells.join(", ")
        );
        return Err(place.value("cells", found, expected));
    }
    let fitted = raw.variants.iter().map(|raw| {
        let key = format!("variant '{}'", raw.variant);
        let position = study.variants.iter().position(|v| v.name == raw.variant);
        let Some(variant) = position else {
            let expected = "the variants of the experiment; fit again";
            return Err(place.value(key, "no such variant", expected));
        };
        check_structure(&place, raw, &study.variants[variant].mechanism)?;
        let names: Vec<&str> = study.variants[variant]
            .free
            .iter()
            .map(|f| &*f.name)
            .collect();
        if raw.free != names {
            let found = format!("free quantities {}", raw.free.join(", "));
            let expected = format!("{}; fit again", names.join(", "));
            return Err(place.value(key, found, expected));
        }
        let n = names.len();
        Ok(Fitted {
            variant,
            weight: raw.weight,
            x: raw.x.clone(),
            covariance: Array2::from_shape_fn((n, n), |(i, j)| raw.covariance[i][j]),
            samples: raw.samples.clone(),
            is_converged: raw.converged,
        })
    });
    let fitted: Vec<Fitted> = fitted.collect::<Result<_, _>>()?;
    if fitted.is_empty() {
        let expected = "at least one variant with a known curvature; fit again";
        return Err(place.value("variants", "none", expected));
    }
    Ok(fitted)
}
