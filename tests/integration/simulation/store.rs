//! A store that is slow, fails before and after it has done what was asked, and gives false reasons; and the fate of the
//! process that uses it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::invariants::everything_is_there;
use super::world::World;

/// What becomes of one process.
#[derive(Debug)]
pub struct Fate {
    world: Arc<World>,
    taken: AtomicU32,
    /// The step at which it crashes.
    crash_at: Option<u32>,
    /// The step at which it is paused for long.
    pause_at: Option<u32>,
    crashed: AtomicBool,
    pub crash: Notify,
}

impl Fate {
    pub fn of(world: &Arc<World>) -> Arc<Self> {
        let crash_at = world.strikes(2).then(|| world.below(130));
        let pause_at = world.strikes(3).then(|| world.below(130));
        Arc::new(Self {
            world: Arc::clone(world),
            taken: AtomicU32::new(0),
            crash_at,
            pause_at,
            crashed: AtomicBool::new(false),
            crash: Notify::new(),
        })
    }

    /// Time passes. A process that has crashed goes no further.
    pub async fn step(&self) {
        let step = self.taken.fetch_add(1, Ordering::Relaxed);
        if self.crash_at == Some(step) && self.world.is_troubled() {
            self.crashed.store(true, Ordering::Relaxed);
            self.world.count(|tally| tally.crashes += 1);
            self.crash.notify_one();
        }
        if self.crashed.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if self.pause_at == Some(step) && self.world.is_troubled() {
            self.world.count(|tally| tally.pauses += 1);
            sleep(Duration::from_secs(u64::from(30 + self.world.below(600)))).await;
        }
        sleep(Duration::from_millis(u64::from(self.world.below(40)))).await;
    }
}

/// The store as one process sees it.
#[derive(Debug)]
pub struct Store {
    pub world: Arc<World>,
    pub fate: Arc<Fate>,
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("simulated")
    }
}

impl Store {
    async fn begin(&self) -> Result<(), Error> {
        self.fate.step().await;
        if self.world.strikes(60) { Err(self.failed()) } else { Ok(()) }
    }

    async fn end(&self) -> Result<(), Error> {
        self.fate.step().await;
        if self.world.strikes(60) { Err(self.failed()) } else { Ok(()) }
    }

    fn failed(&self) -> Error {
        self.world.count(|tally| tally.failed_requests += 1);
        Error::Generic { store: "simulated", source: "500 Internal Server Error".into() }
    }

    /// An answer that has nothing to do with what was done.
    fn lie(&self, path: &Path) -> Error {
        self.world.count(|tally| tally.false_answers += 1);
        let (path, source) = (path.to_string(), "409 Conflict".into());
        if self.world.below(2) == 0 {
            Error::AlreadyExists { path, source }
        } else {
            Error::Precondition { path, source }
        }
    }
}

#[async_trait]
impl ObjectStore for Store {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult, Error> {
        self.begin().await?;
        let creates = options.mode == PutMode::Create;
        if creates && self.world.strikes(30) {
            return Err(self.lie(path));
        }
        let put = self.world.objects.put_opts(path, payload.clone(), options).await?;
        *self.world.writes.lock().expect("a lock").entry(path.to_string()).or_default() += 1;
        if path.as_ref().contains("_tieout/log/") {
            everything_is_there(&self.world, &payload).await;
        }
        if creates && self.world.strikes(30) {
            return Err(self.lie(path));
        }
        self.end().await.map(|()| put)
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>, Error> {
        self.begin().await?;
        self.world.objects.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult, Error> {
        self.begin().await?;
        self.world.objects.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path, Error>>) -> BoxStream<'static, Result<Path, Error>> {
        self.world.objects.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta, Error>> {
        let (world, fate, prefix) = (Arc::clone(&self.world), Arc::clone(&self.fate), prefix.cloned());
        let listed = async move {
            let store = Self { world, fate };
            match store.begin().await {
                Ok(()) => store.world.objects.list(prefix.as_ref()).collect::<Vec<_>>().await,
                Err(error) => vec![Err(error)],
            }
        };
        futures::stream::once(listed).flat_map(futures::stream::iter).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult, Error> {
        self.begin().await?;
        self.world.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<(), Error> {
        self.begin().await?;
        self.world.objects.copy_opts(from, to, options).await
    }
}
