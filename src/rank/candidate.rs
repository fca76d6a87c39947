//! What is known about a catalyst before it is ranked.

/// A number that describes a catalyst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Descriptor {
    /// Barrier of the step in which the solvated cation sheds its shell (eV).
    DesolvationBarrier,
    /// Barrier of the decomposition of the last product, `MgS` (eV).
    ConversionBarrier,
    /// Adsorption energy of the last product, `MgS`, positive where it binds (eV).
    ProductAdsorption,
    /// Adsorption energy of polysulfides, positive where they bind (eV).
    IntermediateAdsorption,
    /// Charge that goes over to an adsorbed polysulfide (e).
    ChargeTransfer,
    /// Natural logarithm of the metal's mass fraction.
    MetalLoading,
    /// Natural logarithm of the specific surface area.
    SurfaceArea,
}

impl Descriptor {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::DesolvationBarrier,
        Self::ConversionBarrier,
        Self::ProductAdsorption,
        Self::IntermediateAdsorption,
        Self::ChargeTransfer,
        Self::MetalLoading,
        Self::SurfaceArea,
    ];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::DesolvationBarrier => "desolvation barrier",
            Self::ConversionBarrier => "MgS decomposition barrier",
            Self::ProductAdsorption => "MgS adsorption energy",
            Self::IntermediateAdsorption => "polysulfide adsorption energy",
            Self::ChargeTransfer => "charge transfer",
            Self::MetalLoading => "metal loading",
            Self::SurfaceArea => "surface area",
        }
    }

    /// Standard deviation over catalysts where none is stated and fewer than three are known.
    pub fn population_sd(self) -> f64 {
        match self {
            Self::DesolvationBarrier => 0.2,
            Self::ChargeTransfer => 0.1,
            Self::ConversionBarrier
            | Self::ProductAdsorption
            | Self::IntermediateAdsorption
            | Self::MetalLoading
            | Self::SurfaceArea => 1.0,
        }
    }
}

/// A descriptor's value with its standard deviation and source.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Which.
    pub descriptor: Descriptor,
    /// Its value, in the descriptor's unit.
    pub value: f64,
    /// Its standard deviation.
    pub sd: f64,
    /// Whether it belongs to another reaction and was carried over.
    pub is_transferred: bool,
    /// Where it comes from.
    pub source: String,
}

/// A catalyst to be ranked.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Name, unique.
    pub name: String,
    /// For each fitted cell the draws of ln(constant/that of the reference), `n_draws × n_constants`.
    pub cells: Vec<Vec<Vec<f64>>>,
    /// What is known of it beside that.
    pub known: Vec<Known>,
}

/// What a place in a ranking rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Fits to measured cells.
    Fitted,
    /// Descriptors of its own reactions.
    Descriptors,
    /// Descriptors carried over from another reaction.
    Transferred,
    /// Nothing that matters to the target: what is believed of any catalyst.
    PriorOnly,
}

impl Evidence {
    /// All.
    pub const ALL: [Self; 4] = [
        Self::Fitted,
        Self::Descriptors,
        Self::Transferred,
        Self::PriorOnly,
    ];

    /// What it says.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Fitted => "fits to measured cells",
            Self::Descriptors => "descriptors of its own reactions",
            Self::Transferred => "descriptors carried over from another reaction",
            Self::PriorOnly => {
                "nothing that matters to the target: what is believed of any catalyst"
            }
        }
    }

    /// As it stands in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fitted => "fitted",
            Self::Descriptors => "descriptors",
            Self::Transferred => "transferred descriptors",
            Self::PriorOnly => "prior only",
        }
    }
}

impl Candidate {
    /// A descriptor, if it is known.
    pub fn of(&self, descriptor: Descriptor) -> Option<&Known> {
        self.known.iter().find(|k| k.descriptor == descriptor)
    }

    /// What its place rests on, if it rests on anything.
    pub fn evidence(&self) -> Evidence {
        if !self.cells.is_empty() {
            Evidence::Fitted
        } else if self.known.is_empty() {
            Evidence::PriorOnly
        } else if self.known.iter().all(|k| k.is_transferred) {
            Evidence::Transferred
        } else {
            Evidence::Descriptors
        }
    }
}
