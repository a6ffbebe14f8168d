//! `deliveries`: what became of every mail, and what a person decides about one.

use std::fmt;

use serde::Serialize;

use crate::cli::{DecisionArgs, DeliveriesArgs, DeliveriesVerb, ListArgs, ResolveArgs};
use crate::commands::deliver::{ledger, message, send};
use crate::commands::invocation::Invocation;
use crate::error::{Exit, Failure};
use crate::mail::{
    self, Account, Decision, Ledger, Listed, LoggedMail, Policy, Recipient, State, Status, Step, Transport,
};
use crate::pipeline::{Mailbox, Pipeline};
use crate::problem::{Problem, Problems};
use crate::publication::{Head, Log};
use crate::store::Stores;

/// Digits of a recipient's hash that name a mail.
const ID: usize = 12;
/// Characters of a name or reason.
const WORDS: usize = 500;

/// The answer of the verb.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    Mails { pipeline: String, mails: Vec<Shown> },
    Decided(Decided),
}

/// One mail.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// Names it for `resolve` and `resend`.
    pub id: String,
    pub publication: u64,
    pub report: String,
    pub period: String,
    pub revision: u32,
    /// Masked.
    pub recipient: String,
    pub state: String,
    pub attempts: u32,
    /// When the newest record of the ledger was written.
    pub at: Option<String>,
    /// The last reply, or a person's reason.
    pub said: String,
    /// The person who decided.
    pub by: Option<String>,
}

/// What was decided about one mail, and what came of it.
#[derive(Debug, Serialize)]
pub struct Decided {
    pub id: String,
    pub delivery_id: String,
    pub recipient: String,
    pub state: String,
    pub detail: Option<String>,
    #[serde(skip)]
    exit: Exit,
}

impl Answer {
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Mails { .. } => Exit::Done,
            Self::Decided(decided) => decided.exit,
        }
    }
}

/// The mails of a pipeline as they are on record.
struct Desk<'a> {
    pipeline: Pipeline,
    log: Log,
    head: Head,
    ledger: Ledger,
    invocation: &'a Invocation,
}

/// Lists, resolves or resends.
///
/// # Errors
/// When the pipeline, the log or the ledger cannot be used, or nothing has this id.
pub async fn deliveries(args: &DeliveriesArgs, invocation: &Invocation) -> Result<Answer, Failure> {
    let pipeline = Pipeline::load(&args.pipeline, &invocation.environment)?;
    let stores = Stores::new(&pipeline.storage.options, &invocation.environment)?;
    let log = Log::open(&stores, &pipeline.storage.outputs).await?;
    let Some(head) = log.head().await? else {
        return Err(Failure::new(Exit::InputMissing, "nothing is published yet\n  help: `tieout run` publishes"));
    };
    let ledger = ledger(&log, invocation)?;
    let desk = Desk { pipeline, log, head, ledger, invocation };
    match &args.verb {
        DeliveriesVerb::List(args) => desk.list(args).await,
        DeliveriesVerb::Resolve(args) => desk.resolve(args).await.map(Answer::Decided),
        DeliveriesVerb::Resend(args) => desk.resend(args).await.map(Answer::Decided),
    }
}

impl Desk<'_> {
    async fn mails(&self) -> Result<(Vec<LoggedMail>, Listed), Failure> {
        mail::recorded(&self.pipeline, &self.log, &self.head, &self.ledger, 1).await
    }

    async fn list(&self, args: &ListArgs) -> Result<Answer, Failure> {
        let period = match &args.period {
            Some(text) => Some(self.period(text)?),
            None => None,
        };
        let (mails, listed) = self.mails().await?;
        let newest = &self.head.entry.record.period;
        let wanted = mails.iter().filter(|mail| match &period {
            Some(period) => mail.period == *period,
            None => args.all || mail.period == *newest || (mail.open() && mail.to.is_some()),
        });
        let mut shown = Vec::new();
        for mail in wanted {
            let account = self.ledger.account(&mail.delivery_id, &mail.stored.rcpt_hash, &listed).await?;
            shown.push(self.shown(mail, account));
        }
        Ok(Answer::Mails { pipeline: self.pipeline.name.clone(), mails: shown })
    }

    fn period(&self, text: &str) -> Result<String, Failure> {
        let period = self.pipeline.calendar.period(text);
        let period = period.map_err(|error| Problems::from(Problem::new("E125", error.to_string())))?;
        Ok(period.to_string())
    }

    fn shown(&self, mail: &LoggedMail, account: Account) -> Shown {
        Shown {
            id: id(mail),
            publication: mail.publication,
            report: mail.report.clone(),
            period: mail.period.clone(),
            revision: mail.revision,
            recipient: mail.masked(),
            state: self.state(mail, account.state.as_ref()),
            attempts: account.attempts,
            at: account.at.map(|at| at.to_string()),
            said: account.said,
            by: account.by,
        }
    }

    /// The state in words.
    fn state(&self, mail: &LoggedMail, state: Option<&State>) -> String {
        let Some(state) = state else { return "being sent".to_owned() };
        let policy = Policy::new(&self.pipeline.delivery);
        match (state, policy.step(state, mail.committed_at, self.invocation.now)) {
            (State::Accepted { resent: false, .. }, _) => "accepted".to_owned(),
            (State::Accepted { resent: true, .. }, _) => "accepted (resent after a doubt)".to_owned(),
            (State::Rejected { .. }, _) => "rejected".to_owned(),
            (State::Expired { .. }, _) => "expired".to_owned(),
            (State::InDoubt(_), Step::Wait(until, _)) => format!("in doubt, sent again from {until}"),
            (State::InDoubt(_), _) => "in doubt".to_owned(),
            (State::Open(_), Step::Wait(until, _)) => format!("deferred until {until}"),
            (State::Open(_), Step::Expire { .. }) => "to be given up".to_owned(),
            (State::Open(_), _) => "to be sent".to_owned(),
        }
    }

    async fn resolve(&self, args: &ResolveArgs) -> Result<Decided, Failure> {
        let decision = decision(&args.decision)?;
        let (mail, to) = self.find(&args.decision.id).await?;
        self.ledger.resolve(recipient(&mail, &to), args.has_it, decision).await?;
        let (state, detail) = if args.has_it {
            ("accepted", "the recipient has it")
        } else {
            ("to be sent", "the next `run` sends it again")
        };
        Ok(decided(&mail, state.to_owned(), Some(detail.to_owned()), Exit::Done))
    }

    async fn resend(&self, args: &DecisionArgs) -> Result<Decided, Failure> {
        let decision = decision(args)?;
        let (mail, to) = self.find(&args.id).await?;
        // Whether there is anything to send is known before it is on record that somebody wanted it.
        let outbox: Vec<_> = message(&self.pipeline, &self.log, &mail).await?.into_iter().collect();
        self.ledger.resend(recipient(&mail, &to), decision).await?;
        let transport = Transport::new(&self.pipeline.delivery.transport);
        let report = send(&outbox, &self.pipeline, &self.ledger, self.invocation, &transport).await?;
        let exit = report.exit();
        let status = report.delivered.into_iter().next().map_or(Status::Untried, |delivered| delivered.status);
        let (state, said, _) = status.said();
        let detail = report.failure.as_ref().map(|failure| crate::error::chain(failure)).or(said);
        Ok(decided(&mail, state, detail, exit))
    }

    /// The one mail that an id names.
    async fn find(&self, written: &str) -> Result<(LoggedMail, Mailbox), Failure> {
        let hex = written.len() >= ID && written.bytes().all(|byte| byte.is_ascii_hexdigit());
        let written = written.to_ascii_lowercase();
        let wrong = |message: String, help: &str| {
            Err(Failure::new(Exit::Usage, format!("error[E630]: {message}\n  help: {help}")))
        };
        let (mails, _) = self.mails().await?;
        let mut found = mails.into_iter().filter(|mail| hex && mail.stored.rcpt_hash.starts_with(&written));
        match (found.next(), found.next()) {
            (Some(mail), None) => match mail.to.clone() {
                Some(to) => Ok((mail, to)),
                None => wrong(
                    format!("the recipient of `{written}` is no longer in the audience"),
                    "put them back into `audiences`",
                ),
            },
            (Some(_), Some(_)) => wrong(format!("`{written}` names more than one mail"), "write more of its digits"),
            (None, _) => {
                let written: String = written.escape_default().take(40).collect();
                wrong(format!("no mail has the id `{written}`"), "`deliveries list --all` shows every mail with its id")
            }
        }
    }
}

/// Who decided, and why: both are kept, so both have to be there.
fn decision(args: &DecisionArgs) -> Result<Decision<'_>, Failure> {
    for (flag, text) in [("--by", &args.by), ("--reason", &args.reason)] {
        let fits = !text.trim().is_empty() && text.chars().count() <= WORDS && !text.chars().any(char::is_control);
        if !fits {
            let message = format!(
                "error[E633]: {flag} is empty, longer than {WORDS} characters or not one line\n  help: say who decides and why"
            );
            return Err(Failure::new(Exit::Usage, message));
        }
    }
    Ok(Decision { by: args.by.trim(), reason: args.reason.trim() })
}

fn recipient<'a>(mail: &'a LoggedMail, to: &'a Mailbox) -> Recipient<'a> {
    Recipient { delivery_id: &mail.delivery_id, address: &to.address }
}

fn decided(mail: &LoggedMail, state: String, detail: Option<String>, exit: Exit) -> Decided {
    Decided { id: id(mail), delivery_id: mail.delivery_id.clone(), recipient: mail.masked(), state, detail, exit }
}

fn id(mail: &LoggedMail) -> String {
    mail.stored.rcpt_hash.chars().take(ID).collect()
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mails { pipeline, mails } => {
                writeln!(f, "{pipeline}: {} mails", mails.len())?;
                mails.iter().try_for_each(|mail| writeln!(f, "  {mail}"))
            }
            Self::Decided(Decided { id, delivery_id, recipient, state, detail, .. }) => {
                write!(f, "{id} {delivery_id} to {recipient}: {state}")?;
                detail.as_ref().map_or(Ok(()), |detail| write!(f, " ({detail})"))
            }
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, publication, report, period, revision, recipient, state, attempts, at, said, by } = self;
        write!(f, "{id}  {period} {report} r{revision} (publication {publication}) to {recipient}: {state}")?;
        if let Some(at) = at {
            write!(f, ", attempts {attempts}, {at}")?;
        }
        match by {
            Some(by) => write!(f, ", by {by}: {said}"),
            None if said.is_empty() => Ok(()),
            None => write!(f, ": {said}"),
        }
    }
}
