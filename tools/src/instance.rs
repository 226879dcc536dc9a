//! Which run is meant, and how to look into it.

use rings::{OpenError, Ring, journal, latest};
use schema::{LAYOUT_HASH, Record, RunInfo, Status};
use zerocopy::FromBytes;

use crate::exit::{Exit, Failure};

/// The run's own words about itself, from a segment header.
pub(crate) fn run_info(bytes: &[u8]) -> RunInfo {
    RunInfo::read_from_prefix(bytes).map_or_else(|_| RunInfo::default(), |(info, _)| info)
}

/// Whether the trader of an instance lives.
pub(crate) fn is_live(instance: &str) -> bool {
    rings::is_writer_alive(instance, Ring::Status)
        || rings::is_writer_alive(instance, Ring::Journal)
}

/// The instance a command is about: the one asked for, else the only live one.
///
/// # Errors
/// Exit 66 if there is none, 64 if there are several.
pub(crate) fn resolve(asked: Option<&str>) -> Result<String, Failure> {
    let known: Vec<(String, bool)> = rings::instances()
        .into_iter()
        .map(|name| {
            let live = is_live(&name);
            (name, live)
        })
        .collect();
    choose(asked, &known)
}

fn choose(asked: Option<&str>, known: &[(String, bool)]) -> Result<String, Failure> {
    if let Some(name) = asked {
        return if known.iter().any(|(known, _)| known == name) {
            Ok(name.to_owned())
        } else {
            Err(Failure::new(
                Exit::NoInstance,
                format!("no instance `{name}` in /dev/shm{}", listed(known)),
                "start it with `shrike up`, or name one that runs",
            ))
        };
    }
    let live: Vec<&str> =
        known.iter().filter(|(_, live)| *live).map(|(name, _)| name.as_str()).collect();
    match (live.as_slice(), known) {
        ([one], _) => Ok((*one).to_owned()),
        ([], [(one, _)]) => Ok(one.clone()),
        ([], []) => Err(Failure::new(
            Exit::NoInstance,
            "no trader has run on this host since it started: /dev/shm holds no shrike-* segment",
            "`shrike up --env paper` starts one, `shrike demo` shows one",
        )),
        ([], _) => Err(Failure::new(
            Exit::NoInstance,
            format!("no trader runs{}", listed(known)),
            "name one of the dead ones with --instance to look into it",
        )),
        (several, _) => Err(Failure::new(
            Exit::Usage,
            format!("several traders run: {}", several.join(", ")),
            "say which with --instance NAME",
        )),
    }
}

fn listed(known: &[(String, bool)]) -> String {
    if known.is_empty() {
        return String::new();
    }
    let names: Vec<String> = known
        .iter()
        .map(|(name, live)| if *live { name.clone() } else { format!("{name} (dead)") })
        .collect();
    format!("; there: {}", names.join(", "))
}

/// Turns a refusal of a segment into what a person can do about it.
pub(crate) fn refused(instance: &str, ring: Ring, error: OpenError) -> Failure {
    let exit = match error {
        OpenError::NotFound => Exit::NoInstance,
        OpenError::Busy => Exit::Busy,
        OpenError::Name => Exit::Usage,
        _ => Exit::Unavailable,
    };
    let text = error.to_string();
    let (what, next) = text.split_once("; ").unwrap_or((&text, "see /dev/shm"));
    Failure::new(exit, format!("/dev/shm/{}: {what}", rings::segment_name(instance, ring)), next)
}

/// A view of a run: its header and its newest status.
pub(crate) struct View {
    /// Name of the run.
    pub(crate) instance: String,
    /// What the header says.
    pub(crate) info: RunInfo,
    reader: latest::Reader<Status>,
}

impl View {
    /// Opens the status segment of a run.
    ///
    /// # Errors
    /// [`refused`].
    pub(crate) fn open(instance: &str) -> Result<Self, Failure> {
        let reader = latest::Reader::open(instance, Ring::Status, LAYOUT_HASH)
            .map_err(|error| refused(instance, Ring::Status, error))?;
        let info = run_info(&reader.info());
        Ok(Self { instance: instance.to_owned(), info, reader })
    }
    /// Whether the trader has made its segments anew since.
    pub(crate) fn is_stale(&self) -> bool {
        self.reader.is_stale()
    }
    /// When the trader started, Unix seconds.
    pub(crate) fn started_s(&self) -> i64 {
        i64::from(self.reader.identity().boot_epoch)
    }
    /// The newest status, if there is one.
    pub(crate) fn status(&self) -> Option<Status> {
        self.reader.load().map(|(_, status)| status)
    }
    /// Position of a symbol in the run's table.
    ///
    /// # Errors
    /// Exit 64 naming the symbols there are.
    pub(crate) fn symbol(&self, name: &str) -> Result<usize, Failure> {
        let symbols = self.info.symbols();
        symbols.iter().position(|symbol| symbol.name.as_str() == name).ok_or_else(|| {
            let names: Vec<&str> = symbols.iter().map(|symbol| symbol.name.as_str()).collect();
            Failure::new(
                Exit::Usage,
                format!("`{name}` is not a symbol of instance `{}`", self.instance),
                format!("one of {}", names.join(", ")),
            )
        })
    }
}

/// Opens the journal for looking, which never holds the trader up.
///
/// # Errors
/// [`refused`].
pub(crate) fn journal(
    instance: &str,
    from_oldest: bool,
) -> Result<journal::Reader<Record>, Failure> {
    if from_oldest {
        journal::Reader::open_at_oldest(instance, LAYOUT_HASH)
    } else {
        journal::Reader::open(instance, LAYOUT_HASH)
    }
    .map_err(|error| refused(instance, Ring::Journal, error))
}

/// A verdict older than this says nothing any more (the trader's own limit), ns.
pub(crate) const VERDICT_AGE_MAX_NS: u64 = 3_000_000_000;

/// The newest value of a segment, if there is one.
pub(crate) fn newest<T: rings::Plain>(instance: &str, ring: Ring) -> Option<T> {
    let reader = latest::Reader::<T>::open(instance, ring, LAYOUT_HASH).ok()?;
    reader.load().map(|(_, value)| value)
}

/// Nanoseconds of the monotonic clock, as the trader stamps them.
pub(crate) fn mono_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    (now.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(now.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(names: &[(&str, bool)]) -> Vec<(String, bool)> {
        names.iter().map(|(name, live)| ((*name).to_owned(), *live)).collect()
    }

    #[test]
    fn the_only_live_instance_needs_no_name() {
        let all = known(&[("demo-1", false), ("paper", true)]);
        assert_eq!(choose(None, &all).as_deref(), Ok("paper"));
        assert_eq!(choose(Some("demo-1"), &all).as_deref(), Ok("demo-1"));
        assert_eq!(choose(None, &known(&[("demo-1", false)])).as_deref(), Ok("demo-1"));
    }

    #[test]
    fn several_need_a_name_and_none_says_how_to_start_one() {
        let error = choose(None, &known(&[("a", true), ("b", true)])).expect_err("two live");
        assert_eq!(error.exit, Exit::Usage);
        assert!(error.what.contains("a, b"));
        let error = choose(None, &[]).expect_err("none");
        assert_eq!(error.exit, Exit::NoInstance);
        assert!(error.next.contains("shrike up"));
        let error = choose(Some("x"), &known(&[("a", false)])).expect_err("another");
        assert_eq!(error.exit, Exit::NoInstance);
        assert!(error.what.contains("a (dead)"), "{}", error.what);
    }

    #[test]
    fn a_refused_segment_names_the_file_and_the_remedy() {
        let failure = refused("paper", Ring::Journal, OpenError::Layout);
        assert_eq!(failure.exit, Exit::Unavailable);
        assert!(failure.what.starts_with("/dev/shm/shrike-paper-journal: "));
        assert!(!failure.next.is_empty());
        assert_eq!(refused("p", Ring::Status, OpenError::NotFound).exit, Exit::NoInstance);
    }
}
