//! A particle swarm that is asked for positions and told their costs, so that whoever evaluates them decides how.
//!
//! Source: Clerc & Kennedy, IEEE Trans. Evol. Comput. 6 (2002) 58; the weights are those of Standard PSO 2006.

use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Share of its velocity that a member keeps: 1/(2 ln 2).
const INERTIA: f64 = 0.721_347_520_444_481_7;
/// Pull towards a member's own best place and towards the best of all: ½ + ln 2.
const PULL: f64 = 1.193_147_180_559_945_3;

/// A member of the swarm.
#[derive(Clone, Debug)]
struct Member {
    position: Vec<f64>,
    velocity: Vec<f64>,
    best: Vec<f64>,
    best_cost: Option<f64>,
}

/// A swarm in a box.
#[derive(Clone, Debug)]
pub struct Swarm {
    lower: Vec<f64>,
    upper: Vec<f64>,
    members: Vec<Member>,
    rng: ChaCha8Rng,
}

impl Swarm {
    /// Members at rated positions; a position without a cost could not be evaluated.
    pub fn new(
        (lower, upper): (Vec<f64>, Vec<f64>),
        rated: Vec<(Option<f64>, Vec<f64>)>,
        seed: u64,
    ) -> Self {
        let member = |(cost, position): (Option<f64>, Vec<f64>)| Member {
            velocity: vec![0.0; position.len()],
            best: position.clone(),
            best_cost: cost,
            position,
        };
        Self {
            lower,
            upper,
            members: rated.into_iter().map(member).collect(),
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// Moves every member and returns where they are, in order. A member that meets a wall stops there.
    pub fn next_positions(&mut self) -> Vec<Vec<f64>> {
        let leader = self.leader().map(|leader| leader.best.clone());
        for member in &mut self.members {
            let attractor = leader.clone().unwrap_or_else(|| member.best.clone());
            for (i, attractor) in attractor.iter().enumerate() {
                let (own, common): (f64, f64) = (self.rng.random(), self.rng.random());
                let x = member.position[i];
                let pulled = own * (member.best[i] - x) + common * (attractor - x);
                let velocity = INERTIA * member.velocity[i] + PULL * pulled;
                let moved = (x + velocity).clamp(self.lower[i], self.upper[i]);
                member.velocity[i] = moved - x;
                member.position[i] = moved;
            }
        }
        self.members.iter().map(|m| m.position.clone()).collect()
    }

    /// Takes the costs at the last positions, in order; `None` where there is none.
    pub fn learn(&mut self, costs: impl Iterator<Item = Option<f64>>) {
        for (member, cost) in self.members.iter_mut().zip(costs) {
            if cost.is_some_and(|cost| member.best_cost.is_none_or(|best| cost < best)) {
                member.best_cost = cost;
                member.best.clone_from(&member.position);
            }
        }
    }

    /// The lowest cost so far.
    pub fn best(&self) -> Option<f64> {
        self.leader()?.best_cost
    }

    /// Every member's best cost and place, in order.
    pub fn best_of_each(&self) -> Vec<(Option<f64>, Vec<f64>)> {
        let members = self.members.iter();
        members.map(|m| (m.best_cost, m.best.clone())).collect()
    }

    fn leader(&self) -> Option<&Member> {
        let rated = self.members.iter().filter(|m| m.best_cost.is_some());
        let cost = |m: &Member| m.best_cost.unwrap_or(f64::INFINITY);
        rated.min_by(|a, b| cost(a).total_cmp(&cost(b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::sampling::sobol;

    /// Many local minima; the lowest is at zero. Undefined in one corner.
    fn rastrigin(x: &[f64]) -> Option<f64> {
        let wave = |x: &f64| x * x + 10.0 * (1.0 - (std::f64::consts::TAU * x).cos());
        (x[0] < 4.5 || x[1] < 4.5).then(|| x.iter().map(wave).sum())
    }

    #[test]
    fn lowest_of_many_minima_is_found() {
        let (lower, upper) = (vec![-5.0; 2], vec![5.0; 2]);
        let start =
            |i: usize| -> Vec<f64> { (0..2).map(|d| 10.0 * sobol(i, d, 1) - 5.0).collect() };
        let rated = (0..40).map(|i| (rastrigin(&start(i)), start(i))).collect();
        let mut swarm = Swarm::new((lower, upper), rated, 3);
        for _ in 0..150 {
            let costs: Vec<_> = swarm
                .next_positions()
                .iter()
                .map(|x| rastrigin(x))
                .collect();
            swarm.learn(costs.into_iter());
        }
        assert!(swarm.best().unwrap() < 1e-6, "{:?}", swarm.best());
        let inside = |(_, x): &(Option<f64>, Vec<f64>)| x.iter().all(|x| x.abs() <= 5.0);
        assert!(swarm.best_of_each().iter().all(inside));
    }
}
