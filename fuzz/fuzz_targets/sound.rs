//! What holds for every input that a reader takes: whatever is read is whole.

use std::path::Path;

use sulfit::import::Hints;
use sulfit::import::parse_measured;
use sulfit::record::Quantity;

/// Reads bytes; panics if what comes out has columns of different lengths or is neither curve nor spectrum.
pub(crate) fn assert_sound(bytes: &[u8], hints: &Hints) {
    let Ok(measured) = parse_measured(Path::new("fuzzed"), bytes.to_vec(), hints) else {
        return;
    };
    let n_rows = measured.len();
    for quantity in Quantity::ALL {
        let length = measured.values(quantity).map_or(n_rows, <[f64]>::len);
        assert_eq!(length, n_rows, "{}", quantity.name());
    }
    let is_spectrum = measured.values(Quantity::Frequency).is_some();
    match measured.record() {
        Some(record) => assert_eq!(record.len(), n_rows),
        None => assert!(is_spectrum, "neither curve nor spectrum"),
    }
    for spectrum in measured.spectra() {
        assert_eq!(spectrum.frequency_hz.len(), spectrum.impedance_ohm.len());
    }
    for finding in &measured.findings {
        assert!(!finding.to_string().is_empty());
    }
}

/// The readers catch what the libraries for workbooks and Parquet panic at; libFuzzer's hook would stop there. Panics
/// that nobody catches still end the run.
#[allow(dead_code, reason = "not every target reads by these libraries")]
pub(crate) fn allow_panics_of_libraries() {
    std::panic::set_hook(Box::new(|panic| {
        let is_foreign = panic
            .location()
            .is_some_and(|place| place.file().contains("/registry/"));
        if !is_foreign {
            eprintln!("{panic}");
        }
    }));
}
