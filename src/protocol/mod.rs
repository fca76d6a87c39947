//! Protocols: what is done to a cell, step by step.

mod replay;

use crate::cell::Catholyte;
pub use replay::Imposed;
pub use replay::Replay;
pub use replay::ReplayError;
pub use replay::Stretch;

/// What kind of cell a protocol is run on, and how it starts.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// A fresh battery.
    Fresh,
    /// A battery whose cathode starts without sulfur, filled with catholyte.
    Catholyte(Catholyte),
    /// Two equal porous electrodes with catholyte between them.
    Symmetric(Catholyte),
    /// Two catalyst-coated foils with the bare electrolyte between them.
    Coated,
}

/// Galvanostatic cycles: discharge, then charge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cycles {
    /// Current as a multiple of that which discharges the theoretical capacity in one hour (1).
    pub c_rate: f64,
    /// Number of cycles.
    pub count: usize,
    /// Voltage that ends a discharge (V).
    pub lower_v: f64,
    /// Voltage that ends a charge (V).
    pub upper_v: f64,
    /// Longest half cycle as a multiple of the theoretical time (1).
    pub time_factor: f64,
    /// Whether long runs of similar cycles may be extrapolated.
    pub may_jump: bool,
    /// Which cycles keep their voltage curves.
    pub recorded: Recorded,
}

/// Which cycles keep their voltage curves; they are integrated tighter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// None.
    Nothing,
    /// The first one.
    First,
    /// All that are simulated.
    All,
}

impl Recorded {
    /// Whether a cycle, counted from one, keeps its curves.
    pub fn includes(self, cycle: usize) -> bool {
        match self {
            Self::Nothing => false,
            Self::First => cycle == 1,
            Self::All => true,
        }
    }
}

/// One step of a protocol.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// No current for a time (s).
    Rest {
        /// Duration (s).
        duration_s: f64,
    },
    /// The film on the foil is taken off and the cathode fully wetted.
    Condition,
    /// Galvanostatic cycles.
    Cycle(Cycles),
    /// One galvanostatic half cycle.
    Galvanostatic {
        /// Current as a multiple of 1C, discharge positive.
        c_rate: f64,
        /// Voltage that ends it (V), if any.
        limit_v: Option<f64>,
        /// Longest duration (s).
        duration_s: f64,
    },
    /// Voltage ramps over these vertices.
    Sweep {
        /// Where the first ramp begins (V): a half cell is held there until it sweeps. The open-circuit voltage if not
        /// stated.
        from_v: Option<f64>,
        /// Voltages to reach, in order (V).
        vertices_v: Vec<f64>,
        /// Scan rate (V s⁻¹), positive.
        rate_v_s: f64,
    },
    /// Constant voltage.
    Hold {
        /// Voltage (V).
        voltage_v: f64,
        /// Duration (s).
        duration_s: f64,
    },
    /// Impedance at the present state without bias.
    Impedance {
        /// Frequencies (Hz).
        frequencies_hz: Vec<f64>,
    },
    /// A current or a voltage as it was measured.
    Replay(Replay),
}

/// A named sequence of steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Protocol {
    /// Name, unique in its experiment.
    pub name: String,
    /// What it starts from.
    pub start: Start,
    /// Areal loading (kg m⁻²), if it differs from that of the mechanism.
    pub loading_kg_m2: Option<f64>,
    /// Factor on the number of volumes everywhere: some quantities need a finer mesh than others.
    pub refine: usize,
    /// The steps in order.
    pub steps: Vec<Step>,
}
