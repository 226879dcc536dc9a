//! `ring/…`: our rings against rtrb, crossbeam and iceoryx2, with the 120-byte record they carry.
//!
//! `publish`: what the writer pays for one record while a reader on the other core takes each of
//! them, one a microsecond. `one_way`: half of a round trip of one record between two threads pinned
//! to two cores. Ours run over real shared-memory segments; rtrb and crossbeam are in-process, which
//! is the easier job.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use bench::timing::{machine, print_head, print_line};
use core_affinity::CoreId;
use iceoryx2::prelude::{NodeBuilder, ZeroCopySend, ipc};
use rings::{Identity, Next, Ring, broadcast, journal, remove_instance};
use schema::{LAYOUT_HASH, Record};

/// Records a `publish` case.
const PUBLISHES: usize = 100_000;
/// Round trips of a `one_way` case.
const ROUND_TRIPS: usize = 20_000;
/// Longest wait for one answer of a `one_way` case; past it the case ends with what it has.
const ANSWER_WAIT: Duration = Duration::from_secs(2);
/// Slots of every ring.
const SLOTS: usize = 4096;

/// The record with the marker iceoryx2 asks for.
#[derive(Debug, Clone, Copy, Default, ZeroCopySend)]
#[repr(C)]
struct Payload([u64; 15]);

fn identity() -> Identity {
    Identity { layout_hash: LAYOUT_HASH, build_id: 0, boot_epoch: 1 }
}

fn instance(name: &str) -> String {
    format!("bench-{name}-{}", std::process::id())
}

/// The cores of this process, asked before any thread is pinned: a pinned one sees only its own.
static CORES: OnceLock<Vec<CoreId>> = OnceLock::new();

fn pin(core: usize) {
    let cores = CORES.get_or_init(|| core_affinity::get_core_ids().unwrap_or_default());
    if let Some(core) = cores.get(core) {
        core_affinity::set_for_current(*core);
    }
}

/// A pair of ends that are made on the threads that use them.
trait Make: Sync {
    fn sender(&self) -> Box<dyn FnMut(u64)>;
    fn receiver(&self) -> Box<dyn FnMut() -> Option<u64>>;
}

struct Broadcast(String);
impl Make for Broadcast {
    fn sender(&self) -> Box<dyn FnMut(u64)> {
        let mut writer =
            broadcast::Writer::<Record>::create(&self.0, Ring::Market, SLOTS, identity(), &[])
                .expect("a fresh instance");
        Box::new(move |value| {
            let record = Record { at_ns: value, ..Record::default() };
            writer.publish(&record);
        })
    }
    fn receiver(&self) -> Box<dyn FnMut() -> Option<u64>> {
        let mut reader = broadcast::Reader::<Record>::open(&self.0, Ring::Market, LAYOUT_HASH)
            .expect("the writer made it");
        Box::new(move || match reader.next() {
            Next::Item(_, record) => Some(record.at_ns),
            _ => None,
        })
    }
}

struct Journal(String);
impl Make for Journal {
    fn sender(&self) -> Box<dyn FnMut(u64)> {
        let mut writer =
            journal::Writer::<Record>::open_or_create(&self.0, SLOTS, identity(), &[], &["bench"])
                .expect("a fresh instance");
        Box::new(move |value| {
            let record = Record { at_ns: value, ..Record::default() };
            while writer.publish(&record).is_err() {
                std::hint::spin_loop();
            }
        })
    }
    fn receiver(&self) -> Box<dyn FnMut() -> Option<u64>> {
        let mut reader = journal::GatedReader::<Record>::open(&self.0, LAYOUT_HASH, "bench")
            .expect("the writer made it");
        Box::new(move || {
            let (sequence, record) = reader.next()?;
            reader.commit(sequence);
            Some(record.at_ns)
        })
    }
}

/// In-process queues hand one of their ends to the other thread through a slot.
struct Rtrb {
    producer: Mutex<Option<rtrb::Producer<Record>>>,
    consumer: Mutex<Option<rtrb::Consumer<Record>>>,
}
impl Rtrb {
    fn new() -> Self {
        let (producer, consumer) = rtrb::RingBuffer::new(SLOTS);
        Self { producer: Mutex::new(Some(producer)), consumer: Mutex::new(Some(consumer)) }
    }
}
impl Make for Rtrb {
    fn sender(&self) -> Box<dyn FnMut(u64)> {
        let mut producer = self.producer.lock().expect("not poisoned").take().expect("taken once");
        Box::new(move |value| {
            let mut record = Record { at_ns: value, ..Record::default() };
            while let Err(rtrb::PushError::Full(back)) = producer.push(record) {
                record = back;
                std::hint::spin_loop();
            }
        })
    }
    fn receiver(&self) -> Box<dyn FnMut() -> Option<u64>> {
        let mut consumer = self.consumer.lock().expect("not poisoned").take().expect("taken once");
        Box::new(move || consumer.pop().ok().map(|record| record.at_ns))
    }
}

struct Crossbeam(crossbeam::channel::Sender<Record>, crossbeam::channel::Receiver<Record>);
impl Crossbeam {
    fn new() -> Self {
        let (sender, receiver) = crossbeam::channel::bounded(SLOTS);
        Self(sender, receiver)
    }
}
impl Make for Crossbeam {
    fn sender(&self) -> Box<dyn FnMut(u64)> {
        let sender = self.0.clone();
        Box::new(move |value| {
            let record = Record { at_ns: value, ..Record::default() };
            while sender.try_send(record).is_err() {
                std::hint::spin_loop();
            }
        })
    }
    fn receiver(&self) -> Box<dyn FnMut() -> Option<u64>> {
        let receiver = self.1.clone();
        Box::new(move || receiver.try_recv().ok().map(|record| record.at_ns))
    }
}

struct Iceoryx(String);
impl Iceoryx {
    fn service(
        &self,
    ) -> iceoryx2::service::port_factory::publish_subscribe::PortFactory<ipc::Service, Payload, ()>
    {
        let node = NodeBuilder::new().create::<ipc::Service>().expect("a node");
        let name = self.0.as_str().try_into().expect("a service name");
        node.service_builder(&name)
            .publish_subscribe::<Payload>()
            .subscriber_max_buffer_size(SLOTS)
            .open_or_create()
            .expect("a service")
    }
}
impl Make for Iceoryx {
    fn sender(&self) -> Box<dyn FnMut(u64)> {
        let service = self.service();
        let publisher = service.publisher_builder().create().expect("a publisher");
        Box::new(move |value| {
            let sample = publisher.loan_uninit().expect("a free sample");
            let mut payload = Payload::default();
            payload.0[0] = value;
            sample.write_payload(payload).send().expect("sent");
        })
    }
    fn receiver(&self) -> Box<dyn FnMut() -> Option<u64>> {
        let service = self.service();
        let subscriber = service.subscriber_builder().create().expect("a subscriber");
        Box::new(move || subscriber.receive().ok().flatten().map(|sample| sample.payload().0[0]))
    }
}

/// Cost of one send while the other core receives, ns.
fn publish(make: &dyn Make) -> Vec<f64> {
    let (ready, stop) = (&AtomicBool::new(false), &AtomicBool::new(false));
    std::thread::scope(|scope| {
        pin(1);
        let mut send = make.sender();
        scope.spawn(move || {
            pin(0);
            let mut receive = make.receiver();
            ready.store(true, Ordering::Release);
            while !stop.load(Ordering::Relaxed) {
                std::hint::black_box(receive());
            }
        });
        while !ready.load(Ordering::Acquire) {
            std::hint::spin_loop();
        }
        // Ten sends a sample: the clock itself costs about as much as two of them.
        let mut times = Vec::with_capacity(PUBLISHES / 10);
        for sample in 0..PUBLISHES / 10 {
            let begun = Instant::now();
            for index in 0..10 {
                send((sample * 10 + index) as u64);
            }
            times.push(begun.elapsed().as_nanos() as f64 / 10.0);
            let pause = Instant::now();
            while pause.elapsed() < Duration::from_micros(10) {
                std::hint::spin_loop();
            }
        }
        stop.store(true, Ordering::Relaxed);
        times
    })
}

/// Half of a round trip through two of them, ns; fewer than asked if answers stop coming.
fn one_way(there: &dyn Make, back: &dyn Make) -> Vec<f64> {
    let (made, ready) = (&AtomicBool::new(false), &AtomicBool::new(false));
    let stop = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        pin(1);
        let mut send = there.sender();
        scope.spawn(move || {
            pin(0);
            let mut answer = back.sender();
            let mut receive = there.receiver();
            made.store(true, Ordering::Release);
            while !ready.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
            while !stop.load(Ordering::Relaxed) {
                if let Some(value) = receive() {
                    answer(value);
                }
            }
        });
        while !made.load(Ordering::Acquire) {
            std::hint::spin_loop();
        }
        let mut receive = back.receiver();
        ready.store(true, Ordering::Release);
        let mut times = Vec::with_capacity(ROUND_TRIPS);
        'trips: for value in 1..=ROUND_TRIPS as u64 {
            let begun = Instant::now();
            send(value);
            let mut looks = 0u32;
            while receive() != Some(value) {
                looks = looks.wrapping_add(1);
                if looks.is_multiple_of(1 << 16) && begun.elapsed() > ANSWER_WAIT {
                    break 'trips;
                }
            }
            times.push(begun.elapsed().as_nanos() as f64 / 2.0);
        }
        stop.store(true, Ordering::Relaxed);
        times
    })
}

fn main() {
    // `cargo test --benches` runs this with `--test`: then nothing is measured.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!("{}", machine());
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        println!("one core: two threads that spin at each other cannot be measured");
        return;
    }
    print_head();
    type Maker = fn(&str) -> Box<dyn Make>;
    let makers: [(&str, Maker); 5] = [
        ("rtrb", |_| Box::new(Rtrb::new())),
        ("market ring", |name| Box::new(Broadcast(instance(name)))),
        ("journal ring", |name| Box::new(Journal(instance(name)))),
        ("crossbeam channel", |_| Box::new(Crossbeam::new())),
        ("iceoryx2 ipc", |name| Box::new(Iceoryx(instance(name)))),
    ];
    let mut reference = None;
    for (at, (name, make)) in makers.iter().enumerate() {
        let mut times = publish(make(&format!("p{at}")).as_ref());
        let median = print_line(&format!("publish/{name}"), &mut times, reference);
        reference = reference.or(Some(median));
    }
    // Three passes, interleaved, because the distance between two virtual cores changes by the second.
    let mut all: Vec<Vec<f64>> = vec![Vec::new(); makers.len()];
    for pass in 0..3 {
        for (at, (_, make)) in makers.iter().enumerate() {
            let there = make(&format!("t{pass}{at}"));
            let back = make(&format!("b{pass}{at}"));
            all[at].extend(one_way(there.as_ref(), back.as_ref()));
        }
    }
    let mut reference = None;
    for ((name, _), times) in makers.iter().zip(&mut all) {
        if times.is_empty() {
            println!("one_way/{name}: no answer came");
            continue;
        }
        let median = print_line(&format!("one_way/{name}"), times, reference);
        reference = reference.or(Some(median));
    }
    for name in rings::instances() {
        if name.starts_with("bench-") && name.ends_with(&format!("-{}", std::process::id())) {
            // What cannot be removed now is removed with the next boot.
            let _ = remove_instance(&name);
        }
    }
}
