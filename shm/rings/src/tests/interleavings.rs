//! loom runs the algorithms in every interleaving and with every value a weak memory may return.
//!
//! Removing the mark, either fence, the second look at the stamp, or the Release or Acquire of a
//! stamp makes these fail. loom never lets a load see a store that comes later, so the Release of
//! a commit and of the taken count, which keep reads before it, are not exercised here.

use loom::sync::atomic::{AtomicU64, fence};
use loom::thread::{spawn, yield_now};

use core::sync::atomic::Ordering;

use super::{Array, Pair, gate_words, pair, ring};
use crate::Next;
use crate::gates::{GatedConsumer, GatedProducer, Gates};
use crate::mailbox::{Inbox, Outbox};
use crate::newest::load;
use crate::slots::Slots;
use crate::stream::{Consumer, Producer};
use crate::word::Word;

impl Word for AtomicU64 {
    fn load(&self, order: Ordering) -> u64 {
        Self::load(self, order)
    }
    fn store(&self, value: u64, order: Ordering) {
        Self::store(self, value, order);
    }
    fn fence(order: Ordering) {
        fence(order);
    }
}

/// Every schedule with up to so many preemptions: errors of such algorithms need one or two.
fn model(preemptions: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(run);
}

fn loom_ring(count: usize) -> (Array<AtomicU64>, Slots) {
    ring(count, || AtomicU64::new(0))
}

#[test]
fn overtaken_reader_never_sees_a_torn_record() {
    model(3, || {
        let (memory, slots) = loom_ring(2);
        let mut writer = Producer::new(memory.clone(), slots, 0);
        writer.publish(&pair(1));
        let mut reader = Consumer::at_oldest(memory, slots);
        let writing = spawn(move || {
            writer.publish(&pair(2));
            writer.publish(&pair(3));
        });
        let mut expected = 1;
        for _ in 0..2 {
            match reader.next::<Pair>() {
                Next::Item(seq, value) => {
                    assert_eq!((seq, value), (expected, pair(expected)));
                    expected += 1;
                }
                Next::Empty => {}
                Next::Lost { first, count } => {
                    assert_eq!(first, expected);
                    expected += count;
                }
            }
            assert!(expected <= 4, "nothing is lost that was not published");
        }
        writing.join().unwrap();
    });
}

#[test]
fn reader_opened_while_writing_starts_at_a_whole_record() {
    model(3, || {
        let (memory, slots) = loom_ring(2);
        let mut writer = Producer::new(memory.clone(), slots, 0);
        writer.publish(&pair(1));
        let writing = spawn(move || {
            writer.publish(&pair(2));
        });
        let mut reader = Consumer::at_newest(memory, slots);
        if let Next::Item(seq, value) = reader.next::<Pair>() {
            assert_eq!((seq, value), (2, pair(2)));
        }
        writing.join().unwrap();
    });
}

#[test]
fn gated_reader_gets_every_record_and_the_writer_waits_for_it() {
    model(3, || {
        let (memory, slots) = loom_ring(2);
        let gates = gate_words(1, || AtomicU64::new(0));
        let writer = Producer::new(memory.clone(), slots, 0);
        let mut writer = GatedProducer::new(writer, Gates::new(gates.clone(), 0), 1);
        writer.publish(&pair(1)).unwrap();
        let consumer = Consumer::at_oldest(memory, slots);
        let mut reader = GatedConsumer::new(consumer, Gates::new(gates, 0), 0);
        let writing = spawn(move || {
            let mut next = 2;
            for _ in 0..2 {
                match writer.publish(&pair(next)) {
                    Ok(seq) => {
                        assert_eq!(seq, next);
                        next += 1;
                    }
                    Err(_) => yield_now(),
                }
            }
        });
        let mut expected = 1;
        for _ in 0..2 {
            if let Some(found) = reader.next::<Pair>() {
                assert_eq!(found, (expected, pair(expected)));
                reader.commit(expected);
                expected += 1;
            }
        }
        assert!(expected > 1, "the first was there before");
        writing.join().unwrap();
        while let Some(found) = reader.next::<Pair>() {
            assert_eq!(found, (expected, pair(expected)));
            expected += 1;
        }
    });
}

#[test]
fn newest_value_is_whole_and_never_goes_back() {
    model(2, || {
        let (memory, slots) = loom_ring(2);
        let mut writer = Producer::new(memory.clone(), slots, 0);
        writer.publish(&pair(1));
        let writing = spawn(move || {
            writer.publish(&pair(2));
            writer.publish(&pair(3));
        });
        let mut last = 1;
        for _ in 0..2 {
            if let Some((version, value)) = load::<_, Pair>(&memory, &slots) {
                assert_eq!(value, pair(version));
                assert!(version >= last);
                last = version;
            }
        }
        writing.join().unwrap();
        assert_eq!(load(&memory, &slots), Some((3, pair(3))));
    });
}

#[test]
fn commands_arrive_whole_once_and_in_order() {
    model(3, || {
        let (memory, slots) = loom_ring(2);
        let mut sender = Outbox::new(memory.clone(), slots);
        let mut receiver = Inbox::new(memory, slots);
        sender.send(&pair(1)).unwrap();
        let sending = spawn(move || {
            let mut sent = 1;
            for _ in 0..2 {
                match sender.send(&pair(sent + 1)) {
                    Ok(()) => sent += 1,
                    Err(_) => yield_now(),
                }
            }
            sent
        });
        let mut received = 0;
        for _ in 0..2 {
            if let Some(value) = receiver.recv::<Pair>() {
                received += 1;
                assert_eq!(value, pair(received));
            }
        }
        let sent = sending.join().unwrap();
        while let Some(value) = receiver.recv::<Pair>() {
            received += 1;
            assert_eq!(value, pair(received));
        }
        assert_eq!(received, sent);
    });
}
