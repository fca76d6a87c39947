//! Gamry: `.DTA` files of every technique, with one table per curve.

use crate::import::Hints;
use crate::import::ImportError;
use crate::import::Vendor;
use crate::import::content::Text;
use crate::import::draft::Draft;
use crate::import::header::Column;
use crate::import::header::Target;
use crate::import::header::column;
use crate::import::layout::Layout;
use crate::import::table::Delimiter;
use crate::import::table::Header;
use crate::import::table::header_at;
use crate::record::Finding;
use crate::record::Measured;
use crate::record::Quantity;
use crate::record::Severity;
use crate::record::Stated;
use crate::record::Technique;

/// The reader.
pub(super) const VENDOR: Vendor = Vendor {
    recognises: |text| text.head_contains(1, "EXPLAIN") || text.head_contains(2, "TAG\t"),
    read,
};

// Gamry's tables are indented by a tab; a line that is not ends them.
const LAYOUT: Layout = Layout {
    technique: None,
    is_end: |line| !line.starts_with(['\t', ' ']),
    ..Layout::cycler("Gamry", COLUMNS)
};

const COLUMNS: &[Column] = &[
    column(&["freq"], Target::Record(Quantity::Frequency)),
    column(&["zreal"], Target::Record(Quantity::RealImpedance)),
    column(&["zimag"], Target::Record(Quantity::ImaginaryImpedance)),
    column(&["t", "time"], Target::Record(Quantity::TestTime)),
    column(&["vf", "vdc", "voltage"], Target::Record(Quantity::Voltage)),
    column(&["im", "idc", "current"], Target::Record(Quantity::Current)),
    column(&["over"], Target::Overload),
];

/// A table of the file.
struct Table<'a> {
    name: &'a str,
    /// Line of its name, counted from zero.
    line: usize,
}

fn read(text: &Text, hints: &Hints) -> Result<Measured, ImportError> {
    let lines: Vec<&str> = text.text.lines().collect();
    let tables: Vec<Table<'_>> = lines
        .iter()
        .enumerate()
        .filter_map(|(line, content)| {
            let mut words = content.split('\t').map(str::trim);
            let (name, kind) = (words.next()?, words.next()?);
            (kind == "TABLE" && is_wanted(name)).then_some(Table { name, line })
        })
        .collect();
    let technique = technique(text, &tables);
    let drafts = drafts(text, &lines, &tables, technique)?;
    let mut draft = joined(drafts).ok_or_else(|| no_table(text))?;
    if lines
        .iter()
        .any(|line| line.starts_with("EXPERIMENTABORTED\tTOGGLE\tT"))
    {
        let remedy = "use it only if the part before the end is what you need";
        draft.findings.push(Finding::new(
            Severity::Warning,
            "the experiment was aborted",
            remedy,
        ));
    }
    let hints = Hints {
        technique: hints.technique.or(technique),
        ..hints.clone()
    };
    let mut measured = LAYOUT.finish(draft, &hints);
    measured.stated = lines.iter().filter_map(|line| stated(line)).collect();
    Ok(measured)
}

/// Curves of the experiment itself, not those of its preparation or of the raw signals.
fn is_wanted(name: &str) -> bool {
    let is_numbered = name
        .strip_prefix("CURVE")
        .is_some_and(|n| n.chars().all(|c| c.is_ascii_digit()));
    is_numbered || matches!(name, "ZCURVE" | "OCVCURVE" | "VFPCURVE")
}

fn technique(text: &Text, tables: &[Table<'_>]) -> Option<Technique> {
    let has = |name: &str| tables.iter().any(|table| table.name == name);
    let has_curve = tables.iter().any(|table| table.name.starts_with("CURVE"));
    if has("ZCURVE") {
        return Some(Technique::Impedance);
    }
    let tag = text
        .text
        .lines()
        .find_map(|line| line.strip_prefix("TAG\t"))?;
    match tag.trim() {
        _ if !has_curve && has("OCVCURVE") => Some(Technique::OpenCircuit),
        "CV" | "LSV" | "CVSYNC" | "LPI" => Some(Technique::Voltammetry),
        "CHRONOA" => Some(Technique::Chronoamperometry),
        "CHRONOP" => Some(Technique::Chronopotentiometry),
        "CORPOT" => Some(Technique::OpenCircuit),
        "PWR800_CHARGE" | "PWR800_DISCHARGE" | "PWRCYCLE" => Some(Technique::Cycling),
        _ => None,
    }
}

/// The tables that belong to the technique, in the order of the file.
fn drafts(
    text: &Text,
    lines: &[&str],
    tables: &[Table<'_>],
    technique: Option<Technique>,
) -> Result<Vec<Draft>, ImportError> {
    let wanted = tables.iter().filter(|table| match technique {
        Some(Technique::Impedance) => table.name == "ZCURVE",
        Some(Technique::OpenCircuit) => true,
        _ => table.name.starts_with("CURVE") || table.name == "VFPCURVE",
    });
    let mut drafts = Vec::new();
    for table in wanted {
        let Some(header) = header(text, lines, table, technique)? else {
            continue;
        };
        let mut draft = match LAYOUT.draft(text, &header) {
            Ok(draft) => draft,
            // An aborted experiment leaves the names of columns behind.
            Err(_)
                if lines.get(header.first_row).is_none_or(|line| {
                    line.trim().is_empty() || !line.starts_with(['\t', ' '])
                }) =>
            {
                continue;
            }
            Err(error) => return Err(error),
        };
        if technique == Some(Technique::OpenCircuit) {
            draft.put(Target::Record(Quantity::Current), vec![0.0; draft.len()]);
        }
        drafts.push(draft);
    }
    Ok(drafts)
}

fn header(
    text: &Text,
    lines: &[&str],
    table: &Table<'_>,
    technique: Option<Technique>,
) -> Result<Option<Header>, ImportError> {
    let at = table.line + 1;
    if at >= lines.len() {
        return Ok(None);
    }
    let header = header_at(lines, at, Delimiter::Char(b'\t'), COLUMNS);
    let is_open = technique == Some(Technique::OpenCircuit)
        && header.has(Target::Record(Quantity::TestTime))
        && header.has(Target::Record(Quantity::Voltage));
    if header.is_complete() || is_open {
        return Ok(Some(Header {
            delimiter: row_delimiter(lines, &header),
            ..header
        }));
    }
    Err(text.wrong(
        Some(at + 1),
        format!(
            "the columns '{}'",
            crate::import::layout::shortened(lines[at])
        ),
        "time, potential and current (T, Vf, Im) or a spectrum (Freq, Zreal, Zimag)",
        "this technique is not read: export cyclic voltammetry, steps, open circuit or impedance",
    ))
}

/// Rows are parted by tabs; some are written again with spaces by hand.
fn row_delimiter(lines: &[&str], header: &Header) -> Delimiter {
    let row = lines.get(header.first_row).copied().unwrap_or("");
    if row.contains('\t') {
        Delimiter::Char(b'\t')
    } else {
        Delimiter::Space
    }
}

/// All curves one after the other, numbered by their order.
fn joined(drafts: Vec<Draft>) -> Option<Draft> {
    let is_single = drafts.len() == 1;
    let mut all: Option<Draft> = None;
    for (index, mut draft) in drafts.into_iter().enumerate() {
        if !is_single {
            let number = vec![(index + 1) as f64; draft.len()];
            draft.put(Target::Record(Quantity::Cycle), number);
        }
        match &mut all {
            Some(all) => all.append(draft),
            None => all = Some(draft),
        }
    }
    all
}

fn no_table(text: &Text) -> ImportError {
    text.wrong(
        None,
        "a Gamry file without a curve",
        "a table CURVE, CURVE1 or ZCURVE",
        "the experiment ended before its first point, or only its header was copied",
    )
}

/// The electrode area, whose default is 1 cm².
fn stated(line: &str) -> Option<Stated> {
    let value = line.strip_prefix("AREA\tQUANT\t")?.split('\t').next()?;
    Some(Stated {
        name: "electrode area (cm2)".to_owned(),
        value: value.trim().to_owned(),
        is_default: value
            .trim()
            .parse::<f64>()
            .is_ok_and(|v| (v - 1.0).abs() < 1e-9),
    })
}
