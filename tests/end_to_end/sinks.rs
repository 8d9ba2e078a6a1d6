//! A sink of one's own.

use end_to_end::{Composed, eventually};

#[test]
fn a_sink_that_prints_says_nothing_of_what_is_in_an_event() {
    let app = Composed::start("tests/sink-probe/spin.toml", &[]);
    let answer = app.send("POST", "/", &[], b"where the car stands");
    assert_eq!((answer.status, answer.body.as_str()), (200, "Ok(())"));
    eventually("the event is printed", || {
        let said = app.said();
        said.contains("event event-1 VEHICLE_STATE\n").then_some(())
    });
    assert!(!app.said().contains("where the car stands"));
}
