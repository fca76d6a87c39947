//! `sulfit completions` and `sulfit man`: what shells and readers of manuals ask for.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use super::check_folder;
use super::console::deliver;
use super::print;
use crate::report::write_files;

/// What a page tells of exit codes.
const EXIT_STATUS: &str = "\
.SH \"EXIT STATUS\"
.TP
\\fB0\\fR
All went well.
.TP
\\fB1\\fR
Some runs failed or did not converge, or the command was interrupted; the report tells which.
.TP
\\fB2\\fR
Bad input: a file or an argument is wrong; the message names the place and what to do.
";

#[derive(Args)]
pub(super) struct CompletionsArguments {
    /// Shell that shall complete words
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Args)]
pub(super) struct ManArguments {
    /// Folder for the pages
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn run_completions(arguments: &CompletionsArguments) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut super::command(),
        "sulfit",
        &mut script,
    );
    deliver(&String::from_utf8_lossy(&script));
    ExitCode::SUCCESS
}

pub(super) fn run_man(arguments: &ManArguments) -> Result<ExitCode, String> {
    check_folder(&arguments.folder)?;
    let mut command = super::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add_pages(&mut pages, &command).map_err(|error| error.to_string())?;
    write_files(&arguments.folder, &pages).map_err(|error| error.to_string())?;
    let folder = arguments.folder.display();
    print(&format!("{} pages in {folder}\n", pages.len()));
    Ok(ExitCode::SUCCESS)
}

/// The page of a command, then those of its subcommands: name of the file and content.
fn add_pages(pages: &mut Vec<(String, Vec<u8>)>, command: &Command) -> std::io::Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    page.extend_from_slice(EXIT_STATUS.as_bytes());
    pages.push((format!("{name}.1"), page));
    let shown = command.get_subcommands().filter(|c| !c.is_hide_set());
    shown.into_iter().try_for_each(|own| add_pages(pages, own))
}
