//! A pinned file: where it is, and what identifies its content.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::time::SystemTime;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{Error, GetOptions, ObjectMeta};
use serde::{Deserialize, Serialize};
use url::Url;

/// Read at once from a local file, in bytes.
const CHUNK: u64 = 4 << 20;

/// An input as it was when the run looked at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedFile {
    #[serde(with = "as_url")]
    pub url: Url,
    /// The path within the URL's store.
    #[serde(with = "as_path")]
    pub path: Path,
    /// Bytes.
    pub size: u64,
    pub e_tag: Option<String>,
    pub version: Option<String>,
    pub last_modified: Timestamp,
    /// `name=value` segments of the path in order.
    pub partitions: Vec<(String, String)>,
}

impl PinnedFile {
    #[must_use]
    pub fn new(url: Url, meta: ObjectMeta, partitions: Vec<(String, String)>) -> Self {
        let last_modified = Timestamp::try_from(SystemTime::from(meta.last_modified)).unwrap_or_default();
        let ObjectMeta { location: path, size, e_tag, version, .. } = meta;
        Self { url, path, size, e_tag, version, last_modified, partitions }
    }

    /// The object as a store would describe it.
    #[must_use]
    pub fn meta(&self) -> ObjectMeta {
        ObjectMeta {
            location: self.path.clone(),
            last_modified: SystemTime::from(self.last_modified).into(),
            size: self.size,
            e_tag: self.e_tag.clone(),
            version: self.version.clone(),
        }
    }

    /// The value of a partition column.
    #[must_use]
    pub fn partition(&self, name: &str) -> Option<&str> {
        self.partitions.iter().find(|(column, _)| column == name).map(|(_, value)| value.as_str())
    }

    /// The request with the condition that this content is still there. A weak tag never matches a condition, so such a
    /// file goes by its time.
    pub(super) fn condition(&self, mut options: GetOptions) -> GetOptions {
        match self.e_tag.as_ref().filter(|tag| !tag.starts_with("W/")) {
            Some(tag) => options.if_match = Some(tag.clone()),
            None => options.if_unmodified_since = Some(self.meta().last_modified),
        }
        if self.version.is_some() {
            options.version.clone_from(&self.version);
        }
        options
    }

    /// How an object differs from the pinned one.
    pub(super) fn difference(&self, now: &ObjectMeta) -> Option<String> {
        if now.size != self.size {
            return Some(format!("it had {} bytes and has {}", self.size, now.size));
        }
        match (&self.e_tag, &now.e_tag) {
            (Some(then), Some(now)) if then != now => Some("it has another entity tag".to_owned()),
            (None, None) if now.last_modified != self.meta().last_modified => Some("it was written again".to_owned()),
            _ => None,
        }
    }
}

/// A range of an open file in pieces, fewer bytes when the file ends early.
pub(super) fn chunks(file: std::fs::File, range: Range<u64>) -> BoxStream<'static, Result<Bytes, Error>> {
    futures::stream::try_unfold((file, range), |(file, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let size = CHUNK.min(range.end - range.start);
        let start = range.start;
        let read = tokio::task::spawn_blocking(move || read_at(file, start, size)).await?;
        let (file, bytes) = read.map_err(|error| Error::Generic { store: "LocalFileSystem", source: error.into() })?;
        let next = if bytes.is_empty() { range.end..range.end } else { start + bytes.len() as u64..range.end };
        Ok((!bytes.is_empty()).then_some((bytes, (file, next))))
    })
    .boxed()
}

fn read_at(mut file: std::fs::File, start: u64, size: u64) -> std::io::Result<(std::fs::File, Bytes)> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.seek(SeekFrom::Start(start))?;
    (&mut file).take(size).read_to_end(&mut bytes)?;
    Ok((file, bytes.into()))
}

mod as_url {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};
    use url::Url;

    pub fn serialize<S: Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(url)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
        Url::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

mod as_path {
    use object_store::path::Path;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(path)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Path, D::Error> {
        Path::parse(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
