//! The present. Wall time comes from one value that is passed in, so that whoever starts the program, or a test, decides
//! what time it is.

use std::fmt;

use jiff::Timestamp;

/// Tells the time.
pub trait Clock: fmt::Debug + Send + Sync {
    fn now(&self) -> Timestamp;
}

/// A clock that stands still.
impl Clock for Timestamp {
    fn now(&self) -> Timestamp {
        *self
    }
}
