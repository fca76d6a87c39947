//! The architecture as a test: which module may use which, and how long a file may grow.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::support::project;

/// Modules from the ground up. Each may use the layers before its own, never a neighbour.
const LAYERS: &[&str] = &[
    "units",
    "numerics",
    "record",
    "analysis",
    "import",
    "mechanism",
    "cell",
    "protocol",
    "simulate",
    "observe",
    "surrogate",
    "estimate",
    "predict",
    "rank",
    "draft",
    "report",
    "config",
    "reference",
    "batch",
    "document",
    "cli",
];

/// Lines a source file may have before its tests; past this a second idea has moved in.
const LINES_MAX: usize = 600;

#[test]
fn data_flows_one_way() {
    for (path, text) in sources(&project("src")) {
        let own = module_of(&path);
        if own == "lib" || own == "main" {
            continue;
        }
        for used in used_modules(&text) {
            // The documentation of a module may name any other, and so may its tests.
            assert!(
                used == own || layer(used) < layer(&own),
                "{}: '{own}' must not use '{used}'",
                path.display()
            );
        }
    }
}

#[test]
fn files_stay_short() {
    for (path, text) in sources(&project("src")) {
        let lines = text
            .lines()
            .take_while(|line| *line != "#[cfg(test)]")
            .count();
        assert!(
            lines <= LINES_MAX,
            "{}: {lines} lines, more than {LINES_MAX}; split it by responsibility",
            path.display()
        );
    }
}

/// A clock may be set back while a campaign runs: nothing asks what time of day it is.
#[test]
fn nothing_asks_for_the_time_of_day() {
    for (path, text) in sources(&project("src")) {
        for clock in ["SystemTime", "Utc::now", "Local::now", ".modified()"] {
            let place = path.display();
            assert!(!text.contains(clock), "{place}: uses {clock}");
        }
    }
}

/// Their inner loops run millions of times: decisions are logged by those who take them.
#[test]
fn physics_and_numerics_keep_no_log() {
    for (path, text) in sources(&project("src")) {
        let own = module_of(&path);
        let is_physics = ["cell", "numerics", "simulate", "mechanism", "observe"];
        assert!(
            !(is_physics.contains(&own.as_str()) && text.contains("tracing::")),
            "{}: '{own}' must not log",
            path.display()
        );
    }
}

fn layer(module: &str) -> usize {
    LAYERS
        .iter()
        .position(|name| *name == module)
        .unwrap_or_else(|| panic!("'{module}' is in no layer; place it in LAYERS"))
}

/// The `foo` of every `crate::foo`. Write one path per `use`, so that none hides in braces.
fn used_modules(text: &str) -> impl Iterator<Item = &str> {
    text.split("crate::").skip(1).map(|rest| {
        assert!(
            !rest.starts_with('{'),
            "write `use crate::module::…`, one module per line"
        );
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    })
}

/// The first part of a path below `src`, without its extension.
fn module_of(path: &Path) -> String {
    let below = path.strip_prefix(project("src")).expect("a path below src");
    let first = below.components().next().expect("a first part").as_os_str();
    first.to_string_lossy().trim_end_matches(".rs").to_owned()
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("UTF-8 source");
            found.push((path, text));
        }
    }
    found
}
