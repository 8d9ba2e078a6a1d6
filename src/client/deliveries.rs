//! `smartcar:edge/deliveries`: pure functions.

use crate::{
    Edge, lists,
    wit::deliveries::{Envelope, Guest, Mode, Rejection},
};
use smartcar::{
    ManagementToken,
    delivery::{self, Challenge},
};
use std::borrow::Cow;

impl Guest for Edge {
    fn verify(
        body: Vec<u8>,
        signatures: Vec<Vec<u8>>,
        tokens: Vec<String>,
    ) -> Result<u32, Rejection> {
        // Anyone can sign with an empty token, and a list that was split badly
        // can hold one.
        let (places, tokens): (Vec<usize>, Vec<ManagementToken>) = tokens
            .into_iter()
            .enumerate()
            .filter(|(_, token)| !token.is_empty())
            .map(|(place, token)| (place, ManagementToken::new(token)))
            .unzip();
        let signatures = signatures.iter().map(Vec::as_slice);
        match delivery::verify(&body, signatures, &tokens) {
            Ok(verified) => {
                let place = places.get(verified.token()).copied();
                Ok(lists::place(place.unwrap_or_default()))
            }
            Err(delivery::Rejection::Missing) => Err(Rejection::Missing),
            Err(delivery::Rejection::Repeated) => Err(Rejection::Repeated),
            Err(delivery::Rejection::Malformed) => Err(Rejection::Malformed),
            Err(delivery::Rejection::Mismatch) => Err(Rejection::Mismatch),
            Err(delivery::Rejection::Challenge) => Err(Rejection::NotADelivery),
        }
    }

    fn challenge(body: Vec<u8>, token: String) -> Result<Option<String>, ()> {
        match Challenge::in_body(&body) {
            None => Ok(None),
            Some(Ok(challenge)) if !token.is_empty() => {
                Ok(Some(challenge.answer(&ManagementToken::new(token))))
            }
            Some(_) => Err(()),
        }
    }

    fn parse(body: Vec<u8>) -> Envelope {
        let text = smartcar::readable(&body);
        let envelope = delivery::Event::read(&text).envelope;
        Envelope {
            event_id: envelope.event_id.map(Cow::into_owned),
            event_type: envelope.event_type.map(Cow::into_owned),
            vehicle: envelope.vehicle_id.map(Cow::into_owned),
            user: envelope.user_id.map(Cow::into_owned),
            mode: envelope.mode.map(|mode| match mode {
                delivery::Mode::Live => Mode::Live,
                delivery::Mode::Test => Mode::Test,
            }),
            delivered_at: lists::time(envelope.delivered_at),
            external_user: envelope.external_id.map(Cow::into_owned),
            application: envelope.application_id.map(Cow::into_owned),
            sequence: envelope.sequence,
        }
    }
}
