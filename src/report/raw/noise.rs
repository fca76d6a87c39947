//! The noise of readings.

use std::fmt;

use rand::Rng;
use rand_distr::Distribution;
use rand_distr::StandardNormal;

use super::land::Row;
use super::largest;
use crate::record::Record;
use crate::record::Spectrum;

/// Standard deviations of readings, all Gaussian and independent.
///
/// A voltage that a potentiostat imposes is written as imposed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReadingNoise {
    /// Of a measured voltage (V).
    pub voltage_v: f64,
    /// Of a current, as a share of its range (1): the largest one of cycles or of a voltammogram; of a held cell the next
    /// power of ten (A).
    pub current_share: f64,
    /// Of a current beside that (A).
    pub current_floor_a: f64,
    /// Of the real and of the imaginary part of an impedance, as a share of its modulus (1).
    pub impedance_share: f64,
}

impl Default for ReadingNoise {
    /// What data sheets of cyclers and potentiostats promise in words like "0.1 % of range", rounded.
    fn default() -> Self {
        Self {
            voltage_v: 1e-3,
            current_share: 1e-3,
            current_floor_a: 1e-9,
            impedance_share: 5e-3,
        }
    }
}

impl fmt::Display for ReadingNoise {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:?} V, {:?} of the current's range and {:?} A, {:?} of |Z|",
            self.voltage_v, self.current_share, self.current_floor_a, self.impedance_share
        )
    }
}

/// Adds noise to what is read, or leaves it as it is.
pub(super) struct Noisy<'r, R> {
    noise: Option<ReadingNoise>,
    rng: &'r mut R,
}

impl<'r, R: Rng> Noisy<'r, R> {
    pub(super) fn new(noise: Option<ReadingNoise>, rng: &'r mut R) -> Self {
        Self { noise, rng }
    }

    fn normal(&mut self) -> f64 {
        StandardNormal.sample(self.rng)
    }

    /// Voltages and currents of galvanostatic cycles.
    pub(super) fn cycling(&mut self, rows: &mut [Row]) {
        let Some(noise) = self.noise else { return };
        let sd = noise.current_sd(largest(rows.iter().map(|row| row.discharge_current_a)));
        for row in rows {
            row.voltage_v += noise.voltage_v * self.normal();
            row.discharge_current_a += sd * self.normal();
        }
    }

    /// Currents under an imposed voltage.
    pub(super) fn currents(&mut self, curves: &mut [Record]) {
        let Some(noise) = self.noise else { return };
        let currents = curves
            .iter()
            .flat_map(|curve| curve.current.iter().copied());
        let sd = noise.current_sd(largest(currents));
        for current in curves.iter_mut().flat_map(|curve| &mut curve.current) {
            *current += sd * self.normal();
        }
    }

    /// Current of a held cell: it falls over decades, and the instrument changes its range with it.
    pub(super) fn held(&mut self, curve: &mut Record) {
        let Some(noise) = self.noise else { return };
        for current in &mut curve.current {
            let range_a = 10f64.powf(current.abs().log10().ceil());
            *current += noise.current_sd(range_a) * self.normal();
        }
    }

    /// Both parts of a spectrum.
    pub(super) fn spectrum(&mut self, spectrum: &Spectrum) -> Spectrum {
        let Some(noise) = self.noise else {
            return spectrum.clone();
        };
        let points = spectrum.impedance_ohm.iter().map(|(re, im)| {
            let sd = noise.impedance_share * re.hypot(*im);
            (re + sd * self.normal(), im + sd * self.normal())
        });
        Spectrum {
            impedance_ohm: points.collect(),
            frequency_hz: spectrum.frequency_hz.clone(),
        }
    }
}

impl ReadingNoise {
    /// Standard deviation of a current (A) in a range (A).
    fn current_sd(&self, range_a: f64) -> f64 {
        self.current_share * range_a + self.current_floor_a
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    const N: u32 = 4000;

    fn sd(deviations: impl Iterator<Item = f64>) -> f64 {
        (deviations.map(|d| d * d).sum::<f64>() / f64::from(N)).sqrt()
    }

    /// Within five standard errors of a standard deviation.
    fn is_near(found: f64, stated: f64) -> bool {
        (found / stated - 1.0).abs() < 5.0 / f64::from(2 * N).sqrt()
    }

    fn flat_curve() -> Record {
        let mut curve = Record::default();
        for i in 0..N {
            curve.push(f64::from(i), 1.5, 0.002);
        }
        curve
    }

    #[test]
    fn noise_has_its_stated_standard_deviation() {
        let noise = ReadingNoise {
            current_floor_a: 1e-6,
            ..ReadingNoise::default()
        };
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut noisy = Noisy::new(Some(noise), &mut rng);
        let row = Row {
            cycle: 1,
            segment: 1,
            time_s: 0.0,
            step_time_s: 0.0,
            voltage_v: 1.5,
            discharge_current_a: 0.002,
            charged_c: 0.0,
            discharged_c: 0.0,
        };
        let mut rows = vec![row; N as usize];
        noisy.cycling(&mut rows);
        assert!(is_near(sd(rows.iter().map(|r| r.voltage_v - 1.5)), 1e-3));
        let currents = rows.iter().map(|r| r.discharge_current_a - 0.002);
        assert!(is_near(sd(currents), 3e-6));
        let mut curves = [flat_curve()];
        noisy.currents(&mut curves);
        let currents = curves[0].current.iter().map(|i| i - 0.002);
        assert!(is_near(sd(currents), 3e-6));
        let imposed = curves[0].voltage_v.iter().map(|v| v - 1.5);
        assert!(
            sd(imposed) < 1e-15,
            "an imposed voltage is written as imposed"
        );
        let mut held = flat_curve();
        noisy.held(&mut held);
        assert!(is_near(sd(held.current.iter().map(|i| i - 0.002)), 1.1e-5));
    }

    #[test]
    fn both_parts_of_an_impedance_are_off_by_a_share_of_its_modulus() {
        let exact = Spectrum {
            frequency_hz: vec![1.0; N as usize],
            impedance_ohm: vec![(30.0, -40.0); N as usize],
        };
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let off = Noisy::new(Some(ReadingNoise::default()), &mut rng).spectrum(&exact);
        let points = || off.impedance_ohm.iter();
        assert!(is_near(sd(points().map(|z| z.0 - 30.0)), 0.25));
        assert!(is_near(sd(points().map(|z| z.1 + 40.0)), 0.25));
        let product: f64 = points().map(|z| (z.0 - 30.0) * (z.1 + 40.0)).sum();
        assert!((product / f64::from(N) / 0.0625).abs() < 5.0 / f64::from(N).sqrt());
    }

    #[test]
    fn without_noise_nothing_changes() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut curves = [flat_curve()];
        Noisy::new(None, &mut rng).currents(&mut curves);
        assert_eq!(curves[0], flat_curve());
    }
}
