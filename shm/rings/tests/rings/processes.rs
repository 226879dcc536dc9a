//! Two real processes, one of which is killed at a random moment, many times over.

use std::env;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rings::{Next, Ring, broadcast, control, latest};

use crate::children::{
    Child, PATIENCE, REFUSED, ROUNDS, open_gate, open_journal, retry, run_until_killing_time,
};
use crate::{Instance, LAYOUT, Words, check, identity, record};

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
