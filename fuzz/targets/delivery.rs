//! Any body: nothing panics, and what VERIFY is answered signs no delivery.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smartcar::{ManagementToken, Signals, Timestamp, delivery, readable};

fuzz_target!(|body: &[u8]| {
    let tokens = [ManagementToken::new("token")];
    let text = readable(body);
    let _ = delivery::Event::read(&text).report(Timestamp(1_800_000_000_000));
    let _ = Signals::from_delivery(body);
    if let Some(Ok(challenge)) = delivery::Challenge::in_body(body) {
        let answer = challenge.answer(&tokens[0]);
        let signature = &answer.as_bytes()[14..78];
        assert!(delivery::verify(body, [signature], &tokens).is_err());
    }
});
