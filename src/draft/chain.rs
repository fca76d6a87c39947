//! Protocols of a draft: which record goes on from which, and how long the cell rested before.

use super::DraftProtocol;
use super::DraftRecord;
use super::Plan;
use super::REST_S;
use crate::import::FolderFile;
use crate::mechanism::Mechanism;
use crate::record::Record;
use crate::record::Technique;

/// A clock that begins later than this (s) was running before the record.
const CLOCK_RUNS_S: f64 = 60.0;
/// Longest rest between two records that go on from each other (s).
const BETWEEN_MAX_S: f64 = 12.0 * 3600.0;
/// Longest rest before the first record that is believed (s).
const BEFORE_MAX_S: f64 = 72.0 * 3600.0;
/// How far a record may begin before the end of another that it follows (s): clocks are rounded.
const OVERLAP_S: f64 = 2.0;
/// Share of the largest current below which a cell rests (1).
const REST_SHARE: f64 = crate::analysis::cycling::REST_SHARE;

/// The clock of a record.
#[derive(Clone, Copy)]
struct Clock {
    /// Its first time (s).
    begins_s: f64,
    /// Its last time (s).
    ends_s: f64,
    /// Time before its first current (s).
    leading_rest: f64,
}

/// The protocols: one for each record, but for cycles that go on from those of another file by their clocks.
pub(super) fn chains(
    records: &mut [DraftRecord],
    used: &[&FolderFile],
    mechanism: &Mechanism,
) -> Vec<DraftProtocol> {
    let clocks: Vec<Option<Clock>> = used.iter().map(|file| clock(file)).collect();
    let is_battery = mechanism.battery().is_some();
    let follows = followed(records, &clocks);
    let mut protocols: Vec<DraftProtocol> = Vec::new();
    for first in 0..records.len() {
        if follows
            .iter()
            .any(|next| next.is_some_and(|(next, _)| next == first))
        {
            continue;
        }
        let mut members = vec![(first, 0.0)];
        let mut last = first;
        while let Some((next, between_s)) = follows[last] {
            members.push((next, between_s));
            last = next;
        }
        protocols.push(DraftProtocol {
            name: protocol_name(records[first].technique, &protocols),
            rest: is_battery.then(|| rest(&records[first].plan, clocks[first])),
            records: members,
        });
    }
    if is_battery {
        doubt_later_spectra(records);
    }
    protocols
}

/// For each record the one that goes on from it, with the time between (s).
fn followed(records: &[DraftRecord], clocks: &[Option<Clock>]) -> Vec<Option<(usize, f64)>> {
    let is_whole = |i: usize| matches!(&records[i].plan, Plan::Cycles { n_run, n_held, .. } if n_run == n_held);
    let is_cycling = |i: usize| matches!(records[i].plan, Plan::Cycles { .. });
    let mut follows: Vec<Option<(usize, f64)>> = vec![None; records.len()];
    for next in (0..records.len()).filter(|i| is_cycling(*i)) {
        let Some(own) = clocks[next].filter(|clock| clock.begins_s > CLOCK_RUNS_S) else {
            continue;
        };
        let before = (0..records.len()).filter(|i| *i != next && is_whole(*i));
        let gaps = before.filter_map(|i| Some((i, own.begins_s - clocks[i]?.ends_s)));
        let near = gaps.filter(|(_, gap)| (-OVERLAP_S..=BETWEEN_MAX_S).contains(gap));
        let nearest = near.min_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((i, gap)) = nearest
            && follows[i].is_none()
            && own.begins_s > clocks[i].map_or(f64::INFINITY, |clock| clock.begins_s)
        {
            follows[i] = Some((next, gap.max(0.0) + own.leading_rest));
        }
    }
    follows
}

fn clock(file: &FolderFile) -> Option<Clock> {
    let record = file.content.as_ref().ok()?.measured.record()?;
    let (first, last) = (*record.time_s.first()?, *record.time_s.last()?);
    let are_known = first.is_finite() && last.is_finite() && last >= first;
    are_known.then(|| Clock {
        begins_s: first,
        ends_s: last,
        leading_rest: leading_rest_s(&record),
    })
}

/// Time before the first current (s).
fn leading_rest_s(record: &Record) -> f64 {
    let largest = record.current.iter().fold(0.0, |m: f64, i| m.max(i.abs()));
    let first = record
        .current
        .iter()
        .position(|i| i.abs() > REST_SHARE * largest);
    let rest = first.map_or(0.0, |i| record.time_s[i] - record.time_s[0]);
    if rest.is_finite() { rest.max(0.0) } else { 0.0 }
}

/// The rest before the first record of a protocol (s) and where it comes from.
fn rest(plan: &Plan, clock: Option<Clock>) -> (f64, String) {
    let assumed = || (REST_S, "no file tells it".to_owned());
    let Some(clock) = clock.filter(|_| matches!(plan, Plan::Cycles { .. } | Plan::Sweep { .. }))
    else {
        return assumed();
    };
    let began_s = if clock.begins_s > CLOCK_RUNS_S {
        clock.begins_s
    } else {
        0.0
    };
    let rest_s = began_s + clock.leading_rest;
    if (CLOCK_RUNS_S..=BEFORE_MAX_S).contains(&rest_s) {
        let why = if began_s > 0.0 {
            "its clock ran that long before; that the cell rested is ASSUMED"
        } else {
            "the record shows it"
        };
        return (rest_s, why.to_owned());
    }
    assumed()
}

/// A spectrum tells nothing of what the cell had been through: only the first is taken as that of a fresh cell.
fn doubt_later_spectra(records: &mut [DraftRecord]) {
    let spectra = records.iter_mut();
    let spectra = spectra.filter(|record| record.technique == Technique::Impedance);
    for record in spectra.skip(1) {
        record.only_compared = Some(
            "the file does not tell what the cell had been through; only the first spectrum is taken as that of the \
             fresh cell"
                .to_owned(),
        );
    }
}

/// A name that no other protocol has.
fn protocol_name(technique: Technique, others: &[DraftProtocol]) -> String {
    let base = technique.to_string();
    let is_taken = |name: &str| others.iter().any(|other| other.name == name);
    if !is_taken(&base) {
        return base;
    }
    let mut number = 2;
    loop {
        let name = format!("{base}_{number}");
        if !is_taken(&name) {
            return name;
        }
        number += 1;
    }
}
