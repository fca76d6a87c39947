//! Files that users write become domain types: raw mirrors of the file, then checks, then types that cannot be wrong.

mod error;
mod model;

pub use error::ConfigError;
pub use model::parse_mechanism;
pub use model::read_mechanism;
