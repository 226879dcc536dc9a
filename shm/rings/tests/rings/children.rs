//! The other process of a test: how it is started and killed, and what it does meanwhile.
//!
//! The test binary starts itself again; [`child`] is its entry.

use std::env;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::thread::{sleep, yield_now};
use std::time::{Duration, Instant, SystemTime};

use rings::{Full, Next, OpenError, Ring, broadcast, control, journal, latest};

use crate::{Instance, LAYOUT, Words, check, identity, record};

const ROLE: &str = "RINGS_TEST_ROLE";
const INSTANCE: &str = "RINGS_TEST_INSTANCE";
const ROUND: &str = "RINGS_TEST_ROUND";
/// How often each test kills.
pub(crate) const ROUNDS: u64 = 20;
/// After this long without what must come, a test fails instead of hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Exit code of a child that was refused as second writer.
pub(crate) const REFUSED: i32 = 3;

/// Another process of this binary; killed when dropped.
pub(crate) struct Child(pub(crate) std::process::Child);

impl Child {
    pub(crate) fn start(role: &str, instance: &Instance, round: u64) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "children::child", "--nocapture"]);
        command.env(ROLE, role).env(INSTANCE, &instance.0).env(ROUND, round.to_string());
        let command = command.stdin(Stdio::piped()).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }
    /// SIGKILL now; fails if the child had ended by itself.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        let status = self.0.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "the child ended by itself: {status}");
    }
    pub(crate) fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Calls `act` until it says true, then on until a random moment within some milliseconds.
pub(crate) fn run_until_killing_time(child: &mut Child, mut act: impl FnMut() -> bool) {
    let start = Instant::now();
    while !act() {
        assert!(child.is_running(), "the child ended before it did anything");
        assert!(start.elapsed() < PATIENCE, "nothing happened");
        yield_now();
    }
    let noise = SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    let until = Instant::now() + Duration::from_nanos(u64::from(noise % 12_000_000));
    while Instant::now() < until {
        act();
    }
}

pub(crate) fn retry<T>(mut open: impl FnMut() -> Result<T, OpenError>) -> T {
    let start = Instant::now();
    loop {
        match open() {
            Ok(opened) => return opened,
            Err(OpenError::NotFound | OpenError::Busy) if start.elapsed() < PATIENCE => {
                sleep(Duration::from_millis(1));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) fn open_journal(name: &str) -> journal::Writer<Words> {
    retry(|| journal::Writer::open_or_create(name, 64, identity(1), b"", &["persist"]))
}
pub(crate) fn open_gate(name: &str) -> journal::GatedReader<Words> {
    retry(|| journal::GatedReader::open(name, LAYOUT, "persist"))
}

/// Not a test: what the other process does.
#[test]
fn child() {
    let Ok(role) = env::var(ROLE) else { return };
    let name = env::var(INSTANCE).unwrap();
    let round: u64 = env::var(ROUND).unwrap().parse().unwrap();
    match role.as_str() {
        "journal writer" => {
            let mut writer = open_journal(&name);
            loop {
                let _ = writer.publish(&record(writer.head() + 1));
            }
        }
        "gated reader" => store_journal(&name),
        "market writer" => {
            let create =
                || broadcast::Writer::create(&name, Ring::Market, 64, identity(round as u32), b"");
            let mut writer = retry(create);
            loop {
                writer.publish(&record(writer.head() + 1));
            }
        }
        "market reader" => read_market(&name),
        "sender" => send(&name, round << 32),
        "receiver" => receive(&name, round << 32),
        "status writer" => {
            let mut writer =
                retry(|| latest::Writer::create(&name, Ring::Status, identity(1), b""));
            let mut number = 0;
            loop {
                number += 1;
                writer.store(&record(number));
            }
        }
        "competitor" => {
            let create =
                || broadcast::Writer::<u64>::create(&name, Ring::Market, 8, identity(1), b"");
            match create() {
                Ok(_writer) => sleep(PATIENCE),
                Err(error) => {
                    assert_eq!(error, OpenError::Busy);
                    std::process::exit(REFUSED);
                }
            }
        }
        other => panic!("no role {other}"),
    }
}

/// What persist does: cursor and rows (here their sum) in one write, then the commit.
fn store_journal(name: &str) {
    let path = env::temp_dir().join(name);
    let database = File::options().read(true).write(true).open(path).unwrap();
    let mut row = [0u8; 16];
    database.read_exact_at(&mut row, 0).unwrap();
    let [mut cursor, mut sum] = zerocopy::transmute!(row);
    let mut reader = open_gate(name);
    assert_eq!(reader.seek(cursor + 1), cursor + 1, "unread records were given up");
    loop {
        if let Some((seq, found)) = reader.next() {
            assert_eq!(seq, cursor + 1);
            check(seq, &found);
            cursor = seq;
            sum = u64::wrapping_add(sum, found[0]);
            let row: [u8; 16] = zerocopy::transmute!([cursor, sum]);
            database.write_all_at(&row, 0).unwrap();
            if seq % 3 == 0 {
                reader.commit(seq);
            }
        } else {
            reader.commit(cursor);
        }
    }
}

fn send(name: &str, mut number: u64) {
    let mut sender = retry(|| control::Sender::open(name, LAYOUT));
    loop {
        if sender.send(&record(number)) != Err(Full) {
            number += 1;
        }
    }
}

fn receive(name: &str, mut number: u64) {
    let create = || control::Receiver::<Words>::create(name, 8, identity(1), b"");
    let mut receiver = retry(create);
    loop {
        if let Some(found) = receiver.recv() {
            check(number, &found);
            number += 1;
        }
    }
}

fn read_market(name: &str) {
    let mut reader = retry(|| broadcast::Reader::<Words>::open(name, Ring::Market, LAYOUT));
    let mut expected = None;
    loop {
        let (first, count) = match reader.next() {
            Next::Item(seq, found) => {
                check(seq, &found);
                (seq, 1)
            }
            Next::Lost { first, count } => (first, count),
            Next::Empty => continue,
        };
        assert_eq!(first, expected.unwrap_or(first));
        expected = Some(first + count);
    }
}
