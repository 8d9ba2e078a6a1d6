//! One task of an instance wakes another.
//!
//! A task of a component sleeps in the host, so waking it takes something that
//! the host knows: here a stream on which nothing is ever written, and whose end
//! the sleeper waits for. (`wit-bindgen` 0.57 has a feature that does this for
//! every `Waker`, `inter-task-wakeup`; on hosts of wasmtime 48 and later it
//! traps, see <https://github.com/bytecodealliance/wit-bindgen/pull/1638>.)

use spin_sdk::{
    wasip3::wit_stream,
    wit_bindgen::{StreamReader, StreamWriter},
};

/// Wakes who waits for it, by being dropped.
pub struct Bell {
    _writer: StreamWriter<u8>,
}

/// Waits for a [`Bell`].
pub struct Ring(StreamReader<u8>);

/// A bell, and the one who hears it.
pub fn bell() -> (Bell, Ring) {
    let (writer, reader) = wit_stream::new();
    (Bell { _writer: writer }, Ring(reader))
}

impl Ring {
    /// Waits until the bell is dropped.
    pub async fn heard(mut self) {
        let _ = self.0.next().await;
    }
}
