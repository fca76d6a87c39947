//! What each record adds, as a table.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;

use crate::estimate::Knowledge;
use crate::estimate::Study;
use crate::estimate::VariantReport;
use crate::mechanism::Scale;
use crate::units::digits;

/// What is known about one quantity, with all data or without one record.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawAblated {
    /// Name of the quantity.
    pub(super) name: String,
    /// Value, in its unit.
    pub(super) value: f64,
    /// Standard deviation on the scale of the prior.
    pub(super) sd: Option<f64>,
    /// The verdict.
    #[schemars(extend("enum" = Knowledge::WORDS))]
    pub(super) verdict: Option<&'static str>,
}

/// The fit without one record.
#[derive(Serialize, JsonSchema)]
pub(super) struct RawAblation {
    /// Name of the record that was left out; none for all data.
    pub(super) without: Option<String>,
    /// Every free quantity.
    pub(super) parameters: Vec<RawAblated>,
    /// Why the fit stopped.
    stop_reason: String,
}

pub(super) fn ablations(study: &Study, report: &VariantReport) -> Vec<RawAblation> {
    let variant = &study.variants[report.variant];
    let table = variant.mechanism.parameters();
    let rows = report.ablations.iter().map(|ablation| {
        let parameters = variant.free.iter().enumerate().map(|(i, free)| {
            let value = free.scale().to_value(ablation.x[i]);
            let unit = match &free.role {
                crate::estimate::Role::Value(id) => table.row(*id).unit.from_si(1.0),
                crate::estimate::Role::Ratio { .. } => 1.0,
            };
            let sd = match free.scale() {
                Scale::Ln => ablation.sds[i],
                Scale::Linear => ablation.sds[i] * unit,
            };
            RawAblated {
                name: free.name.clone(),
                value: value * unit,
                sd: Some(sd).filter(|sd| sd.is_finite()),
                verdict: ablation.knowledge.get(i).map(|k| k.as_str()),
            }
        });
        RawAblation {
            without: ablation.without.clone(),
            parameters: parameters.collect(),
            stop_reason: ablation.stop.to_string(),
        }
    });
    rows.collect()
}

/// Words of a verdict, short enough for a table.
fn short(verdict: Option<&str>) -> &str {
    match verdict {
        Some("identified") => "identified",
        Some("narrowed") => "narrowed",
        Some("prior_only") => "prior only",
        Some("combination") => "combined",
        Some(other) => other,
        None => "unknown",
    }
}

/// One line per quantity: its standard deviation with all data, and by what factor it grows without each record.
pub(super) fn write_ablations(text: &mut String, rows: &[RawAblation]) -> std::fmt::Result {
    let Some((all, others)) = rows.split_first() else {
        return Ok(());
    };
    writeln!(text)?;
    writeln!(
        text,
        "  what each record adds: standard deviation with all data, and how many times as large it is without one"
    )?;
    write!(text, "  {:<16} {:>9} {:<10}", "parameter", "sd", "verdict")?;
    for other in others {
        let name = other.without.as_deref().unwrap_or("");
        write!(text, "  {:<18}", format!("without {name}"))?;
    }
    writeln!(text)?;
    for (i, parameter) in all.parameters.iter().enumerate() {
        write!(
            text,
            "  {:<16} {:>9} {:<10}",
            parameter.name,
            parameter.sd.map_or_else(|| "unknown".to_owned(), digits),
            short(parameter.verdict)
        )?;
        for other in others {
            let own = &other.parameters[i];
            let ratio = own.sd.zip(parameter.sd).map(|(own, all)| own / all);
            let ratio = ratio.map_or_else(|| "unknown".to_owned(), |ratio| format!("{ratio:.2}"));
            write!(text, "  {:<18}", format!("{ratio} {}", short(own.verdict)))?;
        }
        writeln!(text)?;
    }
    Ok(())
}
