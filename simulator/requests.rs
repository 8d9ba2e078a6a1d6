//! The count of what was served, so that a test can tell how often it was asked.

use crate::lock::lock;
use serde::Serialize;
use std::{collections::BTreeMap, sync::Mutex};

#[derive(Default)]
pub(crate) struct RequestLog {
    counts: Mutex<BTreeMap<Served, u64>>,
}

/// One kind of exchange. `status` is 0 where the connection was cut.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Served {
    pub(crate) route: String,
    pub(crate) method: String,
    pub(crate) status: u16,
}

/// `GET /_simulator/requests`
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    total: u64,
    routes: Vec<Counted>,
}

#[derive(Debug, Serialize)]
struct Counted {
    method: String,
    route: String,
    status: u16,
    count: u64,
}

impl RequestLog {
    pub(crate) fn count(&self, served: Served) {
        *lock(&self.counts).entry(served).or_default() += 1;
    }

    pub(crate) fn summary(&self) -> Summary {
        let counts = lock(&self.counts);
        let counted = |(served, count): (&Served, &u64)| Counted {
            method: served.method.clone(),
            route: served.route.clone(),
            status: served.status,
            count: *count,
        };
        Summary {
            total: counts.values().sum(),
            routes: counts.iter().map(counted).collect(),
        }
    }

    pub(crate) fn reset(&self) {
        lock(&self.counts).clear();
    }
}
