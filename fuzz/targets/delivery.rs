//! Any body: nothing panics, and what VERIFY is answered signs no delivery.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smartcar::{ManagementToken, Signals, delivery};

fuzz_target!(|body: &[u8]| {
    let tokens = [ManagementToken::new("token")];
    let _ = delivery::Envelope::read(body);
    let _ = Signals::from_delivery(body);
    if let Some(Ok(challenge)) = delivery::Challenge::in_body(body) {
        let answer = challenge.answer(&tokens[0]);
        let signature = &answer.as_bytes()[14..78];
        assert!(delivery::verify(body, [signature], &tokens).is_err());
    }
});
