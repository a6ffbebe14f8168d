//! What nothing has changed since an earlier run is not computed again, and nobody can tell from what is published.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::verified::{newest, verify};
use crate::fixtures::machine::parquet;
use crate::fixtures::project::{Ended, Project};
use crate::fixtures::shop::{MONTH, Shop};

const PIPELINE: &str = "shop/pipelines/channel_contribution.yaml";
const BEFORE: &str = "2026-01";
const SAME: &str = "the same as before";
const AGAIN: &str = "computed again";

/// The intakes and periods of which a run says this.
pub fn told(ended: &Ended, message: &str) -> Vec<String> {
    let lines = ended.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let said = lines.filter(|line| line["message"] == message);
    said.map(|line| line["part"].as_str().unwrap_or_default().to_owned()).collect()
}

/// A shop with a publication of these very files: those of a copy are others to the store.
fn published_shop() -> Shop {
    let shop = Shop::published();
    let first = run_shop(&shop);
    assert_eq!((first.code, told(&first, SAME)), (0, Vec::new()), "{first:?}");
    shop
}

fn run_shop(shop: &Shop) -> Ended {
    shop.tieout(&["run", PIPELINE, "--period", MONTH, "--log", "info"])
}

#[test]
fn a_changed_file_has_its_own_month_computed_again_and_no_other() {
    let shop = published_shop();
    let direct = [("utm_source", "null"), ("utm_medium", "null"), ("utm_campaign", "null")];
    shop.set("orders", &direct, "order_id like '%03'");
    let changed = run_shop(&shop);
    let before = vec![BEFORE.to_owned(), format!("period-{BEFORE}")];
    assert_eq!((changed.code, told(&changed, SAME)), (0, before), "{changed:?}");
    let verified = shop.tieout(&["verify", PIPELINE, "--recompute"]);
    assert!(verified.code == 0 && verified.stdout.contains("byte for byte the same"), "{verified:?}");

    // A report only reads what is computed.
    shop.edit("reports/contribution_finance/subject.txt", "Channel", "The channel");
    let changed = run_shop(&shop);
    let both = vec![MONTH.to_owned(), BEFORE.to_owned(), format!("period-{BEFORE}"), format!("period-{MONTH}")];
    assert_eq!((changed.code, told(&changed, SAME)), (0, both), "{changed:?}");
}

#[test]
fn rows_for_an_older_month_and_tables_that_are_read_whole_have_that_month_computed_again_too() {
    let shop = published_shop();
    shop.set("refunds", &[("tax", "tax + 0.01")], "kind = 'return' and currency = 'EUR'");
    let changed = run_shop(&shop);
    assert!(told(&changed, SAME).is_empty(), "{changed:?}");

    shop.edit("pipelines/reference/suspense_reasons.csv", "finance@shop.example", "books@shop.example");
    let changed = run_shop(&shop);
    assert!(told(&changed, SAME).is_empty(), "{changed:?}");
}

#[test]
fn an_as_of_that_cuts_off_nothing_else_leaves_what_has_not_changed() {
    let shop = published_shop();
    let as_of = |as_of: &str| {
        let ended = shop.tieout(&["run", PIPELINE, "--period", MONTH, "--as-of", as_of, "--log", "info"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        let verified = shop.tieout(&["verify", PIPELINE, "--recompute"]);
        assert!(verified.code == 0 && verified.stdout.contains("byte for byte the same"), "{verified:?}");
        told(&ended, SAME).into_iter().filter(|part| !part.starts_with("period-")).collect::<Vec<_>>()
    };
    assert_eq!(as_of("2026-03-05T00:00:00Z"), [BEFORE], "the newest files have rows of later days");
    assert_eq!(as_of("2026-02-20T00:00:00Z"), [""; 0], "what waits for the older month is cut off, too");
    assert_eq!(as_of("2026-02-20T01:00:00Z"), [BEFORE]);
}

/// A project with two months, published.
fn published() -> Project {
    let project = Project::new();
    project.postings("2026-09", &[(Some("s"), "2026-09-10T10:00:00Z", 500, None)]);
    assert_eq!(project.run().code, 0);
    project
}

fn run(project: &Project, more: &[&str]) -> Ended {
    project.tieout(&[&["run", "pipelines/postings.yaml", "--period", "2026-10", "--log", "info"], more].concat())
}

/// The newer month's file with another amount.
fn change(project: &Project, cents: i128) {
    project.postings("2026-10", &[(Some("a"), "2026-10-10T10:00:00Z", cents, None)]);
}

/// Runs, says of which months something was told, and proves that everything is as if computed whole.
fn run_and_verify(project: &Project, more: &[&str], message: &str) -> Vec<String> {
    let ended = run(project, more);
    assert_eq!(ended.code, 0, "{ended:?}");
    let verified = verify(project, &["--recompute"]);
    assert!(verified.code == 0 && verified.stdout.contains("byte for byte the same"), "{verified:?}");
    told(&ended, message)
}

#[test]
fn what_is_damaged_or_gone_is_computed_again() {
    let project = published();
    let damages = [|path: &PathBuf| fs::write(path, b"tieout part 1\n"), |path: &PathBuf| fs::remove_file(path)];
    for (damage, cents) in damages.into_iter().zip([2000, 3000]) {
        damage(&newest(&project, "out", "parts/2026-09.part")).expect("damages");
        change(&project, cents);
        assert_eq!(run_and_verify(&project, &[], AGAIN), ["2026-09"]);
    }
    change(&project, 4000);
    assert_eq!(run_and_verify(&project, &[], SAME), ["2026-09"]);

    fs::write(newest(&project, "out", "left.json"), b"{}").expect("writes");
    change(&project, 5000);
    assert_eq!(run_and_verify(&project, &[], SAME), [""; 0]);
}

#[test]
fn a_key_of_a_month_that_is_not_read_again_is_still_found_in_a_changed_file() {
    let project = published();
    let shared = || project.postings("2026-10", &[(Some("s"), "2026-10-10T10:00:00Z", 100, None)]);
    let refused = |message: &str| {
        let ended = run(&project, &[]);
        assert!(ended.code == 65 && ended.stderr.contains("E311"), "{ended:?}");
        assert!(ended.stderr.contains("month=2026-09") && ended.stderr.contains("month=2026-10"), "{ended:?}");
        assert_eq!(told(&ended, message), ["2026-09"]);
    };
    shared();
    refused(SAME);
    fs::write(newest(&project, "out", "parts/2026-09-postings.keys"), b"tkeys 1\n").expect("writes");
    refused(AGAIN);
    change(&project, 2000);
    assert_eq!(run_and_verify(&project, &[], AGAIN), ["2026-09"]);
    shared();
    refused(SAME);
}

#[test]
fn a_shared_key_is_found_among_many_when_an_unchanged_month_is_read_again_after_all() {
    let ids: Vec<String> = (0..3000).map(|id| format!("s{id}")).collect();
    let rows: Vec<_> = ids.iter().map(|id| (Some(id.as_str()), "2026-09-10T10:00:00Z", 100, None)).collect();
    for shared in ["s1", "s1000", "s2000", "s2999"] {
        let project = Project::new();
        project.postings("2026-09", &rows);
        assert_eq!(project.run().code, 0);
        fs::remove_file(newest(&project, "out", "parts/2026-09.part")).expect("removes");
        project.postings("2026-10", &[(Some(shared), "2026-10-10T10:00:00Z", 100, None)]);
        let ended = run(&project, &[]);
        assert!(
            ended.code == 65 && ended.stderr.contains("E311") && ended.stderr.contains(shared),
            "{shared}: {ended:?}"
        );
        assert_eq!(told(&ended, AGAIN), ["2026-09"]);
    }
}

#[test]
fn a_published_file_that_is_damaged_is_not_used_again() {
    let project = published();
    let left: Value =
        serde_json::from_slice(&fs::read(newest(&project, "out", "left.json")).expect("a file")).expect("JSON");
    let parts = left["parts"].as_object().expect("parts").values();
    let files = parts.flat_map(|part| part["files"].as_array().expect("files"));
    let mut paths = files.map(|file| file["path"].as_str().expect("a path"));
    let ledger = project.path("out").join(paths.find(|path| path.contains("2026-09")).expect("the older month's"));
    let bytes = fs::read(&ledger).expect("a file");
    fs::write(&ledger, &bytes[..bytes.len() - 1]).expect("writes");
    change(&project, 2000);
    let changed = run(&project, &[]);
    assert_eq!((changed.code, told(&changed, AGAIN)), (0, vec!["2026-09".to_owned()]), "{changed:?}");
}

#[test]
fn another_definition_and_force_have_everything_computed_again() {
    let project = published();
    change(&project, 2000);
    assert_eq!(run_and_verify(&project, &["--force"], SAME), [""; 0]);
    assert_eq!(run_and_verify(&project, &["--force"], AGAIN), [""; 0], "what is forced looks at nothing");
    project.file(
        "sql/ledger.sql",
        b"-- one row per posting, doubled\nselect id, local_day(at) as booked_on, cast(amount * 2 as decimal(18,2)) as amount from postings",
    );
    project.pipeline("left: {source: postings, sum: amount}", "left: {source: postings, sum: amount + amount}");
    assert_eq!(run_and_verify(&project, &[], SAME), [""; 0]);
}

#[test]
fn an_older_month_that_changes_leaves_the_newer_one_as_it_is() {
    let project = published();
    project.file("in/postings/month=2026-09/part.parquet", &parquet(&[(Some("s"), "2026-09-10T10:00:00Z", 700, None)]));
    assert_eq!(run_and_verify(&project, &[], SAME), ["2026-10"]);
}
