//! Deliveries of 4096 bytes with 8 signals, and the requests that carry them.

use anyhow::Result;
use std::{
    io::{BufWriter, Write as _},
    path::Path,
};

/// The management token of the application that is measured.
pub const TOKEN: &str = "bench-management-token";

/// How many cars the deliveries are about.
pub const VEHICLES: usize = 100;

/// `VEHICLE_STATE` in the observed layout. What differs between deliveries has
/// the same length in each.
const DELIVERY: &str = include_str!("vehicle-state.json");

/// A delivery, and the signature it is sent with.
#[derive(Clone)]
pub struct Delivery {
    /// The body.
    pub body: String,
    /// The value of `SC-Signature`.
    pub signature: String,
}

impl Delivery {
    /// The delivery of that number. Of two about one car, the one with the
    /// higher number is newer.
    pub fn new(number: usize) -> Self {
        let body = DELIVERY
            .replace("event-00000000", &format!("event-{number:08}"))
            .replace("vehicle-000", &vehicle(number))
            .replace(
                "1790000000000",
                &format!("{}", 1_790_000_000_000 + number as u64),
            );
        let signature = support::sign(TOKEN, body.as_bytes());
        Self { body, signature }
    }

    /// The same, signed by someone who does not know the token.
    #[must_use]
    pub fn forged(self) -> Self {
        let signature = support::sign("guessed", self.body.as_bytes());
        Self { signature, ..self }
    }

    /// The whole HTTP request.
    pub fn request(&self) -> Vec<u8> {
        let Self { body, signature } = self;
        let length = body.len();
        format!(
            "POST /webhooks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             SC-Signature: {signature}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

/// The car that the delivery of that number is about.
pub fn vehicle(number: usize) -> String {
    format!("vehicle-{:03}", number % VEHICLES)
}

/// A request without a body.
pub fn get(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").into_bytes()
}

/// Writes requests of the same length one after the other, and returns that length.
///
/// # Errors
/// The file cannot be written, or the requests differ in length.
pub fn write(file: &Path, requests: impl IntoIterator<Item = Vec<u8>>) -> Result<usize> {
    let mut out = BufWriter::new(std::fs::File::create(file)?);
    let mut length = None;
    for request in requests {
        let expected = *length.get_or_insert(request.len());
        anyhow::ensure!(request.len() == expected, "requests differ in length");
        out.write_all(&request)?;
    }
    // Written back now, and not while something is measured.
    out.into_inner()?.sync_all()?;
    Ok(length.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn delivery_has_4096_bytes_and_8_signals_of_its_own_event() {
        let delivery = Delivery::new(12_345_678);
        assert_eq!(delivery.body.len(), 4096);
        let body: Value = serde_json::from_str(&delivery.body).unwrap();
        assert_eq!(body["eventId"], "event-12345678");
        assert_eq!(body["data"]["vehicle"]["id"], "vehicle-078");
        assert_eq!(body["meta"]["deliveredAt"], 1_790_012_345_678_u64);
        assert_eq!(body["data"]["signals"].as_array().unwrap().len(), 8);
        let length = delivery.request().len();
        assert_eq!(Delivery::new(1).forged().request().len(), length);
    }
}
