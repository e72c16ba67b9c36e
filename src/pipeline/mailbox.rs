//! A mailbox for one value: a newer one replaces what nobody has taken yet.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Holds at most one value.
#[derive(Debug)]
pub struct Mailbox<T> {
    value: Mutex<Option<T>>,
    filled: Condvar,
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Self { value: Mutex::new(None), filled: Condvar::new() }
    }
}

impl<T> Mailbox<T> {
    /// Puts a value in and returns the one that it replaces.
    pub fn put(&self, value: T) -> Option<T> {
        let old = self.value.lock().replace(value);
        self.filled.notify_one();
        old
    }

    /// Takes the value out, if there is one.
    pub fn take(&self) -> Option<T> {
        self.value.lock().take()
    }

    /// Takes the value out; waits for one at most `wait`.
    pub fn take_within(&self, wait: Duration) -> Option<T> {
        let deadline = Instant::now() + wait;
        let mut value = self.value.lock();
        while value.is_none() {
            if self.filled.wait_until(&mut value, deadline).timed_out() {
                break;
            }
        }
        value.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_value_is_kept() {
        let mailbox = Mailbox::default();
        assert_eq!(mailbox.put(1), None);
        assert_eq!(mailbox.put(2), Some(1));
        assert_eq!(mailbox.take(), Some(2));
        assert_eq!(mailbox.take_within(Duration::from_millis(1)), None);
    }

    #[test]
    fn a_waiting_thread_wakes_up() {
        let mailbox = std::sync::Arc::new(Mailbox::default());
        let other = std::sync::Arc::clone(&mailbox);
        let taker = std::thread::spawn(move || other.take_within(Duration::from_secs(20)));
        mailbox.put(7);
        assert_eq!(taker.join().unwrap(), Some(7));
    }
}
