//! What an entry carries forward and when a revision goes up.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tieout::error::Exit;
use tieout::publication::{Action, Candidate, Carried, Closing, Commit, Entry};

use super::made::{candidate, log, part, publish, record};
use crate::fixtures::places::Place;

fn revisions(entry: &Entry) -> Vec<(String, u32, String)> {
    let of = |(table, periods): (&String, &BTreeMap<_, _>)| -> Vec<(String, u32, String)> {
        let one = |(period, part): (&String, &tieout::publication::Part)| {
            (format!("{table} {period}"), part.revision, part.run_id.clone())
        };
        periods.iter().map(one).collect()
    };
    entry.tables.iter().flat_map(of).collect()
}

fn revision(what: &str, revision: u32, run: &str) -> (String, u32, String) {
    (what.to_owned(), revision, run.to_owned())
}

#[tokio::test]
async fn a_revision_goes_up_only_when_the_content_changed() {
    for place in Place::all().await {
        let log = log(&place).await;
        publish(&log, "r1", "ledger", "2026-10", "one").await;
        let same = publish(&log, "r2", "ledger", "2026-10", "one").await;
        assert_eq!(revisions(&same.entry), [revision("ledger 2026-10", 1, "r1")], "{}", place.kind);
        let changed = publish(&log, "r3", "ledger", "2026-10", "two").await;
        assert_eq!(revisions(&changed.entry), [revision("ledger 2026-10", 2, "r3")], "{}", place.kind);
    }
}

#[tokio::test]
async fn other_tables_and_periods_are_carried_forward() {
    let place = Place::local();
    let log = log(&place).await;
    publish(&log, "r1", "ledger", "2026-09", "september").await;
    publish(&log, "r2", "summary", "all", "summary").await;
    let head = publish(&log, "r3", "ledger", "2026-10", "october").await;
    let all =
        [revision("ledger 2026-09", 1, "r1"), revision("ledger 2026-10", 1, "r3"), revision("summary all", 1, "r2")];
    assert_eq!(revisions(&head.entry), all);
    let parts = part(&log, "r4", "ledger", "2026-10", "october again").await;
    let only = |carried| {
        let candidate = Candidate { carried, ..candidate("r4", parts.clone()) };
        revisions(&candidate.after(Some(&head)).expect("an entry"))
    };
    let new = revision("ledger 2026-10", 2, "r4");
    assert_eq!(only(Carried::OtherTables), [new.clone(), revision("summary all", 1, "r2")]);
    assert_eq!(only(Carried::Nothing), [new]);
}

#[tokio::test]
async fn a_rollback_brings_old_content_back_as_a_new_revision() {
    let place = Place::local();
    let log = log(&place).await;
    let first = publish(&log, "r1", "ledger", "2026-10", "one").await;
    let second = publish(&log, "r2", "ledger", "2026-10", "two").await;
    let record = tieout::publication::Record { action: Action::Rollback, ..record("r3") };
    let back = Candidate::rollback(record, &first.entry).after(Some(&second)).expect("an entry");
    assert_eq!(revisions(&back), [revision("ledger 2026-10", 3, "r1")]);
    assert_eq!(
        back.tables["ledger"]["2026-10"].manifest_sha256,
        first.entry.tables["ledger"]["2026-10"].manifest_sha256
    );
}

#[tokio::test]
async fn a_closed_period_changes_only_by_restatement() {
    let place = Place::local();
    let log = log(&place).await;
    let head = publish(&log, "r1", "ledger", "2026-10", "one").await;
    let closing = Closing { by: "Finance".to_owned(), reason: "month end".to_owned(), at: Timestamp::UNIX_EPOCH };
    let close =
        Candidate { close: BTreeMap::from([("2026-10".to_owned(), closing)]), ..candidate("r2", BTreeMap::new()) };
    let Commit::Committed(head) = log.commit(close.after(Some(&head)).expect("an entry")).await.expect("a commit")
    else {
        panic!("lost")
    };
    let same = part(&log, "r3", "ledger", "2026-10", "one").await;
    assert!(candidate("r3", same).after(Some(&head)).is_ok(), "the same content is no change");
    let other = part(&log, "r3", "ledger", "2026-10", "two").await;
    let error = candidate("r3", other.clone()).after(Some(&head)).expect_err("closed");
    assert_eq!((error.code(), error.exit()), ("E507", Exit::Definition));
    let dropped = Candidate { carried: Carried::Nothing, ..candidate("r3", BTreeMap::new()) };
    assert_eq!(dropped.after(Some(&head)).expect_err("closed").code(), "E507");
    let mut restatement = candidate("r3", other);
    restatement.record.action = Action::Restate;
    let entry = restatement.after(Some(&head)).expect("an entry");
    assert_eq!(revisions(&entry), [revision("ledger 2026-10", 2, "r3")]);
    assert!(entry.closed.contains_key("2026-10"), "it stays closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_runs_one_publishes_and_the_others_learn_whose_entry_stands() {
    for place in Place::all().await {
        let log = log(&place).await;
        let base = publish(&log, "r0", "ledger", "2026-10", "zero").await;
        let runs = (0..8).map(|run| {
            let (log, base) = (log.clone(), base.clone());
            tokio::spawn(async move {
                let parts = part(&log, &format!("run-{run}"), "ledger", "2026-10", &format!("content {run}")).await;
                log.commit(candidate(&format!("run-{run}"), parts).after(Some(&base)).expect("an entry")).await
            })
        });
        let mut committed = Vec::new();
        let mut told = Vec::new();
        for outcome in futures::future::join_all(runs).await {
            match outcome.expect("a task").expect("a commit") {
                Commit::Committed(head) => committed.push(head),
                Commit::Lost(head) => told.push(head),
            }
        }
        assert_eq!((committed.len(), told.len()), (1, 7), "{}", place.kind);
        assert!(told.iter().all(|head| *head == committed[0]), "{}", place.kind);
        assert_eq!(log.verify().await.expect("a head").expect("a head"), *committed[0]);
    }
}
