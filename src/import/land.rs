//! LAND and LANHE (LANDT): text and workbooks, in English or Chinese.

use crate::import::Vendor;
use crate::import::header::Column;
use crate::import::header::Target;
use crate::import::header::column;
use crate::import::header::column_in;
use crate::import::layout::Layout;
use crate::record::Quantity;

/// The reader.
pub(super) const VENDOR: Vendor = Vendor {
    recognises: |text| {
        let head: String = text
            .text
            .lines()
            .take(12)
            .collect::<Vec<_>>()
            .join("\n")
            .to_lowercase();
        head.starts_with("cell model:")
            || head.contains("channel_index,cycle_index")
            || head.contains("testtime/")
            || head.contains("test time/sec")
            || head.contains("测试时间/")
            || head.contains("systime")
    },
    read: |text, hints| LAYOUT.read(text, hints),
};

const LAYOUT: Layout = Layout::cycler("LAND", COLUMNS);

const COLUMNS: &[Column] = &[
    column_in(
        &["testtime", "测试时间"],
        Target::Record(Quantity::TestTime),
        "s",
    ),
    column_in(&["steptime", "步骤时间", "工步时间"], Target::StepTime, "s"),
    column(&["voltage", "电压"], Target::Record(Quantity::Voltage)),
    column(&["current", "电流"], Target::Record(Quantity::Current)),
    column(
        &["cycleindex", "cycle", "cycleno", "循环序号", "循环号"],
        Target::Record(Quantity::Cycle),
    ),
    column(
        &["stepindex", "step", "stepno", "工步序号", "工步号"],
        Target::Record(Quantity::Step),
    ),
    column(&["chargecapacity", "充电容量"], Target::ChargeCounter),
    column(&["dischargecapacity", "放电容量"], Target::DischargeCounter),
    column(
        &["datetimeisostring", "systime", "系统时间", "绝对时间"],
        Target::Record(Quantity::UnixTime),
    ),
    column(&["temperature1"], Target::Record(Quantity::Temperature)),
    column(&["stepname", "mode", "state", "工步类型"], Target::Mode),
];
