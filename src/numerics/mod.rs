//! Numerical methods that know no battery: scalars, stiff integration, linear algebra, least squares, statistics.

pub mod blocks;
pub mod bordered;
pub mod covariance;
pub mod diagnostics;
pub mod fingerprint;
pub mod householder;
pub mod interpolate;
pub mod lanes;
pub mod least_squares;
pub mod loss;
mod newton;
pub mod pareto;
pub mod polyline;
pub mod posterior;
pub mod sampling;
pub mod scalar;
pub mod scaling;
pub mod stiff;
pub mod swarm;
pub mod variation;
pub mod whitening;
