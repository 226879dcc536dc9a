//! An allocator that counts what the hot thread allocates after start-up.
//!
//! The rule is that a turn allocates nothing. A rule nobody checks is a hope, so every binary and
//! test of this crate runs on [`Counting`], and the hot thread calls [`arm`] when it is ready. One
//! scope is exempt by name, [`tls_scope`]: rustls 0.23 needs one block per record opened and one
//! per record sealed; its count is kept apart and printed beside every claim. What is counted is
//! `alloc`, `alloc_zeroed` and `realloc`; frees are not (a block handed to the hot thread is handed
//! back to a cold one, not dropped).
//!
//! With `SHRIKE_ALLOC=abort` (see [`abort_from_env`]) the first block outside the exempt scope
//! prints its size and a backtrace and ends the process.
#![allow(unsafe_code, reason = "GlobalAlloc is an unsafe trait; every call is passed on to System")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

/// The counting allocator; declare it as `#[global_allocator]`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counting;

/// Allocations of one armed thread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Outside the exempt scope: should be zero.
    pub hot: u64,
    /// Inside [`tls_scope`].
    pub tls: u64,
}

// Const-initialised cells without a destructor: reading them never allocates, and they stay valid
// while the thread ends.
thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
    static IN_TLS: Cell<bool> = const { Cell::new(false) };
    static HOT: Cell<u64> = const { Cell::new(0) };
    static TLS: Cell<u64> = const { Cell::new(0) };
}
static ABORT: AtomicBool = AtomicBool::new(false);

/// From now on, this thread's allocations are counted.
pub fn arm() {
    HOT.set(0);
    TLS.set(0);
    ARMED.set(true);
}

/// No longer counted; returns the counts.
pub fn disarm() -> Counts {
    ARMED.set(false);
    counts()
}

/// What this thread allocated since [`arm`].
#[inline]
pub fn counts() -> Counts {
    Counts { hot: HOT.get(), tls: TLS.get() }
}

/// Runs `f` as the exempt TLS scope.
#[inline]
pub fn tls_scope<R>(f: impl FnOnce() -> R) -> R {
    let before = IN_TLS.replace(true);
    let result = f();
    IN_TLS.set(before);
    result
}

/// Whether `SHRIKE_ALLOC=abort` asks for a dead process instead of a counter; call once at start.
pub fn abort_from_env() -> bool {
    let abort = std::env::var_os("SHRIKE_ALLOC").is_some_and(|value| value == "abort");
    ABORT.store(abort, Ordering::Relaxed);
    abort
}

#[inline]
fn note(bytes: usize) {
    if !ARMED.get() {
        return;
    }
    if IN_TLS.get() {
        TLS.set(TLS.get() + 1);
        return;
    }
    HOT.set(HOT.get() + 1);
    if ABORT.load(Ordering::Relaxed) {
        die(bytes);
    }
}

#[cold]
fn die(bytes: usize) -> ! {
    ARMED.set(false); // the report itself allocates
    let thread = std::thread::current();
    eprintln!(
        "allocation of {bytes} bytes on thread {:?} after start-up; remedy: use a buffer sized at \
         start\n{}",
        thread.name().unwrap_or("unnamed"),
        std::backtrace::Backtrace::force_capture()
    );
    std::process::abort();
}

// SAFETY: every method passes its arguments unchanged to `System`, which keeps the contract of
// `GlobalAlloc`; `note` does not unwind and touches only thread-local cells.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(new_size);
        // SAFETY: the caller keeps the contract of `realloc`; `ptr` came from `System`.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`; `ptr` came from `System`.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_armed_thread_counts_its_blocks_by_scope() {
        arm();
        assert_eq!(counts(), Counts::default());
        drop(std::hint::black_box(Vec::<u8>::with_capacity(64)));
        tls_scope(|| drop(std::hint::black_box(Box::new(7u64))));
        let mut grown = std::hint::black_box(Vec::<u8>::with_capacity(1));
        grown.reserve(100);
        let counted = disarm();
        assert_eq!(counted, Counts { hot: 3, tls: 1 });
    }

    /// Runs in the process the next test starts; elsewhere it does nothing.
    #[test]
    fn child_allocates_once_armed() {
        if std::env::var_os("SHRIKE_ALLOC_CHILD").is_some() {
            assert!(abort_from_env());
            arm();
            tls_scope(|| drop(std::hint::black_box(Box::new(7u64))));
            drop(std::hint::black_box(vec![1u8; 1_234]));
            disarm();
        }
    }

    #[test]
    fn with_abort_the_first_block_ends_the_process_and_is_named() {
        let output = std::process::Command::new(std::env::current_exe().expect("this test"))
            .args(["alloc::tests::child_allocates_once_armed", "--exact", "--nocapture"])
            .env("SHRIKE_ALLOC_CHILD", "1")
            .env("SHRIKE_ALLOC", "abort")
            .output()
            .expect("this test starts again");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(said.contains("allocation of 1234 bytes"), "{said}");
        assert!(said.contains("child_allocates_once_armed"), "no backtrace: {said}");
    }

    #[test]
    fn an_unarmed_thread_counts_nothing() {
        drop(std::hint::black_box(vec![1u8; 100]));
        assert_eq!(counts(), Counts::default());
    }

    #[test]
    fn arming_is_of_one_thread() {
        arm();
        let mut other = Some(std::thread::Builder::new());
        let before = counts().hot;
        let other = other.take().map(|b| {
            b.spawn(|| {
                drop(std::hint::black_box(vec![1u8; 100]));
                counts()
            })
        });
        assert!(counts().hot > before, "spawning allocates on this thread");
        disarm();
        let theirs = other.expect("built").expect("spawned").join().expect("no panic");
        assert_eq!(theirs, Counts::default());
    }
}
