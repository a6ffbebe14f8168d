//! The delivery ledger and what a run does for each mail, by the steps of the program's own ledger.

use super::guards::Guard;
use super::publish::Created;
use super::system::{Answer, At, Fortune, Run, State, System};

/// Attempts that can exist: a run makes at most one for each mail.
pub const ATTEMPTS: usize = 5;

/// What is stored of one mail, and what the relay knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Delivery {
    pub attempts: [Attempt; ATTEMPTS],
    /// Copies that the relay has taken.
    pub accepted: u8,
    /// The relay took it, or not, without a word.
    pub silence: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attempt {
    pub claimed: bool,
    pub dot: Option<Dot>,
    pub result: Option<Word>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dot {
    Send,
    Fence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Word {
    Accepted,
    Deferred,
    Rejected,
}

/// What a run is at with one mail; attempts count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MailStep {
    List,
    Fence(u8, Answer),
    Claim(u8, Answer),
    Connect(u8),
    Dot(u8, Answer),
    Body(u8),
    Result(u8, Word),
}

/// What a listing tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Open(u8),
    Accepted,
    Rejected,
    InDoubt(u8),
    Unfinished(u8),
}

impl MailStep {
    pub fn creates(self) -> bool {
        matches!(self, Self::Fence(_, Answer::None) | Self::Claim(_, Answer::None) | Self::Dot(_, Answer::None))
    }
}

impl Delivery {
    pub fn told(&self) -> Told {
        let Some(last) = self.attempts.iter().rposition(|attempt| attempt.claimed) else { return Told::Open(0) };
        if self.attempts.iter().any(|attempt| attempt.result == Some(Word::Accepted)) {
            return Told::Accepted;
        }
        let number = u8::try_from(last).expect("small");
        match (self.attempts[last].result, self.attempts[last].dot) {
            (Some(Word::Rejected), _) => Told::Rejected,
            (Some(_), _) | (None, Some(Dot::Fence)) => Told::Open(number + 1),
            (None, Some(Dot::Send)) => Told::InDoubt(number),
            (None, None) => Told::Unfinished(number),
        }
    }
}

impl System {
    /// The run takes one step with one mail.
    pub fn deliver(&self, state: &mut State, run: &mut Run, mail: u8, step: MailStep, fortune: Fortune) {
        let delivery = &mut state.deliveries[usize::from(mail)];
        let next = match step {
            MailStep::List => self.listed(delivery.told()),
            MailStep::Fence(n, answer) => self.fence(delivery, n, answer, fortune),
            MailStep::Claim(n, answer) => self.claim(delivery, n, answer, fortune),
            MailStep::Connect(n) => Some(self.connected(n, fortune)),
            MailStep::Dot(n, answer) => self.dot(delivery, n, answer, fortune),
            MailStep::Body(n) => self.hand_over(delivery, n, fortune),
            MailStep::Result(n, word) => {
                delivery.attempts[usize::from(n)].result.get_or_insert(word);
                None
            }
        };
        run.at = match next {
            Some(step) => At::Mail { mail, step },
            None => self.next_mail(*run, mail),
        };
    }

    fn next_mail(&self, run: Run, mail: u8) -> At {
        let uncommitted = mail >= run.head * self.recipients;
        let end = if uncommitted { (run.head + 1) * self.recipients } else { run.head * self.recipients };
        if mail + 1 < end {
            return At::Mail { mail: mail + 1, step: MailStep::List };
        }
        if uncommitted { At::Commit(Answer::None) } else { At::Ended }
    }

    #[expect(clippy::match_same_arms, reason = "one arm per row of the table")]
    fn listed(&self, told: Told) -> Option<MailStep> {
        match told {
            Told::Open(n) => begin(n),
            Told::Accepted | Told::Rejected => None,
            Told::InDoubt(_) if self.has(Guard::Hold) => None,
            Told::InDoubt(n) => begin(n + 1),
            Told::Unfinished(n) if self.has(Guard::Fence) => Some(MailStep::Fence(n, Answer::None)),
            Told::Unfinished(n) => begin(n + 1),
        }
    }

    #[expect(clippy::match_same_arms, reason = "one arm per row of the table")]
    fn claim(&self, delivery: &mut Delivery, n: u8, answer: Answer, fortune: Fortune) -> Option<MailStep> {
        let claimed = &mut delivery.attempts[usize::from(n)].claimed;
        match self.create(*claimed, answer, fortune, || *claimed = true) {
            Created::Mine => Some(MailStep::Connect(n)),
            Created::Theirs if self.has(Guard::Claim) => None,
            Created::Theirs => Some(MailStep::Connect(n)),
            Created::NotYet(answer) => Some(MailStep::Claim(n, answer)),
        }
    }

    fn connected(&self, n: u8, fortune: Fortune) -> MailStep {
        match fortune {
            Fortune::Deferred => MailStep::Result(n, Word::Deferred),
            Fortune::Rejected => MailStep::Result(n, Word::Rejected),
            _ if self.has(Guard::DotBeforeBody) => MailStep::Dot(n, Answer::None),
            _ => MailStep::Body(n),
        }
    }

    fn dot(&self, delivery: &mut Delivery, n: u8, answer: Answer, fortune: Fortune) -> Option<MailStep> {
        let dot = &mut delivery.attempts[usize::from(n)].dot;
        // Without a nonce the bytes still tell `send` from `fence`.
        if *dot == Some(Dot::Fence) {
            return None;
        }
        match self.create(dot.is_some(), answer, fortune, || *dot = Some(Dot::Send)) {
            Created::Mine if self.has(Guard::DotBeforeBody) => Some(MailStep::Body(n)),
            Created::Mine => Some(MailStep::Result(n, Word::Accepted)),
            Created::Theirs => None,
            Created::NotYet(answer) => Some(MailStep::Dot(n, answer)),
        }
    }

    fn hand_over(&self, delivery: &mut Delivery, n: u8, fortune: Fortune) -> Option<MailStep> {
        let taken = matches!(fortune, Fortune::Well | Fortune::TakenInSilence);
        delivery.accepted += u8::from(taken);
        delivery.silence |= matches!(fortune, Fortune::TakenInSilence | Fortune::Broken);
        match fortune {
            Fortune::Well if self.has(Guard::DotBeforeBody) => Some(MailStep::Result(n, Word::Accepted)),
            Fortune::Well => Some(MailStep::Dot(n, Answer::None)),
            Fortune::Deferred => Some(MailStep::Result(n, Word::Deferred)),
            Fortune::Rejected => Some(MailStep::Result(n, Word::Rejected)),
            _ => None,
        }
    }

    /// A fence of any run is as good as our own; a `send` leaves a doubt, which is held.
    fn fence(&self, delivery: &mut Delivery, n: u8, answer: Answer, fortune: Fortune) -> Option<MailStep> {
        let dot = &mut delivery.attempts[usize::from(n)].dot;
        match self.create(dot.is_some(), answer, fortune, || *dot = Some(Dot::Fence)) {
            Created::Mine => begin(n + 1),
            Created::Theirs if self.has(Guard::ReadBack) && *dot == Some(Dot::Fence) => begin(n + 1),
            Created::Theirs => self.listed(Told::InDoubt(n)),
            Created::NotYet(answer) => Some(MailStep::Fence(n, answer)),
        }
    }
}

/// The next attempt, as long as the ledger of the model has room for it.
fn begin(n: u8) -> Option<MailStep> {
    (usize::from(n) < ATTEMPTS).then_some(MailStep::Claim(n, Answer::None))
}
