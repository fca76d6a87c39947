//! Arbin: text and workbooks of MITS Pro and its data converters, with or without units in the header.

use crate::import::Vendor;
use crate::import::header::Column;
use crate::import::header::Target;
use crate::import::header::column;
use crate::import::header::column_in;
use crate::import::layout::Layout;
use crate::record::Quantity;

/// The reader.
pub(super) const VENDOR: Vendor = Vendor {
    recognises: |text| {
        let line = text
            .text
            .lines()
            .next()
            .unwrap_or("")
            .to_lowercase()
            .replace('_', " ");
        line.contains("test time") && line.contains("step index") && line.contains("cycle index")
    },
    read: |text, hints| LAYOUT.read(text, hints),
};

// Where an export has no units, they are those of Arbin's database: s, A, V, Ah.
const LAYOUT: Layout = Layout::cycler("Arbin", COLUMNS);

const COLUMNS: &[Column] = &[
    column_in(&["testtime"], Target::Record(Quantity::TestTime), "s"),
    column_in(&["voltage"], Target::Record(Quantity::Voltage), "V"),
    column_in(&["current"], Target::Record(Quantity::Current), "A"),
    column(&["cycleindex"], Target::Record(Quantity::Cycle)),
    column(&["stepindex"], Target::Record(Quantity::Step)),
    column_in(&["chargecapacity"], Target::ChargeCounter, "Ah"),
    column_in(&["dischargecapacity"], Target::DischargeCounter, "Ah"),
    column(&["datetime"], Target::Record(Quantity::UnixTime)),
    column(
        &["temperature", "auxtemperature1"],
        Target::Record(Quantity::Temperature),
    ),
];
