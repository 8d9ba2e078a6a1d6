//! A store by which all instances agree which of them does something, where there is one.

use crate::Timestamp;
use futures::future::LocalBoxFuture;
use std::sync::Arc;

/// The store could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("leases: {0}")]
pub struct LeaseError(pub String);

/// A lease that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// What a holder before left to those after it, if any did.
    pub left: Option<Vec<u8>>,
}

/// Leases, each under a name and with one holder at a time, whatever machine it is on. Unlike
/// a [`KeyValue`](crate::KeyValue) store this has one order of writes for all.
pub trait Leases {
    /// Takes a lease for `by` until then; none while another holder has it. One that is held
    /// for longer than until then was taken by a clock that is wrong, and counts as free.
    fn take<'a>(
        &'a self,
        name: &'a str,
        by: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> LocalBoxFuture<'a, Result<Option<Taken>, LeaseError>>;

    /// Whether [`Leases::take`] would find a holder.
    fn is_held<'a>(
        &'a self,
        name: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> LocalBoxFuture<'a, Result<bool, LeaseError>>;

    /// Gives a lease back, if `by` holds it still, and leaves something to those after it; or
    /// what is there already.
    fn give_back<'a>(
        &'a self,
        name: &'a str,
        by: &'a str,
        leaves: Option<Vec<u8>>,
    ) -> LocalBoxFuture<'a, Result<(), LeaseError>>;
}

/// Leases that all copies of a client share.
pub type SharedLeases = Arc<dyn Leases + Send + Sync>;
