//! What each ring promises, within one process.

use rings::{Full, Next, OpenError, Ring, broadcast, control, journal, latest};

use crate::{Instance, LAYOUT, Words, check, identity, record};

#[test]
fn broadcast_delivers_in_order_and_then_is_empty() {
    let instance = Instance::new("order");
    let name = &instance.0;
    let mut writer =
        broadcast::Writer::<Words>::create(name, Ring::Market, 8, identity(1), b"run").unwrap();
    let mut reader = broadcast::Reader::<Words>::open(name, Ring::Market, LAYOUT).unwrap();
    assert_eq!((reader.info(), reader.identity()), (b"run".to_vec(), identity(1)));
    for number in 1..=20 {
        assert_eq!(writer.publish(&record(number)), number);
        assert_eq!(reader.lag(), 1);
        assert_eq!(reader.next(), Next::Item(number, record(number)));
        assert_eq!(reader.next(), Next::Empty);
    }
}

#[test]
fn overtaken_reader_learns_exactly_what_it_lost() {
    let instance = Instance::new("lost");
    let name = &instance.0;
    let mut writer =
        broadcast::Writer::<u64>::create(name, Ring::Market, 16, identity(1), b"").unwrap();
    let mut reader = broadcast::Reader::<u64>::open(name, Ring::Market, LAYOUT).unwrap();
    (1..=100).for_each(|number| {
        writer.publish(&number);
    });
    // 86 is the oldest of the 15 readable; it continues a quarter of the ring above it.
    assert_eq!(reader.next(), Next::Lost { first: 1, count: 89 });
    for number in 90..=100 {
        assert_eq!(reader.next(), Next::Item(number, number));
    }
    assert_eq!(reader.next(), Next::Empty);
    let mut oldest = broadcast::Reader::<u64>::open_at_oldest(name, Ring::Market, LAYOUT).unwrap();
    for number in 86..=100 {
        assert_eq!(oldest.next(), Next::Item(number, number));
    }
}

#[test]
fn second_writer_is_busy_until_the_first_is_gone() {
    let instance = Instance::new("busy");
    let name = &instance.0;
    let create = || broadcast::Writer::<u64>::create(name, Ring::Market, 8, identity(1), b"");
    let first = create().unwrap();
    assert!(rings::is_writer_alive(name, Ring::Market));
    assert_eq!(create().unwrap_err(), OpenError::Busy);
    assert_eq!(rings::remove_instance(name), Err(OpenError::Busy));
    let reader = broadcast::Reader::<u64>::open(name, Ring::Market, LAYOUT).unwrap();
    assert!(!reader.is_stale());
    drop(first);
    assert!(!rings::is_writer_alive(name, Ring::Market));
    let _second = create().unwrap();
    assert!(reader.is_stale(), "the old reader must notice the new segment");
    let receiver = control::Receiver::<u64>::create(name, 8, identity(1), b"").unwrap();
    let again = control::Receiver::<u64>::create(name, 8, identity(1), b"");
    assert_eq!(again.unwrap_err(), OpenError::Busy);
    drop(receiver);
    let status = latest::Writer::<u64>::create(name, Ring::Status, identity(1), b"").unwrap();
    let again = latest::Writer::<u64>::create(name, Ring::Status, identity(1), b"");
    assert_eq!(again.unwrap_err(), OpenError::Busy);
    drop(status);
    let journal = journal::Writer::<u64>::open_or_create(name, 8, identity(1), b"", &[]).unwrap();
    let again = journal::Writer::<u64>::open_or_create(name, 8, identity(1), b"", &[]);
    assert_eq!(again.unwrap_err(), OpenError::Busy);
    drop(journal);
}

#[test]
fn full_journal_refuses_and_overwrites_nothing() {
    let instance = Instance::new("full");
    let name = &instance.0;
    let gates = ["persist", "guard"];
    let mut writer =
        journal::Writer::<Words>::open_or_create(name, 16, identity(1), b"", &gates).unwrap();
    let mut persist = journal::GatedReader::<Words>::open(name, LAYOUT, "persist").unwrap();
    let mut guard = journal::GatedReader::<Words>::open(name, LAYOUT, "guard").unwrap();
    assert_eq!(writer.capacity(), 15);
    for number in 1..=15 {
        assert_eq!(writer.publish(&record(number)), Ok(number));
    }
    assert_eq!(writer.publish(&record(16)), Err(Full));
    assert_eq!((writer.used(), writer.head()), (15, 15));
    for number in 1..=15 {
        assert_eq!(persist.next(), Some((number, record(number))));
    }
    persist.commit(15);
    assert_eq!(writer.publish(&record(16)), Err(Full), "the slower gate decides");
    assert_eq!(guard.next(), Some((1, record(1))));
    guard.commit(9);
    assert_eq!(guard.committed(), 1, "no commit beyond what was read");
    assert_eq!(writer.publish(&record(16)), Ok(16));
    assert_eq!(writer.publish(&record(17)), Err(Full));
    for number in 2..=16 {
        assert_eq!(guard.next(), Some((number, record(number))));
    }
    assert_eq!(guard.next(), None);
}

#[test]
fn journal_goes_on_after_its_writer() {
    let instance = Instance::new("continue");
    let name = &instance.0;
    let open = |epoch, gates: &[&str]| {
        journal::Writer::<Words>::open_or_create(name, 16, identity(epoch), &[epoch as u8], gates)
    };
    let mut writer = open(1, &["persist"]).unwrap();
    let id = writer.journal_id();
    let mut reader = journal::GatedReader::<Words>::open(name, LAYOUT, "persist").unwrap();
    (1..=10).for_each(|number| {
        writer.publish(&record(number)).unwrap();
    });
    (1..=4).for_each(|number| check(number, &reader.next().unwrap().1));
    reader.commit(3);
    drop(writer);
    assert_eq!(rings::previous_boot_epoch(name), Some(1));
    let mut writer = open(2, &["persist"]).unwrap();
    assert_eq!((writer.journal_id(), writer.head(), writer.used()), (id, 10, 7));
    assert_eq!((reader.identity(), reader.info()), (identity(2), vec![2]));
    assert!(!reader.is_stale());
    assert_eq!(writer.publish(&record(11)), Ok(11));
    (5..=11).for_each(|number| check(number, &reader.next().unwrap().1));
    drop((writer, reader));
    // A new gate starts with the slowest of the old; a dropped one holds nothing up.
    let mut writer = open(3, &["guard", "persist"]).unwrap();
    assert_eq!((writer.head(), writer.used()), (11, 8));
    let mut guard = journal::GatedReader::<Words>::open(name, LAYOUT, "guard").unwrap();
    (4..=11).for_each(|number| check(number, &guard.next().unwrap().1));
    guard.commit(11);
    assert_eq!(writer.used(), 8);
    drop(writer);
    assert_eq!(open(4, &["guard"]).unwrap().used(), 0);
    assert!(guard.is_stale(), "the gates were made anew");
}

#[test]
fn gate_has_one_reader_and_a_name() {
    let instance = Instance::new("gate");
    let name = &instance.0;
    let open = |gate| journal::GatedReader::<u64>::open(name, LAYOUT, gate).map(drop);
    assert_eq!(open("persist"), Err(OpenError::NotFound));
    let writer =
        journal::Writer::<u64>::open_or_create(name, 8, identity(1), b"", &["persist"]).unwrap();
    assert_eq!(open("metrics"), Err(OpenError::Gate));
    assert_eq!(open("../x"), Err(OpenError::Name));
    let first = journal::GatedReader::<u64>::open(name, LAYOUT, "persist").unwrap();
    assert_eq!(open("persist"), Err(OpenError::Busy));
    assert!(journal::gate_held(name, "persist") && !journal::gate_held(name, "metrics"));
    assert!(first.writer_alive());
    drop(writer);
    assert!(!first.writer_alive());
    drop(first);
    assert!(!journal::gate_held(name, "persist"));
    assert_eq!(open("persist"), Ok(()));
}

#[test]
fn seek_takes_the_nearest_position_there_is() {
    let instance = Instance::new("seek");
    let name = &instance.0;
    let mut writer =
        journal::Writer::<u64>::open_or_create(name, 16, identity(1), b"", &["persist"]).unwrap();
    let mut reader = journal::GatedReader::<u64>::open(name, LAYOUT, "persist").unwrap();
    for number in 1..=40 {
        writer.publish(&number).unwrap();
        assert_eq!(reader.next(), Some((number, number)));
        reader.commit(number);
    }
    assert_eq!(reader.seek(1), 26, "fifteen can be read");
    assert_eq!(reader.next(), Some((26, 26)));
    assert_eq!(reader.seek(99), 41);
    assert_eq!(reader.next(), None);
    // A database that is ahead of its gate: what a seek skips may be committed.
    (41..=44).for_each(|number| {
        writer.publish(&number).unwrap();
    });
    assert_eq!((reader.seek(44), reader.committed()), (44, 40));
    reader.commit(43);
    assert_eq!((reader.committed(), writer.used()), (43, 1));
    let mut free = journal::Reader::<u64>::open_at_oldest(name, LAYOUT).unwrap();
    assert_eq!(free.next(), Next::Item(30, 30));
    assert_eq!(free.journal_id(), writer.journal_id());
    assert_eq!(free.seek(44), 44);
    assert_eq!((free.lag(), free.next()), (1, Next::Item(44, 44)));
}

#[test]
fn journal_of_another_capacity_is_replaced_only_when_read() {
    let instance = Instance::new("unread");
    let name = &instance.0;
    let open =
        |slots| journal::Writer::<u64>::open_or_create(name, slots, identity(1), b"", &["persist"]);
    let mut writer = open(16).unwrap();
    let id = writer.journal_id();
    writer.publish(&5).unwrap();
    drop(writer);
    assert_eq!(open(32).unwrap_err(), OpenError::Unread);
    let mut reader = journal::GatedReader::<u64>::open(name, LAYOUT, "persist").unwrap();
    assert_eq!(reader.next(), Some((1, 5)));
    reader.commit(1);
    let writer = open(32).unwrap();
    assert_ne!(writer.journal_id(), id);
    assert_eq!((writer.head(), writer.capacity()), (0, 31));
    assert!(reader.is_stale());
}

#[test]
fn lost_gates_free_nothing() {
    let instance = Instance::new("gates");
    let name = &instance.0;
    let open = || {
        journal::Writer::<u64>::open_or_create(name, 16, identity(1), b"", &["persist"]).unwrap()
    };
    let mut writer = open();
    (1..=10).for_each(|number| {
        writer.publish(&number).unwrap();
    });
    drop(writer);
    std::fs::remove_file(instance.path(Ring::Gates)).unwrap();
    assert_eq!(open().used(), 10);
}

#[test]
fn control_carries_commands_and_says_when_full() {
    let instance = Instance::new("control");
    let name = &instance.0;
    let mut receiver = control::Receiver::<Words>::create(name, 4, identity(1), b"hello").unwrap();
    let mut sent = 0;
    for round in 0..3 {
        let mut sender = control::Sender::<Words>::open(name, LAYOUT).unwrap();
        assert_eq!(sender.info(), b"hello");
        assert_eq!(receiver.recv(), None);
        for _ in 0..4 {
            sender.send(&record(sent)).unwrap();
            sent += 1;
        }
        assert_eq!(sender.send(&record(99)), Err(Full));
        for number in round * 4..sent {
            assert_eq!(receiver.recv(), Some(record(number)));
        }
        assert_eq!(receiver.recv(), None);
    }
}

#[test]
fn latest_gives_the_newest_value_only() {
    let instance = Instance::new("latest");
    let name = &instance.0;
    let mut writer =
        latest::Writer::<[u32; 3]>::create(name, Ring::Status, identity(3), b"").unwrap();
    let reader = latest::Reader::<[u32; 3]>::open(name, Ring::Status, LAYOUT).unwrap();
    assert_eq!((reader.load(), reader.version()), (None, 0));
    for number in 1..=9u32 {
        writer.store(&[number, 0, !number]);
        assert_eq!(reader.load(), Some((u64::from(number), [number, 0, !number])));
    }
    assert_eq!(reader.version(), 9);
    assert_eq!(reader.identity(), identity(3));
}

#[test]
fn instances_are_listed_and_removed() {
    let instance = Instance::new("list");
    let name = &instance.0;
    assert!(!rings::instances().contains(name));
    assert_eq!(rings::previous_boot_epoch(name), None);
    drop(latest::Writer::<u64>::create(name, Ring::Status, identity(8), b"").unwrap());
    drop(latest::Writer::<u64>::create(name, Ring::Params, identity(5), b"").unwrap());
    assert!(rings::instances().contains(name));
    assert_eq!(rings::previous_boot_epoch(name), Some(8));
    rings::remove_instance(name).unwrap();
    assert!(!rings::instances().contains(name));
    let prefix = format!("shrike-{name}");
    let left = std::fs::read_dir("/dev/shm").unwrap().flatten();
    assert_eq!(left.filter(|e| e.file_name().to_string_lossy().starts_with(&prefix)).count(), 0);
}

#[test]
fn record_of_the_schema_takes_two_cache_lines() {
    let instance = Instance::new("size");
    let name = &instance.0;
    let writer =
        broadcast::Writer::<schema::Record>::create(name, Ring::Market, 1024, identity(1), b"");
    let bytes = std::fs::metadata(instance.path(Ring::Market)).unwrap().len();
    drop(writer.unwrap());
    assert_eq!(bytes, 8192 + 1024 * 128);
}
