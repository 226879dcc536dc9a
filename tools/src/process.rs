//! Child processes: started in their own group, their output read line by line, stopped in order.
//!
//! A child is started through `shrike child`, which asks the kernel for SIGTERM when its parent
//! dies: if this process is killed, nothing keeps running (and the trader still cancels its
//! orders). Children have their own process group, so that Ctrl-C reaches this process alone and
//! the order of the stop is ours. Start them from the main thread: the kernel watches the thread.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::cli::ChildArgs;
use crate::exit::{Exit, Failure};

/// Lines kept of each child, for messages about its end.
const TAIL_LINES: usize = 40;
/// Time between two looks at a child that shall end.
const POLL: Duration = Duration::from_millis(20);

/// Takes each line a child writes: its name and the line.
pub(crate) type Sink = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// How to start a child.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Name for people.
    pub(crate) name: &'static str,
    /// Program.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) args: Vec<OsString>,
    /// Variables added to the environment.
    pub(crate) env: Vec<(&'static str, OsString)>,
    /// Added to the niceness, so that the trader comes first.
    pub(crate) nice: i32,
}

/// A child process; killed when dropped.
pub(crate) struct Process {
    /// Name for people.
    pub(crate) name: &'static str,
    child: Child,
    tail: Arc<Mutex<VecDeque<String>>>,
    readers: Vec<JoinHandle<()>>,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts a child.
    ///
    /// # Errors
    /// Exit 69 if the program cannot be started.
    pub(crate) fn start(plan: &Plan, sink: &Sink) -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| {
            Failure::new(
                Exit::Unavailable,
                format!("{}: cannot start {}: {error}", plan.name, plan.program.display()),
                "build it: cargo build --release --bins",
            )
        };
        let own = std::env::current_exe().map_err(cannot)?;
        let mut child = Command::new(own)
            .arg("child")
            .args(["--nice", &plan.nice.to_string(), "--"])
            .arg(&plan.program)
            .args(&plan.args)
            .envs(plan.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(cannot)?;
        let tail = Arc::new(Mutex::new(VecDeque::with_capacity(TAIL_LINES)));
        let mut readers = vec![];
        if let Some(out) = child.stdout.take() {
            readers.push(read_lines(plan.name, out, Arc::clone(&tail), Arc::clone(sink)));
        }
        if let Some(out) = child.stderr.take() {
            readers.push(read_lines(plan.name, out, Arc::clone(&tail), Arc::clone(sink)));
        }
        Ok(Self { name: plan.name, child, tail, readers, status: None })
    }

    /// Process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// Asks it to end.
    pub(crate) fn terminate(&mut self) {
        self.signal(Signal::TERM);
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(status) = self.ended() {
                // What it wrote last is read before anyone looks at the tail.
                for reader in self.readers.drain(..) {
                    let _ = reader.join();
                }
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::sleep(POLL);
        }
    }

    /// Asks it to end and waits; kills it when it does not.
    ///
    /// # Errors
    /// It did not end in time, or not with 0.
    pub(crate) fn stop(&mut self, timeout: Duration) -> Result<(), Failure> {
        self.terminate();
        match self.wait(timeout) {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.failure(status)),
            None => {
                self.signal(Signal::KILL);
                self.wait(Duration::from_secs(5));
                Err(Failure::new(
                    Exit::Failed,
                    format!(
                        "{} (pid {}) did not end {} s after SIGTERM and was killed{}",
                        self.name,
                        self.pid(),
                        timeout.as_secs(),
                        self.last_words(),
                    ),
                    "its log says what it waited for",
                ))
            }
        }
    }

    /// What its unwanted end means, with its last lines.
    pub(crate) fn failure(&mut self, status: ExitStatus) -> Failure {
        let exit = match status.code() {
            Some(78) => Exit::Config,
            Some(75) => Exit::Busy,
            Some(69) => Exit::Unavailable,
            _ => Exit::Failed,
        };
        let next = match exit {
            Exit::Config => "correct the configuration where it says; `shrike check-config FILE`",
            Exit::Busy => "another process holds what it needs: stop that one",
            Exit::Unavailable => "see that the venue and the database can be reached",
            _ => "its log has the whole story",
        };
        Failure::new(exit, format!("{} {}{}", self.name, ending(status), self.last_words()), next)
    }

    fn last_words(&self) -> String {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let skip = tail.len().saturating_sub(8);
        let lines: Vec<String> =
            tail.iter().skip(skip).map(|line| format!("\n    {line}")).collect();
        if lines.is_empty() { String::new() } else { format!("; it said:{}", lines.concat()) }
    }

    fn signal(&mut self, signal: Signal) {
        if self.ended().is_some() {
            return;
        }
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may end between the look and the signal; then there is nothing to signal.
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}

/// `ended with exit code 69`, `was killed by signal 9`.
pub(crate) fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

fn read_lines(
    name: &'static str,
    out: impl Read + Send + 'static,
    tail: Arc<Mutex<VecDeque<String>>>,
    sink: Sink,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(out);
        let mut bytes = vec![];
        loop {
            bytes.clear();
            match reader.read_until(b'\n', &mut bytes) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&bytes);
            let line = text.trim_end();
            {
                let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
                if tail.len() == TAIL_LINES {
                    tail.pop_front();
                }
                tail.push_back(line.to_owned());
            }
            sink(name, line);
        }
    })
}

/// `shrike child`: becomes the program, which ends when the parent does.
///
/// # Errors
/// The program cannot be started.
pub(crate) fn become_child(args: &ChildArgs) -> Result<Exit, Failure> {
    let parent = rustix::process::getppid();
    let watched = rustix::process::set_parent_process_death_signal(Some(Signal::TERM));
    if let Err(error) = watched {
        eprintln!("shrike: the end of the parent cannot be watched: {error}");
    }
    if rustix::process::getppid() != parent {
        return Err(Failure::new(Exit::Failed, "the parent ended while its child started", ""));
    }
    if args.nice != 0 {
        // A lower priority is a kindness, not a need.
        let _ = rustix::process::nice(args.nice);
    }
    let error = Command::new(&args.program[0]).args(&args.program[1..]).exec();
    Err(Failure::new(
        Exit::Unavailable,
        format!("cannot start {}: {error}", args.program[0].display()),
        "build it: cargo build --release --bins",
    ))
}
