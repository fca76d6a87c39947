//! Bitrode: comma-separated text with three columns named `Loop`.

use crate::import::Vendor;
use crate::import::header::Column;
use crate::import::header::Target;
use crate::import::header::column;
use crate::import::layout::Layout;
use crate::record::Quantity;

/// The reader.
pub(super) const VENDOR: Vendor = Vendor {
    recognises: |text| text.head_contains(5, "Exclude,") && text.head_contains(5, "StepTime"),
    read: |text, hints| LAYOUT.read(text, hints),
};

const LAYOUT: Layout = Layout::cycler("Bitrode", COLUMNS);

const COLUMNS: &[Column] = &[
    column(&["time", "totaltime"], Target::Record(Quantity::TestTime)),
    column(&["voltage"], Target::Record(Quantity::Voltage)),
    column(&["current"], Target::Record(Quantity::Current)),
    column(&["cycle"], Target::Record(Quantity::Cycle)),
    column(&["step"], Target::Record(Quantity::Step)),
    column(&["exclude"], Target::Excluded),
];
