//! The fake host of tests has the capabilities of this crate too.

use crate::{Backpressure, Monotonic, Notify, Variables, log::Log, variables::VariableError};
use smartcar::testing::{Fake, FakeNotified, FakeNotifier};
use std::time::Duration;

impl Variables for Fake {
    async fn variable(&self, name: &'static str) -> Result<String, VariableError> {
        let value = self.given_variable(name);
        value.ok_or_else(|| VariableError::undefined(name))
    }
}

impl Log for Fake {
    fn write(&self, line: &[u8]) {
        self.append_to_log(line);
    }
}

impl Notify for Fake {
    type Notifier = FakeNotifier;
    type Notified = FakeNotified;

    fn notifier(&self) -> (FakeNotifier, FakeNotified) {
        self.new_notifier()
    }

    async fn notified(&self, notified: FakeNotified) {
        notified.notified().await;
    }
}

impl Backpressure for Fake {
    fn prefer_others(&self) {
        self.note_preference();
    }
}

impl Monotonic for Fake {
    fn monotonic(&self) -> Duration {
        self.passed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smartcar::{Clock, Spawn};
    use std::{cell::Cell, rc::Rc};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn bell_wakes_its_task_when_it_is_dropped() {
        let fake = Fake::new();
        let (notifier, notified) = fake.notifier();
        let began = fake.now();
        let task = fake.clone();
        fake.spawn(async move {
            task.sleep(SECOND).await;
            drop(notifier);
        });
        let heard_at = fake.run(async {
            fake.notified(notified).await;
            fake.now()
        });
        assert_eq!(heard_at, began.after(SECOND));
    }

    #[test]
    fn bell_that_was_dropped_before_is_heard_at_once() {
        let fake = Fake::new();
        let (notifier, notified) = fake.notifier();
        drop(notifier);
        let began = fake.now();
        fake.run(fake.notified(notified));
        assert_eq!(fake.now(), began);
    }

    #[test]
    fn bell_wakes_a_spawned_task_too() {
        let fake = Fake::new();
        let (notifier, notified) = fake.notifier();
        let is_heard = Rc::new(Cell::new(false));
        let (task, heard) = (fake.clone(), Rc::clone(&is_heard));
        fake.spawn(async move {
            task.notified(notified).await;
            heard.set(true);
        });
        fake.run(async {
            fake.sleep(SECOND).await;
            assert!(!is_heard.get());
            drop(notifier);
        });
        assert!(is_heard.get());
    }

    #[test]
    fn monotonic_time_goes_on_while_the_clock_is_set_back() {
        let fake = Fake::new();
        let began = fake.monotonic();
        fake.advance(Duration::from_micros(2500));
        fake.set_back(SECOND);
        fake.run(fake.sleep(SECOND));
        assert_eq!(
            fake.monotonic() - began,
            SECOND + Duration::from_micros(2500)
        );
    }

    #[test]
    fn sleep_of_less_than_a_millisecond_takes_its_time() {
        let fake = Fake::new();
        let began = (fake.now(), fake.monotonic());
        let nap = Duration::from_micros(300);
        let after = |naps| {
            fake.run(async {
                for _ in 0..naps {
                    fake.sleep(nap).await;
                }
            });
            (fake.now().since(began.0), fake.monotonic() - began.1)
        };
        assert_eq!(after(3), (Duration::ZERO, 3 * nap));
        assert_eq!(after(7), (Duration::from_millis(3), 10 * nap));
    }

    #[test]
    fn preference_for_others_is_counted() {
        let fake = Fake::new();
        assert_eq!(fake.others_preferred(), 0);
        fake.prefer_others();
        fake.clone().prefer_others();
        assert_eq!(fake.others_preferred(), 2);
    }
}
