//! `PowerSuite`: spectra as three columns without units.

use crate::import::Vendor;
use crate::import::header::Column;
use crate::import::header::Target;
use crate::import::header::column_in;
use crate::import::layout::Layout;
use crate::record::Quantity;

/// The reader.
pub(super) const VENDOR: Vendor = Vendor {
    recognises: |text| text.head_contains(1, "Zre") && text.head_contains(1, "Zimg"),
    read: |text, hints| LAYOUT.read(text, hints),
};

const LAYOUT: Layout = Layout::spectrum("PowerSuite", COLUMNS);

// The software writes Hz and ohm and does not say so.
const COLUMNS: &[Column] = &[
    column_in(&["frequency"], Target::Record(Quantity::Frequency), "Hz"),
    column_in(&["zre"], Target::Record(Quantity::RealImpedance), "ohm"),
    column_in(
        &["zimg"],
        Target::Record(Quantity::ImaginaryImpedance),
        "ohm",
    ),
];
