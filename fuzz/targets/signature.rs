//! Any header: nothing panics, and only a signature of the right form is looked at.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smartcar::{ManagementToken, delivery};

fuzz_target!(|input: (Vec<u8>, Vec<u8>)| {
    let (body, header) = input;
    let tokens = [ManagementToken::new("token")];
    assert!(delivery::verify(&body, [&header[..]], &tokens).is_err());
});
