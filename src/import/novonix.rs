//! Novonix UHPC: text with sections `[Summary]`, `[Protocol]` and `[Data]`.

use crate::import::Vendor;
use crate::import::content::Text;
use crate::import::header::Column;
use crate::import::header::Target;
use crate::import::header::column;
use crate::import::layout::Layout;
use crate::record::Quantity;
use crate::record::Stated;

/// The reader.
pub(super) const VENDOR: Vendor = Vendor {
    recognises: |text| text.head_contains(3, "Novonix"),
    read: |text, hints| {
        let mut measured = LAYOUT.read(text, hints)?;
        measured.stated = stated(text);
        Ok(measured)
    },
};

const LAYOUT: Layout = Layout::cycler("Novonix", COLUMNS);

const COLUMNS: &[Column] = &[
    column(&["runtime"], Target::Record(Quantity::TestTime)),
    column(&["potential"], Target::Record(Quantity::Voltage)),
    column(&["current"], Target::Record(Quantity::Current)),
    column(&["cyclenumber"], Target::Record(Quantity::Cycle)),
    column(&["stepnumber"], Target::Record(Quantity::Step)),
    column(&["dateandtime"], Target::Record(Quantity::UnixTime)),
    column(&["temperature"], Target::Record(Quantity::Temperature)),
];

fn stated(text: &Text) -> Vec<Stated> {
    let lines = text
        .text
        .lines()
        .take_while(|line| !line.starts_with("[Data]"));
    let stated = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_wanted =
            name.starts_with("Mass") || name.starts_with("Area") || name.starts_with("Capacity (");
        is_wanted.then(|| Stated {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
            is_default: value
                .trim()
                .parse::<f64>()
                .is_ok_and(|v| (v - 1.0).abs() < 1e-9),
        })
    });
    stated.collect()
}
