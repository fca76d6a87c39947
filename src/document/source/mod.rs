//! What the other commands wrote, as far as it is told: read back with every part optional that an older version may
//! lack.

pub(super) mod campaign;
pub(super) mod fit;
pub(super) mod prediction;
pub(super) mod ranking;
pub(super) mod recovery;
pub(super) mod simulated;
pub(super) mod table;
