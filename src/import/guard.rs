//! Calls of libraries that may panic at damaged files: the panic becomes an error and is not printed.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Once;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;

/// How the threads begin that polars decodes columns on.
const HELPER: &str = "polars-";

thread_local! {
    /// Whether this thread is inside a guarded call.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Guarded calls that run now, on any thread.
static N_GUARDED: AtomicUsize = AtomicUsize::new(0);

/// What a library reads, also where it panics at damage: that is the file's fault, not the program's.
///
/// The panic is told as an error and in no other way; panics of all other code are printed as ever.
///
/// # Errors
/// What `read` says, or that the file is damaged.
pub(super) fn caught<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    hush_guarded_panics();
    let before = IS_GUARDED.replace(true);
    N_GUARDED.fetch_add(1, Ordering::Relaxed);
    let result = catch_unwind(AssertUnwindSafe(read));
    N_GUARDED.fetch_sub(1, Ordering::Relaxed);
    IS_GUARDED.set(before);
    result.unwrap_or_else(|_| Err("it is damaged".to_owned()))
}

/// Puts a hook before the one that prints panics, once.
fn hush_guarded_panics() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !is_guarded() {
                print(panic);
            }
        }));
    });
}

/// Whether this thread works for a guarded call: its own thread, or one of the library's.
fn is_guarded() -> bool {
    let is_helper = || {
        thread::current()
            .name()
            .is_some_and(|name| name.starts_with(HELPER))
    };
    IS_GUARDED.get() || (N_GUARDED.load(Ordering::Relaxed) > 0 && is_helper())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_and_the_guard_ends() {
        let inner = || -> Result<(), String> {
            assert!(caught(|| Ok(1)).is_ok());
            assert!(is_guarded());
            panic!("damage")
        };
        assert_eq!(caught(inner), Err("it is damaged".to_owned()));
        assert!(!is_guarded());
        assert_eq!(caught::<()>(|| Err("no".to_owned())), Err("no".to_owned()));
    }
}
