//! Which instance fetches the next token: an agreement in a store that has leases, else as
//! good a one as the key-value store, which has no compare-and-set, allows.
//!
//! There an instance that wants the lease writes a word of its own and reads back, after
//! a moment, whose word stands there. Two can win where the store is slow; then
//! there are two tokens, both of them good.

use crate::{
    Platform, Timestamp,
    platform::leases::{LeaseError, SharedLeases, Taken},
    token::{grant, vault::Vault},
};
use futures::future::{Either, LocalBoxFuture, select};
use serde::{Deserialize, Serialize};
use std::{mem, pin::pin, sync::Arc, time::Duration};

const NAME: &str = "lease";

/// The holder is done, or gone, after this: as long as the identity server may
/// take, and a second to write down what it said. A shorter lease would send
/// every waiting instance to an identity server that is slow already.
const LIFE: Duration = grant::DEADLINE.saturating_add(Duration::from_secs(1));

/// Longer than a store takes to write and read a value.
const SETTLE: Duration = Duration::from_millis(10);

/// A store of leases that has not answered by then is taken for one that is down: a caller
/// waits no longer than nine seconds for a token, and the identity server may take most of it.
const ANSWER: Duration = Duration::from_secs(1);

#[derive(Serialize, Deserialize)]
struct Held {
    by: u64,
    until: Timestamp,
}

/// Where instances agree.
pub(crate) struct Place {
    pub(crate) vault: Arc<Vault>,
    /// Where there are leases; else in the vault.
    pub(crate) leases: Option<SharedLeases>,
}

/// By which word a lease is held, if it is.
enum By {
    Nothing,
    Vault(u64),
    Leases(SharedLeases, String),
}

/// The right to fetch a token. Dropped, it is given back in the background, so
/// that a holder that gives up does not hold up the others.
pub(crate) struct Lease<P: Platform> {
    platform: P,
    vault: Arc<Vault>,
    by: By,
    left: Option<Vec<u8>>,
}

impl<P: Platform> Lease<P> {
    /// The lease, unless another instance has it. Where the store is down,
    /// everyone goes alone.
    pub(crate) async fn take(platform: &P, place: &Place) -> Option<Self> {
        let mut lease = Self {
            platform: platform.clone(),
            vault: Arc::clone(&place.vault),
            by: By::Nothing,
            left: None,
        };
        let is_taken = match &place.leases {
            Some(leases) => lease.take_of(leases).await,
            None => lease.take_in_vault().await,
        };
        is_taken.then_some(lease)
    }

    async fn take_of(&mut self, leases: &SharedLeases) -> bool {
        let (by, now) = (nonce().to_string(), self.platform.now());
        let (name, until) = (self.vault.key(NAME), now.after(LIFE));
        // Given back also where the answer is lost.
        self.by = By::Leases(Arc::clone(leases), by.clone());
        match answer(&self.platform, leases.take(&name, &by, now, until)).await {
            Some(Some(Taken { left })) => {
                self.left = left;
                true
            }
            Some(None) => {
                self.by = By::Nothing;
                false
            }
            None => true,
        }
    }

    async fn take_in_vault(&mut self) -> bool {
        let platform = &self.platform;
        if is_held_in_vault(platform, &self.vault).await {
            return false;
        }
        let by = nonce();
        let mine = Held {
            by,
            until: platform.now().after(LIFE),
        };
        self.by = By::Vault(by);
        if !self.vault.write(platform, NAME, &mine).await {
            self.by = By::Nothing;
            return true;
        }
        platform.sleep(SETTLE).await;
        let held: Option<Held> = self.vault.read(platform, NAME).await;
        if held.is_some_and(|held| held.by != by) {
            self.by = By::Nothing;
            return false;
        }
        true
    }

    /// What a holder before has left: a value of the vault as it is kept.
    pub(crate) fn left(&self) -> Option<&[u8]> {
        self.left.as_deref()
    }

    /// Gives it back, and leaves something to those after it.
    pub(crate) async fn release(mut self, leaves: Option<Vec<u8>>) {
        let by = mem::replace(&mut self.by, By::Nothing);
        by.give_back(&self.platform, &self.vault, leaves).await;
    }
}

impl<P: Platform> Drop for Lease<P> {
    fn drop(&mut self) {
        let by = mem::replace(&mut self.by, By::Nothing);
        if !matches!(by, By::Nothing) {
            let (platform, vault) = (self.platform.clone(), Arc::clone(&self.vault));
            self.platform
                .spawn(async move { by.give_back(&platform, &vault, None).await });
        }
    }
}

/// Whether an instance has the lease.
pub(crate) async fn is_held(platform: &impl Platform, place: &Place) -> bool {
    let Some(leases) = &place.leases else {
        return is_held_in_vault(platform, &place.vault).await;
    };
    let (name, now) = (place.vault.key(NAME), platform.now());
    let is_held = leases.is_held(&name, now, now.after(LIFE));
    answer(platform, is_held).await.unwrap_or_default()
}

/// What a store of leases answers, if it does.
async fn answer<T>(
    platform: &impl Platform,
    asked: LocalBoxFuture<'_, Result<T, LeaseError>>,
) -> Option<T> {
    match select(asked, pin!(platform.sleep(ANSWER))).await {
        Either::Left((answer, _)) => answer.ok(),
        Either::Right(_) => None,
    }
}

async fn is_held_in_vault(platform: &impl Platform, vault: &Vault) -> bool {
    let held: Option<Held> = vault.read(platform, NAME).await;
    held.is_some_and(|held| held.until.left(platform.now(), LIFE).is_some())
}

impl By {
    /// A lease that was held for too long may be another instance's by now, which
    /// keeps it.
    async fn give_back(self, platform: &impl Platform, vault: &Vault, leaves: Option<Vec<u8>>) {
        match self {
            Self::Nothing => {}
            Self::Vault(by) => {
                let held: Option<Held> = vault.read(platform, NAME).await;
                if held.is_some_and(|held| held.by == by) {
                    vault.remove(platform, NAME).await;
                }
            }
            Self::Leases(leases, by) => {
                // Where this fails it ends by itself.
                let name = vault.key(NAME);
                answer(platform, leases.give_back(&name, &by, leaves)).await;
            }
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

    fn place() -> Place {
        Place {
            vault: Arc::new(Vault::new(credentials("secret"), "url")),
            leases: None,
        }
    }

    /// Whether the lease can be had while another has it until `millis` from now.
    fn is_free(millis: i64) -> bool {
        let (fake, place) = (Fake::new(), place());
        fake.run(async {
            let until = Timestamp(fake.now().0 + millis);
            let held = Held { by: 7, until };
            assert!(place.vault.write(&fake, NAME, &held).await);
            Lease::take(&fake, &place).await.is_some()
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
        let (fake, place) = (Fake::new(), place());
        fake.run(async {
            let lease = Lease::take(&fake, &place).await.unwrap();
            assert!(Lease::take(&fake, &place).await.is_none());
            lease.release(None).await;
            assert!(Lease::take(&fake, &place).await.is_some());
        });
    }

    #[test]
    fn lease_that_was_dropped_can_be_taken() {
        let (fake, place) = (Fake::new(), place());
        fake.run(async { drop(Lease::take(&fake, &place).await.unwrap()) });
        assert!(fake.run(Lease::take(&fake, &place)).is_some());
    }

    #[test]
    fn lease_that_another_has_by_now_is_not_given_back() {
        let (fake, place) = (Fake::new(), place());
        fake.run(async {
            let late = Lease::take(&fake, &place).await.unwrap();
            fake.advance(LIFE);
            let next = Lease::take(&fake, &place).await.unwrap();
            late.release(None).await;
            assert!(Lease::take(&fake, &place).await.is_none());
            next.release(None).await;
        });
    }
}
