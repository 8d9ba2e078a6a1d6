//! One access token for the whole application, which callers never notice.
//!
//! Smartcar's application tokens live for an hour and have no refresh token.
//! They are looked for in the instance first, then in the key-value store, which
//! all instances share, and only then asked for at the identity server. Well
//! before one expires someone fetches the next, while all go on with the old.

pub(crate) mod grant;
mod lease;
pub(crate) mod vault;

use crate::{
    AccessToken, AsyncMutex, Credentials, Platform, Timestamp, platform::leases::SharedLeases,
};
use futures::future::{Either, select};
use grant::TokenError;
use lease::{Lease, Place};
use serde::{Deserialize, Serialize};
use std::{
    fmt, mem,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use vault::Vault;
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
const LONGEST_PAUSE: Duration = NEXT_TRY.saturating_add(Duration::from_millis(7500));

/// Refused credentials are not shown again to the identity server for this long.
const REFUSED: Duration = Duration::from_secs(60);

/// No caller waits longer for a token. A little less than a call may take, so that
/// the error still says that it is the token that is missing.
const PATIENCE: Duration = Duration::from_secs(9);

/// When the identity server gave no token, callers that want one within this time
/// get the same error. Otherwise those that waited for the first would ask one after
/// the other, each for as long as the first.
const SAME_FAILURE: Duration = Duration::from_secs(2);

/// After a token was discarded because the API refused it, the one in its place is
/// not discarded for this long: what the API goes on refusing is not refused for
/// its token.
const SPARED: Duration = Duration::from_secs(60);

/// So many discarded tokens are remembered, for a store that gives old values.
const REMEMBERED: usize = 8;

/// Where things are kept in the vault: the token, tokens that the API refused, that
/// the credentials were refused, until when no early refresh is tried, and the
/// last failure.
const TOKEN: &str = "token";
const DISCARDED: &str = "discarded";
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

    /// Whether the token is to be used. One that was asked for in the future is
    /// not: a clock that was ahead would make it valid for as long as it was ahead.
    fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.stale_from && self.asked_at.is_past(now)
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

impl Token {
    /// Whether it is valid for longer than the one held, if one is.
    fn is_newer(&self, held: Option<Times>) -> bool {
        held.is_none_or(|held| held.expires_at < self.times.expires_at)
    }

    fn kept(&self) -> Kept {
        Kept {
            secret: self.secret.expose().to_owned(),
            times: self.times,
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.times.fmt(f)
    }
}

/// Tokens that the API refused and that are not used again.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Discarded {
    /// The SHA-256 of each, the newest last.
    tokens: Vec<String>,
    /// When the last one was refused.
    last: Option<Timestamp>,
}

impl Discarded {
    fn contains(&self, token: &AccessToken) -> bool {
        self.tokens.contains(&token.sha256())
    }

    fn add(&mut self, token: &AccessToken, now: Timestamp) {
        let tokens = vec![token.sha256()];
        let last = Some(now);
        self.merge(Self { tokens, last }, now);
    }

    /// Adds what another instance knows.
    fn merge(&mut self, other: Self, now: Timestamp) {
        for token in other.tokens {
            if !self.tokens.contains(&token) {
                self.tokens.push(token);
            }
        }
        let surplus = self.tokens.len().saturating_sub(REMEMBERED);
        self.tokens.drain(..surplus);
        let last = [self.last, other.last].into_iter().flatten();
        self.last = last.filter(|at| at.is_past(now)).max();
    }

    /// Whether a token was discarded a moment ago.
    fn is_recent(&self, now: Timestamp) -> bool {
        let ends = self.last.map(|at| at.after(SPARED));
        ends.is_some_and(|ends| ends.left(now, SPARED).is_some())
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
    place: Place,
    url: String,
    state: Mutex<State>,
    /// Held while a token is looked for elsewhere: the others in this instance
    /// wait for it instead of doing the same. Who gives up drops it, and the
    /// next one goes on.
    search: AsyncMutex,
}

/// What this instance knows.
#[derive(Default)]
struct State {
    token: Option<Token>,
    refusal: Option<Refusal>,
    is_refreshing: bool,
    /// No early refresh before this.
    next_refresh: Option<Timestamp>,
    /// The last time that the identity server gave none.
    failure: Option<TokenFailure>,
    discarded: Discarded,
}

impl TokenCache {
    /// A cache for the token of `credentials`, granted at `origin`
    /// (`https://iam.smartcar.com`).
    ///
    /// Which instance fetches it is agreed on by `leases` where there are some, and what one
    /// has fetched is found there by those that cannot see it in the key-value store yet:
    /// hosts in several regions copy that one late. Else the key-value store has to do.
    pub fn new(credentials: Credentials, origin: &str, leases: Option<SharedLeases>) -> Self {
        let url = format!("{}/oauth2/token", origin.trim_end_matches('/'));
        let vault = Arc::new(Vault::new(credentials, &url));
        Self(Arc::new(Cache {
            place: Place { vault, leases },
            url,
            state: Mutex::default(),
            search: AsyncMutex::new(),
        }))
    }

    /// A token that is valid now. There is one, or the reason why there is none,
    /// within 9 seconds.
    pub async fn get<P: Platform>(&self, platform: &P) -> Result<AccessToken, TokenError> {
        let token = match self.0.fresh(platform.now()) {
            Some(token) => token,
            None => self.0.find_in_time(platform).await?,
        };
        let now = platform.now();
        if token.times.is_early_refresh(now, || platform.unit()) && self.0.begin_refresh(now) {
            let (refresh, host) = (Refresh(self.0.clone()), platform.clone());
            platform.spawn(async move { refresh.run(&host).await });
        }
        Ok(token.secret)
    }

    /// The API refused `token` although it should be valid. Returns whether the
    /// call is worth another try, with another token.
    ///
    /// A token can be revoked, and then the next one helps. But the API may also
    /// answer 401 for reasons that are not the token's: then a token for each call
    /// would soon run into the identity server's own limit. So at most one token a
    /// minute is discarded.
    pub async fn refused(&self, platform: &impl Platform, token: &AccessToken) -> bool {
        let cache = &*self.0;
        let _search = cache.search.take(platform).await;
        let held = cache.state().token.clone();
        let Some(held) = held.filter(|held| held.secret.is(token)) else {
            // Another one has taken its place already.
            return true;
        };
        cache.learn(platform).await;
        // Another instance may have put a newer one in its place.
        if let Some(kept) = cache.kept(platform).await
            && kept.times.asked_at > held.times.asked_at
        {
            cache.adopt(kept);
            return true;
        }
        let now = platform.now();
        let mut discarded = cache.state().discarded.clone();
        if !discarded.contains(token) {
            if discarded.is_recent(now) {
                return false;
            }
            discarded.add(token, now);
            let is_shared = cache.vault().write(platform, DISCARDED, &discarded).await;
            // What cannot be shared does not bound how many instances ask for
            // another token.
            if !is_shared && now.since(held.times.asked_at) < SPARED {
                return false;
            }
        }
        let mut state = cache.state();
        state.discarded = discarded;
        state.token = None;
        true
    }

    /// How the token is doing, as this instance and the store know it.
    pub async fn status(&self, platform: &impl Platform) -> TokenStatus {
        let held = self.0.fresh(platform.now());
        let known = match held {
            Some(token) => Some(token),
            None => self.0.kept(platform).await,
        };
        let times = known.map(|token| token.times);
        let failure: Option<TokenFailure> = self.0.vault().read(platform, FAILURE).await;
        TokenStatus {
            refreshed_at: times.map(|times| times.asked_at),
            expires_at: times.map(|times| times.expires_at),
            last_failure: failure.filter(|failure| failure.at.is_past(platform.now())),
        }
    }

    pub(crate) fn vault(&self) -> &Vault {
        self.0.vault()
    }
}

impl Cache {
    fn vault(&self) -> &Vault {
        &self.place.vault
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token of this instance, while it is to be used.
    fn fresh(&self, now: Timestamp) -> Option<Token> {
        let state = self.state();
        let token = state.token.as_ref();
        token.filter(|token| token.times.is_fresh(now)).cloned()
    }

    /// The token in the vault, while it is to be used. A store that gives an old
    /// value does not bring a discarded token back.
    async fn kept(&self, platform: &impl Platform) -> Option<Token> {
        let kept: Kept = self.vault().read(platform, TOKEN).await?;
        self.usable(platform, kept).await
    }

    /// The token that a holder of the lease has left, while it is to be used.
    async fn left<P: Platform>(&self, platform: &P, lease: &Lease<P>) -> Option<Token> {
        let left: Kept = self.vault().open(TOKEN, lease.left()?)?;
        self.usable(platform, left).await
    }

    async fn usable(&self, platform: &impl Platform, mut kept: Kept) -> Option<Token> {
        if !kept.times.is_fresh(platform.now()) {
            return None;
        }
        self.learn(platform).await;
        let secret = AccessToken::new(mem::take(&mut kept.secret));
        let is_discarded = self.state().discarded.contains(&secret);
        // Looking for it took a while.
        (!is_discarded && kept.times.is_fresh(platform.now())).then_some(Token {
            secret,
            times: kept.times,
        })
    }

    /// Learns which tokens other instances have discarded.
    async fn learn(&self, platform: &impl Platform) {
        if let Some(discarded) = self.vault().read(platform, DISCARDED).await {
            let now = platform.now();
            self.state().discarded.merge(discarded, now);
        }
    }

    async fn find_in_time<P: Platform>(&self, platform: &P) -> Result<Token, TokenError> {
        let found = match select(pin!(self.find(platform)), pin!(platform.sleep(PATIENCE))).await {
            Either::Left((found, _)) => found,
            Either::Right(_) => Err(TokenError::TimedOut),
        };
        found.or_else(|error| self.last_resort(platform.now()).ok_or(error))
    }

    /// Looks for a token in the vault, then at the identity server. One task of
    /// an instance does, and of the instances one if it can be helped.
    async fn find<P: Platform>(&self, platform: &P) -> Result<Token, TokenError> {
        let _search = self.search.take(platform).await;
        if let Some(token) = self.fresh(platform.now()) {
            return Ok(token);
        }
        loop {
            if let Some(known) = self.known(platform, None).await {
                return known;
            }
            if let Some(lease) = Lease::take(platform, &self.place).await {
                return self.obtain(platform, lease, None).await;
            }
            if let Some(token) = self.wait_for_another(platform).await {
                return Ok(self.adopt(token));
            }
        }
    }

    /// What need not be asked: a token that is kept, newer than the one held, or why there is
    /// none.
    async fn known(
        &self,
        platform: &impl Platform,
        held: Option<Times>,
    ) -> Option<Result<Token, TokenError>> {
        if let Some(token) = self.kept(platform).await.filter(|it| it.is_newer(held)) {
            return Some(Ok(self.adopt(token)));
        }
        if let Some(refusal) = self.refusal(platform).await {
            return Some(Err(TokenError::InvalidClient { code: refusal.code }));
        }
        let failure = self.recent_failure(platform).await?;
        Some(Err(TokenError::FailedBefore {
            reason: failure.reason,
        }))
    }

    /// A token newer than the one held, by who has the lease: the one that a holder before
    /// left, what has become known since the last look, or one that is fetched and left to
    /// those after this.
    async fn obtain<P: Platform>(
        &self,
        platform: &P,
        lease: Lease<P>,
        held: Option<Times>,
    ) -> Result<Token, TokenError> {
        let left = self.left(platform, &lease).await;
        let known = match left.filter(|it| it.is_newer(held)) {
            Some(left) => Some(Ok(self.adopt(left))),
            None => self.known(platform, held).await,
        };
        let (obtained, leaves) = match known {
            Some(known) => (known, None),
            None => {
                let fetched = self.fetch(platform).await;
                let token = fetched.as_ref().ok();
                let leaves = token.and_then(|token| self.vault().seal(TOKEN, &token.kept()));
                (fetched, leaves)
            }
        };
        lease.release(leaves).await;
        obtained
    }

    /// Another instance is fetching a token: waits until it has one, or has given
    /// the lease back, or has lost it.
    async fn wait_for_another(&self, platform: &impl Platform) -> Option<Token> {
        let mut pause = Duration::from_millis(50);
        loop {
            platform.sleep(pause).await;
            if let Some(token) = self.kept(platform).await {
                return Some(token);
            }
            if !lease::is_held(platform, &self.place).await {
                return None;
            }
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }

    /// In the last seconds of its life a token may expire on its way. That is
    /// better than none.
    fn last_resort(&self, now: Timestamp) -> Option<Token> {
        let state = self.state();
        let token = state.token.as_ref();
        token
            .filter(|token| now < token.times.expires_at && token.times.asked_at.is_past(now))
            .cloned()
    }

    /// Asks the identity server, and keeps what it says.
    async fn fetch(&self, platform: &impl Platform) -> Result<Token, TokenError> {
        // A token's life began no earlier than this, however long the answer takes.
        let asked_at = platform.now();
        let answer = grant::request(platform, &self.url, self.vault().credentials()).await;
        if let Err(error) = &answer {
            let failure = TokenFailure {
                at: platform.now(),
                reason: error.to_string(),
            };
            self.state().failure = Some(failure.clone());
            self.vault().write(platform, FAILURE, &failure).await;
        }
        match answer {
            Ok(granted) => {
                let token = Token {
                    secret: granted.token,
                    times: Times::new(asked_at, granted.life),
                };
                self.pardon(platform, &token.secret).await;
                // A token that could not be kept is a good token all the same.
                self.vault().write(platform, TOKEN, &token.kept()).await;
                Ok(self.adopt(token))
            }
            Err(TokenError::InvalidClient { code }) => {
                let refusal = Refusal {
                    code: code.clone(),
                    until: platform.now().after(REFUSED),
                };
                self.vault().write(platform, REFUSAL, &refusal).await;
                self.state().refusal = Some(refusal);
                Err(TokenError::InvalidClient { code })
            }
            Err(error) => Err(error),
        }
    }

    /// Where the identity server grants once more what was discarded, there is
    /// nothing better.
    async fn pardon(&self, platform: &impl Platform, token: &AccessToken) {
        let mut discarded = self.state().discarded.clone();
        if discarded.contains(token) {
            let pardoned = token.sha256();
            discarded.tokens.retain(|token| *token != pardoned);
            self.state().discarded = discarded.clone();
            self.vault().write(platform, DISCARDED, &discarded).await;
        }
    }

    /// Uses `token` from now on in this instance.
    fn adopt(&self, token: Token) -> Token {
        let mut state = self.state();
        state.token = Some(token.clone());
        state.refusal = None;
        state.failure = None;
        state.next_refresh = None;
        token
    }

    /// The refusal of these credentials that is still remembered.
    async fn refusal(&self, platform: &impl Platform) -> Option<Refusal> {
        let holds = |refusal: &Refusal| refusal.until.left(platform.now(), REFUSED).is_some();
        let here = self.state().refusal.clone().filter(holds);
        match here {
            Some(refusal) => Some(refusal),
            None => self.vault().read(platform, REFUSAL).await.filter(holds),
        }
    }

    /// That the identity server gave no token a moment ago, here or to another
    /// instance.
    async fn recent_failure(&self, platform: &impl Platform) -> Option<TokenFailure> {
        // That no credentials are set is known without asking.
        if !self.vault().credentials().is_set() {
            return None;
        }
        let holds = |failure: &TokenFailure| {
            let until = failure.at.after(SAME_FAILURE);
            until.left(platform.now(), SAME_FAILURE).is_some()
        };
        let here = self.state().failure.clone().filter(holds);
        match here {
            Some(failure) => Some(failure),
            None => self.vault().read(platform, FAILURE).await.filter(holds),
        }
    }

    /// Whether it is this caller who refreshes early.
    fn begin_refresh(&self, now: Timestamp) -> bool {
        let mut state = self.state();
        let is_paused = |until: Timestamp| until.left(now, LONGEST_PAUSE).is_some();
        let may = !state.is_refreshing && !state.next_refresh.is_some_and(is_paused);
        state.is_refreshing |= may;
        may
    }
}

/// An early refresh under way. Dropped before its end, another can begin.
struct Refresh(Arc<Cache>);

impl Refresh {
    /// A failure stays unseen: the old token is valid still.
    async fn run<P: Platform>(&self, platform: &P) {
        let cache = &*self.0;
        let held = cache.state().token.as_ref().map(|token| token.times);
        // Another instance may have done it already.
        if let Some(kept) = cache.kept(platform).await.filter(|it| it.is_newer(held)) {
            cache.adopt(kept);
            return;
        }
        // So that instances which live for one call do not try with each call.
        if let Some(until) = cache.vault().read::<Timestamp>(platform, PAUSE).await
            && until.left(platform.now(), LONGEST_PAUSE).is_some()
        {
            cache.state().next_refresh = Some(until);
            return;
        }
        let done = match Lease::take(platform, &cache.place).await {
            Some(lease) => cache.obtain(platform, lease, held).await.is_ok(),
            None => false,
        };
        if !done {
            let wait = NEXT_TRY.mul_f64(0.75 + 0.5 * platform.unit().clamp(0.0, 1.0));
            let until = platform.now().after(wait);
            cache.state().next_refresh = Some(until);
            cache.vault().write(platform, PAUSE, &until).await;
        }
    }
}

impl Drop for Refresh {
    fn drop(&mut self) {
        self.0.state().is_refreshing = false;
    }
}

#[cfg(test)]
mod tests;
