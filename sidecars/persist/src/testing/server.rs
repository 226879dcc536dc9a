//! A real PostgreSQL: own directory, own port, loopback and its own socket only.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use postgres::{Client, NoTls};
use tempfile::TempDir;

/// What to do when no server is installed; tests fail with it, they do not skip.
const INSTALL: &str = "no PostgreSQL server found in PATH, $PG_BIN or /usr/lib/postgresql/*/bin: \
                       install one (Debian: `apt-get install postgresql`), or name its directory \
                       in PG_BIN";

/// A running server with an empty database per [`Postgres::database`].
#[derive(Debug)]
pub struct Postgres {
    dir: TempDir,
    bin: PathBuf,
    port: u16,
}

impl Postgres {
    /// Makes a cluster and starts it. PostgreSQL refuses root, so under root it runs as `postgres`
    /// or, without such a user, as `nobody`.
    ///
    /// # Panics
    /// With what to do, if there is no PostgreSQL or it does not start.
    pub fn start() -> Self {
        let bin = find_bin().unwrap_or_else(|| panic!("{INSTALL}"));
        let dir = tempfile::Builder::new().prefix("shrike-pg-").tempdir().expect("a temp dir");
        let server = Self { dir, bin, port: free_port() };
        let all = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(server.dir.path(), all).expect("our own directory");
        server.run("initdb", &["-D", &server.data(), "-U", "shrike", "-A", "trust", "-N"]);
        // A commit must survive kill -9 of the server, which needs no fsync; a power cut is not
        // tested here, and fsync on a busy disk makes the tests slow.
        let settings = format!(
            "port = {}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\n\
             fsync = off\nmax_connections = 30\n",
            server.port,
            server.dir.path().display()
        );
        let extra = format!("include_if_exists = '{}'\n", server.settings_path().display());
        std::fs::write(server.settings_path(), settings).expect("our own directory");
        let main = Path::new(&server.data()).join("postgresql.conf");
        let old = std::fs::read_to_string(&main).expect("initdb wrote it");
        std::fs::write(&main, format!("{old}\n{extra}")).expect("our own directory");
        server.up();
        server
    }

    fn data(&self) -> String {
        self.dir.path().join("data").display().to_string()
    }

    fn settings_path(&self) -> PathBuf {
        self.dir.path().join("shrike.conf")
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Panics
    /// If it does not.
    pub fn up(&self) {
        let log = self.dir.path().join("server.log").display().to_string();
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-t", "60", "-l", &log, "start"]);
    }

    /// Stops the server: `immediate` is what a crash looks like, `fast` is an administrator.
    ///
    /// # Panics
    /// If it does not stop.
    pub fn down(&self, mode: &str) {
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-m", mode, "stop"]);
    }

    /// Makes an empty database and returns its URL.
    ///
    /// # Panics
    /// If the server does not answer.
    pub fn database(&self, name: &str) -> String {
        let mut client = Client::connect(&self.url("postgres"), NoTls).expect("the server runs");
        client.batch_execute(&format!("CREATE DATABASE \"{name}\"")).expect("a new name");
        self.url(name)
    }

    /// Where it keeps everything, its log too.
    pub fn folder(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    /// URL of a database of this server.
    pub fn url(&self, name: &str) -> String {
        format!("postgres://shrike@127.0.0.1:{}/{name}", self.port)
    }

    /// Port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        let mut command = match unprivileged_user() {
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", user, "--regid", user_group(user), "--clear-groups"]);
                command.arg(program);
                command
            }
            None => Command::new(program),
        };
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        command.env("LC_ALL", "C").env("HOME", self.dir.path());
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        // Into a file, not a pipe: the server would keep the pipe open.
        let output_path = self.dir.path().join(format!("{program}.out"));
        let output = std::fs::File::create(&output_path).expect("our own directory");
        let errors = output.try_clone().expect("a second handle");
        let status = self
            .command(program)
            .args(arguments)
            .stdout(output)
            .stderr(errors)
            .status()
            .unwrap_or_else(|e| panic!("{program}: {e}"));
        if !status.success() {
            let said = std::fs::read_to_string(output_path).unwrap_or_default();
            let log = std::fs::read_to_string(self.dir.path().join("server.log"));
            panic!("{program} {arguments:?}: {status}\n{said}\n{}", log.unwrap_or_default());
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A server that does not stop is not worth a panic within a panic.
        let _ = self
            .command("pg_ctl")
            .args(["-D", &self.data(), "-w", "-m", "immediate", "stop"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

/// The newest installed server.
fn find_bin() -> Option<PathBuf> {
    let named = std::env::var_os("PG_BIN").map(PathBuf::from);
    let mut installed: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    installed.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    named
        .into_iter()
        .chain(installed.into_iter().rev().map(|(_, bin)| bin))
        .chain(std::env::split_paths(&path))
        .find(|bin| bin.join("pg_ctl").exists() && bin.join("initdb").exists())
}

/// Whom to run as when we are root.
fn unprivileged_user() -> Option<&'static str> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    if uid.split_whitespace().nth(1) != Some("0") {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let has = |name: &str| users.lines().any(|line| line.split(':').next() == Some(name));
    Some(if has("postgres") { "postgres" } else { "nobody" })
}

fn user_group(user: &'static str) -> &'static str {
    if user == "nobody" { "nogroup" } else { user }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}
