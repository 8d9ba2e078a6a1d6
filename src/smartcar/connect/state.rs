//! The state that goes to Connect with a browser and comes back with it: proof
//! that it was us who sent the browser there, and not long ago.
//!
//! It is sealed rather than kept, so that sending somebody to Connect writes
//! nothing. Source of why there is one: RFC 6749, section 10.12.

use crate::{ConnectMode, Credentials, Timestamp, VehicleId, seal};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What is bound to the sealed value besides its purpose.
const NAME: &str = "state";

/// What is known of a browser that was sent to Connect.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectState {
    /// Different each time: 128 random bits in hexadecimal.
    pub nonce: String,
    /// Which vehicles were offered.
    pub mode: ConnectMode,
    /// From here on it is worth nothing.
    pub expires_at: Timestamp,
    /// The application's own id of the user, as it was given at the start.
    pub external_id: Option<String>,
    /// Whether the application's own server began, for a user it knows. Nothing
    /// else than the state then comes back with the browser.
    pub from_server: bool,
    /// The vehicle whose owner was sent to authenticate again; none where vehicles are to be
    /// connected.
    pub vehicle: Option<VehicleId>,
}

/// Why a state is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidState {
    /// It was not made under this client secret, or it was changed.
    #[error("the state is not ours")]
    Foreign,
    /// Its time is over.
    #[error("the state has expired")]
    Expired,
}

/// The state inside the seal.
#[derive(Serialize, Deserialize)]
struct Kept {
    nonce: String,
    mode: String,
    expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    #[serde(default)]
    from_server: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vehicle: Option<String>,
}

impl ConnectState {
    /// How long a state is good for: the time that somebody may take in Connect.
    pub const LIFE: Duration = Duration::from_secs(60 * 60);

    /// A new state, for a browser of which nothing is known. None where there is no
    /// randomness.
    pub fn new(now: Timestamp, mode: ConnectMode) -> Option<Self> {
        let mut nonce = [0_u8; 16];
        getrandom::fill(&mut nonce).ok()?;
        Some(Self {
            nonce: hex::encode(nonce),
            mode,
            expires_at: now.after(Self::LIFE),
            external_id: None,
            from_server: false,
            vehicle: None,
        })
    }

    /// When the state was made, which is when the browser was sent to Connect.
    pub fn made_at(&self) -> Timestamp {
        self.expires_at.before(Self::LIFE)
    }

    /// Seals it under the client secret, in hexadecimal. None where there is no
    /// randomness.
    pub fn seal(&self, credentials: &Credentials) -> Option<String> {
        let kept = Kept {
            nonce: self.nonce.clone(),
            mode: self.mode.as_str().to_owned(),
            expires_at: self.expires_at,
            external_id: self.external_id.clone(),
            from_server: self.from_server,
            vehicle: self.vehicle.as_ref().map(|id| id.as_str().to_owned()),
        };
        let plain = serde_json::to_vec(&kept).ok()?;
        seal::seal(seal::CONNECT, credentials, NAME, &plain).map(hex::encode)
    }

    /// Opens what [`seal`](Self::seal) made.
    ///
    /// # Errors
    ///
    /// [`InvalidState`], which says nothing of what is inside.
    pub fn open(
        credentials: &Credentials,
        text: &str,
        now: Timestamp,
    ) -> Result<Self, InvalidState> {
        let state = read(credentials, text).ok_or(InvalidState::Foreign)?;
        if now >= state.expires_at {
            return Err(InvalidState::Expired);
        }
        Ok(state)
    }
}

fn read(credentials: &Credentials, text: &str) -> Option<ConnectState> {
    // Each state has one spelling.
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let sealed = hex::decode(text).ok()?;
    let plain = seal::open(seal::CONNECT, credentials, NAME, &sealed)?;
    let kept: Kept = serde_json::from_slice(&plain).ok()?;
    Some(ConnectState {
        nonce: kept.nonce,
        mode: ConnectMode::parse(&kept.mode)?,
        expires_at: kept.expires_at,
        external_id: kept.external_id,
        from_server: kept.from_server,
        vehicle: kept
            .vehicle
            .map(|id| VehicleId::parse(&id))
            .transpose()
            .ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::credentials;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn sealed() -> String {
        let state = ConnectState::new(NOW, ConnectMode::Live).unwrap();
        state.seal(&credentials("secret")).unwrap()
    }

    fn refusal(text: &str, secret: &str, now: Timestamp) -> Option<InvalidState> {
        ConnectState::open(&credentials(secret), text, now).err()
    }

    #[test]
    fn state_that_was_sealed_elsewhere_opens() {
        // By Python's package cryptography: HKDF with SHA-256, salt client_test and
        // info "smartcar-edge connect state v1"; nonce 00 to 0b, AAD "state".
        let text = "01000102030405060708090a0b27c71ef4ea1fa3573c07d4870110683540d625b1184d232c\
            db9304cd6e608a14032c53b7012202308e88a3d46437b7240d7d8c84579ada110dcc913c2a5ae305031e\
            3c3bf3ebcb5da962ceb7cdbc400a24fcd57fa214a3471e8a9ffda7503dcad2deec302c38baa83c0cf0f0\
            05afe1916d29c9b4fff86101be895f888d4d";
        let state = ConnectState::open(&credentials("secret"), text, NOW).unwrap();
        assert_eq!(state.nonce, "00112233445566778899aabbccddeeff");
        assert_eq!(state.mode, ConnectMode::Simulated);
        assert_eq!(state.expires_at, Timestamp(1_700_003_600_000));
        assert_eq!(state.external_id.as_deref(), Some("e@x"));
        assert!(!state.from_server);
    }

    #[test]
    fn state_opens_as_it_was_sealed_and_shows_nothing() {
        let mut state = ConnectState::new(NOW, ConnectMode::Live).unwrap();
        state.external_id = Some("somebody@example.com".to_owned());
        state.from_server = true;
        state.vehicle = VehicleId::parse("v-1").ok();
        assert_eq!(state.made_at(), NOW);
        let text = state.seal(&credentials("secret")).unwrap();
        let opened = ConnectState::open(&credentials("secret"), &text, NOW);
        assert!(opened.is_ok_and(|opened| opened == state));
        assert!(!text.contains(&state.nonce));
        let bytes = hex::decode(&text).unwrap();
        assert!(!bytes.windows(8).any(|window| window == b"somebody"));
        assert!(state.nonce.len() == 32 && sealed() != sealed());
    }

    #[test]
    fn state_is_good_for_an_hour() {
        let text = sealed();
        let after = |seconds| NOW.after(Duration::from_secs(seconds));
        assert_eq!(refusal(&text, "secret", after(3599)), None);
        let expired = Some(InvalidState::Expired);
        assert_eq!(refusal(&text, "secret", after(3600)), expired);
        assert_eq!(refusal(&text, "secret", after(1 << 40)), expired);
    }

    #[test]
    fn state_under_another_secret_or_with_a_letter_changed_is_foreign() {
        let text = sealed();
        let foreign = Some(InvalidState::Foreign);
        assert_eq!(refusal(&text, "other", NOW), foreign);
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1;
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(refusal(&changed, "secret", NOW), foreign, "letter {at}");
            assert_eq!(refusal(&text[..at], "secret", NOW), foreign, "cut at {at}");
        }
        assert_eq!(refusal(&text.to_uppercase(), "secret", NOW), foreign);
        for other in ["", "00", "zz", "ä", &text.repeat(2)] {
            assert_eq!(refusal(other, "secret", NOW), foreign, "{other}");
        }
    }

    #[test]
    fn token_that_was_sealed_for_the_store_is_not_a_state() {
        let plain = br#"{"nonce":"n","mode":"live","expires_at":1800000000000}"#;
        let value = seal::seal(seal::TOKEN, &credentials("secret"), NAME, plain).unwrap();
        let foreign = Some(InvalidState::Foreign);
        assert_eq!(refusal(&hex::encode(value), "secret", NOW), foreign);
    }
}
