//! The one scalar that the physics is written in: `f64`, or a dual number that carries derivatives.

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

/// A real number with the functions that the cell model uses.
///
/// Mixed arithmetic takes the `f64` on the right, because Rust has no way to write it on the left for every `S`.
pub trait Scalar:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Div<f64, Output = Self>
{
    /// A constant: its derivatives are zero.
    fn constant(value: f64) -> Self;
    /// The value without derivatives.
    fn value(self) -> f64;
    /// eˣ.
    #[must_use]
    fn exp(self) -> Self;
    /// The natural logarithm.
    #[must_use]
    fn ln(self) -> Self;
    /// The square root.
    #[must_use]
    fn sqrt(self) -> Self;
    /// `self` to a constant power.
    #[must_use]
    fn powf(self, exponent: f64) -> Self;
    /// `self` to a power that may itself carry derivatives; `self` must be positive.
    #[must_use]
    fn pow(self, exponent: Self) -> Self;

    /// |x|; the derivative at zero is taken as that of x.
    #[must_use]
    fn abs(self) -> Self {
        if self.value() < 0.0 { -self } else { self }
    }

    /// The larger of `self` and a constant floor.
    #[must_use]
    fn at_least(self, floor: f64) -> Self {
        if self.value() < floor {
            Self::constant(floor)
        } else {
            self
        }
    }
}

impl Scalar for f64 {
    #[inline]
    fn constant(value: f64) -> Self {
        value
    }
    #[inline]
    fn value(self) -> f64 {
        self
    }
    #[inline]
    fn exp(self) -> Self {
        f64::exp(self)
    }
    #[inline]
    fn ln(self) -> Self {
        f64::ln(self)
    }
    #[inline]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    #[inline]
    fn powf(self, exponent: f64) -> Self {
        f64::powf(self, exponent)
    }
    #[inline]
    fn pow(self, exponent: Self) -> Self {
        f64::powf(self, exponent)
    }
}

/// A number and its derivatives in `N` directions (forward-mode differentiation).
#[derive(Clone, Copy, Debug)]
pub struct Dual<const N: usize> {
    /// The value.
    pub re: f64,
    /// The derivative in each direction.
    pub eps: [f64; N],
}

impl<const N: usize> Dual<N> {
    /// The variable of one direction: its derivative there is one.
    ///
    /// # Panics
    /// If `direction` is not below `N`.
    #[inline]
    pub fn variable(re: f64, direction: usize) -> Self {
        let mut eps = [0.0; N];
        eps[direction] = 1.0;
        Self { re, eps }
    }

    /// A function of one variable: its value and its derivative by the chain rule.
    #[inline]
    fn chain(self, value: f64, derivative: f64) -> Self {
        Self {
            re: value,
            eps: self.eps.map(|e| e * derivative),
        }
    }

    #[inline]
    fn zip(self, other: Self, re: f64, f: impl Fn(f64, f64) -> f64) -> Self {
        let mut eps = [0.0; N];
        for ((e, a), b) in eps.iter_mut().zip(&self.eps).zip(&other.eps) {
            *e = f(*a, *b);
        }
        Self { re, eps }
    }
}

impl<const N: usize> Add for Dual<N> {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        self.zip(other, self.re + other.re, |a, b| a + b)
    }
}

impl<const N: usize> Sub for Dual<N> {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        self.zip(other, self.re - other.re, |a, b| a - b)
    }
}

impl<const N: usize> Mul for Dual<N> {
    type Output = Self;
    #[inline]
    #[expect(
        clippy::suspicious_arithmetic_impl,
        reason = "the product rule is a sum"
    )]
    fn mul(self, other: Self) -> Self {
        self.zip(other, self.re * other.re, |a, b| a * other.re + b * self.re)
    }
}

impl<const N: usize> Div for Dual<N> {
    type Output = Self;
    #[inline]
    fn div(self, other: Self) -> Self {
        let inverse = 1.0 / other.re;
        let quotient = self.re * inverse;
        self.zip(other, quotient, |a, b| (a - b * quotient) * inverse)
    }
}

impl<const N: usize> Neg for Dual<N> {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        self.chain(-self.re, -1.0)
    }
}

impl<const N: usize> AddAssign for Dual<N> {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl<const N: usize> SubAssign for Dual<N> {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl<const N: usize> Add<f64> for Dual<N> {
    type Output = Self;
    #[inline]
    fn add(self, other: f64) -> Self {
        Self {
            re: self.re + other,
            eps: self.eps,
        }
    }
}

impl<const N: usize> Sub<f64> for Dual<N> {
    type Output = Self;
    #[inline]
    fn sub(self, other: f64) -> Self {
        self + (-other)
    }
}

impl<const N: usize> Mul<f64> for Dual<N> {
    type Output = Self;
    #[inline]
    fn mul(self, other: f64) -> Self {
        self.chain(self.re * other, other)
    }
}

impl<const N: usize> Div<f64> for Dual<N> {
    type Output = Self;
    #[inline]
    fn div(self, other: f64) -> Self {
        self * (1.0 / other)
    }
}

impl<const N: usize> Scalar for Dual<N> {
    #[inline]
    fn constant(value: f64) -> Self {
        Self {
            re: value,
            eps: [0.0; N],
        }
    }
    #[inline]
    fn value(self) -> f64 {
        self.re
    }
    #[inline]
    fn exp(self) -> Self {
        let value = self.re.exp();
        self.chain(value, value)
    }
    #[inline]
    fn ln(self) -> Self {
        self.chain(self.re.ln(), 1.0 / self.re)
    }
    #[inline]
    fn sqrt(self) -> Self {
        let value = self.re.sqrt();
        self.chain(value, 0.5 / value)
    }
    #[inline]
    fn powf(self, exponent: f64) -> Self {
        self.chain(
            self.re.powf(exponent),
            exponent * self.re.powf(exponent - 1.0),
        )
    }
    #[inline]
    fn pow(self, exponent: Self) -> Self {
        let value = self.re.powf(exponent.re);
        let by_base = exponent.re * value / self.re;
        let by_exponent = value * self.re.ln();
        self.zip(exponent, value, |a, b| a * by_base + b * by_exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One expression that uses every function of the trait.
    fn expression<S: Scalar>(x: S, y: S) -> S {
        let a = (x * y + x / y - y).exp();
        let b = (x * x + 1.0).ln() + (y + 2.0).sqrt() / 3.0;
        let c = x.pow(y) - y.powf(1.5) * 2.0;
        -a + b * c - (x - y).abs() + (x - 5.0).at_least(0.25)
    }

    proptest! {
        #[test]
        fn dual_number_equals_central_difference(x in 0.2f64..2.0, y in 0.2f64..2.0) {
            prop_assume!((x - y).abs() > 1e-3);
            let exact = expression(Dual::<2>::variable(x, 0), Dual::variable(y, 1));
            let h = 1e-6;
            let by_x = (expression(x + h, y) - expression(x - h, y)) / (2.0 * h);
            let by_y = (expression(x, y + h) - expression(x, y - h)) / (2.0 * h);
            prop_assert!((exact.re - expression(x, y)).abs() < 1e-12 * (1.0 + exact.re.abs()));
            prop_assert!((exact.eps[0] - by_x).abs() < 1e-6 * (1.0 + by_x.abs()));
            prop_assert!((exact.eps[1] - by_y).abs() < 1e-6 * (1.0 + by_y.abs()));
        }
    }
}
