//! Voltammograms, held cells and spectra in the layout of Gamry's `.DTA`.

use std::fmt::Write;

use crate::record::Record;
use crate::record::Spectrum;

/// What the header of a voltammogram says.
pub(super) struct Sweep {
    /// Vertices in order (V).
    pub(super) vertices_v: Vec<f64>,
    /// Scan rate (V s⁻¹).
    pub(super) rate_v_s: f64,
    /// Step of potential (V).
    pub(super) step_v: f64,
}

/// A line of the header: key, kind, value, what the instrument's dialogue calls it.
type Field = (&'static str, &'static str, String, &'static str);

/// A voltammogram, one table per curve. Here, at the border, oxidation becomes positive.
pub(super) fn sweep(curves: &[Record], sweep: &Sweep, (label, area_m2): (&str, f64)) -> String {
    let start_v = curves.first().and_then(|c| c.voltage_v.first());
    let potential = |v: Option<&f64>| scientific(v.copied().unwrap_or(f64::NAN));
    let mut fields: Vec<Field> = vec![(
        "VINIT",
        "POTEN",
        format!("{}\tF", potential(start_v)),
        "Initial &E (V)",
    )];
    let limits = [
        ("VLIMIT1", "Scan Limit &1 (V)", sweep.vertices_v.first()),
        ("VLIMIT2", "Scan Limit &2 (V)", sweep.vertices_v.get(1)),
        ("VFINAL", "Final E (V)", sweep.vertices_v.last()),
    ];
    for (key, name, vertex) in limits.into_iter().filter(|limit| limit.2.is_some()) {
        fields.push((key, "POTEN", format!("{}\tF", potential(vertex)), name));
    }
    let numbers = [
        ("SCANRATE", sweep.rate_v_s * 1e3, "Scan &Rate (mV/s)"),
        ("STEPSIZE", sweep.step_v * 1e3, "&Step Size (mV)"),
        ("CYCLES", curves.len() as f64, "C&ycles (#)"),
    ];
    for (key, value, name) in numbers {
        fields.push((key, "QUANT", scientific(value), name));
    }
    let mut text = preamble(("CV", "Cyclic Voltammetry"), (label, area_m2), &fields);
    for (index, curve) in curves.iter().enumerate() {
        text.push_str(&curve_table(&format!("CURVE{}", index + 1), curve));
    }
    text
}

/// The current of a held cell.
pub(super) fn hold(curve: &Record, (label, area_m2): (&str, f64)) -> String {
    let voltage = curve.voltage_v.first().copied().unwrap_or(f64::NAN);
    let fields = [(
        "VSTEP1",
        "POTEN",
        format!("{}\tF", scientific(voltage)),
        "Step &1 Voltage (V)",
    )];
    let mut text = preamble(("CHRONOA", "Chronoamperometry"), (label, area_m2), &fields);
    text.push_str(&curve_table("CURVE", curve));
    text
}

/// A spectrum.
pub(super) fn spectrum(spectrum: &Spectrum, (label, area_m2): (&str, f64)) -> String {
    let points = spectrum.frequency_hz.iter().zip(&spectrum.impedance_ohm);
    let mut text = preamble(("EISPOT", "Potentiostatic EIS"), (label, area_m2), &[]);
    text.push_str(
        "ZCURVE\tTABLE\r\n\tPt\tFreq\tZreal\tZimag\tZmod\tZphz\r\n\t#\tHz\tohm\tohm\tohm\tdeg\r\n",
    );
    for (i, (frequency, (re, im))) in points.enumerate() {
        let phase = im.atan2(*re).to_degrees();
        let numbers = [*frequency, *re, *im, re.hypot(*im), phase].map(scientific);
        // Writing into a string cannot fail.
        let _ = write!(text, "\t{i}\t{}\r\n", numbers.join("\t"));
    }
    text
}

/// What stands before the tables: the label is the title and the notes; no instrument has a serial number here.
fn preamble(
    (tag, technique): (&str, &str),
    (label, area_m2): (&str, f64),
    fields: &[Field],
) -> String {
    let mut text = format!(
        "EXPLAIN\r\nTAG\t{tag}\r\nTITLE\tLABEL\tSYNTHETIC {technique}\tTest &Identifier\r\n\
         PSTAT\tPSTAT\tSYNTHETIC - no instrument\tPotentiostat\r\n"
    );
    for (key, kind, value, name) in fields {
        // Writing into a string cannot fail.
        let _ = write!(text, "{key}\t{kind}\t{value}\t{name}\r\n");
    }
    let _ = write!(
        text,
        "AREA\tQUANT\t{}\tSample &Area (cm^2)\r\nNOTES\tNOTES\t1\t&Notes...\r\n\t{label}\r\n",
        scientific(area_m2 * 1e4)
    );
    text
}

fn curve_table(name: &str, curve: &Record) -> String {
    let mut text = format!(
        "{name}\tTABLE\t{}\r\n\tPt\tT\tVf\tIm\r\n\t#\ts\tV vs. Ref.\tA\r\n",
        curve.len()
    );
    for i in 0..curve.len() {
        let (voltage, current) = (curve.voltage_v[i], curve.current[i]);
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            "\t{i}\t{:.6}\t{}\t{}\r\n",
            curve.time_s[i],
            scientific(voltage),
            scientific(-current)
        );
    }
    text
}

/// Seven digits, the exponent with sign and three digits: `1.234567E-004`.
fn scientific(value: f64) -> String {
    let text = format!("{value:.6E}");
    match text.split_once('E') {
        Some((digits, exponent)) => match exponent.strip_prefix('-') {
            Some(exponent) => format!("{digits}E-{exponent:0>3}"),
            None => format!("{digits}E+{exponent:0>3}"),
        },
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::Hints;
    use crate::import::parse_measured;
    use crate::record::Measured;
    use crate::record::Quantity;
    use crate::record::Technique;
    use proptest::prelude::*;

    const AREA_M2: f64 = 1.131e-4;

    fn read(text: String) -> Measured {
        parse_measured(
            "synthetic.DTA".as_ref(),
            text.into_bytes(),
            &Hints::default(),
        )
        .unwrap()
    }

    fn curve(from_s: f64, currents: &[f64], is_down: bool) -> Record {
        let mut curve = Record::default();
        for (i, current) in currents.iter().enumerate() {
            let moved = 1e-3 * i as f64;
            let voltage = if is_down { 1.5 - moved } else { 0.5 + moved };
            curve.push(from_s + 10.0 * i as f64, voltage, *current);
        }
        curve
    }

    fn is_close(read: f64, written: f64) -> bool {
        (read - written).abs() <= 5.01e-7 * written.abs().max(1e-30)
    }

    #[test]
    fn exponents_have_three_digits() {
        assert_eq!(scientific(1.5e-4), "1.500000E-004");
        assert_eq!(scientific(-2.0), "-2.000000E+000");
        assert_eq!(scientific(6.02e123), "6.020000E+123");
    }

    proptest! {
        #[test]
        fn voltammograms_are_read_back(
            currents in proptest::collection::vec(-1e-3f64..1e-3, 20..60),
        ) {
            let curves = [curve(21_600.0, &currents, true), curve(30_000.0, &currents, false)];
            let about = Sweep { vertices_v: vec![0.4, 2.1], rate_v_s: 1e-4, step_v: 1e-3 };
            let read = read(sweep(&curves, &about, ("SYNTHETIC: a test", AREA_M2)));
            prop_assert_eq!(read.technique, Technique::Voltammetry);
            prop_assert!((read.values(Quantity::Cycle).unwrap()[currents.len()] - 2.0).abs() < 1e-9);
            let record = read.record().unwrap();
            let both = |of: fn(&Record) -> &[f64]| [of(&curves[0]), of(&curves[1])].concat();
            for (i, time_s) in both(|c| &c.time_s).into_iter().enumerate() {
                prop_assert!((record.time_s[i] - time_s).abs() <= 5.01e-7);
                prop_assert!(is_close(record.voltage_v[i], both(|c| &c.voltage_v)[i]));
                prop_assert!(is_close(record.current[i], both(|c| &c.current)[i]));
            }
        }

        #[test]
        fn held_cells_are_read_back(currents in proptest::collection::vec(-1e-3f64..1e-3, 5..40)) {
            let written = curve(60.0, &currents, true);
            let read = read(hold(&written, ("SYNTHETIC: a test", AREA_M2)));
            prop_assert_eq!(read.technique, Technique::Chronoamperometry);
            let record = read.record().unwrap();
            for (read, written) in record.current.iter().zip(&written.current) {
                prop_assert!(is_close(*read, *written));
            }
        }

        #[test]
        fn spectra_are_read_back(
            points in proptest::collection::vec((1e-3f64..1e5, 1e-2f64..1e5, -1e5f64..0.0), 3..60),
        ) {
            let written = Spectrum {
                frequency_hz: points.iter().map(|p| p.0).collect(),
                impedance_ohm: points.iter().map(|p| (p.1, p.2)).collect(),
            };
            let read = read(spectrum(&written, ("SYNTHETIC: a test", AREA_M2)));
            prop_assert_eq!(read.technique, Technique::Impedance);
            let spectra = read.spectra();
            prop_assert_eq!(spectra.len(), 1);
            for (i, (frequency, re, im)) in points.into_iter().enumerate() {
                prop_assert!(is_close(spectra[0].frequency_hz[i], frequency));
                prop_assert!(is_close(spectra[0].impedance_ohm[i].0, re));
                prop_assert!(is_close(spectra[0].impedance_ohm[i].1, im));
            }
        }
    }
}
