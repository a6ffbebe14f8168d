//! Reads give the pinned content or say which input changed.

use std::sync::Arc;

use futures::TryStreamExt;
use hyper::Method;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use tieout::error::Exit;
use tieout::store::{ChangedInputs, PinnedFile, PinnedStore};

use crate::fixtures::places::Place;
use crate::fixtures::s3::Fault;

const SIZE: usize = 100_000;

struct Pinned {
    file: PinnedFile,
    store: Arc<PinnedStore>,
    changed: ChangedInputs,
}

async fn pin(place: &Place) -> Pinned {
    place.put("in/a.parquet", &vec![b'a'; SIZE]).await;
    place.put("in/other.parquet", b"not pinned").await;
    let listed = place.stores.expand(&place.join("in/a.*")).await.expect("files");
    let file = place.stores.pin(listed).await.expect("pins").remove(0);
    let changed = ChangedInputs::default();
    let (_, store) = place.stores.pinned(std::slice::from_ref(&file), &changed).expect("a store").remove(0);
    Pinned { file, store, changed }
}

/// What may happen to an input: name, new content.
fn changes() -> [(&'static str, Option<Vec<u8>>); 4] {
    [
        ("same size", Some(vec![b'b'; SIZE])),
        ("smaller", Some(vec![b'b'; SIZE / 2])),
        ("larger", Some(vec![b'b'; SIZE * 2])),
        ("deleted", None),
    ]
}

async fn apply(place: &Place, content: Option<&Vec<u8>>) {
    match content {
        Some(bytes) => place.put("in/a.parquet", bytes).await,
        None => place.delete("in/a.parquet").await,
    }
}

#[tokio::test]
async fn a_pinned_file_reads_as_it_is() {
    for place in Place::all().await {
        let Pinned { file, store, changed } = pin(&place).await;
        assert_eq!(store.get(&file.path).await.expect("a get").bytes().await.expect("bytes"), vec![b'a'; SIZE]);
        assert_eq!(store.get_range(&file.path, 10..20).await.expect("a range"), vec![b'a'; 10]);
        let ranges = store.get_ranges(&file.path, &[0..5, 50_000..50_010, 99_990..100_000]).await.expect("ranges");
        assert_eq!(ranges.iter().map(bytes::Bytes::len).collect::<Vec<_>>(), [5, 10, 10]);
        assert_eq!(store.head(&file.path).await.expect("a head"), file.meta());
        changed.check().expect("nothing changed");
    }
}

#[tokio::test]
async fn a_replaced_input_is_refused_and_named() {
    for (name, content) in changes() {
        for place in Place::all().await {
            let Pinned { file, store, changed } = pin(&place).await;
            store.get_range(&file.path, 0..10).await.expect("a range");
            apply(&place, content.as_ref()).await;
            let what = format!("{name} in {}", place.kind);
            store.get_range(&file.path, 10..20).await.expect_err(&what);
            store.get_ranges(&file.path, &[0..5, 60_000..60_005]).await.expect_err(&what);
            let error = changed.check().expect_err(&what);
            assert_eq!((error.code(), error.exit()), ("E312", Exit::TryLater), "{what}");
            assert!(error.to_string().contains("in/a.parquet"), "{error}");
        }
    }
}

#[tokio::test]
async fn an_input_replaced_before_the_nth_request_is_refused_from_then_on() {
    for (name, content) in changes() {
        for nth in 1..=4 {
            let place = Place::s3().await;
            let Pinned { file, store, changed } = pin(&place).await;
            let server = place.server.as_ref().expect("a server");
            server.plan(Method::GET, "a.parquet", nth, Fault::Replace(content.clone()));
            for request in 1..=4 {
                let read = store.get_range(&file.path, 0..10).await;
                assert_eq!(read.is_ok(), request < nth, "{name}: replaced at {nth}, request {request}");
            }
            changed.check().expect_err(name);
        }
    }
}

#[tokio::test]
async fn a_local_file_that_is_written_to_while_it_is_read_is_refused() {
    let place = Place::local();
    let Pinned { file, store, changed } = pin(&place).await;
    let path = file.url.to_file_path().expect("a path");
    let body = store.get(&file.path).await.expect("a get").into_stream();
    std::fs::write(&path, vec![b'c'; SIZE / 2]).expect("a write");
    body.try_collect::<Vec<_>>().await.expect_err("shorter");
    changed.check().expect_err("shorter");
}

#[tokio::test]
async fn only_pinned_files_are_there_and_nothing_can_be_written() {
    for place in Place::all().await {
        let Pinned { file, store, changed } = pin(&place).await;
        let other = place.location().path("in/other.parquet").expect("a path");
        for path in [&other, &Path::from("etc/passwd")] {
            let error = store.get(path).await.expect_err("not pinned");
            assert!(matches!(error, object_store::Error::NotFound { .. }), "{error}");
        }
        store.put(&file.path, PutPayload::from_static(b"x")).await.expect_err("a put");
        store.put_multipart(&file.path).await.expect_err("an upload");
        store.delete(&file.path).await.expect_err("a delete");
        store.copy(&file.path, &other).await.expect_err("a copy");
        store.rename(&file.path, &other).await.expect_err("a rename");
        let listed: Vec<_> = store.list(None).map_ok(|meta| meta.location).try_collect().await.expect("a list");
        assert_eq!(listed, std::slice::from_ref(&file.path));
        let root = store.list_with_delimiter(file.path.parent().as_ref()).await.expect("a list");
        assert_eq!(root.objects, [file.meta()]);
        changed.check().expect("nothing changed");
        assert_eq!(place.location().read(&other).await.expect("still there"), "not pinned");
    }
}

#[tokio::test]
async fn a_file_that_changes_between_listing_and_pinning_is_refused_or_pinned_as_it_is_then() {
    for (name, content) in changes() {
        for place in Place::all().await {
            place.put("in/a.parquet", &vec![b'a'; SIZE]).await;
            let listed = place.stores.expand(&place.join("in/*.parquet")).await.expect("files");
            apply(&place, content.as_ref()).await;
            match place.stores.pin(listed).await {
                Err(error) => assert_eq!(error.code(), "E312", "{name} in {}", place.kind),
                // Where a listing has no entity tags, the same size is all that can be compared.
                Ok(files) => {
                    assert_eq!(name, "same size", "{}", place.kind);
                    let (_, store) = place.stores.pinned(&files, &ChangedInputs::default()).expect("a store").remove(0);
                    let bytes = store.get(&files[0].path).await.expect("a get").bytes().await.expect("bytes");
                    assert_eq!(Some(bytes.to_vec()), content);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_pin_survives_being_written_down() {
    for place in Place::all().await {
        let file = pin(&place).await.file;
        let text = serde_json::to_string(&file).expect("a text");
        assert_eq!(serde_json::from_str::<PinnedFile>(&text).expect("a pin"), file, "{}", place.kind);
    }
}
