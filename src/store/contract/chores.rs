//! Rules of the chores.
