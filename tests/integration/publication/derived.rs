//! What other programs read is exactly what is published.

use std::collections::BTreeMap;

use serde_json::Value;
use tieout::publication::{Manifest, ManifestFile, derive, writer};

use super::made::{candidate, log, publish};
use crate::fixtures::places::Place;

async fn current(place: &Place) -> Value {
    serde_json::from_slice(&place.content().await["current.json"]).expect("JSON")
}

fn copies(content: &BTreeMap<String, Vec<u8>>, table: &str) -> BTreeMap<String, String> {
    let prefix = format!("latest/{table}/");
    let copy = |(key, bytes): (&String, &Vec<u8>)| {
        let name = key.strip_prefix(&prefix).filter(|name| *name != "_SEQ")?;
        Some((name.to_owned(), String::from_utf8_lossy(bytes).into_owned()))
    };
    content.iter().filter_map(copy).collect()
}

#[tokio::test]
async fn current_json_lists_exactly_the_published_files() {
    for place in Place::all().await {
        let log = log(&place).await;
        assert_eq!(derive::refresh(&log).await.expect("nothing to do"), None);
        publish(&log, "r1", "ledger", "2026-09", "september").await;
        publish(&log, "r2", "ledger", "2026-10", "october").await;
        publish(&log, "r3", "ledger", "2026-10", "october again").await;
        assert_eq!(derive::refresh(&log).await.expect("derived"), Some(3), "{}", place.kind);
        let current = current(&place).await;
        let publication = log.current().await.expect("a publication").expect("a publication");
        let files = publication.files("ledger").await.expect("files");
        let addresses: Vec<_> = files.iter().map(|file| Value::from(file.address.clone())).collect();
        assert_eq!(current["seq"], 3);
        assert_eq!(current["tables"]["ledger"]["files"], Value::Array(addresses), "{}", place.kind);
        assert_eq!(current["tables"]["ledger"]["rows"], 6);
        let contents: Vec<_> = futures::future::join_all(files.iter().map(|file| log.outputs().read(&file.path))).await;
        let contents: Vec<_> = contents.into_iter().map(|bytes| bytes.expect("bytes")).collect();
        assert_eq!(contents, ["september", "october again"], "{}", place.kind);
        let sql = String::from_utf8(place.content().await["current.sql"].clone()).expect("text");
        assert!(files.iter().all(|file| sql.contains(&format!("'{}'", file.address))), "{sql}");
        assert!(!sql.contains("run=r2/"), "{sql}");
    }
}

#[tokio::test]
async fn copies_follow_the_publication_and_what_is_no_longer_there_goes() {
    for place in Place::all().await {
        let log = log(&place).await;
        publish(&log, "r1", "ledger", "2026-09", "september").await;
        let first = publish(&log, "r2", "ledger", "2026-10", "october").await;
        derive::refresh(&log).await.expect("derived");
        let two = BTreeMap::from([
            ("2026-09-00000.parquet".to_owned(), "september".to_owned()),
            ("2026-10-00000.parquet".to_owned(), "october".to_owned()),
        ]);
        assert_eq!(copies(&place.content().await, "ledger"), two, "{}", place.kind);
        let mut parts = first.entry.tables.clone();
        parts.entry("ledger".to_owned()).or_default().remove("2026-09");
        let mut smaller = candidate("r3", parts);
        smaller.carried = tieout::publication::Carried::Nothing;
        log.commit(smaller.after(Some(&first)).expect("an entry")).await.expect("a commit");
        derive::refresh(&log).await.expect("derived");
        let content = place.content().await;
        assert_eq!(copies(&content, "ledger").into_keys().collect::<Vec<_>>(), ["2026-10-00000.parquet"]);
        let marker: Value = serde_json::from_slice(&content["latest/ledger/_SEQ"]).expect("JSON");
        assert_eq!((&marker["seq"], &marker["complete"]), (&Value::from(3), &Value::from(true)));
        assert!(content.keys().any(|key| key.contains("period=2026-09/run=r1")), "data stays: {}", place.kind);
    }
}

#[tokio::test]
async fn everything_derived_can_be_rebuilt() {
    for place in Place::all().await {
        let log = log(&place).await;
        publish(&log, "r1", "ledger", "2026-09", "september").await;
        publish(&log, "r2", "summary", "all", "summary").await;
        derive::refresh(&log).await.expect("derived");
        let before = place.content().await;
        for key in before.keys().filter(|key| key.starts_with("latest/") || key.starts_with("current")) {
            place.delete(key).await;
        }
        derive::refresh(&log).await.expect("derived");
        assert_eq!(place.content().await, before, "{}", place.kind);
    }
}

#[tokio::test]
async fn names_with_odd_characters_are_kept() {
    let odd = ["a b", "it's", "100%", "a%41", "plus+and&", "ü€", "a[1]", "{x}", "a=b=c", "#x", "~tilde", "q\"uote"];
    for place in Place::all().await {
        let log = log(&place).await;
        let mut files = Vec::new();
        for name in odd {
            let path = format!("data/t/{name}/part {name}.parquet");
            let at = log.outputs().path(&path).expect("a path");
            let written = writer::put_file(log.outputs(), at, name.as_bytes()).await.expect("a file");
            files.push(ManifestFile { path, rows: 1, bytes: written.bytes, sha256: written.sha256 });
        }
        let manifest = Manifest { table: "t".to_owned(), period: "all".to_owned(), columns: Vec::new(), files };
        let parts = log.put_manifests(&[manifest], "r1").await.expect("parts");
        log.commit(candidate("r1", parts).after(None).expect("an entry")).await.expect("a commit");
        derive::refresh(&log).await.expect("derived");
        let publication = log.current().await.expect("a publication").expect("a publication");
        for (file, name) in publication.files("t").await.expect("files").iter().zip(odd) {
            let by_url = place.stores.open(&file.url).expect("a location");
            assert_eq!(by_url.root, file.path, "{name} in {}", place.kind);
            assert_eq!(by_url.read(&by_url.root).await.expect("bytes"), name, "{}", place.kind);
            if place.kind == "file" {
                assert_eq!(std::fs::read_to_string(&file.address).expect("a file"), name);
            }
        }
        assert_eq!(copies(&place.content().await, "t").len(), odd.len());
    }
}
