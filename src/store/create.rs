//! Writing a key once, and knowing whether it was us.
//!
//! The error of a conditional write does not tell whether it landed: a write that committed before its answer was lost
//! comes back as "already exists", and so does a conflict in which nothing was stored. So the error's kind is never
//! trusted. Whatever the store says but `Ok`, the key is read back and its bytes decide; callers put a nonce into them.

use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::time::{Instant, sleep, timeout};

use super::error::{Call, Kind, StoreError, shown};
use super::{Location, durable};

/// Who wrote the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// The key holds our bytes.
    Mine,
    /// The key holds these bytes of somebody else.
    Theirs(Bytes),
}

/// How long a write in doubt is pursued.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From the first attempt to giving up with an unknown outcome.
    pub deadline: Duration,
    /// Between the first two attempts; doubles up to `longest_pause`.
    pub first_pause: Duration,
    pub longest_pause: Duration,
    /// For one request.
    pub request: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            deadline: Duration::from_mins(5),
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(10),
            request: Duration::from_mins(1),
        }
    }
}

/// A clear refusal that left nothing behind is believed after this many times.
const REFUSALS: u32 = 3;

/// Creates a key with these bytes. `location` should come from `open_for_log`, and the bytes hold something random.
///
/// # Errors
/// [`StoreError::OutcomeUnknown`] when it stayed in doubt until the deadline: nothing is deleted then. Another error
/// when the store refused several times and the key is not there.
pub async fn create(location: &Location, path: &Path, bytes: &Bytes) -> Result<Created, StoreError> {
    let mut attempts = Attempts::new(location, path);
    loop {
        let failure = match attempts.put(bytes).await {
            Ok(()) => return Ok(Created::Mine),
            Err(failure) => failure,
        };
        match attempts.read_back(&failure).await? {
            Some(stored) if stored == *bytes => {
                sync(location, path).await?;
                return Ok(Created::Mine);
            }
            Some(stored) => return Ok(Created::Theirs(stored)),
            None => attempts.again(failure).await?,
        }
    }
}

/// Writes bytes under a key that nobody else writes: content-addressed, or unique to the run.
///
/// # Errors
/// When it cannot be written.
pub async fn put_unique(location: &Location, path: &Path, bytes: Bytes) -> Result<(), StoreError> {
    let put = location.store.put(path, PutPayload::from_bytes(bytes)).await;
    put.map(drop).map_err(|error| location.failed(Call::Put, path, &error))
}

/// The attempts to create one key.
struct Attempts<'a> {
    location: &'a Location,
    path: &'a Path,
    end: Instant,
    pause: Duration,
    refusals: u32,
}

/// A failed put: what to say about it, and whether the store clearly refused.
struct Failure {
    error: StoreError,
    refused: bool,
}

impl<'a> Attempts<'a> {
    fn new(location: &'a Location, path: &'a Path) -> Self {
        let patience = &location.patience;
        Self { location, path, end: Instant::now() + patience.deadline, pause: patience.first_pause, refusals: 0 }
    }

    async fn put(&self, bytes: &Bytes) -> Result<(), Failure> {
        let payload = PutPayload::from_bytes(bytes.clone());
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let put = self.location.store.put_opts(self.path, payload, options);
        match timeout(self.location.patience.request, put).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                let no_bucket = matches!(error, object_store::Error::NotFound { .. });
                let refused = no_bucket || Kind::of(Call::Create, &error) != Kind::Unreachable;
                Err(Failure { error: self.location.failed(Call::Create, self.path, &error), refused })
            }
            Err(_) => Err(Failure { error: self.unknown("no answer in time"), refused: false }),
        }
    }

    /// What the key holds; nothing when it is not there. Asks until the store answers.
    async fn read_back(&mut self, failure: &Failure) -> Result<Option<Bytes>, StoreError> {
        loop {
            let read = timeout(self.location.patience.request, self.location.read_if_exists(self.path));
            match read.await {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(error)) => self.wait(&format!("{}; then {error}", failure.error)).await?,
                Err(_) => self.wait(&format!("{}; then no answer in time", failure.error)).await?,
            }
        }
    }

    /// The key is not there after a failure: waits before the next attempt, unless the store clearly does not want it.
    async fn again(&mut self, failure: Failure) -> Result<(), StoreError> {
        self.refusals = if failure.refused { self.refusals + 1 } else { 0 };
        if self.refusals >= REFUSALS {
            return Err(failure.error);
        }
        self.wait(&failure.error.to_string()).await
    }

    async fn wait(&mut self, why: &str) -> Result<(), StoreError> {
        if Instant::now() + self.pause > self.end {
            return Err(self.unknown(why));
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(self.location.patience.longest_pause);
        Ok(())
    }

    fn unknown(&self, why: &str) -> StoreError {
        StoreError::OutcomeUnknown { url: shown(&self.location.url_of(self.path)), said: why.to_owned() }
    }
}

/// What was read back may not have reached the disk yet when its own put ended in an error.
async fn sync(location: &Location, path: &Path) -> Result<(), StoreError> {
    let Some(file) = location.local(path) else { return Ok(()) };
    durable::sync(file).await.map_err(|error| location.failed(Call::Sync, path, &error))
}
