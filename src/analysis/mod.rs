//! Classical analyses of records and spectra, measured and simulated alike: each gives its result with an uncertainty
//! and tells where it should not be believed.
//!
//! Records have the signs of the model: positive current discharges, or reduces at a working electrode.

mod baseline;
pub mod battery_circuit;
pub mod circuit;
pub mod cycling;
pub mod differentiable;
pub mod gate;
pub mod incremental;
pub mod interruption;
pub mod kramers_kronig;
pub mod nicholson;
pub mod overview;
pub mod ramps;
pub mod randles_sevcik;
mod result;
pub mod runs;
mod smooth;
pub mod steps;
mod straight_line;
pub mod tafel;
pub mod thin;
pub mod voltammetry;
pub mod warburg;

pub use baseline::Baseline;
pub use result::AnalysisError;
pub use result::Estimate;
pub use straight_line::StraightLine;
