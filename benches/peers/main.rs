//! The program that `compare.py` times against other tools: one discharge, one fit, each told as JSON on stdout.

#![expect(clippy::print_stdout, reason = "the results are read from there")]

mod case;
mod discharge;
mod fit;
mod residuals;

use std::error::Error;
use std::path::PathBuf;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use sulfit::simulate::Accuracy;
use sulfit::simulate::Mesh;

use case::Case;
use discharge::Wanted;

/// Discharges and fits of the Mg-S cell for the comparison with other tools.
#[derive(Parser)]
struct Arguments {
    /// What cargo passes to every bench.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Writes a case: parameters, mesh, state after the rest of six hours, the discharge.
    Case {
        /// A case whose parameters are taken.
        parameters: PathBuf,
        /// Current as a multiple of 1C.
        #[arg(long)]
        c_rate: f64,
        /// Volumes of the cathode.
        #[arg(long)]
        n_cathode: usize,
        /// Starts without the anode's film and with a wetted cathode, as after long use.
        #[arg(long)]
        conditioned: bool,
    },
    /// Solves the discharge of a case again and again.
    Discharge {
        /// The case: a JSON file like those in `tests/reference`.
        case: PathBuf,
        #[command(flatten)]
        solver: Solver,
        /// What is recorded and told.
        #[arg(long, value_enum, default_value_t = Wanted::Time)]
        wanted: Wanted,
        /// Carries the derivatives by kdes, k3, k4 and vmax.
        #[arg(long)]
        derivatives: bool,
    },
    /// Computes all residuals of the shipped experiment.
    Residuals {
        /// Volumes of the separator.
        #[arg(long)]
        n_separator: usize,
        /// Volumes of the cathode.
        #[arg(long)]
        n_cathode: usize,
        #[command(flatten)]
        solver: Solver,
    },
    /// Fits kdes, k3, k4 and vmax to a voltage curve.
    Fit {
        /// The case; its values are the truth that bounds and start are multiples of.
        case: PathBuf,
        /// The curve: a JSON file with `time_s` and `voltage_v`; the last point is the cut-off.
        #[arg(long)]
        data: PathBuf,
        /// Start as a multiple of the truth.
        #[arg(long)]
        start: f64,
        #[command(flatten)]
        solver: Solver,
    },
}

/// How exactly and how often.
#[derive(Args, Clone, Copy)]
struct Solver {
    /// Relative tolerance.
    #[arg(long, default_value_t = 1e-5)]
    relative: f64,
    /// Factor on the absolute tolerances.
    #[arg(long, default_value_t = 1.0)]
    absolute_factor: f64,
    /// Timed runs; one more before them warms up.
    #[arg(long, default_value_t = 5)]
    repeat: usize,
}

impl Solver {
    fn accuracy(self) -> Accuracy {
        Accuracy {
            relative: self.relative,
            absolute_factor: self.absolute_factor,
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let told = match arguments.task {
        Some(Task::Case {
            parameters,
            c_rate,
            n_cathode,
            conditioned,
        }) => Case::read(&parameters)?
            .rested(c_rate, n_cathode, conditioned)?
            .to_json(),
        Some(Task::Discharge {
            case,
            solver,
            wanted,
            derivatives,
        }) => {
            let case = Case::read(&case)?;
            if derivatives {
                discharge::timed_with_derivatives(&case, solver)?
            } else {
                discharge::timed(&case, solver, wanted)?
            }
        }
        Some(Task::Residuals {
            n_separator,
            n_cathode: n_electrode,
            solver,
        }) => {
            let mesh = Mesh {
                n_separator,
                n_electrode,
            };
            residuals::timed(mesh, solver)?
        }
        Some(Task::Fit {
            case,
            data,
            start,
            solver,
        }) => fit::timed(&Case::read(&case)?, &fit::Data::read(&data)?, start, solver)?,
        None => {
            println!("nothing to do; `benches/peers/README.md` tells how this is run");
            return Ok(());
        }
    };
    println!("{told}");
    Ok(())
}
