//! Autolab NOVA: text of voltammetry, steps and impedance.

use crate::import::Vendor;
use crate::import::header::Column;
use crate::import::header::Target;
use crate::import::header::column;
use crate::import::layout::Layout;
use crate::record::Quantity;

/// The reader.
pub(super) const VENDOR: Vendor = Vendor {
    recognises: |text| {
        text.head_contains(3, "WE(1).Potential")
            || (text.head_contains(3, "-Z''") && text.head_contains(3, "Frequency (Hz)"))
    },
    read: |text, hints| LAYOUT.read(text, hints),
};

const LAYOUT: Layout = Layout {
    technique: None,
    ..Layout::cycler("Autolab", COLUMNS)
};

const COLUMNS: &[Column] = &[
    column(
        &["time", "correctedtime"],
        Target::Record(Quantity::TestTime),
    ),
    column(
        &["we1potential", "potentialapplied"],
        Target::Record(Quantity::Voltage),
    ),
    column(&["we1current"], Target::Record(Quantity::Current)),
    column(&["scan"], Target::Record(Quantity::Cycle)),
    column(&["frequency"], Target::Record(Quantity::Frequency)),
    column(&["z'"], Target::Record(Quantity::RealImpedance)),
    column(&["-z\""], Target::NegativeImaginary),
];
