//! The host's clock.

use crate::Host;
use smartcar::{Clock, Timestamp};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

impl Clock for Host {
    fn now(&self) -> Timestamp {
        // A clock set to before 1970 makes everything stale rather than fresh.
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    async fn sleep(&self, time: Duration) {
        spin_sdk::time::sleep(time).await;
    }
}
