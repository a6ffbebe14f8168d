//! A promise that a store did not keep, in words.

use std::fmt;

/// What publishing relies on and a store turned out not to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// A key that is there is not created again.
    CreateOnce,
    /// Of several writers of one key exactly one wins. The number is how many were told that they did.
    OneWinner(usize),
    /// Writers that lost a race read the bytes of the one that won.
    WinnerRead,
    /// What is read under the entity tag of another version is refused.
    Match,
    /// The same for a part of an object.
    RangeMatch,
    /// A key is listed as soon as it is written.
    ListedAtOnce,
    /// The clocks of the store and of this machine agree. The number is the seconds that the store's is ahead.
    Clock(i64),
}

impl Promise {
    /// The stable code of the message.
    pub(super) fn code(self) -> &'static str {
        if matches!(self, Self::Clock(_)) { "E514" } else { "E501" }
    }

    /// One action that puts it right.
    pub(super) fn help(self) -> &'static str {
        match self {
            Self::CreateOnce | Self::OneWinner(_) | Self::WinnerRead => {
                "publish to a store that honours conditional writes (If-None-Match on S3), or to a newer version of this one"
            }
            Self::Match | Self::RangeMatch => {
                "use a store that honours If-Match on reads, and no cache or proxy in front of it"
            }
            Self::ListedAtOnce => "use a store whose listings are consistent, and no cache or proxy in front of it",
            Self::Clock(_) => "set the clock of this machine by a time server, then start again",
        }
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateOnce => f.write_str("store ignores conditional writes: a key that was there was written over"),
            Self::OneWinner(winners) => {
                write!(
                    f,
                    "store ignores conditional writes: of many writers of one key {winners} were told they had won"
                )
            }
            Self::WinnerRead => f.write_str("store ignores conditional writes: who lost a race read other bytes"),
            Self::Match => f.write_str("store ignores conditional reads: it answered for a version that is not there"),
            Self::RangeMatch => {
                f.write_str("store ignores conditional reads of a range: it answered for a version that is not there")
            }
            Self::ListedAtOnce => f.write_str("store lists late: a key that was just written is not in its folder"),
            Self::Clock(ahead) => {
                let (seconds, how) = (ahead.unsigned_abs(), if *ahead < 0 { "behind" } else { "ahead of" });
                write!(f, "the store's clock is {seconds} s {how} this machine's")
            }
        }
    }
}
