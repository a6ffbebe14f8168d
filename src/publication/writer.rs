//! Writing a file piece by piece with its hash taken on the way, and reading it back.

use bytes::{Bytes, BytesMut};
use object_store::path::Path;
use object_store::{ObjectStoreExt, WriteMultipart};
use sha2::{Digest, Sha256};

use crate::store::create::put_unique;
use crate::store::{Call, Location, StoreError};
use crate::warehouse::output::{hex, sha256_of};

/// Bytes of one part of a large file; a smaller file is one request.
const PART: usize = 8 << 20;
/// Parts on their way at the same time.
const AT_ONCE: usize = 3;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    pub path: Path,
    pub bytes: u64,
    pub sha256: String,
}

/// A file on its way to a store, under a path that nobody else writes.
pub struct OutputFile {
    location: Location,
    path: Path,
    hash: Sha256,
    bytes: u64,
    waiting: BytesMut,
    upload: Option<WriteMultipart>,
}

impl OutputFile {
    /// Nothing is sent yet.
    #[must_use]
    pub fn new(location: &Location, path: Path) -> Self {
        Self { location: location.clone(), path, hash: Sha256::new(), bytes: 0, waiting: BytesMut::new(), upload: None }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When the store refuses; the file is then not there.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() < PART {
            return Ok(());
        }
        let waiting = self.waiting.split().freeze();
        let sent = self.send(waiting).await;
        sent.map_err(|error| self.location.failed(Call::Put, &self.path, &error))
    }

    async fn send(&mut self, bytes: Bytes) -> Result<(), object_store::Error> {
        if self.upload.is_none() {
            let upload = self.location.store.put_multipart(&self.path).await?;
            self.upload = Some(WriteMultipart::new_with_chunk_size(upload, PART));
        }
        let Some(upload) = &mut self.upload else { return Ok(()) };
        upload.wait_for_capacity(AT_ONCE).await?;
        upload.put(bytes);
        Ok(())
    }

    /// Completes the file: it is there, whole, once this returns.
    ///
    /// # Errors
    /// When the store refuses; the file is then not there.
    pub async fn finish(mut self) -> Result<Uploaded, StoreError> {
        let rest = self.waiting.split().freeze();
        match self.upload.take() {
            None => put_unique(&self.location, &self.path, rest).await?,
            Some(mut upload) => {
                upload.put(rest);
                let finished = upload.finish().await;
                finished.map_err(|error| self.location.failed(Call::Put, &self.path, &error))?;
            }
        }
        Ok(Uploaded { path: self.path, bytes: self.bytes, sha256: hex(&self.hash.finalize()) })
    }

    /// Gives up a file that was begun.
    ///
    /// # Errors
    /// When the store refuses; its own expiry of begun uploads then cleans up.
    pub async fn abort(self) -> Result<(), StoreError> {
        let Some(upload) = self.upload else { return Ok(()) };
        upload.abort().await.map_err(|error| self.location.failed(Call::Put, &self.path, &error))
    }
}

/// Writes a whole file.
///
/// # Errors
/// When the store refuses.
pub async fn put_file(location: &Location, path: Path, bytes: &[u8]) -> Result<Uploaded, StoreError> {
    let mut file = OutputFile::new(location, path);
    file.write(bytes).await?;
    file.finish().await
}

/// Reads a file back as a whole and compares it with what was written.
///
/// # Errors
/// [`StoreError::ReadBack`] when length or hash differ.
pub async fn read_back(location: &Location, written: &Uploaded) -> Result<(), StoreError> {
    let failed = |error| location.failed(Call::Get, &written.path, &error);
    let (sha256, bytes) = sha256_of(location.store.as_ref(), &written.path).await.map_err(failed)?;
    let differs = |difference: String| StoreError::ReadBack { url: location.address(&written.path), difference };
    if bytes != written.bytes {
        return Err(differs(format!("{bytes} bytes instead of {}", written.bytes)));
    }
    if sha256 == written.sha256 {
        Ok(())
    } else {
        Err(differs(format!("SHA-256 {sha256} instead of {}", written.sha256)))
    }
}
