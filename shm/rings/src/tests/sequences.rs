//! Long sequences of operations against models that keep everything.

use core::sync::atomic::AtomicU64;

use proptest::prelude::*;

use super::{Array, Pair, gate_words, pair, ring};
use crate::gates::{GatedConsumer, GatedProducer, Gates};
use crate::slots::{Slot, Slots};
use crate::stream::{Consumer, Producer, recover};
use crate::{Full, Next};

fn plain_ring(count: usize) -> (Array<AtomicU64>, Slots) {
    ring(count, || AtomicU64::new(0))
}

#[derive(Debug, Clone)]
enum Step {
    Publish(u64),
    Read { reader: usize, times: u64 },
    Commit { reader: usize, back: u64 },
    Seek(u64),
    RestartWriter,
    RestartReader(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1u64..20).prop_map(Step::Publish),
        4 => (0usize..2, 1u64..20).prop_map(|(reader, times)| Step::Read { reader, times }),
        3 => (0usize..2, 0u64..4).prop_map(|(reader, back)| Step::Commit { reader, back }),
        1 => (0u64..200).prop_map(Step::Seek),
        1 => Just(Step::RestartWriter),
        1 => (0usize..2).prop_map(Step::RestartReader),
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..<_>::default() })]

    /// Items and losses together are the whole stream, in order; nothing readable is withheld but
    /// the quarter that is given up after a loss.
    #[test]
    fn broadcast_accounts_for_every_record(log in 1u32..6, steps in steps()) {
        let count = 1u64 << log;
        let (memory, slots) = plain_ring(count as usize);
        let mut writer = Producer::new(memory.clone(), slots, 0);
        let mut reader = Consumer::at_newest(memory, slots);
        let mut expected = 1;
        for step in steps {
            match step {
                Step::Publish(times) => for _ in 0..times {
                    let number = writer.head() + 1;
                    prop_assert_eq!(writer.publish(&pair(number)), number);
                },
                Step::Read { times, .. } => for _ in 0..times {
                    let head = writer.head();
                    let oldest = (head + 2).saturating_sub(count).max(1);
                    let next = reader.next::<Pair>();
                    if expected < oldest {
                        let lost = oldest + count / 4 - expected;
                        prop_assert_eq!(next, Next::Lost { first: expected, count: lost });
                        expected += lost;
                    } else if expected > head {
                        prop_assert_eq!(next, Next::Empty);
                    } else {
                        prop_assert_eq!(next, Next::Item(expected, pair(expected)));
                        expected += 1;
                    }
                    prop_assert_eq!(reader.lag(), (head + 1).saturating_sub(expected));
                },
                Step::Seek(seq) => {
                    let head = writer.head();
                    let oldest = (head + 2).saturating_sub(count).max(1);
                    expected = seq.clamp(oldest, head + 1);
                    prop_assert_eq!(reader.seek(seq), expected);
                }
                Step::Commit { .. } | Step::RestartWriter | Step::RestartReader(_) => {}
            }
        }
    }

    /// Two gates: each gets everything once and in order, restarts of anyone included, and the
    /// writer stops exactly when the slower one has not committed enough.
    #[test]
    fn journal_loses_and_repeats_nothing(log in 2u32..6, steps in steps()) {
        let count = 1u64 << log;
        let (memory, slots) = plain_ring(count as usize);
        let gate_words = gate_words(2, || AtomicU64::new(0));
        let gates = || Gates::new(gate_words.clone(), 0);
        let open = |gate| {
            GatedConsumer::new(Consumer::at_oldest(memory.clone(), slots), gates(), gate)
        };
        let start = |head| {
            GatedProducer::new(Producer::new(memory.clone(), slots, head), gates(), 2)
        };
        let mut writer = start(0);
        let mut readers = [open(0), open(1)];
        let mut read = [0u64; 2];
        let mut committed = [0u64; 2];
        for step in steps {
            let head = writer.producer().head();
            let slowest = committed[0].min(committed[1]);
            match step {
                Step::Publish(times) => for number in head + 1..=head + times {
                    let result = writer.publish(&pair(number));
                    if number - slowest < count {
                        prop_assert_eq!(result, Ok(number));
                    } else {
                        prop_assert_eq!(result, Err(Full));
                        break;
                    }
                },
                Step::Read { reader, times } => for _ in 0..times {
                    let found = readers[reader].next::<Pair>();
                    let next = read[reader] + 1;
                    prop_assert_eq!(found, (next <= head).then(|| (next, pair(next))));
                    read[reader] = next.min(head);
                },
                Step::Commit { reader, back } => {
                    // Commits beyond what was read or back in time change nothing wrongly.
                    let seq = (read[reader] + 2).saturating_sub(back);
                    readers[reader].commit(seq);
                    committed[reader] = committed[reader].max(seq.min(read[reader]));
                    prop_assert_eq!(readers[reader].committed(), committed[reader]);
                }
                Step::RestartWriter => {
                    let found = recover(&memory, &slots, slowest);
                    prop_assert_eq!(found, Some(head));
                    writer = start(head);
                }
                Step::RestartReader(reader) => {
                    readers[reader] = open(reader);
                    read[reader] = committed[reader];
                }
                Step::Seek(_) => {}
            }
            let slowest = committed[0].min(committed[1]);
            prop_assert_eq!(writer.used(), writer.producer().head() - slowest);
        }
    }

    /// Records of any length, also when it is not a whole number of words.
    #[test]
    fn bytes_come_out_as_they_went_in(bytes in any::<[u8; 13]>(), seq in 1u64..1 << 62) {
        let memory: Vec<AtomicU64> = (0..32).map(|_| AtomicU64::new(u64::MAX)).collect();
        let slots = Slots::new(0, 4, 13);
        slots.mark(&memory, seq);
        prop_assert_eq!(slots.read::<_, [u8; 13]>(&memory, seq), Slot::Pending);
        slots.write(&memory, seq, &bytes);
        prop_assert_eq!(slots.read(&memory, seq), Slot::Item(bytes));
        prop_assert_eq!(slots.seq_in(&memory, seq % 4), Some(seq));
    }
}
