//! Any answer of the API or value in a store: nothing panics, and what is read is
//! written as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smartcar::{ApiError, CommandExecution, Response, Signals};

fuzz_target!(|input: (u16, Vec<u8>)| {
    let (status, body) = input;
    if let Ok(read) = Signals::from_answer(&body) {
        for signal in &read.signals {
            let _ = signal.value();
            assert_eq!(serde_json::to_string(signal).unwrap(), signal.raw().get());
        }
    }
    let Ok(status) = u16::try_into(status) else {
        return;
    };
    let response = Response {
        status,
        headers: Default::default(),
        body: body.into(),
    };
    let _ = ApiError::from_response(&response);
    let _ = CommandExecution::read(&response);
});
