//! One entry of the log: everything that a publication changes and owes, in one object.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Head, PublicationError};

/// Parts of tables by table and period ([`super::WHOLE`] for a table that is not split).
pub type Tables = BTreeMap<String, BTreeMap<String, Part>>;

/// What stands in the log under one number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// From 1, without gaps.
    pub seq: u64,
    /// Of the bytes of the entry before; none for the first.
    pub prev_sha256: Option<String>,
    #[serde(flatten)]
    pub record: Record,
    /// Every published table, also those that this entry did not touch.
    pub tables: Tables,
    /// Closed periods, carried forward.
    #[serde(default)]
    pub closed: BTreeMap<String, Closing>,
    /// The newest delivery of every report and period, carried forward. None in an entry that was made before this was
    /// kept.
    #[serde(default)]
    pub mailed: Option<Mailed>,
}

/// The newest deliveries by report and period.
pub type Mailed = BTreeMap<String, BTreeMap<String, LastDelivery>>;

/// What was owed last of a report of one period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastDelivery {
    /// The entry that owed it.
    pub publication: u64,
    pub revision: u32,
    pub figures_sha256: String,
}

impl Entry {
    /// Owes these deliveries besides what was owed up to now.
    pub fn owe(&mut self, mailed: Mailed, deliveries: Vec<Delivery>) {
        self.mailed = Some(deliveries.iter().fold(mailed, |mailed, delivery| delivery.recorded(self.seq, mailed)));
        self.record.deliveries = deliveries;
    }
}

/// Who published what from what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub action: Action,
    pub pipeline: String,
    pub run_id: String,
    /// Random: tells this entry from any other writer's.
    pub nonce: String,
    pub fingerprint: String,
    pub binary_version: String,
    /// The reporting period.
    pub period: String,
    pub as_of: Timestamp,
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    pub config_sha256: String,
    #[serde(default)]
    pub sql_sha256: BTreeMap<String, String>,
    #[serde(default)]
    pub template_sha256: BTreeMap<String, String>,
    pub inputs_sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_sha256: Option<String>,
    /// Of what later runs may use again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_sha256: Option<String>,
    #[serde(default)]
    pub deliveries: Vec<Delivery>,
    /// Entries before this one had no mail left open when this entry was made.
    #[serde(default)]
    pub owed_since: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub committed_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Run,
    Close,
    Restate,
    Rollback,
}

/// One period of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// From 1; goes up only when the content changed.
    pub revision: u32,
    pub manifest_sha256: String,
    pub rows: u64,
    pub content_sha256: String,
    /// The run that wrote the files.
    pub run_id: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    pub by: String,
    pub reason: String,
    pub at: Timestamp,
}

/// A report that is owed once this entry stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub delivery_id: String,
    pub report: String,
    pub period: String,
    pub revision: u32,
    pub recipients: Vec<Recipient>,
    /// The date in the messages.
    pub date: Timestamp,
    /// Hash of everything the report prints from tables: a later revision is owed only when it differs.
    #[serde(default)]
    pub figures_sha256: String,
}

impl Delivery {
    /// The newest deliveries, with this one among them.
    #[must_use]
    pub fn recorded(&self, publication: u64, mut mailed: Mailed) -> Mailed {
        let figures_sha256 = self.figures_sha256.clone();
        let last = LastDelivery { publication, revision: self.revision, figures_sha256 };
        mailed.entry(self.report.clone()).or_default().insert(self.period.clone(), last);
        mailed
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    pub rcpt_hash: String,
    /// Below the root of the outputs.
    pub eml_path: String,
    pub eml_sha256: String,
}

/// What of the head stays besides the new parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// Every part that is not written anew.
    All,
    /// Other tables; a table with new parts has no others.
    OtherTables,
    /// Nothing: the new parts are all there is.
    Nothing,
}

/// What a run would like to publish. Revisions of `parts` are ignored: they follow from the head.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub record: Record,
    pub parts: Tables,
    pub carried: Carried,
    /// Periods that this entry closes.
    pub close: BTreeMap<String, Closing>,
}

impl Candidate {
    /// The entry that would follow `head`: numbers, hashes and revisions in place. Pure, so that mails can name their
    /// revision before anything is committed.
    ///
    /// # Errors
    /// [`PublicationError::Closed`] when a part of a closed period would change and this is no restatement of it.
    pub fn after(self, head: Option<&Head>) -> Result<Entry, PublicationError> {
        let nothing = Tables::new();
        let before = head.map_or(&nothing, |head| &head.entry.tables);
        let mut closed = head.map(|head| head.entry.closed.clone()).unwrap_or_default();
        let mut tables = self.carried.from(before, &self.parts);
        for (table, periods) in self.parts {
            for (period, part) in periods {
                let part = part.after(before.get(&table).and_then(|periods| periods.get(&period)));
                tables.entry(table.clone()).or_default().insert(period, part);
            }
        }
        refuse_closed(&self.record, &closed, before, &tables)?;
        closed.extend(self.close);
        Ok(Entry {
            seq: head.map_or(1, |head| head.entry.seq + 1),
            prev_sha256: head.map(|head| head.sha256.clone()),
            record: self.record,
            tables,
            closed,
            mailed: head.map_or_else(|| Some(Mailed::new()), |head| head.entry.mailed.clone()),
        })
    }

    /// A candidate with the tables of an earlier entry and nothing else.
    #[must_use]
    pub fn rollback(record: Record, to: &Entry) -> Self {
        Self { record, parts: to.tables.clone(), carried: Carried::Nothing, close: BTreeMap::new() }
    }
}

impl Carried {
    fn from(self, before: &Tables, new: &Tables) -> Tables {
        match self {
            Self::All => before.clone(),
            Self::OtherTables => before
                .iter()
                .filter(|(table, _)| !new.contains_key(*table))
                .map(|(t, p)| (t.clone(), p.clone()))
                .collect(),
            Self::Nothing => Tables::new(),
        }
    }
}

impl Part {
    /// This part in the place of an earlier one: the earlier one itself when the content is the same.
    fn after(self, before: Option<&Self>) -> Self {
        match before {
            Some(before) if before.content_sha256 == self.content_sha256 => before.clone(),
            Some(before) => Self { revision: before.revision + 1, ..self },
            None => Self { revision: 1, ..self },
        }
    }
}

fn refuse_closed(
    record: &Record,
    closed: &BTreeMap<String, Closing>,
    before: &Tables,
    after: &Tables,
) -> Result<(), PublicationError> {
    let allowed = |period: &str| match record.action {
        Action::Restate => record.period == period,
        Action::Rollback => true,
        Action::Run | Action::Close => false,
    };
    for (table, period) in parts(before).chain(parts(after)).filter(|(_, period)| closed.contains_key(*period)) {
        let part = |tables: &Tables| tables.get(table).and_then(|periods| periods.get(period)).cloned();
        if !allowed(period) && part(before) != part(after) {
            return Err(PublicationError::Closed { period: period.to_owned(), table: table.to_owned() });
        }
    }
    Ok(())
}

fn parts(tables: &Tables) -> impl Iterator<Item = (&str, &str)> {
    tables.iter().flat_map(|(table, periods)| periods.keys().map(move |period| (table.as_str(), period.as_str())))
}
