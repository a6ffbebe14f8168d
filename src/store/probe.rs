//! Whether a store keeps the promises that a publication rests on.
//!
//! A store that ignores the condition of a write lets two runs win the same commit, and nothing fails. So it is tried
//! out, on keys below `_tieout/probe/` that mean nothing: the cheap part before every run ([`before_run`]), all of it by
//! the `doctor` verb.

use bytes::Bytes;
use futures::future::join_all;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetRange, ObjectMeta, ObjectStore as _, ObjectStoreExt, PutMode, PutOptions, PutPayload,
};
use tokio::time::{Instant, sleep, timeout};

use super::create::{Created, create};
use super::error::{Call, StoreError, shown};
use super::{Location, Promise};

/// Where probes are written, below the root of the outputs.
pub const FOLDER: &str = "_tieout/probe";
/// The key that stays, so that a run leaves nothing new behind.
const KEPT: &str = "_tieout/probe/create.json";
/// No version of any object has this entity tag.
const NO_TAG: &str = "\"00000000000000000000000000000000\"";
/// Writers of one key at once.
const WRITERS: usize = 32;

/// The cheap part: a key that is there cannot be created again, and a read under another version's entity tag fails.
///
/// One key is created the first time and then kept. `location` should come from `open_for_log`; `random` is text that no
/// other run has.
///
/// # Errors
/// [`StoreError::Promise`] when the store ignores a condition (E501, exit 78); another error when it cannot be asked.
pub async fn before_run(location: &Location, random: &str) -> Result<(), StoreError> {
    let path = location.path(KEPT)?;
    let stored = match location.read_if_exists(&path).await? {
        Some(stored) => stored,
        None => match create(location, &path, &content("first", random)).await? {
            Created::Mine => content("first", random),
            Created::Theirs(stored) => stored,
        },
    };
    refuses_second(location, &path, &stored, random).await?;
    refuses_other_version(location, &path).await
}

/// The bytes of a probe: who wrote it is decidable.
fn content(role: &str, random: &str) -> Bytes {
    Bytes::from(format!("{{\"probe\":\"{role}\",\"nonce\":\"{random}\"}}\n"))
}

/// Creates a new key and gives its content.
///
/// # Errors
/// When it cannot be created.
pub async fn creates(location: &Location, path: &Path, random: &str) -> Result<Bytes, StoreError> {
    let bytes = content("first", random);
    match create(location, path, &bytes).await? {
        Created::Mine => Ok(bytes),
        Created::Theirs(_) => Err(promise(location, path, Promise::CreateOnce)),
    }
}

/// Creating a key again with other bytes is refused and leaves `stored` in place.
///
/// # Errors
/// [`StoreError::Promise`] when it is not; another error when the store gave no clear answer.
pub async fn refuses_second(location: &Location, path: &Path, stored: &Bytes, random: &str) -> Result<(), StoreError> {
    let put = asked(location, Call::Create, path, || {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        location.store.put_opts(path, PutPayload::from_bytes(content("second", random)), options)
    });
    let accepted = put.await?.is_some();
    let unchanged = location.read(path).await? == *stored;
    if accepted || !unchanged { Err(promise(location, path, Promise::CreateOnce)) } else { Ok(()) }
}

/// Reading under an entity tag that the object does not have fails.
///
/// # Errors
/// [`StoreError::Promise`] when it does not; another error when the store gave no clear answer.
pub async fn refuses_other_version(location: &Location, path: &Path) -> Result<(), StoreError> {
    refused(location, path, None, Promise::Match).await
}

/// Reading a part under an entity tag that the object does not have fails.
///
/// # Errors
/// As [`refuses_other_version`].
pub async fn refuses_other_version_of_a_range(location: &Location, path: &Path) -> Result<(), StoreError> {
    refused(location, path, Some(GetRange::Bounded(0..1)), Promise::RangeMatch).await
}

async fn refused(location: &Location, path: &Path, range: Option<GetRange>, broken: Promise) -> Result<(), StoreError> {
    let get = asked(location, Call::Get, path, || {
        let if_match = Some(NO_TAG.to_owned());
        location.store.get_opts(path, GetOptions { if_match, range: range.clone(), ..GetOptions::default() })
    });
    if get.await?.is_some() { Err(promise(location, path, broken)) } else { Ok(()) }
}

/// Many writers create one key at once: one wins, and the others read its bytes. Says how many lost.
///
/// # Errors
/// [`StoreError::Promise`] when there is not exactly one winner; another error when the store gave no clear answer.
pub async fn one_wins(location: &Location, path: &Path, random: &str) -> Result<usize, StoreError> {
    let writers = (0..WRITERS).map(|writer| async move {
        let bytes = content(&format!("writer {writer}"), random);
        create(location, path, &bytes).await.map(|created| (bytes, created))
    });
    let outcomes = join_all(writers).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let winners: Vec<&Bytes> =
        outcomes.iter().filter(|(_, created)| *created == Created::Mine).map(|(bytes, _)| bytes).collect();
    let [winner] = winners.as_slice() else {
        return Err(promise(location, path, Promise::OneWinner(winners.len())));
    };
    let stored = location.read(path).await?;
    let same = |created: &Created| matches!(created, Created::Theirs(bytes) if bytes == *winner);
    let others = outcomes.iter().filter(|(_, created)| same(created)).count();
    if stored != **winner || others + 1 != WRITERS {
        return Err(promise(location, path, Promise::WinnerRead));
    }
    Ok(others)
}

/// A key is in the listing of its folder.
///
/// # Errors
/// [`StoreError::Promise`] when it is not; another error when the store cannot list.
pub async fn lists(location: &Location, path: &Path) -> Result<(), StoreError> {
    let folder = location.path(FOLDER)?;
    let listed: Vec<ObjectMeta> = location.list(&folder).await?;
    if listed.iter().any(|meta| meta.location == *path) {
        return Ok(());
    }
    Err(promise(location, path, Promise::ListedAtOnce))
}

/// By how many seconds the store's clock is ahead of this machine's: an object written between `before` and `after`
/// (seconds since 1970 by this machine) says when that was by the store's.
///
/// # Errors
/// [`StoreError::Promise`] when it is more than an hour (E514); another error when the store cannot say.
pub async fn clock(location: &Location, path: &Path, before: i64, after: i64) -> Result<i64, StoreError> {
    const HOUR: i64 = 3_600;
    let written = location.head(path).await?.last_modified.timestamp();
    // Stores round to seconds, so that much is no difference.
    let ahead = if written < before - 1 { written - before } else { (written - after - 1).max(0) };
    if ahead.abs() > HOUR { Err(promise(location, path, Promise::Clock(ahead))) } else { Ok(ahead) }
}

/// Deletes probes, as many as the store allows. Whether all are gone.
pub async fn removes(location: &Location, paths: &[Path]) -> bool {
    let deleted = join_all(paths.iter().map(|path| location.store.delete(path))).await;
    deleted.iter().all(|one| matches!(one, Ok(()) | Err(Error::NotFound { .. })))
}

/// Asks until the answer is clear: nothing when the condition was refused. Any other failure says nothing about the
/// condition, so it is tried again before it is believed.
async fn asked<T, F>(
    location: &Location,
    call: Call,
    path: &Path,
    request: impl Fn() -> F,
) -> Result<Option<T>, StoreError>
where
    F: Future<Output = Result<T, Error>>,
{
    let patience = &location.patience;
    let end = Instant::now() + patience.deadline.min(patience.request);
    let mut pause = patience.first_pause;
    loop {
        let failed = match timeout(patience.request, request()).await {
            Ok(Ok(answer)) => return Ok(Some(answer)),
            Ok(Err(Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. })) => {
                return Ok(None);
            }
            Ok(Err(error)) => location.failed(call, path, &error),
            Err(_) => no_answer(location, call, path),
        };
        let lasts = failed.exit() != crate::error::Exit::Unreachable;
        if lasts || Instant::now() + pause > end {
            return Err(failed);
        }
        sleep(pause).await;
        pause = (pause * 2).min(patience.longest_pause);
    }
}

fn no_answer(location: &Location, call: Call, path: &Path) -> StoreError {
    let url = shown(&location.url_of(path));
    StoreError::Failed { call, url, kind: super::Kind::Unreachable, said: "no answer in time".to_owned() }
}

fn promise(location: &Location, path: &Path, broken: Promise) -> StoreError {
    StoreError::Promise { url: shown(&location.url_of(path)), broken }
}
