//! Numerical methods that know no battery: scalars, stiff integration, linear algebra, least squares, statistics.

pub mod bordered;
pub mod interpolate;
pub mod least_squares;
pub mod sampling;
pub mod scalar;
pub mod stiff;
pub mod variation;
