//! `sulfit predict`: from a fit to thick electrodes, other currents and later cycles.

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
use super::state::FolderArchive;
use super::tell_unkept;
use crate::config::read_prediction;
use crate::predict::outlook;
use crate::predict::scores;
use crate::report;
use crate::report::Predicted;
use crate::report::RawChecked;

#[derive(Args)]
pub(super) struct PredictArguments {
    /// Prediction file (TOML)
    file: PathBuf,
    /// Folder of the fit to predict from [default: that of the prediction file]
    #[arg(long, value_name = "DIR")]
    fit: Option<PathBuf>,
    /// Folder for the result [default: results/NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Do not fit again without some of the data to tell how good predictions are
    #[arg(long)]
    no_scores: bool,
    /// Number of threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

pub(super) fn run_predict(arguments: &PredictArguments) -> Result<ExitCode, String> {
    let file = read_prediction(&arguments.file, arguments.fit.as_deref());
    let file = file.map_err(|error| error.to_string())?;
    let folder = super::folder(arguments.out.as_deref(), &file.name);
    check_folder(&folder)?;
    let monitor = Terminal::new();
    let archive = FolderArchive::new(&folder, &file.study);
    let forecast = file.forecast();
    let context = (
        &monitor as &dyn crate::estimate::Monitor,
        &archive as &dyn crate::estimate::Archive,
    );
    let (outlook, scores) = in_pool(arguments.threads, || {
        let outlook = outlook(&forecast, context)?;
        let scores = if file.scores && !arguments.no_scores && !outlook.is_interrupted {
            let fitted = (forecast.fitted, &outlook.weights[..]);
            scores(forecast.study, fitted, forecast.scatter, context)
        } else {
            Vec::new()
        };
        Ok::<_, String>((outlook, scores))
    })??;
    monitor.finish();
    tell_unkept(&archive);
    let predicted = Predicted {
        name: &file.name,
        forecast: &forecast,
        scatter_source: file.scatter_source,
        outlook: &outlook,
        scores: &scores,
    };
    report::write_prediction(&folder, predicted).map_err(|error| error.to_string())?;
    print(&report::prediction_summary(predicted));
    answer_file(&folder, "prediction.json")?;
    print(&format!("report in {}\n", folder.display()));
    if outlook.is_interrupted || outlook.cloud.failed + outlook.failed_at_optimum > 0 {
        say("some draws are missing; the report tells how many");
        return Ok(ExitCode::from(EXIT_INCOMPLETE));
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells what a prediction file asks for.
pub(super) fn check(file: &Path) -> Result<ExitCode, String> {
    let asked = read_prediction(file, None).map_err(|error| error.to_string())?;
    print(&format!(
        "{}: predictions for {} from the fit in {}\n\
         {} conditions, cycles {:?}, {} draws of each of {} variants{}\n",
        file.display(),
        asked.study.cells[asked.cell],
        asked.fit.display(),
        asked.conditions.len(),
        asked.setting.cycles,
        asked.draws,
        asked.fitted.len(),
        match &asked.surrogate {
            Some(surrogate) => format!(", by the surrogate {}", surrogate.name),
            None => String::new(),
        }
    ));
    let surrogate = asked.surrogate.as_ref();
    answer(|| {
        report::document(&RawChecked::Prediction {
            file: file.display().to_string(),
            cell: asked.study.cells[asked.cell].clone(),
            fit: asked.fit.display().to_string(),
            conditions: asked.conditions.len(),
            cycles: asked.setting.cycles.clone(),
            draws: asked.draws,
            variants: asked.fitted.len(),
            surrogate: surrogate.map(|surrogate| surrogate.name.clone()),
        })
    });
    Ok(ExitCode::SUCCESS)
}
