//! All integration tests, in one binary so that the heavy dependencies are linked once.

mod bad_input;
mod cli;
mod long;
mod mechanism;
mod physics;
mod recovery;
mod reference;
mod support;
mod tidy;
