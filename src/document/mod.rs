//! What people read about results: one page, a summary in Markdown, figures and the numbers behind them. Everything
//! here is read from the folders that the other commands wrote; nothing is computed anew.

mod assemble;
mod campaign;
mod chart;
mod fit;
mod folder;
mod html;
mod markdown;
mod numbers;
mod prediction;
mod ranking;
mod recovery;
mod source;
mod surrogate;
mod svg;

pub use assemble::document;
pub use chart::Axis;
pub use chart::Chart;
pub use chart::Lines;
pub use chart::Map;
pub use chart::Mark;
pub use chart::Panel;
pub use chart::Plane;
pub use chart::Scale;
pub use chart::Series;
pub use chart::Source;
pub use folder::DocumentError;
pub use folder::ResultFolder;
pub use folder::recognise;
pub use html::page;
pub use markdown::summary;
pub use numbers::figures;

/// Everything that is told about some results.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// What it was made from and with: name and value.
    pub provenance: Vec<(String, String)>,
    /// The sections in order.
    pub sections: Vec<Section>,
}

/// What is told of one folder: title, where it comes from, sections.
type Told = (String, Vec<(String, String)>, Vec<Section>);

/// A section.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its title.
    pub title: String,
    /// What it tells.
    pub blocks: Vec<Block>,
}

/// A part of a section.
#[derive(Clone, Debug)]
pub enum Block {
    /// Text.
    Paragraph(String),
    /// A list.
    List(Vec<String>),
    /// Something that must not be overlooked.
    Warning(String),
    /// A table.
    Table(Table),
    /// A chart.
    Chart(Box<Chart>),
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Name of its file, unique in a document.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// Titles of the columns, with units.
    pub columns: Vec<String>,
    /// The rows, as long as the titles.
    pub rows: Vec<Vec<Field>>,
}

/// A field of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// Text.
    Text(String),
    /// A number.
    Number(f64),
    /// Nothing is known.
    Missing,
}

impl Section {
    /// A section without content.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            blocks: Vec::new(),
        }
    }

    /// Adds text.
    pub fn paragraph(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Paragraph(text.into()));
    }

    /// Adds a list, if it has entries.
    pub fn list(&mut self, entries: Vec<String>) {
        if !entries.is_empty() {
            self.blocks.push(Block::List(entries));
        }
    }

    /// Adds a warning.
    pub fn warning(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Warning(text.into()));
    }

    /// Adds a table, if it has rows.
    pub fn table(&mut self, table: Table) {
        if !table.rows.is_empty() {
            self.blocks.push(Block::Table(table));
        }
    }

    /// Adds a chart, if it has points.
    pub fn chart(&mut self, chart: Chart) {
        if !chart.is_empty() {
            self.blocks.push(Block::Chart(Box::new(chart)));
        }
    }
}

impl Table {
    /// A table without rows.
    pub fn new(id: impl Into<String>, title: impl Into<String>, columns: &[&str]) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            rows: Vec::new(),
        }
    }
}

impl Document {
    /// All charts in their order.
    pub fn charts(&self) -> impl Iterator<Item = &Chart> {
        self.blocks().filter_map(|block| match block {
            Block::Chart(chart) => Some(&**chart),
            _ => None,
        })
    }

    /// All tables in their order.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.blocks().filter_map(|block| match block {
            Block::Table(table) => Some(table),
            _ => None,
        })
    }

    /// All warnings in their order.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        self.blocks().filter_map(|block| match block {
            Block::Warning(text) => Some(text.as_str()),
            _ => None,
        })
    }

    fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.sections.iter().flat_map(|section| &section.blocks)
    }
}

impl From<f64> for Field {
    fn from(value: f64) -> Self {
        if value.is_finite() {
            // Zero has no sign here.
            Self::Number(value + 0.0)
        } else {
            Self::Missing
        }
    }
}

impl From<Option<f64>> for Field {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Self::Missing, Self::from)
    }
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Field {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
