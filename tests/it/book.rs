//! The documentation: its commands exist, its blocks of a console show what comes out, its links and names lead
//! somewhere. A block that begins with ```` ```console ```` is run: lines after `$ ` are commands, the lines below them
//! what they print (stdout, then stderr), `? 2` an exit code. `...` stands for any lines, `[..]` for any part of a line.
//! One that begins with ```` ```console,slow ```` is compared with a kept output instead.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::project;

/// Outputs of commands that take too long for a test: the command, the file below `tests/files/kept`, how long.
const KEPT: &[(&str, &str, &str)] = &[
    (
        "sulfit fit experiments/star_lcnc.toml",
        "star_lcnc_fit.txt",
        "a quarter of an hour",
    ),
    (
        "sulfit predict experiments/star_lcnc_predict.toml",
        "star_lcnc_predict.txt",
        "minutes, after the fit",
    ),
    (
        "sulfit rank experiments/star_lcnc_rank.toml",
        "star_lcnc_rank.txt",
        "minutes, after the fit",
    ),
    (
        "sulfit fit experiments/synthetic_cell.toml",
        "synthetic_cell_fit.txt",
        "more than a minute",
    ),
    (
        "sulfit report results/star_lcnc",
        "star_lcnc_report.txt",
        "after the fit",
    ),
    (
        "sulfit fit my_cell/experiment.toml",
        "my_cell_fit.txt",
        "two minutes",
    ),
    (
        "sulfit report results/my_cell",
        "my_cell_report.txt",
        "after the fit",
    ),
    (
        "sulfit batch run experiments/screening/campaign.toml",
        "screening_run.txt",
        "more than a minute",
    ),
    (
        "sulfit batch collect experiments/screening/campaign.toml",
        "screening_collect.txt",
        "after the run",
    ),
];

/// Commands that pages may describe before a version has them; once it has, they are checked like all others.
const COMING: &[&str] = &[];

/// Folders whose files pages name by their path in the project.
const FOLDERS: &[&str] = &[
    "benches/",
    "datasets/",
    "docs/",
    "experiments/",
    "fuzz/",
    "models/",
    "src/",
    "tests/",
];

/// Units of the last printed digit by which two numbers may differ: another libm moves it.
const LAST_DIGITS: f64 = 1.5;

/// A fenced block of a page.
struct Block {
    page: String,
    line: usize,
    info: String,
    lines: Vec<String>,
}

#[test]
fn every_command_exists() {
    let mut helps = BTreeMap::new();
    let mut n_commands = 0;
    for page in pages() {
        let (prose, blocks) = parts(&page);
        let mut commands: Vec<(usize, String)> = Vec::new();
        for block in &blocks {
            commands.extend(commands_of(block));
        }
        for (line, text) in &prose {
            let spans = code_spans(text).into_iter();
            let of_program = spans.filter(|span| span.starts_with("sulfit "));
            commands.extend(of_program.map(|span| (*line, span)));
        }
        for (line, command) in commands {
            n_commands += 1;
            check_command(&format!("{page}:{line}"), &command, &mut helps);
        }
    }
    assert!(n_commands > 30, "only {n_commands} commands were found");
}

#[test]
fn consoles_show_what_comes_out() {
    let mut used = BTreeSet::new();
    for page in pages() {
        let blocks = parts(&page).1;
        let consoles: Vec<&Block> = blocks
            .iter()
            .filter(|b| b.info.split(',').next() == Some("console"))
            .collect();
        if consoles.is_empty() {
            continue;
        }
        let folder = sandbox();
        for block in consoles {
            for (command, expected) in sessions(block) {
                let place = format!("{}:{}: {command}", block.page, block.line);
                let is_slow = block.info.ends_with(",slow");
                let actual = if is_slow {
                    used.insert(command.clone());
                    kept(&place, &command)
                } else {
                    output(folder.path(), &place, &command)
                };
                assert!(
                    agree(&expected, &actual),
                    "{place}\nthe page shows\n{}\nwhat comes out is\n{}",
                    expected.join("\n"),
                    actual.join("\n")
                );
            }
        }
    }
    for (command, file, _) in KEPT {
        assert!(
            used.contains(*command),
            "{file} is shown by no page; remove it"
        );
    }
}

#[test]
fn links_lead_somewhere() {
    for page in pages() {
        let home = project(&page);
        let home = home.parent().unwrap();
        for (line, text) in parts(&page).0 {
            for target in links(&text) {
                if target.contains("://") || target.starts_with("mailto:") {
                    continue;
                }
                let place = format!("{page}:{line}: {target}");
                let (path, anchor) = target.split_once('#').unwrap_or((target.as_str(), ""));
                // A link out of docs/ would lead nowhere in the book.
                assert!(
                    !(page.starts_with("docs/") && path.starts_with("..")),
                    "{place}: name a file of the project as `folder/file`, without a link"
                );
                let file = if path.is_empty() {
                    project(&page)
                } else {
                    home.join(path)
                };
                assert!(file.exists(), "{place}: there is no such file");
                if !anchor.is_empty() {
                    let text = fs::read_to_string(&file).unwrap();
                    let known = anchors(&text);
                    assert!(known.contains(anchor), "{place}: there is no such heading");
                }
            }
        }
    }
}

#[test]
fn the_summary_lists_every_page_once() {
    let summary = fs::read_to_string(project("docs/SUMMARY.md")).unwrap();
    let listed: Vec<String> = summary.lines().flat_map(links).collect();
    let mut expected: Vec<String> = pages()
        .iter()
        .filter_map(|page| Some(page.strip_prefix("docs/")?.to_owned()))
        .collect();
    let mut sorted = listed.clone();
    sorted.sort();
    expected.sort();
    assert_eq!(sorted, expected);
}

#[test]
fn named_files_exist() {
    for page in pages() {
        for (line, text) in parts(&page).0 {
            for span in code_spans(&text) {
                let is_path = FOLDERS.iter().any(|folder| span.starts_with(folder));
                // Names in capitals stand for others, and so do stars.
                let stands_for_others = span.contains(['*', ' ', '…', '{'])
                    || span.split('/').any(|part| {
                        let stem = part.split('.').next().unwrap_or(part);
                        part.starts_with("NAME")
                            || stem.len() > 1 && stem != "README" && stem.chars().all(is_capital)
                    });
                if stands_for_others {
                    continue;
                }
                if is_path {
                    assert!(project(&span).exists(), "{page}:{line}: there is no {span}");
                } else if Path::new(&span).extension().is_some_and(|e| e == "rs") {
                    assert!(
                        sources()
                            .iter()
                            .any(|(path, _)| path == &span || path.ends_with(&format!("/{span}"))),
                        "{page}:{line}: there is no {span}"
                    );
                }
            }
        }
    }
}

#[test]
fn names_of_the_code_exist() {
    let code: String = sources().into_iter().map(|(_, text)| text).collect();
    let is_separator = |c: char| !c.is_alphanumeric() && c != '_';
    let words: BTreeSet<&str> = code.split(is_separator).collect();
    for page in pages().iter().filter(|page| page.contains("contributing")) {
        for (line, text) in parts(page).0 {
            for span in code_spans(&text) {
                let name = span.trim_end_matches("()");
                if name
                    .chars()
                    .all(|c| c.is_alphanumeric() || "_:".contains(c))
                {
                    let last = name.rsplit("::").next().unwrap_or(name);
                    assert!(
                        words.contains(last),
                        "{page}:{line}: the code has no {last}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_step_that_the_page_adds_works() {
    let step = &parts("docs/howto_mechanism.md").1[0];
    assert_eq!(step.info, "toml");
    let folder = sandbox();
    let at = |name: &str| folder.path().join(name);
    let shipped = fs::read_to_string(at("models/mg_s_tandem.toml")).unwrap();
    let removed = shipped.find("[[reaction]]\nname = \"R3\"").unwrap();
    let next = removed + 1 + shipped[removed + 1..].find("[[reaction]]").unwrap();
    let text = format!(
        "{}{}\n{}\n",
        shipped[..removed].replacen("mg_s_tandem", "mine", 1),
        &shipped[next..],
        step.lines.join("\n")
    );
    fs::write(at("models/mine.toml"), &text).unwrap();
    let experiment = fs::read_to_string(at("tests/files/good/small.toml")).unwrap();
    let experiment = experiment.replace("mg_s_tandem", "mine");
    fs::write(at("tests/files/good/mine.toml"), experiment).unwrap();
    let command = "sulfit simulate tests/files/good/mine.toml --out results/mine";
    let printed = output(folder.path(), "howto_mechanism", command).join("\n");
    assert!(printed.contains("failed simulations: 0"), "{printed}");
    // The message that the page shows for a wrong coefficient.
    let shown = &parts("docs/howto_mechanism.md").1[1].lines[0];
    let wrong = text.replace("2 MgS3 + Mg_free", "3 MgS3 + Mg_free");
    fs::write(at("models/mine.toml"), wrong).unwrap();
    let command = "sulfit check tests/files/good/mine.toml";
    let printed = output(folder.path(), "howto_mechanism", command).join("\n");
    let message = shown.split("mine.toml: ").last().unwrap();
    assert!(printed.contains(message), "{printed}");
}

#[test]
fn the_citation_has_the_version_of_the_program() {
    let text = fs::read_to_string(project("CITATION.cff")).unwrap();
    let version = format!("version: {}", env!("CARGO_PKG_VERSION"));
    assert!(text.lines().any(|line| line == version), "{version}");
}

#[test]
fn numbers_agree_to_their_last_digit() {
    for (a, b, same) in [
        ("1034", "1035", true),
        ("1034", "1036", false),
        ("-7.56", "-7.55", true),
        ("(1.450", "(1.451", true),
        ("2.882e-7", "2.883e-7", true),
        ("2.882e-7", "2.882e-6", false),
        ("STAR", "STAB", false),
        ("0.05", "0.5", false),
    ] {
        assert_eq!(tokens_agree(a, b), same, "{a} {b}");
    }
    let shown = ["a 1.00", "...", "b[..]z"].map(str::to_owned);
    let printed = ["a   1.01", "x", "y", "b and z"].map(str::to_owned);
    assert!(agree(&shown, &printed));
    assert!(!agree(&shown, &printed[..3]));
}

/// All pages, by their path in the project.
fn pages() -> Vec<String> {
    let docs = fs::read_dir(project("docs")).unwrap();
    let mut pages: Vec<String> = docs
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| Path::new(name).extension().is_some_and(|e| e == "md"))
        .filter(|name| name != "SUMMARY.md")
        .map(|name| format!("docs/{name}"))
        .collect();
    pages.sort();
    pages.extend(["README.md", "CONTRIBUTING.md"].map(str::to_owned));
    pages
}

/// The lines of a page outside its blocks, with their numbers, and its blocks.
fn parts(page: &str) -> (Vec<(usize, String)>, Vec<Block>) {
    let text = fs::read_to_string(project(page)).unwrap();
    let (mut prose, mut blocks) = (Vec::new(), Vec::new());
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(info), None) => {
                open = Some(Block {
                    page: page.to_owned(),
                    line: index + 1,
                    info: info.trim().to_owned(),
                    lines: Vec::new(),
                });
            }
            (None, Some(block)) => block.lines.push(line.to_owned()),
            (None, None) => prose.push((index + 1, line.to_owned())),
        }
    }
    assert!(open.is_none(), "{page}: a block is not closed");
    (prose, blocks)
}

/// The commands of a block that holds some.
fn commands_of(block: &Block) -> Vec<(usize, String)> {
    let is_console = block.info.split(',').next() == Some("console");
    if !(is_console || block.info.is_empty() || block.info == "sh") {
        return Vec::new();
    }
    let lines = block.lines.iter().enumerate();
    let commands = lines.filter_map(|(index, line)| {
        let line = match (is_console, line.strip_prefix("$ ")) {
            (true, command) => command?,
            (false, _) => line.as_str(),
        };
        let line = line.split(" #").next().unwrap_or(line).trim();
        let line = line
            .strip_prefix("cargo run --release --locked -- ")
            .map_or_else(|| line.to_owned(), |rest| format!("sulfit {rest}"));
        line.starts_with("sulfit ")
            .then_some((block.line + 1 + index, line))
    });
    commands.collect()
}

/// Subcommand and options are known, files of the project exist.
fn check_command(place: &str, command: &str, helps: &mut BTreeMap<Vec<String>, Option<String>>) {
    let words: Vec<&str> = command
        .split_whitespace()
        .skip(1)
        .map(|word| word.trim_matches(['[', ']']))
        .collect();
    let depth = match words.first() {
        Some(word) if word.starts_with('-') => 0,
        Some(&"batch") if words.get(1).is_some_and(|w| !w.starts_with('-')) => 2,
        _ => 1,
    };
    let path: Vec<String> = words.iter().take(depth).map(|w| (*w).to_owned()).collect();
    let help = helps
        .entry(path.clone())
        .or_insert_with(|| help(&path))
        .clone();
    let Some(help) = help else {
        assert!(
            COMING.contains(&words[0]),
            "{place}: there is no 'sulfit {}'",
            path.join(" ")
        );
        return;
    };
    for word in &words[depth..] {
        let word = word.split('=').next().unwrap_or(word);
        if word.starts_with('-') {
            let known = help.split([' ', '\n', ',']).any(|known| known == word);
            assert!(known, "{place}: '{}' has no option {word}", path.join(" "));
        } else if FOLDERS.iter().any(|folder| word.starts_with(folder)) && !word.contains('*') {
            assert!(project(word).exists(), "{place}: there is no {word}");
        }
    }
}

/// What a subcommand says of itself, if it exists.
fn help(path: &[String]) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_sulfit"))
        .args(path)
        .arg("--help")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    output.status.success().then_some(text)
}

/// The commands of a console with the lines that they show.
fn sessions(block: &Block) -> Vec<(String, Vec<String>)> {
    let mut sessions: Vec<(String, Vec<String>)> = Vec::new();
    for line in &block.lines {
        if let Some(command) = line.strip_prefix("$ ") {
            sessions.push((command.trim().to_owned(), Vec::new()));
        } else {
            let (_, lines) = sessions
                .last_mut()
                .unwrap_or_else(|| panic!("{}:{}: no command", block.page, block.line));
            lines.push(line.trim_end().to_owned());
        }
    }
    sessions
}

/// What a command prints in a copy of the project's data.
fn output(folder: &Path, place: &str, command: &str) -> Vec<String> {
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some("sulfit"), "{place}: only sulfit is run");
    let output = Command::new(env!("CARGO_BIN_EXE_sulfit"))
        .args(words)
        .current_dir(folder)
        .output()
        .unwrap();
    let mut text = String::from_utf8(output.stdout).unwrap();
    text.push_str(&String::from_utf8(output.stderr).unwrap());
    let mut lines: Vec<String> = text.lines().map(|l| l.trim_end().to_owned()).collect();
    let code = output.status.code();
    if code != Some(0) {
        lines.push(format!("? {}", code.unwrap_or(-1)));
    }
    lines
}

/// What a slow command printed when somebody ran it.
fn kept(place: &str, command: &str) -> Vec<String> {
    let (_, file, _) = KEPT
        .iter()
        .find(|(known, ..)| *known == command)
        .unwrap_or_else(|| panic!("{place}: no output of this slow command is kept"));
    let text = fs::read_to_string(project("tests/files/kept").join(file)).unwrap();
    text.lines().map(|l| l.trim_end().to_owned()).collect()
}

/// A copy of the data that commands read, so that they may write.
fn sandbox() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["datasets", "experiments", "models", "tests/files"] {
        copy(&project(name), &folder.path().join(name));
    }
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        // What a surrogate was trained from is large, and no command of a page reads it.
        if path.is_dir() && name != "simulations" && name != "networks" {
            copy(&path, &to.join(name));
        } else if path.is_file() {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// Whether what a page shows is what was printed.
fn agree(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.iter().all(String::is_empty),
        Some((first, rest)) if first.trim() == "..." => {
            (0..=printed.len()).any(|skipped| agree(rest, &printed[skipped..]))
        }
        Some((first, rest)) => printed
            .split_first()
            .is_some_and(|(line, others)| lines_agree(first, line) && agree(rest, others)),
    }
}

fn lines_agree(shown: &str, printed: &str) -> bool {
    let parts: Vec<&str> = shown.split("[..]").collect();
    if let [first, .., last] = parts.as_slice() {
        let mut at = first.len();
        let is_inside = printed.starts_with(first)
            && printed.ends_with(last)
            && parts[1..parts.len() - 1].iter().all(|part| {
                let found = printed[at..].find(part).map(|offset| at + offset);
                at = found.map_or(at, |start| start + part.len());
                found.is_some()
            });
        return is_inside && at + last.len() <= printed.len();
    }
    let (a, b): (Vec<&str>, Vec<&str>) = (
        shown.split_whitespace().collect(),
        printed.split_whitespace().collect(),
    );
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| tokens_agree(a, b))
}

/// Equal, or numbers that differ in the last digit.
fn tokens_agree(a: &str, b: &str) -> bool {
    let bare = |token: &str| {
        token
            .trim_matches(['(', ')', '[', ']', ',', ';'])
            .to_owned()
    };
    let (bare_a, bare_b) = (bare(a), bare(b));
    a == b
        || (bare_a.parse::<f64>().is_ok() && bare_b.parse::<f64>().is_ok() && {
            let of = |text: &str| text.parse::<f64>().unwrap();
            (of(&bare_a) - of(&bare_b)).abs() <= LAST_DIGITS * last_digit(&bare_a)
        })
}

/// What one unit of the last digit of a number is worth.
fn last_digit(number: &str) -> f64 {
    let (mantissa, exponent) = number.split_once('e').unwrap_or((number, "0"));
    let places = mantissa.split_once('.').map_or(0, |(_, p)| p.len());
    10_f64.powi(exponent.parse::<i32>().unwrap() - i32::try_from(places).unwrap())
}

/// Targets of the links of a line.
fn links(line: &str) -> Vec<String> {
    let spans: Vec<&str> = line.split('`').step_by(2).collect();
    let line = spans.join("`");
    let starts = line.match_indices("](");
    let targets = starts.filter_map(|(at, _)| line[at + 2..].split(')').next());
    targets.map(str::to_owned).collect()
}

/// What stands between backticks.
fn code_spans(line: &str) -> Vec<String> {
    let spans = line.split('`').skip(1).step_by(2);
    spans.map(|span| span.replace("\\|", "|")).collect()
}

/// Anchors of the headings of a page, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut is_block = false;
    let mut anchors = BTreeSet::new();
    for line in text.lines() {
        is_block ^= line.starts_with("```");
        if let Some(id) = line.strip_prefix("<a id=\"") {
            anchors.extend(id.split('"').next().map(str::to_owned));
        }
        let title = line.trim_start_matches('#');
        if is_block || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = title.trim().chars().filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        });
        anchors.insert(kept.flat_map(char::to_lowercase).collect());
    }
    anchors
}

/// Path and text of every source file of program, tests and benches.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["src", "tests/it", "benches"] {
        collect(&project(folder), folder, &mut found);
    }
    found
}

fn collect(folder: &Path, name: &str, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{name}/{}", path.file_name().unwrap().to_string_lossy());
        if path.is_dir() {
            collect(&path, &name, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

fn is_capital(c: char) -> bool {
    c.is_uppercase() || c.is_numeric() || c == '_'
}
