//! Webhook deliveries: which are Smartcar's, and what they are about.
//!
//! ```
//! use smartcar::{ManagementToken, delivery};
//!
//! // printf '%s' '{"eventId":"e-1"}' | openssl dgst -sha256 -hmac example-token
//! let signature = b"773eadc64304b7edbf37ebfc0e8b2a2fc275b27d14dc27221161f7c51dedc437";
//! let tokens = [ManagementToken::new("example-token")];
//! let body = br#"{"eventId":"e-1"}"#;
//!
//! let verified = delivery::verify(body, [&signature[..]], &tokens)?;
//! let envelope = delivery::Envelope::read(verified.body());
//! assert_eq!(envelope.event_id.as_deref(), Some("e-1"));
//! # Ok::<(), delivery::Rejection>(())
//! ```

mod challenge;
mod envelope;
mod event;
mod posted;
mod signature;

pub use challenge::{Challenge, InvalidChallenge};
pub use envelope::{Envelope, Mode};
pub use event::Event;
pub use posted::{Posted, judge};
pub use signature::{Rejection, Verified, verify};

/// The most that a delivery may weigh, in bytes. Smartcar's own limit is 50 KB.
///
/// Source: <https://smartcar.com/docs/integrations/webhooks/webhook-receiver>
pub const MAX_BODY: usize = 64 * 1024;
