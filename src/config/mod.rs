//! Files that users write become domain types: raw mirrors of the file, then checks, then types that cannot be wrong.

mod curve_file;
mod curve_points;
mod curves;
mod dataset;
mod draws;
mod error;
mod experiment;
mod experiment_file;
mod guide;
mod measurement;
mod model;
mod model_file;
mod protocol;
mod recorded;
mod records;
mod replay;
mod starts;
mod store;
mod surrogate;
mod training;
mod training_file;
mod variant;

pub use dataset::Fact;
pub use dataset::FactRole;
pub use dataset::Facts;
pub use dataset::read_facts;
pub use dataset::read_record_files;
pub use draws::read_points;
pub use error::ConfigError;
pub use experiment::read_study;
pub use model::parse_mechanism;
pub use model::read_mechanism;
pub use records::Mass;
pub use records::RecordFile;
pub use surrogate::read_surrogate;
pub use training::read_plan;
