//! Campaigns over many cells: what is done lies on disk, one folder per fit, and nothing else remembers it.

mod collect;
mod folder;
mod pool;
mod suspicion;
mod tables;
mod worker;

pub use collect::Collected;
pub use collect::CollectedCell;
pub use collect::CollectedParameter;
pub use collect::collect;
pub use folder::CampaignFolder;
pub use folder::Failure;
pub use folder::FolderError;
pub use folder::Job;
pub use folder::Progress;
pub use folder::State;
pub use folder::keys;
pub use pool::CatalystConstant;
pub use pool::CatalystEstimate;
pub use pool::Pooled;
pub use pool::pooled;
pub use suspicion::Suspicion;
pub use suspicion::suspicions;
pub use tables::campaign_summary;
pub use tables::write_campaign;
pub use worker::Ended;
pub use worker::work;
