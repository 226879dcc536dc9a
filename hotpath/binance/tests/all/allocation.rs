//! Decoding and encoding do not allocate.
//!
//! The test binary's allocator counts per thread, so that tests beside this one do not disturb.
#![allow(unsafe_code, reason = "a global allocator can only be written with unsafe")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use binance::{REQUEST_BYTES_MAX, decode_market, decode_reply, decode_user};
use schema::{CancelOrder, DepthBuf, RequestId};

use crate::{fixtures, requests};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on unchanged to the system's allocator, whose contract is the same;
// counting touches only a thread-local cell that needs neither allocation nor destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above, that is from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the pointer came from `alloc` above, that is from the system's allocator.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread while `work` runs.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.with(Cell::get);
    work();
    COUNT.with(Cell::get) - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1);
}

#[test]
fn decoding_does_not_allocate() {
    let symbols = fixtures::symbols();
    let mut depth = DepthBuf::new();
    let count = allocations(|| {
        for frame in fixtures::MARKET.iter().chain(fixtures::USER).chain(fixtures::REPLIES) {
            let bytes = frame.as_bytes();
            for bytes in [bytes, &bytes[..bytes.len() / 2]] {
                let _ = black_box(decode_market(bytes, &symbols, &mut depth));
                let _ = black_box(decode_user(bytes, &symbols));
                let _ = black_box(decode_reply(bytes));
            }
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn encoding_does_not_allocate() {
    for signer in requests::signers() {
        let mut encoder = requests::encoder(signer);
        let mut out = [0; REQUEST_BYTES_MAX];
        let count = allocations(|| {
            for session in [false, true] {
                encoder.set_session(session);
                let id = RequestId(1);
                let cancel = CancelOrder { order: requests::order_ref() };
                assert!(encoder.place(&mut out, id, &requests::order(), 1).is_ok());
                assert!(encoder.cancel(&mut out, id, &cancel, 1).is_ok());
                assert!(encoder.modify(&mut out, id, &requests::modification(), 1).is_ok());
                assert!(encoder.status(&mut out, id, &cancel.order, 1).is_ok());
                let _ = black_box(encoder.logon(&mut out, id, 1));
            }
        });
        assert_eq!(count, 0);
    }
}
