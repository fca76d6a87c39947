//! All integration tests, in one binary so that the heavy dependencies are linked once.

mod reference;
mod support;
