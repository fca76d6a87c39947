//! The tables that `sulfit batch collect` wrote.

use std::path::Path;

use super::table::Columns;

/// A collected campaign.
pub(crate) struct Campaign {
    pub(crate) cells: Columns,
    pub(crate) parameters: Columns,
    pub(crate) observables: Columns,
    /// None where no catalyst has several cells.
    pub(crate) catalysts: Option<Columns>,
}

/// Reads the tables of a campaign's folder.
pub(crate) fn campaign(folder: &Path) -> Result<Campaign, String> {
    let table = |name: &str| {
        let path = folder.join("collected").join(name);
        Columns::csv(&path).map_err(|reason| format!("collected/{name}: {reason}"))
    };
    Ok(Campaign {
        cells: table("cells.csv")?,
        parameters: table("parameters.csv")?,
        observables: table("observables.csv")?,
        catalysts: if folder.join("collected/catalysts.csv").exists() {
            Some(table("catalysts.csv")?)
        } else {
            None
        },
    })
}
