//! Sulfit estimates rate constants of metal-sulfur cells from cycling, voltammetry and impedance data.
//!
//! Modules in the order in which data flows; each uses only those before it (`docs/architecture.md`).

pub mod units;

pub mod numerics;

pub mod record;

pub mod analysis;

pub mod import;

pub mod mechanism;

pub mod cell;

pub mod protocol;

pub mod simulate;

pub mod observe;

pub mod surrogate;

pub mod estimate;

pub mod predict;

pub mod rank;

pub mod draft;

pub mod report;

pub mod config;

pub mod reference;

pub mod batch;

pub mod document;

pub mod cli;
