//! Exports `probe:dependency/tally`, which uses the key-value store and outbound
//! HTTP: whether it works depends on what the importing component lets it inherit.

#![cfg(target_family = "wasm")]

use spin_sdk::key_value::Store;
use std::sync::atomic::{AtomicU64, Ordering};

#[allow(missing_docs, unsafe_code, unreachable_pub)]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "wit",
        world: "dependency",
        runtime_path: "::spin_sdk::wit_bindgen::rt",
        generate_all,
    });
    export!(Tally with_types_in self);

    use super::Tally;
}

struct Tally;

static LAST: AtomicU64 = AtomicU64::new(0);

impl bindings::exports::probe::dependency::tally::Guest for Tally {
    async fn count(name: String) -> Result<u64, String> {
        let text = |error: spin_sdk::key_value::Error| error.to_string();
        let store = Store::open_default().await.map_err(text)?;
        let key = format!("tally:{name}");
        let stored = store.get(&key).await.map_err(text)?;
        let count = stored
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|digits| digits.parse::<u64>().ok())
            .unwrap_or(0)
            + 1;
        store.set(&key, count.to_string()).await.map_err(text)?;
        LAST.store(count, Ordering::Relaxed);
        Ok(count)
    }

    async fn fetch(url: String) -> Result<u16, String> {
        let response = spin_sdk::http::get(url).await;
        let response = response.map_err(|error| format!("{error:?}"))?;
        Ok(response.status().as_u16())
    }

    async fn last() -> u64 {
        LAST.load(Ordering::Relaxed)
    }
}
