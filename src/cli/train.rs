//! `sulfit train`: simulations part by part, then networks, then the card.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Instant;

use clap::Args;
use rayon::prelude::*;

use super::EXIT_INCOMPLETE;
use super::check_folder;
use super::in_pool;
use super::progress::Terminal;
use super::say;
use crate::config::read_plan;
use crate::estimate::Monitor;
use crate::estimate::Status;
use crate::numerics::fingerprint::fingerprint;
use crate::report;
use crate::report::RawCard;
use crate::report::RawMade;
use crate::surrogate::Class;
use crate::surrogate::Learned;
use crate::surrogate::Plan;
use crate::surrogate::Sample;
use crate::surrogate::School;
use crate::surrogate::Set;
use crate::surrogate::Surrogate;
use crate::surrogate::assess;
use crate::surrogate::from_parquet;
use crate::surrogate::point;
use crate::surrogate::simulated;
use crate::surrogate::to_parquet;

/// Points of one part file: a killed run loses less than these.
const PART: usize = 64;

#[derive(Args)]
pub(super) struct TrainArguments {
    /// Training file (TOML)
    file: PathBuf,
    /// Folder for the surrogate [default: models/surrogates/NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Number of threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

pub(super) fn run_train(arguments: &TrainArguments) -> Result<ExitCode, String> {
    let plan = read_plan(&arguments.file).map_err(|error| error.to_string())?;
    let folder = arguments.out.clone();
    let folder = folder.unwrap_or_else(|| Path::new("models/surrogates").join(&plan.name));
    check_folder(&folder)?;
    let monitor = Terminal::new();
    let trained = in_pool(arguments.threads, || trained(&plan, &folder, &monitor))?;
    monitor.finish();
    let Some((surrogate, card)) = trained? else {
        say("interrupted; the same command goes on from here");
        return Ok(ExitCode::from(EXIT_INCOMPLETE));
    };
    report::write_surrogate(&folder, &surrogate, &card).map_err(|error| error.to_string())?;
    super::print(&report::card_md(&card));
    super::print(&format!("\nsurrogate in {}\n", folder.display()));
    Ok(ExitCode::SUCCESS)
}

/// Simulations, networks, card; `None` after an interruption.
fn trained(
    plan: &Plan,
    folder: &Path,
    monitor: &Terminal,
) -> Result<Option<(Surrogate, RawCard)>, String> {
    let Some(simulated) = all_simulated(plan, folder, monitor)? else {
        return Ok(None);
    };
    let [training, validation, calibration, test] = &simulated.sets;
    let began = Instant::now();
    let school = School::new(plan, (training, validation)).map_err(|error| error.to_string())?;
    let mut made = RawMade::new(plan);
    made.threads = rayon::current_num_threads();
    made.simulating_s = simulated.seconds;
    let has_failed = |sample: &&Sample| !sample.failures.is_empty();
    let n_failed = |set: &Vec<Sample>| set.iter().filter(has_failed).count();
    made.failed = std::array::from_fn(|i| n_failed(&simulated.sets[i]));
    let data = data_fingerprint(&simulated.sets);
    made.set_data(data);
    let Some(networks) = all_learned(&school, (plan, folder, data), monitor)? else {
        return Ok(None);
    };
    made.training_s = networks.is_new.then(|| began.elapsed().as_secs_f64());
    for (_, members) in &networks.learned {
        let (validation, epochs): (Vec<f32>, Vec<usize>) =
            members.iter().map(|l| (l.validation, l.epoch)).unzip();
        made.validation.extend(validation);
        made.epochs.extend(epochs);
    }
    let weights: Vec<(Class, Vec<Vec<f32>>)> = networks
        .learned
        .into_iter()
        .map(|(class, members)| (class, members.into_iter().map(|l| l.weights).collect()))
        .collect();
    let surrogate = school.surrogate(&weights, (calibration, plan.working));
    let surrogate = surrogate.map_err(|error| error.to_string())?;
    let assessment = assess(&surrogate, "points all over the box", test, plan.working);
    let card = RawCard::new(&surrogate, made, &[assessment]);
    Ok(Some((surrogate, card)))
}

/// A number for all that was simulated.
fn data_fingerprint(sets: &[Vec<Sample>; 4]) -> u64 {
    let numbers = sets.iter().flatten().flat_map(|s| &s.values);
    let bytes: Vec<u8> = numbers.flat_map(|x| x.to_bits().to_le_bytes()).collect();
    fingerprint(&bytes)
}

/// Networks that have learned, in order.
struct Networks {
    learned: Vec<(Class, Vec<Learned>)>,
    /// Whether all of them learned in this run.
    is_new: bool,
}

/// Trains all networks side by side; those that an earlier run has trained are read. `None` after an interruption.
fn all_learned(
    school: &School<'_>,
    (plan, folder, data): (&Plan, &Path, u64),
    monitor: &Terminal,
) -> Result<Option<Networks>, String> {
    let folder = folder.join("networks");
    fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error.to_string()))?;
    let key = format!(
        "{:x} {data:x} {:?} {}",
        plan.fingerprint(),
        plan.learning,
        plan.seed
    );
    let key = fingerprint(key.as_bytes());
    let classes = school.classes();
    let members: Vec<(&Class, usize)> = classes
        .iter()
        .flat_map(|class| (0..plan.learning.members).map(move |member| (class, member)))
        .collect();
    let epochs = members.len() * plan.learning.epochs;
    monitor.begin("training", epochs);
    let done = AtomicUsize::new(0);
    let results: Vec<Result<(Learned, bool), String>> = members
        .par_iter()
        .map(|(class, member)| {
            let class_key = fingerprint(format!("{key:x} {class:?}").as_bytes());
            let name = format!("{class_key:016x}-{member}.network");
            let path = folder.join(name);
            let kept = fs::read(&path).ok();
            if let Some(learned) = kept.and_then(|bytes| Learned::from_bytes(&bytes)) {
                done.fetch_add(plan.learning.epochs, Ordering::Relaxed);
                return Ok((learned, false));
            }
            let goes_on = |_: usize| {
                let epoch = done.fetch_add(1, Ordering::Relaxed) + 1;
                monitor.advance_plainly(epoch);
                !monitor.is_interrupted()
            };
            let learned = school.learned(class, *member, &goes_on);
            let learned = learned.map_err(|error| error.to_string())?;
            write_whole(&path, &learned.to_bytes())?;
            Ok((learned, true))
        })
        .collect();
    if monitor.is_interrupted() {
        return Ok(None);
    }
    let mut networks = Networks {
        learned: Vec::new(),
        is_new: true,
    };
    let mut results = results.into_iter();
    for class in &classes {
        let mut members = Vec::new();
        for result in results.by_ref().take(plan.learning.members) {
            let (learned, is_new) = result?;
            networks.is_new &= is_new;
            members.push(learned);
        }
        networks.learned.push((class.clone(), members));
    }
    Ok(Some(networks))
}

/// The samples of all sets.
struct Simulated {
    sets: [Vec<Sample>; 4],
    /// How long it took, if all were simulated in this run (s).
    seconds: Option<f64>,
}

/// The samples of all sets, those that lie in the folder already and those that are simulated now; `None` after an
/// interruption.
fn all_simulated(
    plan: &Plan,
    folder: &Path,
    monitor: &Terminal,
) -> Result<Option<Simulated>, String> {
    let began = Instant::now();
    let mut are_all_new = true;
    let folder = folder.join("simulations");
    fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error.to_string()))?;
    let mut sets: [Vec<Sample>; 4] = Default::default();
    for (set, samples) in Set::ALL.into_iter().zip(&mut sets) {
        let n = plan.budget.of(set);
        let stage = format!("simulating, {} set", set.as_str());
        monitor.begin(&stage, n);
        for start in (0..n).step_by(PART) {
            let indices = start..(start + PART).min(n);
            let path = folder.join(format!("{}-{start:06}.parquet", set.as_str()));
            let part = match read_part(plan, &path, indices.len()) {
                Some(part) => {
                    are_all_new = false;
                    part
                }
                None => match new_part(plan, (set, indices), (monitor, &stage)) {
                    Some(part) => {
                        write_part(plan, &path, &part)?;
                        part
                    }
                    None => return Ok(None),
                },
            };
            samples.extend(part);
        }
    }
    let seconds = are_all_new.then(|| began.elapsed().as_secs_f64());
    Ok(Some(Simulated { sets, seconds }))
}

/// A part that an earlier run has written; one of another plan or a damaged one is simulated again.
fn read_part(plan: &Plan, path: &Path, n: usize) -> Option<Vec<Sample>> {
    let bytes = fs::read(path).ok()?;
    let samples = from_parquet(plan, &bytes).ok()??;
    (samples.len() == n).then_some(samples)
}

/// Simulates the points of a part side by side; `None` after an interruption.
fn new_part(
    plan: &Plan,
    (set, indices): (Set, std::ops::Range<usize>),
    (monitor, stage): (&Terminal, &str),
) -> Option<Vec<Sample>> {
    let start = indices.start;
    let with_slopes = set == Set::Training && start < plan.budget.with_slopes;
    let done = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    let samples: Vec<Option<Sample>> = indices
        .into_par_iter()
        .map(|index| {
            if monitor.is_interrupted() {
                return None;
            }
            let sample = simulated(plan, &point(plan, set, index), with_slopes);
            let finished = done.fetch_add(1, Ordering::Relaxed) + 1;
            let failed = failed.fetch_add(sample.failures.len(), Ordering::Relaxed);
            monitor.advance(&Status {
                stage,
                iteration: Some(start + finished),
                cost: f64::NAN,
                scaled_gradient: f64::NAN,
                evaluations: start + finished,
                failed,
            });
            Some(sample)
        })
        .collect();
    samples.into_iter().collect()
}

/// A part appears whole or not at all.
fn write_part(plan: &Plan, path: &Path, samples: &[Sample]) -> Result<(), String> {
    let bytes = to_parquet(plan, samples).map_err(|e| unwritable(path, &e.to_string()))?;
    write_whole(path, &bytes)
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = (|| -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.persist(path)?;
        Ok(())
    })();
    written.map_err(|error| unwritable(path, &error.to_string()))
}

fn unwritable(path: &Path, reason: &str) -> String {
    let place = path.display();
    format!("{place}: cannot be written: {reason}; choose another folder")
}
