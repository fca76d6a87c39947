//! Tables whose columns a data set file names: the first bytes choose the names, the rest is the file.

#![no_main]

mod sound;

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::arbitrary::{self};
use libfuzzer_sys::fuzz_target;
use sulfit::import::ColumnPlace;
use sulfit::import::Hints;
use sulfit::import::NamedColumn;

const UNITS: [&str; 11] = [
    "s", "min", "V", "mV", "mA", "A cm^-2", "Hz", "ohm", "deg", "1", "furlong",
];
const NAMES: [&str; 6] = ["zeit", "spannung", "strom", "zyklus", "t/s", "U/V"];
/// Bytes in front that choose names, scan rate and area.
const CHOICES: usize = 64;

fuzz_target!(|bytes: &[u8]| {
    let (choices, file) = bytes.split_at(bytes.len().min(CHOICES));
    let Ok(hints) = hints(&mut Unstructured::new(choices)) else {
        return;
    };
    sound::assert_sound(file, &hints);
});

fn hints(choices: &mut Unstructured<'_>) -> arbitrary::Result<Hints> {
    let n_columns = choices.int_in_range(1..=6)?;
    let columns = (0..n_columns).map(|_| column(choices));
    Ok(Hints {
        columns: columns.collect::<arbitrary::Result<_>>()?,
        scan_rate_v_s: choices.arbitrary()?,
        area_m2: choices.arbitrary()?,
        ..Hints::default()
    })
}

fn column(choices: &mut Unstructured<'_>) -> arbitrary::Result<NamedColumn> {
    let place = if choices.arbitrary()? {
        ColumnPlace::Number(choices.int_in_range(0..=20)?)
    } else {
        ColumnPlace::Name((*choices.choose(&NAMES)?).to_owned())
    };
    Ok(NamedColumn {
        quantity: (*choices.choose(&NamedColumn::QUANTITIES)?).to_owned(),
        place,
        unit: (*choices.choose(&UNITS)?).to_owned(),
    })
}
