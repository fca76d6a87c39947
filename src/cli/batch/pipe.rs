//! What a process that fits tells whoever started it: one JSON object a line.

use serde::Deserialize;
use serde::Serialize;

use crate::batch::Ended;

/// One line.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    /// Where the fit stands.
    At(Standing),
    /// The fit has ended, and the process waits for the next one.
    Ended(Ended),
}

/// Where a fit stands.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Standing {
    /// What is being done.
    pub(super) stage: String,
    /// Iterations of it so far.
    pub(super) iteration: usize,
    /// Its most iterations.
    pub(super) iterations_max: usize,
    /// Cost so far, if the stage has one.
    pub(super) cost: Option<f64>,
}

impl Word {
    /// The line, with its end.
    pub(super) fn line(&self) -> String {
        // Neither numbers nor texts of a word can fail.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// The word of a line; `None` for whatever a library may have printed there.
    pub(super) fn read(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

impl std::fmt::Display for Standing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.stage)?;
        if self.iterations_max > 1 {
            write!(formatter, ", {} of {}", self.iteration, self.iterations_max)?;
        }
        match self.cost {
            Some(cost) => write!(formatter, ", cost {cost:.3}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Failure;

    #[test]
    fn words_come_back_from_their_lines() {
        let at = Standing {
            stage: "coarse mesh".to_owned(),
            iteration: 3,
            iterations_max: 30,
            cost: Some(12.5),
        };
        assert_eq!(at.to_string(), "coarse mesh, 3 of 30, cost 12.500");
        let failure = Failure {
            cell: "a\nb".to_owned(),
            reason: "none".to_owned(),
            said: vec!["\"".to_owned()],
            command: String::new(),
        };
        let nameless = Standing {
            iterations_max: 1,
            cost: None,
            ..at.clone()
        };
        assert_eq!(nameless.to_string(), "coarse mesh");
        for word in [
            Word::At(at),
            Word::At(nameless),
            Word::Ended(Ended::Done),
            Word::Ended(Ended::Failed(failure)),
        ] {
            let line = word.line();
            assert_eq!(line.matches('\n').count(), 1);
            assert_eq!(Word::read(line.trim_end()), Some(word));
        }
        assert_eq!(Word::read("solver says hello"), None);
    }
}
