//! A surrogate in place of the cell model: it finds starts, and judges nothing.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering as Memory;

use ndarray::Array2;

use super::objective::assembled;
use super::study::Study;
use super::study::Target;
use super::study::Variant;
use super::task::Task;
use crate::mechanism::ParameterId;
use crate::numerics::least_squares::Linearisation;
use crate::numerics::least_squares::Residuals;
use crate::numerics::scalar::Dual;
use crate::numerics::scalar::Scalar;
use crate::numerics::scalar::constants;
use crate::surrogate::Answer;
use crate::surrogate::Quantity;
use crate::surrogate::Refusal;
use crate::surrogate::Surrogate;
use crate::surrogate::protocol_fingerprint;

/// Variables that one pass carries derivatives by.
const WIDEST: usize = 24;

/// A cell with one loading: the targets that one answer of the surrogate serves.
#[derive(Clone, Debug)]
struct Group {
    cell: usize,
    /// A protocol with its loading.
    protocol: usize,
    /// Positions of the targets.
    targets: Vec<usize>,
    /// Positions of the surrogate's numbers, in the same order.
    numbers: Vec<usize>,
}

/// A surrogate that stands for the simulations of a variant.
pub(super) struct Proxy<'s> {
    surrogate: &'s Surrogate,
    study: &'s Study,
    variant: &'s Variant,
    groups: Vec<Group>,
    n_targets: usize,
    asked: AtomicUsize,
    refused: AtomicUsize,
}

impl<'s> Proxy<'s> {
    /// Matches a surrogate with the targets of a variant.
    ///
    /// # Errors
    /// Why it does not belong to them.
    pub(super) fn new(
        study: &'s Study,
        variant: &'s Variant,
        (surrogate, targets): (&'s Surrogate, &[Target]),
    ) -> Result<Self, String> {
        if crate::surrogate::structure(&variant.mechanism) != surrogate.belongs.structure {
            let name = &surrogate.belongs.mechanism;
            return Err(format!(
                "it was trained for the mechanism '{name}' as it was then; its equations or parameters have changed"
            ));
        }
        let mut groups: Vec<Group> = Vec::new();
        for (position, target) in targets.iter().enumerate() {
            let number = number_of(surrogate, study, target)?;
            let loading = |protocol: usize| study.protocols[protocol].loading_kg_m2;
            let same = groups
                .iter_mut()
                .find(|g| g.cell == target.cell && loading(g.protocol) == loading(target.protocol));
            match same {
                Some(group) => {
                    group.targets.push(position);
                    group.numbers.push(number);
                }
                None => groups.push(Group {
                    cell: target.cell,
                    protocol: target.protocol,
                    targets: vec![position],
                    numbers: vec![number],
                }),
            }
        }
        let proxy = Self {
            surrogate,
            study,
            variant,
            groups,
            n_targets: targets.len(),
            asked: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        };
        proxy.check_constants()?;
        Ok(proxy)
    }

    /// What the surrogate holds for constant must be what the study holds for it.
    fn check_constants(&self) -> Result<(), String> {
        let centre: Vec<f64> = self
            .variant
            .free
            .iter()
            .map(|f| f.prior_coordinates().0)
            .collect();
        let table = self.variant.mechanism.parameters();
        for group in &self.groups {
            let values = self.values(group, &centre);
            for (name, _) in &self.surrogate.belongs.constants {
                if table.find(name).is_none() {
                    return Err(format!("the mechanism has no parameter '{name}'"));
                }
            }
            if let Some((id, expected)) = self.surrogate.differing_constant(table, &values, None) {
                let row = table.row(id);
                let unit = &row.unit;
                let (found, known) = (unit.from_si(values[id.index()]), unit.from_si(expected));
                return Err(format!(
                    "'{}' is {found} {unit} in cell '{}', but was {known} {unit} when it was trained",
                    row.name, self.study.cells[group.cell]
                ));
            }
        }
        Ok(())
    }

    fn values<S: Scalar>(&self, group: &Group, x: &[S]) -> Vec<S> {
        self.study
            .values(self.variant, x, group.cell, group.protocol)
    }

    /// A group's point in the surrogate's box.
    fn coordinates<S: Scalar>(&self, group: &Group, x: &[S]) -> Vec<S> {
        let values = self.values(group, x);
        let axes = self.surrogate.axes.iter();
        axes.map(|axis| match axis.quantity {
            Quantity::Parameter(id) => axis.coordinate(values[ParameterId::index(id)]),
            // Only numbers of protocols with a free current depend on it, and those are not matched.
            Quantity::Rate { .. } => S::constant(0.0),
        })
        .collect()
    }

    /// The surrogate's answers for all groups, or why one was refused.
    fn answers(&self, x: &[f64]) -> Result<Vec<Vec<Answer>>, Refusal> {
        self.asked.fetch_add(1, Memory::Relaxed);
        let groups = self.groups.iter().map(|group| {
            let point = self.coordinates(group, x);
            let mut answers = self.surrogate.answers(&[point], &group.numbers);
            answers.pop().expect("one answer for one point")
        });
        let answers: Result<Vec<Vec<Answer>>, Refusal> = groups.collect();
        if answers.is_err() {
            self.refused.fetch_add(1, Memory::Relaxed);
        }
        answers
    }

    /// Values of all targets with their conformal intervals, in order.
    pub(super) fn predicted(&self, x: &[f64]) -> Result<Vec<Answer>, Refusal> {
        let unknown = Answer {
            value: f64::NAN,
            lower: f64::NAN,
            upper: f64::NAN,
        };
        let mut predicted = vec![unknown; self.n_targets];
        for (group, answers) in self.groups.iter().zip(self.answers(x)?) {
            for (target, answer) in group.targets.iter().zip(answers) {
                predicted[*target] = answer;
            }
        }
        Ok(predicted)
    }

    /// Values of all targets and their derivatives by the coordinates, `n_targets × n_variables`.
    fn linearised(&self, x: &[f64]) -> (Vec<f64>, Array2<f64>) {
        let mut values = vec![f64::NAN; self.n_targets];
        let mut derivatives = Array2::zeros((self.n_targets, x.len()));
        for group in &self.groups {
            let point = self.coordinates(group, x);
            let moves = self.moves(group, x);
            let (of_group, slopes) = self.surrogate.linearised(&point, &group.numbers);
            let rows = group.targets.iter().zip(of_group).zip(slopes);
            for ((target, value), slopes) in rows {
                values[*target] = value;
                for (slope, row) in slopes.iter().zip(moves.rows()) {
                    for (variable, step) in row.iter().enumerate() {
                        derivatives[[*target, variable]] += slope * step;
                    }
                }
            }
        }
        (values, derivatives)
    }

    /// Derivatives of a group's coordinates by the variables, `n_axes × n_variables`.
    fn moves(&self, group: &Group, x: &[f64]) -> Array2<f64> {
        let mut moves = Array2::zeros((self.surrogate.axes.len(), x.len()));
        let variables: Vec<usize> = (0..x.len()).collect();
        for window in variables.chunks(WIDEST) {
            let mut varied: Vec<Dual<WIDEST>> = constants(x);
            for (direction, variable) in window.iter().enumerate() {
                varied[*variable] = Dual::variable(x[*variable], direction);
            }
            for (axis, coordinate) in self.coordinates(group, &varied).into_iter().enumerate() {
                for (direction, variable) in window.iter().enumerate() {
                    moves[[axis, *variable]] = coordinate.eps[direction];
                }
            }
        }
        moves
    }

    /// How often it was asked, and how often it did not answer.
    pub(super) fn counts(&self) -> (usize, usize) {
        (
            self.asked.load(Memory::Relaxed),
            self.refused.load(Memory::Relaxed),
        )
    }
}

/// The surrogate's number for a target.
fn number_of(surrogate: &Surrogate, study: &Study, target: &Target) -> Result<usize, String> {
    let protocol = &study.protocols[target.protocol];
    let fingerprint = protocol_fingerprint(protocol);
    let reading = format!("{:?}", target.observable);
    let of_protocol = |name: &str| surrogate.numbers.iter().any(|known| known.protocol == name);
    let mut numbers = surrogate.numbers.iter();
    let found = numbers.position(|known| {
        let is_same = known.protocol_fingerprint == fingerprint && known.reading == reading;
        is_same && !known.is_at_any_rate
    });
    found.ok_or_else(|| {
        let (id, name) = (&target.id, &protocol.name);
        if of_protocol(name) {
            format!("it was trained for another protocol '{name}', or without '{id}'")
        } else {
            format!("it was trained without protocol '{name}', which gives '{id}'")
        }
    })
}

/// The objective of a task with the surrogate in place of the cell model.
pub(super) struct ProxyObjective<'p, 's> {
    pub(super) proxy: &'p Proxy<'s>,
    pub(super) task: &'p Task<'p>,
}

impl ProxyObjective<'_, '_> {
    /// Residuals of data and priors.
    pub(super) fn residuals(&self, x: &[f64]) -> Option<Vec<f64>> {
        let predicted = self.proxy.predicted(x).ok()?;
        let values: Vec<f64> = predicted.into_iter().map(|a| a.value).collect();
        let mut rows = self.task.measurements.residuals(&values);
        rows.extend(self.task.belief.residuals(x));
        Some(rows)
    }
}

impl Residuals for ProxyObjective<'_, '_> {
    fn trial(&self, x: &[f64]) -> Option<Vec<f64>> {
        self.residuals(x)
    }

    fn linearise(&self, x: &[f64]) -> Option<Linearisation> {
        let (values, derivatives) = self.proxy.linearised(x);
        assembled(
            (&self.task.measurements, &self.task.belief),
            x,
            (&values, &derivatives),
        )
    }
}
