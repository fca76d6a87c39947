//! Eight numbers at once: the scalar for which the same equations of many finite volumes become vector instructions.
//!
//! The exponential and the logarithm are written out, because the library's work on one number at a time. Both are
//! exact to about one unit in the last place and use nothing but additions, multiplications and one division, so their
//! results are the same on every processor.

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

use super::scalar::Scalar;

/// Numbers in one [`Lanes`]: two AVX registers, because with one the processor would wait for each result.
pub const N_LANES: usize = 8;

/// Eight numbers that the same operations apply to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lanes(pub [f64; N_LANES]);

/// ln 2 in two parts: the first has 32 trailing zeros, so that its product with an exponent is exact.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_0000_0000);
const LN_2_LOW: f64 = 4.749_325_039_031_672_6e-7;
/// 1.5 · 2⁵²: added to a small number, it leaves the nearest integer in the last bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// Beyond these arguments the exponential is zero or infinite as far as the cell is concerned.
const EXP_MIN: f64 = -708.0;
const EXP_MAX: f64 = 709.0;
/// 1/n! from n = 2 on.
const INVERSE_FACTORIALS: [f64; 12] = [
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5_040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
    1.0 / 479_001_600.0,
    1.0 / 6_227_020_800.0,
];

impl Lanes {
    // Loops, because the closures of the arrays' own functions are not turned into vector instructions.
    #[inline]
    fn map(mut self, f: impl Fn(f64) -> f64) -> Self {
        for a in &mut self.0 {
            *a = f(*a);
        }
        self
    }

    #[inline]
    fn zip(mut self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a = f(*a, *b);
        }
        self
    }

    /// The bits of each number changed.
    #[inline]
    fn bits(self, f: impl Fn(u64) -> u64) -> Self {
        self.map(|x| f64::from_bits(f(x.to_bits())))
    }
}

/// c₀ + c₁ x.
#[inline]
fn line(c0: f64, c1: f64, x: Lanes) -> Lanes {
    x * c1 + c0
}

/// eˣ = 2ᵏ eʳ with r = x − k ln 2, |r| ≤ ln 2 / 2, and the Taylor series of eʳ to the 13th power (rest below 4e-18).
#[inline]
fn exp(x: Lanes) -> Lanes {
    let rounded = x * std::f64::consts::LOG2_E + ROUNDER;
    let k = rounded - ROUNDER;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    let c = &INVERSE_FACTORIALS;
    let r2 = r * r;
    let r4 = r2 * r2;
    let low = line(c[0], c[1], r) + line(c[2], c[3], r) * r2;
    let middle = line(c[4], c[5], r) + line(c[6], c[7], r) * r2;
    let high = line(c[8], c[9], r) + line(c[10], c[11], r) * r2;
    let series = low + (middle + high * r4) * r4;
    let power = rounded.bits(|bits| (bits << 52).wrapping_add(1.0_f64.to_bits()));
    let value = ((r + series * r2) + 1.0) * power;
    let value = value.zip(x, |value, x| if x < EXP_MIN { 0.0 } else { value });
    value.zip(
        x,
        |value, x| if x > EXP_MAX { f64::INFINITY } else { value },
    )
}

/// ln x = k ln 2 + ln(1 + f), √½ ≤ 1 + f < √2, by the series of the inverse hyperbolic tangent in s = f/(2 + f):
/// ln(1 + f) = f − f²/2 + s (f²/2 + R), R = Σ 2 s²ⁿ/(2n + 1) (rest below 3e-17).
#[inline]
fn ln(x: Lanes) -> Lanes {
    /// √½, the least mantissa.
    const LEAST: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
    /// Keeps exponents positive while they are shifted.
    const BIAS: u64 = 1024;
    /// 2⁵², whose last bits count ones.
    const COUNTER: f64 = 4_503_599_627_370_496.0;
    let exponent = |bits: u64| bits.wrapping_sub(LEAST).wrapping_add(BIAS << 52) >> 52;
    let k = x.bits(|bits| COUNTER.to_bits() | exponent(bits)) - (COUNTER + BIAS as f64);
    let mantissa = |bits: u64| bits.wrapping_sub(exponent(bits).wrapping_sub(BIAS) << 52);
    let f = x.bits(mantissa) - 1.0;
    let s = f / (f + 2.0);
    let w = s * s;
    let (w2, w4) = (w * w, (w * w) * (w * w));
    let pair = |n: f64| line(2.0 / n, 2.0 / (n + 2.0), w);
    let low = pair(3.0) + pair(7.0) * w2;
    let high = pair(11.0) + pair(15.0) * w2;
    let rest = (low + (high + pair(19.0) * w4) * w4) * w;
    let half_square = f * f * 0.5;
    let value = k * LN_2_HIGH - ((half_square - (s * (half_square + rest) + k * LN_2_LOW)) - f);
    let value = value.zip(x, |value, x| if x < f64::INFINITY { value } else { x });
    let value = value.zip(x, |value, x| if x < 0.0 { f64::NAN } else { value });
    value.zip(x, |value, x| {
        if x.to_bits() << 1 == 0 {
            f64::NEG_INFINITY
        } else {
            value
        }
    })
}

macro_rules! elementwise {
    ($trait:ident, $method:ident, $op:tt) => {
        impl $trait for Lanes {
            type Output = Self;
            #[inline]
            fn $method(self, other: Self) -> Self {
                self.zip(other, |a, b| a $op b)
            }
        }
        impl $trait<f64> for Lanes {
            type Output = Self;
            #[inline]
            fn $method(self, other: f64) -> Self {
                self.map(|a| a $op other)
            }
        }
    };
}
elementwise!(Add, add, +);
elementwise!(Sub, sub, -);
elementwise!(Mul, mul, *);
elementwise!(Div, div, /);

impl Neg for Lanes {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        self.map(|a| -a)
    }
}

impl AddAssign for Lanes {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Lanes {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Scalar for Lanes {
    #[inline]
    fn constant(value: f64) -> Self {
        Self([value; N_LANES])
    }
    /// The first number.
    #[inline]
    fn value(self) -> f64 {
        self.0[0]
    }
    #[inline]
    fn exp(self) -> Self {
        exp(self)
    }
    #[inline]
    fn ln(self) -> Self {
        ln(self)
    }
    #[inline]
    fn sqrt(self) -> Self {
        self.map(f64::sqrt)
    }
    #[inline]
    fn powf(self, exponent: f64) -> Self {
        (self.ln() * exponent).exp()
    }
    #[inline]
    fn pow(self, exponent: Self) -> Self {
        (self.ln() * exponent).exp()
    }
    #[inline]
    fn abs(self) -> Self {
        self.map(f64::abs)
    }
    #[inline]
    fn at_least(self, floor: f64) -> Self {
        self.map(|x| if x < floor { floor } else { x })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Four numbers, twice.
    fn lanes(numbers: [f64; 4]) -> Lanes {
        Lanes(std::array::from_fn(|i| numbers[i % 4]))
    }

    fn relative(here: f64, expected: f64) -> f64 {
        (here - expected).abs() / expected.abs()
    }

    proptest! {
        #[test]
        fn exponential_and_logarithm_are_exact(x in -700.0f64..700.0, near_one in 0.5f64..2.0) {
            // Two units in the last place.
            const EXACT: f64 = 4.5e-16;
            let exponential = lanes([x, x / 1e3, -x, near_one]).exp();
            for (here, argument) in exponential.0.iter().zip([x, x / 1e3, -x, near_one]) {
                prop_assert!(relative(*here, argument.exp()) < EXACT, "e^{argument}");
            }
            let arguments = [x.exp(), near_one, x.abs() + 1e-3, near_one * 1e-6];
            for (here, argument) in lanes(arguments).ln().0.iter().zip(arguments) {
                prop_assert!(relative(*here, argument.ln()) < EXACT, "ln {argument}");
            }
        }
    }

    #[test]
    fn limits_are_kept() {
        let odd = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.0];
        let exponential = lanes(odd).exp().0;
        assert!(exponential[0].is_infinite() && exponential[2].is_nan());
        assert!(exponential[1].abs() < f64::MIN_POSITIVE);
        assert!((exponential[3] - 1.0).abs() < f64::EPSILON);
        let logarithm = lanes(odd).ln().0;
        assert!(logarithm[0].is_infinite() && logarithm[1].is_nan() && logarithm[2].is_nan());
        assert!(logarithm[3].is_infinite() && logarithm[3] < 0.0);
        let power = lanes(odd).powf(2.0 / 3.0).0;
        assert!(power[3].abs() < f64::MIN_POSITIVE);
    }
}
