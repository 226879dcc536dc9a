//! Starts the clients, gives each its turn, and takes their own figures.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::server::{Role, Server};
use crate::tls::{Authority, authority};
use crate::{Client, shrike};

/// Time a client has to open its connections.
const READY_WAIT: Duration = Duration::from_secs(30);
/// The key all clients sign with; the measuring exchange does not check it.
pub(crate) const SECRET: &str = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9";
/// The asyncio client's library, pinned.
const AIOHTTP: &str = "aiohttp==3.14.5";

/// One client's turn.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub(crate) wire_ns: Vec<u64>,
    pub(crate) process_ns: Vec<u64>,
    pub(crate) parts_ns: [Vec<u64>; shrike::PARTS.len()],
    pub(crate) missed: u64,
}

/// The exchange and where clients find it.
pub(crate) struct Bench {
    server: Server,
    port: u16,
    dir: TempDir,
    cores: usize,
    python: Option<PathBuf>,
}

/// A client process; ended when dropped, whatever happens.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which is no error.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Bench {
    /// Starts the exchange.
    pub(crate) fn new(cores: usize) -> Result<Self> {
        let Authority { pem, server } = authority()?;
        let dir = tempfile::tempdir()?;
        std::fs::write(dir.path().join("ca.pem"), pem)?;
        let server = Server::new(server)?;
        Ok(Self { port: server.port()?, server, dir, cores, python: None })
    }

    fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A command on the clients' core.
    fn on_core(&self, program: &Path) -> Command {
        self.on_cores("1", program)
    }

    /// A command on some cores, where there is more than one; it would else inherit ours.
    fn on_cores(&self, cores: &str, program: &Path) -> Command {
        if self.cores < 2 {
            return Command::new(program);
        }
        let mut command = Command::new("taskset");
        command.args(["-c", cores]).arg(program);
        command
    }

    /// One client's turn: started, warmed up, measured, ended.
    pub(crate) fn turn(
        &mut self,
        client: Client,
        warm_up: usize,
        ticks: usize,
        gap: Duration,
    ) -> Result<Turn> {
        if matches!(client, Client::Trader | Client::TraderHmac) {
            let logs_on = client == Client::Trader;
            return self.trader_turn(logs_on, warm_up, ticks, gap);
        }
        let out = self.dir.path().join("times");
        let mut command = match client {
            Client::Python => {
                let python = self.python()?;
                let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/client.py");
                let mut command = self.on_core(&python);
                command.arg(script);
                command
            }
            _ => {
                let mut command = self.on_core(&std::env::current_exe()?);
                command.arg(if client == Client::Plain { "peer-plain" } else { "peer-floor" });
                command
            }
        };
        command.arg(self.port.to_string()).arg(self.ca_file()).arg(SECRET).arg(&out);
        let order_role = if client == Client::Python { Role::Rest } else { Role::Order };
        let mut running = Running(command.stdin(Stdio::null()).spawn()?);
        self.server.wait_ready(order_role, Instant::now() + READY_WAIT)?;
        self.server.round(order_role, warm_up, gap)?;
        let round = self.server.round(order_role, ticks, gap)?;
        self.server.hang_up();
        let deadline = Instant::now() + Duration::from_secs(10);
        while running.0.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("the client did not end when the exchange hung up");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut turn = Turn { wire_ns: round.wire_ns, missed: round.missed, ..Turn::default() };
        if client != Client::Python {
            let text = std::fs::read_to_string(&out).context("the client left no times")?;
            let times: Vec<u64> = text.lines().map(str::parse).collect::<Result<_, _>>()?;
            turn.process_ns = times[times.len().saturating_sub(ticks)..].to_vec();
        }
        Ok(turn)
    }

    fn trader_turn(
        &mut self,
        logs_on: bool,
        warm_up: usize,
        ticks: usize,
        gap: Duration,
    ) -> Result<Turn> {
        let run =
            shrike::prepare(self.dir.path(), &self.ca_file(), self.port, self.cores, logs_on)?;
        // Not confined to one core as the others are: it pins its hot thread there by itself and
        // keeps its cold and log threads off it.
        let mut command = self.on_cores("0,1", &run.program);
        command.arg("--config").arg(&run.config).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(std::fs::File::create(&run.console)?);
        let mut running = Running(command.spawn().context("starting the trader")?);
        let ready = self.server.wait_ready(Role::Order, Instant::now() + READY_WAIT);
        ready.with_context(|| run.last_words())?;
        // Armed only after its books are in sync and its account is reconciled.
        self.server.idle(Duration::from_secs(2))?;
        self.server.round(Role::Order, warm_up, gap).with_context(|| run.last_words())?;
        let mut journal = run.journal()?;
        let round = self.server.round(Role::Order, ticks, gap).with_context(|| run.last_words())?;
        self.server.idle(Duration::from_millis(50))?;
        let times = journal.take(ticks)?;
        rustix::process::kill_process(
            rustix::process::Pid::from_child(&running.0),
            rustix::process::Signal::TERM,
        )?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while running.0.try_wait()?.is_none() && Instant::now() < deadline {
            self.server.idle(Duration::from_millis(5))?;
        }
        self.server.hang_up();
        drop(running);
        rings::remove_instance(&run.instance).map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(Turn {
            wire_ns: round.wire_ns,
            process_ns: times.whole,
            parts_ns: times.parts,
            missed: round.missed,
        })
    }

    /// A Python with aiohttp, made once in the build directory.
    fn python(&mut self) -> Result<PathBuf> {
        if let Some(python) = &self.python {
            return Ok(python.clone());
        }
        let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/wire-python");
        let python = venv.join("bin/python");
        let ready = |python: &Path| {
            let import = Command::new(python).args(["-c", "import aiohttp"]).output();
            import.is_ok_and(|output| output.status.success())
        };
        if !ready(&python) {
            let made = Command::new("python3").args(["-m", "venv"]).arg(&venv).status()?;
            let pip = venv.join("bin/pip");
            let install = Command::new(pip).args(["install", "--quiet", AIOHTTP]).status()?;
            if !made.success() || !install.success() || !ready(&python) {
                bail!("no Python with {AIOHTTP} could be made in {}", venv.display());
            }
        }
        self.python = Some(python.clone());
        Ok(python)
    }
}
