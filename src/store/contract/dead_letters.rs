//! Rules of the dead_letters.
