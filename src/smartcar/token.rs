//! One access token for the whole application, which nobody notices.
//!
//! Smartcar's application tokens live for an hour and have no refresh token.
//! They are looked for in the instance first, then in the key-value store, which
//! all instances share, and only then asked for at the identity server. Well
//! before one expires somebody fetches the next, while all go on with the old.

use crate::{
    AccessToken, Credentials, Platform, Timestamp, Turn,
    grant::{self, TokenError},
    lease::Lease,
    vault::Vault,
};
use serde::{Deserialize, Serialize};
use std::{
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use zeroize::Zeroize;

/// A token is not used in the last part of its life, so that it does not expire
/// on its way: this long, or a tenth of its life where that is less.
const SKEW: Duration = Duration::from_secs(30);

/// A token is refreshed early from this long before it expires, or from half its
/// life on where that is less.
const EARLY: Duration = Duration::from_secs(15 * 60);

/// After a failed early refresh, the next is tried after this long, more or less
/// a quarter of it.
const NEXT_TRY: Duration = Duration::from_secs(30);

/// Refused credentials are not shown again to the identity server for this long.
const REFUSED: Duration = Duration::from_secs(60);

/// Where things are kept in the vault: the token, that the credentials were
/// refused, until when nobody tries an early refresh, and the last failure.
const TOKEN: &str = "token";
const REFUSAL: &str = "refusal";
const PAUSE: &str = "pause";
const FAILURE: &str = "failure";

/// How the token is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenStatus {
    /// When the token in use was asked for; none where there is no valid token.
    pub refreshed_at: Option<Timestamp>,
    /// Until when it is valid.
    pub expires_at: Option<Timestamp>,
    /// The last time that the identity server gave none.
    pub last_failure: Option<TokenFailure>,
}

/// That the identity server gave no token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenFailure {
    /// When.
    pub at: Timestamp,
    /// Why; names no secret.
    pub reason: String,
}

/// A token and when to do what about it.
#[derive(Clone)]
struct Token {
    secret: AccessToken,
    times: Times,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Times {
    /// When it was asked for.
    asked_at: Timestamp,
    /// From here on it may be refreshed early.
    early_from: Timestamp,
    /// From here on we stop using it.
    stale_from: Timestamp,
    /// From here on Smartcar refuses it.
    expires_at: Timestamp,
}

impl Times {
    /// Of a token that was asked for at `asked_at`. It was granted later, so it
    /// is good for at least as long as this says.
    fn new(asked_at: Timestamp, life: Duration) -> Self {
        let expires_at = asked_at.after(life);
        Self {
            asked_at,
            early_from: expires_at.before(EARLY.min(life / 2)),
            stale_from: expires_at.before(SKEW.min(life / 10)),
            expires_at,
        }
    }

    /// Whether a caller who draws `chance`, from 0 to 1, refreshes early now.
    ///
    /// XFetch: each caller adds an exponentially distributed time to the clock
    /// and refreshes if that passes the due time, so that one of many does it
    /// and none has to know of the others. (A. Vattani, F. Chierichetti,
    /// K. Lowenstein: Optimal Probabilistic Cache Stampede Prevention, VLDB
    /// 2015, <https://doi.org/10.14778/2757807.2757813>.) It is due after an
    /// eighth of the early time, so that almost all of that is left for an
    /// identity server that is away for a while.
    fn is_early_refresh(&self, now: Timestamp, chance: impl FnOnce() -> f64) -> bool {
        if now < self.early_from {
            return false;
        }
        let due_after = self.expires_at.since(self.early_from) / 8;
        let head_start = (due_after / 5).mul_f64(-chance().clamp(1e-9, 1.0).ln());
        now.after(head_start) >= self.early_from.after(due_after)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.times.fmt(f)
    }
}

/// A token as it is kept in the vault.
#[derive(Serialize, Deserialize)]
struct Kept {
    secret: String,
    times: Times,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

/// That the identity server refused the credentials.
#[derive(Clone, Serialize, Deserialize)]
struct Refusal {
    code: String,
    until: Timestamp,
}

/// The application's access token. Copies of it are the same cache.
#[derive(Clone)]
pub struct TokenCache(Arc<Cache>);

struct Cache {
    vault: Vault,
    url: String,
    state: Mutex<State>,
    /// Held while a token is looked for elsewhere: the others in this instance
    /// wait for it instead of doing the same. Who gives up drops it, and the
    /// next one goes on.
    search: Turn,
}

/// What this instance knows.
#[derive(Default)]
struct State {
    token: Option<Token>,
    refusal: Option<Refusal>,
    is_refreshing: bool,
    /// No early refresh before this.
    next_refresh: Option<Timestamp>,
}

impl TokenCache {
    /// A cache for the token of `credentials`, granted at `origin`
    /// (`https://iam.smartcar.com`).
    pub fn new(credentials: Credentials, origin: &str) -> Self {
        let url = format!("{}/oauth2/token", origin.trim_end_matches('/'));
        Self(Arc::new(Cache {
            vault: Vault::new(credentials, &url),
            url,
            state: Mutex::default(),
            search: Turn::new(),
        }))
    }

    /// A token that is valid now.
    pub async fn get<P: Platform>(&self, platform: &P) -> Result<AccessToken, TokenError> {
        let token = match self.0.fresh(platform.now()) {
            Some(token) => token,
            None => self.0.find(platform).await?,
        };
        let now = platform.now();
        if token.times.is_early_refresh(now, || platform.unit()) && self.0.begin_refresh(now) {
            let (refresh, host) = (Refresh(self.0.clone()), platform.clone());
            platform.spawn(async move { refresh.run(&host).await });
        }
        Ok(token.secret)
    }

    /// The API refused `token` although it should be valid: forget it, unless
    /// another one has taken its place already.
    pub async fn refused(&self, platform: &impl Platform, token: &AccessToken) {
        let _search = self.0.search.take(platform).await;
        self.0.state().token.take_if(|held| held.secret.is(token));
        let kept = self.0.kept(platform).await;
        if kept.is_some_and(|kept| kept.secret.is(token)) {
            self.0.vault.remove(platform, TOKEN).await;
        }
    }

    /// How the token is doing, as this instance and the store know it.
    pub async fn status(&self, platform: &impl Platform) -> TokenStatus {
        let held = self.0.fresh(platform.now());
        let known = match held {
            Some(token) => Some(token),
            None => self.0.kept(platform).await,
        };
        let times = known.map(|token| token.times);
        TokenStatus {
            refreshed_at: times.map(|times| times.asked_at),
            expires_at: times.map(|times| times.expires_at),
            last_failure: self.0.vault.read(platform, FAILURE).await,
        }
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.0.vault
    }
}

impl Cache {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token of this instance, while it is to be used.
    fn fresh(&self, now: Timestamp) -> Option<Token> {
        let state = self.state();
        let token = state.token.as_ref();
        token.filter(|token| now < token.times.stale_from).cloned()
    }

    /// The token in the vault, while it is to be used.
    async fn kept(&self, platform: &impl Platform) -> Option<Token> {
        let mut kept: Kept = self.vault.read(platform, TOKEN).await?;
        (platform.now() < kept.times.stale_from).then(|| Token {
            secret: AccessToken::new(mem::take(&mut kept.secret)),
            times: kept.times,
        })
    }

    /// Looks for a token in the vault, then at the identity server. One task of
    /// an instance does, and of the instances one if it can be helped.
    async fn find(&self, platform: &impl Platform) -> Result<Token, TokenError> {
        let _search = self.search.take(platform).await;
        if let Some(token) = self.fresh(platform.now()) {
            return Ok(token);
        }
        if let Some(token) = self.kept(platform).await {
            return Ok(self.adopt(token));
        }
        if let Some(refusal) = self.refusal(platform).await {
            return Err(TokenError::InvalidClient { code: refusal.code });
        }
        let lease = match Lease::take(platform, &self.vault).await {
            Some(lease) => lease,
            None => match self.wait_for_another(platform).await {
                Some(token) => return Ok(self.adopt(token)),
                None => Lease::none(),
            },
        };
        let result = self.fetch(platform).await;
        lease.release(platform, &self.vault).await;
        result.or_else(|error| self.last_resort(platform.now()).ok_or(error))
    }

    /// Another instance is fetching a token: gives it two seconds.
    async fn wait_for_another(&self, platform: &impl Platform) -> Option<Token> {
        for pause in [50, 100, 200, 200, 200, 200, 200, 200, 200, 200, 200, 50] {
            platform.sleep(Duration::from_millis(pause)).await;
            if let Some(token) = self.kept(platform).await {
                return Some(token);
            }
        }
        None
    }

    /// In the last seconds of its life a token may expire on its way. That is
    /// better than none.
    fn last_resort(&self, now: Timestamp) -> Option<Token> {
        let state = self.state();
        let token = state.token.as_ref();
        token.filter(|token| now < token.times.expires_at).cloned()
    }

    /// Asks the identity server, and keeps what it says.
    async fn fetch(&self, platform: &impl Platform) -> Result<Token, TokenError> {
        // A token's life began no earlier than this, however long the answer takes.
        let asked_at = platform.now();
        let answer = grant::request(platform, &self.url, self.vault.credentials()).await;
        if let Err(error) = &answer {
            let failure = TokenFailure {
                at: platform.now(),
                reason: error.to_string(),
            };
            self.vault.write(platform, FAILURE, &failure).await;
        }
        match answer {
            Ok(granted) => {
                let times = Times::new(asked_at, granted.life);
                let secret = granted.token;
                let kept = Kept {
                    secret: secret.expose().to_owned(),
                    times,
                };
                // A token that could not be kept is a good token all the same.
                self.vault.write(platform, TOKEN, &kept).await;
                Ok(self.adopt(Token { secret, times }))
            }
            Err(TokenError::InvalidClient { code }) => {
                let refusal = Refusal {
                    code: code.clone(),
                    until: platform.now().after(REFUSED),
                };
                self.vault.write(platform, REFUSAL, &refusal).await;
                self.state().refusal = Some(refusal);
                Err(TokenError::InvalidClient { code })
            }
            Err(error) => Err(error),
        }
    }

    /// Uses `token` from now on in this instance.
    fn adopt(&self, token: Token) -> Token {
        let mut state = self.state();
        state.token = Some(token.clone());
        state.refusal = None;
        state.next_refresh = None;
        token
    }

    /// The refusal of these credentials that is still remembered.
    async fn refusal(&self, platform: &impl Platform) -> Option<Refusal> {
        let here = self.state().refusal.clone();
        let refusal = match here {
            Some(refusal) => Some(refusal),
            None => self.vault.read(platform, REFUSAL).await,
        };
        refusal.filter(|refusal| platform.now() < refusal.until)
    }

    /// Whether it is this caller who refreshes early.
    fn begin_refresh(&self, now: Timestamp) -> bool {
        let mut state = self.state();
        let may = !state.is_refreshing && state.next_refresh.is_none_or(|next| next <= now);
        state.is_refreshing |= may;
        may
    }
}

/// An early refresh under way. Dropped before its end, another can begin.
struct Refresh(Arc<Cache>);

impl Refresh {
    /// A failure stays unseen: the old token is valid still.
    async fn run(&self, platform: &impl Platform) {
        let cache = &*self.0;
        let held = cache.state().token.as_ref().map(|token| token.times);
        // Another instance may have done it already.
        if let Some(kept) = cache.kept(platform).await
            && held.is_none_or(|held| held.expires_at < kept.times.expires_at)
        {
            cache.adopt(kept);
            return;
        }
        // So that instances which live for one call do not try with each call.
        if let Some(until) = cache.vault.read::<Timestamp>(platform, PAUSE).await
            && platform.now() < until
        {
            cache.state().next_refresh = Some(until);
            return;
        }
        let done = match Lease::take(platform, &cache.vault).await {
            Some(lease) => {
                let is_refused = cache.refusal(platform).await.is_some();
                let done = !is_refused && cache.fetch(platform).await.is_ok();
                lease.release(platform, &cache.vault).await;
                done
            }
            None => false,
        };
        if !done {
            let wait = NEXT_TRY.mul_f64(0.75 + 0.5 * platform.unit().clamp(0.0, 1.0));
            let until = platform.now().after(wait);
            cache.state().next_refresh = Some(until);
            cache.vault.write(platform, PAUSE, &until).await;
        }
    }
}

impl Drop for Refresh {
    fn drop(&mut self) {
        self.0.state().is_refreshing = false;
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
