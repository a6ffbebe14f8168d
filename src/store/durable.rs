//! Local files that survive a power cut: a write counts once the file and the folders down to it are on the disk. The
//! local store itself leaves that to the operating system.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, UploadPart,
};

/// The local file system from its root, with every write synced.
#[derive(Clone, Debug, Default)]
pub(super) struct DurableFiles {
    files: LocalFileSystem,
}

impl fmt::Display for DurableFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.files)
    }
}

#[async_trait]
impl ObjectStore for DurableFiles {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult, Error> {
        let put = self.files.put_opts(path, payload, options).await?;
        sync(self.files.path_to_filesystem(path)?).await?;
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>, Error> {
        let upload = self.files.put_multipart_opts(path, options).await?;
        Ok(Box::new(DurableUpload { upload, file: self.files.path_to_filesystem(path)? }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult, Error> {
        self.files.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Error> {
        self.files.get_ranges(path, ranges).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path, Error>>) -> BoxStream<'static, Result<Path, Error>> {
        self.files.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta, Error>> {
        self.files.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult, Error> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<(), Error> {
        self.files.copy_opts(from, to, options).await?;
        sync(self.files.path_to_filesystem(to)?).await
    }
}

#[derive(Debug)]
struct DurableUpload {
    upload: Box<dyn MultipartUpload>,
    file: PathBuf,
}

#[async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, part: PutPayload) -> UploadPart {
        self.upload.put_part(part)
    }

    async fn complete(&mut self) -> Result<PutResult, Error> {
        let put = self.upload.complete().await?;
        sync(self.file.clone()).await?;
        Ok(put)
    }

    async fn abort(&mut self) -> Result<(), Error> {
        self.upload.abort().await
    }
}

/// Syncs a file and every folder above it, any of which may be new.
///
/// # Errors
/// When the disk refuses.
pub(super) async fn sync(file: PathBuf) -> Result<(), Error> {
    crate::fault::point("sync.before");
    let synced = tokio::task::spawn_blocking(move || sync_upwards(&file)).await?;
    crate::fault::point("sync.after");
    synced.map_err(|source| Error::Generic { store: "LocalFileSystem", source: source.into() })
}

fn sync_upwards(file: &std::path::Path) -> std::io::Result<()> {
    std::fs::File::open(file)?.sync_all()?;
    for folder in file.ancestors().skip(1).take_while(|folder| folder.parent().is_some()) {
        match std::fs::File::open(folder).and_then(|open| open.sync_all()) {
            Ok(()) => {}
            // A folder that we may not read is not one that we have made.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
