//! Leases: while one run works on a pipeline, others do not begin the same work.
//!
//! A lease is a courtesy that saves work. What keeps a publication right is the log, in which a number is given once: a
//! run that was paused, lost its lease and goes on finds the number taken, or takes it with what its inputs say.
//!
//! Epochs are keys that are created once, `lease/<pipeline>/<epoch>.json`. Its holder shows that it lives by new keys
//! below it, and that it is done by `released`. Nobody compares clocks of machines: a lease is over when a run has itself
//! watched it for as long as the lease lasts, and has seen no new sign of life.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, sleep};

use super::PublicationError;
use crate::store::create::{create, put_unique};
use crate::store::{Created, Location};

/// Signs of life per duration of a lease.
const BEATS: u32 = 3;
/// How often somebody else's lease is looked at, at the least.
const LOOK: Duration = Duration::from_secs(1);

/// Who holds a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub run_id: String,
    /// Random: tells this holder from any other.
    pub nonce: String,
    pub since: Timestamp,
}

/// A lease that is held. Its signs of life end when it is dropped.
#[derive(Debug)]
pub struct Lease {
    leases: Leases,
    epoch: u64,
    heart: JoinHandle<()>,
}

/// The leases of one pipeline.
#[derive(Clone, Debug)]
pub struct Leases {
    location: Location,
    folder: Path,
    /// How long a holder may show no sign of life.
    lasts: Duration,
}

/// The newest epoch, as it was listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Newest {
    /// 0: none was ever taken.
    epoch: u64,
    beats: u64,
    released: bool,
}

impl Leases {
    /// `location` is that of the outputs, for keys that are created once.
    ///
    /// # Errors
    /// When the pipeline's name can be no key, which validated names can.
    pub fn new(location: &Location, pipeline: &str, lasts: Duration) -> Result<Self, PublicationError> {
        let folder = location.path("_tieout/lease")?.join(pipeline);
        Ok(Self { location: location.clone(), folder, lasts })
    }

    /// Takes the lease. When somebody holds it who may be dead, this watches for as long as the lease lasts.
    ///
    /// # Errors
    /// [`PublicationError::Leased`] when somebody else holds it and lives; or when the store fails.
    pub async fn take(&self, holder: &Holder) -> Result<Lease, PublicationError> {
        let mut newest = self.newest().await?;
        while newest.epoch > 0 && !newest.released {
            let later = self.watch(newest).await?;
            if later == newest {
                break;
            }
            newest = later;
        }
        let epoch = newest.epoch + 1;
        let bytes = Bytes::from(serde_json::to_vec(holder).unwrap_or_default());
        match create(&self.location, &self.key(epoch), &bytes).await? {
            Created::Mine => Ok(Lease { leases: self.clone(), epoch, heart: tokio::spawn(self.clone().beat(epoch)) }),
            Created::Theirs(_) => Err(self.leased(epoch).await),
        }
    }

    /// Watches an epoch. Gives it back as it was when no sign of life came, or the newest one when that is another.
    async fn watch(&self, held: Newest) -> Result<Newest, PublicationError> {
        self.say_who(held.epoch).await;
        let end = Instant::now() + self.lasts;
        while Instant::now() < end {
            sleep((self.lasts / (2 * BEATS)).min(LOOK)).await;
            let newest = self.newest().await?;
            if newest.epoch != held.epoch || newest.released {
                return Ok(newest);
            }
            if newest.beats != held.beats {
                return Err(self.leased(held.epoch).await);
            }
        }
        Ok(held)
    }

    /// Whoever looks at a run that does nothing should see what it waits for.
    async fn say_who(&self, epoch: u64) {
        let holder = self.location.read(&self.key(epoch)).await.ok();
        let holder = holder.and_then(|bytes| serde_json::from_slice::<Holder>(&bytes).ok());
        let run_id = holder.as_ref().map_or("unknown", |holder| holder.run_id.as_str());
        let since = holder.as_ref().map(|holder| holder.since.to_string()).unwrap_or_default();
        let seconds = self.lasts.as_secs();
        tracing::info!(
            epoch,
            run_id,
            since,
            at_most_seconds = seconds,
            "waiting: another run holds the lease, or died with it"
        );
    }

    async fn beat(self, epoch: u64) {
        for count in 1_u64.. {
            sleep(self.lasts / BEATS).await;
            let key = self.below(epoch).join(format!("beat-{count:06}"));
            if let Err(error) = put_unique(&self.location, &key, Bytes::new()).await {
                tracing::warn!(%error, "a sign of life could not be written");
            }
        }
    }

    async fn newest(&self) -> Result<Newest, PublicationError> {
        let mut newest = Newest::default();
        for meta in self.location.list(&self.folder).await? {
            let Some(mut parts) = meta.location.prefix_match(&self.folder) else { continue };
            let Some(first) = parts.next() else { continue };
            let Ok(epoch) = first.as_ref().trim_end_matches(".json").parse::<u64>() else { continue };
            if epoch > newest.epoch {
                newest = Newest { epoch, ..Newest::default() };
            }
            if epoch == newest.epoch {
                match parts.next().as_ref().map(AsRef::as_ref) {
                    Some("released") => newest.released = true,
                    Some(_) => newest.beats += 1,
                    None => {}
                }
            }
        }
        Ok(newest)
    }

    async fn leased(&self, epoch: u64) -> PublicationError {
        let holder = self.location.read(&self.key(epoch)).await.ok();
        let holder = holder.and_then(|bytes| serde_json::from_slice::<Holder>(&bytes).ok());
        PublicationError::Leased { epoch, holder }
    }

    fn key(&self, epoch: u64) -> Path {
        self.folder.clone().join(format!("{epoch:020}.json"))
    }

    fn below(&self, epoch: u64) -> Path {
        self.folder.clone().join(format!("{epoch:020}"))
    }
}

impl Lease {
    /// Refuses when somebody has taken a later epoch: this run was taken for dead, and another one is at the work.
    ///
    /// # Errors
    /// [`PublicationError::Leased`]; or when the store cannot say.
    pub async fn check(&self) -> Result<(), PublicationError> {
        let newest = self.leases.newest().await?;
        if newest.epoch > self.epoch { Err(self.leases.leased(newest.epoch).await) } else { Ok(()) }
    }

    /// What gives the lease back.
    #[must_use]
    pub fn release(&self) -> Release {
        Release { leases: self.leases.clone(), epoch: self.epoch, heart: self.heart.abort_handle() }
    }
}

/// Gives a lease back, also from outside of the run that holds it.
#[derive(Clone, Debug)]
pub struct Release {
    leases: Leases,
    epoch: u64,
    heart: AbortHandle,
}

impl Release {
    /// The lease is over. Where that cannot be said, others wait until it is.
    pub async fn now(self) {
        self.heart.abort();
        let key = self.leases.below(self.epoch).join("released");
        if let Err(error) = put_unique(&self.leases.location, &key, Bytes::new()).await {
            tracing::warn!(%error, "the lease could not be given back");
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.heart.abort();
    }
}
