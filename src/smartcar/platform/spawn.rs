//! Work that goes on after an answer has been given.

/// Runs work in the background, where the host allows it.
pub trait Spawn {
    /// Runs `task` beside, and after, what is being done now. It may be dropped
    /// before its end, for example because the instance ends.
    fn spawn(&self, task: impl Future<Output = ()> + 'static);
}
