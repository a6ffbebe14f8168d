//! Made-up runs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tieout::publication::writer::put_file;
use tieout::publication::{
    Action, Candidate, Carried, Commit, Head, Log, Manifest, ManifestColumn, ManifestFile, Record, Tables,
};

use crate::fixtures::places::Place;

pub async fn log(place: &Place) -> Log {
    Log::open(&place.stores, &place.url).await.expect("a log")
}

pub fn record(run: &str) -> Record {
    Record {
        action: Action::Run,
        pipeline: "postings".to_owned(),
        run_id: run.to_owned(),
        nonce: format!("nonce of {run}"),
        fingerprint: format!("fingerprint of {run}"),
        binary_version: "0.1.0".to_owned(),
        period: "2026-10".to_owned(),
        as_of: Timestamp::UNIX_EPOCH,
        params: BTreeMap::new(),
        config_sha256: String::new(),
        sql_sha256: BTreeMap::new(),
        template_sha256: BTreeMap::new(),
        inputs_sha256: String::new(),
        audit_sha256: None,
        left_sha256: None,
        deliveries: Vec::new(),
        owed_since: 0,
        by: None,
        reason: None,
        committed_at: Timestamp::UNIX_EPOCH,
    }
}

/// A table's period with one file of this content, written by a run.
pub async fn part(log: &Log, run: &str, table: &str, period: &str, content: &str) -> Tables {
    let path = format!("data/{table}/period={period}/run={run}/part-0.parquet");
    let written = put_file(log.outputs(), log.outputs().path(&path).expect("a path"), content.as_bytes()).await;
    let written = written.expect("a file");
    let file = ManifestFile { path, rows: 3, bytes: written.bytes, sha256: written.sha256 };
    let column = ManifestColumn { name: "amount".to_owned(), kind: "decimal(18,4)".to_owned(), nullable: false };
    let manifest =
        Manifest { table: table.to_owned(), period: period.to_owned(), columns: vec![column], files: vec![file] };
    log.put_manifests(&[manifest], run).await.expect("parts")
}

pub fn candidate(run: &str, parts: Tables) -> Candidate {
    Candidate { record: record(run), parts, carried: Carried::All, close: BTreeMap::new() }
}

/// A run that writes one file and publishes it after the head there is.
pub async fn publish(log: &Log, run: &str, table: &str, period: &str, content: &str) -> Head {
    let parts = part(log, run, table, period, content).await;
    let head = log.head().await.expect("a head");
    let entry = candidate(run, parts).after(head.as_ref()).expect("an entry");
    match log.commit(entry).await.expect("a commit") {
        Commit::Committed(head) => *head,
        Commit::Lost(head) => panic!("lost to {}", head.entry.record.run_id),
    }
}
