//! Predictions from a fit: what a cell gives at loadings, currents, cycles and amounts of electrolyte that were not
//! measured, how uncertain that is and by what, and how good such predictions were where the answer is known.

mod baseline;
mod check;
mod cloud;
mod control;
mod entry;
mod loading;
mod outlook;
mod score;
mod setting;
mod support;
mod weighted;

pub use baseline::Baseline;
pub use check::Check;
pub use cloud::Cloud;
pub use cloud::CloudReport;
pub use control::Control;
pub use control::Limiting;
pub use control::controls;
pub use entry::Entry;
pub use loading::BestLoading;
pub use outlook::Forecast;
pub use outlook::INTERVAL_LEVEL;
pub use outlook::Outlook;

pub use outlook::VoltageCurve;
pub use outlook::outlook;
pub use score::Left;
pub use score::Score;
pub use score::Scored;
pub use score::interval_score;
pub use score::mixture_crps;
pub use score::normal_crps;
pub use score::scores;
pub use setting::Condition;
pub use setting::ConditionError;
pub use setting::CycleAnswer;
pub use setting::Quantity;
pub use setting::Setting;
pub use setting::one_c_mah_g;
pub use support::Knowledge;
pub use support::Support;
pub use weighted::Weighted;
