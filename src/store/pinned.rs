//! Reading exactly what was looked at.
//!
//! An engine reads a file in many requests, and a file that is replaced between two of them gives figures of neither
//! version. A [`PinnedStore`] answers for pinned files only, asks for the pinned content in every request, and compares
//! what comes back. Whatever the engine makes of the error, [`ChangedInputs`] remembers which file it was.
//!
//! What cannot be seen: a local file rewritten in place to the same size within the resolution of its time stamp.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use url::Url;

use super::error::{StoreError, shown};
use super::{Stores, clients};

mod file;

pub use file::PinnedFile;

/// Which inputs turned out to have changed. Clones share what they know.
#[derive(Clone, Debug, Default)]
pub struct ChangedInputs(Arc<Mutex<BTreeSet<String>>>);

impl ChangedInputs {
    /// The URL of a changed input, if any was seen.
    #[must_use]
    pub fn first(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).first().cloned()
    }

    /// Ask this first whenever a query failed, and once more before its result counts.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when an input changed.
    pub fn check(&self) -> Result<(), StoreError> {
        self.first().map_or(Ok(()), |file| Err(StoreError::Changed { file }))
    }

    fn add(&self, file: &PinnedFile) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(shown(&file.url));
    }
}

/// A store that has the pinned files and no others, and no way to write.
#[derive(Clone, Debug)]
pub struct PinnedStore {
    inner: Arc<dyn ObjectStore>,
    files: Arc<BTreeMap<Path, PinnedFile>>,
    changed: ChangedInputs,
}

impl Stores {
    /// One pinned store per store that the files are in, with the URL to register it under.
    ///
    /// # Errors
    /// When a URL cannot be opened.
    pub fn pinned(
        &self,
        files: &[PinnedFile],
        changed: &ChangedInputs,
    ) -> Result<Vec<(Url, Arc<PinnedStore>)>, StoreError> {
        let mut by_store: BTreeMap<Url, Vec<PinnedFile>> = BTreeMap::new();
        for file in files {
            by_store.entry(clients::place(&file.url)?.base).or_default().push(file.clone());
        }
        let open = |(base, files): (Url, Vec<PinnedFile>)| {
            let store = PinnedStore::new(self.open(&base)?.store, files, changed.clone());
            Ok((base, Arc::new(store)))
        };
        by_store.into_iter().map(open).collect()
    }
}

impl PinnedStore {
    #[must_use]
    pub fn new(
        inner: Arc<dyn ObjectStore>,
        files: impl IntoIterator<Item = PinnedFile>,
        changed: ChangedInputs,
    ) -> Self {
        let files = files.into_iter().map(|file| (file.path.clone(), file)).collect();
        Self { inner, files: Arc::new(files), changed }
    }

    fn pinned(&self, path: &Path) -> Result<&PinnedFile, Error> {
        let source = "it is not among the inputs of this run".into();
        self.files.get(path).ok_or_else(|| Error::NotFound { path: path.to_string(), source })
    }

    /// Remembers the change and makes an error of it.
    fn changed(&self, file: &PinnedFile, how: &str) -> Error {
        self.changed.add(file);
        let source = format!("input changed while reading it: {how}").into();
        Error::Precondition { path: file.path.to_string(), source }
    }

    /// After any error: was it because the file is another one by now?
    async fn explain(&self, file: &PinnedFile, error: Error) -> Error {
        match &error {
            Error::Precondition { .. } | Error::NotModified { .. } => return self.changed(file, "it was replaced"),
            Error::NotFound { .. } => return self.changed(file, "it is gone"),
            _ => {}
        }
        match self.inner.head(&file.path).await {
            Ok(now) => file.difference(&now).map_or(error, |how| self.changed(file, &how)),
            Err(Error::NotFound { .. }) => self.changed(file, "it is gone"),
            Err(_) => error,
        }
    }

    /// Whether the file is still the pinned one.
    async fn confirm(&self, file: &PinnedFile) -> Result<(), Error> {
        let now = match self.inner.head(&file.path).await {
            Ok(now) => now,
            Err(error) => return Err(self.explain(file, error).await),
        };
        file.difference(&now).map_or(Ok(()), |how| Err(self.changed(file, &how)))
    }

    /// A body that must have exactly `left` bytes. Files are looked at again after the last byte, since an open file
    /// can be written to; an answer of a remote store is of one version.
    fn checked(
        &self,
        file: &PinnedFile,
        body: BoxStream<'static, Result<Bytes, Error>>,
        left: u64,
        is_file: bool,
    ) -> BoxStream<'static, Result<Bytes, Error>> {
        let state = Body { store: self.clone(), file: file.clone(), pieces: body, left, is_file };
        futures::stream::try_unfold(state, Body::next).boxed()
    }
}

struct Body {
    store: PinnedStore,
    file: PinnedFile,
    pieces: BoxStream<'static, Result<Bytes, Error>>,
    left: u64,
    is_file: bool,
}

impl Body {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        match self.pieces.try_next().await {
            Err(error) => Err(self.store.explain(&self.file, error).await),
            Ok(Some(bytes)) => {
                let left = self.left.checked_sub(bytes.len() as u64);
                self.left = left.ok_or_else(|| self.store.changed(&self.file, "it is longer"))?;
                Ok(Some((bytes, self)))
            }
            Ok(None) if self.left > 0 => Err(self.store.changed(&self.file, "it is shorter")),
            Ok(None) => {
                if self.is_file {
                    self.store.confirm(&self.file).await?;
                }
                Ok(None)
            }
        }
    }
}

#[async_trait]
impl ObjectStore for PinnedStore {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult, Error> {
        let file = self.pinned(location)?;
        let result = match self.inner.get_opts(location, file.condition(options)).await {
            Ok(result) => result,
            Err(error) => return Err(self.explain(file, error).await),
        };
        if let Some(how) = file.difference(&result.meta) {
            return Err(self.changed(file, &how));
        }
        let Range { start, end } = result.range;
        let (body, is_file) = match result.payload {
            GetResultPayload::File(open, _) => (file::chunks(open, start..end), true),
            GetResultPayload::Stream(stream) => (stream, false),
        };
        let payload = GetResultPayload::Stream(self.checked(file, body, end.saturating_sub(start), is_file));
        Ok(GetResult { payload, meta: file.meta(), range: start..end, attributes: result.attributes })
    }

    // `get_ranges` stays the one of the trait, which asks `get_opts`: the local store's own one compares nothing.

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta, Error>> {
        let below = |path: &Path| prefix.is_none_or(|prefix| path.prefix_matches(prefix) && path != prefix);
        let metas: Vec<_> = self.files.values().filter(|file| below(&file.path)).map(|file| Ok(file.meta())).collect();
        futures::stream::iter(metas).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult, Error> {
        let prefix = prefix.cloned().unwrap_or_default();
        let mut folders = BTreeSet::new();
        let mut objects = Vec::new();
        for file in self.files.values() {
            let Some(parts) = file.path.prefix_match(&prefix) else { continue };
            match parts.collect::<Vec<_>>().as_slice() {
                [] => {}
                [_] => objects.push(file.meta()),
                [folder, ..] => {
                    folders.insert(prefix.parts().chain([folder.clone()]).collect::<Path>());
                }
            }
        }
        Ok(ListResult { common_prefixes: folders.into_iter().collect(), objects })
    }

    async fn put_opts(&self, location: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult, Error> {
        Err(read_only(location))
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>, Error> {
        Err(read_only(location))
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path, Error>>,
    ) -> BoxStream<'static, Result<Path, Error>> {
        locations.map(|location| Err(read_only(&location?))).boxed()
    }

    async fn copy_opts(&self, _: &Path, to: &Path, _: CopyOptions) -> Result<(), Error> {
        Err(read_only(to))
    }
}

fn read_only(path: &Path) -> Error {
    Error::PermissionDenied { path: path.to_string(), source: "inputs are only read".into() }
}

impl fmt::Display for PinnedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinnedStore({} files of {})", self.files.len(), self.inner)
    }
}
