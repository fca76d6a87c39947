//! Every layout of text: the bytes are a file of which nothing is known.

#![no_main]

mod sound;

use libfuzzer_sys::fuzz_target;
use sulfit::import::Hints;

fuzz_target!(|bytes: &[u8]| sound::assert_sound(bytes, &Hints::default()));
