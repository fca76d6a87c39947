//! Units, and the words that results use.

use super::Topic;
use crate::analysis::circuit::Warning;
use crate::estimate::Knowledge;
use crate::predict::Limiting;
use crate::rank::Evidence;
use crate::record::Severity;
use crate::units::symbols;

pub(super) fn topics() -> Vec<Topic> {
    let mut topics = verdicts();
    topics.extend(limits());
    topics.extend(evidence());
    topics.extend(findings());
    topics.extend(units());
    topics
}

fn verdicts() -> Vec<Topic> {
    let words = Knowledge::WORDS.iter().filter_map(|word| {
        let meaning = Knowledge::meaning(word)?;
        let lines = vec![
            meaning,
            "q: share of the prior's standard deviation that is left; r: strongest correlation with another free quantity".to_owned(),
            "only profiles (--profiles) tell the sides apart; the first that holds counts: bounded_below, bounded_above, prior_only, combination, identified, narrowed".to_owned(),
            "stands in: verdict of result.json, recovery.json and parameters.csv; more in docs/theory.md, Verdicts".to_owned(),
        ];
        let title = "verdict: what data and prior together know about a free quantity".to_owned();
        Some(Topic::new("verdicts of fits", word, title, lines))
    });
    words.collect()
}

fn limits() -> Vec<Topic> {
    let all = Limiting::ALL.into_iter().map(|limit| {
        let lines = vec![
            limit.meaning().to_owned(),
            "the group of processes with the largest degree of rate control".to_owned(),
            "stands in: limiting of prediction.json and ranking.json".to_owned(),
        ];
        let title = "what limits a cell".to_owned();
        Topic::new("what limits a cell", limit.as_str(), title, lines)
    });
    all.collect()
}

fn evidence() -> Vec<Topic> {
    let all = Evidence::ALL.into_iter().map(|evidence| {
        let lines = vec![
            evidence.meaning().to_owned(),
            "stands in: evidence of ranking.json".to_owned(),
        ];
        let title = "what the place of a catalyst rests on".to_owned();
        Topic::new("what a ranking rests on", evidence.as_str(), title, lines)
    });
    all.collect()
}

fn findings() -> Vec<Topic> {
    let severities = Severity::ALL.into_iter().map(|severity| {
        let title = "how much a finding about a measured file matters".to_owned();
        let lines = vec![
            severity.meaning().to_owned(),
            "told by: sulfit inspect, import and analyze".to_owned(),
        ];
        Topic::new("findings and warnings", &severity.to_string(), title, lines)
    });
    let warnings = Warning::KINDS.iter().map(|(word, meaning)| {
        let title = "warning about a circuit that was fitted to a spectrum".to_owned();
        let lines = vec![
            (*meaning).to_owned(),
            "told by: sulfit analyze, below the circuit".to_owned(),
        ];
        Topic::new("findings and warnings", word, title, lines)
    });
    severities.chain(warnings).collect()
}

fn units() -> Vec<Topic> {
    let all = symbols().map(|unit| {
        let lines = vec![
            format!("{}: {} {}", unit.name, unit.factor, unit.base),
            "units are products of these, with powers: mol m^-2 s^-1, ohm s^-1/2; 1 for none"
                .to_owned(),
            "stands in: unit of parameters in mechanism files, of facts and of columns of records"
                .to_owned(),
        ];
        let title = "symbol of a unit".to_owned();
        Topic::new("symbols of units", unit.symbol, title, lines)
    });
    all.collect()
}
