//! PEC: comma-separated text below a preamble of `key:,value` lines.

use crate::import::Vendor;
use crate::import::header::Column;
use crate::import::header::Target;
use crate::import::header::column;
use crate::import::header::column_in;
use crate::import::layout::Layout;
use crate::record::Quantity;

/// The reader.
pub(super) const VENDOR: Vendor = Vendor {
    recognises: |text| text.head_contains(8, "TestRegime"),
    read: |text, hints| LAYOUT.read(text, hints),
};

const LAYOUT: Layout = Layout::cycler("PEC", COLUMNS);

const COLUMNS: &[Column] = &[
    column_in(
        &["totaltime", "totaltimeseconds"],
        Target::Record(Quantity::TestTime),
        "s",
    ),
    column(&["voltage"], Target::Record(Quantity::Voltage)),
    column(&["current"], Target::Record(Quantity::Current)),
    column(&["cycle"], Target::Record(Quantity::Cycle)),
    column(&["step"], Target::Record(Quantity::Step)),
    column(&["chargecapacity"], Target::ChargeCounter),
    column(&["dischargecapacity"], Target::DischargeCounter),
    column(&["realtime"], Target::Record(Quantity::UnixTime)),
    column(&["temp"], Target::Record(Quantity::Temperature)),
];
