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
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::check_folder;
use super::console::answer;
use super::console::answer_file;
use super::console::incomplete;
use super::in_pool;
use super::progress::Terminal;
use super::say;
use crate::config::read_card;
use crate::config::read_plan;
use crate::config::read_points;
use crate::config::read_surrogate;
use crate::estimate::Monitor;
use crate::estimate::Status;
use crate::numerics::fingerprint::fingerprint;
use crate::report;
use crate::report::RawCard;
use crate::report::RawChecked;
use crate::report::RawCheckedBudget;
use crate::report::RawMade;
use crate::surrogate::Assessment;
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
/// Points of a table that the error is told for.
const NEAR_TEST: usize = 512;

#[derive(Args)]
pub(super) struct TrainArguments {
    /// Training file (TOML)
    file: PathBuf,
    /// Folder for the surrogate [default: models/surrogates/NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Table of parameter values (CSV, as draws.csv of a fit) where the error shall be known too
    #[arg(long, value_name = "TABLE")]
    near: Option<PathBuf>,
    /// Simulate this many points of the table and learn from them too
    #[arg(long, value_name = "N", requires = "near", default_value_t = 0)]
    refine: u16,
    /// Train nothing: simulate the test points and write the error of the surrogate that lies in the folder anew
    #[arg(long, conflicts_with = "refine")]
    judge: bool,
    /// Number of threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

pub(super) fn run_train(arguments: &TrainArguments) -> Result<ExitCode, String> {
    let plan = read_plan(&arguments.file).map_err(|error| error.to_string())?;
    let folder = arguments.out.clone();
    let folder = folder.unwrap_or_else(|| Path::new("models/surrogates").join(&plan.name));
    check_folder(&folder)?;
    let near = match &arguments.near {
        None => Near::default(),
        Some(path) => near(path, &plan, (&folder, usize::from(arguments.refine)))?,
    };
    let monitor = Terminal::new();
    let context = (folder.as_path(), &monitor);
    let trained = in_pool(arguments.threads, || {
        if arguments.judge {
            judged(&plan, &near, context)
        } else {
            trained(&plan, &near, context)
        }
    })?;
    monitor.finish();
    let Some((surrogate, card, assessments)) = trained? else {
        return Ok(incomplete(
            "interrupted; the same command goes on from here",
        ));
    };
    report::write_surrogate(&folder, &surrogate, (&card, &assessments))
        .map_err(|error| error.to_string())?;
    super::print(&report::card_md(&card));
    answer_file(&folder, "card.json")?;
    super::print(&format!("\nsurrogate in {}\n", folder.display()));
    Ok(ExitCode::SUCCESS)
}

/// Tells what a training file asks for.
pub(super) fn check(file: &Path) -> Result<ExitCode, String> {
    let plan = read_plan(file).map_err(|error| error.to_string())?;
    let (numbers, curves): (Vec<_>, Vec<_>) = plan.outputs.iter().partition(|o| !o.is_curve());
    let budget = plan.budget;
    super::print(&format!(
        "{}: a surrogate of '{}' over {} axes\n\
         {} protocols, {} numbers, {} curves\n\
         simulations: {} to learn from ({} with derivatives), {} to stop by, {} to calibrate with, {} to test with\n",
        file.display(),
        plan.mechanism.name(),
        plan.axes.len(),
        plan.protocols.len(),
        numbers.len(),
        curves.len(),
        budget.training,
        budget.with_slopes,
        budget.validation,
        budget.calibration,
        budget.test,
    ));
    answer(|| {
        report::document(&RawChecked::Training {
            file: file.display().to_string(),
            mechanism: plan.mechanism.name().to_owned(),
            axes: plan.axes.len(),
            protocols: plan.protocols.iter().map(|p| p.name.clone()).collect(),
            numbers: numbers.len(),
            curves: curves.len(),
            simulations: RawCheckedBudget {
                training: budget.training,
                with_derivatives: budget.with_slopes,
                validation: budget.validation,
                calibration: budget.calibration,
                test: budget.test,
            },
        })
    });
    Ok(ExitCode::SUCCESS)
}

/// Points of a table: those to judge by, and those to learn from.
#[derive(Default)]
struct Near {
    /// Where they come from.
    name: String,
    test: Vec<Vec<f64>>,
    training: Vec<Vec<f64>>,
}

/// Draws points from a table, different ones to judge by and to learn from.
///
/// Those to learn from are half those that a surrogate in the folder knows least, where its networks disagree most, and
/// half any of them.
fn near(path: &Path, plan: &Plan, (folder, refine): (&Path, usize)) -> Result<Near, String> {
    let (mut points, n_outside) = read_points(path, plan).map_err(|error| error.to_string())?;
    if n_outside > 0 {
        let all = points.len() + n_outside;
        say(&format!(
            "{n_outside} of {all} points of {} lie outside the box and are left out",
            path.display()
        ));
    }
    points.shuffle(&mut ChaCha8Rng::seed_from_u64(plan.seed));
    let mut rest = points.split_off(points.len().min(NEAR_TEST));
    if rest.len() < refine {
        say(&format!(
            "{} instead of {refine} points of {} are left to learn from, beside {} to judge by",
            rest.len(),
            path.display(),
            points.len()
        ));
    }
    if refine < rest.len()
        && let Ok(surrogate) = read_surrogate(folder, &plan.mechanism)
        && surrogate.axes.len() == plan.axes.len()
    {
        let disagreement = surrogate.disagreement(&rest);
        let mut order: Vec<usize> = (0..rest.len()).collect();
        order.sort_by(|a, b| disagreement[*b].total_cmp(&disagreement[*a]));
        // The other half keeps its order, which is a random one.
        order[refine / 2..].sort_unstable();
        rest = order.into_iter().map(|i| rest[i].clone()).collect();
    }
    Ok(Near {
        name: format!(
            "points of {}",
            path.file_name().unwrap_or_default().to_string_lossy()
        ),
        test: points,
        training: rest.into_iter().take(refine).collect(),
    })
}

/// A surrogate, its card, and what the card says of its error.
type Trained = (Surrogate, RawCard, Vec<Assessment>);

/// The surrogate that lies in the folder, with its error on points that are simulated now; `None` after an
/// interruption.
fn judged(
    plan: &Plan,
    near: &Near,
    (folder, monitor): (&Path, &Terminal),
) -> Result<Option<Trained>, String> {
    let surrogate = read_surrogate(folder, &plan.mechanism).map_err(|error| error.to_string())?;
    let card = read_card(&folder.join("card.json")).map_err(|error| error.to_string())?;
    if !card.is_of(plan) {
        return Err(format!(
            "{}: found a surrogate of another plan; train it again or name its training file",
            folder.display()
        ));
    }
    let Some(test) = of_set(plan, Set::Test).simulated(plan, folder, monitor)? else {
        return Ok(None);
    };
    let Some(judged_too) = more("near-test", &near.test, (plan, folder, monitor))? else {
        return Ok(None);
    };
    let assessments = assessments(&surrogate, &test.samples, (near, &judged_too.samples), plan);
    let card = RawCard::clone(&card).judged(&surrogate, &assessments);
    Ok(Some((surrogate, card, assessments)))
}

/// Errors on the test points, and on those of a table if there are any.
fn assessments(
    surrogate: &Surrogate,
    test: &[Sample],
    (near, judged_too): (&Near, &[Sample]),
    plan: &Plan,
) -> Vec<Assessment> {
    let mut assessments = vec![assess(
        surrogate,
        "points all over the box",
        test,
        plan.working,
    )];
    if !judged_too.is_empty() {
        assessments.push(assess(surrogate, &near.name, judged_too, plan.working));
    }
    assessments
}

/// Samples of points of a table.
fn more(
    name: &str,
    points: &[Vec<f64>],
    (plan, folder, monitor): (&Plan, &Path, &Terminal),
) -> Result<Option<ManySamples>, String> {
    let key = fingerprint(format!("{points:?}").as_bytes());
    let many = Many {
        name: format!("{name}-{key:016x}"),
        stage: format!("simulating, {name}"),
        n: points.len(),
        with_slopes: 0,
        point: Box::new(|index| points[index].clone()),
    };
    many.simulated(plan, folder, monitor)
}

/// The points of a set.
fn of_set(plan: &Plan, set: Set) -> Many<'_> {
    Many {
        name: set.as_str().to_owned(),
        stage: format!("simulating, {} set", set.as_str()),
        n: plan.budget.of(set),
        with_slopes: if set == Set::Training {
            plan.budget.with_slopes
        } else {
            0
        },
        point: Box::new(move |index| point(plan, set, index)),
    }
}

/// Simulations, networks, card; `None` after an interruption.
fn trained(
    plan: &Plan,
    near: &Near,
    (folder, monitor): (&Path, &Terminal),
) -> Result<Option<Trained>, String> {
    let Some(mut simulated) = all_simulated(plan, folder, monitor)? else {
        return Ok(None);
    };
    let context = (plan, folder, monitor);
    let (Some(learned_too), Some(judged_too)) = (
        more("near-training", &near.training, context)?,
        more("near-test", &near.test, context)?,
    ) else {
        return Ok(None);
    };
    simulated.sets[0].extend(learned_too.samples);
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
    let assessments = assessments(&surrogate, test, (near, &judged_too.samples), plan);
    made.refined = near.training.len();
    let card = RawCard::new(&surrogate, made, &assessments);
    Ok(Some((surrogate, card, assessments)))
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
            let (epoch, loss) = (learned.epoch, learned.validation);
            tracing::info!("a network has learned best by epoch {epoch}, with error {loss:.3e}");
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
    let mut sets: [Vec<Sample>; 4] = Default::default();
    for (set, samples) in Set::ALL.into_iter().zip(&mut sets) {
        let Some(simulated) = of_set(plan, set).simulated(plan, folder, monitor)? else {
            return Ok(None);
        };
        are_all_new &= simulated.are_new;
        *samples = simulated.samples;
    }
    let seconds = are_all_new.then(|| began.elapsed().as_secs_f64());
    Ok(Some(Simulated { sets, seconds }))
}

/// Points that are simulated part by part.
struct Many<'a> {
    name: String,
    stage: String,
    n: usize,
    /// How many of the first ones with derivatives.
    with_slopes: usize,
    point: Box<dyn Fn(usize) -> Vec<f64> + Sync + 'a>,
}

/// Their samples.
struct ManySamples {
    samples: Vec<Sample>,
    /// Whether all were simulated in this run.
    are_new: bool,
}

impl Many<'_> {
    /// All samples, those that an earlier run has left read; `None` after an interruption.
    fn simulated(
        &self,
        plan: &Plan,
        folder: &Path,
        monitor: &Terminal,
    ) -> Result<Option<ManySamples>, String> {
        let folder = folder.join("simulations");
        fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error.to_string()))?;
        monitor.begin(&self.stage, self.n);
        let mut all = ManySamples {
            samples: Vec::new(),
            are_new: true,
        };
        for start in (0..self.n).step_by(PART) {
            let indices = start..(start + PART).min(self.n);
            let path = folder.join(format!("{}-{start:06}.parquet", self.name));
            if let Some(part) = read_part(plan, &path, indices.len()) {
                tracing::debug!("{}: read from an earlier run", path.display());
                all.are_new = false;
                all.samples.extend(part);
                continue;
            }
            let Some(part) = self.part(plan, indices, monitor) else {
                return Ok(None);
            };
            write_part(plan, &path, &part)?;
            tracing::debug!("{}: {} points simulated", path.display(), part.len());
            all.samples.extend(part);
        }
        Ok(Some(all))
    }

    /// Simulates the points of a part side by side; `None` after an interruption.
    fn part(
        &self,
        plan: &Plan,
        indices: std::ops::Range<usize>,
        monitor: &Terminal,
    ) -> Option<Vec<Sample>> {
        let start = indices.start;
        let with_slopes = start < self.with_slopes;
        let (done, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let samples: Vec<Option<Sample>> = indices
            .into_par_iter()
            .map(|index| {
                if monitor.is_interrupted() {
                    return None;
                }
                let sample = simulated(plan, &(self.point)(index), with_slopes);
                for failure in &sample.failures {
                    tracing::info!("{failure}");
                }
                let finished = start + done.fetch_add(1, Ordering::Relaxed) + 1;
                failed.fetch_add(sample.failures.len(), Ordering::Relaxed);
                monitor.advance(&Status {
                    stage: &self.stage,
                    iteration: Some(finished),
                    cost: f64::NAN,
                    scaled_gradient: f64::NAN,
                    evaluations: finished,
                    failed: failed.load(Ordering::Relaxed),
                });
                Some(sample)
            })
            .collect();
        samples.into_iter().collect()
    }
}

/// A part that an earlier run has written; one of another plan or a damaged one is simulated again.
fn read_part(plan: &Plan, path: &Path, n: usize) -> Option<Vec<Sample>> {
    let bytes = fs::read(path).ok()?;
    let samples = from_parquet(plan, &bytes).ok()??;
    (samples.len() == n).then_some(samples)
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
