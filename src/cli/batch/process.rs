//! A process that does fits for `run`, and what becomes of it.

use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Seek;
use std::io::Write;
use std::path::Path;
use std::process::Child;
use std::process::ChildStdin;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::channel;
use std::time::Duration;
use std::time::Instant;

use super::pipe::Standing;
use super::pipe::Word;
use crate::batch::Ended;
use crate::config::Budget;

/// A process gets no further fit after this time: one that does long fits does one, so that nothing but its result
/// is left of it, and for short ones the start of a process costs a thousandth.
const KEPT: Duration = Duration::from_secs(5);
/// How often somebody who wants a stop is heard.
const HEARD: Duration = Duration::from_millis(100);
/// Lines of what a process said last that are kept.
const SAID: usize = 5;

/// How a fit came back.
pub(super) enum Outcome {
    /// The process told how it ended.
    Ended(Ended),
    /// The process ended without a word.
    Died(ExitStatus),
    /// Its time was over, and the process was ended.
    Late,
    /// Somebody wanted a stop, and the process was ended.
    Stopped,
}

/// A process that waits for fits. Dropping it ends it.
pub(super) struct Process {
    child: Child,
    keys: Option<ChildStdin>,
    words: Receiver<Word>,
    /// What it writes to stderr.
    said: File,
    began: Instant,
}

impl Process {
    /// Starts one for the campaign in `folder`, with these further arguments.
    ///
    /// # Errors
    /// If the system has no process left, or no temporary file.
    pub(super) fn start(
        program: &Path,
        budget: &Budget,
        folder: &Path,
        arguments: &[std::ffi::OsString],
    ) -> std::io::Result<Self> {
        let said = tempfile::tempfile()?;
        let mut child = limited(program, budget)
            .args(["batch", "work"])
            .arg(folder)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(said.try_clone()?)
            .spawn()?;
        let (keys, out) = (child.stdin.take(), child.stdout.take());
        let (sender, words) = channel();
        std::thread::spawn(move || {
            let lines = out.map(BufReader::new).into_iter().flat_map(BufRead::lines);
            for word in lines.map_while(Result::ok).filter_map(|l| Word::read(&l)) {
                if sender.send(word).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            child,
            keys,
            words,
            said,
            began: Instant::now(),
        })
    }

    /// Whether it shall do another fit.
    pub(super) fn is_fresh(&self) -> bool {
        self.began.elapsed() < KEPT
    }

    /// Gives it the next fit.
    ///
    /// # Errors
    /// If it is no longer there.
    pub(super) fn hand_over(&mut self, key: &str) -> std::io::Result<()> {
        // Its stderr shares this file's position.
        self.said.set_len(0)?;
        self.said.rewind()?;
        match &mut self.keys {
            Some(keys) => keys.write_all(format!("{key}\n").as_bytes()),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Waits for the end of the fit, for at most `limit`.
    ///
    /// # Errors
    /// If the system does not tell how the process ended.
    pub(super) fn wait(
        &mut self,
        limit: Option<Duration>,
        is_stopped: impl Fn() -> bool,
        tell: impl Fn(&Standing),
    ) -> std::io::Result<Outcome> {
        let began = Instant::now();
        loop {
            match self.words.recv_timeout(HEARD) {
                Ok(Word::At(standing)) => tell(&standing),
                Ok(Word::Ended(ended)) => return Ok(Outcome::Ended(ended)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Ok(Outcome::Died(self.child.wait()?));
                }
            }
            if is_stopped() {
                self.end();
                return Ok(Outcome::Stopped);
            }
            if limit.is_some_and(|limit| began.elapsed() > limit) {
                self.end();
                return Ok(Outcome::Late);
            }
        }
    }

    /// Ends it at once.
    fn end(&mut self) {
        // One that has ended cannot be ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The last lines that it wrote to stderr during this fit.
    pub(super) fn last_words(&mut self) -> Vec<String> {
        let mut bytes = Vec::new();
        let read = self.said.rewind();
        // What cannot be read is missing from the record, no more.
        let _ = read.and_then(|()| self.said.read_to_end(&mut bytes));
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(SAID);
        lines[from..]
            .iter()
            .map(|line| (*line).to_owned())
            .collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Between two fits it has nothing to lose, in the middle of one nobody waits for it any more.
        self.end();
    }
}

/// The program with a limit on its memory, where the system has a shell that sets one.
fn limited(program: &Path, budget: &Budget) -> Command {
    match budget.bytes {
        Some(bytes) if cfg!(unix) => {
            let mut command = Command::new("sh");
            let kib = bytes / 1024;
            command
                .arg("-c")
                .arg(format!("ulimit -v {kib}; exec \"$0\" \"$@\""))
                .arg(program);
            command
        }
        _ => Command::new(program),
    }
}
