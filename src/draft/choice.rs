//! Which parameters a first fit frees, and which assumed ones its user should look at.

use super::Draft;
use super::Plan;
use crate::mechanism::Battery;
use crate::mechanism::Law;
use crate::mechanism::Mechanism;
use crate::mechanism::Parameter;
use crate::mechanism::ParameterId;
use crate::mechanism::Phase;

/// What is free and what is not.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Free, in the order of the mechanism.
    pub free: Vec<FreeOne>,
    /// Those with a prior that stay at their value: name, meaning and reason.
    pub fixed: Vec<(String, String, String)>,
    /// What the files do not tell and a user may know.
    pub assumed: Vec<Assumed>,
}

/// A free parameter.
#[derive(Clone, Debug)]
pub struct FreeOne {
    /// Name.
    pub name: String,
    /// What it is.
    pub meaning: String,
    /// Its unit.
    pub unit: String,
    /// Whether a fit starts it from a feature of the curves, where they show it.
    pub starts_from_curves: bool,
}

/// A value of the mechanism that belongs to the cell.
#[derive(Clone, Debug)]
pub struct Assumed {
    /// Name.
    pub name: String,
    /// Value in its unit.
    pub value: f64,
    /// Unit.
    pub unit: String,
    /// What it is.
    pub meaning: String,
    /// Where the mechanism has it from.
    pub source: String,
}

/// What the fitted records can show.
#[derive(Clone, Copy)]
struct Shown {
    /// Whether charge passes: cycles, ramps or a replay.
    charge: bool,
    /// Most whole cycles of a protocol.
    cycles: usize,
}

/// Chooses what is free by what the records of a draft can show.
pub fn choose(draft: &Draft, mechanism: &Mechanism) -> Choice {
    let shown = shown(draft);
    let table = mechanism.parameters();
    let (mut free, mut fixed) = (Vec::new(), Vec::new());
    for row in table.rows() {
        let Some(id) = table.find(&row.name) else {
            continue;
        };
        if row.prior.is_none() || row.bounds.is_none() || row.tied_to.is_some() {
            continue;
        }
        match reason_to_fix(mechanism, id, shown) {
            None => free.push(FreeOne {
                name: row.name.clone(),
                meaning: row.meaning.clone(),
                unit: row.unit.to_string(),
                starts_from_curves: row.start_from.is_some(),
            }),
            Some(reason) => fixed.push((row.name.clone(), row.meaning.clone(), reason)),
        }
    }
    let is_free = |row: &Parameter| free.iter().any(|one| one.name == row.name);
    let assumed = of_the_cell(mechanism).into_iter().map(|id| table.row(id));
    let assumed = assumed.filter(|row| row.tied_to.is_none() && !is_free(row));
    let assumed = assumed.map(|row| Assumed {
        name: row.name.clone(),
        value: row.unit.from_si(row.value),
        unit: row.unit.to_string(),
        meaning: row.meaning.clone(),
        source: row.source.clone(),
    });
    Choice {
        assumed: assumed.collect(),
        free,
        fixed,
    }
}

fn shown(draft: &Draft) -> Shown {
    let mut shown = Shown {
        charge: false,
        cycles: 0,
    };
    for protocol in &draft.protocols {
        let mut cycles = 0;
        for (record, _) in &protocol.records {
            let record = &draft.records[*record];
            if record.only_compared.is_some() {
                continue;
            }
            shown.charge |= !matches!(record.plan, Plan::Spectrum { .. });
            if let Plan::Cycles { n_run, .. } = &record.plan {
                cycles += n_run;
            }
        }
        shown.cycles = shown.cycles.max(cycles);
    }
    shown
}

/// Why a parameter stays at its value.
fn reason_to_fix(mechanism: &Mechanism, id: ParameterId, shown: Shown) -> Option<String> {
    let reason = match mechanism.battery() {
        Some(battery) => of_battery(mechanism, battery, id, shown),
        None => of_half_cell(mechanism, id),
    };
    reason.map(ToOwned::to_owned)
}

fn of_half_cell(mechanism: &Mechanism, id: ParameterId) -> Option<&'static str> {
    let half_cell = mechanism.half_cell()?;
    if id == half_cell.area {
        return Some("the data set states it");
    }
    let is_bulk = half_cell.bulk.iter().any(|(_, own)| *own == id);
    is_bulk.then_some("currents know it only together with the diffusivity")
}

fn of_battery(
    mechanism: &Mechanism,
    battery: &Battery,
    id: ParameterId,
    shown: Shown,
) -> Option<&'static str> {
    let roles = &battery.roles;
    if id == roles.loading || id == roles.area {
        return Some("the data set states it");
    }
    if id == roles.coated_area {
        return Some("only a polarisation of coated foils shows it");
    }
    let mut laws = mechanism.reactions().iter().map(|reaction| &reaction.law);
    let is_decay = |law: &Law| matches!(law, Law::Decay { rate_constant } if *rate_constant == id);
    let is_shuttle =
        |law: &Law| matches!(law, Law::Shuttle { rate_constant } if *rate_constant == id);
    let (decays, shuttles) = (laws.clone().any(is_decay), laws.clone().any(is_shuttle));
    if (decays || shuttles) && shown.cycles < 2 {
        return Some("a loss shows in several cycles only");
    }
    let has_free_decay = laws.any(|law| match law {
        Law::Decay { rate_constant } => {
            let row = mechanism.parameters().row(*rate_constant);
            row.prior.is_some() && row.bounds.is_some()
        }
        _ => false,
    });
    if shuttles && has_free_decay {
        return Some("a second explanation of the same loss; compare both as variants");
    }
    if shown.charge || shows_in_fresh_spectrum(mechanism, battery, id) {
        return None;
    }
    Some("a spectrum of the fresh cell does not show it")
}

/// Whether the impedance of a fresh cell depends on a parameter.
fn shows_in_fresh_spectrum(mechanism: &Mechanism, battery: &Battery, id: ParameterId) -> bool {
    let (roles, fresh) = (&battery.roles, &battery.fresh);
    let electrical = [
        roles.series_resistance,
        roles.conductivity,
        roles.capacitance,
        roles.active_area,
        roles.initial_wetted,
    ];
    let mut dissolved = fresh.cathode.iter().chain(&fresh.separator);
    let is_transport = mechanism.species().iter().any(|s| match s.phase {
        Phase::Electrolyte { diffusivity, .. } => diffusivity == id,
        _ => false,
    });
    let is_rate = mechanism.reactions().iter().any(|r| match &r.law {
        Law::Desolvation { rate_constant, .. } => *rate_constant == id,
        Law::Stripping {
            exchange_current_density,
            initial_barrier,
            ..
        } => *exchange_current_density == id || *initial_barrier == id,
        Law::Tandem { rate_constant, .. } => r.name == fresh.potential && *rate_constant == id,
        _ => false,
    });
    electrical.contains(&id) || dissolved.any(|(_, own)| *own == id) || is_transport || is_rate
}

/// The parameters that describe the cell rather than its chemistry.
fn of_the_cell(mechanism: &Mechanism) -> Vec<ParameterId> {
    match (mechanism.battery(), mechanism.half_cell()) {
        (Some(battery), _) => {
            let roles = &battery.roles;
            vec![
                roles.temperature,
                roles.separator_thickness,
                roles.separator_porosity,
                roles.active_density,
                roles.frame_porosity,
                roles.active_area,
                roles.carrier_reference,
                roles.conductivity,
                roles.transference,
                roles.series_resistance,
                roles.wetting_time,
            ]
        }
        (None, Some(half_cell)) => {
            let mut own = vec![half_cell.temperature];
            own.extend(half_cell.bulk.iter().map(|(_, id)| *id));
            own
        }
        (None, None) => Vec::new(),
    }
}
