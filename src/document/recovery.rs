//! What is told of a recovery study: how often intervals hold the truth.

use super::Axis;
use super::Chart;
use super::Field;
use super::Mark;
use super::Section;
use super::Series;
use super::Table;
use super::Told;
use super::source::recovery::Recovered;
use super::source::recovery::Recovery;

pub(super) fn told(recovery: &Recovery, prefix: &str) -> Told {
    let mut section = Section::new("Recovery of known constants");
    section.warning("SYNTHETIC cells: simulated with known constants, then fitted.");
    section.paragraph(format!(
        "{} of {} cells count, truths drawn from the posterior of variant '{}' with {} times the noise; {} fits ended above a lower minimum. {} parameter points, {} solves failed.",
        recovery.fitted,
        recovery.cells,
        recovery.variant,
        recovery.widening,
        recovery.fits_above_a_lower_minimum,
        recovery.evaluations,
        recovery.failed_solves
    ));
    if recovery.interrupted {
        section.warning("The study was interrupted: this is what it had by then.");
    }
    let unfitted = recovery.unfitted.iter();
    section.list(
        unfitted
            .map(|u| format!("{} cells without a fit: {}", u.cells, u.reason))
            .collect(),
    );
    section.chart(coverage(recovery, prefix));
    section.table(table(recovery, prefix));
    let provenance = vec![
        ("experiment".to_owned(), recovery.experiment.clone()),
        (
            "recovered by".to_owned(),
            format!("sulfit {}", recovery.version),
        ),
        ("seed".to_owned(), recovery.seed.to_string()),
    ];
    let title = format!("{}, recovery", recovery.experiment);
    (title, provenance, vec![section])
}

/// Coverages of one kind: position, share and its interval.
type Coverage = (Option<f64>, Option<(f64, f64)>);

fn coverage(recovery: &Recovery, prefix: &str) -> Chart {
    let names: Vec<String> = recovery.parameters.iter().map(|p| p.name.clone()).collect();
    let n = names.len() as f64;
    let series = |name: &str, group: usize, of: fn(&Recovered) -> Coverage| {
        let rows = recovery.parameters.iter().enumerate();
        let rows: Vec<_> = rows
            .filter_map(|(row, p)| {
                let (share, interval) = of(p);
                Some((row as f64, share?, interval?))
            })
            .collect();
        let points = rows.iter().map(|r| (r.0, r.1)).collect();
        let bars = rows.iter().map(|r| r.2).collect();
        Series::new(name, Mark::Points, group, points).within(bars)
    };
    let level = recovery.interval_level;
    Chart::lines(
        format!("{prefix}coverage"),
        "How often the intervals hold the truth",
        (
            Axis::names("", names),
            Axis::linear("share of the cells (1)"),
        ),
        vec![
            series("by curvature", 0, |p| (p.coverage, p.coverage_interval)),
            series("by profile", 1, |p| {
                (p.profile_coverage, p.profile_coverage_interval)
            }),
            Series::new(
                "as promised",
                Mark::Dashed,
                2,
                vec![(-0.5, level), (n - 0.5, level)],
            ),
        ],
    )
    .told("Bars: where the true share lies with 95 % probability (Clopper and Pearson).")
}

fn table(recovery: &Recovery, prefix: &str) -> Table {
    let columns = [
        "quantity",
        "verdict",
        "share inside, by curvature",
        "share inside, by profile",
        "bias (sd)",
        "rms error (sd)",
    ];
    let mut table = Table::new(format!("{prefix}recovered"), "Quantities", &columns);
    for p in &recovery.parameters {
        table.rows.push(vec![
            Field::from(p.name.as_str()),
            Field::from(p.verdict.clone().unwrap_or_default()),
            Field::from(p.coverage),
            Field::from(p.profile_coverage),
            Field::from(p.bias_in_sd),
            Field::from(p.rms_error_in_sd),
        ]);
    }
    table
}
