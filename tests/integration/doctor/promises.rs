//! What is tried out before every run.

use hyper::header::{IF_MATCH, IF_NONE_MATCH};
use hyper::{Method, StatusCode};
use tieout::error::Exit;
use tieout::store::probe::before_run;
use tieout::store::{Promise, StoreError};

use crate::fixtures::places::Place;
use crate::fixtures::s3::Fault;

const KEPT: &str = "_tieout/probe/create.json";

fn broken(outcome: Result<(), StoreError>) -> Promise {
    match outcome {
        Err(error @ StoreError::Promise { broken, .. }) => {
            assert_eq!((error.code(), error.exit()), ("E501", Exit::Definition), "{error}");
            broken
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_store_that_keeps_its_promises_passes_before_every_run_and_one_key_is_left() {
    for place in Place::all().await {
        before_run(&place.log_location(), "one").await.expect(place.kind);
        let after_one = place.content().await;
        assert_eq!(after_one.keys().collect::<Vec<_>>(), [KEPT], "{}", place.kind);
        for random in ["two", "three"] {
            before_run(&place.log_location(), random).await.expect(place.kind);
        }
        assert_eq!(place.content().await, after_one, "{}", place.kind);
    }
}

#[tokio::test]
async fn a_store_that_writes_over_what_is_there_is_refused_on_the_first_and_on_every_later_run() {
    let place = Place::s3().await;
    place.server.as_ref().expect("a server").always(&Method::PUT, "", &Fault::Ignore(IF_NONE_MATCH));
    for random in ["one", "two"] {
        let outcome = before_run(&place.log_location(), random).await;
        assert!(outcome.as_ref().is_err_and(|error| error.to_string().contains("ignores conditional writes")));
        assert_eq!(broken(outcome), Promise::CreateOnce);
    }
}

#[tokio::test]
async fn a_store_that_writes_over_what_is_there_and_says_that_it_did_not_is_refused() {
    let place = Place::s3().await;
    before_run(&place.log_location(), "one").await.expect("passes");
    let server = place.server.as_ref().expect("a server");
    server.plan(Method::PUT, KEPT, 1, Fault::Replace(Some(b"other bytes".to_vec())));
    assert_eq!(broken(before_run(&place.log_location(), "two").await), Promise::CreateOnce);
}

#[tokio::test]
async fn a_store_that_answers_for_another_version_is_refused() {
    let place = Place::s3().await;
    place.server.as_ref().expect("a server").always(&Method::GET, "", &Fault::Ignore(IF_MATCH));
    assert_eq!(broken(before_run(&place.log_location(), "one").await), Promise::Match);
}

#[tokio::test]
async fn a_failure_that_passes_says_nothing_about_the_condition() {
    let place = Place::s3().await;
    let server = place.server.as_ref().expect("a server");
    before_run(&place.log_location(), "one").await.expect("passes");
    server.plan(Method::PUT, KEPT, 1, Fault::Answer(StatusCode::SERVICE_UNAVAILABLE));
    before_run(&place.log_location(), "two").await.expect("passes the second time");
    server.always(&Method::PUT, KEPT, &Fault::Answer(StatusCode::SERVICE_UNAVAILABLE));
    let error = before_run(&place.log_location(), "three").await.expect_err("never an answer");
    assert_eq!((error.code(), error.exit()), ("E321", Exit::Unreachable), "{error}");
}

#[tokio::test]
async fn an_identity_that_may_not_write_is_named() {
    let place = Place::s3().await;
    let server = place.server.as_ref().expect("a server");
    server.always(&Method::PUT, "", &Fault::Answer(StatusCode::FORBIDDEN));
    let error = before_run(&place.log_location(), "one").await.expect_err("no right to write");
    assert_eq!(error.exit(), Exit::Permission, "{error}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let place = Place::local();
    std::fs::write(place.folder.as_ref().expect("a folder").path().join("_tieout"), b"no folder").expect("a file");
    let error = before_run(&place.log_location(), "one").await.expect_err("no folder");
    assert_ne!(error.code(), "E501", "{error}");
}
