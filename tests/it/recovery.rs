//! Known parameters are found again from synthetic data, inside their intervals.

use sulfit::config::read_study;
use sulfit::estimate::Effort;
use sulfit::estimate::FitReport;
use sulfit::estimate::Forgetful;
use sulfit::estimate::Observation;
use sulfit::estimate::Prediction;
use sulfit::estimate::Study;
use sulfit::estimate::fit;
use sulfit::estimate::simulate;

use crate::support::Silent;
use crate::support::project;

/// The small experiment with data that the mechanism itself made at its file values.
fn synthetic() -> Study {
    let mut study = read_study(&project("tests/files/good/small.toml")).unwrap();
    let truth = simulate(&study, &Silent);
    // Seeded noise of a fraction of the stated uncertainty keeps the data from being exact.
    let wobble = [0.3, -0.5, 0.2, 0.4, -0.3, 0.1];
    for (i, observed) in truth.variants[0].observed.iter().enumerate() {
        let Observation { noise, .. } = observed.observation;
        let sd = noise.sd(observed.model);
        study.observations[i].measured = observed.model + wobble[i % wobble.len()] * 0.5 * sd;
    }
    for (prediction, predicted) in study
        .predictions
        .iter_mut()
        .zip(&truth.variants[0].predicted)
    {
        prediction.measured = predicted.model.unwrap();
    }
    study
}

fn fitted(study: &Study) -> FitReport {
    fit(study, &Effort::default(), &Silent, &Forgetful)
}

#[test]
fn known_parameters_lie_in_their_intervals() {
    let study = synthetic();
    let report = fitted(&study);
    let variant = &report.variants[0];
    assert!(variant.stop.is_converged(), "{}", variant.stop);
    assert_eq!(report.failed, 0);
    let table = study.variants[0].mechanism.parameters();
    for (free, estimate) in study.variants[0].free.iter().zip(&variant.estimates) {
        let truth = table.row(table.find(&free.name).unwrap()).value;
        let scale = free.scale();
        let off = scale.to_coordinate(estimate.value) - scale.to_coordinate(truth);
        let sd = estimate.sd.unwrap();
        assert!(
            off.abs() < 2.0 * sd,
            "{}: off by {off}, standard deviation {sd}",
            free.name
        );
        assert!(
            sd < 0.9 * free.prior_coordinates().1,
            "{}: the data told nothing",
            free.name
        );
    }
}

#[test]
fn prediction_does_not_touch_the_fit() {
    let study = synthetic();
    let mut changed = study.clone();
    for prediction in &mut changed.predictions {
        *prediction = Prediction {
            measured: 1.0,
            ..prediction.clone()
        };
    }
    let (here, there) = (fitted(&study), fitted(&changed));
    assert_eq!(here.variants[0].x, there.variants[0].x);
}
