//! Excel workbooks: the bytes are the XML of a sheet inside an intact container, because a fuzzer seldom keeps one intact.

#![no_main]

mod container;
mod sound;

use libfuzzer_sys::fuzz_target;
use sulfit::import::Hints;

fuzz_target!(
    init: sound::allow_panics_of_libraries(),
    |bytes: &[u8]| sound::assert_sound(&container::workbook(bytes), &Hints::default())
);
