//! Randomness, given from outside so that tests can set it.

/// A source of chance for who goes first and how long to wait. Not for keys.
pub trait Random {
    /// A number from 0 to 1, each as likely as the others.
    fn unit(&self) -> f64;
}
