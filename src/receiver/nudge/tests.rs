//! Nudges by the clock of the test, to a relay that answers as the test says.

use super::*;
use smartcar::{
    Clock, Sent, Spawn,
    testing::{Fake, Reply},
};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// An instance that nudges a relay, and how often.
struct Instance {
    fake: Fake,
    nudges: &'static Nudges<Fake>,
}

impl Instance {
    /// The relay gives each of these answers once, and the last one from then on.
    fn new(answers: &[(u16, Option<&'static str>)]) -> Self {
        let fake = Fake::new();
        fake.latency(MILLI);
        for (status, retry_after) in answers {
            let headers = retry_after.map(|value| ("retry-after", value.to_owned()));
            let headers = headers.into_iter().collect();
            let answer = Reply::Answer(*status, headers, String::new());
            fake.reply("/nudge", answer);
        }
        let platform = Box::leak(Box::new(fake.clone()));
        let nudges = Box::leak(Box::new(Nudges::new(platform)));
        Self { fake, nudges }
    }

    /// A delivery was stored so long after the start. How often the relay has been nudged
    /// when nothing is left to do.
    fn stored_at(&self, times: &[Duration]) -> usize {
        self.fake.run(async {
            for time in times {
                let wait = time.saturating_sub(self.fake.passed());
                self.fake.sleep(wait).await;
                self.nudges.soon();
            }
        });
        self.nudged()
    }

    fn nudged(&self) -> usize {
        self.fake.requests_to("/nudge")
    }
}

#[test]
fn nudge_is_a_request_without_a_body_to_the_relay() {
    let instance = Instance::new(&[(204, None)]);
    assert_eq!(instance.stored_at(&[SECOND]), 1);
    let request = &instance.fake.requests()[0];
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri(), "http://relay.spin.internal/nudge");
    assert!(request.body().is_empty());
}

#[test]
fn nudge_is_one_for_what_is_stored_within_20_ms() {
    let instance = Instance::new(&[(204, None)]);
    assert_eq!(instance.stored_at(&[MILLI; 50]), 1);
    // The first of them is passed on at once, the others together.
    let began = instance.fake.passed();
    let burst: Vec<_> = (0..15).map(|n| began + n * MILLI).collect();
    assert_eq!(instance.stored_at(&burst), 3);
    // One that comes alone waits for nothing.
    let began = instance.fake.passed();
    assert_eq!(instance.stored_at(&[began + SECOND]), 4);
}

#[test]
fn nudge_under_way_is_the_only_one_of_an_instance() {
    let instance = Instance::new(&[(204, None)]);
    instance.fake.latency(2 * SECOND);
    let fake = &instance.fake;
    fake.run(async {
        for _ in 0..6 {
            instance.nudges.soon();
            fake.sleep(SECOND / 4).await;
            assert_eq!(instance.nudged(), 1);
        }
    });
    assert_eq!(instance.nudged(), 2, "and one for what came meanwhile");
}

#[test]
fn relay_that_has_nowhere_to_send_is_left_alone_for_ten_seconds() {
    let instance = Instance::new(&[(204, Some("10")), (204, None)]);
    let seconds = |seconds: &[u32]| -> Vec<_> { seconds.iter().map(|n| *n * SECOND).collect() };
    assert_eq!(instance.stored_at(&seconds(&[1])), 1);
    assert!(instance.fake.passed() < 2 * SECOND, "no task sleeps on");
    assert_eq!(instance.stored_at(&seconds(&[2, 5, 10])), 1);
    assert_eq!(instance.stored_at(&seconds(&[12])), 2);
    assert_eq!(instance.stored_at(&seconds(&[13])), 3);
}

#[test]
fn relay_that_asks_for_a_longer_rest_is_nudged_after_ten_seconds() {
    let instance = Instance::new(&[(204, Some("86400"))]);
    assert_eq!(instance.stored_at(&[SECOND, 10 * SECOND]), 1);
    assert_eq!(instance.stored_at(&[12 * SECOND]), 2);
}

#[test]
fn relay_whose_sinks_are_paused_is_nudged_again_for_what_came_meanwhile() {
    let instance = Instance::new(&[(204, Some("1")), (204, None)]);
    // Nothing came after the first: nothing is nudged for.
    assert_eq!(instance.stored_at(&[MILLI]), 1);

    let instance = Instance::new(&[(204, Some("1")), (204, Some("1")), (204, None)]);
    let fake = &instance.fake;
    let times = fake.run(async {
        let mut times = Vec::new();
        for millis in 0..4000 {
            if matches!(millis, 0 | 100 | 200 | 1500) {
                instance.nudges.soon();
            }
            if times.len() < instance.nudged() {
                times.push(millis);
            }
            fake.sleep(MILLI).await;
        }
        times
    });
    assert_eq!(times.len(), 3, "{times:?}");
    assert!((1000..1010).contains(&(times[1] - times[0])), "{times:?}");
    assert!((1000..1010).contains(&(times[2] - times[1])), "{times:?}");
}

#[test]
fn relay_that_is_not_there_is_left_alone_for_ten_seconds() {
    for sent in [Sent::No, Sent::Maybe] {
        let instance = Instance::new(&[]);
        instance.fake.fail("/nudge", sent);
        assert_eq!(instance.stored_at(&[SECOND, 2 * SECOND, 10 * SECOND]), 1);
        assert_eq!(instance.stored_at(&[12 * SECOND]), 2);
    }
}

#[test]
fn relay_that_answers_something_else_is_left_alone_for_ten_seconds() {
    for answer in [
        (200, None),
        (200, Some("0")),
        (404, Some("0")),
        (503, Some("0")),
        (204, Some("soon")),
        (204, Some("-1")),
    ] {
        let instance = Instance::new(&[answer]);
        let nudged = instance.stored_at(&[SECOND, 2 * SECOND, 10 * SECOND]);
        assert_eq!(nudged, 1, "{answer:?}");
        assert_eq!(instance.stored_at(&[12 * SECOND]), 2, "{answer:?}");
    }
}

#[test]
fn relay_that_says_nothing_is_waited_for_no_longer_than_ten_seconds() {
    let instance = Instance::new(&[(204, None)]);
    instance.fake.latency(60 * SECOND);
    assert_eq!(instance.stored_at(&[Duration::ZERO]), 1);
    assert_eq!(instance.fake.passed(), DEADLINE);
    assert_eq!(instance.stored_at(&[DEADLINE + 9 * SECOND]), 1);
}

#[test]
fn rest_ends_when_the_clock_is_set_back() {
    let instance = Instance::new(&[(204, Some("10"))]);
    assert_eq!(instance.stored_at(&[SECOND]), 1);
    instance.fake.set_back(Duration::from_secs(3600));
    assert_eq!(instance.stored_at(&[2 * SECOND]), 2);
}

#[test]
fn nudge_holds_up_no_answer() {
    let instance = Instance::new(&[(204, None)]);
    let fake = instance.fake.clone();
    instance.fake.spawn(async move {
        fake.sleep(MILLI).await;
        assert_eq!(fake.requests_to("/nudge"), 1);
    });
    instance.fake.run(async {
        instance.nudges.soon();
        assert_eq!(instance.nudged(), 0);
    });
}
