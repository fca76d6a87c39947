//! Analyses of records and spectra, one function each; measured and simulated records are treated alike, with
//! derivatives where these carry any.

use crate::numerics::interpolate::line;
use crate::numerics::interpolate::linear;
use crate::numerics::interpolate::maximum;
use crate::numerics::scalar::Scalar;
use crate::record::Record;
use crate::record::Spectrum;

/// The highest voltage (V) in the first `window` (1) of a charge's time: the hump that activates the oxidation.
///
/// `None` if the record is empty. SPEC section 8.
pub fn activation_voltage_v<S: Scalar>(charge: &Record<S>, window: f64) -> Option<S> {
    let (first, last) = (*charge.time_s.first()?, *charge.time_s.last()?);
    let end_s = first + (last - first) * window;
    let inside = charge
        .time_s
        .partition_point(|t| t.value() <= end_s.value());
    let mut time_s = charge.time_s[..inside].to_vec();
    let mut voltage_v = charge.voltage_v[..inside].to_vec();
    time_s.push(end_s);
    voltage_v.push(linear(&charge.time_s, &charge.voltage_v, end_s)?);
    maximum(&time_s, &voltage_v).map(|(_, voltage)| voltage)
}

/// Mean voltage (V) over the time of a record, by trapezoids: at constant current the energy over the charge.
///
/// `None` if the record has no duration.
pub fn mean_voltage_v<S: Scalar>(record: &Record<S>) -> Option<S> {
    let duration = *record.time_s.last()? - *record.time_s.first()?;
    let mut integral = S::constant(0.0);
    for (t, v) in record.time_s.windows(2).zip(record.voltage_v.windows(2)) {
        integral += (t[1] - t[0]) * (v[0] + v[1]) * 0.5;
    }
    (duration.value() > 0.0).then(|| integral / duration)
}

/// Relative difference of two currents that a measured voltammogram can tell apart (1).
const HEIGHT_RESOLUTION: f64 = 0.02;

/// Voltage (V) and height of the largest oxidation current of a sweep to higher voltage.
///
/// The height is positive, in the unit of the record's current. Peaks whose heights differ by no more than a
/// measurement can tell (2 %) share in the voltage: local maxima count with the weight
/// `exp((h/h_max − 1)/0.02)`, so that two peaks that change ranks move it steadily instead of by a jump. `None` if the
/// record is empty. SPEC section 8.
pub fn oxidation_peak<S: Scalar>(sweep: &Record<S>) -> Option<(S, S)> {
    let oxidation = oxidation(sweep);
    let (at, largest) = maximum(&sweep.voltage_v, &oxidation)?;
    let (mut voltages, mut weights) = (S::constant(0.0), S::constant(0.0));
    for peak in local_maxima(&oxidation) {
        let around = peak.saturating_sub(2)..(peak + 3).min(oxidation.len());
        let (voltage, height) = maximum(&sweep.voltage_v[around.clone()], &oxidation[around])?;
        let weight = ((height / largest - 1.0) / HEIGHT_RESOLUTION).exp();
        voltages += voltage * weight;
        weights += weight;
    }
    // A current that is largest at an end of the sweep is no peak, but the best there is.
    let is_peak = weights.value() >= 0.5;
    Some((if is_peak { voltages / weights } else { at }, largest))
}

/// Positions of points that are higher than the one before and not lower than the one after.
fn local_maxima<S: Scalar>(y: &[S]) -> impl Iterator<Item = usize> + '_ {
    let triples = y.windows(3).enumerate();
    triples
        .filter(|(_, w)| w[1].value() > w[0].value() && w[1].value() >= w[2].value())
        .map(|(i, _)| i + 1)
}

/// Voltage (V) and height of the first oxidation peak of a sweep to higher voltage: the first local maximum that is
/// at least `share` (1) of the largest oxidation current.
///
/// Two peaks of nearly the same height change ranks at a hair's breadth, which makes the largest one a poor
/// observable; their order along the voltage does not change. `None` if the record is empty.
pub fn first_oxidation_peak<S: Scalar>(sweep: &Record<S>, share: f64) -> Option<(S, S)> {
    let oxidation = oxidation(sweep);
    let (_, largest) = maximum(&sweep.voltage_v, &oxidation)?;
    let mut peaks = local_maxima(&oxidation);
    match peaks.find(|i| oxidation[*i].value() >= share * largest.value()) {
        Some(top) => {
            let around = top - 1..top + 2;
            maximum(&sweep.voltage_v[around.clone()], &oxidation[around])
        }
        None => maximum(&sweep.voltage_v, &oxidation),
    }
}

fn oxidation<S: Scalar>(sweep: &Record<S>) -> Vec<S> {
    sweep.current.iter().map(|i| -*i).collect()
}

/// The largest magnitude of the current in a record.
pub fn largest_current<S: Scalar>(record: &Record<S>) -> Option<S> {
    maximum(&record.time_s, &magnitude(record)).map(|(_, height)| height)
}

fn magnitude<S: Scalar>(record: &Record<S>) -> Vec<S> {
    record.current.iter().map(|i| i.abs()).collect()
}

/// Charge passed in a record: the integral of |I| over time, by trapezoids, in the record's unit of current times s.
pub fn passed_charge<S: Scalar>(record: &Record<S>) -> Option<S> {
    let mut charge = S::constant(0.0);
    let times = record.time_s.windows(2);
    for (t, i) in times.zip(record.current.windows(2)) {
        charge += (t[1] - t[0]) * (i[0].abs() + i[1].abs()) * 0.5;
    }
    (record.len() > 1).then_some(charge)
}

/// Slope (Ω s^−1/2) of the straight line of Re Z against ω^−1/2 between two frequencies (Hz), ends included.
///
/// `None` with fewer than two points. SPEC section 8.
pub fn warburg_slope<S: Scalar>(
    spectrum: &Spectrum<S>,
    lowest_hz: f64,
    highest_hz: f64,
) -> Option<S> {
    // A frequency that was computed from the limits may miss them by round-off.
    let range = lowest_hz * (1.0 - 1e-9)..=highest_hz * (1.0 + 1e-9);
    let points = spectrum.frequency_hz.iter().zip(&spectrum.impedance_ohm);
    let (x, y): (Vec<f64>, Vec<S>) = points
        .filter(|(frequency, _)| range.contains(*frequency))
        .map(|(frequency, (re, _))| ((2.0 * std::f64::consts::PI * frequency).powf(-0.5), *re))
        .unzip();
    if x.len() < 2 {
        return None;
    }
    line(&x, &y).map(|(slope, _)| slope)
}

/// Re Z (Ω) at a frequency (Hz), interpolated over the logarithm of the frequency.
pub fn resistance_ohm<S: Scalar>(spectrum: &Spectrum<S>, frequency_hz: f64) -> Option<S> {
    let points = spectrum.frequency_hz.iter().zip(&spectrum.impedance_ohm);
    let mut points: Vec<(f64, S)> = points.map(|(f, (re, _))| (f.ln(), *re)).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (x, y): (Vec<S>, Vec<S>) = points.into_iter().map(|(x, y)| (S::constant(x), y)).unzip();
    linear(&x, &y, S::constant(frequency_hz.ln()))
}

/// Time (s) of the current maximum of a potentiostatic hold after its initial decay.
///
/// The decay ends at the first minimum of |I|. `None` if the current only falls: then nothing nucleates.
pub fn deposition_time_s<S: Scalar>(hold: &Record<S>) -> Option<S> {
    let magnitude = magnitude(hold);
    let rises = |pair: &[S]| pair[1].value() > pair[0].value();
    let dip = magnitude.windows(2).position(rises)?;
    maximum(&hold.time_s[dip..], &magnitude[dip..]).map(|(time, _)| time)
}

/// The transference number (1) that a polarisation at `voltage_v` (V, positive) gives after Bruce and Vincent.
///
/// `initial_s` is when the initial current is read, `resistance` the charge-transfer resistance of both electrodes,
/// in V over the record's unit of current. Source: Bruce & Vincent, J. Electroanal. Chem. 225 (1987) 1.
pub fn transference_number(
    polarisation: &Record,
    voltage_v: f64,
    initial_s: f64,
    resistance: f64,
) -> Option<f64> {
    let initial = linear(&polarisation.time_s, &polarisation.current, initial_s)?.abs();
    let steady = polarisation.current.last()?.abs();
    let number =
        steady * (voltage_v - initial * resistance) / (initial * (voltage_v - steady * resistance));
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(points: &[(f64, f64, f64)]) -> Record {
        let mut record = Record::default();
        for (time_s, voltage_v, current) in points {
            record.push(*time_s, *voltage_v, *current);
        }
        record
    }

    #[test]
    fn activation_hump_is_read_inside_its_window() {
        let charge = record(&[
            (0.0, 1.2, -1.0),
            (4.0, 1.5, -1.0),
            (8.0, 1.4, -1.0),
            (100.0, 2.1, -1.0),
        ]);
        let hump = activation_voltage_v(&charge, 0.1).unwrap();
        assert!((1.5..1.52).contains(&hump), "{hump}");
        assert_eq!(activation_voltage_v(&Record::<f64>::default(), 0.1), None);
    }

    #[test]
    fn oxidation_peak_has_positive_height() {
        let sweep = record(&[(0.0, 1.0, 0.0), (1.0, 1.1, -2.0), (2.0, 1.2, 0.0)]);
        let (voltage, height) = oxidation_peak(&sweep).unwrap();
        assert!((voltage - 1.1).abs() < 1e-12 && (height - 2.0).abs() < 1e-12);
    }

    #[test]
    fn equal_peaks_share_the_voltage_and_unequal_ones_do_not() {
        let peaks = |left: f64, right: f64| {
            let currents = [0.0, -left, 0.0, 0.0, -right, 0.0];
            let points = currents.iter().enumerate();
            let points = points.map(|(i, c)| (i as f64, i as f64, *c));
            oxidation_peak(&record(&points.collect::<Vec<_>>()))
                .unwrap()
                .0
        };
        assert!((peaks(2.0, 2.0) - 2.5).abs() < 1e-9);
        assert!((peaks(2.0, 2.4) - 4.0).abs() < 1e-3);
        assert!((peaks(2.0, 1.6) - 1.0).abs() < 1e-3);
        // Continuous where the ranks change.
        assert!((peaks(2.0, 2.0 + 1e-9) - peaks(2.0, 2.0 - 1e-9)).abs() < 1e-6);
    }

    #[test]
    fn first_peak_is_found_before_a_higher_one() {
        let currents = [0.0, -0.1, 0.0, -1.9, -1.0, -2.0, 0.0];
        let points = currents
            .iter()
            .enumerate()
            .map(|(i, c)| (i as f64, i as f64, *c));
        let sweep = record(&points.collect::<Vec<_>>());
        let (first, _) = first_oxidation_peak(&sweep, 0.5).unwrap();
        let (largest, _) = oxidation_peak(&sweep).unwrap();
        assert!((first - 3.0).abs() < 0.5 && (largest - 5.0).abs() < 0.5);
    }

    #[test]
    fn warburg_slope_of_a_warburg_element_is_its_coefficient() {
        let frequency_hz: Vec<f64> = (0..11)
            .map(|i| 0.01 * 10f64.powf(f64::from(i) / 10.0))
            .collect();
        let impedance_ohm = frequency_hz.iter().map(|f| {
            let part = 122.0 / (2.0 * std::f64::consts::PI * f).sqrt();
            (50.0 + part, -part)
        });
        let spectrum = Spectrum {
            impedance_ohm: impedance_ohm.collect(),
            frequency_hz,
        };
        assert!((warburg_slope(&spectrum, 0.01, 0.1).unwrap() - 122.0).abs() < 1e-9);
        let expected = 50.0 + 122.0 / (2.0 * std::f64::consts::PI * 0.01).sqrt();
        assert!((resistance_ohm(&spectrum, 0.01).unwrap() - expected).abs() < 1e-9);
    }

    #[test]
    fn deposition_maximum_comes_after_the_decay() {
        let hold = record(&[
            (0.0, 0.7, 9.0),
            (1.0, 0.7, 2.0),
            (2.0, 0.7, 3.0),
            (3.0, 0.7, 2.0),
        ]);
        assert!((deposition_time_s(&hold).unwrap() - 2.0).abs() < 1e-9);
        assert_eq!(
            deposition_time_s(&record(&[(0.0, 0.7, 2.0), (1.0, 0.7, 1.0)])),
            None
        );
    }

    #[test]
    fn transference_number_without_charge_transfer_is_the_current_ratio() {
        let polarisation = record(&[(0.0, 0.01, 4.0), (1e4, 0.01, 1.0)]);
        let number = transference_number(&polarisation, 0.01, 0.0, 0.0).unwrap();
        assert!((number - 0.25).abs() < 1e-12);
    }
}
