//! `RelaxIS`: exported spectra.

use crate::import::Vendor;
use crate::import::header::Column;
use crate::import::header::Target;
use crate::import::header::column_in;
use crate::import::layout::Layout;
use crate::record::Quantity;

/// The reader.
pub(super) const VENDOR: Vendor = Vendor {
    recognises: |text| text.head_contains(1, "RelaxIS"),
    read: |text, hints| {
        let mut header = LAYOUT.header(text)?;
        // Metadata of the spectrum stand between names and numbers.
        let row = text.text.lines().nth(header.first_row).unwrap_or("");
        header.first_row += usize::from(row.starts_with("DC="));
        Ok(LAYOUT.finish(LAYOUT.draft(text, &header)?, hints))
    },
};

const LAYOUT: Layout = Layout {
    is_end: |line| line.starts_with("Data:"),
    ..Layout::spectrum("RelaxIS", COLUMNS)
};

const COLUMNS: &[Column] = &[
    column_in(
        &["datafrequency"],
        Target::Record(Quantity::Frequency),
        "Hz",
    ),
    column_in(&["dataz'"], Target::Record(Quantity::RealImpedance), "ohm"),
    column_in(
        &["dataz\""],
        Target::Record(Quantity::ImaginaryImpedance),
        "ohm",
    ),
];
