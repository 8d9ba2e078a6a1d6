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

/// Bells, by which one task wakes another.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Bells {
    /// Wakes the task that waits for its ring, by being dropped.
    type Bell: 'static;
    /// What a task waits for.
    type Ring: 'static;

    /// A new bell, and the ring that is heard when the bell is dropped.
    fn bell(&self) -> (Self::Bell, Self::Ring);

    /// Waits until the bell is dropped.
    async fn heard(&self, ring: Self::Ring);
}

/// A bell of the host.
pub struct Bell {
    _writer: StreamWriter<u8>,
}

/// The ring of a [`Bell`].
pub struct Ring(StreamReader<u8>);

impl Bells for Host {
    type Bell = Bell;
    type Ring = Ring;

    fn bell(&self) -> (Bell, Ring) {
        let (writer, reader) = wit_stream::new();
        (Bell { _writer: writer }, Ring(reader))
    }

    async fn heard(&self, mut ring: Ring) {
        let _ = ring.0.next().await;
    }
}
