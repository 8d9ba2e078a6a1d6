//! Rules of the outbox.
