//! What the objects of a recipient tell, taken together.

use std::collections::BTreeSet;

use jiff::Timestamp;
use object_store::path::Path;

use super::{Ledger, LedgerError, Listed, Recipient, Word};

/// What is known of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has it, and it may be tried.
    Open(Next),
    /// The relay confirmed it; `resent`: after an attempt in doubt, so that there may be two copies.
    Accepted { resent: bool, next: u32 },
    /// The relay refused it for good.
    Rejected { code: u16, text: String, next: u32 },
    /// It was tried until its deadline.
    Expired { text: String, next: u32 },
    /// An attempt ended without a reply after the final dot.
    InDoubt(Doubt),
}

/// The attempt that may be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// Its number, from 1.
    pub attempt: u32,
    /// How the attempt before it ended.
    pub last: Option<Refusal>,
    /// When a person wanted it to be tried again: its deadline counts from there.
    pub asked: Option<Timestamp>,
}

/// An attempt after which the relay certainly does not have the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub at: Timestamp,
    pub code: Option<u16>,
    pub text: String,
    /// How many attempts there were with it.
    pub tries: u32,
    /// The relay failed before anything was said about this recipient.
    pub unreached: bool,
}

/// What is known of a recipient in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The first attempt in doubt.
    pub attempt: u32,
    /// When the last one in doubt announced that it sends.
    pub since: Timestamp,
    /// The number of the next attempt, should somebody want one.
    pub next: u32,
    /// The attempt that may be made without asking anybody: none once there was one.
    pub again: Option<Next>,
}

/// A recipient as a person wants to see them.
#[derive(Clone, Debug)]
pub struct Account {
    /// None: an attempt was claimed and is not finished.
    pub state: Option<State>,
    /// How many attempts there were.
    pub attempts: u32,
    /// When the newest result, mark or claim was written.
    pub at: Option<Timestamp>,
    /// What it says: the relay's reply, or a person's reason.
    pub said: String,
    /// Who decided it, when it was a person.
    pub by: Option<String>,
}

/// Either the state, or the number of an attempt that was claimed and not finished.
type Told = Result<State, u32>;

/// The names of a recipient's objects.
struct Names<'a>(&'a BTreeSet<String>);

impl Names<'_> {
    fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = u32> + 'a {
        self.0.iter().filter_map(move |name| name.strip_prefix(kind)?.strip_prefix('-')?.parse().ok())
    }

    fn newest(&self, kind: &str) -> Option<u32> {
        self.of(kind).max()
    }

    fn has(&self, kind: &str, attempt: u32) -> bool {
        self.0.contains(&format!("{kind}-{attempt}"))
    }

    /// The number after every one that is taken.
    fn next(&self) -> u32 {
        let taken = ["claim", "again", "resend"].iter().filter_map(|kind| self.newest(kind)).max();
        taken.unwrap_or(0).saturating_add(1)
    }
}

impl Ledger {
    /// What was known of a recipient when it was listed, without closing anything. None: an attempt was claimed and is not
    /// finished.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub async fn known(
        &self,
        delivery_id: &str,
        recipient_hash: &str,
        listed: &Listed,
    ) -> Result<Option<State>, LedgerError> {
        let folder = self.below(delivery_id).join(recipient_hash);
        let nothing = BTreeSet::new();
        Ok(self.told(&folder, listed.0.get(&folder).unwrap_or(&nothing)).await?.ok())
    }

    /// Everything about a recipient that was listed, for a person to see.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub async fn account(
        &self,
        delivery_id: &str,
        recipient_hash: &str,
        listed: &Listed,
    ) -> Result<Account, LedgerError> {
        let state = self.known(delivery_id, recipient_hash, listed).await?;
        let folder = self.below(delivery_id).join(recipient_hash);
        let nothing = BTreeSet::new();
        let names = Names(listed.0.get(&folder).unwrap_or(&nothing));
        // Of one attempt the later object comes later here; what a person wants begins a new one.
        let kinds = ["resend", "again", "claim", "dot", "fail", "ok"];
        let newest = kinds.iter().filter_map(|kind| Some((names.newest(kind)?, *kind)));
        let newest = newest.max_by_key(|(attempt, kind)| (*attempt, kinds.iter().position(|one| one == kind)));
        let attempts = u32::try_from(names.of("claim").count()).unwrap_or(u32::MAX);
        let Some((attempt, kind)) = newest else {
            return Ok(Account { state, attempts, at: None, said: String::new(), by: None });
        };
        let record = self.record(&folder, kind, attempt).await?;
        let said = [record.code.map(|code| code.to_string()).unwrap_or_default(), record.text].join(" ");
        Ok(Account { state, attempts, at: Some(record.at), said: said.trim().to_owned(), by: record.by })
    }

    /// The newest attempt of a recipient, unless the operators were told of it.
    ///
    /// # Errors
    /// When the store cannot list.
    pub async fn untold(&self, delivery_id: &str, recipient_hash: &str) -> Result<Option<u32>, LedgerError> {
        let folder = self.below(delivery_id).join(recipient_hash);
        let mut listed = Listed::default();
        self.list_folder(&folder, &mut listed).await?;
        let names = listed.0.remove(&folder).unwrap_or_default();
        let names = Names(&names);
        Ok(names.newest("claim").filter(|attempt| !names.has("told", *attempt)))
    }

    /// As [`untold`](Self::untold) of a message that cannot be sent as it is: 0 when it was never tried.
    ///
    /// # Errors
    /// When the store cannot list.
    pub async fn untold_damage(&self, delivery_id: &str, recipient_hash: &str) -> Result<Option<u32>, LedgerError> {
        let folder = self.below(delivery_id).join(recipient_hash);
        let mut listed = Listed::default();
        self.list_folder(&folder, &mut listed).await?;
        let names = listed.0.remove(&folder).unwrap_or_default();
        let names = Names(&names);
        let attempt = names.newest("claim").unwrap_or(0);
        Ok((!names.has("told", attempt)).then_some(attempt))
    }

    /// What is known of a recipient. An attempt that was claimed and not finished is closed here: if it has not announced
    /// that it sends, it never will.
    ///
    /// # Errors
    /// When the store cannot be read, or a fence's outcome is unknown.
    pub async fn state(&self, recipient: Recipient<'_>) -> Result<State, LedgerError> {
        let folder = self.folder(recipient);
        let mut listed = Listed::default();
        self.list_folder(&folder, &mut listed).await?;
        let mut names = listed.0.remove(&folder).unwrap_or_default();
        loop {
            match self.told(&folder, &names).await? {
                Ok(state) => return Ok(state),
                Err(attempt) => {
                    self.dot(recipient, attempt, Word::Fence).await?;
                    // Whoever wrote it: its content is read now.
                    names.insert(format!("dot-{attempt}"));
                }
            }
        }
    }

    async fn told(&self, folder: &Path, names: &BTreeSet<String>) -> Result<Told, LedgerError> {
        let names = Names(names);
        // What came before a person wanted a new copy does not count.
        let fresh = names.newest("resend").unwrap_or(0);
        let start = names.newest("again").unwrap_or(0).max(fresh);
        let next = names.next();
        // A confirmation settles it, of whichever attempt.
        if names.of("ok").any(|attempt| attempt >= fresh) {
            let resent = !self.doubts(folder, &names, fresh).await?.is_empty();
            return Ok(Ok(State::Accepted { resent, next }));
        }
        let asked = match start {
            0 => None,
            _ if start == fresh => Some(self.record(folder, "resend", start).await?.at),
            _ => Some(self.record(folder, "again", start).await?.at),
        };
        let Some(last) = names.newest("claim").filter(|last| *last >= start) else {
            return Ok(Ok(State::Open(Next { attempt: start.max(1), last: None, asked })));
        };
        if !names.has("fail", last) && !names.has("dot", last) {
            return Ok(Err(last));
        }
        let tries = last.saturating_sub(start.max(1)).saturating_add(1);
        let ended = self.ended(folder, &names, last, Next { attempt: next, last: None, asked }, tries).await?;
        let doubts = self.doubts(folder, &names, start).await?;
        let (Some((attempt, _)), Some((_, since))) = (doubts.first(), doubts.last()) else { return Ok(Ok(ended)) };
        let again = match ended {
            State::Open(again) if doubts.len() == 1 => Some(again),
            _ => None,
        };
        Ok(Ok(State::InDoubt(Doubt { attempt: *attempt, since: *since, next, again })))
    }

    /// How the last attempt ended; one without a result left nothing to wait for.
    async fn ended(
        &self,
        folder: &Path,
        names: &Names<'_>,
        last: u32,
        open: Next,
        tries: u32,
    ) -> Result<State, LedgerError> {
        if !names.has("fail", last) {
            return Ok(State::Open(open));
        }
        let record = self.record(folder, "fail", last).await?;
        let next = open.attempt;
        Ok(match record.word {
            Word::Rejected => State::Rejected { code: record.code.unwrap_or(0), text: record.text, next },
            Word::Expired => State::Expired { text: record.text, next },
            word => {
                let unreached = word == Word::Unreached;
                let refusal = Refusal { at: record.at, code: record.code, text: record.text, tries, unreached };
                State::Open(Next { last: Some(refusal), ..open })
            }
        })
    }

    /// The attempts that announced that they send and have no result, with when they did.
    async fn doubts(&self, folder: &Path, names: &Names<'_>, start: u32) -> Result<Vec<(u32, Timestamp)>, LedgerError> {
        let mut unfinished: Vec<u32> = names
            .of("dot")
            .filter(|attempt| *attempt >= start && !names.has("fail", *attempt) && !names.has("ok", *attempt))
            .collect();
        unfinished.sort_unstable();
        let mut doubts = Vec::new();
        for attempt in unfinished {
            let dot = self.record(folder, "dot", attempt).await?;
            if dot.word == Word::Send {
                doubts.push((attempt, dot.at));
            }
        }
        Ok(doubts)
    }
}
