//! Variants of an experiment: what is free in each, with which priors, in which mechanism.

use std::path::Path;
use std::sync::Arc;

use super::error::ConfigError;
use super::error::plain;
use super::experiment::Builder;
use super::experiment_file::RawBlind;
use super::experiment_file::RawCell;
use super::experiment_file::RawRatio;
use super::experiment_file::RawVariant;
use super::model::bounds;
use super::model::read_mechanism;
use super::nearest::did_you_mean;
use crate::estimate::Blind;
use crate::estimate::Free;
use crate::estimate::Role;
use crate::estimate::Variant;
use crate::mechanism::ParameterId;
use crate::mechanism::Prior;
use crate::mechanism::Scale;
use crate::protocol::Protocol;
use crate::units::Unit;

impl Builder<'_> {
    /// A variant, read with its own mechanism if it names one.
    pub(super) fn variant(
        &self,
        raw: &RawVariant,
        protocols: &[Protocol],
    ) -> Result<Variant, ConfigError> {
        let Some(path) = &raw.mechanism else {
            return self.variant_of_mechanism(raw);
        };
        let folder = self.place.path.parent().unwrap_or(Path::new("."));
        let mechanism = Arc::new(read_mechanism(&folder.join(path))?);
        let own = Builder {
            mechanism: &mechanism,
            ..*self
        };
        own.check_protocols(protocols)?;
        own.variant_of_mechanism(raw)
    }

    fn variant_of_mechanism(&self, raw: &RawVariant) -> Result<Variant, ConfigError> {
        let mut overrides = Vec::new();
        for (name, change) in &raw.parameter {
            let key = format!("variant '{}'.parameter.{name}", raw.name);
            let id = self.parameter(&key, name)?;
            if let Some(value) = change.value {
                let value = self
                    .place
                    .number(&key, value, |_| true, "a finite number")?;
                overrides.push((id, self.mechanism.parameters().row(id).unit.to_si(value)));
            } else if !self.raw.free.parameters.contains(name) {
                let expected = "a value, as the parameter is not free";
                return Err(self.place.value(key, "only a prior or bounds", expected));
            }
        }
        let parameters = self.raw.free.parameters.iter();
        let is_fixed = |name: &&String| raw.parameter.get(*name).is_some_and(|c| c.value.is_some());
        let mut free: Vec<Free> = parameters
            .filter(|name| !is_fixed(name))
            .map(|name| self.free(name, raw))
            .collect::<Result<_, _>>()?;
        for ratio in self.raw.free.ratio.iter().chain(&raw.ratio) {
            free.push(self.ratio(ratio)?);
        }
        let cells = self.raw.cell.iter();
        let cell_overrides = cells.map(|cell| self.cell_overrides(cell));
        Ok(Variant {
            name: raw.name.clone(),
            meaning: raw.meaning.clone(),
            mechanism: Arc::clone(self.mechanism),
            compared: self.compared(raw, &free)?,
            start: self.start_from_curves(&free)?,
            free,
            overrides,
            cell_overrides: cell_overrides.collect::<Result<_, _>>()?,
            blind: match raw.blind {
                RawBlind::Yes => Blind::Yes,
                RawBlind::ParametersOnly => Blind::ParametersOnly,
                RawBlind::No => Blind::No,
            },
        })
    }

    fn free(&self, name: &str, variant: &RawVariant) -> Result<Free, ConfigError> {
        let id = self.parameter(
            &format!("free.parameters, variant '{}'", variant.name),
            name,
        )?;
        let row = self.mechanism.parameters().row(id);
        let key = format!("variant '{}'.parameter.{name}", variant.name);
        let change = variant.parameter.get(name);
        let prior = match change.and_then(|c| c.prior) {
            Some(raw) => Some(raw.build(&self.place, &format!("{key}.prior"), &row.unit)?),
            None => row.prior,
        };
        let limits = match change.and_then(|c| c.bounds) {
            Some(raw) => Some(bounds(
                &self.place,
                &format!("{key}.bounds"),
                raw,
                &row.unit,
            )?),
            None => row.bounds,
        };
        let lacks = |what: &str| {
            let found = format!("'{name}', which has no {what}");
            self.place.value(
                "free.parameters",
                found,
                "a parameter with bounds and a prior",
            )
        };
        if row.tied_to.is_some() {
            return Err(self.place.value(
                "free.parameters",
                format!("'{name}', which is tied"),
                "its leader",
            ));
        }
        let free = Free {
            name: name.to_owned(),
            role: Role::Value(id),
            prior: prior.ok_or_else(|| lacks("prior"))?,
            lower: limits.ok_or_else(|| lacks("bounds"))?.0,
            upper: limits.ok_or_else(|| lacks("bounds"))?.1,
            given: row.value,
        };
        self.check_start(&key, &free, &row.unit)?;
        Ok(free)
    }

    /// Bounds must hold the start, which is the centre of the prior; on a logarithmic scale they are positive.
    fn check_start(&self, key: &str, free: &Free, unit: &Unit) -> Result<(), ConfigError> {
        if free.scale() == Scale::Ln && free.lower <= 0.0 {
            let found = plain(unit.from_si(free.lower));
            return Err(self.place.value(
                format!("{key}.bounds"),
                found,
                "positive bounds, as the prior is logarithmic",
            ));
        }
        let centre = match free.prior {
            Prior::LogNormal { median, .. } => median,
            Prior::Normal { mean, .. } => mean,
            Prior::Flat { .. } => return Ok(()),
        };
        if (free.lower..=free.upper).contains(&centre) {
            return Ok(());
        }
        let (lower, upper) = (unit.from_si(free.lower), unit.from_si(free.upper));
        let found = format!("[{}, {}]", plain(lower), plain(upper));
        let centre = plain(unit.from_si(centre));
        let expected = format!("bounds that hold the start {centre}, the centre of the prior");
        Err(self.place.value(format!("{key}.bounds"), found, expected))
    }

    fn ratio(&self, raw: &RawRatio) -> Result<Free, ConfigError> {
        let key = format!("ratio '{}'", raw.name);
        let unit = Unit::parse("1").expect("units in the code are known");
        let (lower, upper) = bounds(&self.place, &format!("{key}.bounds"), raw.bounds, &unit)?;
        let parameters = raw
            .parameters
            .iter()
            .map(|name| self.parameter(&format!("{key}.parameters"), name));
        let prior = raw
            .prior
            .build(&self.place, &format!("{key}.prior"), &unit)?;
        let centre = match prior {
            Prior::LogNormal { median, .. } => median,
            Prior::Normal { mean, .. } => mean,
            Prior::Flat { .. } => 0.5 * (lower + upper),
        };
        let free = Free {
            name: raw.name.clone(),
            given: raw.value.unwrap_or(centre),
            role: Role::Ratio {
                parameters: parameters.collect::<Result<_, _>>()?,
                cell: self.cell_index(&key, &raw.cell)?,
            },
            prior,
            lower,
            upper,
        };
        self.check_start(&key, &free, &unit)?;
        let holds = |v: f64| (lower..=upper).contains(&v);
        let key = format!("{key}.value");
        self.place
            .number(&key, free.given, holds, "a number inside the bounds")?;
        Ok(free)
    }

    /// What is known to differ in one cell.
    pub(super) fn cell_overrides(
        &self,
        raw: &RawCell,
    ) -> Result<Vec<(ParameterId, f64)>, ConfigError> {
        let recorded = self.recorded_geometry(raw)?;
        let overrides = raw.parameters.iter().map(|(name, value)| {
            let key = format!("cell '{}'.parameters.{name}", raw.name);
            let id = self.parameter(&key, name)?;
            let value = self
                .place
                .number(&key, *value, |_| true, "a finite number")?;
            Ok::<_, ConfigError>((id, self.mechanism.parameters().row(id).unit.to_si(value)))
        });
        let stated = overrides.collect::<Result<Vec<_>, _>>()?;
        Ok(recorded.into_iter().chain(stated).collect())
    }

    /// Positions of the constants that make a variant's explanation.
    fn compared(&self, raw: &RawVariant, free: &[Free]) -> Result<Vec<usize>, ConfigError> {
        let positions = raw.compared.iter().map(|name| {
            let position = free.iter().position(|free| free.name == *name);
            position.ok_or_else(|| {
                let key = format!("variant '{}'.compared", raw.name);
                let meant = did_you_mean(name, free.iter().map(|free| free.name.as_str()));
                let expected = format!("the name of a free quantity of the variant{meant}");
                self.place.value(key, format!("'{name}'"), expected)
            })
        });
        positions.collect()
    }

    /// Without priors there must be as many data as unknowns.
    pub(super) fn check_count(&self, variant: &Variant, n_data: usize) -> Result<(), ConfigError> {
        let n_flat = variant.free.iter().filter(|free| free.is_flat()).count();
        if n_flat <= n_data {
            return Ok(());
        }
        let found = format!("{n_flat} free quantities without a prior and {n_data} observables");
        let expected = "at least as many observables, or priors, or fewer free quantities";
        Err(self
            .place
            .value(format!("variant '{}'", variant.name), found, expected))
    }

    /// What is compared must have equally wide priors, and the same constant the same prior.
    pub(super) fn check_compared(&self, variants: &[Variant]) -> Result<(), ConfigError> {
        let all = || {
            variants
                .iter()
                .flat_map(|v| v.compared.iter().map(move |i| (v, &v.free[*i])))
        };
        let Some((_, first)) = all().next() else {
            return Ok(());
        };
        for (variant, free) in all() {
            let key = format!("variant '{}'.parameter.{}.prior", variant.name, free.name);
            let (sd, expected) = (free.prior_coordinates().1, first.prior_coordinates().1);
            if (sd - expected).abs() > 1e-9 * expected || free.scale() != first.scale() {
                let expected = format!(
                    "{expected} like '{}', as compared constants need equally wide priors",
                    first.name
                );
                return Err(self.place.value(
                    key,
                    format!("a standard deviation of {sd}"),
                    expected,
                ));
            }
            let other =
                all().find(|(_, other)| other.name == free.name && other.prior != free.prior);
            if let Some((other, _)) = other {
                let expected = format!("the prior that it has in variant '{}'", other.name);
                return Err(self.place.value(key, "another prior", expected));
            }
        }
        Ok(())
    }

    /// Protocols name species and reactions, which the variant's mechanism must have too.
    fn check_protocols(&self, protocols: &[Protocol]) -> Result<(), ConfigError> {
        for (name, raw) in &self.raw.protocol {
            raw.build(self, name)?;
        }
        for observed in &self.raw.observable {
            let key = format!("observable '{}' of '{}'", observed.id, observed.cell);
            let names = (&*observed.id, &*observed.cell, &*observed.protocol);
            self.target(&key, names, observed.observable(), protocols)?;
        }
        self.orderings(protocols)?;
        self.candidates(protocols)?;
        Ok(())
    }
}
