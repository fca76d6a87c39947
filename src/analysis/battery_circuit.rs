//! What a fit of a cell's voltage must beat: an equivalent circuit with two RC elements, and persistence.
//!
//! Both know nothing of chemistry. They see the same past as any other model, a record up to a time, and the current
//! after it; then they are judged by the voltage after it.

use nalgebra::DMatrix;
use nalgebra::DVector;
use ndarray::Array2;

use super::result::AnalysisError;
use super::result::check_count;
use super::result::check_record;
use crate::numerics::least_squares::Linearisation;
use crate::numerics::least_squares::Options;
use crate::numerics::least_squares::Residuals;
use crate::numerics::least_squares::minimise;
use crate::numerics::scaling::Scaling;
use crate::record::Record;

/// Time constants (s) that the fit starts from.
const STARTS_S: [[f64; 2]; 3] = [[5.0, 100.0], [20.0, 500.0], [100.0, 2000.0]];
/// Numbers of nodes of the open-circuit voltage that are tried: from a straight line to one every quarter of an hour of
/// five hours.
const NODES: [usize; 6] = [2, 3, 5, 8, 12, 20];
/// Share of the past that is kept from the trial fits, to be predicted by them (1).
const KEPT: f64 = 0.2;
/// Longest and shortest time constant, as multiples of the duration and of the mean interval of the past (1): a slower
/// element could not be told from the open-circuit voltage.
const TIME_CONSTANTS: (f64, f64) = (0.1, 0.5);
/// Step of the differences by the logarithms of the time constants (1).
const DIFFERENCE: f64 = 1e-4;
/// Correlation with the current one period before that counts as periodic (1).
const PERIODIC: f64 = 0.95;
/// A shorter lag whose correlation is less by this only is the period, not one of its multiples (1).
const AS_GOOD: f64 = 0.01;
/// Intervals may differ by this share for a record to count as evenly sampled (1).
const EVEN: f64 = 0.01;

/// A resistance and a capacitance side by side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RcElement {
    /// Resistance (Ω if the record's current is in A, Ω m² if in A m⁻²).
    pub resistance_ohm: f64,
    /// Time constant (s).
    pub time_constant_s: f64,
}

/// A battery as an open-circuit voltage, a resistance and two RC elements in series.
///
/// V = U(q) − R₀ I − R₁ x₁ − R₂ x₂, τ dx/dt = I − x from rest, q the charge passed since the record began. U is straight
/// between nodes that are evenly spaced over the charge of the past, and keeps its value beyond them: continued as before
/// the last node it would follow the noise of the last minutes. Resistances are not negative.
/// Source of the form: Plett, Battery Management Systems, vol. 1 (2015), ch. 2.
#[derive(Clone, Debug, PartialEq)]
pub struct BatteryCircuit {
    /// Resistance in series (Ω, or as the elements').
    pub resistance_ohm: f64,
    /// The RC elements, the faster one first.
    pub elements: [RcElement; 2],
    /// Charge at the nodes of the open-circuit voltage (A s), rising.
    pub charge_c: Vec<f64>,
    /// Open-circuit voltage there (V).
    pub open_circuit_v: Vec<f64>,
    /// Root mean square of the residuals of the fit (V).
    pub rms_v: f64,
}

/// How far predictions of a voltage are off: root mean squares over the window after the past (V).
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The circuit that was fitted to the past.
    pub circuit: BatteryCircuit,
    /// Of this circuit under the current of the window.
    pub circuit_rms_v: f64,
    /// Of the last voltage of the past, held.
    pub last_value_rms_v: f64,
    /// Of the last period of the past, repeated, with the period (s): only if the current of the past is periodic.
    pub last_period: Option<(f64, f64)>,
}

/// Fits the circuit to the part of a record (from rest, discharge positive) up to `until_s` (s, on the record's clock)
/// and compares what it and persistence predict for the rest.
///
/// Persistence comes in two kinds. The last value held is the simplest forecast there is. Where the current is periodic,
/// as in a drive cycle, a better one is that every period looks as the last one whose voltage is known: sample by sample,
/// without the current of the window.
///
/// # Errors
/// If the record is damaged, or either part is too short.
pub fn compare(record: &Record, until_s: f64) -> Result<Comparison, AnalysisError> {
    check_record(record, 2)?;
    let n_past = record.time_s.partition_point(|t| *t <= until_s);
    check_count("the window", record.len() - n_past, 1)?;
    let circuit = fit(record, n_past)?;
    let predicted = circuit.voltage_v(record);
    let measured = &record.voltage_v[n_past..];
    let past = &record.voltage_v[..n_past];
    let held = vec![past[n_past - 1]; measured.len()];
    let last_period = period(record, n_past).map(|(n_period, period_s)| {
        let start = n_past - n_period;
        let repeated: Vec<f64> = (0..measured.len())
            .map(|i| past[start + i % n_period])
            .collect();
        (rms(measured, &repeated), period_s)
    });
    Ok(Comparison {
        circuit_rms_v: rms(measured, &predicted[n_past..]),
        last_value_rms_v: rms(measured, &held),
        last_period,
        circuit,
    })
}

/// The circuit that fits the first `n_past` points of a record best. How many nodes its open-circuit voltage has is
/// decided by the past alone: as many as predict its last fifth best from the rest.
///
/// # Errors
/// If the record is damaged or has too few points.
pub fn fit(record: &Record, n_past: usize) -> Result<BatteryCircuit, AnalysisError> {
    let least = 10 * NODES[NODES.len() - 1];
    check_record(record, least)?;
    check_count("the past", n_past.min(record.len()), least)?;
    let past = Record {
        time_s: record.time_s[..n_past].to_vec(),
        voltage_v: record.voltage_v[..n_past].to_vec(),
        current: record.current[..n_past].to_vec(),
    };
    let end_s = past.time_s[n_past - 1];
    let split_s = end_s - KEPT * (end_s - past.time_s[0]);
    let n_trial = past.time_s.partition_point(|t| *t <= split_s);
    let judged = NODES.iter().filter_map(|n_nodes| {
        let circuit = fit_nodes(&past, n_trial, *n_nodes)?;
        let predicted = circuit.voltage_v(&past);
        let error_v = rms(&past.voltage_v[n_trial..], &predicted[n_trial..]);
        Some((error_v, *n_nodes))
    });
    let best = judged.min_by(|a, b| a.0.total_cmp(&b.0));
    let circuit = best.and_then(|(_, n_nodes)| fit_nodes(&past, n_past, n_nodes));
    circuit.ok_or(AnalysisError::Missing {
        what: "a record whose circuit cannot be determined",
        advice: "use one in which the current varies and charge passes",
    })
}

impl BatteryCircuit {
    /// Voltage (V) under the current of a record that begins at rest where that of the fit began; one for each point.
    pub fn voltage_v(&self, record: &Record) -> Vec<f64> {
        let charge = charges(record);
        let taus = self.elements.map(|element| element.time_constant_s);
        let filtered = taus.map(|tau| filtered(record, tau));
        let points = charge.iter().zip(&record.current).enumerate();
        points
            .map(|(i, (q, current))| {
                let (piece, share) = place(&self.charge_c, *q);
                let u = &self.open_circuit_v[piece..];
                let mut voltage = u[0] + share * (u[1] - u[0]) - self.resistance_ohm * current;
                for (element, x) in self.elements.iter().zip(&filtered) {
                    voltage -= element.resistance_ohm * x[i];
                }
                voltage
            })
            .collect()
    }
}

/// The circuit with this many nodes that fits the first `n_fit` points best; `None` if they do not determine one.
fn fit_nodes(record: &Record, n_fit: usize, n_nodes: usize) -> Option<BatteryCircuit> {
    let projection = Projection::new(record, n_fit, n_nodes)?;
    let time_s = &record.time_s[..n_fit];
    let duration_s = time_s[n_fit - 1] - time_s[0];
    let (longest, shortest) = (
        (TIME_CONSTANTS.0 * duration_s).ln(),
        (TIME_CONSTANTS.1 * duration_s / n_fit as f64).ln(),
    );
    let options = Options {
        lower: vec![shortest; 2],
        upper: vec![longest; 2],
        gradient_tolerance: 1e-6,
        cost_tolerance: 1e-6,
        promise_tolerance: 0.0,
        step_tolerance: 1e-6,
        iterations_max: 50,
        step_max: 1.5,
        damping: 1e-3,
        scaling: Scaling::Given(vec![1.0; 2]),
        updates_max: 0,
    };
    let ends = STARTS_S.iter().map(|start| {
        let start = start.map(f64::ln);
        minimise(&projection, &start, &options)
    });
    let best = ends.min_by(|a, b| a.cost.total_cmp(&b.cost))?;
    projection.circuit(&best.x)
}

/// The fit with everything but the time constants solved: for given time constants the voltage is linear in all else.
/// Source: Golub & Pereyra, SIAM J. Numer. Anal. 10 (1973) 413.
struct Projection {
    record: Record,
    charge_c: Vec<f64>,
    /// Columns of the nodes and the series resistance, which do not change.
    fixed: DMatrix<f64>,
    voltage_v: DVector<f64>,
}

impl Projection {
    /// `None` unless the charge passes in one direction far enough to set the nodes.
    fn new(record: &Record, n_fit: usize, n_nodes: usize) -> Option<Self> {
        let record = Record {
            time_s: record.time_s[..n_fit].to_vec(),
            voltage_v: record.voltage_v[..n_fit].to_vec(),
            current: record.current[..n_fit].to_vec(),
        };
        let passed = charges(&record);
        let lowest = passed.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = passed.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let node = |i: usize| lowest + (highest - lowest) * i as f64 / (n_nodes - 1) as f64;
        let charge_c: Vec<f64> = (0..n_nodes).map(node).collect();
        let mut fixed = DMatrix::zeros(n_fit, n_nodes + 3);
        for (i, (q, current)) in passed.iter().zip(&record.current).enumerate() {
            let (piece, share) = place(&charge_c, *q);
            fixed[(i, piece)] = 1.0 - share;
            fixed[(i, piece + 1)] = share;
            fixed[(i, n_nodes)] = -current;
        }
        let voltage_v = DVector::from_column_slice(&record.voltage_v);
        (highest > lowest).then_some(Self {
            record,
            charge_c,
            fixed,
            voltage_v,
        })
    }

    /// The best linear parameters for the logarithms of the time constants, and the residuals (V). Of the resistances
    /// that would be negative the most negative one is taken out, until none is.
    fn solve(&self, ln_tau: &[f64]) -> Option<(DVector<f64>, DVector<f64>)> {
        let mut columns = self.fixed.clone();
        let n = columns.ncols();
        for (i, ln_tau) in ln_tau.iter().enumerate() {
            let x = filtered(&self.record, ln_tau.exp());
            let column = x.iter().map(|x| -x);
            columns.set_column(n - 2 + i, &DVector::from_iterator(x.len(), column));
        }
        let mut free: Vec<usize> = (0..n).collect();
        loop {
            let solution = least_squares(&columns.select_columns(&free), &self.voltage_v)?;
            let resistances = (0..free.len()).filter(|i| free[*i] >= self.charge_c.len());
            let lowest = resistances.min_by(|a, b| solution[*a].total_cmp(&solution[*b]));
            if let Some(negative) = lowest.filter(|i| solution[*i] < 0.0) {
                free.remove(negative);
                continue;
            }
            let mut whole = DVector::zeros(n);
            for (index, value) in free.iter().zip(&solution) {
                whole[*index] = *value;
            }
            let residuals = columns * &whole - &self.voltage_v;
            return Some((whole, residuals));
        }
    }

    fn circuit(&self, ln_tau: &[f64]) -> Option<BatteryCircuit> {
        let (solution, residuals) = self.solve(ln_tau)?;
        let n_nodes = self.charge_c.len();
        let element = |i: usize| RcElement {
            resistance_ohm: solution[n_nodes + 1 + i],
            time_constant_s: ln_tau[i].exp(),
        };
        let mut elements = [element(0), element(1)];
        elements.sort_by(|a, b| a.time_constant_s.total_cmp(&b.time_constant_s));
        Some(BatteryCircuit {
            resistance_ohm: solution[n_nodes],
            elements,
            charge_c: self.charge_c.clone(),
            open_circuit_v: solution.rows(0, n_nodes).iter().copied().collect(),
            rms_v: residuals.norm() / (residuals.len() as f64).sqrt(),
        })
    }
}

impl Residuals for Projection {
    fn trial(&self, x: &[f64]) -> Option<Vec<f64>> {
        Some(self.solve(x)?.1.iter().copied().collect())
    }

    fn linearise(&self, x: &[f64]) -> Option<Linearisation> {
        let residuals = self.trial(x)?;
        let mut jacobian = Array2::zeros((residuals.len(), x.len()));
        for (i, mut column) in jacobian.columns_mut().into_iter().enumerate() {
            let moved = |step: f64| {
                let mut x = x.to_vec();
                x[i] += step;
                self.trial(&x)
            };
            let (above, below) = (moved(DIFFERENCE)?, moved(-DIFFERENCE)?);
            let pairs = above.iter().zip(&below);
            for (entry, (above, below)) in column.iter_mut().zip(pairs) {
                *entry = (above - below) / (2.0 * DIFFERENCE);
            }
        }
        Some(Linearisation {
            residuals,
            jacobian,
        })
    }
}

/// The least-squares solution; `None` if the columns do not determine one.
fn least_squares(columns: &DMatrix<f64>, values: &DVector<f64>) -> Option<DVector<f64>> {
    let n = columns.ncols();
    let factors = columns.clone().qr();
    let mut reduced = values.clone();
    factors.q_tr_mul(&mut reduced);
    let upper = factors.r();
    let solution = upper.solve_upper_triangular(&reduced.rows(0, n).into_owned())?;
    solution.iter().all(|x| x.is_finite()).then_some(solution)
}

/// The piece between two nodes that a charge lies in, and where in it (1); beyond the nodes their nearest end.
fn place(nodes: &[f64], charge: f64) -> (usize, f64) {
    let charge = charge.clamp(nodes[0], nodes[nodes.len() - 1]);
    let after = nodes.partition_point(|node| *node <= charge);
    let piece = after.clamp(1, nodes.len() - 1) - 1;
    let width = nodes[piece + 1] - nodes[piece];
    (piece, (charge - nodes[piece]) / width)
}

/// Charge that has passed at each point (A s), by trapezoids.
fn charges(record: &Record) -> Vec<f64> {
    let mut passed = 0.0;
    let points = record.time_s.windows(2).zip(record.current.windows(2));
    let later = points.map(|(time_s, current)| {
        passed += 0.5 * (current[0] + current[1]) * (time_s[1] - time_s[0]);
        passed
    });
    std::iter::once(0.0).chain(later).collect()
}

/// The current through the resistance of an RC element at each point: exact for a current that is straight between
/// points, from rest.
fn filtered(record: &Record, time_constant_s: f64) -> Vec<f64> {
    let mut x = vec![0.0; record.len()];
    for i in 1..record.len() {
        let share = (record.time_s[i] - record.time_s[i - 1]) / time_constant_s;
        let (left, now) = (record.current[i - 1], record.current[i]);
        x[i] = if share > 0.0 {
            let kept = (-share).exp();
            let mean = -(-share).exp_m1() / share;
            x[i - 1] * kept + left * (mean - kept) + now * (1.0 - mean)
        } else {
            x[i - 1]
        };
    }
    x
}

/// The period of the current of the past, in points and in seconds; `None` if it has none, or is not evenly sampled.
///
/// It is the shortest lag whose correlation is a maximum and as good as that of any other lag up to a third of the past.
fn period(record: &Record, n_past: usize) -> Option<(usize, f64)> {
    let time_s = &record.time_s[..n_past];
    let mean_s = (time_s[n_past - 1] - time_s[0]) / (n_past - 1) as f64;
    let is_even = |pair: &[f64]| (pair[1] - pair[0] - mean_s).abs() <= EVEN * mean_s;
    if !time_s.windows(2).all(is_even) {
        return None;
    }
    let current = &record.current[..n_past];
    let lags: Vec<f64> = (0..=n_past / 3)
        .map(|lag| correlation(current, lag))
        .collect();
    let is_top = |lag: usize| lags[lag] >= lags[lag - 1] && lags[lag] >= lags[lag + 1];
    let tops: Vec<usize> = (2..lags.len() - 1).filter(|lag| is_top(*lag)).collect();
    let highest = tops.iter().map(|lag| lags[*lag]).fold(PERIODIC, f64::max);
    let period = tops
        .into_iter()
        .find(|lag| lags[*lag] >= highest - AS_GOOD)?;
    (lags[period] >= PERIODIC).then_some((period, period as f64 * mean_s))
}

/// Correlation of a series with itself `lag` points before (1).
fn correlation(series: &[f64], lag: usize) -> f64 {
    let (early, late) = (&series[..series.len() - lag], &series[lag..]);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let (mean_early, mean_late) = (mean(early), mean(late));
    let mut sums = [0.0; 3];
    for (a, b) in early.iter().zip(late) {
        let (a, b) = (a - mean_early, b - mean_late);
        sums[0] += a * b;
        sums[1] += a * a;
        sums[2] += b * b;
    }
    let size = (sums[1] * sums[2]).sqrt();
    if size > 0.0 { sums[0] / size } else { 0.0 }
}

fn rms(measured: &[f64], predicted: &[f64]) -> f64 {
    let squares = measured.iter().zip(predicted).map(|(a, b)| (a - b).powi(2));
    (squares.sum::<f64>() / measured.len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four hours at 4 s under a current with a period of 400 s, of a circuit with a straight open-circuit voltage.
    fn synthetic(last_v: f64, noise_v: f64) -> Record {
        let mut record = Record::default();
        for i in 0..3600 {
            let time_s = 4.0 * f64::from(i);
            let phase = i % 100;
            let current = match phase {
                0..=9 => 0.0,
                10..=49 => 0.4 + 0.01 * f64::from(phase),
                _ => 1.5 * (0.1 * f64::from(phase)).sin().abs(),
            };
            record.push(time_s, 0.0, current);
        }
        let truth = truth(last_v);
        let noise = |i: usize| noise_v * (12.9898 * i as f64).sin() * 2f64.sqrt();
        let voltages = truth.voltage_v(&record).into_iter().enumerate();
        record.voltage_v = voltages.map(|(i, v)| v + noise(i)).collect();
        record
    }

    fn truth(last_v: f64) -> BatteryCircuit {
        let element = |resistance_ohm, time_constant_s| RcElement {
            resistance_ohm,
            time_constant_s,
        };
        BatteryCircuit {
            resistance_ohm: 0.05,
            elements: [element(0.02, 15.0), element(0.03, 400.0)],
            charge_c: vec![0.0, 10_000.0],
            open_circuit_v: vec![2.3, last_v],
            rms_v: 0.0,
        }
    }

    #[test]
    fn a_known_circuit_is_found_again() {
        let record = synthetic(2.0, 1e-4);
        let circuit = fit(&record, 3000).unwrap();
        let (here, there) = (circuit.elements, truth(2.0).elements);
        for (found, known) in here.iter().zip(there) {
            assert!(
                (found.resistance_ohm / known.resistance_ohm - 1.0).abs() < 0.02,
                "{found:?}"
            );
            assert!(
                (found.time_constant_s / known.time_constant_s - 1.0).abs() < 0.05,
                "{found:?}"
            );
        }
        assert!((circuit.resistance_ohm - 0.05).abs() < 5e-4);
        assert!((circuit.rms_v - 1e-4).abs() < 1e-5, "{}", circuit.rms_v);
    }

    #[test]
    fn what_fits_the_past_is_judged_by_what_follows() {
        // On a plateau: a slope would not be known beyond the past.
        let record = synthetic(2.3, 0.0);
        let comparison = compare(&record, 4.0 * 3000.0).unwrap();
        assert!(comparison.circuit_rms_v < 1e-4, "{comparison:?}");
        let (period_rms_v, period_s) = comparison.last_period.unwrap();
        assert!((period_s - 400.0).abs() < 1e-9);
        assert!(period_rms_v < 1e-3, "{period_rms_v}");
        assert!(comparison.last_value_rms_v > 0.01);
    }

    #[test]
    fn response_of_an_element_is_exact_under_a_ramp() {
        let mut record = Record::default();
        for i in 0..50 {
            let time_s = 0.7 * f64::from(i);
            record.push(time_s, 0.0, 2.0 * time_s);
        }
        let tau = 3.0;
        for (t, x) in record.time_s.iter().zip(filtered(&record, tau)) {
            let exact = 2.0 * (t - tau * (1.0 - (-t / tau).exp()));
            assert!((x - exact).abs() < 1e-12);
        }
    }

    #[test]
    fn a_constant_current_has_no_period_and_no_circuit() {
        let mut record = Record::default();
        for i in 0..400 {
            record.push(f64::from(i), 2.0, 1.0);
        }
        assert_eq!(period(&record, 400), None);
        let still = Record {
            current: vec![0.0; 400],
            ..record
        };
        assert!(matches!(
            fit(&still, 400),
            Err(AnalysisError::Missing { .. })
        ));
    }
}
