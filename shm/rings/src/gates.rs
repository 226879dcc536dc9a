//! Gates: what each gating reader has committed, and the writer that waits for them.

use crate::journal::GATES_MAX;
use crate::slots::Slots;
use crate::stream::{Consumer, Producer};
use crate::word::{Acquire, Memory, Release, Word};
use crate::{Full, Next, Plain};

/// Words from one gate to the next: two cache lines, so that readers do not disturb each other.
pub(crate) const GATE_WORDS: usize = 16;
/// Bytes of a record that makes slots of [`GATE_WORDS`].
pub(crate) const GATE_BYTES: usize = (GATE_WORDS - 1) * 8;
const _: () = assert!(Slots::stride(GATE_BYTES) == GATE_WORDS);

/// The commit words of up to [`GATES_MAX`] gates.
#[derive(Debug)]
pub(crate) struct Gates<G> {
    memory: G,
    first: usize,
}

impl<G: Memory> Gates<G> {
    /// Gates from word `first`.
    pub(crate) fn new(memory: G, first: usize) -> Self {
        Self { memory, first }
    }
    fn word(&self, gate: usize) -> &G::Word {
        &self.memory.words()[self.first + (gate % GATES_MAX) * GATE_WORDS]
    }
    /// What the gate has committed. Pairs with the Release in `commit`: the reads of the records
    /// up to it are over.
    #[inline]
    pub(crate) fn committed(&self, gate: usize) -> u64 {
        self.word(gate).load(Acquire)
    }
    /// Lets the writer go on.
    pub(crate) fn commit(&self, gate: usize, seq: u64) {
        self.word(gate).store(seq, Release);
    }
    pub(crate) fn memory(&self) -> &G {
        &self.memory
    }
}

/// A producer that does not overwrite what a gate has not committed.
#[derive(Debug)]
pub(crate) struct GatedProducer<M, G> {
    producer: Producer<M>,
    gates: Gates<G>,
    gate_count: usize,
    /// Last credible commit of each gate.
    seen: [u64; GATES_MAX],
    /// Smallest of them: the gates' lines are read again only when this is not enough.
    committed: u64,
}

impl<M: Memory, G: Memory> GatedProducer<M, G> {
    pub(crate) fn new(producer: Producer<M>, gates: Gates<G>, gate_count: usize) -> Self {
        let floor = producer.head().saturating_sub(producer.slots().usable());
        let seen = [floor; GATES_MAX];
        let mut gated =
            Self { producer, gates, gate_count: gate_count.min(GATES_MAX), seen, committed: floor };
        gated.refresh();
        gated
    }
    /// Writes the next record, or nothing if a gate holds it up.
    #[inline]
    pub(crate) fn publish<T: Plain>(&mut self, value: &T) -> Result<u64, Full> {
        let usable = self.producer.slots().usable();
        if self.producer.head() - self.committed >= usable {
            self.refresh();
            if self.producer.head() - self.committed >= usable {
                return Err(Full);
            }
        }
        Ok(self.producer.publish(value))
    }
    /// Records the slowest gate has not committed.
    pub(crate) fn used(&mut self) -> u64 {
        self.refresh();
        self.producer.head() - self.committed
    }
    /// Takes over the gates' commits. One that goes back or beyond the head is not credible (a
    /// corrupt word) and changes nothing.
    fn refresh(&mut self) {
        let head = self.producer.head();
        let mut smallest = head;
        for gate in 0..self.gate_count {
            let committed = self.gates.committed(gate);
            if committed > self.seen[gate] && committed <= head {
                self.seen[gate] = committed;
            }
            smallest = smallest.min(self.seen[gate]);
        }
        self.committed = smallest;
    }
    pub(crate) fn producer(&self) -> &Producer<M> {
        &self.producer
    }
}

/// A consumer whose commits the writer waits for.
#[derive(Debug)]
pub(crate) struct GatedConsumer<M, G> {
    consumer: Consumer<M>,
    gates: Gates<G>,
    gate: usize,
    committed: u64,
}

impl<M: Memory, G: Memory> GatedConsumer<M, G> {
    /// Continues after the last commit of this gate.
    pub(crate) fn new(mut consumer: Consumer<M>, gates: Gates<G>, gate: usize) -> Self {
        let position = consumer.seek(gates.committed(gate).saturating_add(1));
        // A commit word beyond the head is corrupt; the position is credible in any case.
        let committed = gates.committed(gate).min(position - 1);
        Self { consumer, gates, gate, committed }
    }
    /// The next record that is there; what a seek below the commit made it miss shows as a jump.
    #[inline]
    pub(crate) fn next<T: Plain>(&mut self) -> Option<(u64, T)> {
        match self.consumer.next() {
            Next::Item(seq, value) => Some((seq, value)),
            Next::Empty => None,
            Next::Lost { .. } => match self.consumer.next() {
                Next::Item(seq, value) => Some((seq, value)),
                Next::Empty | Next::Lost { .. } => None,
            },
        }
    }
    /// Commits up to `seq`, never backwards and never beyond what was read.
    pub(crate) fn commit(&mut self, seq: u64) {
        let seq = seq.min(self.consumer.position().saturating_sub(1));
        if seq > self.committed {
            self.committed = seq;
            self.gates.commit(self.gate, seq);
        }
    }
    pub(crate) fn committed(&self) -> u64 {
        self.committed
    }
    pub(crate) fn consumer(&self) -> &Consumer<M> {
        &self.consumer
    }
    pub(crate) fn consumer_mut(&mut self) -> &mut Consumer<M> {
        &mut self.consumer
    }
    pub(crate) fn gates(&self) -> &Gates<G> {
        &self.gates
    }
}
