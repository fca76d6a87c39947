//! The equations of the cell, written once for every scalar: volumes, faces between them, foils at the ends.
//!
//! The right-hand side and its Jacobian are both put together from the same three kinds of terms: what happens
//! inside a block (a volume and the foil that touches it), at a face between two blocks, and in the chain as a whole.

use std::ops::Range;

use super::layout::Design;
use super::layout::Electrode;
use super::layout::Layout;
use super::layout::Region;
use crate::mechanism::Chemistry;
use crate::mechanism::DISSOLVED_MAX;
use crate::mechanism::Mechanism;
use crate::mechanism::NodeView;
use crate::mechanism::ParameterId;
use crate::numerics::scalar::Scalar;
use crate::units::FARADAY_C_PER_MOL;

/// Least porosity, reached smoothly however much solid is deposited (1). SPEC section 3.
const POROSITY_MIN: f64 = 0.02;
/// Smoothing of that floor (1).
const POROSITY_SMOOTHING: f64 = 1e-6;
/// Floor of concentrations under a logarithm (mol m⁻³).
const CONCENTRATION_FLOOR: f64 = 1e-6;
/// Floor of the carrier at the foil under the square root (mol m⁻³).
const FOIL_CONCENTRATION_FLOOR: f64 = 1e-9;
/// Smoothing of |i| in the thinning of the film (A² m⁻⁴).
const FOIL_CURRENT_SMOOTHING: f64 = 1e-12;

/// What a volume shows to its neighbours.
#[derive(Clone, Copy, Debug)]
pub(super) struct VolumeView<S> {
    /// Concentrations of the dissolved species (mol m⁻³).
    pub(super) concentrations: [S; DISSOLVED_MAX],
    /// Half its width over its transport factor τ = ε^b (m).
    pub(super) half_path: S,
    /// Logarithm of the carrier's concentration, floored.
    pub(super) ln_carrier: S,
    /// Potential difference electrode − electrolyte (V); zero in the separator.
    pub(super) potential: S,
}

impl<S: Scalar> VolumeView<S> {
    /// A view that shows the same number everywhere.
    pub(super) fn constant(value: f64) -> Self {
        Self {
            concentrations: [S::constant(value); DISSOLVED_MAX],
            half_path: S::constant(value),
            ln_carrier: S::constant(value),
            potential: S::constant(value),
        }
    }

    /// The same view in another scalar.
    #[inline]
    pub(super) fn map<T>(&self, f: impl Fn(S) -> T) -> VolumeView<T> {
        VolumeView {
            concentrations: self.concentrations.map(&f),
            half_path: f(self.half_path),
            ln_carrier: f(self.ln_carrier),
            potential: f(self.potential),
        }
    }
}

/// The cell's equations with the values of one set of parameters.
#[derive(Clone, Debug)]
pub(super) struct Physics<S> {
    pub(super) chemistry: Chemistry<S>,
    /// Widths of the volumes (m): left electrode, separator, right electrode.
    widths: [S; 3],
    /// Their reciprocals (m⁻¹).
    per_widths: [S; 3],
    /// Their halves (m); over the transport factor in the separator, where it is constant.
    half_paths: [S; 3],
    /// Widths over the electronic conductivity (Ω m²).
    electronic_resistances: [S; 3],
    /// Ohmic resistance of a porous electrode at either end, up to the centre of its outermost volume (Ω m²).
    end_resistances: [S; 2],
    per_separator_porosity: S,
    frame_porosity: S,
    bruggeman: S,
    /// 1/(a₀ `C_dl`) (m³ F⁻¹).
    pub(super) per_capacitance: S,
    /// 1/κ (Ω m).
    resistivity: S,
    transference: S,
    /// γ = χ(1 − t₊)RT/F (V).
    diffusion_potential: S,
    wetting_time: S,
    coated_area: S,
}

impl<S: Scalar> Physics<S> {
    pub(super) fn new(mechanism: &Mechanism, values: &[S], design: &Design) -> Self {
        let at = |id: ParameterId| values[id.index()];
        let roles = mechanism.roles();
        let chemistry = Chemistry::new(mechanism, values);
        let thickness = at(roles.loading) / at(roles.active_density);
        let porosity = at(roles.separator_porosity);
        let transference = at(roles.transference);
        let widths = [
            thickness / design.left.n_volumes() as f64,
            at(roles.separator_thickness) / design.n_separator as f64,
            thickness / design.right.n_volumes() as f64,
        ];
        let separator_factor = porosity.pow(at(roles.bruggeman));
        let [left, separator, right] = widths.map(|width| width * 0.5);
        let conductivity = at(roles.electronic_conductivity);
        Self {
            widths,
            per_widths: widths.map(|width| S::constant(1.0) / width),
            half_paths: [left, separator / separator_factor, right],
            electronic_resistances: widths.map(|width| width / conductivity),
            end_resistances: [left, right]
                .map(|half| half / conductivity + at(roles.series_resistance)),
            per_separator_porosity: S::constant(1.0) / porosity,
            frame_porosity: at(roles.frame_porosity),
            bruggeman: at(roles.bruggeman),
            per_capacitance: S::constant(1.0) / (at(roles.capacitance) * at(roles.active_area)),
            resistivity: S::constant(1.0) / at(roles.conductivity),
            diffusion_potential: at(roles.diffusion_factor) * (-transference + 1.0)
                / chemistry.f_per_v,
            transference,
            wetting_time: at(roles.wetting_time),
            coated_area: at(roles.coated_area),
            chemistry,
        }
    }

    /// Width of a volume (m).
    #[inline]
    pub(super) fn width(&self, layout: &Layout, volume: usize) -> S {
        self.widths[layout.volumes[volume].region as usize]
    }

    /// Reciprocal width of a volume (m⁻¹).
    #[inline]
    pub(super) fn per_width(&self, layout: &Layout, volume: usize) -> S {
        self.per_widths[layout.volumes[volume].region as usize]
    }

    #[inline]
    fn separator_width(&self) -> S {
        self.widths[Region::Separator as usize]
    }

    /// Porosity from the amounts of solids, SPEC section 3.
    #[inline]
    pub(super) fn porosity(&self, solids: &[S]) -> S {
        let mut free = self.frame_porosity - POROSITY_MIN;
        for (solid, amount) in self.chemistry.solids.iter().zip(solids) {
            free -= solid.molar_volume * *amount;
        }
        (free + (free * free + POROSITY_SMOOTHING).sqrt()) * 0.5 + POROSITY_MIN
    }

    /// Changes inside a block: reactions in its volume, exchange with the foil that touches it.
    ///
    /// `y` and `rate` are the block's states and their rates of change; `drive` is the wetted fraction (1) and the
    /// cell current density (A m⁻²). Returns what the volume shows to its neighbours and what the block adds to the
    /// cell voltage (V).
    #[inline]
    pub(super) fn block(
        &self,
        layout: &Layout,
        index: usize,
        y: &[S],
        (wetted, current): (S, S),
        rate: &mut [S],
    ) -> (VolumeView<S>, S) {
        rate.fill(S::constant(0.0));
        let own = layout.own(index);
        let view = if layout.volumes[index].is_porous() {
            self.porous_volume(layout, index, &y[own.clone()], wetted, &mut rate[own])
        } else {
            self.separator_volume(&y[own], true)
        };
        let voltage = self.ends(layout, index, (y, &view), current, rate);
        (view, voltage)
    }

    /// What the volume of a block shows to its neighbours.
    #[inline]
    pub(super) fn view(&self, layout: &Layout, index: usize, y: &[S]) -> VolumeView<S> {
        let y = &y[layout.own(index)];
        if layout.volumes[index].is_porous() {
            self.porous_view(layout, index, y)
        } else {
            self.separator_volume(y, true)
        }
    }

    /// What closes the chain at a block: changes at the foil that touches it, and what the block adds to the cell
    /// voltage (V).
    #[inline]
    pub(super) fn ends(
        &self,
        layout: &Layout,
        index: usize,
        (y, view): (&[S], &VolumeView<S>),
        current: S,
        rate: &mut [S],
    ) -> S {
        if index == 0 || index + 1 == layout.volumes.len() {
            let Range { start, end } = layout.own(index);
            let n = layout.n_dissolved;
            if index == 0 {
                let (foil, volume) = rate.split_at_mut(start);
                let terms = (foil, &mut volume[..n]);
                self.electrode(layout.design.left, &y[..start], view, current, terms);
            }
            if index + 1 == layout.volumes.len() {
                let (volume, foil) = rate.split_at_mut(end);
                let terms = (foil, &mut volume[start..start + n]);
                self.electrode(layout.design.right, &y[end..], view, -current, terms);
            }
        }
        self.end_voltage(layout, index, (y, view), current)
    }

    /// What a block adds to the cell voltage (V): the potential of an electrode at its end.
    #[inline]
    pub(super) fn end_voltage(
        &self,
        layout: &Layout,
        index: usize,
        (y, view): (&[S], &VolumeView<S>),
        current: S,
    ) -> S {
        let potential = |electrode, y: &[S], end: usize, current: S| match electrode {
            Electrode::Foil | Electrode::CoatedFoil => {
                y[0] + view.half_path * self.resistivity * current
            }
            Electrode::Porous { .. } => view.potential + self.end_resistances[end] * current,
            Electrode::Planar | Electrode::Outside => S::constant(0.0),
        };
        let mut voltage = S::constant(0.0);
        if index == 0 {
            voltage -= potential(layout.design.left, y, 0, current);
        }
        if index + 1 == layout.volumes.len() {
            let foil = &y[layout.own(index).end..];
            voltage += potential(layout.design.right, foil, 1, -current);
        }
        voltage
    }

    /// Changes at what closes the chain. `current` flows into the electrolyte here.
    #[inline]
    fn electrode(
        &self,
        electrode: Electrode,
        y: &[S],
        view: &VolumeView<S>,
        current: S,
        (foil, volume): (&mut [S], &mut [S]),
    ) {
        match electrode {
            Electrode::Foil => self.foil(y, view, current, foil, volume),
            Electrode::CoatedFoil => self.coated_foil(y, view, current, foil, volume),
            Electrode::Porous { .. } | Electrode::Planar | Electrode::Outside => {}
        }
    }

    /// The logarithm, which only the voltage needs of a separator volume, is not a number unless that is wanted.
    #[inline]
    pub(super) fn separator_volume(&self, y: &[S], wants_voltage: bool) -> VolumeView<S> {
        let mut concentrations = [S::constant(0.0); DISSOLVED_MAX];
        for (concentration, amount) in concentrations.iter_mut().zip(y) {
            *concentration = *amount * self.per_separator_porosity;
        }
        VolumeView {
            ln_carrier: if wants_voltage {
                self.ln_carrier(&concentrations)
            } else {
                S::constant(f64::NAN)
            },
            concentrations,
            half_path: self.half_paths[Region::Separator as usize],
            potential: S::constant(0.0),
        }
    }

    #[inline]
    fn porous_view(&self, layout: &Layout, index: usize, y: &[S]) -> VolumeView<S> {
        let n = layout.n_dissolved;
        let n_amounts = n + layout.n_solids;
        let porosity = self.porosity(&y[n..n_amounts]);
        let mut concentrations = [S::constant(0.0); DISSOLVED_MAX];
        let species = &self.chemistry.dissolved;
        for ((c, amount), species) in concentrations.iter_mut().zip(y).zip(species) {
            *c = *amount / (porosity + species.adsorption);
        }
        let half = self.half_paths[layout.volumes[index].region as usize];
        VolumeView {
            ln_carrier: self.ln_carrier(&concentrations),
            concentrations,
            half_path: half / porosity.pow(self.bruggeman),
            potential: y[n_amounts + 1],
        }
    }

    /// What a porous volume shows to its neighbours; the changes inside it go to `rate`, which holds zeros.
    #[inline]
    pub(super) fn porous_volume(
        &self,
        layout: &Layout,
        index: usize,
        y: &[S],
        wetted: S,
        rate: &mut [S],
    ) -> VolumeView<S> {
        let view = self.porous_view(layout, index, y);
        let n_amounts = layout.n_dissolved + layout.n_solids;
        let node = NodeView {
            concentrations: &view.concentrations,
            solids: &y[layout.n_dissolved..n_amounts],
            coverage: y[n_amounts],
            potential: view.potential,
            wetted,
        };
        let (amounts, local) = rate.split_at_mut(n_amounts);
        let (coverage_rate, electrons) = self.chemistry.react(&node, amounts);
        local[0] = coverage_rate;
        local[1] = electrons * self.per_capacitance * FARADAY_C_PER_MOL;
        view
    }

    #[inline]
    fn ln_carrier(&self, concentrations: &[S; DISSOLVED_MAX]) -> S {
        let carrier = concentrations[self.chemistry.carrier];
        carrier.at_least(CONCENTRATION_FLOOR).ln()
    }

    /// The anode: charge transfer through its film, thinning of the film, reactions with what reaches it.
    /// `current` flows into the electrolyte here. SPEC section 5.
    #[inline]
    fn foil(&self, y: &[S], view: &VolumeView<S>, current: S, foil: &mut [S], volume: &mut [S]) {
        let stripping = &self.chemistry.stripping;
        let carrier = view.concentrations[self.chemistry.carrier];
        let (potential, barrier) = (y[0], y[1]);
        let ratio = carrier.at_least(FOIL_CONCENTRATION_FLOOR) / self.chemistry.carrier_reference;
        let exchange = stripping.exchange_current_density * (-barrier).exp() * ratio.sqrt();
        let exponent = self.chemistry.f_per_v * potential * (0.5 * stripping.electrons);
        let faradaic = exchange * (exponent.exp() - (-exponent).exp());
        foil[0] = (current - faradaic) / stripping.capacitance;
        let magnitude = (faradaic * faradaic + FOIL_CURRENT_SMOOTHING).sqrt();
        foil[1] = -(barrier * magnitude / stripping.activation_charge);
        let per_charge = 1.0 / (stripping.electrons * FARADAY_C_PER_MOL);
        volume[self.chemistry.carrier] += faradaic * per_charge / self.separator_width();
        for shuttle in &self.chemistry.shuttles {
            let rate = shuttle.rate_constant * view.concentrations[shuttle.reactant];
            for (species, n) in &shuttle.dissolved {
                volume[*species] += rate * *n / self.separator_width();
            }
            for (film, n) in &shuttle.films {
                foil[2 + film] += rate * *n;
            }
        }
    }

    /// Catalyst-coated metal: the free cation on the catalyst is the product of stripping. SPEC section 7.
    fn coated_foil(
        &self,
        y: &[S],
        view: &VolumeView<S>,
        current: S,
        foil: &mut [S],
        volume: &mut [S],
    ) {
        let stripping = &self.chemistry.stripping;
        let desolvation = &self.chemistry.desolvation;
        let carrier =
            view.concentrations[self.chemistry.carrier] / self.chemistry.carrier_reference;
        let (potential, coverage) = (y[0], y[1]);
        let equilibrium = desolvation.equilibrium_coverage();
        let exponent = self.chemistry.f_per_v * potential * (0.5 * stripping.electrons);
        let anodic =
            (-coverage + 1.0) * desolvation.equilibrium_constant * carrier * exponent.exp();
        let cathodic = coverage * (-exponent).exp();
        let faradaic = stripping.exchange_current_density * (anodic - cathodic) / equilibrium;
        let desolvated = self.coated_area * desolvation.rate(carrier, coverage);
        foil[0] = (current - faradaic) / stripping.capacitance;
        let per_charge = 1.0 / (stripping.electrons * FARADAY_C_PER_MOL);
        foil[1] =
            (faradaic * per_charge + desolvated) / (self.coated_area * self.chemistry.site_density);
        volume[self.chemistry.carrier] -= desolvated / self.separator_width();
    }

    /// Path, ionic current density and fall of the electrolyte's potential at the face between two volumes.
    #[inline]
    fn passage(
        &self,
        layout: &Layout,
        face: usize,
        (left, right): (&VolumeView<S>, &VolumeView<S>),
        current: S,
    ) -> (S, S, S) {
        let path = left.half_path + right.half_path;
        let resistance = path * self.resistivity;
        let diffusion = self.diffusion_potential * (right.ln_carrier - left.ln_carrier);
        let is_inside = layout.volumes[face].is_porous() && layout.volumes[face + 1].is_porous();
        let ionic_current = if is_inside {
            let electronic = self.electronic_resistances[layout.volumes[face].region as usize];
            (right.potential - left.potential + diffusion + electronic * current)
                / (resistance + electronic)
        } else {
            current
        };
        (path, ionic_current, ionic_current * resistance - diffusion)
    }

    /// Fall of the electrolyte's potential across a face (V).
    #[inline]
    pub(super) fn drop(
        &self,
        layout: &Layout,
        face: usize,
        sides: (&VolumeView<S>, &VolumeView<S>),
        current: S,
    ) -> S {
        self.passage(layout, face, sides, current).2
    }

    /// What passes the face between two volumes, positive from left to right: hands out the flux of each dissolved
    /// species (mol m⁻² s⁻¹) and returns the ionic current density (A m⁻²) and the fall of the electrolyte's potential
    /// (V). SPEC sections 4 and 6.
    #[inline]
    pub(super) fn face(
        &self,
        layout: &Layout,
        face: usize,
        (left, right): (&VolumeView<S>, &VolumeView<S>),
        current: S,
        mut put: impl FnMut(usize, S),
    ) -> (S, S) {
        let (path, ionic_current, drop) = self.passage(layout, face, (left, right), current);
        let per_path = S::constant(1.0) / path;
        let per_charge = 1.0 / (self.chemistry.stripping.electrons * FARADAY_C_PER_MOL);
        for (i, dissolved) in self.chemistry.dissolved.iter().enumerate() {
            let difference = left.concentrations[i] - right.concentrations[i];
            let mut flux = dissolved.diffusivity * difference * per_path;
            if i == self.chemistry.carrier {
                flux += self.transference * ionic_current * per_charge;
            }
            put(i, flux);
        }
        (ionic_current, drop)
    }

    /// Rate of change of the wetted fraction (s⁻¹).
    #[inline]
    pub(super) fn wetting(&self, wetted: S) -> S {
        (-wetted + 1.0) / self.wetting_time
    }
}
