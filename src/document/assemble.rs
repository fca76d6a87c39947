//! One document of several folders.

use std::collections::HashSet;

use super::Block;
use super::Document;
use super::Section;
use super::Told;
use super::campaign;
use super::fit;
use super::folder::Contents;
use super::folder::ResultFolder;
use super::numbers::plain;
use super::prediction;
use super::ranking;
use super::recovery;
use super::surrogate;

/// Everything that is told about some folders, in their order.
pub fn document(folders: &[ResultFolder]) -> Document {
    let mut document = Document::default();
    let mut titles: Vec<String> = Vec::new();
    for (number, folder) in folders.iter().enumerate() {
        // Names of charts and tables stay unique over several folders.
        let prefix = if number == 0 {
            String::new()
        } else {
            format!("{}_", number + 1)
        };
        let (title, provenance, sections) = told(folder, &prefix);
        let provenance = provenance.into_iter().map(|(name, value)| {
            if folders.len() > 1 {
                (format!("{title}: {name}"), value)
            } else {
                (name, value)
            }
        });
        document.provenance.extend(provenance);
        document.provenance.push((
            format!("folder of {title}"),
            folder.path.display().to_string(),
        ));
        let sections = sections.into_iter().map(|section| {
            if folders.len() > 1 {
                Section {
                    title: format!("{title}: {}", section.title),
                    ..section
                }
            } else {
                section
            }
        });
        document
            .sections
            .extend(sections.filter(|section| !section.blocks.is_empty()));
        titles.push(title);
    }
    name_apart(&mut document);
    document.title = titles.join(", ");
    document.provenance.push((
        "report by".to_owned(),
        format!("sulfit {}", env!("CARGO_PKG_VERSION")),
    ));
    document
}

/// Charts and tables get names that differ, whatever the case of their letters: they are files and elements of a page.
fn name_apart(document: &mut Document) {
    let mut taken = HashSet::new();
    for block in document.sections.iter_mut().flat_map(|s| &mut s.blocks) {
        let id = match block {
            Block::Chart(chart) => &mut chart.id,
            Block::Table(table) => &mut table.id,
            _ => continue,
        };
        let own = plain(id);
        let mut name = own.clone();
        let mut number = 1;
        while !taken.insert(name.to_lowercase()) {
            number += 1;
            name = format!("{own}_{number}");
        }
        *id = name;
    }
}

fn told(folder: &ResultFolder, prefix: &str) -> Told {
    match &folder.contents {
        Contents::Fit(result) => fit::told(&folder.path, result, prefix),
        Contents::Prediction(prediction) => prediction::told(prediction, prefix),
        Contents::Ranking(ranking) => ranking::told(ranking, prefix),
        Contents::Recovery(recovery) => recovery::told(recovery, prefix),
        Contents::Surrogate(card) => surrogate::told(card, prefix),
        Contents::Campaign(campaign) => campaign::told(campaign, &folder.path, prefix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Table;

    #[test]
    fn names_differ_in_more_than_the_case_of_their_letters() {
        let mut section = Section::new("one");
        for id in ["k-1", "k_1", "K_1", "../../k_1"] {
            let mut table = Table::new(id, "title", &["column"]);
            table.rows.push(vec!["field".into()]);
            section.table(table);
        }
        let mut document = Document {
            sections: vec![section],
            ..Document::default()
        };
        name_apart(&mut document);
        let ids: Vec<&str> = document.tables().map(|table| &*table.id).collect();
        assert_eq!(ids, ["k_1", "k_1_2", "K_1_3", "______k_1"]);
    }
}
