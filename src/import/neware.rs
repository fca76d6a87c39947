//! Neware: record layers of BTS and BTSDA, as text or workbook, flat or nested in cycles and steps.

use crate::import::Hints;
use crate::import::ImportError;
use crate::import::Vendor;
use crate::import::content::Text;
use crate::import::draft::Sign;
use crate::import::header::Column;
use crate::import::header::Target;
use crate::import::header::column;
use crate::import::header::column_in;
use crate::import::layout::Layout;
use crate::record::Measured;
use crate::record::Quantity;

/// The reader.
pub(super) const VENDOR: Vendor = Vendor {
    recognises: |text| {
        let head = head(text);
        is_nested(&head)
            || head.contains("steptype")
            || head.contains("recordindex")
            || head.contains("数据序号")
            || head.contains("工步类型")
    },
    read,
};

const LAYOUT: Layout = Layout {
    sign: Sign::FromMode,
    ..Layout::cycler("Neware", COLUMNS)
};

const COLUMNS: &[Column] = &[
    column_in(
        &["cumulativetime", "totaltime", "testtime", "总时间"],
        Target::Record(Quantity::TestTime),
        "s",
    ),
    column_in(
        &["time", "relativetime", "steptime", "时间", "相对时间"],
        Target::StepTime,
        "s",
    ),
    column(
        &["voltage", "vol", "电压"],
        Target::Record(Quantity::Voltage),
    ),
    column(
        &["current", "cur", "电流"],
        Target::Record(Quantity::Current),
    ),
    column(
        &["cycleindex", "cycle", "cycleid", "循环序号", "循环号"],
        Target::Record(Quantity::Cycle),
    ),
    column(
        &["stepindex", "step", "stepid", "工步序号", "工步号"],
        Target::Record(Quantity::Step),
    ),
    column(
        &["chgcap", "chargecapacity", "充电容量"],
        Target::ChargeCounter,
    ),
    column(
        &["dchgcap", "dischargecapacity", "放电容量"],
        Target::DischargeCounter,
    ),
    column(
        &["date", "realtime", "absolutetime", "绝对时间"],
        Target::Record(Quantity::UnixTime),
    ),
    column(
        &["steptype", "status", "stepname", "工步类型", "状态"],
        Target::Mode,
    ),
    column(&["t1"], Target::Record(Quantity::Temperature)),
];

/// The first lines without case, spaces and underscores.
fn head(text: &Text) -> String {
    let lines: Vec<&str> = text.text.lines().take(4).collect();
    lines.join("\n").to_lowercase().replace([' ', '_'], "")
}

fn is_nested(head: &str) -> bool {
    let mut lines = head.lines();
    let first = lines.next().is_some_and(|line| line.starts_with("cycleid"));
    let second = lines
        .next()
        .is_some_and(|line| line.starts_with(",stepid") || line.starts_with("\tstepid"));
    first && second
}

fn read(text: &Text, hints: &Hints) -> Result<Measured, ImportError> {
    if is_nested(&head(text)) {
        return LAYOUT.read(&flattened(text), hints);
    }
    LAYOUT.read(text, hints)
}

/// A nested export as a flat one: every record behind the cycle and the step that it belongs to. Lines keep their
/// number.
fn flattened(text: &Text) -> Text {
    let delimiter = if text.text.lines().next().unwrap_or("").contains('\t') {
        '\t'
    } else {
        ','
    };
    let mut flat = String::with_capacity(text.text.len());
    let (mut cycle, mut step, mut mode) = ("", "", "");
    for (index, line) in text.text.lines().enumerate() {
        let cells: Vec<&str> = line.split(delimiter).collect();
        let n_empty = cells
            .iter()
            .take_while(|cell| cell.trim().is_empty())
            .count();
        match (index, n_empty) {
            (0 | 1, _) => {}
            (_, n) if n == cells.len() => {}
            (2, _) => {
                flat.push_str(
                    ["Cycle", "Step", "Step Type"]
                        .join(&delimiter.to_string())
                        .as_str(),
                );
                for cell in cells.iter().skip(n_empty) {
                    flat.push(delimiter);
                    flat.push_str(cell);
                }
            }
            (_, 0) => cycle = cells[0],
            (_, 1) => (step, mode) = (cells[1], cells.get(2).copied().unwrap_or("")),
            _ => {
                flat.push_str([cycle, step, mode].join(&delimiter.to_string()).as_str());
                for cell in cells.iter().skip(n_empty) {
                    flat.push(delimiter);
                    flat.push_str(cell);
                }
            }
        }
        flat.push('\n');
    }
    Text {
        path: text.path.clone(),
        text: flat,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nested_export_reads_like_a_flat_one() {
        let nested = "Cycle ID,Cap_Chg(mAh),Cap_DChg(mAh)\n\
            ,Step ID,Step Name,Step Time(h:min:s.ms)\n\
            ,,Record ID,Time(h:min:s.ms),Voltage(V),Current(mA),Capacity(mAh)\n\
            1,0.0,0.2\n\
            ,1,Rest,00:00:10.000\n\
            ,,1,00:00:00.000,2.4,0,0\n\
            ,,2,00:00:10.000,2.4,0,0\n\
            ,2,CC DChg,00:00:10.000\n\
            ,,3,00:00:00.000,2.2,0.5,0\n\
            ,,4,00:00:10.000,2.1,0.5,0.1\n";
        let text = Text {
            path: "nested.csv".into(),
            text: nested.to_owned(),
        };
        assert!((VENDOR.recognises)(&text));
        let measured = read(&text, &Hints::default()).unwrap();
        assert_eq!(
            measured.values(Quantity::TestTime).unwrap(),
            [0.0, 10.0, 10.0, 20.0]
        );
        assert_eq!(
            measured.values(Quantity::Current).unwrap(),
            [0.0, 0.0, -0.0005, -0.0005]
        );
        assert_eq!(
            measured.values(Quantity::Step).unwrap(),
            [1.0, 1.0, 2.0, 2.0]
        );
        assert_eq!(measured.line(3), 10);
    }
}
