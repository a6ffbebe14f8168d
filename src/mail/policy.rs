//! When a recipient is tried again, and when no longer: pure arithmetic on what the ledger says and what time it is.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::ledger::{Next, State};
use super::status::Status;
use crate::pipeline::{Delivery, OnUnknown};

/// Minutes after the first, second, third and every further attempt.
const BACKOFF: [i64; 4] = [1, 5, 15, 60];
/// From the announcement of an attempt in doubt to sending again. The attempt itself has ended by then: writing the
/// message and waiting for the reply take thirteen minutes at most.
const DOUBT: SignedDuration = SignedDuration::from_mins(15);

/// How persistent deliveries are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long one run keeps trying.
    pub retry_for: Duration,
    /// How long after the commit a recipient is tried at all.
    pub deadline: SignedDuration,
    pub on_unknown: OnUnknown,
}

/// What is to be done for a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing, by this run or any other.
    Settled(Status),
    /// Nothing before this instant.
    Wait(Timestamp, Status),
    /// Giving up, with the number of the attempt that stands for that.
    Expire { attempt: u32, why: String },
    /// An attempt; `resent`: although an earlier one is in doubt.
    Attempt { attempt: u32, resent: bool },
}

impl Policy {
    /// The policy of a pipeline.
    #[must_use]
    pub fn new(delivery: &Delivery) -> Self {
        let retry_for = Duration::try_from(delivery.retry_for).unwrap_or_default();
        Self { retry_for, deadline: delivery.deadline, on_unknown: delivery.on_unknown }
    }

    /// What is to be done at `now` for a recipient of a delivery that was committed at this instant.
    #[must_use]
    pub fn step(&self, state: &State, committed_at: Timestamp, now: Timestamp) -> Step {
        match state {
            State::Accepted { .. } => Step::Settled(Status::AlreadyAccepted),
            State::Rejected { code, text, .. } => {
                Step::Settled(Status::AlreadyRejected { code: *code, text: text.clone() })
            }
            State::Expired { text, .. } => Step::Settled(Status::AlreadyExpired { text: text.clone() }),
            State::Open(next) => self.open(next, committed_at, now),
            State::InDoubt(doubt) => {
                let text = format!("attempt {} of an earlier run got no reply", doubt.attempt);
                let held = Status::InDoubt { text };
                let again = doubt.again.as_ref().filter(|_| self.on_unknown == OnUnknown::Resend);
                let Some(again) = again.filter(|again| now < self.end(again, committed_at)) else {
                    return Step::Settled(held);
                };
                let due = due(again, now).max(after(doubt.since, DOUBT));
                if due > now { Step::Wait(due, held) } else { Step::Attempt { attempt: again.attempt, resent: true } }
            }
        }
    }

    fn open(&self, next: &Next, committed_at: Timestamp, now: Timestamp) -> Step {
        let attempt = next.attempt;
        let end = self.end(next, committed_at);
        if now >= end {
            let said = next.last.as_ref().map(|last| said(last.code, &last.text));
            let said = said.unwrap_or_else(|| "it was never tried".to_owned());
            return Step::Expire { attempt, why: format!("not tried after {end}: {said}") };
        }
        let due = due(next, now);
        match &next.last {
            Some(last) if due > now => {
                Step::Wait(due, Status::Waiting { until: due, said: said(last.code, &last.text) })
            }
            _ => Step::Attempt { attempt, resent: false },
        }
    }

    /// When trying ends: counted from the commit, or from when a person wanted it to go on.
    fn end(&self, next: &Next, committed_at: Timestamp) -> Timestamp {
        after(next.asked.map_or(committed_at, |asked| asked.max(committed_at)), self.deadline)
    }
}

/// How long to wait after this many attempts.
#[must_use]
pub fn backoff(tries: u32) -> SignedDuration {
    let at = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX).min(BACKOFF.len() - 1);
    SignedDuration::from_mins(BACKOFF.get(at).copied().unwrap_or(60))
}

/// When the next attempt is due. A relay that failed for everybody is tried by every run. A record from the future was
/// dated by another clock, and says nothing of how long ago it was.
fn due(next: &Next, now: Timestamp) -> Timestamp {
    let last = next.last.as_ref().filter(|last| !last.unreached && last.at <= now);
    last.map_or(now, |last| after(last.at, backoff(last.tries)))
}

pub(super) fn after(instant: Timestamp, duration: SignedDuration) -> Timestamp {
    instant.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// A reply with its code.
pub(super) fn said(code: Option<u16>, text: &str) -> String {
    code.map_or_else(|| text.to_owned(), |code| format!("{code} {text}"))
}
