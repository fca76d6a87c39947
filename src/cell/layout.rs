//! Where each state of a cell lies: volumes, electrodes, the wetted fraction.

use std::ops::Range;

use crate::mechanism::Mechanism;
use crate::numerics::blocks::BlockShape;

/// What closes the cell at one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Electrode {
    /// Metal foil under a passivation film, with shuttle reactions.
    Foil,
    /// Metal foil coated with the catalyst: the cation desolvates on the catalyst, then deposits.
    CoatedFoil,
    /// Porous electrode with the conversion reactions, in this many volumes.
    Porous {
        /// Number of finite volumes.
        n_volumes: usize,
    },
    /// Planar electrode with a dissolved couple before it: the working electrode of a half cell.
    Planar,
    /// Where the electrolyte of a half cell ends: a wall, or the bulk.
    Outside,
}

impl Electrode {
    /// Number of volumes in it; a foil counts as one for its width, which nothing uses.
    pub(super) fn n_volumes(self) -> usize {
        match self {
            Self::Porous { n_volumes } => n_volumes,
            Self::Foil | Self::CoatedFoil | Self::Planar | Self::Outside => 1,
        }
    }
}

/// The chain of finite volumes from the left electrode over the separator to the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Design {
    /// Electrode at x = 0; discharge current flows from here to the right one.
    pub left: Electrode,
    /// Number of separator volumes.
    pub n_separator: usize,
    /// Electrode at the other end.
    pub right: Electrode,
}

impl Design {
    /// The battery: metal foil, separator, porous cathode.
    pub fn battery(n_separator: usize, n_cathode: usize) -> Self {
        Self {
            left: Electrode::Foil,
            n_separator,
            right: Electrode::Porous {
                n_volumes: n_cathode,
            },
        }
    }

    /// Two equal porous electrodes, for the symmetric cell with catholyte.
    pub fn symmetric(n_separator: usize, n_cathode: usize) -> Self {
        let porous = Electrode::Porous {
            n_volumes: n_cathode,
        };
        Self {
            left: porous,
            n_separator,
            right: porous,
        }
    }

    /// A planar electrode and the electrolyte before it, in this many volumes that widen with the distance.
    pub fn half_cell(n_volumes: usize) -> Self {
        Self {
            left: Electrode::Planar,
            n_separator: n_volumes,
            right: Electrode::Outside,
        }
    }

    /// Two catalyst-coated foils, for the polarisation that measures the transference number.
    pub fn coated(n_separator: usize) -> Self {
        Self {
            left: Electrode::CoatedFoil,
            n_separator,
            right: Electrode::CoatedFoil,
        }
    }
}

/// The part of the chain that a volume belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    /// The porous electrode at x = 0.
    LeftElectrode,
    /// The separator.
    Separator,
    /// The porous electrode at the other end.
    RightElectrode,
}

/// One finite volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    /// First of its states.
    pub start: usize,
    /// Where it lies.
    pub region: Region,
}

impl Volume {
    /// Whether it lies in a porous electrode.
    #[inline]
    pub fn is_porous(&self) -> bool {
        self.region != Region::Separator
    }
}

/// The layout of the state vector: left foil, volumes, right foil, wetted fraction.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// The chain.
    pub design: Design,
    /// Number of dissolved species.
    pub n_dissolved: usize,
    /// Number of solids.
    pub n_solids: usize,
    /// Number of films on a foil.
    pub n_films: usize,
    /// The volumes from left to right.
    pub volumes: Vec<Volume>,
    /// States of a left foil: potential, barrier, films; or potential, coverage of a coated one; or the potential of
    /// a planar electrode.
    pub left_foil: Range<usize>,
    /// States of a right foil.
    pub right_foil: Range<usize>,
    /// Index of the wetted fraction, if there is a porous electrode.
    pub wetted: Option<usize>,
    /// Number of states.
    pub n_states: usize,
    /// Block structure, with the wetted fraction as border.
    pub shape: BlockShape,
}

impl Layout {
    /// Lays out a chain for a mechanism.
    ///
    /// # Panics
    /// If a part of the chain has no volume.
    pub fn new(design: Design, mechanism: &Mechanism) -> Self {
        let n_dissolved = mechanism.dissolved().count();
        let n_solids = mechanism.solids().count();
        let n_films = mechanism.films().count();
        assert!(
            design.n_separator > 0,
            "a cell has at least one separator volume"
        );
        let foil = |electrode| match electrode {
            Electrode::Foil => 2 + n_films,
            Electrode::CoatedFoil => 2,
            Electrode::Planar => 1,
            Electrode::Porous { .. } | Electrode::Outside => 0,
        };
        let porous = |electrode| match electrode {
            Electrode::Porous { n_volumes } => n_volumes,
            _ => 0,
        };
        let regions = std::iter::repeat_n(Region::LeftElectrode, porous(design.left))
            .chain(std::iter::repeat_n(Region::Separator, design.n_separator))
            .chain(std::iter::repeat_n(
                Region::RightElectrode,
                porous(design.right),
            ));
        let mut at = foil(design.left);
        let mut volumes = Vec::new();
        let mut sizes = Vec::new();
        for region in regions {
            let volume = Volume { start: at, region };
            let size = n_dissolved + if volume.is_porous() { n_solids + 2 } else { 0 };
            volumes.push(volume);
            sizes.push(size);
            at += size;
        }
        let right_foil = at..at + foil(design.right);
        let last = sizes.len() - 1;
        sizes[0] += foil(design.left);
        sizes[last] += right_foil.len();
        at = right_foil.end;
        let wetted = volumes.iter().any(Volume::is_porous).then_some(at);
        Self {
            design,
            n_dissolved,
            n_solids,
            n_films,
            left_foil: 0..foil(design.left),
            right_foil,
            wetted,
            n_states: at + usize::from(wetted.is_some()),
            shape: BlockShape::new(&sizes, usize::from(wetted.is_some())),
            volumes,
        }
    }

    /// The states of a block: its volume and the foil that touches it.
    #[inline]
    pub fn block(&self, index: usize) -> Range<usize> {
        let from = if index == 0 {
            0
        } else {
            self.volumes[index].start
        };
        let to = match self.volumes.get(index + 1) {
            Some(next) => next.start,
            None => self.right_foil.end,
        };
        from..to
    }

    /// The states of a volume.
    #[inline]
    pub(super) fn states(&self, index: usize) -> Range<usize> {
        let start = self.volumes[index].start;
        start..start + self.own(index).len()
    }

    /// The states of a volume, counted from the first of its block: without the foil that touches it.
    #[inline]
    pub(super) fn own(&self, index: usize) -> Range<usize> {
        let volume = self.volumes[index];
        let start = if index == 0 { volume.start } else { 0 };
        let n_local = if volume.is_porous() {
            self.n_solids + 2
        } else {
            0
        };
        start..start + self.n_dissolved + n_local
    }

    /// Block structure with the cell's current as one more border unknown.
    pub fn shape_with_current(&self) -> BlockShape {
        self.shape.with_border(self.shape.n_border() + 1)
    }

    /// Index of the amount of a dissolved species in a volume.
    #[inline]
    pub fn dissolved(&self, volume: usize, species: usize) -> usize {
        self.volumes[volume].start + species
    }

    /// Index of the amount of a solid in a porous volume.
    #[inline]
    pub fn solid(&self, volume: usize, solid: usize) -> usize {
        self.volumes[volume].start + self.n_dissolved + solid
    }

    /// Index of the coverage in a porous volume.
    #[inline]
    pub fn coverage(&self, volume: usize) -> usize {
        self.volumes[volume].start + self.n_dissolved + self.n_solids
    }

    /// Index of the potential difference electrode − electrolyte in a porous volume.
    #[inline]
    pub fn potential(&self, volume: usize) -> usize {
        self.coverage(volume) + 1
    }

    /// The porous volumes, left to right.
    pub fn porous_volumes(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.volumes.len()).filter(|v| self.volumes[*v].is_porous())
    }

    /// Default absolute tolerance of each state, SPEC section 9.
    pub fn absolute_tolerances(&self, carrier: Option<usize>) -> Vec<f64> {
        const POTENTIAL_V: f64 = 1e-7;
        const COVERAGE: f64 = 1e-8;
        const FILM_MOL_M2: f64 = 1e-9;
        const AMOUNT_MOL_M3: f64 = 1e-4;
        let mut tolerances = vec![AMOUNT_MOL_M3; self.n_states];
        for foil in [&self.left_foil, &self.right_foil] {
            for (i, index) in foil.clone().enumerate() {
                tolerances[index] = if i < 2 { POTENTIAL_V } else { FILM_MOL_M2 };
            }
        }
        for (v, volume) in self.volumes.iter().enumerate() {
            for species in (0..self.n_dissolved).filter(|s| Some(*s) != carrier) {
                tolerances[self.dissolved(v, species)] =
                    if volume.is_porous() { 1e-5 } else { 1e-6 };
            }
            if volume.is_porous() {
                tolerances[self.coverage(v)] = COVERAGE;
                tolerances[self.potential(v)] = POTENTIAL_V;
            }
        }
        if let Some(wetted) = self.wetted {
            tolerances[wetted] = POTENTIAL_V;
        }
        tolerances
    }

    /// The name of each state, for tables.
    pub fn state_names(&self, mechanism: &Mechanism) -> Vec<String> {
        let mut names = Vec::with_capacity(self.n_states);
        let foil = |side: &str, electrode, names: &mut Vec<String>| match electrode {
            Electrode::Foil => {
                names.push(format!("potential_{side}_v"));
                names.push(format!("barrier_{side}"));
                let films = mechanism.films();
                names.extend(films.map(|film| format!("{}_{side}_mol_m2", film.name)));
            }
            Electrode::CoatedFoil => {
                names.push(format!("potential_{side}_v"));
                names.push(format!("coverage_{side}"));
            }
            Electrode::Planar => names.push(format!("potential_{side}_v")),
            Electrode::Porous { .. } | Electrode::Outside => {}
        };
        foil("left", self.design.left, &mut names);
        for (v, volume) in self.volumes.iter().enumerate() {
            let dissolved = mechanism.dissolved();
            names.extend(dissolved.map(|s| format!("{}_{v}_mol_m3", s.name)));
            if volume.is_porous() {
                names.extend(mechanism.solids().map(|s| format!("{}_{v}_mol_m3", s.name)));
                names.push(format!("coverage_{v}"));
                names.push(format!("potential_{v}_v"));
            }
        }
        foil("right", self.design.right, &mut names);
        if self.wetted.is_some() {
            names.push("wetted".to_owned());
        }
        names
    }
}
