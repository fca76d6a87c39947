//! Zahner Thales: binary files of spectra (`.ism`), big-endian.
//!
//! Layout after the reader of Zahner's own package (zahner-analysis 26.42, MIT): two 48-bit integers (version, number of
//! points less one), then frequency (Hz), |Z| (Ω) and phase (rad) as 64-bit floats.

use std::path::Path;

use crate::import::ImportError;
use crate::record::Measured;
use crate::record::Quantity;
use crate::record::Technique;

/// Bytes of the two integers in front.
const PREAMBLE: usize = 12;
/// Most points that a spectrum may have.
const POINTS_MAX: usize = 100_000;

/// Whether bytes are such a file: a plausible number of points with positive frequencies.
pub(super) fn is_zahner(bytes: &[u8]) -> bool {
    n_points(bytes)
        .is_some_and(|n| floats(bytes, 0, n).all(|f| f.is_finite() && f > 0.0 && f < 1e9))
}

fn integer(bytes: &[u8]) -> Option<u64> {
    let bytes = bytes.get(..6)?;
    Some(
        bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    )
}

/// Number of points, if the file is long enough for them.
fn n_points(bytes: &[u8]) -> Option<usize> {
    let version = integer(bytes)?;
    let n = usize::try_from(integer(&bytes[6..])?)
        .ok()?
        .checked_add(1)?;
    let is_long_enough = bytes.len() >= PREAMBLE + 3 * 8 * n.min(POINTS_MAX);
    (version < 1 << 32 && (2..POINTS_MAX).contains(&n) && is_long_enough).then_some(n)
}

/// One of the arrays.
fn floats(bytes: &[u8], array: usize, n: usize) -> impl Iterator<Item = f64> {
    let start = PREAMBLE + array * n * 8;
    bytes[start..start + n * 8]
        .chunks_exact(8)
        .map(|chunk| {
            chunk
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        })
        .map(f64::from_bits)
}

/// Reads the spectrum between the lowest and the highest frequency; the part before that is measured twice.
///
/// # Errors
/// [`ImportError::Kind`] if the file is cut.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Measured, ImportError> {
    let Some(n) = n_points(bytes) else {
        return Err(ImportError::Kind {
            path: path.to_owned(),
            kind: "a damaged Zahner file".to_owned(),
            remedy: "copy it again from the instrument".to_owned(),
        });
    };
    let frequency: Vec<f64> = floats(bytes, 0, n).collect();
    let magnitude: Vec<f64> = floats(bytes, 1, n).collect();
    let phase: Vec<f64> = floats(bytes, 2, n).collect();
    let extreme = |better: fn(f64, f64) -> bool| {
        (1..n).fold(0, |best, i| {
            if better(frequency[i], frequency[best]) {
                i
            } else {
                best
            }
        })
    };
    let (lowest, highest) = (extreme(|a, b| a < b), extreme(|a, b| a > b));
    let range = lowest.min(highest)..=lowest.max(highest);
    let polar = |i: usize| (magnitude[i] * phase[i].cos(), magnitude[i] * phase[i].sin());
    let (re, im) = range.clone().map(polar).unzip();
    let columns = vec![
        (Quantity::Frequency, frequency[range.clone()].to_vec()),
        (Quantity::RealImpedance, re),
        (Quantity::ImaginaryImpedance, im),
    ];
    let rows = range
        .map(|i| u32::try_from(i + 1).unwrap_or(u32::MAX))
        .collect();
    Ok(Measured::new(columns, rows, Technique::Impedance, "Zahner"))
}
