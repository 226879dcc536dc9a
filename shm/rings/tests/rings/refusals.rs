//! Segments that must be refused, and bytes that must do no harm.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};

use proptest::prelude::*;
use rings::{Next, OpenError, Ring, broadcast, control, journal, latest};

use crate::{Instance, LAYOUT, identity};

/// First byte of the slots.
const SLOTS_AT: u64 = 8192;

fn market(instance: &Instance, slots: usize) -> broadcast::Writer<u64> {
    let identity = identity(1);
    broadcast::Writer::create(&instance.0, Ring::Market, slots, identity, &[1; 100]).unwrap()
}

fn open(instance: &Instance) -> Result<broadcast::Reader<u64>, OpenError> {
    broadcast::Reader::open(&instance.0, Ring::Market, LAYOUT)
}

fn file(path: &str) -> File {
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

#[test]
fn each_wrong_segment_has_its_own_refusal() {
    let instance = Instance::new("refuse");
    let name = &instance.0;
    assert_eq!(open(&instance).unwrap_err(), OpenError::NotFound);
    drop(market(&instance, 8));
    let layout = broadcast::Reader::<u64>::open(name, Ring::Market, LAYOUT + 1);
    assert_eq!(layout.unwrap_err(), OpenError::Layout);
    let layout = broadcast::Reader::<u32>::open(name, Ring::Market, LAYOUT);
    assert_eq!(layout.unwrap_err(), OpenError::Layout);
    let path = instance.path(Ring::Market);
    fs::copy(&path, instance.path(Ring::Status)).unwrap();
    let status = latest::Reader::<u64>::open(name, Ring::Status, LAYOUT);
    assert_eq!(status.unwrap_err(), OpenError::Kind);
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(open(&instance).unwrap_err(), OpenError::Permission);
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    file(&path).write_all_at(b"X", 0).unwrap();
    assert_eq!(open(&instance).unwrap_err(), OpenError::Magic);
    fs::remove_file(&path).unwrap();
    symlink(instance.path(Ring::Status), &path).unwrap();
    assert_eq!(open(&instance).unwrap_err(), OpenError::Permission, "no symbolic links");
    market(&instance, 8);
    open(&instance).unwrap();
}

#[test]
fn bad_arguments_are_refused() {
    let instance = Instance::new("arguments");
    let create = |name: &str, slots, info: &[u8]| {
        broadcast::Writer::<u64>::create(name, Ring::Market, slots, identity(1), info).map(drop)
    };
    for name in ["", "a/b", "..", "a b", &"x".repeat(65)] {
        assert_eq!(create(name, 8, b""), Err(OpenError::Name), "{name:?}");
        assert_eq!(rings::remove_instance(name), Err(OpenError::Name));
    }
    for slots in [0, 1, 2, 3, 6, 1000, usize::MAX, 1 << 63] {
        assert_eq!(create(&instance.0, slots, b""), Err(OpenError::Capacity), "{slots}");
    }
    assert_eq!(create(&instance.0, 8, &[0; 2049]), Err(OpenError::InfoTooLong));
    assert_eq!(create(&instance.0, 8, &[0; 2048]), Ok(()));
    let gates = |gates: &[&str]| {
        journal::Writer::<u64>::open_or_create(&instance.0, 8, identity(1), b"", gates).map(drop)
    };
    assert_eq!(gates(&["a", "a"]), Err(OpenError::Gate));
    assert_eq!(gates(&["a", "b", "c", "d", "e", "f", "g", "h", "i"]), Err(OpenError::Gate));
    assert_eq!(gates(&["a\nb"]), Err(OpenError::Name));
}

#[test]
fn segment_larger_than_the_file_system_is_no_space_and_leaves_nothing() {
    let instance = Instance::new("space");
    let stat = rustix::fs::statvfs("/dev/shm").unwrap();
    let bytes = stat.f_blocks * stat.f_frsize;
    if bytes == 0 || bytes > 1 << 44 {
        println!("/dev/shm has no limit: nothing to test");
        return;
    }
    let slots = (bytes / 64 + 1).next_power_of_two() as usize;
    let result =
        broadcast::Writer::<u64>::create(&instance.0, Ring::Market, slots, identity(1), b"");
    assert_eq!(result.unwrap_err(), OpenError::NoSpace);
    let left = fs::read_dir("/dev/shm").unwrap().flatten();
    let names = left.filter_map(|entry| entry.file_name().into_string().ok());
    assert_eq!(names.filter(|n| n.contains(&instance.0) && !n.ends_with(".lock")).count(), 0);
}

#[test]
fn segment_of_any_other_size_is_truncated() {
    let instance = Instance::new("truncated");
    drop(market(&instance, 8));
    let bytes = SLOTS_AT + 8 * 64;
    let path = instance.path(Ring::Market);
    let (whole, file) = (fs::read(&path).unwrap(), file(&path));
    for size in [0, 1, 4095, 4096, 8191, 8192, bytes - 1, bytes + 1, bytes * 2] {
        file.set_len(size).unwrap();
        assert_eq!(open(&instance).unwrap_err(), OpenError::Truncated, "{size} bytes");
        file.set_len(bytes).unwrap();
        file.write_all_at(&whole, 0).unwrap();
        open(&instance).unwrap();
    }
}

#[test]
fn any_flipped_byte_of_a_header_is_refused_or_harmless() {
    let instance = Instance::new("flip");
    drop(market(&instance, 8));
    let path = instance.path(Ring::Market);
    let whole = fs::read(&path).unwrap();
    let file = file(&path);
    let mut refused = 0;
    for at in 0..2200u64 {
        let byte = whole[at as usize];
        // Bit 0 of the generation word says that a writer is at it: covered once, it waits.
        let flip = if at == 2184 { 2 } else { 1 << (at % 8) };
        file.write_all_at(&[byte ^ flip], at).unwrap();
        match open(&instance) {
            Err(_) => refused += 1,
            Ok(reader) => {
                assert_eq!((reader.identity(), reader.info()), (identity(1), vec![1; 100]));
                assert!(at >= 2184, "byte {at} is under the checksum");
            }
        }
        file.write_all_at(&[byte], at).unwrap();
    }
    assert_eq!(refused, 2184);
    file.write_all_at(&[whole[2184] | 1], 2184).unwrap();
    assert_eq!(open(&instance).unwrap_err(), OpenError::Corrupt);
}

#[test]
fn unfinished_files_of_dead_creators_are_removed() {
    let instance = Instance::new("leftover");
    let leftover = format!("{}.new-1-0", instance.path(Ring::Market));
    fs::write(&leftover, b"half a segment").unwrap();
    drop(market(&instance, 8));
    assert!(!fs::exists(&leftover).unwrap());
}

#[test]
fn journal_with_a_damaged_unread_record_is_not_continued() {
    let instance = Instance::new("damaged");
    let create = || {
        let gates = ["persist"];
        journal::Writer::<u64>::open_or_create(&instance.0, 8, identity(1), b"", &gates)
    };
    let mut writer = create().unwrap();
    (1..=20).for_each(|number| {
        if writer.used() == 7 {
            let mut gate = journal::GatedReader::<u64>::open(&instance.0, LAYOUT, "persist");
            let gate = gate.as_mut().unwrap();
            let last = (0..5).filter_map(|_| gate.next()).last().unwrap().0;
            gate.commit(last);
        }
        writer.publish(&number).unwrap();
    });
    let committed = writer.head() - writer.used();
    drop(writer);
    let file = file(&instance.path(Ring::Journal));
    // The head word is repaired from the stamps.
    file.write_all_at(&u64::MAX.to_le_bytes(), 4096).unwrap();
    assert_eq!(create().unwrap().head(), 20);
    // A committed record may be damaged, an unread one may not.
    let stamp_at = |seq: u64| SLOTS_AT + seq % 8 * 64;
    file.write_all_at(&[0xff; 8], stamp_at(committed)).unwrap();
    assert_eq!(create().unwrap().head(), 20);
    file.write_all_at(&[0xff; 8], stamp_at(committed + 2)).unwrap();
    assert_eq!(create().unwrap_err(), OpenError::Corrupt);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn random_bytes_in_a_live_mapping_do_no_harm(
        damage in prop::collection::vec((0u64..512 + 4096 / 8, any::<u64>()), 1..40),
        published in 0u64..40,
    ) {
        let instance = Instance::new("live");
        let name = &instance.0;
        let mut market = market(&instance, 8);
        let mut control = control::Receiver::<u64>::create(name, 8, identity(1), b"").unwrap();
        let mut send = control::Sender::<u64>::open(name, LAYOUT).unwrap();
        let mut journal =
            journal::Writer::<u64>::open_or_create(name, 8, identity(1), b"", &["g"]).unwrap();
        let mut gated = journal::GatedReader::<u64>::open(name, LAYOUT, "g").unwrap();
        let mut free = journal::Reader::<u64>::open(name, LAYOUT).unwrap();
        let mut reader = open(&instance).unwrap();
        let files = [Ring::Market, Ring::Control, Ring::Journal, Ring::Gates]
            .map(|ring| file(&instance.path(ring)));
        for (turn, (word, value)) in damage.into_iter().enumerate() {
            for _ in 0..published {
                market.publish(&1);
                let _ = journal.publish(&1);
                let _ = send.send(&1);
            }
            // Cursor page and slots; now and then a small number, which looks more like one of
            // ours.
            let value = if turn % 2 == 0 { value % 64 } else { value };
            for file in &files {
                let at = (4096 + word * 8) % file.metadata().unwrap().len();
                if at >= 4096 {
                    file.write_all_at(&value.to_le_bytes(), at).unwrap();
                }
            }
            for _ in 0..20 {
                if let Next::Lost { first, count } = reader.next() {
                    prop_assert!(first.checked_add(count).is_some());
                }
                free.next();
                free.seek(value);
                if let Some((seq, _)) = gated.next() {
                    gated.commit(seq);
                }
                gated.seek(value.wrapping_mul(3));
                control.recv();
                prop_assert!(journal.used() <= 7);
            }
            let _ = (reader.lag(), free.lag(), gated.lag());
        }
    }
}
