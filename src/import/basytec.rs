//! Basytec: text with a preamble of lines that begin with `~`.

use crate::import::Vendor;
use crate::import::header::Column;
use crate::import::header::Target;
use crate::import::header::column;
use crate::import::header::column_in;
use crate::import::layout::Layout;
use crate::record::Quantity;

/// The reader.
pub(super) const VENDOR: Vendor = Vendor {
    recognises: |text| text.head_contains(3, "Basytec"),
    read: |text, hints| LAYOUT.read(text, hints),
};

const LAYOUT: Layout = Layout::cycler("Basytec", COLUMNS);

const COLUMNS: &[Column] = &[
    // The name keeps its tilde only until it is reduced.
    column(&["time"], Target::Record(Quantity::TestTime)),
    column(&["u"], Target::Record(Quantity::Voltage)),
    column(&["i"], Target::Record(Quantity::Current)),
    column(&["cyccount"], Target::Record(Quantity::Cycle)),
    column(&["line"], Target::Record(Quantity::Step)),
    column_in(
        &["ahcyccharge0", "ahcyccharge"],
        Target::ChargeCounter,
        "Ah",
    ),
    column_in(
        &["ahcycdischarge0", "ahcycdischarge"],
        Target::DischargeCounter,
        "Ah",
    ),
    column(&["t1"], Target::Record(Quantity::Temperature)),
];
