//! The database, or saying that it is not there.

use crate::app::App;
use edge::{
    Platform,
    log::{self, Event, Level},
    respond::{Code, Problem},
};
pub(crate) use store::Store;
use store::StoreError;

impl<P: Platform, S: Store> App<P, S> {
    /// The store could not do what was asked.
    pub(crate) fn unavailable(&self, error: &StoreError) -> Problem {
        if self.lines().store.is_due(self.now()) {
            log::line(self.platform(), Level::Error, Event::Store)
                .with("error", error.to_string())
                .write();
        }
        let detail = "the database could not be read: try again";
        Problem::new(Code::StoreUnavailable, detail).retry_after(5)
    }
}
