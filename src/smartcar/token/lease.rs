//! Which instance fetches the next token: an agreement as good as a store
//! without compare-and-set allows.
//!
//! An instance that wants the lease writes a word of its own and reads back, after
//! a moment, whose word stands there. Two can win where the store is slow; then
//! there are two tokens, both of them good.

use crate::{
    Platform, Timestamp,
    token::{grant, vault::Vault},
};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

const NAME: &str = "lease";

/// The holder is done, or gone, after this: as long as the identity server may
/// take, and a second to write down what it said. A shorter lease would send
/// every waiting instance to an identity server that is slow already.
const LIFE: Duration = grant::DEADLINE.saturating_add(Duration::from_secs(1));

/// Longer than a store takes to write and read a value.
const SETTLE: Duration = Duration::from_millis(10);

#[derive(Serialize, Deserialize)]
struct Held {
    by: u64,
    until: Timestamp,
}

/// The right to fetch a token. Dropped, it is given back in the background, so
/// that a holder that gives up does not hold up the others.
pub(crate) struct Lease<P: Platform> {
    platform: P,
    vault: Arc<Vault>,
    /// By which word it is held in the store, if it is.
    by: Option<u64>,
}

impl<P: Platform> Lease<P> {
    /// The lease, unless another instance has it. Where the store is down,
    /// everyone goes alone.
    pub(crate) async fn take(platform: &P, vault: &Arc<Vault>) -> Option<Self> {
        if is_held(platform, vault).await {
            return None;
        }
        let by = nonce();
        let mine = Held {
            by,
            until: platform.now().after(LIFE),
        };
        let mut lease = Self {
            platform: platform.clone(),
            vault: Arc::clone(vault),
            by: Some(by),
        };
        if !vault.write(platform, NAME, &mine).await {
            lease.by = None;
            return Some(lease);
        }
        platform.sleep(SETTLE).await;
        let held: Option<Held> = vault.read(platform, NAME).await;
        if held.is_some_and(|held| held.by != by) {
            lease.by = None;
            return None;
        }
        Some(lease)
    }

    pub(crate) async fn release(mut self) {
        if let Some(by) = self.by {
            give_back(&self.platform, &self.vault, by).await;
            self.by = None;
        }
    }
}

impl<P: Platform> Drop for Lease<P> {
    fn drop(&mut self) {
        if let Some(by) = self.by {
            let (platform, vault) = (self.platform.clone(), Arc::clone(&self.vault));
            self.platform
                .spawn(async move { give_back(&platform, &vault, by).await });
        }
    }
}

/// Whether an instance has the lease.
pub(crate) async fn is_held(platform: &impl Platform, vault: &Vault) -> bool {
    let held: Option<Held> = vault.read(platform, NAME).await;
    held.is_some_and(|held| held.until.left(platform.now(), LIFE).is_some())
}

/// A lease that was held for too long may be another instance's by now, which
/// keeps it.
async fn give_back(platform: &impl Platform, vault: &Vault, by: u64) {
    let held: Option<Held> = vault.read(platform, NAME).await;
    if held.is_some_and(|held| held.by == by) {
        vault.remove(platform, NAME).await;
    }
}

fn nonce() -> u64 {
    // Without randomness two instances take each other for themselves, and both
    // fetch a token.
    getrandom::u64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Clock,
        testing::{Fake, credentials},
    };

    fn vault() -> Arc<Vault> {
        Arc::new(Vault::new(credentials("secret"), "url"))
    }

    /// Whether the lease can be had while another has it until `millis` from now.
    fn is_free(millis: i64) -> bool {
        let (fake, vault) = (Fake::new(), vault());
        fake.run(async {
            let until = Timestamp(fake.now().0 + millis);
            let held = Held { by: 7, until };
            assert!(vault.write(&fake, NAME, &held).await);
            Lease::take(&fake, &vault).await.is_some()
        })
    }

    #[test]
    fn lease_of_another_holds_until_it_is_over_and_not_where_its_clock_is_wrong() {
        for (millis, free) in [(-60_000, true), (1_000, false), (60_000, true)] {
            assert_eq!(is_free(millis), free, "{millis}");
        }
    }

    #[test]
    fn lease_lasts_longer_than_the_identity_server_may_take() {
        assert!(!is_free(7500));
    }

    #[test]
    fn lease_that_was_given_back_can_be_taken() {
        let (fake, vault) = (Fake::new(), vault());
        fake.run(async {
            let lease = Lease::take(&fake, &vault).await.unwrap();
            assert!(Lease::take(&fake, &vault).await.is_none());
            lease.release().await;
            assert!(Lease::take(&fake, &vault).await.is_some());
        });
    }

    #[test]
    fn lease_that_was_dropped_can_be_taken() {
        let (fake, vault) = (Fake::new(), vault());
        fake.run(async { drop(Lease::take(&fake, &vault).await.unwrap()) });
        assert!(fake.run(Lease::take(&fake, &vault)).is_some());
    }

    #[test]
    fn lease_that_another_has_by_now_is_not_given_back() {
        let (fake, vault) = (Fake::new(), vault());
        fake.run(async {
            let late = Lease::take(&fake, &vault).await.unwrap();
            fake.advance(LIFE);
            let next = Lease::take(&fake, &vault).await.unwrap();
            late.release().await;
            assert!(Lease::take(&fake, &vault).await.is_none());
            next.release().await;
        });
    }
}
