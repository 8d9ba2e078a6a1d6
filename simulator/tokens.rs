//! The access tokens that were issued, and the application that may ask for them.

use crate::lock::lock;
use std::{collections::HashMap, sync::Mutex, time::Duration};
use tokio::time::Instant;
use uuid::Uuid;

/// The application that may ask for tokens.
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// The live access tokens and when each ends. Issuing one leaves the others alive.
#[derive(Default)]
pub(crate) struct Tokens {
    ends: Mutex<HashMap<String, Instant>>,
}

impl Tokens {
    pub(crate) fn issue(&self, life: Duration) -> String {
        let now = Instant::now();
        // Two random UUIDs: 244 bits that cannot be guessed.
        let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let mut ends = lock(&self.ends);
        ends.retain(|_, end| *end > now);
        ends.insert(token.clone(), now + life);
        token
    }

    pub(crate) fn is_live(&self, token: &str) -> bool {
        let now = Instant::now();
        lock(&self.ends).get(token).is_some_and(|end| *end > now)
    }

    /// Ends every token at once; answers how many there were.
    pub(crate) fn revoke_all(&self) -> usize {
        let mut ends = lock(&self.ends);
        let count = ends.len();
        ends.clear();
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn token_lives_as_long_as_it_says() {
        let tokens = Tokens::default();
        let token = tokens.issue(Duration::from_secs(3600));
        assert!(tokens.is_live(&token));
        tokio::time::advance(Duration::from_secs(3599)).await;
        assert!(tokens.is_live(&token));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!tokens.is_live(&token));
    }

    #[tokio::test(start_paused = true)]
    async fn revocation_ends_the_tokens_issued_so_far() {
        let tokens = Tokens::default();
        let (first, second) = (
            tokens.issue(Duration::from_secs(60)),
            tokens.issue(Duration::from_secs(60)),
        );
        assert_ne!(first, second);
        assert_eq!(tokens.revoke_all(), 2);
        assert!(!tokens.is_live(&first) && !tokens.is_live(&second));
        let third = tokens.issue(Duration::from_secs(60));
        assert!(tokens.is_live(&third));
    }

    #[test]
    fn token_that_is_made_up_is_not_live() {
        assert!(!Tokens::default().is_live(""));
    }
}
