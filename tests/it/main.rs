//! All integration tests, in one binary so that the heavy dependencies are linked once.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may stop where something is missing, and tell how close it came"
)]

mod analysis;
mod bad_input;
mod batch;
mod book;
mod catalogues;
mod cli;
mod command_line;
mod curves;
mod estimation;
mod explain;
mod half_cell;
mod import;
mod import_damage;
mod li_s;
mod long;
mod measured_commands;
mod mechanism;
mod new;
mod physics;
mod predict;
mod rank;
mod raw_curves;
mod real_files;
mod recovery;
mod reference;
mod replay;
mod report;
mod robustness;
mod sensitivity;
mod slurm;
mod strd;
mod support;
mod surrogate;
mod tidy;
