//! What is told of a campaign: the cells to look at first, the constants of all cells, and those of catalysts.

use std::path::Path;

use super::Axis;
use super::Chart;
use super::Field;
use super::Mark;
use super::Section;
use super::Series;
use super::Table;
use super::Told;
use super::numbers::plain;
use super::numbers::raised;
use super::source::campaign::Campaign;
use super::source::simulated::all;
use super::source::table::Columns;

/// Constants that are drawn.
const CONSTANTS: usize = 16;
/// Cells whose names fit under an axis.
const NAMED_CELLS: usize = 60;

pub(super) fn told(campaign: &Campaign, folder: &Path, prefix: &str) -> Told {
    let name = folder.file_name().map_or_else(
        || "campaign".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    let scene = Scene { campaign, prefix };
    let sections = vec![
        or_warning("Cells", scene.cells()),
        or_warning("Catalysts", scene.catalysts()),
        or_warning("Constants of all cells", scene.constants()),
        or_warning("Residuals of all cells", scene.fits()),
    ];
    let provenance = vec![("campaign".to_owned(), name.clone())];
    (name, provenance, sections)
}

/// A section, or what is wrong with the table that it tells about.
fn or_warning(title: &str, section: Result<Section, String>) -> Section {
    section.unwrap_or_else(|reason| {
        let mut section = Section::new(title);
        section.warning(format!(
            "Left out: {reason}; run `sulfit batch collect` again."
        ));
        section
    })
}

struct Scene<'a> {
    campaign: &'a Campaign,
    prefix: &'a str,
}

/// Columns that hold words, whatever these look like.
const WORDS: [&str; 9] = [
    "name",
    "catalyst",
    "replicate",
    "converged",
    "reasons",
    "fit",
    "parameter",
    "unit",
    "cell",
];

/// A table as it stands in its file.
fn whole(columns: &Columns, id: String, title: &str) -> Result<Table, String> {
    let names = columns.names();
    let titles: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut table = Table::new(id, title, &titles);
    let texts = names.iter().map(|name| columns.texts(name));
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    for row in 0..columns.height() {
        let fields = texts.iter().zip(&names).map(|(column, name)| {
            let text = column[row].as_str();
            match text.parse::<f64>() {
                _ if text.is_empty() => Field::Missing,
                // Seen from the folder of the campaign, not from its tables.
                _ if name == "fit" => Field::from(text.trim_start_matches("../")),
                Ok(number) if !WORDS.contains(&name.as_str()) => Field::from(number),
                _ => Field::from(text),
            }
        });
        table.rows.push(fields.collect());
    }
    Ok(table)
}

/// The entries of a list, each once, in their order.
fn distinct(values: &[String]) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    let values = values.iter().filter(|value| seen.insert(*value));
    values.cloned().collect()
}

impl Scene<'_> {
    fn id(&self, name: &str) -> String {
        format!("{}{}", self.prefix, plain(name))
    }

    fn cells(&self) -> Result<Section, String> {
        let mut section = Section::new("Cells");
        let cells = &self.campaign.cells;
        let converged = cells.texts("converged")?;
        let n = converged.iter().filter(|text| *text == "true").count();
        let failed: f64 = cells
            .numbers("failed_solves")?
            .iter()
            .filter(|n| n.is_finite())
            .sum();
        section.paragraph(format!(
            "{} finished fits, {n} of them converged, {failed:.0} failed solves. The most suspicious cells come first, with the reasons; each fit's own folder stands in the last column.",
            cells.height()
        ));
        section.table(whole(
            cells,
            self.id("cells"),
            "Cells, the most suspicious first",
        )?);
        Ok(section)
    }

    fn catalysts(&self) -> Result<Section, String> {
        let mut section = Section::new("Catalysts");
        let Some(catalysts) = &self.campaign.catalysts else {
            return Ok(section);
        };
        section.paragraph("Median and 95 % interval of each constant over the cells of a catalyst; the scatter between cells and what each fit leaves open are told apart, as standard deviations of the logarithm. A catalyst without a value has cells that know no more than the prior.");
        let (constants, names) = (catalysts.texts("parameter")?, catalysts.texts("catalyst")?);
        let columns = ["median", "lower", "upper"].map(|c| catalysts.numbers(c));
        let [median, lower, upper] = all(columns)?;
        let units = catalysts.texts("unit")?;
        for constant in distinct(&constants).iter().take(CONSTANTS) {
            let rows: Vec<usize> = (0..constants.len())
                .filter(|i| constants[*i] == *constant)
                .collect();
            let points = rows
                .iter()
                .enumerate()
                .map(|(row, i)| (row as f64, median[*i]))
                .collect();
            let bars = rows.iter().map(|i| (lower[*i], upper[*i])).collect();
            let labels: Vec<String> = rows.iter().map(|i| names[*i].clone()).collect();
            let unit = rows.first().map_or("", |i| &*units[*i]);
            let series = Series::new("median, 95 % interval", Mark::Points, 0, points).within(bars);
            section.chart(Chart::lines(
                self.id(&format!("catalysts_{constant}")),
                format!("{constant} of the catalysts"),
                (
                    Axis::names("", labels),
                    Axis::log(format!("{constant} ({})", raised(unit))),
                ),
                vec![series],
            ));
        }
        let title = "Constants of the catalysts";
        section.table(whole(catalysts, self.id("catalysts"), title)?);
        Ok(section)
    }

    /// Small multiples: each constant over all cells, catalysts in colours.
    fn constants(&self) -> Result<Section, String> {
        let mut section = Section::new("Constants of all cells");
        let parameters = &self.campaign.parameters;
        let (cells, catalysts) = (parameters.texts("name")?, parameters.texts("catalyst")?);
        let (constants, units) = (parameters.texts("parameter")?, parameters.texts("unit")?);
        let columns = ["value", "interval_lower", "interval_upper"];
        let columns = columns.map(|name| parameters.numbers(name));
        let [value, lower, upper] = all(columns)?;
        let scales = parameters.texts("sd_scale")?;
        let (all_cells, all_catalysts) = (distinct(&cells), distinct(&catalysts));
        let place = |name: &String| all_cells.iter().position(|cell| cell == name);
        for constant in distinct(&constants).iter().take(CONSTANTS) {
            let own = || (0..constants.len()).filter(|i| constants[*i] == *constant);
            let series = all_catalysts.iter().enumerate().map(|(group, catalyst)| {
                let rows = own().filter(|i| catalysts[*i] == *catalyst);
                let rows: Vec<_> = rows
                    .filter_map(|i| Some((place(&cells[i])? as f64, i)))
                    .collect();
                let points = rows.iter().map(|(at, i)| (*at, value[*i])).collect();
                let bars = rows.iter().map(|(_, i)| (lower[*i], upper[*i])).collect();
                let labels = rows.iter().map(|(_, i)| cells[*i].clone()).collect();
                Series::new(&**catalyst, Mark::Points, group, points)
                    .within(bars)
                    .labelled(labels)
            });
            let unit = own().next().map_or("", |i| &*units[i]);
            let x = if all_cells.len() <= NAMED_CELLS {
                Axis::names("", all_cells.clone())
            } else {
                Axis::linear("cell (1)")
            };
            let label = format!("{constant} ({})", raised(unit));
            let y = if own().all(|i| scales[i] == "ln") {
                Axis::log(label)
            } else {
                Axis::linear(label)
            };
            section.chart(Chart::lines(
                self.id(&format!("cells_{constant}")),
                format!("{constant} of all cells"),
                (x, y),
                series.collect(),
            ));
        }
        Ok(section)
    }

    /// How well the numbers of all cells are met.
    fn fits(&self) -> Result<Section, String> {
        let mut section = Section::new("Residuals of all cells");
        let observables = &self.campaign.observables;
        let (names, z) = (observables.texts("id")?, observables.numbers("z")?);
        let cells = observables.texts("name")?;
        let numbers = distinct(&names);
        let place = |name: &String| numbers.iter().position(|number| number == name);
        let rows: Vec<(f64, usize)> = (0..names.len())
            .filter_map(|i| Some((place(&names[i])? as f64, i)))
            .collect();
        let points = rows.iter().map(|(row, i)| (z[*i], *row)).collect();
        let labels = rows.iter().map(|(_, i)| cells[*i].clone()).collect();
        section.chart(Chart::lines(
            self.id("residuals"),
            "Residuals of the numbers of all cells",
            (
                Axis::linear("z = (model - data) / noise (1)"),
                Axis::names("", numbers),
            ),
            vec![Series::new("cells", Mark::Points, 0, points).labelled(labels)],
        ));
        Ok(section)
    }
}
