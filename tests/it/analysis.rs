//! Classical analyses of simulated records: the same functions as for measured ones, checked against what the model is.

use sulfit::analysis::differentiable::oxidation_peak;
use sulfit::analysis::differentiable::warburg_slope;
use sulfit::analysis::gate::Rules;
use sulfit::analysis::gate::Verdict;
use sulfit::analysis::gate::gate;
use sulfit::analysis::overview::Given;
use sulfit::analysis::overview::of_cycling;
use sulfit::analysis::ramps::ramps;
use sulfit::analysis::voltammetry::PROMINENCE_SHARE;
use sulfit::analysis::voltammetry::voltammogram;
use sulfit::analysis::warburg::warburg;
use sulfit::cell::Cell;
use sulfit::config::read_study;
use sulfit::record::Record;
use sulfit::record::Spectrum;
use sulfit::simulate::StepOutcome;
use sulfit::simulate::run;

use crate::support::project;

/// What the protocols of the shipped experiment yield for its first cell: spectra, voltammograms, first cycles.
struct Simulated {
    spectra: Vec<Spectrum>,
    voltammograms: Vec<Vec<Record>>,
    cycles: Vec<Record>,
}

fn simulated() -> Simulated {
    let study = read_study(&project("experiments/star_lcnc.toml")).unwrap();
    let variant = &study.variants[0];
    let x: Vec<f64> = variant
        .free
        .iter()
        .map(|free| free.scale().to_coordinate(free.given))
        .collect();
    let mut all = Simulated {
        spectra: Vec::new(),
        voltammograms: Vec::new(),
        cycles: Vec::new(),
    };
    for (index, protocol) in study.protocols.iter().enumerate() {
        if protocol.name == "cycle_life" {
            continue;
        }
        let values = study.values(variant, &x, 0, index);
        let design = study.coarse.mesh.design(&variant.mechanism, protocol);
        let cell = Cell::new(&variant.mechanism, &values, design);
        let outcome = run(&cell, protocol, study.coarse.accuracy, None).unwrap();
        for step in outcome.steps {
            match step {
                StepOutcome::Spectrum(spectrum) => all.spectra.push(spectrum),
                StepOutcome::Sweep(ramps) => {
                    all.voltammograms
                        .push(ramps.into_iter().map(|ramp| ramp.record).collect());
                }
                StepOutcome::Cycles(log) => {
                    for (_, (discharge, charge)) in log.curves {
                        all.cycles.push(joined(&[discharge.record, charge.record]));
                    }
                }
                _ => {}
            }
        }
    }
    all
}

/// Records one after the other.
fn joined(parts: &[Record]) -> Record {
    let mut all = Record::default();
    let mut offset = 0.0;
    for part in parts {
        let first = part.time_s.first().copied().unwrap_or(0.0);
        for i in 0..part.len() {
            all.push(
                offset + part.time_s[i] - first,
                part.voltage_v[i],
                part.current[i],
            );
        }
        offset = all.time_s.last().copied().unwrap_or(0.0) + 1e-3;
    }
    all
}

#[test]
fn simulated_records_are_analysed_like_measured_ones() {
    let simulated = simulated();
    assert!(
        !simulated.spectra.is_empty()
            && !simulated.voltammograms.is_empty()
            && !simulated.cycles.is_empty()
    );
    for spectrum in simulated
        .spectra
        .iter()
        .filter(|s| s.frequency_hz.len() >= 6)
    {
        // A linearised cell obeys the Kramers-Kronig relations.
        let judged = gate(spectrum, &Rules::default());
        assert!(
            !matches!(judged.verdict, Verdict::Inconsistent(_)),
            "{}",
            judged.verdict
        );
        let window = (0.01, 0.1);
        if let Ok(found) = warburg(spectrum, Some(window)) {
            let slope = warburg_slope(spectrum, window.0, window.1).unwrap();
            assert!((found.real.slope / slope - 1.0).abs() < 1e-9);
            // The paper's slope is charge transfer that relaxes, as the specification shows.
            assert!(!found.is_diffusion(), "{found:?}");
        }
    }
    for parts in &simulated.voltammograms {
        let record = joined(parts);
        assert_eq!(ramps(&record).unwrap().len(), parts.len());
        let found = voltammogram(&record, PROMINENCE_SHARE).unwrap();
        for (part, found) in parts.iter().zip(&found) {
            let rising = part.voltage_v.last() > part.voltage_v.first();
            let (Some(peak), true) = (found.main_peak(), rising) else {
                continue;
            };
            let (_, height) = oxidation_peak(part).unwrap();
            let read = -peak.current_read.value;
            assert!(
                (read / height - 1.0).abs() < 0.02,
                "{read} instead of {height}"
            );
        }
    }
    for record in &simulated.cycles {
        let sections = of_cycling(record, &Given::default());
        assert!(
            sections[0].title.starts_with("1 cycle") || sections[0].title.starts_with("2 cycles"),
            "{}",
            sections[0].title
        );
    }
}
