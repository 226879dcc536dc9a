//! `shrike up --releases DIR`: every process from the current release, restarted when one dies,
//! and all of them in order on SIGHUP.
//!
//! Unlike plain `up` it goes on when the trader dies: the trader is started again and waits,
//! halted, for a person (`[start] enabled = false`). It also runs `shrike release watch`, so that a
//! release on probation is looked after whatever became of the shell it was deployed from.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::desk::Up;
use super::overlay;
use super::settings::Settings;
use super::store::{Link, Store, write_whole};
use crate::cli::{PlaceArgs, UpArgs};
use crate::exit::{Exit, Failure};
use crate::plans;
use crate::process::{Plan, Sink};
use crate::sidecar::Sidecar;

/// Time between two looks at the children.
const POLL: Duration = Duration::from_millis(50);
/// The trader cancels and confirms its orders in this time.
const TRADER_STOP: Duration = Duration::from_secs(30);
/// persist drains the journal in this time.
const PERSIST_STOP: Duration = Duration::from_secs(60);
/// Everything else ends in this time.
const OTHER_STOP: Duration = Duration::from_secs(10);

/// `shrike up --releases DIR`.
///
/// # Errors
/// Something is missing, another one runs, or a process did not end well.
pub(crate) fn run(args: &UpArgs, releases: &Path) -> Result<Exit, Failure> {
    let place = PlaceArgs {
        environment: args.environment.clone(),
        config: args.config.clone(),
        releases: Some(releases.to_owned()),
    };
    let settings = Settings::read(&place)?;
    let store = Store::open(releases)?;
    let mut supervisor = Supervisor::begin(settings, store, args.record.clone())?;
    let result = supervisor.watch();
    let stopped = supervisor.stop();
    result.and(stopped).map(|()| Exit::Ok)
}

/// The processes of one release.
struct Supervisor {
    settings: Settings,
    store: Store,
    record: Option<PathBuf>,
    /// In the order of their stop: the trader first.
    children: Vec<Sidecar>,
    watch: Option<Sidecar>,
    up: Up,
    stop: Arc<AtomicBool>,
    hung_up: Arc<AtomicBool>,
    sink: Sink,
    _lock: File,
}

impl Supervisor {
    fn begin(settings: Settings, store: Store, record: Option<PathBuf>) -> Result<Self, Failure> {
        let path = store.path("up.lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|error| Failure::file(&path, &error))?;
        // Whoever looks whether one runs holds it for a moment.
        let is_ours = (0..10).any(|_| {
            lock.try_lock().is_ok() || {
                std::thread::sleep(POLL);
                false
            }
        });
        if !is_ours {
            return Err(Failure::new(
                Exit::Busy,
                format!("another `shrike up` runs the releases of {}", path.display()),
                "stop that one first",
            ));
        }
        let stop = Arc::new(AtomicBool::new(false));
        let hung_up = Arc::new(AtomicBool::new(false));
        for (signal, flag) in [(SIGINT, &stop), (SIGTERM, &stop), (SIGHUP, &hung_up)] {
            signal_hook::flag::register(signal, Arc::clone(flag)).map_err(|error| {
                Failure::new(Exit::Unavailable, format!("signal {signal}: {error}"), "")
            })?;
        }
        let sink: Sink = Arc::new(|name, line| println!("{name:<8}| {line}"));
        // It counts on from the one before: a probation compares with what was counted then.
        let before = std::fs::read_to_string(store.path("up.json")).ok();
        let before = before.and_then(|text| serde_json::from_str::<Up>(&text).ok());
        let up = Up { pid: std::process::id(), ..before.unwrap_or_default() };
        let (children, watch) = (vec![], None);
        let this =
            Self { settings, store, record, children, watch, up, stop, hung_up, sink, _lock: lock };
        this.tell()?;
        Ok(this)
    }

    /// Starts what is current, and keeps it up until it is asked to stop.
    fn watch(&mut self) -> Result<(), Failure> {
        self.start()?;
        let own = std::env::current_exe().map_err(|error| {
            Failure::new(Exit::Unavailable, format!("the path of shrike: {error}"), "")
        })?;
        let args = super::watch_arguments(&self.settings.config, &self.settings.dir);
        let plan = Plan { name: "release", program: own, args, env: vec![], nice: 5 };
        self.watch = Some(Sidecar::start(plan, &self.sink)?);
        while !self.stop.load(Ordering::Relaxed) {
            if self.hung_up.swap(false, Ordering::Relaxed) {
                say("asked to restart: everything stops, then starts from the current release");
                if let Err(failure) = self.stop_children() {
                    say(&failure.to_string());
                }
                self.start()?;
            }
            let mut has_news = false;
            for child in self.children.iter_mut().chain(&mut self.watch) {
                let starts = child.restarts;
                if let Some(news) = child.turn(&self.sink) {
                    say(&news);
                }
                if child.restarts > starts && child.name() == "trader" {
                    self.up.starts += 1;
                    has_news = true;
                }
            }
            if has_news {
                self.tell()?;
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Starts every process of the current release.
    fn start(&mut self) -> Result<(), Failure> {
        let Some(id) = self.store.linked(Link::Current) else {
            return Err(Failure::new(
                Exit::NoInstance,
                format!("{} has no current release", self.settings.dir.display()),
                "`shrike release deploy SOURCE` takes one in",
            ));
        };
        self.store.demand_sound(&id)?;
        let config = overlay::config(&self.store, &self.settings, &id)?;
        say(&format!("release {id}, configuration {}", config.display()));
        let (instance, logs) = (&self.settings.instance, self.settings.log_dir.as_deref());
        let database = std::env::var("DATABASE_URL").ok();
        let mut plans = vec![
            plans::trader(&config)?,
            plans::guard(&config)?,
            plans::persist(instance, database.as_deref(), logs)?,
            plans::metrics(instance, None, logs)?,
        ];
        if let Some(out) = &self.record {
            plans.push(plans::record(instance, out)?);
        }
        // The very folder, not the link: what is started now stays what it is.
        let bin = self.store.release(&id).join("bin");
        for plan in &mut plans {
            let name = if plan.name == "record" { "shrike" } else { plan.name };
            plan.program = bin.join(name);
        }
        self.up.processes = vec!["persist".to_owned(), "metrics".to_owned()];
        for plan in plans {
            self.children.push(Sidecar::start(plan, &self.sink)?);
        }
        self.up.starts += 1;
        self.up.rounds += 1;
        self.up.release = id;
        self.tell()
    }

    /// Says what runs, to whoever changes releases.
    fn tell(&self) -> Result<(), Failure> {
        let text = serde_json::to_string(&self.up)
            .map_err(|error| Failure::new(Exit::Failed, format!("up.json: {error}"), ""))?;
        write_whole(&self.store.path("up.json"), &text)
    }

    /// The trader cancels and leaves, then guard, then persist writes what is left.
    fn stop_children(&mut self) -> Result<(), Failure> {
        let mut result = Ok(());
        for child in self.children.drain(..) {
            let (timeout, has_work) = match child.name() {
                "trader" => (TRADER_STOP, false),
                "persist" => (PERSIST_STOP, child.is_up()),
                _ => (OTHER_STOP, false),
            };
            if let Err(failure) = child.stop(timeout, has_work, &self.sink) {
                say(&failure.what);
                result = result.and(Err(failure));
            }
        }
        result
    }

    /// Ends everything, the watch first: it must not take the stop for a crash.
    fn stop(&mut self) -> Result<(), Failure> {
        say("stopping: the trader cancels its orders");
        if let Some(watch) = self.watch.take() {
            // It may be in the middle of a change, which is on disk: it goes on at the next start.
            let _ = watch.stop(OTHER_STOP, false, &self.sink);
        }
        self.stop_children()?;
        say("stopped");
        Ok(())
    }
}

fn say(text: &str) {
    println!("{:<8}| {text}", "shrike");
}
