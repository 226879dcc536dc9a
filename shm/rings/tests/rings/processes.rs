//! Two real processes, one of which is killed at a random moment, many times over.
//!
//! The test binary starts itself again as the other process: [`child`] is its entry.

use std::env;
use std::fs::{self, File};
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
const ROUNDS: u64 = 20;
/// After this long without what must come, a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);
/// Exit code of a child that was refused as second writer.
const REFUSED: i32 = 3;

/// Another process of this binary; killed when dropped.
struct Child(std::process::Child);

impl Child {
    fn start(role: &str, instance: &Instance, round: u64) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "processes::child", "--nocapture"]);
        command.env(ROLE, role).env(INSTANCE, &instance.0).env(ROUND, round.to_string());
        let command = command.stdin(Stdio::piped()).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }
    /// SIGKILL now; fails if the child had ended by itself.
    fn kill(mut self) {
        self.0.kill().unwrap();
        let status = self.0.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "the child ended by itself: {status}");
    }
    fn is_running(&mut self) -> bool {
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
fn run_until_killing_time(child: &mut Child, mut act: impl FnMut() -> bool) {
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

fn retry<T>(mut open: impl FnMut() -> Result<T, OpenError>) -> T {
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

fn open_journal(name: &str) -> journal::Writer<Words> {
    retry(|| journal::Writer::open_or_create(name, 64, identity(1), b"", &["persist"]))
}
fn open_gate(name: &str) -> journal::GatedReader<Words> {
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
        "sender" => {
            let mut sender = retry(|| control::Sender::open(&name, LAYOUT));
            let mut number = round << 32;
            loop {
                if sender.send(&record(number)) != Err(Full) {
                    number += 1;
                }
            }
        }
        "receiver" => {
            let create = || control::Receiver::create(&name, 8, identity(1), b"");
            let mut receiver: control::Receiver<Words> = retry(create);
            let mut number = round << 32;
            loop {
                if let Some(found) = receiver.recv() {
                    check(number, &found);
                    number += 1;
                }
            }
        }
        "status writer" => {
            let mut writer =
                retry(|| latest::Writer::create(&name, Ring::Status, identity(1), b""));
            (1..).for_each(|number| writer.store(&record(number)));
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

#[test]
fn journal_of_a_killed_writer_is_read_once_and_completely() {
    let instance = Instance::new("kill-writer");
    let first = open_journal(&instance.0);
    let id = first.journal_id();
    drop(first);
    let mut reader = open_gate(&instance.0);
    let mut read = 0;
    for round in 0..ROUNDS {
        let mut child = Child::start("journal writer", &instance, round);
        let before = read;
        reader.commit(read);
        run_until_killing_time(&mut child, || {
            if let Some((seq, found)) = reader.next() {
                read += 1;
                assert_eq!(seq, read);
                check(seq, &found);
                // In some rounds the journal is full when the writer dies.
                if round % 4 != 3 || read - before < 20 {
                    reader.commit(seq - seq % 5);
                }
            }
            read > before
        });
        child.kill();
    }
    let writer = open_journal(&instance.0);
    assert_eq!(writer.journal_id(), id);
    while let Some((seq, found)) = reader.next() {
        read += 1;
        assert_eq!(seq, read);
        check(seq, &found);
    }
    assert_eq!(writer.head(), read);
    assert!(!reader.is_stale());
}

#[test]
fn killed_gated_reader_stores_everything_once() {
    let instance = Instance::new("kill-gate");
    let path = env::temp_dir().join(&instance.0);
    fs::write(&path, [0; 16]).unwrap();
    let mut writer = open_journal(&instance.0);
    let mut sum = 0u64;
    for round in 0..ROUNDS {
        let mut child = Child::start("gated reader", &instance, round);
        let mut published = 0;
        run_until_killing_time(&mut child, || {
            let next = record(writer.head() + 1);
            if writer.publish(&next).is_ok() {
                sum = sum.wrapping_add(next[0]);
                published += 1;
            }
            // More than fits: the child has committed some.
            published > 100
        });
        child.kill();
    }
    let mut child = Child::start("gated reader", &instance, ROUNDS);
    run_until_killing_time(&mut child, || writer.used() == 0);
    child.kill();
    let expected: [u8; 16] = zerocopy::transmute!([writer.head(), sum]);
    assert_eq!(fs::read(&path).unwrap(), expected);
    fs::remove_file(path).unwrap();
}

#[test]
fn market_ring_of_a_killed_writer_is_replaced_and_readers_notice() {
    let instance = Instance::new("kill-market");
    let name = &instance.0;
    let open = || broadcast::Reader::<Words>::open_at_oldest(name, Ring::Market, LAYOUT);
    for round in 1..=ROUNDS {
        let before = open().ok();
        let mut child = Child::start("market writer", &instance, round);
        if let Some(before) = before {
            run_until_killing_time(&mut child, || before.is_stale());
        }
        let mut reader = retry(open);
        assert_eq!(reader.identity(), identity(round as u32));
        let mut expected = None;
        run_until_killing_time(&mut child, || {
            match reader.next() {
                Next::Item(seq, found) => {
                    assert_eq!(seq, expected.unwrap_or(seq));
                    check(seq, &found);
                    expected = Some(seq + 1);
                }
                Next::Lost { first, count } => {
                    assert_eq!(first, expected.unwrap_or(first));
                    expected = Some(first + count);
                }
                Next::Empty => {}
            }
            expected.is_some()
        });
        child.kill();
        assert_eq!(rings::previous_boot_epoch(name), Some(round as u32));
        assert!(!rings::is_writer_alive(name, Ring::Market));
    }
}

#[test]
fn killed_market_readers_leave_no_trace() {
    let instance = Instance::new("kill-reader");
    let name = &instance.0;
    let mut writer =
        broadcast::Writer::<Words>::create(name, Ring::Market, 64, identity(1), b"").unwrap();
    for round in 0..ROUNDS / 2 {
        let mut child = Child::start("market reader", &instance, round);
        let start = Instant::now();
        run_until_killing_time(&mut child, || {
            writer.publish(&record(writer.head() + 1));
            start.elapsed() > Duration::from_millis(10)
        });
        child.kill();
    }
    let mut reader =
        broadcast::Reader::<Words>::open_at_oldest(name, Ring::Market, LAYOUT).unwrap();
    let head = writer.head();
    (head - 62..=head).for_each(|seq| assert_eq!(reader.next(), Next::Item(seq, record(seq))));
}

#[test]
fn killed_senders_send_whole_commands_in_order() {
    let instance = Instance::new("kill-sender");
    let mut receiver =
        control::Receiver::<Words>::create(&instance.0, 8, identity(1), b"").unwrap();
    for round in 0..ROUNDS {
        let mut child = Child::start("sender", &instance, round);
        let mut number = round << 32;
        run_until_killing_time(&mut child, || {
            if let Some(found) = receiver.recv() {
                check(number, &found);
                number += 1;
            }
            number & 0xffff_ffff > 10
        });
        child.kill();
        while let Some(found) = receiver.recv() {
            check(number, &found);
            number += 1;
        }
    }
}

#[test]
fn killed_receiver_is_replaced_and_the_sender_notices() {
    let instance = Instance::new("kill-receiver");
    for round in 0..ROUNDS / 2 {
        let mut child = Child::start("receiver", &instance, round);
        run_until_killing_time(&mut child, || rings::is_writer_alive(&instance.0, Ring::Control));
        let mut sender = retry(|| control::Sender::<Words>::open(&instance.0, LAYOUT));
        let mut number = round << 32;
        run_until_killing_time(&mut child, || {
            if sender.is_stale() {
                // Opened between the lock and the new segment; what was sent there is gone.
                sender = retry(|| control::Sender::<Words>::open(&instance.0, LAYOUT));
                number = round << 32;
            }
            number += u64::from(sender.send(&record(number)).is_ok());
            number & 0xffff_ffff > 20
        });
        child.kill();
    }
}

#[test]
fn newest_value_outlives_its_killed_writer() {
    let instance = Instance::new("kill-status");
    let open = || latest::Reader::<Words>::open(&instance.0, Ring::Status, LAYOUT);
    for round in 0..ROUNDS {
        let before = open().ok();
        let mut child = Child::start("status writer", &instance, round);
        if let Some(before) = before {
            run_until_killing_time(&mut child, || before.is_stale());
        }
        let reader = retry(open);
        let mut last = 0;
        run_until_killing_time(&mut child, || {
            if let Some((version, found)) = reader.load() {
                assert!(version >= last);
                check(version, &found);
                last = version;
            }
            last > 100
        });
        child.kill();
        let (version, found) = reader.load().unwrap();
        assert!(version >= last);
        check(version, &found);
    }
}

#[test]
fn of_many_writers_started_at_once_one_lives() {
    let instance = Instance::new("compete");
    let start = |round| Child::start("competitor", &instance, round);
    let mut children: Vec<Child> = (0..12).map(start).collect();
    let begun = Instant::now();
    let refused = |child: &mut Child| {
        child.0.try_wait().unwrap().is_some_and(|status| {
            assert_eq!(status.code(), Some(REFUSED), "{status}");
            true
        })
    };
    while children.iter_mut().filter_map(|child| refused(child).then_some(())).count() < 11 {
        assert!(begun.elapsed() < PATIENCE);
        sleep(Duration::from_millis(5));
    }
    assert_eq!(children.iter_mut().filter_map(|child| child.is_running().then_some(())).count(), 1);
    assert!(rings::is_writer_alive(&instance.0, Ring::Market));
}
