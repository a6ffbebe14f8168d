//! The log: append-only, contiguous, each entry naming the hash of the one before.

use std::collections::BTreeMap;

use bytes::Bytes;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Entry, Mailed, Manifest, Part, Publication, PublicationError};
use crate::store::create::{create, put_unique};
use crate::store::{Created, Kind, Location, StoreError, Stores};
use crate::warehouse::output::sha256_hex;

/// The layout that this program writes.
const LAYOUT: u32 = 1;
/// Entries whose chain is verified whenever the head is read.
const VERIFIED: usize = 8;

/// The publication log of one output URL.
#[derive(Clone, Debug)]
pub struct Log {
    /// For files, manifests and everything derived.
    outputs: Location,
    /// For the log itself: requests are not repeated by the client.
    single: Location,
}

/// An entry with the hash of its bytes, which its successor will name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub entry: Entry,
    pub sha256: String,
}

/// How a commit went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commit {
    /// The entry stands.
    Committed(Box<Head>),
    /// Somebody else's entry has that number. Begin again from this head.
    Lost(Box<Head>),
}

#[derive(Serialize, Deserialize)]
struct Format {
    layout: u32,
}

impl Log {
    /// Opens the log below an output URL, which may have none yet. Writes nothing.
    ///
    /// # Errors
    /// When the store cannot be used or read; [`PublicationError::Broken`] when the layout is a newer one.
    pub async fn open(stores: &Stores, outputs: &Url) -> Result<Self, PublicationError> {
        let log = Self { outputs: stores.open(outputs)?, single: stores.open_for_log(outputs)? };
        if let Some(bytes) = log.outputs.read_if_exists(&log.format_path()?).await? {
            log.check_format(&bytes)?;
        }
        Ok(log)
    }

    /// Where files, manifests and everything derived is.
    #[must_use]
    pub fn outputs(&self) -> &Location {
        &self.outputs
    }

    /// Where keys that are created once are written: requests are not repeated by the client.
    #[must_use]
    pub fn single(&self) -> &Location {
        &self.single
    }

    /// The newest entry, after verifying that the log has no gaps and the last entries name each other.
    ///
    /// # Errors
    /// [`PublicationError::Broken`], or when the store fails.
    pub async fn head(&self) -> Result<Option<Head>, PublicationError> {
        self.verified(VERIFIED).await
    }

    /// Like [`Log::head`], with the chain verified from the first entry.
    ///
    /// # Errors
    /// As for [`Log::head`].
    pub async fn verify(&self) -> Result<Option<Head>, PublicationError> {
        self.verified(usize::MAX).await
    }

    async fn verified(&self, depth: usize) -> Result<Option<Head>, PublicationError> {
        let last = self.last_seq().await?;
        let first = last.saturating_sub(u64::try_from(depth).unwrap_or(u64::MAX)).max(1);
        let mut head: Option<Head> = None;
        for seq in first..=last {
            let next = self.read(seq).await?;
            let before = head.as_ref().map(|head| &head.sha256);
            let linked = if seq == 1 { next.entry.prev_sha256.is_none() } else { next.entry.prev_sha256.is_some() };
            if !linked || (before.is_some() && next.entry.prev_sha256.as_ref() != before) {
                return Err(self.broken(format!("entry {seq} does not name the hash of the entry before it")));
            }
            head = Some(next);
        }
        Ok(head)
    }

    /// The highest number in the log, 0 for none. Anything else in there than entries from 1 without gaps is refused.
    pub(super) async fn last_seq(&self) -> Result<u64, PublicationError> {
        let folder = self.outputs.path("_tieout/log")?;
        let mut last = 0;
        for meta in self.outputs.list(&folder).await? {
            let name = meta.location.filename().unwrap_or_default();
            if name != file_name(last + 1) || meta.location.parent().as_ref() != Some(&folder) {
                return Err(self.broken(format!("`{name}` stands where entry {} belongs", last + 1)));
            }
            last += 1;
        }
        Ok(last)
    }

    /// One entry.
    ///
    /// # Errors
    /// [`PublicationError::NoSuch`]; [`PublicationError::Broken`] when it cannot be understood.
    pub async fn read(&self, seq: u64) -> Result<Head, PublicationError> {
        let bytes = self.outputs.read_if_exists(&self.entry_path(seq)?).await?;
        let bytes = bytes.ok_or_else(|| PublicationError::NoSuch { seq, url: self.shown() })?;
        let entry: Entry = serde_json::from_slice(&bytes)
            .map_err(|error| self.broken(format!("entry {seq} cannot be understood: {error}")))?;
        if entry.seq != seq {
            return Err(self.broken(format!("entry {seq} calls itself {}", entry.seq)));
        }
        Ok(Head { entry, sha256: sha256_hex(&bytes) })
    }

    /// Whether there is an entry of this number.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn has(&self, seq: u64) -> Result<bool, PublicationError> {
        Ok(self.outputs.read_if_exists(&self.entry_path(seq)?).await?.is_some())
    }

    /// The newest delivery of every report and period up to this head.
    ///
    /// # Errors
    /// As for [`Log::read`]: the log has to be read when its newest entry does not say.
    pub async fn mailed(&self, head: Option<&Head>) -> Result<Mailed, PublicationError> {
        let Some(head) = head else { return Ok(Mailed::new()) };
        if let Some(mailed) = &head.entry.mailed {
            return Ok(mailed.clone());
        }
        let mut mailed = Mailed::new();
        for seq in 1..=head.entry.seq {
            let deliveries = self.read(seq).await?.entry.record.deliveries;
            mailed = deliveries.iter().fold(mailed, |mailed, delivery| delivery.recorded(seq, mailed));
        }
        Ok(mailed)
    }

    /// Puts an entry into the log, made by [`super::Candidate::after`]. This is the moment of publication.
    ///
    /// # Errors
    /// [`StoreError::OutcomeUnknown`] when nobody can say whether it stands; nothing is deleted then.
    pub async fn commit(&self, entry: Entry) -> Result<Commit, PublicationError> {
        self.ensure_format().await?;
        let bytes = Bytes::from(self.text(&entry)?);
        match create(&self.single, &self.entry_path(entry.seq)?, &bytes).await? {
            Created::Mine => Ok(Commit::Committed(Box::new(Head { entry, sha256: sha256_hex(&bytes) }))),
            Created::Theirs(_) => {
                let head = self.head().await?;
                let head = head.ok_or_else(|| self.broken(format!("entry {} came and went", entry.seq)))?;
                Ok(Commit::Lost(Box::new(head)))
            }
        }
    }

    /// Stores a manifest and gives the part that names it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn put_manifest(&self, manifest: &Manifest, run_id: &str) -> Result<Part, PublicationError> {
        let (text, name) = manifest.text().map_err(|error| self.broken(error.to_string()))?;
        put_unique(&self.outputs, &self.manifest_path(&name)?, text.into()).await?;
        Ok(Part {
            revision: 0,
            manifest_sha256: name,
            rows: manifest.rows(),
            content_sha256: manifest.content_sha256(),
            run_id: run_id.to_owned(),
        })
    }

    /// Stores manifests and gives the parts of a candidate.
    ///
    /// # Errors
    /// When one cannot be written.
    pub async fn put_manifests(&self, manifests: &[Manifest], run_id: &str) -> Result<super::Tables, PublicationError> {
        let mut tables = BTreeMap::<String, BTreeMap<String, Part>>::new();
        for manifest in manifests {
            let part = self.put_manifest(manifest, run_id).await?;
            tables.entry(manifest.table.clone()).or_default().insert(manifest.period.clone(), part);
        }
        Ok(tables)
    }

    /// A manifest that an entry names, compared with that name.
    ///
    /// # Errors
    /// [`PublicationError::Content`] when it is missing or another one.
    pub async fn manifest(&self, seq: u64, part: &Part) -> Result<Manifest, PublicationError> {
        let path = self.manifest_path(&part.manifest_sha256)?;
        let url = self.outputs.address(&path);
        let wrong = |why: String| PublicationError::Content { seq, url, why };
        let bytes = match self.outputs.read(&path).await {
            Err(StoreError::Failed { kind: Kind::Missing, .. }) => return Err(wrong("is missing".to_owned())),
            other => other?,
        };
        if sha256_hex(&bytes) != part.manifest_sha256 {
            return Err(wrong("has been changed".to_owned()));
        }
        serde_json::from_slice(&bytes).map_err(|error| wrong(format!("cannot be understood: {error}")))
    }

    /// What stands now.
    ///
    /// # Errors
    /// As for [`Log::head`].
    pub async fn current(&self) -> Result<Option<Publication>, PublicationError> {
        Ok(self.head().await?.map(|head| Publication::new(self.clone(), head)))
    }

    /// What stood when `seq` was published.
    ///
    /// # Errors
    /// As for [`Log::read`].
    pub async fn at(&self, seq: u64) -> Result<Publication, PublicationError> {
        Ok(Publication::new(self.clone(), self.read(seq).await?))
    }

    async fn ensure_format(&self) -> Result<(), PublicationError> {
        let bytes = Bytes::from(self.text(&Format { layout: LAYOUT })?);
        match create(&self.single, &self.format_path()?, &bytes).await? {
            Created::Mine => Ok(()),
            Created::Theirs(bytes) => self.check_format(&bytes),
        }
    }

    fn check_format(&self, bytes: &[u8]) -> Result<(), PublicationError> {
        let format: Format = serde_json::from_slice(bytes)
            .map_err(|error| self.broken(format!("format.json cannot be understood: {error}")))?;
        if format.layout == LAYOUT {
            return Ok(());
        }
        Err(self.broken(format!("its layout is {}, this program knows {LAYOUT}", format.layout)))
    }

    fn text(&self, value: &impl Serialize) -> Result<Vec<u8>, PublicationError> {
        serde_json::to_vec_pretty(value).map_err(|error| self.broken(error.to_string()))
    }

    fn format_path(&self) -> Result<Path, StoreError> {
        self.outputs.path("_tieout/format.json")
    }

    fn entry_path(&self, seq: u64) -> Result<Path, StoreError> {
        self.outputs.path(&format!("_tieout/log/{}", file_name(seq)))
    }

    fn manifest_path(&self, sha256: &str) -> Result<Path, StoreError> {
        self.outputs.path(&format!("_tieout/manifest/{sha256}.json"))
    }

    /// For what makes no sense before the first publication.
    pub(super) fn nothing(&self) -> PublicationError {
        PublicationError::Nothing { url: self.shown() }
    }

    fn shown(&self) -> String {
        self.outputs.address(&self.outputs.root)
    }

    pub(super) fn broken(&self, why: String) -> PublicationError {
        PublicationError::Broken { url: self.shown(), why }
    }
}

/// The name of an entry's object.
pub(super) fn file_name(seq: u64) -> String {
    format!("{seq:020}.json")
}
