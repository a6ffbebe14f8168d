//! Reading a publication: its tables and their exact files.

use url::Url;

use super::{Head, Log, Manifest, ManifestColumn, PublicationError};

/// One publication. Files never change, so whoever reads it sees all tables as of one moment.
#[derive(Clone, Debug)]
pub struct Publication {
    log: Log,
    head: Head,
}

/// A file of a published table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedFile {
    pub url: Url,
    /// As other programs want it: a file name, or a URL with the key as it is.
    pub address: String,
    pub path: object_store::path::Path,
    pub period: String,
    pub rows: u64,
    pub bytes: u64,
    pub sha256: String,
}

impl Publication {
    pub(super) fn new(log: Log, head: Head) -> Self {
        Self { log, head }
    }

    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    #[must_use]
    pub fn seq(&self) -> u64 {
        self.head.entry.seq
    }

    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Names of the tables, sorted.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.head.entry.tables.keys().map(String::as_str)
    }

    /// The manifests of a table by period.
    ///
    /// # Errors
    /// [`PublicationError::NoTable`], or when a manifest is missing or changed.
    pub async fn manifests(&self, table: &str) -> Result<Vec<Manifest>, PublicationError> {
        let seq = self.seq();
        let parts = self.head.entry.tables.get(table);
        let parts = parts.ok_or_else(|| PublicationError::NoTable { seq, table: table.to_owned() })?;
        let mut manifests = Vec::new();
        for part in parts.values() {
            manifests.push(self.log.manifest(seq, part).await?);
        }
        Ok(manifests)
    }

    /// The files of a table in the order of periods.
    ///
    /// # Errors
    /// As for [`Publication::manifests`].
    pub async fn files(&self, table: &str) -> Result<Vec<PublishedFile>, PublicationError> {
        self.files_of(&self.manifests(table).await?)
    }

    /// The columns of a table, by the newest of its manifests.
    ///
    /// # Errors
    /// As for [`Publication::manifests`].
    pub async fn columns(&self, table: &str) -> Result<Vec<ManifestColumn>, PublicationError> {
        Ok(self.manifests(table).await?.pop().map(|manifest| manifest.columns).unwrap_or_default())
    }

    pub(super) fn files_of(&self, manifests: &[Manifest]) -> Result<Vec<PublishedFile>, PublicationError> {
        let outputs = self.log.outputs();
        let mut files = Vec::new();
        for manifest in manifests {
            for file in &manifest.files {
                let path = outputs.path(&file.path)?;
                files.push(PublishedFile {
                    url: outputs.url_of(&path),
                    address: outputs.address(&path),
                    path,
                    period: manifest.period.clone(),
                    rows: file.rows,
                    bytes: file.bytes,
                    sha256: file.sha256.clone(),
                });
            }
        }
        Ok(files)
    }
}
