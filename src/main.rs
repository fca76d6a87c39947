//! The `sulfit` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    sulfit::cli::run()
}
