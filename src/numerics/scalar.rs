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
        // Faster than the library's power, and exact enough: its error is |exponent ln self| times the rounding.
        (self.ln() * exponent).exp()
    }
}

/// A number and its derivatives in `N` directions (forward-mode differentiation).
///
/// Over another dual number instead of `f64` it carries second derivatives.
#[derive(Clone, Copy, Debug)]
pub struct Dual<const N: usize, T = f64> {
    /// The value.
    pub re: T,
    /// The derivative in each direction.
    pub eps: [T; N],
}

impl<const N: usize, T: Scalar> Dual<N, T> {
    /// The variable of one direction: its derivative there is one.
    ///
    /// # Panics
    /// If `direction` is not below `N`.
    #[inline]
    pub fn variable(re: T, direction: usize) -> Self {
        assert!(direction < N, "direction {direction} of {N}");
        // Not by writing one entry into an array of zeros: the processor would have to wait for it.
        let entry = |i: usize| f64::from(u8::from(i == direction));
        Self {
            re,
            eps: std::array::from_fn(|i| T::constant(entry(i))),
        }
    }

    /// A number that does not vary in any direction of this level.
    #[inline]
    pub fn fixed(re: T) -> Self {
        Self {
            re,
            eps: [T::constant(0.0); N],
        }
    }

    /// Adds a multiple of another number; the factor does not vary in any direction of this level.
    #[inline]
    pub fn add_multiple(&mut self, factor: T, other: &Self) {
        self.re += other.re * factor;
        for (e, b) in self.eps.iter_mut().zip(&other.eps) {
            *e += *b * factor;
        }
    }

    /// A function of one variable: its value and its derivative by the chain rule.
    #[inline]
    fn chain(self, value: T, derivative: T) -> Self {
        Self {
            re: value,
            eps: self.eps.map(|e| e * derivative),
        }
    }

    #[inline]
    fn zip(self, other: Self, re: T, f: impl Fn(T, T) -> T) -> Self {
        let mut eps = self.eps;
        for (e, b) in eps.iter_mut().zip(&other.eps) {
            *e = f(*e, *b);
        }
        Self { re, eps }
    }
}

impl<const N: usize, T: Scalar> Add for Dual<N, T> {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        self.zip(other, self.re + other.re, |a, b| a + b)
    }
}

impl<const N: usize, T: Scalar> Sub for Dual<N, T> {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        self.zip(other, self.re - other.re, |a, b| a - b)
    }
}

impl<const N: usize, T: Scalar> Mul for Dual<N, T> {
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

impl<const N: usize, T: Scalar> Div for Dual<N, T> {
    type Output = Self;
    #[inline]
    fn div(self, other: Self) -> Self {
        let inverse = T::constant(1.0) / other.re;
        let quotient = self.re * inverse;
        self.zip(other, quotient, |a, b| (a - b * quotient) * inverse)
    }
}

impl<const N: usize, T: Scalar> Neg for Dual<N, T> {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        Self {
            re: -self.re,
            eps: self.eps.map(|e| -e),
        }
    }
}

impl<const N: usize, T: Scalar> AddAssign for Dual<N, T> {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl<const N: usize, T: Scalar> SubAssign for Dual<N, T> {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl<const N: usize, T: Scalar> Add<f64> for Dual<N, T> {
    type Output = Self;
    #[inline]
    fn add(self, other: f64) -> Self {
        Self {
            re: self.re + other,
            eps: self.eps,
        }
    }
}

impl<const N: usize, T: Scalar> Sub<f64> for Dual<N, T> {
    type Output = Self;
    #[inline]
    fn sub(self, other: f64) -> Self {
        self + (-other)
    }
}

impl<const N: usize, T: Scalar> Mul<f64> for Dual<N, T> {
    type Output = Self;
    #[inline]
    fn mul(self, other: f64) -> Self {
        Self {
            re: self.re * other,
            eps: self.eps.map(|e| e * other),
        }
    }
}

impl<const N: usize, T: Scalar> Div<f64> for Dual<N, T> {
    type Output = Self;
    #[inline]
    fn div(self, other: f64) -> Self {
        self * (1.0 / other)
    }
}

impl<const N: usize, T: Scalar> Scalar for Dual<N, T> {
    #[inline]
    fn constant(value: f64) -> Self {
        Self::fixed(T::constant(value))
    }
    #[inline]
    fn value(self) -> f64 {
        self.re.value()
    }
    #[inline]
    fn exp(self) -> Self {
        let value = self.re.exp();
        self.chain(value, value)
    }
    #[inline]
    fn ln(self) -> Self {
        self.chain(self.re.ln(), T::constant(1.0) / self.re)
    }
    #[inline]
    fn sqrt(self) -> Self {
        let value = self.re.sqrt();
        self.chain(value, T::constant(0.5) / value)
    }
    #[inline]
    fn powf(self, exponent: f64) -> Self {
        let value = self.re.powf(exponent);
        let slope = if self.re.value() == 0.0 {
            self.re.powf(exponent - 1.0)
        } else {
            value / self.re
        };
        self.chain(value, slope * exponent)
    }
    #[inline]
    fn pow(self, exponent: Self) -> Self {
        let ln = self.re.ln();
        let value = (ln * exponent.re).exp();
        let by_base = exponent.re * value / self.re;
        let by_exponent = value * ln;
        self.zip(exponent, value, |a, b| a * by_base + b * by_exponent)
    }
}

/// A scalar that may carry sensitivities: derivatives by the free quantities of a fit. A simulation written for it
/// runs plain with `f64`, and with the derivatives of everything that it yields with [`Dual`].
pub trait Sensitive: Scalar + std::fmt::Debug + Send + Sync + 'static {
    /// One derivative per direction; none for `f64`.
    type Slopes: Slopes;
    /// Puts a value and its derivatives together.
    fn from_parts(value: f64, slopes: Self::Slopes) -> Self;
    /// The derivatives.
    fn slopes(&self) -> Self::Slopes;
}

/// The derivatives of one number in several directions: a small vector.
pub trait Slopes: Copy + std::fmt::Debug + Send + Sync + 'static {
    /// Number of directions.
    const COUNT: usize;
    /// No derivative in any direction.
    const ZERO: Self;
    /// Adds a multiple of other derivatives.
    fn add_multiple(&mut self, factor: f64, other: &Self);
    /// All of them times a factor.
    #[must_use]
    fn times(self, factor: f64) -> Self;
    /// The derivative in one direction.
    fn along(&self, direction: usize) -> f64;
    /// The variable of one direction.
    fn unit(direction: usize) -> Self;
}

impl<const N: usize> Slopes for [f64; N] {
    const COUNT: usize = N;
    const ZERO: Self = [0.0; N];
    #[inline]
    fn add_multiple(&mut self, factor: f64, other: &Self) {
        for (a, b) in self.iter_mut().zip(other) {
            *a += factor * b;
        }
    }
    #[inline]
    fn times(self, factor: f64) -> Self {
        self.map(|x| x * factor)
    }
    #[inline]
    fn along(&self, direction: usize) -> f64 {
        self[direction]
    }
    fn unit(direction: usize) -> Self {
        std::array::from_fn(|i| if i == direction { 1.0 } else { 0.0 })
    }
}

impl Sensitive for f64 {
    type Slopes = [f64; 0];
    #[inline]
    fn from_parts(value: f64, _slopes: [f64; 0]) -> Self {
        value
    }
    #[inline]
    fn slopes(&self) -> [f64; 0] {
        []
    }
}

impl<const N: usize> Sensitive for Dual<N> {
    type Slopes = [f64; N];
    #[inline]
    fn from_parts(re: f64, eps: [f64; N]) -> Self {
        Self { re, eps }
    }
    #[inline]
    fn slopes(&self) -> [f64; N] {
        self.eps
    }
}

/// The values alone.
pub fn values<S: Scalar>(numbers: &[S]) -> Vec<f64> {
    numbers.iter().map(|number| number.value()).collect()
}

/// Numbers without derivatives.
pub fn constants<S: Scalar>(values: &[f64]) -> Vec<S> {
    values.iter().map(|value| S::constant(*value)).collect()
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

        #[test]
        fn dual_of_dual_holds_second_derivatives(x in 0.2f64..2.0, y in 0.2f64..2.0) {
            prop_assume!((x - y).abs() > 1e-3);
            let slope = |x: f64| {
                expression(Dual::<1>::fixed(x), Dual::variable(y, 0)).eps[0]
            };
            let inner = (Dual::<1>::variable(x, 0), Dual::<1>::fixed(y));
            let nested = expression(Dual::<1, _>::fixed(inner.0), Dual::variable(inner.1, 0));
            let h = 1e-5;
            let mixed = (slope(x + h) - slope(x - h)) / (2.0 * h);
            prop_assert!((nested.eps[0].re - slope(x)).abs() < 1e-12 * (1.0 + slope(x).abs()));
            prop_assert!((nested.eps[0].eps[0] - mixed).abs() < 1e-5 * (1.0 + mixed.abs()));
        }
    }
}
