//! One task of an instance wakes another.
//!
//! A task of a component sleeps in the host, so waking it takes something that
//! the host knows: here a stream on which nothing is ever written, and whose end
//! the sleeper waits for. (`wit-bindgen` 0.57 has a feature that does this for
//! every `Waker`, `inter-task-wakeup`; on hosts of wasmtime 48 and later it
//! traps, see <https://github.com/bytecodealliance/wit-bindgen/pull/1638>.)

use crate::Host;
use spin_sdk::{
    wasip3::wit_stream,
    wit_bindgen::{StreamReader, StreamWriter},
};

/// One task wakes another.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Notify {
    /// Wakes the task that waits for it, by being dropped.
    type Notifier: 'static;
    /// What a task waits for.
    type Notified: 'static;

    /// A new notifier, and what is notified when it is dropped.
    fn notifier(&self) -> (Self::Notifier, Self::Notified);

    /// Waits until the notifier is dropped.
    async fn notified(&self, notified: Self::Notified);
}

/// A notifier of the host.
pub struct Notifier {
    _writer: StreamWriter<u8>,
}

/// What a [`Notifier`] notifies.
pub struct Notified(StreamReader<u8>);

impl Notify for Host {
    type Notifier = Notifier;
    type Notified = Notified;

    fn notifier(&self) -> (Notifier, Notified) {
        let (writer, reader) = wit_stream::new();
        (Notifier { _writer: writer }, Notified(reader))
    }

    async fn notified(&self, mut notified: Notified) {
        let _ = notified.0.next().await;
    }
}
