//! `verify --recompute`: the same inputs by the same definition give the same bytes, and anything else is told.

use std::fs;

use tieout::publication::Manifest;

use super::verified::{content, newest, verify};
use crate::fixtures::machine::parquet;
use crate::fixtures::project::Project;

fn published() -> Project {
    let project = Project::new();
    project.postings("2026-09", &[(Some("s"), "2026-09-10T10:00:00Z", 500, None)]);
    assert_eq!(project.run().code, 0);
    project
}

#[test]
fn a_recomputed_publication_is_byte_for_byte_the_same() {
    let project = published();
    project.pipeline("currency: EUR", "currency: EUR\nengine: {scratch: ../scratch}");
    let before = content(&project, "out");
    let ended = verify(&project, &["--recompute"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("2 files, byte for byte the same"), "{ended:?}");
    assert_eq!(content(&project, "out"), before, "the outputs are only read");
    assert_eq!(fs::read_dir(project.path("scratch")).expect("a folder").count(), 0, "the rebuilt files are gone");
}

#[test]
fn files_that_came_later_are_no_part_of_it() {
    let project = published();
    project.postings("2026-08", &[(Some("late"), "2026-08-10T10:00:00Z", 700, None)]);
    let ended = verify(&project, &["--recompute"]);
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn inputs_that_changed_or_are_gone_are_all_named() {
    let project = published();
    project.postings("2026-10", &[(Some("a"), "2026-10-10T10:00:00Z", 1001, None)]);
    fs::remove_file(project.path("in/postings/month=2026-09/part.parquet")).expect("removes");
    let ended = verify(&project, &["--recompute"]);
    assert_eq!(ended.code, 75, "{ended:?}");
    let told: Vec<_> = ended.stdout.lines().filter(|line| line.contains("error[E312]")).collect();
    assert_eq!(told.len(), 2, "{ended:?}");
    assert!(told[0].contains("month=2026-09/part.parquet") && told[0].contains("is gone"), "{told:?}");
    assert!(told[1].contains("month=2026-10/part.parquet") && told[1].contains("has been changed"), "{told:?}");
    assert_eq!(verify(&project, &[]).code, 0, "what is published is what it was");
}

#[test]
fn a_changed_definition_is_named_by_its_file() {
    let project = published();
    project.file("sql/ledger.sql", b"-- doubled\nselect id, local_day(at) as booked_on, amount from postings");
    project.file("checks/negative.sql", b"-- none\nselect id as detail, amount from postings where amount < -1");
    project.file("reports/monthly/subject.txt", b"Other {{ period }}");
    project.pipeline("currency: EUR", "currency: USD");
    let ended = verify(&project, &["--recompute"]);
    assert_eq!(ended.code, 78, "{ended:?}");
    for words in [
        "pipelines/postings.yaml",
        "`ledger` is not the one of the publication",
        "sql/ledger.sql",
        "`check:negative`",
        "`monthly/subject.txt`",
    ] {
        assert!(ended.stdout.contains(words), "{words}: {}", ended.stdout);
    }
    assert_eq!(ended.stdout.matches("error[E515]").count(), 4, "{}", ended.stdout);
}

#[test]
fn tables_that_the_inputs_do_not_give_are_named_with_their_rows() {
    let project = published();
    let file = newest(&project, "out/data", "period=2026-10");
    let more =
        parquet(&[(Some("a"), "2026-10-10T10:00:00Z", 1000, None), (Some("b"), "2026-10-10T10:00:00Z", 1, None)]);
    fs::write(&file, &more).expect("writes");
    let log = project.path("out/_tieout/log/00000000000000000001.json");
    let mut entry: serde_json::Value = serde_json::from_slice(&fs::read(&log).unwrap()).expect("JSON");
    let part = &mut entry["tables"]["ledger"]["2026-10"];
    let folder = project.path("out/_tieout/manifest");
    let named = folder.join(format!("{}.json", part["manifest_sha256"].as_str().expect("a hash")));
    let mut manifest: Manifest = serde_json::from_slice(&fs::read(named).unwrap()).expect("a manifest");
    manifest.files[0].rows = 2;
    manifest.files[0].bytes = more.len() as u64;
    manifest.files[0].sha256 = tieout::warehouse::output::sha256_hex(&more);
    let text = serde_json::to_vec_pretty(&manifest).expect("JSON");
    let sha256 = tieout::warehouse::output::sha256_hex(&text);
    fs::write(folder.join(format!("{sha256}.json")), text).expect("writes");
    part["manifest_sha256"] = sha256.into();
    part["content_sha256"] = manifest.content_sha256().into();
    part["rows"] = 2.into();
    fs::write(&log, serde_json::to_vec_pretty(&entry).expect("JSON")).expect("writes");
    let ended = verify(&project, &["--recompute"]);
    assert_eq!(ended.code, 65, "{ended:?}");
    let told = "error[E517]: ledger 2026-10 is not the same: published with 2 rows, recomputed with 1";
    assert!(ended.stdout.contains(told), "{}", ended.stdout);
    assert!(!ended.stdout.contains("ledger 2026-09"), "{}", ended.stdout);
    assert!(ended.stdout.contains("error[E508]"), "and the independent totals differ: {}", ended.stdout);
}
