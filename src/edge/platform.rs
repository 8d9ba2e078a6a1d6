//! All that a component needs from the place where it runs.

use crate::{Backpressure, Monotonic, Notify, Variables, log::Log};

/// A place where components run: [`Host`](crate::Host), or the fake host of a test.
pub trait Platform:
    smartcar::Platform + Variables + Log + Notify + Backpressure + Monotonic + Clone + 'static
{
}

impl<T> Platform for T where
    T: smartcar::Platform + Variables + Log + Notify + Backpressure + Monotonic + Clone + 'static
{
}

#[cfg(test)]
mod tests {
    use super::Platform;

    #[test]
    fn host_and_fake_are_platforms() {
        fn is_platform<P: Platform>() {}
        is_platform::<crate::Host>();
        is_platform::<smartcar::testing::Fake>();
    }
}
