//! One writer wins, and every writer knows whether it was the one.

use bytes::Bytes;
use hyper::{Method, StatusCode};
use tieout::error::Exit;
use tieout::store::create::create;
use tieout::store::{Created, StoreError};

use crate::fixtures::places::{Place, stores};
use crate::fixtures::s3::Fault;

async fn attempt(place: &Place, key: &str, text: &'static str) -> Result<Created, StoreError> {
    let location = place.log_location();
    create(&location, &location.path(key).expect("a path"), &Bytes::from_static(text.as_bytes())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_writers_one_wins_and_the_others_read_its_bytes() {
    for place in Place::all().await {
        for round in 0..3 {
            let location = place.log_location();
            let path = location.path(&format!("log/{round}.json")).expect("a path");
            let writers = (0..32).map(|writer| {
                let (location, path) = (location.clone(), path.clone());
                tokio::spawn(async move { create(&location, &path, &Bytes::from(format!("writer {writer}"))).await })
            });
            let mut winners = Vec::new();
            let mut seen = Vec::new();
            for (writer, outcome) in futures::future::join_all(writers).await.into_iter().enumerate() {
                match outcome.expect("a task").expect("an outcome") {
                    Created::Mine => winners.push(format!("writer {writer}")),
                    Created::Theirs(bytes) => seen.push(bytes),
                }
            }
            assert_eq!(winners.len(), 1, "{}", place.kind);
            assert_eq!(seen.len(), 31);
            assert!(seen.iter().all(|bytes| *bytes == winners[0]), "{}", place.kind);
        }
    }
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_still_mine() {
    for fault in [Fault::FailAfter, Fault::DropAfter] {
        let place = Place::s3().await;
        let server = place.server.as_ref().expect("a server");
        server.plan(Method::PUT, "a.json", 1, fault.clone());
        assert_eq!(attempt(&place, "a.json", "mine").await.expect("an outcome"), Created::Mine, "{fault:?}");
        assert_eq!(server.count(&Method::PUT, "a.json"), 1, "no repetition by the client");
    }
}

#[tokio::test]
async fn a_conflict_in_which_nothing_was_stored_is_tried_again() {
    for status in [StatusCode::CONFLICT, StatusCode::PRECONDITION_FAILED, StatusCode::SERVICE_UNAVAILABLE] {
        let place = Place::s3().await;
        let server = place.server.as_ref().expect("a server");
        server.plan(Method::PUT, "a.json", 1, Fault::Answer(status));
        assert_eq!(attempt(&place, "a.json", "mine").await.expect("an outcome"), Created::Mine, "{status}");
        assert_eq!(server.count(&Method::PUT, "a.json"), 2);
    }
}

#[tokio::test]
async fn a_lost_race_gives_the_bytes_of_the_winner() {
    for place in Place::all().await {
        assert_eq!(attempt(&place, "a.json", "first").await.expect("an outcome"), Created::Mine);
        let lost = attempt(&place, "a.json", "second").await.expect("an outcome");
        assert_eq!(lost, Created::Theirs(Bytes::from_static(b"first")), "{}", place.kind);
    }
}

#[tokio::test]
async fn a_refusal_that_left_nothing_is_an_error_and_not_unknown() {
    let place = Place::s3().await;
    let server = place.server.as_ref().expect("a server");
    for _ in 0..3 {
        server.plan(Method::PUT, "a.json", 1, Fault::Answer(StatusCode::FORBIDDEN));
    }
    for nth in 2..=3 {
        server.plan(Method::PUT, "a.json", nth, Fault::Answer(StatusCode::FORBIDDEN));
    }
    let error = attempt(&place, "a.json", "mine").await.expect_err("an error");
    assert_eq!(error.exit(), Exit::Permission, "{error}");
    assert!(place.content().await.is_empty());
}

#[tokio::test]
async fn a_refusal_after_the_write_landed_is_mine() {
    let place = Place::s3().await;
    let server = place.server.as_ref().expect("a server");
    server.plan(Method::PUT, "a.json", 1, Fault::DropAfter);
    server.plan(Method::GET, "a.json", 1, Fault::Answer(StatusCode::FORBIDDEN));
    server.plan(Method::GET, "a.json", 2, Fault::Answer(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(attempt(&place, "a.json", "mine").await.expect("an outcome"), Created::Mine);
}

#[tokio::test]
async fn an_outcome_that_nobody_can_tell_is_unknown_and_nothing_is_deleted() {
    let place = Place::s3().await;
    let server = place.server.as_ref().expect("a server");
    server.plan(Method::PUT, "a.json", 1, Fault::DropAfter);
    for nth in 1..=200 {
        server.plan(Method::GET, "a.json", nth, Fault::Answer(StatusCode::SERVICE_UNAVAILABLE));
    }
    let error = attempt(&place, "a.json", "mine").await.expect_err("an error");
    assert_eq!((error.code(), error.exit()), ("E506", Exit::CommitUnknown), "{error}");
    assert_eq!(server.count(&Method::DELETE, ""), 0);
    let later = attempt(&place, "b.json", "other").await.expect("an outcome");
    assert_eq!(later, Created::Mine);
}

#[tokio::test]
async fn a_store_that_cannot_create_says_so() {
    let stores = stores(&[("allow_http", "true")]);
    let location = stores.open_for_log(&url::Url::parse("http://127.0.0.1:9/a").expect("a URL")).expect("a location");
    let path = location.path("b.json").expect("a path");
    let error = create(&location, &path, &Bytes::from_static(b"x")).await.expect_err("an error");
    assert!(matches!(error.exit(), Exit::Definition | Exit::CommitUnknown), "{error}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_an_error() {
    let place = Place::local();
    let folder = place.folder.as_ref().expect("a folder");
    std::fs::write(folder.path().join("file"), b"not a folder").expect("a file");
    let error = attempt(&place, "file/a.json", "mine").await.expect_err("an error");
    assert!(matches!(error.exit(), Exit::Resources | Exit::CommitUnknown), "{error}");
}
