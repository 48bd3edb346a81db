//! From ranks to a cardinality: Otmar Ertl's improved estimator ("New cardinality
//! estimation algorithms for HyperLogLog sketches", 2017, algorithm 6).
//!
//! Sums run in the order in which real servers sum, so that results are the same bits.

use super::{RANK_MAX, REGISTERS};

/// 1 / (2 ln 2).
const ALPHA: f64 = 0.721_347_520_444_481_7;
/// What six bits can hold; foreign bytes may hold more than there are ranks.
const RANKS: usize = 64;

/// How many registers hold each rank.
#[derive(Debug)]
pub struct Histogram([u32; RANKS]);

impl Default for Histogram {
    fn default() -> Self {
        Self([0; RANKS])
    }
}

impl Histogram {
    pub fn add(&mut self, rank: u8, registers: u32) {
        self.0[usize::from(rank) % RANKS] += registers;
    }

    /// The estimated cardinality.
    pub fn cardinality(&self) -> u64 {
        let all = REGISTERS as f64;
        let share = |registers: u32| f64::from(registers) / all;
        let last = usize::from(RANK_MAX);
        let mut sum = all * tau((all - f64::from(self.0[last])) / all);
        for rank in (1..last).rev() {
            sum = (sum + f64::from(self.0[rank])) * 0.5;
        }
        sum += all * sigma(share(self.0[0]));
        let estimate = (ALPHA * all * all / sum).round();
        // What no rank explains is what a C program makes of infinity.
        if estimate.is_finite() {
            estimate as u64
        } else {
            i64::MIN as u64
        }
    }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * y;
        y += y;
        if sum == before {
            return sum;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        y *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * y;
        if sum == before {
            return sum / 3.0;
        }
    }
}
