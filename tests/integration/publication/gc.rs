//! What retention keeps stays, whatever happens; what it does not keep goes, a day after it was planned.

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use object_store::ObjectStoreExt as _;
use tieout::controls::rows_of;
use tieout::error::Exit;
use tieout::pipeline::Retention;
use tieout::problem::Problem;
use tieout::publication::gc::{Gc, Swept};
use tieout::publication::verify::{Findings, mails, records, tables};
use tieout::publication::writer::put_file;
use tieout::publication::{
    Action, Candidate, Carried, Closing, Commit, Delivery, Entry, Head, Log, Manifest, ManifestColumn, ManifestFile,
    PublishedFile, Recipient, Record, Tables, derive,
};
use tieout::warehouse::output::sha256_hex;

use super::made::{log, record};
use crate::fixtures::machine::parquet;
use crate::fixtures::places::Place;
use crate::fixtures::s3::Fault;

const DAY: SignedDuration = SignedDuration::from_hours(24);
const STRICT: Retention = Retention { publications: 1, days: 0, orphans: SignedDuration::from_hours(14 * 24) };

/// One output root through time: runs, and the virtual day it is.
struct History {
    log: Log,
    retention: Retention,
    /// Begins when everything is really written.
    now: Timestamp,
    runs: u64,
    committed: Vec<(u64, Timestamp)>,
}

impl History {
    async fn new(place: &Place, retention: Retention) -> Self {
        let log = log(place).await;
        let probe = log.outputs().path("probe").expect("a path");
        log.outputs().store.put(&probe, b"x".to_vec().into()).await.expect("a put");
        let written = log.outputs().head(&probe).await.expect("a head").last_modified;
        let now = Timestamp::try_from(std::time::SystemTime::from(written)).expect("a time");
        log.outputs().store.delete(&probe).await.expect("a delete");
        Self { log, retention, now, runs: 0, committed: Vec::new() }
    }

    fn after(&mut self, days: i32) {
        self.now += DAY * days;
    }

    fn gc(&self) -> Gc<'_> {
        Gc { log: &self.log, retention: self.retention, now: self.now }
    }

    fn run_id(&mut self) -> String {
        self.runs += 1;
        format!("20261105T061700Z-{:016x}", self.runs)
    }

    /// Everything that a run writes before it commits.
    async fn written(&mut self, table: &str, period: &str, content: i128) -> (Record, Tables) {
        let run = self.run_id();
        let bytes = parquet(&[(Some("a"), "2026-10-10T10:00:00Z", content, None)]);
        let path = format!("data/{table}/period={period}/run={run}/part-0.parquet");
        let file = self.put(&path, &bytes).await;
        let file = ManifestFile { path, rows: 1, bytes: bytes.len() as u64, sha256: file };
        let parts = self.log.put_manifests(&[manifest(table, period, vec![file])], &run).await.expect("parts");
        let audit = format!("{{\"run\": \"{run}\"}}");
        let audit_sha256 = Some(self.put(&format!("_tieout/runs/{run}/audit.json"), audit.as_bytes()).await);
        let eml_path = format!("_tieout/runs/{run}/mail/monthly/0123.eml");
        let eml_sha256 = self.put(&eml_path, run.as_bytes()).await;
        let recipient = Recipient { rcpt_hash: "0123".to_owned(), eml_path, eml_sha256 };
        let head = self.log.head().await.expect("a head").map_or(0, |head| head.entry.seq);
        let record = Record {
            run_id: run.clone(),
            audit_sha256,
            left_sha256: None,
            committed_at: self.now,
            owed_since: head + 1,
            deliveries: vec![delivery(&run, period, recipient)],
            ..record(&run)
        };
        (record, parts)
    }

    async fn put(&self, path: &str, bytes: &[u8]) -> String {
        let path = self.log.outputs().path(path).expect("a path");
        put_file(self.log.outputs(), path, bytes).await.expect("a file").sha256
    }

    async fn commit(&mut self, entry: Entry) -> Head {
        let at = entry.record.committed_at;
        match self.log.commit(entry).await.expect("a commit") {
            Commit::Committed(head) => {
                self.committed.push((head.entry.seq, at));
                *head
            }
            Commit::Lost(_) => panic!("lost"),
        }
    }

    async fn publish(&mut self, table: &str, period: &str, content: i128) -> Head {
        let (record, parts) = self.written(table, period, content).await;
        let head = self.log.head().await.expect("a head");
        let closed = head.as_ref().is_some_and(|head| head.entry.closed.contains_key(period));
        let action = if closed { Action::Restate } else { Action::Run };
        let record = Record { action, period: period.to_owned(), ..record };
        let candidate = Candidate { record, parts, carried: Carried::All, close: BTreeMap::new() };
        self.commit(candidate.after(head.as_ref()).expect("an entry")).await
    }

    async fn close(&mut self, period: &str) {
        let head = self.log.head().await.expect("a head").expect("published");
        let run = self.run_id();
        let record =
            Record { action: Action::Close, committed_at: self.now, owed_since: head.entry.seq + 1, ..record(&run) };
        let closing = Closing { by: "Finance".to_owned(), reason: "month end".to_owned(), at: self.now };
        let close = BTreeMap::from([(period.to_owned(), closing)]);
        let candidate = Candidate { record, parts: Tables::new(), carried: Carried::All, close };
        self.commit(candidate.after(Some(&head)).expect("an entry")).await;
    }

    async fn rollback(&mut self, to: u64) {
        let head = self.log.head().await.expect("a head").expect("published");
        let run = self.run_id();
        let record =
            Record { action: Action::Rollback, committed_at: self.now, owed_since: head.entry.seq + 1, ..record(&run) };
        let to = self.log.read(to).await.expect("an entry").entry;
        self.commit(Candidate::rollback(record, &to).after(Some(&head)).expect("an entry")).await;
    }

    /// By the words of the rule alone.
    fn kept(&self) -> Vec<u64> {
        let newest = self.committed.len() as u64;
        let days = DAY * i32::try_from(self.retention.days).expect("a count");
        let keep = |(seq, at): &&(u64, Timestamp)| {
            seq + self.retention.publications > newest || self.now.duration_since(*at) <= days
        };
        self.committed.iter().filter(keep).map(|(seq, _)| *seq).collect()
    }

    async fn assert_kept(&self, what: &str) {
        for seq in self.kept() {
            let problems = self.problems(seq).await;
            assert!(problems.is_empty(), "{what}: publication {seq}: {problems:?}");
        }
        self.assert_closed(what).await;
    }

    /// Every part of a closed period is whole, by the newest entry that has it.
    async fn assert_closed(&self, what: &str) {
        let Some(head) = self.log.head().await.expect("a head") else { return };
        for (table, periods) in &head.entry.tables {
            for (period, part) in periods.iter().filter(|(period, _)| head.entry.closed.contains_key(*period)) {
                let manifest = self.log.manifest(head.entry.seq, part).await.expect(what);
                for file in manifest.files {
                    let path = self.log.outputs().path(&file.path).expect("a path");
                    let bytes = self.log.outputs().read(&path).await.expect(what);
                    assert_eq!(sha256_hex(&bytes), file.sha256, "{what}: {table} {period}");
                }
            }
        }
    }

    async fn problems(&self, seq: u64) -> Vec<Problem> {
        let publication = self.log.at(seq).await.expect("a publication");
        let mut findings = Findings::default();
        let read = |_: &str, _: &PublishedFile, bytes: Bytes| Ok(rows_of(bytes).expect("Parquet"));
        tables(&publication, &mut findings, read).await.expect("an answer");
        records(&publication, &mut findings).await.expect("an answer");
        mails(&publication, &mut findings).await.expect("an answer");
        findings.problems
    }

    async fn plan(&mut self) -> Vec<String> {
        let id = self.run_id();
        let (_, plan) = self.gc().plan(&id).await.expect("a plan");
        plan.map_or_else(Vec::new, |plan| plan.candidates.into_iter().map(|one| one.path).collect())
    }

    async fn sweep(&self) -> Swept {
        self.gc().sweep().await.expect("a sweep")
    }
}

fn manifest(table: &str, period: &str, files: Vec<ManifestFile>) -> Manifest {
    let column = ManifestColumn { name: "amount".to_owned(), kind: "decimal(18,2)".to_owned(), nullable: true };
    Manifest { table: table.to_owned(), period: period.to_owned(), columns: vec![column], files }
}

fn delivery(run: &str, period: &str, recipient: Recipient) -> Delivery {
    Delivery {
        delivery_id: format!("postings/{period}/monthly/{run}"),
        report: "monthly".to_owned(),
        period: period.to_owned(),
        revision: 1,
        recipients: vec![recipient],
        date: Timestamp::UNIX_EPOCH,
        figures_sha256: String::new(),
    }
}

/// Numbers that are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

const PERIODS: [&str; 3] = ["2026-08", "2026-09", "2026-10"];

async fn step(history: &mut History, dice: &mut Dice) -> String {
    let period = PERIODS[usize::try_from(dice.roll(3)).expect("small")];
    let table = ["ledger", "monthly"][usize::try_from(dice.roll(2)).expect("small")];
    let published = history.committed.len() as u64;
    match dice.roll(10) {
        0 => {
            history.written(table, period, 7).await;
            "a killed run".to_owned()
        }
        1 if published > 0 => {
            history.close(period).await;
            format!("close {period}")
        }
        2 if history.kept().len() > 1 => {
            let kept = history.kept();
            let to = kept[usize::try_from(dice.roll(kept.len() as u64)).expect("small")];
            history.rollback(to).await;
            format!("rollback to {to}")
        }
        3 => {
            let days = 1 + dice.roll(12);
            history.after(i32::try_from(days).expect("small"));
            format!("{days} days")
        }
        4 | 5 if published > 0 => format!("plan of {}", history.plan().await.len()),
        6 if published > 0 => format!("{:?}", history.sweep().await),
        _ => {
            let content = i128::from(dice.roll(4));
            history.publish(table, period, content).await;
            format!("publish {table} {period} {content}")
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_history_every_kept_publication_stays_whole() {
    let mut deleted = 0;
    for seed in 1..=24_u64 {
        let place = match seed % 12 {
            0 => Place::s3().await,
            1 => Place::local(),
            _ => Place::memory(),
        };
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let retention = Retention {
            publications: 1 + dice.roll(3),
            days: u32::try_from(dice.roll(10)).expect("small"),
            orphans: DAY * i32::try_from(1 + dice.roll(5)).expect("small"),
        };
        let mut history = History::new(&place, retention).await;
        let mut said = Vec::new();
        for _ in 0..24 {
            let did = step(&mut history, &mut dice).await;
            let swept = did.starts_with("Swept");
            said.push(did);
            if swept {
                history.assert_kept(&format!("seed {seed} in {}: {said:#?}", place.kind)).await;
            }
        }
        if history.committed.is_empty() {
            continue;
        }
        history.after(30);
        let planned = history.plan().await;
        history.after(1);
        let swept = history.sweep().await;
        deleted += swept.deleted;
        history.assert_kept(&format!("seed {seed} at the end: {said:#?}")).await;
        let content = place.content().await;
        let left: Vec<_> = planned.iter().filter(|path| content.contains_key(*path)).collect();
        assert!(left.is_empty(), "seed {seed}: {left:?} stay though nothing was published since");
        assert_eq!(history.sweep().await, Swept::default(), "seed {seed}: all is done");
    }
    assert!(deleted > 100, "the histories leave something to delete: {deleted}");
}

#[tokio::test]
async fn files_of_a_killed_run_go_only_when_they_are_old_and_the_plan_is() {
    for place in Place::all().await {
        let mut history = History::new(&place, Retention::default()).await;
        history.publish("ledger", "2026-10", 1).await;
        let whole = place.content().await;
        history.written("ledger", "2026-10", 2).await;
        history.after(13);
        assert!(history.plan().await.is_empty(), "{}: too young", place.kind);
        history.after(2);
        assert_eq!(history.plan().await.len(), 4, "{}: file, manifest, audit and message", place.kind);
        let early = history.sweep().await;
        assert_eq!((early.deleted, early.waiting), (0, 1), "{}", place.kind);
        history.after(1);
        assert_eq!(history.sweep().await.deleted, 4, "{}", place.kind);
        let mut left = place.content().await;
        let gc: Vec<_> = left.keys().filter(|key| key.starts_with("_tieout/gc/")).cloned().collect();
        assert_eq!(gc.len(), 2, "{}: the plan, and that it is done: {gc:?}", place.kind);
        left.retain(|key, _| !gc.contains(key));
        assert_eq!(left, whole, "{}", place.kind);
        assert_eq!(history.sweep().await, Swept::default(), "{}", place.kind);
    }
}

#[tokio::test]
async fn a_sweep_without_a_plan_does_nothing() {
    let place = Place::local();
    let mut history = History::new(&place, STRICT).await;
    for content in 1..4 {
        history.publish("ledger", "2026-10", content).await;
    }
    history.after(1000);
    let before = place.content().await;
    assert_eq!(history.sweep().await, Swept::default());
    assert_eq!(place.content().await, before);
}

#[tokio::test]
async fn an_interrupted_sweep_is_continued_by_the_next() {
    let place = Place::s3().await;
    let mut history = History::new(&place, STRICT).await;
    for content in 1..12 {
        history.publish("ledger", "2026-10", content).await;
    }
    history.after(20);
    let planned = history.plan().await;
    assert_eq!(planned.len(), 40);
    history.after(1);
    let server = place.server.as_ref().expect("a server");
    for method in [Method::POST, Method::DELETE] {
        server.plan(method, "", 17, Fault::Answer(StatusCode::FORBIDDEN));
    }
    let error = history.gc().sweep().await.expect_err("interrupted");
    assert!([Exit::Permission, Exit::Unreachable].contains(&error.exit()), "{error}");
    let left = place.content().await.keys().filter(|key| planned.contains(key)).count();
    assert!(left > 0 && left < 40, "some are deleted, {left} are left");
    history.assert_kept("after the interruption").await;
    // What was on its way when the first one failed may have been carried out since.
    assert!(history.sweep().await.deleted <= left);
    assert!(!place.content().await.keys().any(|key| planned.contains(key)));
    history.assert_kept("after the next sweep").await;
}

#[tokio::test]
async fn what_was_brought_back_since_the_plan_is_spared() {
    let place = Place::local();
    let mut history = History::new(&place, STRICT).await;
    history.publish("ledger", "2026-10", 1).await;
    history.publish("ledger", "2026-10", 2).await;
    history.after(20);
    assert_eq!(history.plan().await.len(), 4);
    history.after(1);
    history.rollback(1).await;
    let swept = history.sweep().await;
    assert!(swept.spared >= 2, "{swept:?}");
    history.assert_kept("brought back").await;
    history.assert_closed("brought back").await;
}

#[tokio::test]
async fn mail_that_may_still_be_owed_keeps_its_message() {
    let place = Place::local();
    let mut history = History::new(&place, STRICT).await;
    let first = history.publish("ledger", "2026-10", 1).await;
    let message = first.entry.record.deliveries[0].recipients[0].eml_path.clone();
    for (owed_since, stays) in [(1, true), (3, false)] {
        let (record, parts) = history.written("ledger", "2026-10", 1 + owed_since).await;
        let record = Record { owed_since: u64::try_from(owed_since).expect("small"), ..record };
        let head = history.log.head().await.expect("a head");
        let candidate = Candidate { record, parts, carried: Carried::All, close: BTreeMap::new() };
        history.commit(candidate.after(head.as_ref()).expect("an entry")).await;
        history.after(500);
        assert!(!history.plan().await.is_empty());
        history.after(1);
        assert!(history.sweep().await.deleted > 0);
        assert_eq!(place.content().await.contains_key(&message), stays, "owed since {owed_since}");
    }
}

#[tokio::test]
async fn objects_of_others_and_manifests_of_all_runs_stay() {
    let place = Place::local();
    let mut history = History::new(&place, STRICT).await;
    history.publish("ledger", "2026-10", 1).await;
    let run = history.run_id();
    let empty = history.log.put_manifest(&manifest("ledger", "all", Vec::new()), &run).await.expect("a part");
    let hash = "a".repeat(64);
    let foreign = [
        "data/ledger/notes.txt".to_owned(),
        "data/ledger/part-0.parquet".to_owned(),
        "data/ledger/run=mine/part-0.parquet".to_owned(),
        "data/ledger/_delta_log/00000000000000000000.json".to_owned(),
        format!("data/ledger/run={run}/readme.md"),
        format!("_tieout/manifest/{hash}.json"),
        format!("_tieout/manifest/{}.json", empty.manifest_sha256),
        format!("_tieout/runs/{run}/notes.md"),
        "_tieout/mail/postings/2026-10/monthly/r1/0123/ok-1".to_owned(),
        "_tieout/lease/postings/00000000000000000001.json".to_owned(),
        "somewhere/else.parquet".to_owned(),
    ];
    for path in foreign.iter().filter(|path| !path.contains(&empty.manifest_sha256)) {
        place.put(path, b"{}").await;
    }
    history.written("ledger", "2026-10", 2).await;
    history.after(500);
    assert_eq!(history.plan().await.len(), 4, "the killed run's only");
    history.after(1);
    assert_eq!(history.sweep().await.deleted, 4);
    let content = place.content().await;
    let gone: Vec<_> = foreign.iter().filter(|path| !content.contains_key(*path)).collect();
    assert!(gone.is_empty(), "{gone:?}");
}

#[tokio::test]
async fn a_log_or_a_manifest_that_cannot_be_trusted_ends_it() {
    let place = Place::local();
    let mut history = History::new(&place, STRICT).await;
    assert_eq!(history.gc().find().await.expect_err("empty").exit(), Exit::InputMissing);
    for content in 1..4 {
        history.publish("ledger", "2026-10", content).await;
    }
    derive::refresh(&history.log).await.expect("derived");
    history.after(20);
    history.plan().await;
    history.after(1);
    let whole = place.content().await;
    let newest = history.log.head().await.expect("a head").expect("published");
    let manifest = &newest.entry.tables["ledger"]["2026-10"].manifest_sha256;
    for (key, code) in [
        ("_tieout/log/00000000000000000002.json".to_owned(), "E502"),
        ("_tieout/log/00000000000000000003.json".to_owned(), "E502"),
        (format!("_tieout/manifest/{manifest}.json"), "E503"),
    ] {
        place.delete(&key).await;
        let before = place.content().await;
        assert_eq!(history.gc().sweep().await.expect_err(&key).code(), code, "{key}");
        assert_eq!(place.content().await, before, "{key}: nothing is deleted");
        place.put(&key, &whole[&key]).await;
    }
    assert!(history.sweep().await.deleted > 0, "once it is whole again");
}
