//! Runs, the store between them, and what can go wrong.
//!
//! A key is created once and never changes, so a run that gets no answer to a create needs to know later only whether
//! its own bytes are there: the model keeps that with the run, and runs are interchangeable. A write that lands after its
//! run gave up is a run that pauses, writes and crashes. Losing patience with a lease is always possible, also wrongly:
//! a run whose lease was taken goes on at any later time.

use stateright::{Model, Property};

use super::guards::Guard;
use super::mail::{Delivery, MailStep};

/// Numbers of the log that exist here: the inputs change once.
pub const ENTRIES: usize = 2;
/// Runs that can be under way at once.
pub const PROCESSES: usize = 3;

/// How much is explored, and what is missing.
#[derive(Clone, Debug)]
pub struct System {
    /// Runs before the last one, during which nothing fails any more.
    pub runs: u8,
    pub recipients: u8,
    /// Versions of the inputs, 1 or 2.
    pub versions: u8,
    pub crashes: u8,
    /// Creates whose answer is lost, after they landed or before.
    pub lost: u8,
    /// Times that the relay refuses, or falls silent.
    pub moods: u8,
    pub without: Vec<Guard>,
}

/// An entry of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Version of the inputs that it was made from.
    pub fingerprint: u8,
    /// All files that it names are there.
    pub whole: bool,
}

/// A run of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Run {
    pub at: At,
    /// No newer lease exists.
    pub newest: bool,
    /// The number of entries that it has seen.
    pub head: u8,
    /// The version of the inputs that it has pinned.
    pub pinned: u8,
}

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum At {
    Ended,
    Lease,
    Head,
    Pin,
    Build,
    Epoch,
    Commit(Answer),
    /// Looks at the head, having derived from entry `done`.
    Look {
        done: u8,
    },
    Derive {
        from: u8,
    },
    /// Mails are numbered by entry, then recipient.
    Mail {
        mail: u8,
        step: MailStep,
    },
}

/// What a run knows of a create.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    /// Not asked yet, or known not to be there.
    None,
    /// No usable answer; whether the run's own bytes are stored.
    Unclear { stored: bool },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub log: [Option<Entry>; ENTRIES],
    /// The entry that `current.json` was derived from, 0 for none.
    pub current: u8,
    pub inputs: u8,
    pub deliveries: Vec<Delivery>,
    pub runs: [Run; PROCESSES],
    pub runs_left: u8,
    pub crashes_left: u8,
    pub lost_left: u8,
    pub moods_left: u8,
    /// The last run has begun.
    pub last: bool,
    /// An entry was replaced.
    pub overwritten: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    InputsChange,
    Start,
    StartLast,
    Crash(usize),
    Go(usize, Fortune),
}

/// How one thing that a run does turns out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fortune {
    Well,
    /// A create lands, its answer is lost.
    AnswerLost,
    /// A create fails, or is said to conflict, and stored nothing.
    NothingStored,
    /// The relay refuses for now.
    Deferred,
    /// The relay refuses for good.
    Rejected,
    /// The relay takes the message and its answer is lost.
    TakenInSilence,
    /// The connection breaks and the relay has nothing.
    Broken,
}

/// A run that is not there.
pub const NOBODY: Run = Run { at: At::Ended, newest: false, head: 0, pinned: 0 };

impl System {
    /// Whether this guard is in place.
    pub fn has(&self, guard: Guard) -> bool {
        !self.without.contains(&guard)
    }

    pub fn mails(&self) -> u8 {
        self.recipients * u8::try_from(ENTRIES).expect("small")
    }
}

impl State {
    pub fn entries(&self) -> u8 {
        u8::try_from(self.log.iter().flatten().count()).expect("small")
    }

    /// No run is under way.
    pub fn idle(&self) -> bool {
        self.runs.iter().all(|run| run.at == At::Ended)
    }

    /// Nothing can happen any more.
    pub fn over(&self) -> bool {
        self.last && self.idle()
    }

    fn start(&mut self) -> Option<()> {
        let free = self.runs.iter().position(|run| run.at == At::Ended)?;
        self.runs[free] = Run { at: At::Lease, ..NOBODY };
        Some(())
    }

    /// Whatever a run that has ended still remembered is gone, and which run is which makes no difference.
    fn settle(mut self) -> Self {
        for run in self.runs.iter_mut().filter(|run| run.at == At::Ended) {
            *run = NOBODY;
        }
        self.runs.sort_unstable();
        self
    }
}

impl Model for System {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            log: [None; ENTRIES],
            current: 0,
            inputs: 1,
            deliveries: vec![Delivery::default(); usize::from(self.mails())],
            runs: [NOBODY; PROCESSES],
            runs_left: self.runs,
            crashes_left: self.crashes,
            lost_left: self.lost,
            moods_left: self.moods,
            last: false,
            overwritten: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.inputs < self.versions && !state.last {
            actions.push(Action::InputsChange);
        }
        if state.runs_left > 0 && state.runs.iter().any(|run| run.at == At::Ended) {
            actions.push(Action::Start);
        }
        if state.idle() && state.runs_left == 0 && state.inputs == self.versions && !state.last {
            actions.push(Action::StartLast);
        }
        for (at, run) in state.runs.iter().enumerate().filter(|(_, run)| run.at != At::Ended) {
            // Before the lease is taken, a crash is a run that never began.
            if state.crashes_left > 0 && !state.last && run.at != At::Lease {
                actions.push(Action::Crash(at));
            }
            let mut go = |fortune| actions.push(Action::Go(at, fortune));
            go(Fortune::Well);
            if state.lost_left > 0 && !state.last && run.at.creates() {
                go(Fortune::AnswerLost);
                go(Fortune::NothingStored);
            }
            if state.moods_left > 0 && !state.last {
                run.at.moods().iter().copied().for_each(go);
            }
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::InputsChange => state.inputs += 1,
            Action::Start => {
                state.runs_left -= 1;
                state.start()?;
            }
            Action::StartLast => {
                state.last = true;
                state.start()?;
            }
            Action::Crash(at) => {
                state.crashes_left -= 1;
                state.runs[at] = NOBODY;
            }
            Action::Go(at, fortune) => {
                match fortune {
                    Fortune::Well => {}
                    Fortune::AnswerLost | Fortune::NothingStored => state.lost_left -= 1,
                    _ => state.moods_left -= 1,
                }
                self.go(&mut state, at, fortune);
            }
        }
        Some(state.settle())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        super::explored::properties()
    }
}

impl At {
    fn creates(self) -> bool {
        match self {
            Self::Commit(answer) => answer == Answer::None,
            Self::Mail { step, .. } => step.creates(),
            _ => false,
        }
    }

    fn moods(self) -> &'static [Fortune] {
        match self {
            Self::Mail { step: MailStep::Connect(_), .. } => &[Fortune::Deferred, Fortune::Rejected],
            Self::Mail { step: MailStep::Body(_), .. } => {
                &[Fortune::Deferred, Fortune::Rejected, Fortune::TakenInSilence, Fortune::Broken]
            }
            _ => &[],
        }
    }
}
