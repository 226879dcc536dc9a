//! A writer that dies after any of its stores, and the one that follows it.

use core::cell::Cell;
use core::sync::atomic::Ordering;

use super::{Array, Pair, gate_words, pair, ring};
use crate::gates::{GatedConsumer, GatedProducer, Gates};
use crate::mailbox::{Inbox, Outbox};
use crate::newest::load;
use crate::slots::Slots;
use crate::stream::{Consumer, Producer, recover};
use crate::word::Word;

thread_local! {
    /// Stores that still reach memory; a killed process's later ones do not.
    static STORES_LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// A word whose stores stop.
struct Mortal(Cell<u64>);

impl Word for Mortal {
    fn load(&self, _: Ordering) -> u64 {
        self.0.get()
    }
    fn store(&self, value: u64, _: Ordering) {
        let left = STORES_LEFT.get();
        if left > 0 {
            STORES_LEFT.set(left - 1);
            self.0.set(value);
        }
    }
    fn fence(_: Ordering) {}
}

fn mortal_ring(count: usize) -> (Array<Mortal>, Slots) {
    ring(count, || Mortal(Cell::new(0)))
}

/// Runs `act` with so many stores, then brings memory back to life. Whether all were used up.
fn dying_after(stores: u64, act: impl FnOnce()) -> bool {
    STORES_LEFT.set(stores);
    act();
    STORES_LEFT.replace(u64::MAX) == 0
}

/// One round: `before` records stored and `committed` of them, death in the next publish after so
/// many stores, a reader that looks at the remains or not, a new writer. False: it did not die.
fn killed_journal_writer(before: u64, committed: u64, stores: u64, reads_remains: bool) -> bool {
    let (memory, slots) = mortal_ring(8);
    let gates = gate_words(1, || Mortal(Cell::new(0)));
    let gates = || Gates::new(gates.clone(), 0);
    let start = Producer::new(memory.clone(), slots, 0);
    let mut writer = GatedProducer::new(start, gates(), 1);
    let mut reader = GatedConsumer::new(Consumer::at_oldest(memory.clone(), slots), gates(), 0);
    let mut read = 0;
    let read_all = |reader: &mut GatedConsumer<_, _>, read: &mut u64| {
        while let Some(found) = reader.next::<Pair>() {
            *read += 1;
            assert_eq!(found, (*read, pair(*read)), "every record once and in order");
        }
    };
    for number in 1..=before {
        writer.publish(&pair(number)).unwrap();
        if number <= committed {
            read_all(&mut reader, &mut read);
            reader.commit(number);
        }
    }
    let died = dying_after(stores, || {
        writer.publish(&pair(before + 1)).unwrap();
    });
    if reads_remains {
        read_all(&mut reader, &mut read);
        reader.commit(read);
        // A reader that died too goes on where it had committed.
        let consumer = Consumer::at_oldest(memory.clone(), slots);
        reader = GatedConsumer::new(consumer, gates(), 0);
    }
    let head = recover(&memory, &slots, gates().committed(0)).expect("recoverable at every store");
    assert!(head >= before && head >= read && head <= before + 1);
    let next = Producer::new(memory, slots, head);
    let mut writer = GatedProducer::new(next, gates(), 1);
    for number in head + 1..head + 20 {
        read_all(&mut reader, &mut read);
        reader.commit(read);
        assert_eq!(writer.publish(&pair(number)), Ok(number));
    }
    read_all(&mut reader, &mut read);
    assert_eq!(read, head + 19);
    died
}

#[test]
fn journal_is_continued_from_every_store_at_which_its_writer_died() {
    let mut deaths = 0;
    for before in 0..25 {
        for unread in 0..=before.min(6) {
            for reads_remains in [false, true] {
                let die =
                    |stores| killed_journal_writer(before, before - unread, stores, reads_remains);
                deaths += (0..).take_while(|&stores| die(stores)).count();
            }
        }
    }
    assert!(deaths > 1000, "{deaths} deaths only");
}

#[test]
fn killed_sender_is_followed_by_another() {
    for waiting in 0..8 {
        for stores in 0..10 {
            let (memory, slots) = mortal_ring(8);
            let mut inbox = Inbox::new(memory.clone(), slots);
            let mut outbox = Outbox::new(memory.clone(), slots);
            for number in 0..waiting {
                outbox.send(&pair(number)).unwrap();
            }
            let died = dying_after(stores, || outbox.send(&pair(waiting)).unwrap());
            let mut outbox = Outbox::new(memory, slots);
            let fits = outbox.send(&pair(100)).is_ok();
            let received: Vec<u64> =
                core::iter::from_fn(|| inbox.recv::<Pair>()).map(|[number, _]| number).collect();
            let arrived = received.contains(&waiting);
            assert!(arrived || died, "a send that was finished arrives");
            let expected = (0..waiting).chain(arrived.then_some(waiting));
            assert!(received.iter().copied().eq(expected.chain(fits.then_some(100))));
        }
    }
}

#[test]
fn newest_value_stays_when_its_writer_dies() {
    for stores in 0..6 {
        let (memory, slots) = mortal_ring(4);
        let mut writer = Producer::new(memory.clone(), slots, 0);
        (1..=5).for_each(|number| {
            writer.publish(&pair(number));
        });
        dying_after(stores, || {
            writer.publish(&pair(6));
        });
        let (version, value) = load::<_, Pair>(&memory, &slots).unwrap();
        assert!(version >= 5);
        assert_eq!(value, pair(version));
    }
}
