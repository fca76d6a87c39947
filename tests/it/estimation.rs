//! What an estimation tells beyond the optimum: search, profiles, posterior, instruments' unknowns, noise, comparison.

use std::sync::Mutex;

use sulfit::config::read_study;
use sulfit::estimate::Calibration;
use sulfit::estimate::Effort;
use sulfit::estimate::FitReport;
use sulfit::estimate::Forgetful;
use sulfit::estimate::IntervalMethod;
use sulfit::estimate::Knowledge;
use sulfit::estimate::Monitor;
use sulfit::estimate::NORMAL_95;
use sulfit::estimate::NoiseGroup;
use sulfit::estimate::RecoveryPlan;
use sulfit::estimate::Search;
use sulfit::estimate::Status;
use sulfit::estimate::Study;
use sulfit::estimate::fit;
use sulfit::estimate::recover;
use sulfit::mechanism::Prior;
use sulfit::numerics::loss::Loss;
use sulfit::numerics::loss::Robust;

use crate::support::Memory;
use crate::support::Silent;
use crate::support::project;

/// One cell, three free quantities, on one coarse mesh throughout: seconds to fit.
fn small() -> Study {
    let mut study = read_study(&project("tests/files/good/small.toml")).unwrap();
    study.fine = study.coarse;
    study.predictions.clear();
    study
}

fn plain(study: &Study) -> FitReport {
    fit(study, &Effort::default(), &Silent, &Forgetful)
}

fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.unwrap().install(work)
}

#[test]
fn search_is_the_same_on_any_number_of_threads_and_when_resumed() {
    let mut study = small();
    study.settings.candidates = 6;
    for search in [Search::Sobol, Search::Swarm { rounds: 3 }] {
        study.settings.search = search;
        study.settings.starts = 4;
        let one = in_pool(1, || plain(&study));
        let archive = Memory::default();
        let two = in_pool(2, || fit(&study, &Effort::default(), &Silent, &archive));
        let resumed = fit(&study, &Effort::default(), &Silent, &archive);
        for other in [&two, &resumed] {
            assert_eq!(one.variants[0].x, other.variants[0].x, "{search:?}");
            assert_eq!(
                one.variants[0].starts, other.variants[0].starts,
                "{search:?}"
            );
            assert_eq!(one.evaluations, other.evaluations, "{search:?}");
            assert_eq!(one.failures, other.failures, "{search:?}");
        }
        assert_eq!(archive.len(), 5, "four starts and the end on the fine mesh");
        let starts = &one.variants[0].starts;
        assert!(
            starts.windows(2).all(|w| w[0].cost <= w[1].cost),
            "sorted by cost"
        );
        assert_eq!(starts[0].optimum, Some(0));
        // The posterior has one maximum: all starts end in it and are merged.
        assert!(starts.iter().all(|s| s.optimum == Some(0)), "{starts:?}");
    }
}

#[test]
fn start_that_cannot_be_simulated_is_counted_and_does_no_harm() {
    let mut study = small();
    study.settings.candidates = 12;
    study.settings.starts = 12;
    // Desolvation so slow that far starts cannot discharge at all; the spectrum still fits.
    study.variants[0].free[0].prior = Prior::LogNormal {
        median: 3e-7,
        sd_ln: 12.0,
    };
    let report = plain(&study);
    let starts = &report.variants[0].starts;
    assert_eq!(starts.len(), 12);
    assert!(report.variants[0].stop.is_converged());
    let failed = starts.iter().filter(|s| s.optimum.is_none()).count();
    assert_eq!(
        failed,
        starts.iter().filter(|s| !s.cost.is_finite()).count()
    );
    assert!(report.failed >= failed);
}

#[test]
fn profile_agrees_with_curvature_where_the_model_is_nearly_linear() {
    let study = small();
    let effort = Effort {
        profiles: true,
        ..Effort::default()
    };
    let archive = Memory::default();
    let report = fit(&study, &effort, &Silent, &archive);
    let variant = &report.variants[0];
    let information = variant.information.as_ref().unwrap();
    for (i, profile) in variant.profiles.iter().enumerate() {
        let profile = profile.as_ref().unwrap();
        let name = &study.variants[0].free[i].name;
        let (lower, upper) = profile.interval;
        let half = 0.5 * (upper.unwrap() - lower.unwrap());
        let expected = NORMAL_95 * information.sd(i);
        assert!(
            (half / expected - 1.0).abs() < 0.3,
            "{name}: {half} against {expected}"
        );
        assert!(
            profile
                .points
                .windows(2)
                .all(|w| w[0].coordinate < w[1].coordinate)
        );
        assert_eq!(profile.lower_than_optimum(), None, "{name}");
        let method = variant.estimates[i].interval.unwrap().2;
        assert_eq!(method, IntervalMethod::Profile);
    }
    let again = fit(&study, &effort, &Silent, &archive);
    assert_eq!(again.variants[0].profiles, variant.profiles);
    assert_eq!(again.evaluations, report.evaluations);
}

#[test]
fn posterior_of_a_cell_agrees_with_curvature_and_goes_on_where_it_stood() {
    let study = small();
    let effort = Effort {
        draws: 160,
        ..Effort::default()
    };
    let archive = Memory::default();
    let report = fit(&study, &effort, &Silent, &archive);
    let variant = &report.variants[0];
    let posterior = variant.posterior.as_ref().unwrap().as_ref().unwrap();
    let information = variant.information.as_ref().unwrap();
    assert_eq!(posterior.n_draws(), 160);
    for (i, summary) in posterior.summaries.iter().enumerate() {
        let name = &study.variants[0].free[i].name;
        let sd = information.assumed[[i, i]].sqrt();
        // The posterior is nearly normal; 160 draws tell its mean to a tenth of a standard deviation or so.
        assert!(
            (summary.mean - variant.x[i]).abs() < 0.6 * sd,
            "{name}: mean"
        );
        assert!(
            (0.6..1.6).contains(&(summary.sd / sd)),
            "{name}: {} of {sd}",
            summary.sd
        );
        let (lower, upper) = posterior.intervals[i];
        assert!(lower < summary.mean && summary.mean < upper);
    }
    assert!(posterior.r_hat_max().unwrap() < 1.2);
    assert!(posterior.ess_min().unwrap() > 20.0);
    let before = archive.len();
    let again = fit(&study, &effort, &Silent, &archive);
    assert_eq!(again.variants[0].posterior, variant.posterior);
    assert_eq!(archive.len(), before);
}

#[test]
fn verdict_tells_what_the_data_know() {
    let report = plain(&small());
    let variant = &report.variants[0];
    // Three data, three quantities: the spectrum sees k1, the polarisation the coated area, and vmax limits nothing at
    // 0.1C.
    let free = &small().variants[0].free;
    let of = |name: &str| variant.knowledge[free.iter().position(|f| f.name == name).unwrap()];
    assert_eq!(of("k1"), Knowledge::Identified);
    assert_eq!(of("Scoat"), Knowledge::Identified);
    assert!(
        of("vmax") != Knowledge::Identified
            || variant.information.as_ref().unwrap().eigenvalues[2] > 1.0
    );
    let evidence = variant.evidence.as_ref().unwrap();
    assert!(evidence.log_evidence.is_finite() && evidence.loo.is_finite());
    assert_eq!(
        (evidence.aicc, evidence.bic),
        (None, None),
        "three data, three quantities"
    );
}

#[test]
fn quantity_without_any_data_keeps_its_prior_and_is_named_before_the_run() {
    struct Listening(Mutex<Vec<String>>);
    impl Monitor for Listening {
        fn begin(&self, _stage: &str, _iterations_max: usize) {}
        fn advance(&self, _status: &Status<'_>) {}
        fn warn(&self, message: &str) {
            self.0.lock().unwrap().push(message.to_owned());
        }
        fn is_interrupted(&self) -> bool {
            false
        }
    }
    let mut study = small();
    study.observations.retain(|o| o.target.id != "transference");
    let listening = Listening(Mutex::default());
    let report = fit(&study, &Effort::default(), &listening, &Forgetful);
    let warnings = listening.0.into_inner().unwrap();
    assert_eq!(
        warnings,
        [
            "variant 'only': no observable depends on 'Scoat'; the fit returns its prior, fix it or add data"
        ]
    );
    let free = &study.variants[0].free;
    let index = free.iter().position(|f| f.name == "Scoat").unwrap();
    let variant = &report.variants[0];
    assert_eq!(variant.knowledge[index], Knowledge::PriorOnly);
    let (centre, sd) = free[index].prior_coordinates();
    assert!((variant.x[index] - centre).abs() < 1e-6);
    assert!((variant.information.as_ref().unwrap().sd(index) - sd).abs() < 1e-6);
}

#[test]
fn scale_of_an_instrument_is_solved_inside_and_takes_up_what_all_its_data_share() {
    let mut study = small();
    let row = study
        .observations
        .iter()
        .position(|o| o.target.id == "rate_0p1C")
        .unwrap();
    let sigma = study.observations[row].noise.sd_of_residual();
    study.calibrations.push(Calibration {
        name: "mass".to_owned(),
        unit: "1",
        sd: 30.0,
        members: vec![(row, 1.0 / sigma)],
    });
    let before = plain(&study);
    // A balance that reads 20 % too little shifts every capacity per gram by the same factor.
    study.observations[row].measured *= 1.2;
    let after = plain(&study);
    let scale = |report: &FitReport| report.variants[0].calibrations[0].0;
    let grown = scale(&after) - scale(&before);
    assert!((grown - 1.2f64.ln()).abs() < 1e-2, "{grown}");
    let sd = after.variants[0].calibrations[0].1;
    assert!((sd / sigma - 1.0).abs() < 1e-3, "one reading: {sd}");
    let both = before.variants[0].x.iter().zip(&after.variants[0].x);
    for (i, (a, b)) in both.enumerate() {
        let sd = after.variants[0].information.as_ref().unwrap().sd(i);
        assert!((a - b).abs() < 0.05 * sd, "quantity {i} moved");
    }
}

#[test]
fn noise_is_estimated_from_the_scatter() {
    let mut study = small();
    // Three readings of one spectrum that differ by far more than they claim.
    let row = study
        .observations
        .iter()
        .position(|o| o.target.id == "warburg_slope")
        .unwrap();
    let first = study.observations[row].clone();
    let mut members = vec![row];
    for factor in [0.5, 0.7, 1.4, 2.0] {
        let mut again = first.clone();
        again.measured *= factor;
        members.push(study.observations.len());
        study.observations.push(again);
    }
    let stated = plain(&study);
    study.noise_groups.push(NoiseGroup {
        name: "spectra".to_owned(),
        members: members.clone(),
    });
    let estimated = plain(&study);
    // The scatter of the readings around their mean, in units of what they claim.
    let logs: Vec<f64> = members
        .iter()
        .map(|m| study.observations[*m].measured.ln())
        .collect();
    let mean = logs.iter().sum::<f64>() / 5.0;
    let sigma = first.noise.sd(1.0);
    let scatter = (logs.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / 4.0).sqrt() / sigma;
    let factor = estimated.variants[0].noise_factors[0];
    assert!(
        (factor / scatter - 1.0).abs() < 0.1,
        "{factor} against {scatter}"
    );
    let inflation = |report: &FitReport| report.variants[0].information.as_ref().unwrap().inflation;
    assert!(inflation(&stated) > 2.0 && inflation(&estimated) < 1.5);
}

#[test]
fn robust_loss_spares_an_outlier() {
    let mut study = small();
    let truth = plain(&study).variants[0].x.clone();
    let row = study
        .observations
        .iter()
        .position(|o| o.target.id == "warburg_slope")
        .unwrap();
    // Two good readings and one that is off by a factor of three.
    let good = study.observations[row].clone();
    study.observations.push(good.clone());
    study.observations.push(good.clone());
    study.observations[row].measured *= 3.0;
    let squares = plain(&study).variants[0].x.clone();
    study.settings.loss = Robust {
        loss: Loss::Cauchy,
        f_scale: 1.0,
    };
    let robust = plain(&study).variants[0].x.clone();
    let off = |x: &[f64]| (x[0] - truth[0]).abs();
    assert!(
        off(&robust) < 0.3 * off(&squares),
        "{} against {}",
        off(&robust),
        off(&squares)
    );
}

#[test]
fn flat_prior_leaves_the_answer_to_the_data() {
    let mut study = small();
    let bayes = plain(&study);
    for free in &mut study.variants[0].free {
        if free.name == "k1" || free.name == "Scoat" {
            free.prior = Prior::Flat { is_ln: true };
        }
    }
    let flat = plain(&study);
    assert!(flat.variants[0].stop.is_converged());
    assert!(flat.variants[0].cost_data <= bayes.variants[0].cost_data + 1e-3);
    let sd = |r: &FitReport| r.variants[0].information.as_ref().unwrap().sd(0);
    assert!(sd(&flat) >= sd(&bayes));
    assert!(
        flat.variants[0]
            .evidence
            .as_ref()
            .unwrap()
            .log_evidence
            .is_finite()
    );
}

#[test]
fn variants_are_compared_and_averaged() {
    let mut study = read_study(&project("tests/files/good/small.toml")).unwrap();
    study.fine = study.coarse;
    // The same variant twice: equal evidence, equal weights, nothing between them.
    let twin = study.variants[0].clone();
    study.variants.push(twin);
    let report = plain(&study);
    let comparison = report.comparison.unwrap();
    assert!(comparison.weights.iter().all(|w| (w - 0.5).abs() < 1e-9));
    let averaged = &comparison.averaged[0];
    assert!(averaged.sd_between < 1e-9 * averaged.mean);
    let alone = &report.variants[0].predicted[0];
    assert!((averaged.mean / alone.model.unwrap() - 1.0).abs() < 1e-9);
    assert!((averaged.sd_within / alone.sd.unwrap() - 1.0).abs() < 1e-9);
}

#[test]
fn recovery_study_covers_the_truth_and_goes_on_where_it_stood() {
    let study = small();
    let plan = |cells| RecoveryPlan {
        variant: 0,
        cells,
        seed: 5,
        widening: 2.0,
    };
    let archive = Memory::default();
    let first = recover(&study, &plan(8), &Silent, &archive).unwrap();
    let kept = archive.len();
    let all = recover(&study, &plan(24), &Silent, &archive).unwrap();
    assert_eq!(
        archive.len(),
        kept + 16,
        "the first eight were not fitted again"
    );
    let alone = in_pool(1, || recover(&study, &plan(24), &Silent, &Forgetful)).unwrap();
    assert_eq!(all, alone, "resumed on two threads, or at once on one");
    assert_eq!((first.n_cells, all.n_cells), (8, 24));
    for recovered in &all.parameters {
        // 24 cells at 95 %: fewer than 19 hits have a probability below 0.001.
        assert!(recovered.n_covered >= 19, "{recovered:?}");
        assert!(
            recovered.bias.abs() < 0.8 && recovered.spread < 1.7,
            "{recovered:?}"
        );
        let (n_held, n_asked) = recovered.by_profile.unwrap_or((24, 24));
        assert!(n_held >= 19 && n_asked == 24, "{recovered:?}");
    }
    let n_asked = all.parameters.iter().filter(|r| r.by_profile.is_some());
    assert!(n_asked.count() > 0, "some quantity is identified");
}
