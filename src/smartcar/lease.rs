//! Which instance fetches the next token: an agreement as good as a store
//! without compare-and-set allows.
//!
//! Who wants the lease writes a word of its own and reads back, after a moment,
//! whose word stands there. Two can win where the store is slow; then there are
//! two tokens, both of them good.

use crate::{Platform, Timestamp, vault::Vault};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const NAME: &str = "lease";

/// Whoever has it is done, or gone, after this.
const LIFE: Duration = Duration::from_secs(2);

/// Longer than a store takes to write and read a value.
const SETTLE: Duration = Duration::from_millis(10);

#[derive(Serialize, Deserialize)]
struct Held {
    by: u64,
    until: Timestamp,
}

/// The right to fetch a token.
pub(crate) struct Lease {
    is_held: bool,
}

impl Lease {
    /// For who goes alone.
    pub(crate) fn none() -> Self {
        Self { is_held: false }
    }

    /// The lease, unless another instance has it. Where the store is down
    /// everybody goes alone.
    pub(crate) async fn take(platform: &impl Platform, vault: &Vault) -> Option<Self> {
        let held: Option<Held> = vault.read(platform, NAME).await;
        let now = platform.now();
        // A lease further in the future than one can reach was written by a
        // clock that is wrong.
        if held.is_some_and(|held| now < held.until && held.until <= now.after(LIFE)) {
            return None;
        }
        let by = nonce();
        let mine = Held {
            by,
            until: now.after(LIFE),
        };
        if !vault.write(platform, NAME, &mine).await {
            return Some(Self::none());
        }
        platform.sleep(SETTLE).await;
        match vault.read::<Held>(platform, NAME).await {
            Some(held) if held.by != by => None,
            Some(_) => Some(Self { is_held: true }),
            None => Some(Self::none()),
        }
    }

    pub(crate) async fn release(self, platform: &impl Platform, vault: &Vault) {
        if self.is_held {
            vault.remove(platform, NAME).await;
        }
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

    /// Whether the lease can be had while another has it until `millis` from now.
    fn is_free(millis: i64) -> bool {
        let fake = Fake::new();
        let vault = Vault::new(credentials("secret"), "url");
        fake.run(async {
            let until = Timestamp(fake.now().0 + millis);
            let held = Held { by: 7, until };
            assert!(vault.write(&fake, NAME, &held).await);
            Lease::take(&fake, &vault).await.is_some()
        })
    }

    #[test]
    fn another_s_lease_holds_until_it_is_over_and_not_where_its_clock_is_wrong() {
        for (millis, free) in [(-60_000, true), (1_000, false), (60_000, true)] {
            assert_eq!(is_free(millis), free, "{millis}");
        }
    }

    #[test]
    fn a_lease_that_was_given_back_can_be_taken() {
        let fake = Fake::new();
        let vault = Vault::new(credentials("secret"), "url");
        fake.run(async {
            let lease = Lease::take(&fake, &vault).await.unwrap();
            assert!(Lease::take(&fake, &vault).await.is_none());
            lease.release(&fake, &vault).await;
            assert!(Lease::take(&fake, &vault).await.is_some());
        });
    }
}
