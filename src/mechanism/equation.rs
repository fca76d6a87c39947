//! Chemical equations as text: parsing, and the balance of elements and charge.

use std::collections::BTreeMap;

use super::MechanismError;
use super::Species;

/// The name that electrons have in an equation.
pub const ELECTRON: &str = "e";

/// One side-resolved chemical equation: names and positive whole coefficients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equation {
    /// What is consumed, in order of appearance.
    pub reactants: Vec<(String, u32)>,
    /// What is formed.
    pub products: Vec<(String, u32)>,
    /// Whether it runs both ways (`<=>`).
    pub reversible: bool,
}

impl Equation {
    /// Reads `S8 + Mg_free + 2 e <=> MgS8`.
    ///
    /// # Errors
    /// A description of what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (left, right, reversible) = match (text.split_once("<=>"), text.split_once("=>")) {
            (Some((left, right)), _) => (left, right, true),
            (None, Some((left, right))) => (left, right, false),
            (None, None) => return Err("has no '<=>' or '=>'".to_owned()),
        };
        Ok(Self {
            reactants: parse_side(left)?,
            products: parse_side(right)?,
            reversible,
        })
    }

    /// Net coefficient of each name: positive if formed.
    pub fn net(&self) -> BTreeMap<&str, f64> {
        let mut net = BTreeMap::new();
        for (name, n) in &self.products {
            *net.entry(name.as_str()).or_insert(0.0) += f64::from(*n);
        }
        for (name, n) in &self.reactants {
            *net.entry(name.as_str()).or_insert(0.0) -= f64::from(*n);
        }
        net
    }

    /// The electrons consumed (positive) or released (negative).
    pub fn electrons_consumed(&self) -> f64 {
        -self.net().get(ELECTRON).copied().unwrap_or(0.0)
    }
}

fn parse_side(text: &str) -> Result<Vec<(String, u32)>, String> {
    text.split('+')
        .map(|term| {
            let words: Vec<&str> = term.split_whitespace().collect();
            match words[..] {
                [name] => Ok((name.to_owned(), 1)),
                [number, name] => match number.parse() {
                    Ok(n) if n > 0 => Ok((name.to_owned(), n)),
                    _ => Err(format!(
                        "has the coefficient '{number}', expected a whole number"
                    )),
                },
                _ => Err(format!(
                    "has the term '{}', expected 'name' or '2 name'",
                    term.trim()
                )),
            }
        })
        .collect()
}

/// Checks that every element and the charge are the same on both sides.
///
/// # Errors
/// [`MechanismError::Unbalanced`] with the first quantity that is not, [`MechanismError::UnknownSpecies`].
pub(super) fn check_balance(
    reaction: &str,
    equation: &Equation,
    species: &[Species],
) -> Result<(), MechanismError> {
    let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    let sides = [(&equation.reactants, true), (&equation.products, false)];
    for (terms, is_left) in sides {
        for (name, n) in terms {
            let n = f64::from(*n);
            let mut add = |quantity, amount: f64| {
                let sum = sums.entry(quantity).or_insert((0.0, 0.0));
                if is_left {
                    sum.0 += amount;
                } else {
                    sum.1 += amount;
                }
            };
            if name == ELECTRON {
                add("charge", -n);
                continue;
            }
            let found = species.iter().find(|s| s.name == *name).ok_or_else(|| {
                MechanismError::UnknownSpecies {
                    reaction: reaction.to_owned(),
                    species: name.clone(),
                }
            })?;
            add("charge", n * f64::from(found.charge));
            for (element, count) in &found.composition {
                add(element, n * f64::from(*count));
            }
        }
    }
    for (quantity, (left, right)) in sums {
        if (left - right).abs() > 0.5 {
            return Err(MechanismError::Unbalanced {
                reaction: reaction.to_owned(),
                quantity: quantity.to_owned(),
                left,
                right,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equation_is_read() {
        let equation = Equation::parse("MgS8 + Mg_free + 2 e <=> 2 MgS4").unwrap();
        assert!(equation.reversible);
        assert!((equation.electrons_consumed() - 2.0).abs() < 1e-12);
        assert!((equation.net()["MgS4"] - 2.0).abs() < 1e-12);
    }

    #[test]
    fn broken_equations_are_told() {
        assert!(Equation::parse("A + B").unwrap_err().contains("'<=>'"));
        assert!(Equation::parse("x A => B").unwrap_err().contains("'x'"));
        assert!(Equation::parse("A + => B").is_err());
    }
}
