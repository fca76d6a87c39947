//! Maccor: text exports of cycling (tab or comma, any unit of time) and of its impedance option.

use crate::import::Hints;
use crate::import::ImportError;
use crate::import::Vendor;
use crate::import::content::Text;
use crate::import::draft::Sign;
use crate::import::header::Column;
use crate::import::header::Target;
use crate::import::header::column;
use crate::import::header::column_in;
use crate::import::layout::Layout;
use crate::record::Measured;
use crate::record::Quantity;

/// The reader.
pub(super) const VENDOR: Vendor = Vendor {
    recognises: |text| {
        text.head_contains(1, "MACCOR, INC.")
            || text.head_contains(1, "Today's Date")
            || text.head_contains(1, "Today''s Date")
    },
    read,
};

const CYCLING: Layout = Layout {
    sign: Sign::FromMode,
    mode: sign_of_state,
    ..Layout::cycler("Maccor", COLUMNS)
};

// Without units in the header the time is a clock like `1d 21:19:06.92`, current and voltage are in A and V.
const COLUMNS: &[Column] = &[
    column_in(
        &["testtime", "test"],
        Target::Record(Quantity::TestTime),
        "s",
    ),
    column_in(&["volts"], Target::Record(Quantity::Voltage), "V"),
    column_in(&["voltage"], Target::Record(Quantity::Voltage), "V"),
    column_in(&["mamps"], Target::Record(Quantity::Current), "mA"),
    column_in(&["amps", "current"], Target::Record(Quantity::Current), "A"),
    column(
        &["cyc", "cycle", "cyclec", "cycc", "cycp"],
        Target::Record(Quantity::Cycle),
    ),
    column(&["step"], Target::Record(Quantity::Step)),
    column(&["state", "md"], Target::Mode),
    column(&["dpttime"], Target::Record(Quantity::UnixTime)),
    column(&["temp1"], Target::Record(Quantity::Temperature)),
];

const IMPEDANCE: Layout = Layout::spectrum("Maccor", IMPEDANCE_COLUMNS);

const IMPEDANCE_COLUMNS: &[Column] = &[
    column(&["freq"], Target::Record(Quantity::Frequency)),
    column_in(&["z'a"], Target::Record(Quantity::RealImpedance), "ohm"),
    column_in(
        &["z\"b"],
        Target::Record(Quantity::ImaginaryImpedance),
        "ohm",
    ),
    column(&["time"], Target::Record(Quantity::TestTime)),
];

fn read(text: &Text, hints: &Hints) -> Result<Measured, ImportError> {
    let layout = if text.head_contains(1, "AC Impedance") {
        &IMPEDANCE
    } else {
        &CYCLING
    };
    layout.read(text, hints)
}

/// C charges, D discharges, all others (R, P, S, FRA) do neither.
#[expect(
    clippy::unnecessary_wraps,
    reason = "other vendors have modes without a sign"
)]
fn sign_of_state(state: &str) -> Option<i8> {
    Some(match state {
        "C" => 1,
        "D" => -1,
        _ => 0,
    })
}
