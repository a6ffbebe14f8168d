//! The present. Wall time comes from one value that is passed in, so that whoever starts the program, or a test, decides
//! what time it is. How long something takes is measured, by [`Stopwatch`] alone.

use std::fmt;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

/// How long something takes, by a clock that only goes forward. It knows nothing of dates, and what it says may be shown
/// and recorded, never enter a figure.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// A duration in a record: seconds with three decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(Duration);

impl From<Duration> for Seconds {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl AddAssign<Duration> for Seconds {
    fn add_assign(&mut self, more: Duration) {
        self.0 = self.0.saturating_add(more);
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let milliseconds = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        serializer.serialize_f64(Duration::from_millis(milliseconds).as_secs_f64())
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map(Self).map_err(serde::de::Error::custom)
    }
}

/// `1h 02m`, `3m 07s`, `4.250s`.
impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
            (0, 0, _) => f.pad(&format!("{seconds}.{:03}s", self.0.subsec_millis())),
            (0, minutes, seconds) => f.pad(&format!("{minutes}m {seconds:02}s")),
            (hours, minutes, _) => f.pad(&format!("{hours}h {minutes:02}m")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_written_with_three_decimals_and_read_again() {
        for (micros, json, text) in [
            (0, "0.0", "0.000s"),
            (4_250_999, "4.25", "4.250s"),
            (187_001_000, "187.001", "3m 07s"),
            (3_725_000_000, "3725.0", "1h 02m"),
        ] {
            let seconds = Seconds::from(Duration::from_micros(micros));
            assert_eq!((serde_json::to_string(&seconds).expect("JSON").as_str(), &*seconds.to_string()), (json, text));
            let again: Seconds = serde_json::from_str(json).expect("seconds");
            assert_eq!(again.to_string(), text);
        }
        assert!(serde_json::from_str::<Seconds>("-1").is_err());
    }
}
