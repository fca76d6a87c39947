//! A chart: what is drawn, told once, for the page, the vector figure and the table behind it.

use serde::Serialize;
use serde::Serializer;

/// A chart with the numbers behind it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chart {
    /// Name of its files, unique in a document.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// What to look for in it.
    pub caption: String,
    /// The drawing.
    pub plane: Plane,
}

/// The drawing of a chart.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Plane {
    /// Series over a common abscissa.
    Lines(Lines),
    /// Colours over two lists.
    Map(Map),
}

/// Series over a common abscissa, in one or more panels one below the other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lines {
    /// The abscissa.
    pub x: Axis,
    /// The panels from above.
    pub panels: Vec<Panel>,
    /// Whether a unit is as long on both axes (Nyquist).
    pub is_isometric: bool,
}

/// A panel of a chart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Panel {
    /// The ordinate.
    pub y: Axis,
    /// What is drawn.
    pub series: Vec<Series>,
}

/// An axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Axis {
    /// Quantity and unit.
    pub label: String,
    /// How values become places.
    pub scale: Scale,
}

/// How values become places.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", content = "names", rename_all = "snake_case")]
pub enum Scale {
    /// By difference.
    Linear,
    /// By ratio.
    Log,
    /// By name: a value is a position in the list.
    Names(Vec<String>),
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// A line.
    Line,
    /// A dashed line.
    Dashed,
    /// Separate points, with their interval where there is one.
    Points,
    /// Bars from zero.
    Bars,
    /// The area between `lower` and `upper`.
    Band,
}

/// Where numbers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An instrument.
    Measured,
    /// A publication about one.
    Literature,
    /// The model.
    Model,
    /// Invented or simulated data in the place of measured ones.
    Synthetic,
}

/// A series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    /// Its entry in the legend.
    pub name: String,
    /// How it is drawn.
    pub mark: Mark,
    /// Where its numbers come from.
    pub source: Source,
    /// Number of its colour and symbol: what belongs together has the same.
    pub group: usize,
    /// Whether it is drawn before somebody asks for it.
    pub is_shown: bool,
    /// Whether its points are drawn hollow: what was compared and not fitted, and what no instrument has measured.
    pub is_hollow: bool,
    /// Abscissas.
    #[serde(serialize_with = "short")]
    pub x: Vec<f64>,
    /// Ordinates.
    #[serde(serialize_with = "short")]
    pub y: Vec<f64>,
    /// Lower ends of intervals, none or one for each point.
    #[serde(serialize_with = "short", skip_serializing_if = "Vec::is_empty")]
    pub lower: Vec<f64>,
    /// Upper ends of intervals.
    #[serde(serialize_with = "short", skip_serializing_if = "Vec::is_empty")]
    pub upper: Vec<f64>,
    /// Whether the intervals lie along the abscissa.
    pub is_across: bool,
    /// Name of each point, none or one for each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

/// Colours over two lists.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Map {
    /// Title of the columns.
    pub x: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Title of the rows.
    pub y: String,
    /// Names of the rows.
    pub rows: Vec<String>,
    /// Quantity and unit of the values.
    pub value: String,
    /// Values by row; not a number where there is none.
    #[serde(serialize_with = "short_rows")]
    pub values: Vec<Vec<f64>>,
    /// Whether rows and columns are the same list, told from above.
    pub is_square: bool,
    /// Ends of the colours; two colours meet in the middle if they are as far from zero.
    pub range: (f64, f64),
}

impl Source {
    /// As result files call it.
    pub fn parse(word: &str) -> Self {
        match word {
            "synthetic" => Self::Synthetic,
            "literature" => Self::Literature,
            _ => Self::Measured,
        }
    }

    /// As tables call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Literature => "literature",
            Self::Model => "model",
            Self::Synthetic => "synthetic",
        }
    }
}

impl Axis {
    /// An axis by difference.
    pub fn linear(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            scale: Scale::Linear,
        }
    }

    /// An axis by ratio.
    pub fn log(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            scale: Scale::Log,
        }
    }

    /// An axis of names.
    pub fn names(label: impl Into<String>, names: Vec<String>) -> Self {
        Self {
            label: label.into(),
            scale: Scale::Names(names),
        }
    }
}

impl Series {
    /// A series of the model.
    pub fn new(name: impl Into<String>, mark: Mark, group: usize, points: Vec<(f64, f64)>) -> Self {
        let (x, y) = points.into_iter().unzip();
        Self {
            name: name.into(),
            mark,
            source: Source::Model,
            group,
            is_shown: true,
            is_hollow: false,
            x,
            y,
            lower: Vec::new(),
            upper: Vec::new(),
            is_across: false,
            labels: Vec::new(),
        }
    }

    /// The same with an interval about each point.
    #[must_use]
    pub fn within(mut self, intervals: Vec<(f64, f64)>) -> Self {
        (self.lower, self.upper) = intervals.into_iter().unzip();
        self
    }

    /// The same with intervals along the abscissa.
    #[must_use]
    pub fn across(mut self) -> Self {
        self.is_across = true;
        self
    }

    /// The same with hollow points.
    #[must_use]
    pub fn hollow(mut self) -> Self {
        self.is_hollow = true;
        self
    }

    /// The same from another source; synthetic points are hollow.
    #[must_use]
    pub fn from_source(mut self, source: Source) -> Self {
        self.source = source;
        self.is_hollow |= source == Source::Synthetic;
        self
    }

    /// The same, drawn at once or only when asked for.
    #[must_use]
    pub fn shown(mut self, is_shown: bool) -> Self {
        self.is_shown = is_shown;
        self
    }

    /// The same with a name for each point.
    #[must_use]
    pub fn labelled(mut self, labels: Vec<String>) -> Self {
        self.labels = labels;
        self
    }
}

impl Chart {
    /// A chart with one panel.
    pub fn lines(
        id: impl Into<String>,
        title: impl Into<String>,
        (x, y): (Axis, Axis),
        series: Vec<Series>,
    ) -> Self {
        Self::panels(id, title, x, vec![Panel { y, series }])
    }

    /// A chart with several panels.
    pub fn panels(
        id: impl Into<String>,
        title: impl Into<String>,
        x: Axis,
        panels: Vec<Panel>,
    ) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            caption: String::new(),
            plane: Plane::Lines(Lines {
                x,
                panels,
                is_isometric: false,
            }),
        }
    }

    /// A map.
    pub fn map(id: impl Into<String>, title: impl Into<String>, map: Map) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            caption: String::new(),
            plane: Plane::Map(map),
        }
    }

    /// The same with a caption.
    #[must_use]
    pub fn told(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    /// The same with units as long on both axes.
    #[must_use]
    pub fn isometric(mut self) -> Self {
        if let Plane::Lines(lines) = &mut self.plane {
            lines.is_isometric = true;
        }
        self
    }

    /// Whether anything is drawn.
    pub fn is_empty(&self) -> bool {
        match &self.plane {
            Plane::Lines(lines) => lines
                .panels
                .iter()
                .all(|panel| panel.series.iter().all(|series| series.x.is_empty())),
            Plane::Map(map) => map.values.iter().all(Vec::is_empty),
        }
    }
}

/// Six digits: more than a picture shows, and a third of the bytes.
fn rounded(value: f64) -> Option<f64> {
    let text = format!("{value:.5e}");
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

fn short<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(|value| rounded(*value)))
}

fn short_rows<S: Serializer>(rows: &[Vec<f64>], serializer: S) -> Result<S::Ok, S::Error> {
    let rows = rows
        .iter()
        .map(|row| -> Vec<Option<f64>> { row.iter().map(|value| rounded(*value)).collect() });
    serializer.collect_seq(rows)
}
