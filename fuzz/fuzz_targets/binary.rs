//! Binary files: workbooks as a whole, gzip, Parquet and Zahner; text is left to the other targets.

#![no_main]

mod sound;

use libfuzzer_sys::fuzz_target;
use sulfit::import::Hints;

fuzz_target!(init: sound::allow_panics_of_libraries(), |bytes: &[u8]| {
    let starts = [&b"PK\x03\x04"[..], b"\xd0\xcf\x11\xe0", b"PAR1", b"\x1f\x8b", b"\0"];
    if starts.iter().any(|start| bytes.starts_with(start)) {
        sound::assert_sound(bytes, &Hints::default());
    }
});
