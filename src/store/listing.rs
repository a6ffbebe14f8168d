//! From a source's URL pattern to its files.
//!
//! `*` stands for any characters within one segment, `**` as a whole segment for any number of segments. As in other
//! readers of such folders, a wildcard does not match names that begin with `_` or `.`. The order is that of the keys.

use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore as _};
use url::Url;

use super::error::{Call, Kind, StoreError, shown};
use super::pinned::PinnedFile;
use super::{Location, Stores};

/// More files than this are a mistake in the pattern.
const MOST_FILES: usize = 100_000;
/// Requests on their way at the same time.
const AT_ONCE: usize = 16;

/// A file that matches a pattern.
#[derive(Clone, Debug)]
pub struct Listed {
    pub url: Url,
    pub meta: ObjectMeta,
    /// `name=value` segments of the path in order, values percent-decoded.
    pub partitions: Vec<(String, String)>,
}

impl Stores {
    /// The files that match a pattern, at least one, none of them empty.
    ///
    /// # Errors
    /// [`StoreError::NoFiles`] when there are none; when a matching key or file cannot be used; when the store fails.
    pub async fn expand(&self, pattern: &Url) -> Result<Vec<Listed>, StoreError> {
        let location = self.open(pattern)?;
        let segments: Vec<String> = location.root.as_ref().split('/').map(str::to_owned).collect();
        let found = match segments.iter().position(|segment| segment.contains('*')) {
            None => one(&location).await?,
            Some(_) if matches!(pattern.scheme(), "http" | "https") && location.base.path() == "/" => {
                let why = "a web server cannot be listed: name one file".to_owned();
                return Err(StoreError::Url { url: shown(pattern), why });
            }
            Some(first) => matching(&location, &segments, first).await?,
        };
        if found.is_empty() {
            return Err(StoreError::NoFiles { pattern: shown(pattern) });
        }
        let is_empty = |meta: &&ObjectMeta| meta.size == 0 && check_key(meta.location.as_ref()).is_ok();
        let empty = found.iter().filter(is_empty).map(|meta| shown(&location.url_of(&meta.location)));
        let files: Vec<String> = empty.collect();
        if !files.is_empty() {
            return Err(StoreError::Empty { files });
        }
        found.into_iter().map(|meta| listed(&location, meta)).collect()
    }

    /// Looks at every file once more and keeps what identifies its content.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when a file is no longer the one that was listed; when the store fails.
    pub async fn pin(&self, files: Vec<Listed>) -> Result<Vec<PinnedFile>, StoreError> {
        futures::stream::iter(files).map(|file| self.pin_one(file)).buffered(AT_ONCE).try_collect().await
    }

    /// A file by its path in the store that a pattern is of, as it is now; none when it is not there.
    ///
    /// # Errors
    /// When the key or file cannot be used; when the store fails.
    pub async fn look_at(&self, pattern: &Url, path: &Path) -> Result<Option<PinnedFile>, StoreError> {
        let location = self.open(pattern)?;
        let meta = match location.head(path).await {
            Err(StoreError::Failed { kind: Kind::Missing, .. }) => return Ok(None),
            other => other?,
        };
        let Listed { url, meta, partitions } = listed(&location, meta)?;
        Ok(Some(PinnedFile::new(url, meta, partitions)))
    }

    async fn pin_one(&self, file: Listed) -> Result<PinnedFile, StoreError> {
        let location = self.open(&file.url)?;
        let changed = || StoreError::Changed { file: shown(&file.url) };
        let meta = match location.head(&file.meta.location).await {
            Err(StoreError::Failed { kind: Kind::Missing, .. }) => return Err(changed()),
            other => other?,
        };
        let same_tag = match (&meta.e_tag, &file.meta.e_tag) {
            // A listing of Azure gives tags without the quotes that a look at the object has.
            (Some(now), Some(then)) => now.trim_matches('"') == then.trim_matches('"'),
            _ => true,
        };
        if meta.size != file.meta.size || !same_tag {
            return Err(changed());
        }
        Ok(PinnedFile::new(file.url, meta, file.partitions))
    }
}

/// The one file a URL without wildcard names.
async fn one(location: &Location) -> Result<Vec<ObjectMeta>, StoreError> {
    match location.head(&location.root).await {
        Ok(meta) => Ok(vec![meta]),
        Err(StoreError::Failed { kind: Kind::Missing, .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

async fn matching(location: &Location, segments: &[String], wild: usize) -> Result<Vec<ObjectMeta>, StoreError> {
    let literal = segments.get(..wild).unwrap_or_default().join("/");
    let prefix =
        Path::parse(&literal).map_err(|_| StoreError::Key { key: literal.clone(), why: "it is no path".into() })?;
    let mut all = location.store.list((!prefix.is_root()).then_some(&prefix));
    let mut found: Vec<ObjectMeta> = Vec::new();
    while let Some(meta) = all.try_next().await.map_err(|error| location.failed(Call::List, &prefix, &error))? {
        let parts: Vec<&str> = meta.location.as_ref().split('/').collect();
        if matches(segments, &parts) {
            found.push(meta);
        } else if differs_in_case(segments, &parts) {
            let (pattern, file) = (shown(&location.url), shown(&location.url_of(&meta.location)));
            return Err(StoreError::Case { pattern, file });
        }
    }
    found.sort_by(|left, right| left.location.cmp(&right.location));
    if found.len() > MOST_FILES {
        let pattern = shown(&location.url);
        return Err(StoreError::TooMany { pattern, count: found.len(), limit: MOST_FILES });
    }
    Ok(without_folder_markers(found))
}

/// Some tools keep an empty object in the place of a folder.
fn without_folder_markers(found: Vec<ObjectMeta>) -> Vec<ObjectMeta> {
    let is_marker = |index: usize, meta: &ObjectMeta| {
        let folder = format!("{}/", meta.location);
        let below = |other: &ObjectMeta| other.location.as_ref().starts_with(&folder);
        meta.size == 0 && found.get(index + 1..).unwrap_or_default().iter().any(below)
    };
    let keep: Vec<bool> = found.iter().enumerate().map(|(index, meta)| !is_marker(index, meta)).collect();
    found.into_iter().zip(keep).filter_map(|(meta, keep)| keep.then_some(meta)).collect()
}

fn listed(location: &Location, meta: ObjectMeta) -> Result<Listed, StoreError> {
    let url = location.url_of(&meta.location);
    let key = meta.location.as_ref();
    check_key(key)?;
    if meta.size == 0 {
        return Err(StoreError::Empty { files: vec![shown(&url)] });
    }
    let folders = key.rsplit_once('/').map_or("", |(folders, _)| folders);
    let mut partitions = Vec::new();
    for (name, value) in folders.split('/').filter_map(|segment| segment.split_once('=')) {
        partitions.push((decoded(key, name)?, decoded(key, value)?));
    }
    Ok(Listed { url, meta, partitions })
}

/// Keys that other programs read as something else.
fn check_key(key: &str) -> Result<(), StoreError> {
    let refuse = |why: &str| Err(StoreError::Key { key: key.escape_default().to_string(), why: why.to_owned() });
    let staged = |(_, tail): (&str, &str)| !tail.is_empty() && tail.bytes().all(|byte| byte.is_ascii_digit());
    if key.chars().any(char::is_control) {
        return refuse("it has control characters");
    }
    if key.split('/').any(|segment| segment.is_empty() || segment == "." || segment == "..") {
        return refuse("it has empty, `.` or `..` segments");
    }
    if key.rsplit_once('#').is_some_and(staged) {
        return refuse("names that end in # and digits are half-written files");
    }
    Ok(())
}

/// A percent-decoded partition name or value.
fn decoded(key: &str, text: &str) -> Result<String, StoreError> {
    let refuse = |why: &str| StoreError::Key { key: key.to_owned(), why: why.to_owned() };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (first, tail) {
            (b'%', [high, low, tail @ ..]) if hex(high).is_some() && hex(low).is_some() => {
                bytes.push(hex(high).unwrap_or_default() * 16 + hex(low).unwrap_or_default());
                rest = tail;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| refuse("a partition value is not UTF-8"))?;
    if text.chars().any(char::is_control) { Err(refuse("a partition value has control characters")) } else { Ok(text) }
}

/// Whether a path matches, segment by segment.
fn matches(pattern: &[String], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "**" => {
            let hidden = |name: &&str| name.starts_with(['_', '.']);
            let skip = path.split_first().filter(|(name, _)| !hidden(name));
            matches(rest, path) || skip.is_some_and(|(_, tail)| matches(pattern, tail))
        }
        (Some((first, rest)), Some((name, tail))) => segment_matches(first, name) && matches(rest, tail),
        _ => false,
    }
}

/// Whether a path would match if a folder such as `Month=2026-10` were written as the pattern writes it, or its extension:
/// a file that is overlooked is a file that is lost.
fn differs_in_case(pattern: &[String], path: &[&str]) -> bool {
    let lower = |text: &str| text.to_ascii_lowercase();
    let (pattern, path): (Vec<String>, Vec<String>) =
        (pattern.iter().map(|segment| lower(segment)).collect(), path.iter().map(|segment| lower(segment)).collect());
    matches(&pattern, &path.iter().map(String::as_str).collect::<Vec<_>>())
}

fn segment_matches(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == name };
    if before.is_empty() && name.starts_with(['_', '.']) {
        return false;
    }
    let Some(rest) = name.strip_prefix(before) else { return false };
    // The pieces between stars in order, each at its first place; the last one at the end.
    let pieces: Vec<&str> = after.split('*').collect();
    let Some((last, middle)) = pieces.split_last() else { return true };
    let rest = middle.iter().try_fold(rest, |rest, piece| Some(rest.split_once(*piece)?.1));
    rest.is_some_and(|rest| rest.ends_with(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(pattern: &str, path: &str) -> bool {
        let pattern: Vec<String> = pattern.split('/').map(str::to_owned).collect();
        matches(&pattern, &path.split('/').collect::<Vec<_>>())
    }

    #[test]
    fn a_star_stays_within_its_segment() {
        assert!(matched("a/month=*/*.parquet", "a/month=2026-10/part-0.parquet"));
        assert!(!matched("a/*.parquet", "a/b/part-0.parquet"));
        assert!(!matched("a/*.parquet", "a/part-0.parquet.tmp"));
        assert!(matched("a/p*t*0*", "a/part-0.parquet"));
        assert!(!matched("a/ab*bc", "a/abc"));
    }

    #[test]
    fn two_stars_cross_segments() {
        assert!(matched("a/**/*.csv", "a/x.csv"));
        assert!(matched("a/**/*.csv", "a/b/c/x.csv"));
        assert!(matched("a/**", "a/b/c/x.csv"));
        assert!(!matched("a/**/*.csv", "b/x.csv"));
    }

    #[test]
    fn a_star_does_not_match_hidden_names() {
        assert!(!matched("a/*", "a/_SUCCESS"));
        assert!(!matched("a/**/*.parquet", "a/_delta_log/x.parquet"));
        assert!(!matched("a/*", "a/.part.crc"));
        assert!(matched("a/_*", "a/_SUCCESS"));
    }

    #[test]
    fn a_path_that_differs_in_case_alone_is_known() {
        let differs = |path: &str| {
            let pattern: Vec<String> = "a/month=*/*.parquet".split('/').map(str::to_owned).collect();
            let parts: Vec<&str> = path.split('/').collect();
            !matches(&pattern, &parts) && differs_in_case(&pattern, &parts)
        };
        assert!(differs("a/Month=2026-10/part-0.parquet"));
        assert!(differs("a/month=2026-10/part-0.PARQUET"));
        assert!(!differs("a/month=2026-10/part-0.parquet"));
        assert!(!differs("a/day=2026-10-01/part-0.parquet"));
        assert!(!differs("a/Month=2026-10/_SUCCESS"));
    }

    #[test]
    fn keys_that_others_read_differently_are_refused() {
        for key in ["a/../b", "a//b", "a/b\nc", "a/b\u{7f}", "a/b.parquet#1"] {
            assert!(check_key(key).is_err(), "{key:?}");
        }
        for key in ["a/b c", "a/ü%41?&'\"#x", "a/b#"] {
            assert!(check_key(key).is_ok(), "{key:?}");
        }
    }
}
