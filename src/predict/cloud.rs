//! Many answers at once: by a surrogate where it may speak, by the cell model elsewhere.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering as Memory;

use rayon::prelude::*;

use super::setting::Condition;
use super::setting::CycleAnswer;
use super::setting::Setting;
use crate::mechanism::Mechanism;
use crate::simulate::Resolution;
use crate::surrogate::Quantity as AxisQuantity;
use crate::surrogate::Surrogate;
use crate::surrogate::protocol_fingerprint;
use crate::surrogate::structure;

/// Points that the surrogate is asked about in one pass.
const CHUNK: usize = 4096;

/// Who answered, and how often not.
#[derive(Debug, Default)]
struct Counts {
    by_surrogate: AtomicUsize,
    refused: AtomicUsize,
    by_model: AtomicUsize,
    failed: AtomicUsize,
}

/// How often who answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CloudReport {
    /// Points that the surrogate answered.
    pub by_surrogate: usize,
    /// Points that it refused, which the cell model answered instead.
    pub refused: usize,
    /// Simulations of the cell model.
    pub by_model: usize,
    /// Simulations that failed.
    pub failed: usize,
}

impl CloudReport {
    /// Points that nobody answered: refused and not simulated.
    pub fn missing(&self) -> usize {
        self.refused.saturating_sub(self.by_model)
    }
}

/// A surrogate that belongs to a setting, and where its numbers lie.
#[derive(Clone, Debug)]
struct Spokesman {
    surrogate: Arc<Surrogate>,
    /// Positions of the capacities, one per cycle.
    capacities: Vec<usize>,
    /// Positions of the energies, where it knows them.
    energies: Vec<Option<usize>>,
}

/// Whoever answers for many cells.
#[derive(Debug)]
pub struct Cloud {
    setting: Setting,
    mechanism: Arc<Mechanism>,
    resolution: Resolution,
    spokesman: Option<Spokesman>,
    counts: Counts,
}

/// Parameter values (SI, table order) of a designed cell, and its condition.
pub(super) type Point = (Vec<f64>, Condition);

impl Cloud {
    /// The cell model alone, at a mesh of its own.
    pub fn new(setting: Setting, mechanism: Arc<Mechanism>, resolution: Resolution) -> Self {
        Self {
            setting,
            mechanism,
            resolution,
            spokesman: None,
            counts: Counts::default(),
        }
    }

    /// A surrogate in front of it.
    ///
    /// # Errors
    /// Why the surrogate does not belong to the setting.
    pub fn with_surrogate(self, surrogate: Arc<Surrogate>) -> Result<Self, String> {
        if structure(&self.mechanism) != surrogate.belongs.structure {
            let name = &surrogate.belongs.mechanism;
            return Err(format!(
                "it was trained for the mechanism '{name}' as it was then; its equations or parameters have changed"
            ));
        }
        let mut bare = self.setting.protocol.clone();
        bare.loading_kg_m2 = None;
        let fingerprint = protocol_fingerprint(&bare);
        let number = |reading: &crate::observe::Observable| {
            let reading = format!("{reading:?}");
            surrogate.numbers.iter().position(|known| {
                known.protocol_fingerprint == fingerprint && known.reading == reading
            })
        };
        let observables = self.setting.observables();
        let capacities = observables.iter().zip(&self.setting.cycles);
        let capacities = capacities.map(|([capacity, _], cycle)| {
            number(capacity).ok_or_else(|| {
                let name = &self.setting.protocol.name;
                format!("it was not trained for the capacity of cycle {cycle} of protocol '{name}'")
            })
        });
        let spokesman = Spokesman {
            capacities: capacities.collect::<Result<_, _>>()?,
            energies: observables
                .iter()
                .map(|[_, energy]| number(energy))
                .collect(),
            surrogate,
        };
        Ok(Self {
            spokesman: Some(spokesman),
            ..self
        })
    }

    /// The setting.
    pub fn setting(&self) -> &Setting {
        &self.setting
    }

    /// The mechanism.
    pub fn mechanism(&self) -> &Arc<Mechanism> {
        &self.mechanism
    }

    /// Mesh and tolerances of the cell model.
    pub fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// The surrogate's name, if there is one.
    pub fn surrogate(&self) -> Option<&str> {
        self.spokesman.as_ref().map(|s| s.surrogate.name.as_str())
    }

    /// How often who answered so far.
    pub fn report(&self) -> CloudReport {
        let of = |count: &AtomicUsize| count.load(Memory::Relaxed);
        CloudReport {
            by_surrogate: of(&self.counts.by_surrogate),
            refused: of(&self.counts.refused),
            by_model: of(&self.counts.by_model),
            failed: of(&self.counts.failed),
        }
    }

    /// Answers for many points, in their order; `None` where a simulation failed. Answers that the surrogate refuses
    /// come from the cell model. `goes_on` is asked before every simulation; what it stops counts as no answer.
    pub fn answers(
        &self,
        points: &[Point],
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Vec<Option<Vec<CycleAnswer>>> {
        let mut answers: Vec<Option<Vec<CycleAnswer>>> = match &self.spokesman {
            Some(spokesman) => {
                let parts = points
                    .par_chunks(CHUNK)
                    .map(|part| spokesman.answers(self, part));
                parts.flatten_iter().collect()
            }
            None => vec![None; points.len()],
        };
        let answered = answers.iter().flatten().count();
        self.counts
            .by_surrogate
            .fetch_add(answered, Memory::Relaxed);
        if self.spokesman.is_some() {
            let refused = points.len() - answered;
            tracing::info!(
                "of {} points the surrogate answers {answered}, the cell model the other {refused}",
                points.len()
            );
            self.counts.refused.fetch_add(refused, Memory::Relaxed);
        }
        answers
            .par_iter_mut()
            .zip(points)
            .filter(|(answer, _)| answer.is_none())
            .for_each(|(answer, point)| {
                if goes_on() {
                    *answer = self.by_model(point);
                }
            });
        answers
    }

    /// The cell model's answer for one point.
    pub fn by_model(&self, (values, condition): &Point) -> Option<Vec<CycleAnswer>> {
        self.counts.by_model.fetch_add(1, Memory::Relaxed);
        let at = (self.resolution, 1);
        let result = self
            .setting
            .simulated(&self.mechanism, values, condition, at, None);
        if let Err(failure) = &result {
            tracing::info!("{failure}");
            self.counts.failed.fetch_add(1, Memory::Relaxed);
        }
        result.ok().map(|(answers, _)| answers)
    }
}

impl Spokesman {
    /// The surrogate's answers; `None` where it refuses or another constant holds.
    fn answers(&self, cloud: &Cloud, points: &[Point]) -> Vec<Option<Vec<CycleAnswer>>> {
        let surrogate = &self.surrogate;
        let table = cloud.mechanism.parameters();
        // The area of coated foils concerns no battery.
        let idle = Some(cloud.mechanism.roles().coated_area);
        let coordinates: Vec<Vec<f64>> = points
            .iter()
            .map(|(values, condition)| {
                if surrogate.differing_constant(table, values, idle).is_some() {
                    return vec![f64::NAN; surrogate.axes.len()];
                }
                let axes = surrogate.axes.iter().map(|axis| match axis.quantity {
                    AxisQuantity::Parameter(id) => axis.coordinate(values[id.index()]),
                    AxisQuantity::Rate { .. } => axis.coordinate(condition.c_rate),
                });
                axes.collect()
            })
            .collect();
        let energies = self.energies.iter().flatten();
        let asked: Vec<usize> = self.capacities.iter().chain(energies).copied().collect();
        let answers = surrogate.answers(&coordinates, &asked).into_iter();
        answers
            .map(|answer| {
                let answer = answer.ok()?;
                let (capacities, mut energies) = {
                    let (a, b) = answer.split_at(self.capacities.len());
                    (a, b.iter())
                };
                let pairs = capacities.iter().zip(&self.energies);
                let cycles = pairs.map(|(capacity, energy)| CycleAnswer {
                    capacity: capacity.value,
                    energy: match energy {
                        Some(_) => energies.next().map_or(f64::NAN, |e| e.value),
                        None => f64::NAN,
                    },
                });
                Some(cycles.collect())
            })
            .collect()
    }
}
