//! What is told of a ranking: who is best, how sure that is, why, and what to measure next.

use std::collections::BTreeMap;

use super::Axis;
use super::Chart;
use super::Field;
use super::Map;
use super::Mark;
use super::Section;
use super::Series;
use super::Table;
use super::Told;
use super::numbers::raised;
use super::source::ranking::Candidate;
use super::source::ranking::Ranking;
use crate::units::digits;

/// Candidates that are drawn; the table holds all.
const DRAWN: usize = 30;

pub(super) fn told(ranking: &Ranking, prefix: &str) -> Told {
    let scene = Scene { ranking, prefix };
    let sections = vec![scene.order(), scene.reasons(), scene.next()];
    let provenance = vec![
        ("ranking".to_owned(), ranking.name.clone()),
        ("fit of".to_owned(), ranking.experiment.clone()),
        (
            "ranked by".to_owned(),
            format!("sulfit {}", ranking.version),
        ),
        ("seed".to_owned(), ranking.seed.to_string()),
        ("draws".to_owned(), ranking.draws.to_string()),
    ];
    (ranking.name.clone(), provenance, sections)
}

struct Scene<'a> {
    ranking: &'a Ranking,
    prefix: &'a str,
}

impl Scene<'_> {
    fn id(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The candidates that are drawn, the best first.
    fn drawn(&self) -> Vec<&Candidate> {
        self.ranking.candidates.iter().take(DRAWN).collect()
    }

    fn quantity(&self) -> String {
        let target = &self.ranking.target;
        format!(
            "{} ({})",
            target.quantity.replace('_', " "),
            raised(&target.unit)
        )
    }

    fn order(&self) -> Section {
        let mut section = Section::new("Ranking");
        let (ranking, target) = (self.ranking, &self.ranking.target);
        section.paragraph(format!(
            "Ranked by the {} of a cell with {} mg/cm² at {}C in cycle {}; the reference is '{}'. Bars are {:.0} % intervals over draws and variants. {} simulations, {} failed.",
            target.quantity.replace('_', " "),
            target.loading_mg_cm2,
            target.c_rate,
            target.cycle,
            ranking.reference,
            100.0 * ranking.interval_level,
            ranking.simulations,
            ranking.failed_solves
        ));
        if ranking.data.as_deref() == Some("synthetic") {
            section.warning("The fits rest on SYNTHETIC data: no instrument has measured them.");
        }
        for warning in &ranking.warnings {
            section.warning(warning.clone());
        }
        section.chart(self.bars());
        if let Some(map) = self.pairwise() {
            section.chart(map);
        }
        section.table(self.table());
        section.table(self.sources());
        section
    }

    fn bars(&self) -> Chart {
        let drawn = self.drawn();
        let names: Vec<String> = drawn.iter().map(|c| c.name.clone()).collect();
        let mut evidences: Vec<&str> = Vec::new();
        for candidate in &drawn {
            if !evidences.contains(&candidate.evidence.as_str()) {
                evidences.push(&candidate.evidence);
            }
        }
        let mut series = Vec::new();
        for (group, evidence) in evidences.iter().enumerate() {
            let own = drawn
                .iter()
                .enumerate()
                .filter(|(_, c)| c.evidence == *evidence);
            let own: Vec<_> = own
                .filter_map(|(row, c)| Some((row as f64, c.median?, c.lower?, c.upper?, *c)))
                .collect();
            let points = own.iter().map(|p| (p.1, p.0)).collect();
            let bars = own.iter().map(|p| (p.2, p.3)).collect();
            let labels = own.iter().map(|p| {
                let best = p.4.p_best.map_or(String::new(), |best| {
                    format!(", best with probability {best:.2}")
                });
                let [median, lower, upper] = [p.1, p.2, p.3].map(digits);
                format!("{}: {median} [{lower}, {upper}]{best}", p.4.name)
            });
            series.push(
                Series::new(*evidence, Mark::Points, group, points)
                    .within(bars)
                    .across()
                    .labelled(labels.collect()),
            );
        }
        Chart::lines(
            self.id("ranking"),
            "Candidates",
            (Axis::linear(self.quantity()), Axis::names("", names)),
            series,
        )
        .told(format!("'fitted' rests on a cell that was fitted; what rests on descriptors or on the prior alone says so. At most {DRAWN} are drawn; the table holds all."))
    }

    fn pairwise(&self) -> Option<Chart> {
        let pairwise = self.ranking.pairwise.as_ref()?;
        let n = pairwise.names.len().min(DRAWN);
        let rows = pairwise.row_beats_column.iter().take(n);
        let values = rows.map(|row| row.iter().take(n).map(|p| p.unwrap_or(f64::NAN)).collect());
        let names = pairwise.names[..n].to_vec();
        Some(Chart::map(
            self.id("pairwise"),
            "Probability that the row beats the column",
            Map {
                x: "column".to_owned(),
                columns: names.clone(),
                y: "row".to_owned(),
                rows: names,
                value: "probability (1)".to_owned(),
                values: values.collect(),
                is_square: true,
                range: (0.0, 1.0),
            },
        ))
    }

    fn table(&self) -> Table {
        let columns = [
            "rank",
            "candidate",
            "median",
            "lower",
            "upper",
            "lower of a new cell",
            "upper of a new cell",
            "probability to be best",
            "expected rank",
            "group",
            "evidence",
            "share of the prior",
            "rankable",
            "limited by",
        ];
        let title = format!("Candidates by {}", self.quantity());
        let mut table = Table::new(self.id("candidates"), title, &columns);
        for c in &self.ranking.candidates {
            table.rows.push(vec![
                Field::from(c.rank.map(|rank| rank as f64)),
                Field::from(c.name.as_str()),
                Field::from(c.median),
                Field::from(c.lower),
                Field::from(c.upper),
                Field::from(c.new_cell.and_then(|cell| cell.lower)),
                Field::from(c.new_cell.and_then(|cell| cell.upper)),
                Field::from(c.p_best),
                Field::from(c.expected_rank),
                Field::from(c.group.map(|group| group as f64)),
                Field::from(c.evidence.as_str()),
                Field::from(c.prior_share),
                Field::from(if c.rankable { "yes" } else { "no" }),
                Field::from(c.limiting.clone().unwrap_or_default()),
            ]);
        }
        table
    }

    /// Where the descriptors come from.
    fn sources(&self) -> Table {
        let title = "Sources of the descriptors";
        let mut table = Table::new(self.id("sources"), title, &["candidate", "source"]);
        for candidate in &self.ranking.candidates {
            for source in &candidate.sources {
                table.rows.push(vec![
                    Field::from(candidate.name.as_str()),
                    Field::from(source.as_str()),
                ]);
            }
        }
        table
    }

    fn reasons(&self) -> Section {
        let mut section = Section::new("What limits the candidates");
        section.chart(self.control());
        if let Some(chart) = self.activity_map() {
            section.chart(chart);
        }
        let columns = [
            "constant",
            "descriptor",
            "slope",
            "lower",
            "upper",
            "catalysts that calibrate it",
            "fitted catalysts",
        ];
        let title = "Relations between descriptors and constants";
        let mut table = Table::new(self.id("relations"), title, &columns);
        for relation in &self.ranking.relations {
            for slope in &relation.slopes {
                table.rows.push(vec![
                    Field::from(relation.constant.as_str()),
                    Field::from(slope.descriptor.as_str()),
                    Field::from(slope.median),
                    Field::from(slope.lower),
                    Field::from(slope.upper),
                    Field::from(slope.calibrated_by as f64),
                    Field::from(relation.fitted_catalysts as f64),
                ]);
            }
        }
        section.table(table);
        section
    }

    fn control(&self) -> Chart {
        let drawn: Vec<&Candidate> = self
            .drawn()
            .into_iter()
            .filter(|c| c.rate_control.is_some())
            .collect();
        let mut largest: BTreeMap<&str, f64> = BTreeMap::new();
        for (name, control) in drawn
            .iter()
            .filter_map(|c| c.rate_control.as_ref())
            .flatten()
        {
            let entry = largest.entry(name).or_insert(0.0);
            *entry = entry.max(control.unwrap_or(0.0).abs());
        }
        let names = drawn.iter().map(|c| c.name.clone()).collect();
        let told = largest.iter().filter(|(_, value)| **value > 0.01);
        let series = told.enumerate().map(|(group, (name, _))| {
            let points = drawn.iter().enumerate().filter_map(|(row, c)| {
                let control = c.rate_control.as_ref()?.get(*name)?;
                Some((row as f64, (*control)?))
            });
            Series::new(*name, Mark::Bars, group, points.collect())
        });
        Chart::lines(
            self.id("control"),
            "Degree of rate control of the best candidates",
            (
                Axis::names("", names),
                Axis::linear("degree of control (1)"),
            ),
            series.collect(),
        )
        .told("By how much the target would rise, relatively, if the process were faster by the same share.")
    }

    fn activity_map(&self) -> Option<Chart> {
        let map = self.ranking.activity_map.as_ref()?;
        let names = |factors: &[f64]| factors.iter().map(|f| format!("{f:.2e}")).collect();
        let values: Vec<Vec<f64>> = map
            .target
            .iter()
            .map(|row| row.iter().map(|v| v.unwrap_or(f64::NAN)).collect())
            .collect();
        let highest = values.iter().flatten().fold(0.0, |a: f64, b| a.max(*b));
        Some(
            Chart::map(
                self.id("activity"),
                format!("{} over two constants", self.quantity()),
                Map {
                    x: map.x.clone(),
                    columns: names(&map.x_factor),
                    y: map.y.clone(),
                    rows: names(&map.y_factor),
                    value: self.quantity(),
                    values,
                    is_square: false,
                    range: (0.0, highest),
                },
            )
            .told("Factors on the constants of the reference; all others as they are."),
        )
    }

    fn next(&self) -> Section {
        let mut section = Section::new("What to measure next");
        let columns = [
            "measurement",
            "candidate",
            "expected gain",
            "unit",
            "probability to change the choice",
        ];
        let mut table = Table::new(self.id("measurements"), "By what they are worth", &columns);
        for m in &self.ranking.next_measurements {
            table.rows.push(vec![
                Field::from(m.what.as_str()),
                Field::from(m.candidate.as_str()),
                Field::from(m.expected_gain),
                Field::from(m.unit.as_str()),
                Field::from(m.probability_to_change_the_choice),
            ]);
        }
        section.table(table);
        section
    }
}
