//! Changing something at Smartcar: commands, and everything else that is not read.

pub(crate) mod change;
#[cfg(test)]
mod change_tests;
pub(crate) mod evidence;
pub(crate) mod outcome;
pub(crate) mod record;
#[cfg(test)]
mod record_tests;
mod watch;
