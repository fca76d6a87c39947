//! What is told of a fit or of a simulation.

mod data;
mod inference;
mod models;
mod parameters;
mod techniques;

use std::path::Path;

use super::Section;
use super::Source;
use super::Told;
use super::numbers::plain;
use super::source::fit::FitResult;
use super::source::fit::VariantResult;

pub(super) fn told(folder: &Path, result: &FitResult, prefix: &str) -> Told {
    let scene = Scene {
        folder,
        result,
        best: result.best(),
        prefix,
    };
    let sections = vec![
        summary(&scene),
        data::section(&scene),
        techniques::section(&scene),
        parameters::section(&scene),
        inference::section(&scene),
        models::section(&scene),
        models::predictions(&scene),
        reliability(&scene),
    ];
    (result.experiment.clone(), provenance(&scene), sections)
}

/// A result with what is read beside it.
pub(super) struct Scene<'a> {
    pub(super) folder: &'a Path,
    pub(super) result: &'a FitResult,
    /// The variant that is told in detail.
    pub(super) best: &'a VariantResult,
    /// Before the names of charts and tables.
    pub(super) prefix: &'a str,
}

impl Scene<'_> {
    /// The name of a chart or table.
    pub(super) fn id(&self, name: &str) -> String {
        format!("{}{}", self.prefix, plain(name))
    }

    /// Whether there are several variants.
    pub(super) fn compares(&self) -> bool {
        self.result.variants().nth(1).is_some()
    }

    /// Where the data come from.
    pub(super) fn source(&self) -> Source {
        Source::parse(self.kind())
    }

    /// What the data are, in a word before "data".
    pub(super) fn kind(&self) -> &str {
        self.result.data.as_deref().unwrap_or("given")
    }

    /// Whether constants were estimated: a fit tells where it began.
    pub(super) fn is_fit(&self) -> bool {
        self.result.variants().any(|v| !v.starts.is_empty())
    }
}

fn summary(scene: &Scene<'_>) -> Section {
    let mut section = Section::new("Summary");
    let (result, best) = (scene.result, scene.best);
    let variants = result.variants().count();
    if !scene.is_fit() {
        section.paragraph(format!(
            "A simulation with the values of the mechanism file, compared with {} data; nothing was fitted.",
            scene.kind()
        ));
    } else if variants > 1 {
        let judged = result.weight(&best.variant).map_or_else(
            || format!("They could not be compared; what follows is about the first, '{}' ({})", best.variant, best.meaning),
            |weight| format!("The data speak most for '{}' ({}), with a weight of {weight:.2}; what follows is about it", best.variant, best.meaning),
        );
        section.paragraph(format!(
            "{variants} variants of the model were fitted to {} data. {judged}. The other variants can be switched on in the charts.",
            scene.kind()
        ));
    } else {
        section.paragraph(format!(
            "The model was fitted to {} data; variant '{}' ({}).",
            scene.kind(),
            best.variant,
            best.meaning
        ));
    }
    if scene.result.data.as_deref() == Some("synthetic") {
        section.warning("The data are SYNTHETIC: no instrument has measured them.");
    }
    if result.interrupted {
        section.warning("The run was interrupted: this is what it had by then. The same command goes on from there.");
    }
    for variant in result.variants().filter(|v| scene.is_fit() && !v.converged) {
        section.warning(format!(
            "The fit of variant '{}' did not converge: {}.",
            variant.variant, variant.stop_reason
        ));
    }
    if result.failed_solves > 0 {
        section.warning(format!(
            "{} solves failed; see Reliability.",
            result.failed_solves
        ));
    }
    for parameter in &best.parameters {
        if let Some(lower) = parameter.profile_lower_than_optimum {
            section.warning(format!(
                "The profile of {} found a cost lower by {lower:.3} than the optimum: fit again with more starts.",
                parameter.name
            ));
        }
    }
    section.list(parameters::in_words(scene));
    models::tell_kept(scene, &mut section);
    section
}

fn reliability(scene: &Scene<'_>) -> Section {
    let mut section = Section::new("Reliability");
    let result = scene.result;
    section.paragraph(format!(
        "{} parameter points were simulated, {} solves failed.",
        result.evaluations, result.failed_solves
    ));
    let failures = result.failures.iter().map(|failure| {
        let time = failure
            .time_s
            .map_or(String::new(), |time| format!(" at {time:.4} s"));
        format!("{}{time}: {}", failure.during, failure.reason)
    });
    section.list(failures.collect());
    section.table(models::starts(scene));
    section.table(models::alternatives(scene));
    if let Some(guide) = &scene.best.surrogate {
        section.paragraph(format!(
            "The surrogate '{}' proposed starts: {} were followed down on it to {} different ends; it was asked for {} points and refused {}. The cell model judged every start and made every number here.{}",
            guide.name,
            guide.starts,
            guide.distinct_ends,
            guide.points_asked,
            guide.points_refused,
            guide.cost_at_optimum.map_or(String::new(), |cost| format!(
                " At the optimum its cost is {cost:.2}, that of the cell model {:.2}.",
                scene.best.cost.unwrap_or(f64::NAN)
            ))
        ));
    }
    if !result.assumptions.is_empty() {
        section.paragraph("Assumed, because the source leaves it open:");
        section.list(result.assumptions.clone());
    }
    section
}

fn provenance(scene: &Scene<'_>) -> Vec<(String, String)> {
    let result = scene.result;
    let mut rows = vec![
        ("experiment".to_owned(), result.experiment.clone()),
        ("fitted by".to_owned(), format!("sulfit {}", result.version)),
        ("seed".to_owned(), result.seed.to_string()),
    ];
    if !scene.is_fit() {
        "simulated by".clone_into(&mut rows[1].0);
    }
    let command = result.command.clone();
    rows.extend(command.map(|command| ("command".to_owned(), command)));
    let data = result.data.clone();
    rows.extend(data.map(|data| ("data".to_owned(), data)));
    let inputs = result.inputs.iter();
    rows.extend(inputs.map(|input| (format!("input {}", input.name), input.fingerprint.clone())));
    rows
}
