//! What the gateway's doctor found when it last asked Smartcar.

use crate::StoreError;
use smartcar::Timestamp;

/// An examination by the doctor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examination {
    /// When it ended.
    pub ran_at: Timestamp,
    /// What was found, in the gateway's own words.
    pub report: String,
}

/// The examinations, of which the last one is kept.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Examinations {
    /// The last examination, where there has been one. Waits for no write.
    async fn last_examination(&self) -> Result<Option<Examination>, StoreError>;

    /// Keeps an examination in the place of the one before.
    async fn keep_examination(&self, examination: &Examination) -> Result<(), StoreError>;
}
