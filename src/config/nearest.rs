//! What was probably meant by a name that nobody knows.

/// Letters of a name per letter that may be wrong.
const LETTERS_PER_MISTAKE: usize = 3;
/// Bytes of the longest name that is compared with others: a longer one is no misspelt name.
const LONGEST: usize = 200;
/// Share of common pairs of letters from which on two names are alike, whatever the order of their words.
const ALIKE: f64 = 0.75;

/// The known name that a misspelt one is nearest to, if one is near enough to be meant.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if name.len() > LONGEST {
        return None;
    }
    let mut best: Option<(f64, &'k str)> = None;
    for candidate in known {
        // The very name is known somewhere else, which is no mistake of spelling.
        if candidate == name {
            continue;
        }
        // Names may differ by nothing but small and capital letters, so that these count where all else is equal.
        let Some(near) = closeness(&name.to_lowercase(), &candidate.to_lowercase()) else {
            continue;
        };
        let near = near + closeness(name, candidate).unwrap_or(0.0);
        if best.is_none_or(|(other, _)| near > other) {
            best = Some((near, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `; did you mean 'x'?`, or nothing.
pub(crate) fn did_you_mean<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest(name, known).map_or_else(String::new, |near| format!("; did you mean '{near}'?"))
}

/// What is expected in place of an unknown name: the known ones, and the nearest of them.
pub(crate) fn one_of<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let meant = did_you_mean(name, known.iter().copied());
    format!("one of {}{meant}", known.join(", "))
}

/// Serde's words for an unknown key or choice as a message of ours; any other message as it is.
pub(super) fn reworded(message: &str) -> String {
    let parts = |what: &str| -> Option<(&str, &str)> {
        let rest = message.strip_prefix(what)?;
        let end = rest.rfind("`, expected ")?;
        Some((&rest[..end], &rest[end + "`, expected ".len()..]))
    };
    let (what, (name, expected)) = match (parts("unknown field `"), parts("unknown variant `")) {
        (Some(parts), _) => ("key ", parts),
        (None, Some(parts)) => ("", parts),
        (None, None) => return message.to_owned(),
    };
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let list = match known.as_slice() {
        [one] => format!("'{one}'"),
        many => format!("one of {}", many.join(", ")),
    };
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("found {what}'{name}'; did you mean '{near}'? expected {list}"),
        None => format!("found {what}'{name}', expected {list}"),
    }
}

/// How near two names are, 1 if they are the same; `None` if neither can be meant by the other.
pub(crate) fn closeness(a: &str, b: &str) -> Option<f64> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mistakes = mistakes(&a, &b);
    let longest = a.len().max(b.len()).max(1);
    let alike = alike(&a, &b);
    let is_near = mistakes * LETTERS_PER_MISTAKE <= longest || alike >= ALIKE;
    is_near.then(|| alike.max(1.0 - mistakes as f64 / longest as f64))
}

/// Letters to change, add, leave out or swap with their neighbour to get from one name to the other.
///
/// Source: optimal string alignment (Damerau, Commun. ACM 7 (1964) 171).
fn mistakes(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            if i == 0 || j == 0 {
                rows[i][j] = i + j;
                continue;
            }
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let least = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            let is_swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            rows[i][j] = if is_swapped {
                least.min(rows[i - 2][j - 2] + 1)
            } else {
                least
            };
        }
    }
    rows[a.len()][b.len()]
}

/// How alike two names are: twice their common pairs of letters over all of them (Dice).
fn alike(a: &[char], b: &[char]) -> f64 {
    let pairs = |text: &[char]| -> Vec<(char, char)> {
        text.windows(2).map(|pair| (pair[0], pair[1])).collect()
    };
    let (a, mut b) = (pairs(a), pairs(b));
    let all = (a.len() + b.len()).max(1);
    let common = a.iter().filter(|pair| {
        let found = b.iter().position(|other| other == *pair);
        found.map(|i| b.swap_remove(i)).is_some()
    });
    2.0 * common.count() as f64 / all as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_names_find_their_like() {
        let known = [
            "seed",
            "candidates",
            "gradient_tolerance",
            "mgs_adsorption_ev",
        ];
        let nearest = |name| nearest(name, known);
        assert_eq!(nearest("sead"), Some("seed"));
        assert_eq!(nearest("candidtes"), Some("candidates"));
        assert_eq!(nearest("tolerance_gradient"), Some("gradient_tolerance"));
        assert_eq!(nearest("mgs_adsorbtion_ev"), Some("mgs_adsorption_ev"));
        assert_eq!(nearest("SEED"), Some("seed"));
        assert_eq!(nearest("seed"), None, "the very name is not misspelt");
        assert_eq!(nearest("colour"), None);
        assert_eq!(nearest(""), None);
    }

    #[test]
    fn small_and_capital_letters_count_where_all_else_is_equal() {
        assert_eq!(nearest("kdez", ["Kdes", "kdes"]), Some("kdes"));
        assert_eq!(nearest("Kdez", ["kdes", "Kdes"]), Some("Kdes"));
    }

    #[test]
    fn short_names_are_not_guessed() {
        assert_eq!(nearest("x9", ["k1", "k2"]), None);
        assert_eq!(nearest("kl", ["k1", "k2"]), None);
    }

    #[test]
    fn words_of_serde_become_ours() {
        assert_eq!(
            reworded("unknown field `sead`, expected one of `seed`, `starts`"),
            "found key 'sead'; did you mean 'seed'? expected one of seed, starts"
        );
        assert_eq!(
            reworded("unknown variant `charge`, expected `current` or `voltage`"),
            "found 'charge', expected one of current, voltage"
        );
        assert_eq!(
            reworded("unknown field ``, expected `a`"),
            "found key '', expected 'a'"
        );
        for message in [
            "unknown field `a`, there are no fields",
            "missing field `name`",
            "unknown field `",
        ] {
            assert_eq!(reworded(message), message);
        }
    }
}
