//! A campaign as a job array of Slurm on this machine: started here, a task killed, the results those of a local run.
//!
//! Reports `skipped` where Slurm is not installed or cannot be started.

use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use crate::batch::campaign;
use crate::batch::checksums;
use crate::batch::run;
use crate::batch::said;
use crate::predict::sulfit;
use crate::support::project;

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_mins(3);

/// The daemons, ended with this.
struct Slurm {
    daemons: Vec<Child>,
    conf: String,
}

impl Drop for Slurm {
    fn drop(&mut self) {
        for daemon in &mut self.daemons {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

fn out_of(program: &str, arguments: &[&str], conf: &str) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .env("SLURM_CONF", conf)
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn quiet(command: &mut Command) -> Option<Child> {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}

/// Starts munge, the controller and the node's daemon; `None` where that is not possible.
fn started(folder: &Path) -> Option<Slurm> {
    for sub in ["state", "spool", "log"] {
        std::fs::create_dir_all(folder.join(sub)).ok()?;
    }
    let host = out_of("hostname", &["-s"], "")?;
    let text = std::fs::read_to_string(project("tests/files/slurm/slurm.conf.in")).ok()?;
    let text = text
        .replace("@DIR@", folder.to_str()?)
        .replace("@HOST@", host.trim());
    let conf = folder.join("slurm.conf");
    std::fs::write(&conf, text).ok()?;
    let conf = conf.to_str()?.to_owned();
    out_of("sbatch", &["--version"], &conf)?;
    let mut slurm = Slurm {
        daemons: Vec::new(),
        conf: conf.clone(),
    };
    if !Path::new("/run/munge/munge.socket.2").exists() {
        let _ = std::fs::create_dir_all("/run/munge");
        let folders = [
            "/etc/munge",
            "/run/munge",
            "/var/lib/munge",
            "/var/log/munge",
        ];
        let _ = Command::new("chown")
            .arg("-R")
            .arg("munge:")
            .args(folders)
            .status();
        let mut munged = Command::new("setpriv");
        munged.args([
            "--reuid=munge",
            "--regid=munge",
            "--clear-groups",
            "/usr/sbin/munged",
            "--foreground",
        ]);
        slurm.daemons.push(quiet(&mut munged)?);
        std::thread::sleep(Duration::from_secs(1));
    }
    for (program, pause) in [("slurmctld", 2), ("slurmd", 1)] {
        let mut daemon = Command::new(program);
        daemon.arg("-D").env("SLURM_CONF", &conf);
        slurm.daemons.push(quiet(&mut daemon)?);
        std::thread::sleep(Duration::from_secs(pause));
    }
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(30) {
        let states = out_of("sinfo", &["--noheader", "--format=%T"], &conf);
        if states.is_some_and(|s| s.contains("idle")) {
            return Some(slurm);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    None
}

impl Slurm {
    fn sulfit(&self, arguments: &[&str]) -> std::process::Output {
        Command::new(env!("CARGO_BIN_EXE_sulfit"))
            .args(arguments)
            .env("SLURM_CONF", &self.conf)
            .current_dir(project(""))
            .output()
            .unwrap()
    }

    /// Waits until no task is in the queue.
    fn wait(&self) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let queue = out_of("squeue", &["--noheader"], &self.conf);
            if queue.is_some_and(|q| q.trim().is_empty()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("tasks are still in the queue");
    }
}

#[test]
fn job_array_gives_the_bytes_of_a_local_run_even_if_a_task_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let Some(slurm) = started(folder.path()) else {
        println!("skipped: no Slurm can be started here");
        return;
    };
    let campaign = campaign(folder.path(), 12);
    let (local, array) = (folder.path().join("local"), folder.path().join("array"));
    let (file, out) = (campaign.to_str().unwrap(), array.to_str().unwrap());
    let submit = [
        "batch", "submit", file, "--out", out, "--slurm", "--tasks", "3",
    ];
    let output = slurm.sulfit(&submit);
    assert!(output.status.success(), "{}", said(&output));
    let id = said(&output);
    let id = id
        .trim_start_matches("job ")
        .split(':')
        .next()
        .unwrap()
        .to_owned();
    let told = said(&slurm.sulfit(&["batch", "status", file, "--out", out]));
    assert!(
        told.contains("12 cells: ") && told.contains("Slurm: "),
        "{told}"
    );
    std::thread::sleep(Duration::from_millis(700));
    out_of(
        "scancel",
        &["--signal=KILL", &format!("{id}_1")],
        &slurm.conf,
    );
    slurm.wait();
    // What the killed task has left, another submission does.
    let output = slurm.sulfit(&submit);
    assert!(output.status.success(), "{}", said(&output));
    slurm.wait();
    let told = said(&sulfit(&["batch", "status", file, "--out", out]));
    assert!(told.contains("12 cells: 12 done, 0 failed"), "{told}");
    assert!(run(&campaign, &local, &[]).status.success());
    assert_eq!(checksums(&local), checksums(&array));
}
