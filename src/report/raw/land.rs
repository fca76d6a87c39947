//! Galvanostatic cycles in the layout of LANDT's csv.

use std::fmt::Write;

use super::decimals_for;
use super::largest;

/// Coulombs of an ampere-hour.
const COULOMB_PER_AH: f64 = 3600.0;

/// A row of a cycler's table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Row {
    /// Cycle, counted from one.
    pub(super) cycle: usize,
    /// Half cycle, counted from one.
    pub(super) segment: usize,
    /// Time since the start of the protocol (s).
    pub(super) time_s: f64,
    /// Time since the start of the half cycle (s).
    pub(super) step_time_s: f64,
    /// Voltage (V).
    pub(super) voltage_v: f64,
    /// Current of the cell (A), discharge positive.
    pub(super) discharge_current_a: f64,
    /// Charge that went in since the start of the file (C).
    pub(super) charged_c: f64,
    /// Charge that came out since the start of the file (C).
    pub(super) discharged_c: f64,
}

/// Counts charge in and out, inside half cycles only.
pub(super) fn count_charge(rows: &mut [Row]) {
    let (mut charged_c, mut discharged_c) = (0.0, 0.0);
    let mut before: Option<Row> = None;
    for row in rows {
        if let Some(before) = before.filter(|before| before.segment == row.segment) {
            let mean = 0.5 * (before.discharge_current_a + row.discharge_current_a);
            let passed = mean * (row.time_s - before.time_s);
            discharged_c += passed.max(0.0);
            charged_c += (-passed).max(0.0);
        }
        (row.charged_c, row.discharged_c) = (charged_c, discharged_c);
        before = Some(*row);
    }
}

/// The file: a preamble whose fields hold the label, then the table. Here, at the border, charge becomes positive.
///
/// Commas part cells; in the label they become semicolons.
pub(super) fn text(rows: &[Row], label: &str) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = write_text(&mut text, rows, label);
    text
}

fn write_text(text: &mut String, rows: &[Row], label: &str) -> std::fmt::Result {
    for (field, value) in [
        ("cell model:", "SYNTHETIC"),
        ("cell id: ", "SYNTHETIC"),
        ("test: ", &label.replace(',', ";")),
        ("checkpoint: ", ""),
    ] {
        writeln!(text, "{field}{value},,,,,,,,")?;
    }
    writeln!(
        text,
        "cycle_index,step_index,test_time_s,step_time_s,current_A,voltage_V,discharge_capacity_Ah,charge_capacity_Ah,\
         step_name"
    )?;
    let of_current = decimals_for(largest(rows.iter().map(|row| row.discharge_current_a)));
    let charges = rows.iter().map(|r| r.charged_c.max(r.discharged_c));
    let of_charge = decimals_for(largest(charges) / COULOMB_PER_AH);
    for row in rows {
        let name = if row.discharge_current_a > 0.0 {
            "discharge"
        } else {
            "charge"
        };
        writeln!(
            text,
            "{},{},{:.3},{:.3},{:.of_current$},{:.6},{:.of_charge$},{:.of_charge$},{name}",
            row.cycle,
            row.segment,
            row.time_s,
            row.step_time_s,
            -row.discharge_current_a,
            row.voltage_v,
            row.discharged_c / COULOMB_PER_AH,
            row.charged_c / COULOMB_PER_AH,
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::Hints;
    use crate::import::parse_measured;
    use crate::record::Quantity;
    use crate::record::Technique;
    use proptest::prelude::*;

    /// Cycles of `current_a` whose voltage falls and rises.
    fn rows(current_a: f64, steps: &[f64]) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut time_s = 21_600.0;
        for segment in 1..=4_usize {
            let is_discharge = segment % 2 == 1;
            let mut step_time_s = 0.0;
            for (i, step) in steps.iter().enumerate() {
                let moved = 0.01 * i as f64;
                rows.push(Row {
                    cycle: segment.div_ceil(2),
                    segment,
                    time_s,
                    step_time_s,
                    voltage_v: if is_discharge {
                        1.8 - moved
                    } else {
                        1.2 + moved
                    },
                    discharge_current_a: if is_discharge { current_a } else { -current_a },
                    charged_c: 0.0,
                    discharged_c: 0.0,
                });
                time_s += step;
                step_time_s += step;
            }
        }
        count_charge(&mut rows);
        rows
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            ln_current in -14.0f64..2.0,
            steps in proptest::collection::vec(0.1f64..90.0, 8..40),
        ) {
            let current_a = ln_current.exp();
            let rows = rows(current_a, &steps);
            let bytes = text(&rows, "SYNTHETIC: a test").into_bytes();
            let read = parse_measured("synthetic.csv".as_ref(), bytes, &Hints::default()).unwrap();
            prop_assert_eq!(read.technique, Technique::Cycling);
            prop_assert_eq!(&read.instrument, "LAND");
            prop_assert_eq!(read.len(), rows.len());
            let record = read.record().unwrap();
            let column = |quantity| read.values(quantity).unwrap();
            for (i, row) in rows.iter().enumerate() {
                prop_assert!((record.time_s[i] - row.time_s).abs() <= 5.01e-4);
                prop_assert!((record.voltage_v[i] - row.voltage_v).abs() <= 5.01e-7);
                prop_assert!((record.current[i] / row.discharge_current_a - 1.0).abs() <= 5.01e-7);
                prop_assert!((column(Quantity::Cycle)[i] - row.cycle as f64).abs() < 1e-9);
                prop_assert!((column(Quantity::Step)[i] - row.segment as f64).abs() < 1e-9);
                let counted = column(Quantity::DischargingCapacity)[i] * 3600.0;
                let largest = rows[rows.len() - 1].discharged_c;
                prop_assert!((counted - row.discharged_c).abs() <= 1.1e-6 * largest);
            }
        }
    }
}
