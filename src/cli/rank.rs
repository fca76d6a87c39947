//! `sulfit rank`: which of many catalysts, and what to measure next.

use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::EXIT_INCOMPLETE;
use super::check_folder;
use super::console::answer;
use super::console::answer_file;
use super::in_pool;
use super::print;
use super::progress::Terminal;
use super::say;
use crate::config::read_ranking;
use crate::rank::ranking;
use crate::report;
use crate::report::Ranked;
use crate::report::RawChecked;

#[derive(Args)]
pub(super) struct RankArguments {
    /// Ranking file (TOML)
    file: PathBuf,
    /// Folder of the fit that the reference belongs to [default: that of the ranking file]
    #[arg(long, value_name = "DIR")]
    fit: Option<PathBuf>,
    /// Table of candidates (CSV) [default: that of the ranking file]
    #[arg(long, value_name = "TABLE")]
    candidates: Option<PathBuf>,
    /// Folder for the result [default: results/NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Number of threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

pub(super) fn run_rank(arguments: &RankArguments) -> Result<ExitCode, String> {
    let (fit, candidates) = (arguments.fit.as_deref(), arguments.candidates.as_deref());
    let file = read_ranking(&arguments.file, fit, candidates).map_err(|error| error.to_string())?;
    let folder = super::folder(arguments.out.as_deref(), &file.name);
    check_folder(&folder)?;
    let monitor = Terminal::new();
    let contest = file.contest();
    let ranking = in_pool(arguments.threads, || ranking(&contest, &monitor))??;
    monitor.finish();
    let ranked = Ranked {
        name: &file.name,
        contest: &contest,
        ranking: &ranking,
    };
    report::write_ranking(&folder, ranked).map_err(|error| error.to_string())?;
    print(&report::ranking_summary(ranked));
    answer_file(&folder, "ranking.json")?;
    print(&format!("report in {}\n", folder.display()));
    if ranking.is_interrupted || ranking.cloud.failed > 0 {
        say("some answers are missing; the report tells how many");
        return Ok(ExitCode::from(EXIT_INCOMPLETE));
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells what a ranking file asks for.
pub(super) fn check(file: &Path) -> Result<ExitCode, String> {
    let asked = read_ranking(file, None, None).map_err(|error| error.to_string())?;
    let fitted = asked.entrants.iter().filter(|e| !e.sources.is_empty());
    print(&format!(
        "{}: {} candidates, {} of them fitted, against {}\n\
         target: {}, cycle {}; {} draws{}\n",
        file.display(),
        asked.entrants.len(),
        fitted.count(),
        asked.entrants[0].name,
        asked.quantity.as_str().replace('_', " "),
        asked.setting.cycles.last().copied().unwrap_or(1),
        asked.draws,
        match &asked.surrogate {
            Some(surrogate) => format!(", by the surrogate {}", surrogate.name),
            None => String::new(),
        }
    ));
    let fitted = asked.entrants.iter().filter(|e| !e.sources.is_empty());
    let surrogate = asked.surrogate.as_ref();
    answer(|| {
        report::document(&RawChecked::Ranking {
            file: file.display().to_string(),
            candidates: asked.entrants.len(),
            fitted: fitted.count(),
            reference: asked.entrants[0].name.clone(),
            target: asked.quantity.as_str().to_owned(),
            cycle: asked.setting.cycles.last().copied().unwrap_or(1),
            draws: asked.draws,
            surrogate: surrogate.map(|surrogate| surrogate.name.clone()),
        })
    });
    Ok(ExitCode::SUCCESS)
}
