//! Sulfit estimates rate constants of metal-sulfur cells from cycling, voltammetry and impedance data.

pub mod cell;
pub mod config;
pub mod estimate;
pub mod mechanism;
pub mod numerics;
pub mod observe;
pub mod protocol;
pub mod record;
pub mod simulate;
pub mod units;
