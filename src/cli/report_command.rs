//! `sulfit report`: pages, summaries and figures about results.

use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::ValueEnum;

use super::print;
use crate::document;
use crate::report;
use crate::report::RawWritten;
use crate::report::write_files;

#[derive(Args)]
pub(super) struct ReportArguments {
    /// Folders that other commands wrote: fits, simulations, predictions, rankings, recovery studies, surrogates,
    /// collected campaigns; several are told on one page
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// What is written
    #[arg(long, value_enum, default_value_t = Format::Html)]
    format: Format,
    /// File, or folder of figures [default: report.html, report.md or figures in the first folder]
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// One page with everything, to be opened in any browser without a network
    Html,
    /// A summary in Markdown
    Md,
    /// Every figure as SVG, and the numbers behind every figure and table as CSV
    Figures,
}

pub(super) fn run_report(arguments: &ReportArguments) -> Result<ExitCode, String> {
    let folders = arguments
        .folders
        .iter()
        .map(|path| document::recognise(path));
    let folders = folders
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| e.to_string())?;
    let document = document::document(&folders);
    let first = &arguments.folders[0];
    let name = match arguments.format {
        Format::Html => "report.html",
        Format::Md => "report.md",
        Format::Figures => "figures",
    };
    let out = match &arguments.out {
        None => first.join(name),
        // A name that ends like a folder is one.
        Some(out) if out.to_string_lossy().ends_with('/') => out.join(name),
        Some(out) => out.clone(),
    };
    match arguments.format {
        Format::Html => write(&out, document::page(&document)?.into_bytes())?,
        Format::Md => write(&out, document::summary(&document).into_bytes())?,
        Format::Figures => {
            super::check_folder(&out)?;
            let files = document::figures(&document)?;
            write_files(&out, &files).map_err(|error| error.to_string())?;
        }
    }
    let left_out: Vec<String> = document.warnings().map(str::to_owned).collect();
    if matches!(arguments.format, Format::Figures) {
        // The other formats hold them.
        for warning in &left_out {
            super::say(&format!("warning: {warning}"));
        }
    }
    super::answer(|| {
        let told = |path: &Path| path.display().to_string();
        let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty());
        report::document(&RawWritten {
            folder: told(parent.unwrap_or(Path::new("."))),
            files: vec![told(&out)],
            failures: left_out,
        })
    });
    print(&format!("report in {}\n", out.display()));
    Ok(ExitCode::SUCCESS)
}

/// One file, whole or not at all.
fn write(path: &Path, bytes: Vec<u8>) -> Result<(), String> {
    let place = path.display();
    if path.is_dir() {
        return Err(format!(
            "{place}: found a folder, expected the name of a file; choose another name"
        ));
    }
    let name = path
        .file_name()
        .ok_or_else(|| format!("{place}: found no name of a file; choose another name"))?;
    let name = name.to_string_lossy().into_owned();
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    write_files(folder, &[(name, bytes)]).map_err(|error| error.to_string())
}
