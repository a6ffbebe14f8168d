//! Stores: a URL becomes an object store, lazily, with every option and URL that cannot be used refused.
//!
//! | module | what it promises |
//! |---|---|
//! | [`listing`] | a URL pattern becomes the same files in the same order, or an error |
//! | [`pinned`] | what was looked at is what is read, or an error that says which input changed |
//! | [`create`] | a key is written once, and the writer knows whether it was the one |
//! | [`probe`] | a store that does not keep what the others rely on is found out |
//!
//! Messages name the call and the URL; URLs are shown without user info, query or fragment, because that is where
//! credentials hide.

mod clients;
pub mod create;
mod durable;
mod error;
mod faulty;
pub mod listing;
pub mod pinned;
pub mod probe;
mod promise;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use url::Url;

use crate::pipeline::Text;

pub(crate) use clients::check_option;
pub use create::{Created, Patience};
pub(crate) use error::store_cause;
pub use error::{Call, Kind, StoreError};
pub use listing::Listed;
pub use pinned::{ChangedInputs, PinnedFile, PinnedStore};
pub use promise::Promise;

use clients::{Client, Settings};

/// Every store of a run, opened on first use and then kept by scheme and authority. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stores {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    patience: Patience,
    open: Mutex<HashMap<(String, Client), Arc<dyn ObjectStore>>>,
}

/// A place in a store: the client, and the path that the URL names in it.
#[derive(Clone, Debug)]
pub struct Location {
    pub store: Arc<dyn ObjectStore>,
    /// The path of the URL within the store.
    pub root: Path,
    /// The URL this was opened from.
    pub url: Url,
    /// The URL of the store's own root: paths of the store are relative to it.
    pub base: Url,
    /// How long writes whose outcome is in doubt are pursued.
    pub patience: Patience,
}

impl Stores {
    /// Stores with these options. `options` are by the object store's own key names and win over `environment`, where
    /// the usual variables of each cloud are looked up (`AWS_…`, `AZURE_…`, `GOOGLE_…`).
    ///
    /// # Errors
    /// When an option is known to no store.
    pub fn new(options: &BTreeMap<String, Text>, environment: &BTreeMap<String, String>) -> Result<Self, StoreError> {
        let settings = Settings::new(options, environment)?;
        Ok(Self { inner: Arc::new(Inner { settings, patience: Patience::default(), open: Mutex::default() }) })
    }

    /// The same options with another patience, and nothing opened yet.
    #[must_use]
    pub fn with_patience(&self, patience: Patience) -> Self {
        let settings = self.inner.settings.clone();
        Self { inner: Arc::new(Inner { settings, patience, open: Mutex::default() }) }
    }

    /// Answers every URL of this scheme and authority with `store`, for both kinds of client: how a store that fails
    /// on purpose gets under a whole run.
    ///
    /// # Errors
    /// When the URL cannot be used.
    pub fn register(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Result<(), StoreError> {
        let key = clients::place(url)?.base.to_string();
        let mut open = self.inner.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.insert((key.clone(), Client::Patient), store.clone());
        open.insert((key, Client::Single), store);
        Ok(())
    }

    /// Opens the store of a URL for reading and for data: its requests are repeated by the client.
    ///
    /// # Errors
    /// When the URL or an option cannot be used. Nothing is sent.
    pub fn open(&self, url: &Url) -> Result<Location, StoreError> {
        self.open_client(url, Client::Patient)
    }

    /// Opens the store of a URL for the log: each request is sent once, so that repeating a commit is our decision.
    ///
    /// # Errors
    /// When the URL or an option cannot be used. Nothing is sent.
    pub fn open_for_log(&self, url: &Url) -> Result<Location, StoreError> {
        self.open_client(url, Client::Single)
    }

    fn open_client(&self, url: &Url, client: Client) -> Result<Location, StoreError> {
        let place = clients::place(url)?;
        let key = place.base.to_string();
        let mut open = self.inner.open.lock().unwrap_or_else(PoisonError::into_inner);
        let store = match open.get(&(key.clone(), client)) {
            Some(store) => store.clone(),
            None if url.scheme() == "memory" => {
                let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
                open.insert((key.clone(), Client::Patient), store.clone());
                open.insert((key, Client::Single), store.clone());
                store
            }
            None => {
                let store = clients::build(&self.inner.settings, &place, client)?;
                let store = if crate::fault::is_armed() { Arc::new(faulty::Faulty(store)) as _ } else { store };
                open.insert((key, client), store.clone());
                store
            }
        };
        Ok(Location { store, root: place.path, url: url.clone(), base: place.base, patience: self.inner.patience })
    }
}

impl Location {
    /// A path below this location; `relative` is separated by `/`.
    ///
    /// # Errors
    /// When `relative` has empty, `.` or `..` segments or control characters.
    pub fn path(&self, relative: &str) -> Result<Path, StoreError> {
        let path = Path::parse(relative)
            .map_err(|error| StoreError::Key { key: relative.to_owned(), why: error::said(&error) })?;
        Ok(self.root.parts().chain(path.parts()).collect())
    }

    /// The URL of a path of the store, percent-encoded.
    #[must_use]
    pub fn url_of(&self, path: &Path) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.as_ref().split('/').filter(|segment| !segment.is_empty()));
        }
        url
    }

    /// The path of a file as other programs want it: a plain file name for local files, otherwise the URL with the key
    /// as it is, not percent-encoded.
    #[must_use]
    pub fn address(&self, path: &Path) -> String {
        match self.local(path) {
            Some(file) => file.display().to_string(),
            None => format!("{}{path}", self.base),
        }
    }

    /// The file in the local file system, when this is one.
    #[must_use]
    pub fn local(&self, path: &Path) -> Option<PathBuf> {
        (self.base.scheme() == "file").then(|| self.url_of(path).to_file_path().ok()).flatten()
    }

    /// The whole object.
    ///
    /// # Errors
    /// When it cannot be read, or is not there.
    pub async fn read(&self, path: &Path) -> Result<Bytes, StoreError> {
        let read = async { self.store.get(path).await?.bytes().await };
        read.await.map_err(|error| self.failed(Call::Get, path, &error))
    }

    /// The whole object, or nothing when it is not there.
    ///
    /// # Errors
    /// When the store cannot say.
    pub async fn read_if_exists(&self, path: &Path) -> Result<Option<Bytes>, StoreError> {
        match self.read(path).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::Failed { kind: Kind::Missing, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Size, entity tag and the like.
    ///
    /// # Errors
    /// When the object is not there or the store cannot say.
    pub async fn head(&self, path: &Path) -> Result<ObjectMeta, StoreError> {
        self.store.head(path).await.map_err(|error| self.failed(Call::Head, path, &error))
    }

    /// Everything below a path of the store, in the order of the keys.
    ///
    /// # Errors
    /// When the store cannot list, or a key cannot be used.
    pub async fn list(&self, prefix: &Path) -> Result<Vec<ObjectMeta>, StoreError> {
        let prefix_or_all = (!prefix.is_root()).then_some(prefix);
        let mut found: Vec<ObjectMeta> = self
            .store
            .list(prefix_or_all)
            .try_collect()
            .await
            .map_err(|error| self.failed(Call::List, prefix, &error))?;
        found.sort_by(|left, right| left.location.cmp(&right.location));
        Ok(found)
    }

    /// Names of the folders directly below a path of the store, in order.
    ///
    /// # Errors
    /// When the store cannot list.
    pub async fn folders(&self, path: &Path) -> Result<Vec<String>, StoreError> {
        let listed = self.store.list_with_delimiter(Some(path)).await;
        let listed = listed.map_err(|error| self.failed(Call::List, path, &error))?;
        let names = listed.common_prefixes.iter().filter_map(Path::filename);
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort();
        Ok(names)
    }

    pub(crate) fn failed(&self, call: Call, path: &Path, error: &object_store::Error) -> StoreError {
        StoreError::from_store(call, &self.url_of(path), error)
    }
}
