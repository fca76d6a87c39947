//! `sulfit batch submit`: a job array of Slurm over the folder of the campaign.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitCode;

use clap::Args;

use super::super::console::deliver;
use super::Place;
use super::answer_campaign;
use super::print;
use crate::report::RawDeed;

/// Ids of the job arrays that were submitted, one a line, in the folder of the campaign.
const JOBS: &str = "slurm/jobs";

#[derive(Args)]
pub(super) struct SubmitArguments {
    /// Campaign file (TOML)
    file: PathBuf,
    /// Folder of the campaign, on a file system that all nodes share [default: results/NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The scheduler; there is but one
    #[arg(long, required = true)]
    slurm: bool,
    /// Tasks of the array, which share the cells evenly
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    tasks: u32,
    /// Tasks that may run at the same time [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    throttle: Option<u32>,
    /// Cores of each task, one fit on each
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    cores: u16,
    /// Partition [default: that of the cluster]
    #[arg(long, value_name = "NAME")]
    partition: Option<String>,
    /// Time limit of a task, in a form that Slurm knows; what is not done then is done by the next submission
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
    /// Memory of a task, in a form that Slurm knows
    #[arg(long, value_name = "MEMORY")]
    memory: Option<String>,
    /// Print the script and submit nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn submit(arguments: &SubmitArguments) -> Result<ExitCode, String> {
    let place = Place::new(&arguments.file, arguments.out.as_deref())?;
    let absolute = |path: &Path| {
        std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let root = absolute(place.folder.root())?;
    let file = absolute(&arguments.file)?;
    let program = std::env::current_exe().map_err(|e| format!("the program itself: {e}"))?;
    let script = script(arguments, &place.campaign.name, [&program, &file, &root]);
    let submitted = |job: Option<String>| RawDeed::Submitted {
        job,
        tasks: arguments.tasks,
        script: script.clone(),
    };
    if arguments.dry_run {
        deliver(&script);
        answer_campaign(&place, || submitted(None));
        return Ok(ExitCode::SUCCESS);
    }
    place.folder.prepare().map_err(|e| e.to_string())?;
    let folder = root.join("slurm");
    let path = folder.join("job.sh");
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, &script));
    written.map_err(|error| format!("{}: {error}; choose another folder", path.display()))?;
    let output = Command::new("sbatch").arg("--parsable").arg(&path).output();
    let output = output.map_err(|error| {
        format!("sbatch cannot be started: {error}; is Slurm installed here? sulfit batch run needs none")
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("sbatch refused the job: {}", said.trim()));
    }
    let id = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let jobs = root.join(JOBS);
    let known = std::fs::read_to_string(&jobs).unwrap_or_default();
    std::fs::write(&jobs, format!("{known}{id}\n"))
        .map_err(|e| format!("{}: {e}", jobs.display()))?;
    print(&format!(
        "job {id}: {} tasks; sulfit batch status tells where it stands\n",
        arguments.tasks
    ));
    answer_campaign(&place, || submitted(Some(id)));
    Ok(ExitCode::SUCCESS)
}

/// The script of the job array.
fn script(arguments: &SubmitArguments, name: &str, [program, file, root]: [&Path; 3]) -> String {
    let throttle = arguments
        .throttle
        .map_or_else(String::new, |n| format!("%{n}"));
    let option = |flag: &str, value: Option<&String>| {
        value.map_or_else(String::new, |value| format!("#SBATCH --{flag}={value}\n"))
    };
    let log = root.join("slurm").join("%A_%a.log");
    format!(
        "#!/bin/bash\n\
         #SBATCH --job-name={}\n\
         #SBATCH --array=0-{}{throttle}\n\
         #SBATCH --cpus-per-task={}\n\
         {}{}{}\
         #SBATCH --requeue\n\
         #SBATCH --open-mode=append\n\
         #SBATCH --output={}\n\
         exec {} batch run {} --out {} --threads {} --part \"$SLURM_ARRAY_TASK_ID/{}\" --trust\n",
        quoted(&name.replace(|c: char| !c.is_alphanumeric(), "_")),
        arguments.tasks - 1,
        arguments.cores,
        option("partition", arguments.partition.as_ref()),
        option("time", arguments.time.as_ref()),
        option("mem", arguments.memory.as_ref()),
        log.display(),
        quoted(&program.to_string_lossy()),
        quoted(&file.to_string_lossy()),
        quoted(&root.to_string_lossy()),
        arguments.cores,
        arguments.tasks,
    )
}

/// A word that a shell takes as it is.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    if word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// What Slurm says of the arrays that were submitted; nothing where none was.
pub(super) fn queue(root: &Path) -> String {
    let jobs = std::fs::read_to_string(root.join(JOBS)).unwrap_or_default();
    let ids: Vec<&str> = jobs.lines().collect();
    if ids.is_empty() {
        return String::new();
    }
    let output = Command::new("squeue")
        .args(["--noheader", "--array", "--format=%T", "--jobs"])
        .arg(ids.join(","))
        .output();
    let Ok(output) = output else {
        return "Slurm: squeue cannot be started here\n".to_owned();
    };
    let states = String::from_utf8_lossy(&output.stdout).into_owned();
    let n = |wanted: &str| states.lines().filter(|s| s.trim() == wanted).count();
    let all = states.lines().filter(|s| !s.trim().is_empty()).count();
    format!(
        "Slurm: {} tasks in the queue, {} of them running, {} waiting\n",
        all,
        n("RUNNING"),
        n("PENDING")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(quoted("/a/b-c.toml"), "/a/b-c.toml");
        assert_eq!(quoted("it's a"), "'it'\\''s a'");
    }
}
