//! `sulfit explain` and `sulfit schema`: what the words of files and results mean.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::print;
use crate::config::file_formats;
use crate::config::read_mechanism;
use crate::reference::Topic;
use crate::reference::find;
use crate::reference::nearest;
use crate::reference::overview;
use crate::reference::page;
use crate::reference::shipped_mechanisms;
use crate::reference::topics;

/// Letters of a line of the list of all words.
const WIDTH: usize = 100;

#[derive(Args)]
pub(super) struct ExplainArguments {
    /// Words, or paths like mesh.fine [default: list all that can be explained]
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Explain the parameters of this mechanism file instead of those that are shipped
    #[arg(long, value_name = "FILE")]
    mechanism: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct SchemaArguments {
    /// Kind of the file: experiment, mechanism, ... [default: list all kinds]
    #[arg(value_name = "KIND")]
    kind: Option<String>,
    /// Print the reference of all files as a page of Markdown
    #[arg(long, conflicts_with = "kind")]
    markdown: bool,
}

/// All meanings of all words; nothing is printed if one is unknown.
pub(super) fn run_explain(arguments: &ExplainArguments) -> Result<ExitCode, String> {
    let mechanisms = match &arguments.mechanism {
        Some(file) => read_mechanism(file).map(|mechanism| vec![mechanism]),
        None => shipped_mechanisms(),
    };
    let topics = topics(&mechanisms.map_err(|error| error.to_string())?);
    if arguments.words.is_empty() {
        print(&overview(&topics, WIDTH));
        return Ok(ExitCode::SUCCESS);
    }
    let mut told = Vec::new();
    for word in &arguments.words {
        let found = find(&topics, word);
        if found.is_empty() {
            return Err(unknown(&topics, word));
        }
        told.extend(found.into_iter().map(Topic::text));
    }
    print(&told.join("\n"));
    Ok(ExitCode::SUCCESS)
}

fn unknown(topics: &[Topic], word: &str) -> String {
    let near = nearest(topics, word);
    let expected = if near.is_empty() {
        "a known word".to_owned()
    } else {
        format!("a known word, like {}", near.join(", "))
    };
    format!("explain: found '{word}', expected {expected}; 'sulfit explain' lists all")
}

/// The schema of one kind of file, the page of all, or the kinds.
pub(super) fn run_schema(arguments: &SchemaArguments) -> Result<ExitCode, String> {
    if arguments.markdown {
        print(&page());
        return Ok(ExitCode::SUCCESS);
    }
    let formats = file_formats();
    let Some(kind) = &arguments.kind else {
        for format in formats {
            print(&format!("{:<16} {}\n", format.kind, format.place));
        }
        return Ok(ExitCode::SUCCESS);
    };
    let Some(format) = formats.iter().find(|format| format.kind == kind) else {
        let kinds: Vec<&str> = formats.iter().map(|format| format.kind).collect();
        let expected = kinds.join(", ");
        return Err(format!(
            "schema: found '{kind}', expected one of {expected}"
        ));
    };
    print(&format.schema());
    Ok(ExitCode::SUCCESS)
}
