//! The kill switch as the cold thread has it: the latch on disk, a signal, the hot thread's word.
//!
//! Pressed is on disk before anything is done about it, where this thread is the first to know,
//! unless the disk takes too long; what the hot thread hears first (a command, guard's verdict) is
//! put on disk at once after. A latch that appears is told to the hot thread, again and again until
//! it says that it is Killed: so a release of the engine alone, with the latch still there, does not
//! last. Nothing here takes a latch away: only a person does, by another program.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rings::latch::{self, Pressed};
use schema::{KillChange, KillTrigger, Reason};

use crate::tsc;

/// Between two looks at the latch: one system call, and at most this late.
const LOOK: Duration = Duration::from_millis(50);
/// Between two tries of what did not succeed: a press that failed, a hot thread that did not hear.
const AGAIN: Duration = Duration::from_secs(1);
/// The disk may take so long; then what is to be done is done without it, while it goes on trying.
const PATIENCE: Duration = Duration::from_millis(500);
/// Who presses.
const BY: &str = "trader";

/// A press of the switch, for the hot thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Press {
    /// What pressed it.
    pub trigger: KillTrigger,
    /// Whose doing it is.
    pub uid: u32,
    /// Why.
    pub reason: Reason,
}

/// The switch.
#[derive(Debug)]
pub struct Switch {
    latch: PathBuf,
    signal: Arc<AtomicBool>,
    look_at: Instant,
    /// As the hot thread said last.
    is_killed: bool,
    /// When the hot thread was told and has not said so yet.
    told_at: Option<Instant>,
    /// Still to be put on disk, from then on.
    to_press: Option<(Instant, Pressed)>,
    is_unreadable: bool,
}

/// Whether it is pressed at the start, with what there is to say of it. A latch of which nobody
/// knows whether it is there counts as one.
pub fn at_start(path: &Path) -> Option<String> {
    let shown = path.display();
    match latch::read(path) {
        Ok(None) => None,
        Ok(Some(pressed)) => Some(format!("{}; the latch is {shown}", told(&pressed))),
        Err(error) => Some(format!("nobody knows: the latch {shown} cannot be read ({error})")),
    }
}

/// Whether the switch can be pressed from here: its folder is made if it is not there.
///
/// # Errors
/// If the folder cannot be made or written.
pub fn check_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    Ok(rustix::fs::access(folder, access)?)
}

impl Switch {
    /// `signal` is set by the process's signal handler; `is_killed` is what the engine started with.
    pub fn new(latch: &Path, signal: Arc<AtomicBool>, is_killed: bool) -> Self {
        Self {
            latch: latch.to_owned(),
            signal,
            look_at: Instant::now(),
            is_killed,
            told_at: None,
            to_press: None,
            is_unreadable: false,
        }
    }

    /// What the hot thread must be told now.
    pub fn look(&mut self, now: Instant) -> Option<Press> {
        if self.signal.swap(false, Ordering::Relaxed) {
            let pressed = by_us(KillTrigger::Signal, own_uid(), "signal SIGUSR1");
            log::error!(target: "risk", "kill switch pressed: {}", told(&pressed));
            self.press(now, pressed.clone());
            self.told_at = Some(now);
            return Some(Press::from(&pressed));
        }
        if now < self.look_at {
            return None;
        }
        self.look_at = now + LOOK;
        if let Some((_, pressed)) = self.to_press.take_if(|(at, _)| *at <= now) {
            self.press(now, pressed);
        }
        let pressed = self.read()?;
        let is_told = self.told_at.is_some_and(|at| now < at + AGAIN);
        if self.is_killed || is_told {
            return None;
        }
        self.told_at = Some(now);
        log::error!(
            target: "risk",
            "kill switch pressed: {}; the latch {} is there", told(&pressed), self.latch.display()
        );
        Some(Press::from(&pressed))
    }

    /// The hot thread says that the switch was pressed or released.
    pub fn changed(&mut self, now: Instant, change: &KillChange) {
        self.is_killed = change.is_on;
        self.told_at = None;
        if change.is_on {
            let mut pressed = by_us(change.trigger, change.uid, "as the trader was told");
            pressed.wall_ns = change.wall.0;
            log::error!(
                target: "risk",
                "killed: cancelling and closing everything, until a person runs `shrike unkill`"
            );
            return self.press(now, pressed);
        }
        self.to_press = None;
        log::warn!(target: "risk", "released: halted until a person runs `shrike resume`");
    }

    /// Puts it on disk; tried again if that fails, which keeps nobody from acting.
    fn press(&mut self, now: Instant, pressed: Pressed) {
        match patiently(&self.latch, &pressed) {
            Ok(true) => {
                log::error!(target: "risk", "pressed on disk: {}", self.latch.display());
            }
            Ok(false) => {}
            Err(error) => {
                log::error!(
                    target: "risk",
                    "the latch {} cannot be written ({error}): a restart would not know that the \
                     switch is pressed; make it by hand: touch {}",
                    self.latch.display(), self.latch.display()
                );
                // One that hangs is not asked every second: each time costs the patience.
                let pause = if error.kind() == ErrorKind::TimedOut { 10 * AGAIN } else { AGAIN };
                self.to_press = Some((now + pause, pressed));
            }
        }
    }

    /// Who pressed it, if it is pressed; a latch nobody can look at counts as one.
    fn read(&mut self) -> Option<Pressed> {
        match latch::read(&self.latch) {
            Ok(pressed) => {
                self.is_unreadable = false;
                pressed
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_unreadable, true) {
                    let shown = self.latch.display();
                    log::error!(target: "risk", "the latch {shown} cannot be read: {error}");
                }
                Some(by_us(KillTrigger::Latch, own_uid(), "the latch cannot be read"))
            }
        }
    }
}

/// Presses on a thread of its own: a disk that hangs must not hold up the dead-man timers and the
/// hot thread's messages too.
fn patiently(latch: &Path, pressed: &Pressed) -> io::Result<bool> {
    let (done, answer) = std::sync::mpsc::sync_channel(1);
    let (path, word) = (latch.to_owned(), pressed.clone());
    let thread = std::thread::Builder::new().name("latch".to_owned());
    let started = thread.spawn(move || {
        let _ = done.send(latch::press(&path, &word)); // nobody waits any more
    });
    match started {
        Ok(_) => answer.recv_timeout(PATIENCE).unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())),
        Err(_) => latch::press(latch, pressed),
    }
}

impl From<&Pressed> for Press {
    fn from(pressed: &Pressed) -> Self {
        let reason = Reason::new(&pressed.reason);
        Self { trigger: pressed.trigger, uid: pressed.uid, reason }
    }
}

fn own_uid() -> u32 {
    rustix::process::getuid().as_raw()
}

fn by_us(trigger: KillTrigger, uid: u32, reason: &str) -> Pressed {
    let wall_ns = tsc::wall().0;
    Pressed { trigger, uid, wall_ns, reason: reason.to_owned(), by: BY.to_owned() }
}

/// A line for people.
fn told(pressed: &Pressed) -> String {
    let Pressed { trigger, uid, reason, by, .. } = pressed;
    let by = if by.is_empty() { "by hand" } else { by };
    let reason = if reason.is_empty() { "no reason given" } else { reason };
    format!("{trigger} ({by}, user {uid}: {reason})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::WallNs;

    struct Rig {
        _dir: tempfile::TempDir,
        latch: PathBuf,
        signal: Arc<AtomicBool>,
        switch: Switch,
        begun: Instant,
    }

    impl Rig {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("temp dir");
            let latch = dir.path().join("state/killed");
            let signal = Arc::new(AtomicBool::new(false));
            let switch = Switch::new(&latch, Arc::clone(&signal), false);
            Self { _dir: dir, latch, signal, switch, begun: Instant::now() }
        }
        fn look(&mut self, ms: u64) -> Option<KillTrigger> {
            let now = self.begun + Duration::from_millis(ms);
            self.switch.look(now).map(|press| press.trigger)
        }
        fn changed(&mut self, ms: u64, is_on: bool, trigger: KillTrigger) {
            let wall = WallNs(5);
            let change = KillChange { is_on, trigger, uid: 7, nonce: 1, wall };
            self.switch.changed(self.begun + Duration::from_millis(ms), &change);
        }
        fn on_disk(&self) -> Option<Pressed> {
            latch::read(&self.latch).expect("own folder")
        }
    }

    #[test]
    fn a_latch_made_by_hand_is_told_within_a_tenth_of_a_second_until_it_is_heard() {
        let mut rig = Rig::new();
        assert_eq!(rig.look(1), None);
        std::fs::create_dir_all(rig.latch.parent().expect("state")).expect("own folder");
        std::fs::write(&rig.latch, "").expect("own folder");
        const { assert!(LOOK.as_millis() <= 100) };
        assert_eq!(rig.look(1 + LOOK.as_millis() as u64), Some(KillTrigger::Latch));
        assert_eq!(rig.look(200), None, "it was told");
        assert_eq!(rig.look(1_200), Some(KillTrigger::Latch), "nobody heard");
        rig.changed(1_210, true, KillTrigger::Latch);
        assert_eq!(rig.look(9_000), None);
        // The engine alone is released: the latch is still there.
        rig.changed(9_100, false, KillTrigger::Latch);
        assert_eq!(rig.look(9_200), Some(KillTrigger::Latch));
        std::fs::remove_file(&rig.latch).expect("own folder");
        rig.changed(9_300, true, KillTrigger::Latch);
        assert!(rig.on_disk().is_some(), "whoever made it Killed, the latch is there");
    }

    #[test]
    fn a_latch_says_what_pressed_it() {
        let mut rig = Rig::new();
        latch::press(&rig.latch, &by_us(KillTrigger::Drawdown, 3, "fell")).expect("own folder");
        let press = rig.switch.look(rig.begun + LOOK).expect("it is there");
        assert_eq!((press.trigger, press.uid), (KillTrigger::Drawdown, 3));
        assert_eq!(press.reason.as_str(), "fell");
    }

    #[test]
    fn a_signal_is_on_disk_before_it_is_told() {
        let mut rig = Rig::new();
        rig.signal.store(true, Ordering::Relaxed);
        assert_eq!(rig.look(0), Some(KillTrigger::Signal));
        let pressed = rig.on_disk().expect("pressed");
        assert_eq!((pressed.trigger, pressed.by.as_str()), (KillTrigger::Signal, "trader"));
        assert_eq!(rig.look(60), None, "told once");
    }

    #[test]
    fn what_the_hot_thread_was_told_is_put_on_disk_and_a_release_is_not_undone() {
        let mut rig = Rig::new();
        rig.changed(0, true, KillTrigger::Person);
        let pressed = rig.on_disk().expect("pressed");
        assert_eq!((pressed.trigger, pressed.uid), (KillTrigger::Person, 7));
        assert!(latch::release(&rig.latch).expect("own folder").is_some());
        assert_eq!((rig.look(100), rig.on_disk()), (None, None));
        rig.changed(110, false, KillTrigger::Person);
        assert_eq!((rig.look(200), rig.on_disk()), (None, None));
    }

    #[test]
    fn a_press_that_fails_keeps_nobody_from_acting_and_is_tried_again() {
        let mut rig = Rig::new();
        let state = rig.latch.parent().expect("state").to_owned();
        std::fs::write(&state, "a file where the folder should be").expect("own folder");
        assert!(check_folder(&rig.latch).is_err());
        rig.signal.store(true, Ordering::Relaxed);
        assert_eq!(rig.look(0), Some(KillTrigger::Signal), "it is told all the same");
        rig.changed(10, true, KillTrigger::Signal);
        std::fs::remove_file(&state).expect("own folder");
        assert_eq!(rig.look(100), None);
        assert_eq!(rig.on_disk(), None, "not yet");
        assert_eq!(rig.look(2_000), None);
        assert_eq!(rig.on_disk().expect("pressed").trigger, KillTrigger::Signal);
        assert!(at_start(&rig.latch).expect("pressed").contains("signal"));
    }

    #[test]
    fn a_start_without_a_latch_is_not_pressed() {
        let rig = Rig::new();
        assert_eq!(at_start(&rig.latch), None);
        check_folder(&rig.latch).expect("it makes the folder");
        assert_eq!(at_start(&rig.latch), None);
    }
}
