//! A log that cannot be trusted is refused, and nothing in it is touched.

use hyper::{Method, StatusCode};
use tieout::error::Exit;
use tieout::publication::{Commit, Log, PublicationError};

use super::made::{candidate, log, part, publish};
use crate::fixtures::places::Place;
use crate::fixtures::s3::Fault;

const SECOND: &str = "_tieout/log/00000000000000000002.json";
const THIRD: &str = "_tieout/log/00000000000000000003.json";

async fn three(place: &Place) -> Log {
    let log = log(place).await;
    for (run, content) in [("r1", "one"), ("r2", "two"), ("r3", "three")] {
        publish(&log, run, "ledger", "2026-10", content).await;
    }
    log
}

async fn refused(place: &Place, log: &Log, what: &str) -> PublicationError {
    let before = place.content().await;
    let error = log.head().await.expect_err(what);
    assert_eq!((error.code(), error.exit()), ("E502", Exit::Definition), "{what}: {error}");
    assert_eq!(tieout::publication::derive::refresh(log).await.expect_err(what).code(), "E502");
    assert_eq!(place.content().await, before, "{what} in {}", place.kind);
    error
}

#[tokio::test]
async fn an_intact_log_gives_its_head() {
    for place in Place::all().await {
        let log = log(&place).await;
        assert_eq!(log.head().await.expect("a head"), None, "{}", place.kind);
        assert!(place.content().await.is_empty(), "looking writes nothing");
        let log = three(&place).await;
        let head = log.verify().await.expect("a head").expect("a head");
        assert_eq!((head.entry.seq, head.entry.record.run_id.as_str()), (3, "r3"), "{}", place.kind);
        assert_eq!(log.read(2).await.expect("an entry").entry.record.run_id, "r2");
        assert_eq!(log.read(4).await.expect_err("no entry").code(), "E503");
    }
}

#[tokio::test]
async fn a_changed_entry_breaks_the_chain() {
    for place in Place::all().await {
        let log = three(&place).await;
        let mut text = place.content().await[SECOND].clone();
        text.push(b' ');
        place.put(SECOND, &text).await;
        refused(&place, &log, "a changed entry").await;
    }
}

#[tokio::test]
async fn a_gap_is_refused() {
    for place in Place::all().await {
        let log = three(&place).await;
        place.delete(SECOND).await;
        refused(&place, &log, "a gap").await;
    }
}

#[tokio::test]
async fn an_entry_that_is_none_is_refused() {
    let place = Place::local();
    let log = three(&place).await;
    let third = place.content().await[THIRD].clone();
    let renumbered = String::from_utf8_lossy(&third).replace("\"seq\": 3", "\"seq\": 4").into_bytes();
    let cut = third[..third.len() / 2].to_vec();
    for (what, bytes) in [("renumbered", renumbered), ("cut", cut), ("empty", Vec::new()), ("other", b"{}".to_vec())] {
        place.put(THIRD, &bytes).await;
        refused(&place, &log, what).await;
    }
    place.put(THIRD, &third).await;
    place.put("_tieout/log/notes.txt", b"hello").await;
    refused(&place, &log, "a stranger").await;
}

#[tokio::test]
async fn a_newer_layout_is_refused() {
    for place in Place::all().await {
        three(&place).await;
        place.put("_tieout/format.json", b"{\"layout\": 2}").await;
        let error = Log::open(&place.stores, &place.url).await.expect_err("an error");
        assert_eq!(error.code(), "E502");
        assert!(error.to_string().contains("layout is 2"), "{error}");
    }
}

#[tokio::test]
async fn a_missing_or_changed_manifest_is_refused() {
    for place in Place::all().await {
        let log = three(&place).await;
        let publication = log.current().await.expect("a publication").expect("a publication");
        let part = &publication.head().entry.tables["ledger"]["2026-10"];
        let key = format!("_tieout/manifest/{}.json", part.manifest_sha256);
        place.put(&key, b"{}").await;
        let error = publication.files("ledger").await.expect_err("changed");
        assert_eq!(error.code(), "E503", "{error}");
        place.delete(&key).await;
        assert_eq!(publication.files("ledger").await.expect_err("missing").code(), "E503");
        assert_eq!(publication.files("nothing").await.expect_err("no table").exit(), Exit::Usage);
    }
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_stands() {
    for fault in [Fault::FailAfter, Fault::DropAfter] {
        let place = Place::s3().await;
        let log = log(&place).await;
        publish(&log, "r1", "ledger", "2026-10", "one").await;
        let server = place.server.as_ref().expect("a server");
        server.plan(Method::PUT, "00002.json", 1, fault);
        let head = publish(&log, "r2", "ledger", "2026-10", "two").await;
        assert_eq!(log.head().await.expect("a head"), Some(head));
    }
}

#[tokio::test]
async fn a_commit_that_fails_leaves_everything_as_it_was() {
    let place = Place::s3().await;
    let log = log(&place).await;
    let head = publish(&log, "r1", "ledger", "2026-10", "one").await;
    let parts = part(&log, "r2", "ledger", "2026-10", "two").await;
    let entry = candidate("r2", parts).after(Some(&head)).expect("an entry");
    let before = place.content().await;
    let server = place.server.as_ref().expect("a server");
    for nth in 1..=3 {
        server.plan(Method::PUT, "00002.json", nth, Fault::Answer(StatusCode::FORBIDDEN));
    }
    assert_eq!(log.commit(entry.clone()).await.expect_err("refused").exit(), Exit::Permission);
    assert_eq!(place.content().await, before);
    assert!(matches!(log.commit(entry).await.expect("a commit"), Commit::Committed(_)), "the same entry, later");
}
