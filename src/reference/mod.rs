//! What a word means: keys of files, columns, parameters, observables, units, verdicts, warnings.
//!
//! Nothing is said here that stands elsewhere: keys come from the schemas of the types that read them, parameters from
//! mechanism files, units, verdicts and warnings from the modules that use them.

mod keys;
mod page;
mod parameters;
mod words;

use crate::config::closeness;
use crate::mechanism::Mechanism;
pub use page::page;
pub use parameters::shipped_mechanisms;

/// Names that are proposed at most.
const PROPOSED_MAX: usize = 5;

/// One meaning of a word.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    /// What the list of all topics calls its kind.
    pub group: String,
    /// The word.
    pub word: String,
    /// What it is, in a line.
    pub title: String,
    /// Everything else.
    pub lines: Vec<String>,
    /// Where it may stand, from the outside in: names of tables, then the word itself.
    paths: Vec<Vec<String>>,
}

impl Topic {
    fn new(group: &str, word: &str, title: String, lines: Vec<String>) -> Self {
        Self {
            group: group.to_owned(),
            word: word.to_owned(),
            title,
            lines,
            paths: vec![vec![word.to_owned()]],
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!("{}: {}\n", self.word, self.title);
        for line in &self.lines {
            text.push_str("  ");
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Whether one of its places ends like this.
    fn ends_like(&self, asked: &[&str], is_same: impl Fn(&str, &str) -> bool) -> bool {
        self.paths.iter().any(|path| {
            let ends = path.iter().rev().zip(asked.iter().rev());
            path.len() >= asked.len() && ends.into_iter().all(|(own, word)| is_same(own, word))
        })
    }
}

/// Everything that can be explained: with the parameters of these mechanisms.
pub fn topics(mechanisms: &[Mechanism]) -> Vec<Topic> {
    let mut topics = parameters::topics(mechanisms);
    topics.extend(keys::topics());
    topics.extend(words::topics());
    topics
}

/// All meanings of a word, or of the end of a path like `mesh.fine`; capital letters count only where they tell.
pub fn find<'t>(topics: &'t [Topic], asked: &str) -> Vec<&'t Topic> {
    let segments = asked.split('.');
    let segments =
        segments.map(|s| s.trim_matches(|c: char| c.is_whitespace() || "[]`".contains(c)));
    let segments: Vec<&str> = segments.filter(|s| !s.is_empty()).collect();
    if segments.is_empty() {
        return Vec::new();
    }
    let like = |is_same: fn(&str, &str) -> bool| {
        let found = topics.iter().filter(|t| t.ends_like(&segments, is_same));
        found.collect::<Vec<_>>()
    };
    let exact = like(|own, word| own == word);
    if exact.is_empty() {
        like(|own, word| own.to_lowercase() == word.to_lowercase())
    } else {
        exact
    }
}

/// The known words that are most like an unknown one, the nearest first.
pub fn nearest<'t>(topics: &'t [Topic], asked: &str) -> Vec<&'t str> {
    let last = asked.rsplit('.').next().unwrap_or(asked).to_lowercase();
    let rate = |word: &str| closeness(&word.to_lowercase(), &last).unwrap_or(0.0);
    let mut words: Vec<&str> = topics.iter().map(|t| t.word.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    words.retain(|word| rate(word) > 0.0);
    words.sort_by(|a, b| rate(b).total_cmp(&rate(a)));
    words.truncate(PROPOSED_MAX);
    words
}

/// All words by group, in lines of at most this many letters.
pub fn overview(topics: &[Topic], width: usize) -> String {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for topic in topics {
        let known = groups.iter_mut().find(|(name, _)| *name == topic.group);
        match known {
            Some((_, words)) => words.push(&topic.word),
            None => groups.push((&topic.group, vec![&topic.word])),
        }
    }
    let mut text = String::new();
    for (name, mut words) in groups {
        words.sort_unstable();
        words.dedup();
        text.push_str(name);
        text.push('\n');
        for line in wrapped(&words, width.saturating_sub(2)) {
            text.push_str("  ");
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

fn wrapped(words: &[&str], width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for (i, word) in words.iter().enumerate() {
        let comma = if i + 1 < words.len() { "," } else { "" };
        let last = lines.len() - 1;
        let is_first = lines[last].is_empty();
        let needed = lines[last].chars().count() + word.chars().count() + comma.len() + 1;
        if is_first {
            lines[last] = format!("{word}{comma}");
        } else if needed <= width {
            lines[last] = format!("{} {word}{comma}", lines[last]);
        } else {
            lines.push(format!("{word}{comma}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_word_goes_before_one_in_other_letters() {
        let topics = topics(&shipped_mechanisms().unwrap());
        let words = |asked: &str| {
            let found = find(&topics, asked).into_iter();
            found.map(|t| t.word.clone()).collect::<Vec<_>>()
        };
        assert!(words("kdes").iter().all(|w| w == "kdes"));
        assert!(words("Kdes").iter().all(|w| w == "Kdes"));
        assert!(words("SOBOL").iter().all(|w| w == "sobol") && !words("SOBOL").is_empty());
        assert!(words("").is_empty() && words("..").is_empty());
    }

    #[test]
    fn long_lists_are_wrapped() {
        let lines = wrapped(&["one", "two", "three"], 9);
        assert_eq!(lines, ["one, two,", "three"]);
    }
}
