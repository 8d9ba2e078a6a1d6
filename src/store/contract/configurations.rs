//! Rules of the configurations.
