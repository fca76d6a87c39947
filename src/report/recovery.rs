//! The result of a recovery study: a table for people, JSON for programs.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;
use statrs::distribution::Beta;
use statrs::distribution::ContinuousCDF;

use crate::estimate::Knowledge;
use crate::estimate::Recovery;
use crate::estimate::RecoveryPlan;
use crate::estimate::Study;

/// How often intervals hold the truth, over cells with known constants.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawRecovery {
    /// Version of the program.
    version: &'static str,
    /// Name of the experiment.
    experiment: String,
    /// Name of the variant.
    variant: String,
    /// `synthetic`: these cells are simulated.
    kind: &'static str,
    /// Seed of truths and noise.
    seed: u64,
    /// Factor on the noise of the real data from whose posterior the truths are drawn.
    #[schemars(extend("x-unit" = "1"))]
    widening: f64,
    /// Probability that the intervals are meant to hold.
    #[schemars(extend("x-unit" = "1"))]
    interval_level: f64,
    /// Cells that were asked for.
    cells: usize,
    /// Cells that were fitted.
    fitted: usize,
    /// Cells whose fit ended above a minimum that the truth led to.
    fits_above_a_lower_minimum: usize,
    /// Truths that could not be simulated, lay outside the bounds or contradicted a limit, and were drawn again.
    truths_redrawn: usize,
    /// Why cells were not fitted.
    unfitted: Vec<RawUnfitted>,
    /// Whether somebody ended it before it was done.
    interrupted: bool,
    /// Points of parameters that were simulated.
    evaluations: usize,
    /// Simulations that failed.
    failed_solves: usize,
    /// Every free quantity.
    parameters: Vec<RawRecovered>,
}

/// Why cells were not fitted.
#[derive(Serialize, JsonSchema)]
struct RawUnfitted {
    /// Reason.
    reason: String,
    /// How many cells.
    cells: usize,
}

/// A free quantity over all cells.
#[derive(Serialize, JsonSchema)]
struct RawRecovered {
    /// Name.
    name: String,
    /// What the real data know about it.
    #[schemars(extend("enum" = Knowledge::WORDS))]
    verdict: Option<&'static str>,
    /// Share of the intervals by curvature that hold the truth.
    #[schemars(extend("x-unit" = "1"))]
    coverage: Option<f64>,
    /// Where the true coverage lies with 95 % probability, by Clopper and Pearson.
    #[schemars(extend("x-unit" = "1"))]
    coverage_interval: Option<(f64, f64)>,
    /// The same for the intervals of profiles; for quantities that the real data identify.
    #[schemars(extend("x-unit" = "1"))]
    profile_coverage: Option<f64>,
    /// Where that coverage lies with 95 % probability.
    #[schemars(extend("x-unit" = "1"))]
    profile_coverage_interval: Option<(f64, f64)>,
    /// Mean error, in standard deviations.
    #[schemars(extend("x-unit" = "1"))]
    bias_in_sd: Option<f64>,
    /// Root mean square of the error, in standard deviations; 1 if they are right.
    #[schemars(extend("x-unit" = "1"))]
    rms_error_in_sd: Option<f64>,
}

impl RawRecovery {
    fn new(study: &Study, plan: &RecoveryPlan, recovery: &Recovery) -> Self {
        let free = &study.variants[plan.variant].free;
        let finite = |x: f64| x.is_finite().then_some(x);
        let parameters = recovery.parameters.iter().map(|recovered| RawRecovered {
            name: free[recovered.index].name.clone(),
            verdict: recovered.knowledge.map(Knowledge::as_str),
            coverage: finite(recovered.n_covered as f64 / recovery.n_cells as f64),
            coverage_interval: clopper_pearson(recovered.n_covered, recovery.n_cells),
            profile_coverage: recovered.by_profile.map(|(n, all)| n as f64 / all as f64),
            profile_coverage_interval: recovered
                .by_profile
                .and_then(|(n, all)| clopper_pearson(n, all)),
            bias_in_sd: finite(recovered.bias),
            rms_error_in_sd: finite(recovered.spread),
        });
        let unfitted = recovery.unfitted.iter().map(|(reason, cells)| RawUnfitted {
            reason: reason.clone(),
            cells: *cells,
        });
        Self {
            version: env!("CARGO_PKG_VERSION"),
            experiment: study.name.clone(),
            variant: study.variants[plan.variant].name.clone(),
            kind: "synthetic",
            seed: plan.seed,
            widening: plan.widening,
            interval_level: crate::estimate::INTERVAL_LEVEL,
            cells: plan.cells,
            fitted: recovery.n_cells,
            fits_above_a_lower_minimum: recovery.n_missed,
            truths_redrawn: recovery.n_redrawn,
            unfitted: unfitted.collect(),
            interrupted: recovery.is_interrupted,
            evaluations: recovery.evaluations,
            failed_solves: recovery.failed,
            parameters: parameters.collect(),
        }
    }
}

pub(super) fn recovery_json(
    study: &Study,
    plan: &RecoveryPlan,
    recovery: &Recovery,
) -> Result<Vec<u8>, String> {
    let raw = RawRecovery::new(study, plan, recovery);
    let mut json = serde_json::to_vec_pretty(&raw).map_err(|error| error.to_string())?;
    json.push(b'\n');
    Ok(json)
}

/// The table that people read.
pub fn recovery_summary(study: &Study, plan: &RecoveryPlan, recovery: &Recovery) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_summary(&mut text, &RawRecovery::new(study, plan, recovery));
    text
}

fn write_summary(text: &mut String, raw: &RawRecovery) -> std::fmt::Result {
    writeln!(
        text,
        "{}, {}: {} synthetic cells fitted",
        raw.experiment, raw.variant, raw.fitted
    )?;
    writeln!(
        text,
        "truths drawn from the posterior of the real data with {} times their noise; the fits use that as their prior",
        raw.widening
    )?;
    writeln!(text)?;
    write_table(text, raw)?;
    writeln!(text)?;
    write_counts(text, raw)
}

fn write_table(text: &mut String, raw: &RawRecovery) -> std::fmt::Result {
    writeln!(
        text,
        "  {:<16} {:>9} {:>13}  {:>9} {:>13}  {:>6} {:>6}  known from the real data",
        "parameter", "curvature", "(95 %)", "profile", "(95 %)", "bias", "rms"
    )?;
    for row in &raw.parameters {
        let percent =
            |x: Option<f64>| x.map_or_else(String::new, |x| format!("{:.1} %", 100.0 * x));
        let range = |ends: Option<(f64, f64)>| {
            let told = |(lower, upper)| format!("{:.1} to {:.1}", 100.0 * lower, 100.0 * upper);
            ends.map_or_else(String::new, told)
        };
        let number = |x: Option<f64>| x.map_or_else(String::new, |x| format!("{x:+.2}"));
        writeln!(
            text,
            "  {:<16} {:>9} {:>13}  {:>9} {:>13}  {:>6} {:>6}  {}",
            row.name,
            percent(row.coverage),
            range(row.coverage_interval),
            percent(row.profile_coverage),
            range(row.profile_coverage_interval),
            number(row.bias_in_sd),
            number(row.rms_error_in_sd),
            row.verdict.unwrap_or("")
        )?;
    }
    Ok(())
}

fn write_counts(text: &mut String, raw: &RawRecovery) -> std::fmt::Result {
    writeln!(
        text,
        "share of 95 % intervals that hold the truth; bias and rms error in standard deviations of the fits"
    )?;
    writeln!(
        text,
        "parameter points simulated: {}; failed simulations: {}; truths redrawn: {}",
        raw.evaluations, raw.failed_solves, raw.truths_redrawn
    )?;
    if raw.fits_above_a_lower_minimum > 0 {
        writeln!(
            text,
            "{} fits ended above a lower minimum, to which the truth led",
            raw.fits_above_a_lower_minimum
        )?;
    }
    for unfitted in &raw.unfitted {
        writeln!(
            text,
            "{} cells not counted: {}",
            unfitted.cells, unfitted.reason
        )?;
    }
    if raw.interrupted {
        writeln!(text, "interrupted: the same command goes on from here")?;
    }
    Ok(())
}

/// The interval of 95 % of a probability of which `hits` of `all` were seen.
fn clopper_pearson(hits: usize, all: usize) -> Option<(f64, f64)> {
    let (k, n) = (hits as f64, all as f64);
    let quantile = |a: f64, b: f64, p: f64| Some(Beta::new(a, b).ok()?.inverse_cdf(p));
    let lower = if hits == 0 {
        0.0
    } else {
        quantile(k, n - k + 1.0, 0.025)?
    };
    let upper = if hits == all {
        1.0
    } else {
        quantile(k + 1.0, n - k, 0.975)?
    };
    (all > 0).then_some((lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_of_a_share_is_that_of_the_tables() {
        let (lower, upper) = clopper_pearson(19, 20).unwrap();
        assert!((lower - 0.7513).abs() < 1e-4, "{lower}");
        assert!((upper - 0.9987).abs() < 1e-4, "{upper}");
        assert_eq!(clopper_pearson(0, 0), None);
    }
}
