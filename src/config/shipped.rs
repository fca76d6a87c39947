//! The mechanisms that are part of the program, so that a first experiment needs no other file.

/// Names and texts.
const SHIPPED: [(&str, &str); 3] = [
    ("mg_s_tandem", include_str!("../../models/mg_s_tandem.toml")),
    ("li_s", include_str!("../../models/li_s.toml")),
    ("half_cell", include_str!("../../models/half_cell.toml")),
];

/// Names of the mechanisms that are part of the program, the usual one first.
pub fn shipped_mechanisms() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}

/// The text of a mechanism's file that is part of the program.
pub fn shipped_mechanism(name: &str) -> Option<&'static str> {
    let found = SHIPPED.iter().find(|(own, _)| *own == name);
    found.map(|(_, text)| *text)
}
