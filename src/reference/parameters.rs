//! Parameters of mechanisms.

use std::path::Path;

use super::Topic;
use crate::config::ConfigError;
use crate::config::parse_mechanism;
use crate::mechanism::Mechanism;
use crate::mechanism::Parameter;
use crate::mechanism::Prior;
use crate::units::short;

/// The mechanism files that come with the program.
const SHIPPED: [(&str, &str); 3] = [
    (
        "models/mg_s_tandem.toml",
        include_str!("../../models/mg_s_tandem.toml"),
    ),
    ("models/li_s.toml", include_str!("../../models/li_s.toml")),
    (
        "models/half_cell.toml",
        include_str!("../../models/half_cell.toml"),
    ),
];
/// Their sources.
const SOURCES: &str = include_str!("../../models/sources.bib");

/// The mechanisms that come with the program.
///
/// # Errors
/// If one of their files is wrong.
pub fn shipped_mechanisms() -> Result<Vec<Mechanism>, ConfigError> {
    let files = SHIPPED.iter();
    files
        .map(|(path, text)| parse_mechanism(Path::new(path), text))
        .collect()
}

pub(super) fn topics(mechanisms: &[Mechanism]) -> Vec<Topic> {
    let each = mechanisms.iter().flat_map(|mechanism| {
        let group = format!("parameters of {}", mechanism.name());
        let rows = mechanism.parameters().rows().iter();
        rows.map(move |row| topic(&group, mechanism, row))
            .collect::<Vec<_>>()
    });
    each.collect()
}

fn topic(group: &str, mechanism: &Mechanism, row: &Parameter) -> Topic {
    let in_unit = |value: f64| short(row.unit.from_si(value));
    let mut lines = vec![row.meaning.clone(), format!("unit: {}", row.unit)];
    let value = in_unit(row.value);
    lines.push(match row.tied_to {
        Some(leader) => {
            let leader = &mechanism.parameters().row(leader).name;
            format!("value: that of {leader}, {value}")
        }
        None => format!("value: {value}"),
    });
    if let Some((lower, upper)) = row.bounds {
        let (lower, upper) = (in_unit(lower), in_unit(upper));
        lines.push(format!("a fit may try {lower} to {upper}"));
    }
    lines.extend(row.prior.map(|prior| {
        let text = match prior {
            Prior::LogNormal { median, sd_ln } => format!(
                "median {}, standard deviation {} of the natural logarithm",
                in_unit(median),
                short(sd_ln)
            ),
            Prior::Normal { mean, sd } => {
                format!("mean {}, standard deviation {}", in_unit(mean), in_unit(sd))
            }
            Prior::Flat { is_ln: true } => "none; evenly distributed in the logarithm".to_owned(),
            Prior::Flat { is_ln: false } => "none; evenly distributed".to_owned(),
        };
        format!("prior: {text}")
    }));
    lines.push(
        if row.depends_on_catalyst {
            "another catalyst changes it"
        } else {
            "the same for all catalysts"
        }
        .to_owned(),
    );
    lines.push(format!("source: {}", row.source));
    lines.extend(cited(&row.source));
    let title = format!("parameter of the mechanism {}", mechanism.name());
    let mut topic = Topic::new(group, &row.name, title, lines);
    topic.paths = vec![vec!["parameter".to_owned(), row.name.clone()]];
    topic
}

/// The publications whose keys a source names: author, year and digital identifier.
fn cited(source: &str) -> Vec<String> {
    let entries = SOURCES.split("\n@").filter_map(|entry| {
        let key = entry.split_once('{')?.1.split_once(',')?.0;
        let field = |name: &str| {
            let line = entry.lines().find(|l| l.trim_start().starts_with(name))?;
            let text = line.split_once('{')?.1.trim_end().trim_end_matches(',');
            Some(text.trim_end_matches('}').replace(['{', '}', '\\'], ""))
        };
        source.contains(key).then(|| {
            let told = ["title", "journal", "year", "doi"];
            let told: Vec<String> = told.into_iter().filter_map(field).collect();
            format!("{key}: {}", told.join(", "))
        })
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_with_their_identifier() {
        let [cited] = &cited("Guan2024, text")[..] else {
            panic!("one source");
        };
        assert!(cited.starts_with("Guan2024: Self-tandem catalysis of fast Mg2+ desolvation"));
        assert!(cited.ends_with("2024, 10.1039/d3ee04028c"), "{cited}");
    }
}
