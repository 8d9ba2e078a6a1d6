//! Rules of the tallies.
