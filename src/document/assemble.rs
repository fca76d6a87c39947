//! One document of several folders.

use super::Document;
use super::Section;
use super::campaign;
use super::fit;
use super::folder::Contents;
use super::folder::ResultFolder;
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
        document
            .provenance
            .push(("folder".to_owned(), folder.path.display().to_string()));
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
    document.title = titles.join(", ");
    document.provenance.push((
        "report by".to_owned(),
        format!("sulfit {}", env!("CARGO_PKG_VERSION")),
    ));
    document
}

/// What is told of one folder.
pub(super) type Told = (String, Vec<(String, String)>, Vec<Section>);

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
