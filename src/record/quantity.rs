//! What the columns of a measured record hold, by the names and units of the Battery Data Format.

/// A measured quantity.
///
/// Names and units are those of the Battery Data Format (Battery Data Alliance, 2026): current is positive where it
/// charges the cell (or oxidises at a working electrode), the imaginary part of a capacitive impedance is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// Time since the start of the test (s).
    TestTime,
    /// Seconds since 1970 (s).
    UnixTime,
    /// Terminal voltage, or potential against the reference electrode (V).
    Voltage,
    /// Current (A).
    Current,
    /// Cycle, scan or curve (1).
    Cycle,
    /// Step of the program (1).
    Step,
    /// Charge that went into the cell since the start (Ah).
    ChargingCapacity,
    /// Charge that came out of the cell since the start (Ah).
    DischargingCapacity,
    /// Temperature at the cell's surface (°C).
    Temperature,
    /// Frequency (Hz).
    Frequency,
    /// Re Z (Ω).
    RealImpedance,
    /// Im Z (Ω), negative for a capacitor.
    ImaginaryImpedance,
}

impl Quantity {
    /// All quantities, in the order of the columns of a file.
    pub const ALL: [Self; 12] = [
        Self::TestTime,
        Self::UnixTime,
        Self::Voltage,
        Self::Current,
        Self::Cycle,
        Self::Step,
        Self::ChargingCapacity,
        Self::DischargingCapacity,
        Self::Temperature,
        Self::Frequency,
        Self::RealImpedance,
        Self::ImaginaryImpedance,
    ];

    /// The column's name in a Battery Data Format file.
    pub fn label(self) -> &'static str {
        match self {
            Self::TestTime => "test_time_second",
            Self::UnixTime => "unix_time_second",
            Self::Voltage => "voltage_volt",
            Self::Current => "current_ampere",
            Self::Cycle => "cycle_count",
            Self::Step => "step_id",
            Self::ChargingCapacity => "charging_capacity_ah",
            Self::DischargingCapacity => "discharging_capacity_ah",
            Self::Temperature => "surface_temperature_celsius",
            Self::Frequency => "frequency_hertz",
            Self::RealImpedance => "real_impedance_ohm",
            Self::ImaginaryImpedance => "imaginary_impedance_ohm",
        }
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::TestTime => "time",
            Self::UnixTime => "clock time",
            Self::Voltage => "voltage",
            Self::Current => "current",
            Self::Cycle => "cycle",
            Self::Step => "step",
            Self::ChargingCapacity => "charge in",
            Self::DischargingCapacity => "charge out",
            Self::Temperature => "temperature",
            Self::Frequency => "frequency",
            Self::RealImpedance => "Re Z",
            Self::ImaginaryImpedance => "Im Z",
        }
    }

    /// Its unit in the record.
    pub fn unit(self) -> &'static str {
        match self {
            Self::TestTime | Self::UnixTime => "s",
            Self::Voltage => "V",
            Self::Current => "A",
            Self::Cycle | Self::Step => "1",
            Self::ChargingCapacity | Self::DischargingCapacity => "Ah",
            Self::Temperature => "degC",
            Self::Frequency => "Hz",
            Self::RealImpedance | Self::ImaginaryImpedance => "ohm",
        }
    }
}
