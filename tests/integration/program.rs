//! The program as its user starts it: outcomes, exit codes, and what is left untouched when it fails.

mod arrivals;
mod at_once;
mod collected;
mod contracts;
mod damaged;
mod damaged_mail;
mod deliveries;
mod due;
mod exhausted;
mod killed;
mod mailed;
mod ndjson;
mod owed;
mod recomputed;
mod rendered;
mod reused;
mod seen;
mod status;
mod stopped;
mod store_faults;
mod told;
mod verified;
mod within_memory;
mod work;

use std::fs;

use hyper::Method;

use crate::fixtures::machine::parquet;
use crate::fixtures::places::Place;
use crate::fixtures::project::{Ended, Project};
use crate::fixtures::s3::Fault;

#[test]
fn a_run_publishes_and_mails_and_the_next_one_finds_nothing_due() {
    let project = Project::new();
    let first = project.run();
    assert_eq!(first.code, 0, "{first:?}");
    assert!(first.stdout.contains("published postings 2026-10 (publication 1, revision 1)"), "{first:?}");
    assert_eq!(project.mails().len(), 1);
    let second = project.run();
    assert_eq!(second.code, 0, "{second:?}");
    assert!(second.stdout.contains("nothing due"), "{second:?}");
    assert_eq!(project.mails().len(), 1, "not mailed twice");
    assert_eq!(project.current().expect("published")["seq"], 1);
}

#[test]
fn a_forced_run_gives_the_same_bytes_and_mails_nobody_again() {
    let project = Project::new();
    assert_eq!(project.run().code, 0);
    let digests = || {
        let mut digests: Vec<_> =
            files_below(&project.path("out/data")).iter().map(|file| fs::read(file).unwrap()).collect();
        digests.sort();
        digests.dedup();
        digests
    };
    let before = digests();
    let forced = project.tieout(&["run", "pipelines/postings.yaml", "--period", "2026-10", "--force"]);
    assert_eq!(forced.code, 0, "{forced:?}");
    assert!(forced.stdout.contains("(publication 2, revision 1)"), "{forced:?}");
    assert_eq!(before, digests(), "another file holds other bytes");
    assert_eq!(project.mails().len(), 1);
}

#[test]
fn a_changed_figure_is_mailed_again_as_the_next_revision() {
    let project = Project::new();
    assert_eq!(project.run().code, 0);
    project.postings("2026-10", &[(Some("a"), "2026-10-10T10:00:00Z", 1001, None)]);
    let second = project.run();
    assert!(second.stdout.contains("(publication 2, revision 2)"), "{second:?}");
    assert_eq!(project.mails().len(), 2);
}

#[test]
fn a_blocking_check_holds_publication_and_mail() {
    let project = Project::new();
    assert_eq!(project.run().code, 0);
    let before = project.current();
    project.postings("2026-10", &[(Some("a"), "2026-10-10T10:00:00Z", -5, None)]);
    let held = project.run();
    assert_eq!(held.code, 79, "{held:?}");
    assert!(held.stdout.contains("HELD") && held.stdout.contains("[BLOCK] negative: a, amount -0.05"), "{held:?}");
    untouched(&project, before.as_ref());
}

#[test]
fn money_that_falls_out_of_a_model_is_seen_by_the_independent_totals() {
    let project = Project::new();
    project.file(
        "sql/ledger.sql",
        b"-- loses one\nselect id, local_day(at) as booked_on, amount from postings where id <> 'a'",
    );
    let held = project.run();
    assert_eq!(held.code, 79, "{held:?}");
    assert!(held.stdout.contains("control_total:amount: left 10.00, right 0, amount 10.00"), "{held:?}");
    assert!(project.current().is_none() && project.mails().is_empty());
}

#[test]
fn an_input_that_breaks_its_contract_is_named_and_nothing_is_touched() {
    let good = parquet(&[(Some("b"), "2026-09-10T10:00:00Z", 5, None)]);
    let truncated = good[..good.len() / 2].to_vec();
    for (bytes, code, exit) in
        [(truncated, "E303", 65), (Vec::new(), "E302", 65), (b"no parquet at all".to_vec(), "E303", 65)]
    {
        let project = Project::new();
        assert_eq!(project.run().code, 0);
        let before = project.current();
        project.file("in/postings/month=2026-09/part.parquet", &bytes);
        fails(&project.run(), exit, code, "month=2026-09");
        untouched(&project, before.as_ref());
    }
}

#[test]
fn a_column_that_is_missing_or_of_another_type_is_named() {
    let project = Project::new();
    project.pipeline("reverses: text null", "reverses: integer null");
    fails(&project.run(), 65, "E307", "`reverses` is Utf8");
    let project = Project::new();
    project.pipeline("      reverses: text null", "      reversed: text null");
    fails(&project.run(), 65, "E305", "did you mean `reverses`?");
}

#[test]
fn a_source_without_files_is_missing_input() {
    let project = Project::new();
    fs::remove_dir_all(project.path("in/postings")).expect("removes");
    fails(&project.run(), 66, "E300", "postings/month=*");
}

#[test]
fn a_source_whose_files_are_all_of_later_periods_is_missing_input() {
    let project = Project::new();
    let ended = project.tieout(&["run", "pipelines/postings.yaml", "--period", "2001-01"]);
    fails(&ended, 66, "E300", "periods after 2001-01");
    assert!(project.current().is_none(), "nothing is published");
}

#[test]
fn a_definition_that_is_wrong_is_told_before_anything_is_read() {
    let cases: [(&str, &str, &str, &str); 4] = [
        ("Fin <fin@shop.example>", "fin@127.0.0.1", "E610", "audiences"),
        (
            "{directory: ../outbox}",
            "{smtp: {host: relay.example, port: 587, username: u, password: 'env:NOT_SET'}}",
            "E115",
            "NOT_SET",
        ),
        ("period: booked_on", "period: booked_at", "E120", "did you mean `booked_on`?"),
        ("owner: data@shop.example\ncalendar", "ower: data@shop.example\ncalendar", "E105", "did you mean `owner`?"),
    ];
    for (from, to, code, words) in cases {
        let project = Project::new();
        project.pipeline(from, to);
        let ended = project.run();
        assert_eq!(ended.code, 78, "{ended:?}");
        assert!(ended.stderr.contains(code) && (words == "audiences" || ended.stderr.contains(words)), "{ended:?}");
        assert!(ended.stderr.contains("pipelines/postings.yaml:"), "with file and line: {ended:?}");
        assert!(!project.path("out").exists());
    }
}

#[test]
fn sql_and_templates_are_judged_before_anything_is_read() {
    let project = Project::new();
    project.file("sql/ledger.sql", b"-- wrong\nselect id, local_day(at) as booked_on, amuont as amount from postings");
    project.file("checks/clock.sql", b"-- wrong\nselect id from postings where at > now()");
    let ended = project.tieout(&["validate", "pipelines/postings.yaml"]);
    fails(&ended, 78, "E201", "ledger.sql:2:");
    let project = Project::new();
    project.file("checks/clock.sql", b"-- wrong\nselect id from postings where at > now()");
    project.file("reports/monthly/body.txt", b"{% if typo %}{% endif %}");
    let ended = project.tieout(&["validate", "pipelines/postings.yaml"]);
    fails(&ended, 78, "E601", "typo");
}

#[test]
fn a_control_total_of_an_unknown_column_is_told_with_its_line() {
    let project = Project::new();
    project.pipeline("{source: postings, sum: amount}", "{source: postings, sum: amuont}");
    let ended = project.tieout(&["validate", "pipelines/postings.yaml"]);
    fails(&ended, 78, "E120", "pipelines/postings.yaml:29:3");
    assert!(ended.stderr.contains("amuont"), "{ended:?}");
}

#[test]
fn two_deployments_of_one_pipeline_send_messages_of_different_identity() {
    let ids = [Project::new(), Project::new()].map(|project| {
        assert_eq!(project.run().code, 0);
        let mails = project.mails();
        let id = mails[0].lines().find(|line| line.to_lowercase().starts_with("message-id:"));
        id.expect("a Message-ID").to_owned()
    });
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn a_relay_that_is_not_there_leaves_the_publication_and_owes_the_mail() {
    let project = Project::new();
    project.pipeline("{directory: ../outbox}", "{smtp: {host: 127.0.0.1, port: 1, tls: plaintext_loopback}}");
    let ended = project.run();
    assert_eq!(ended.code, 69, "{ended:?}");
    assert!(ended.stdout.contains("E622") && ended.stdout.contains("f***@shop.example"), "{ended:?}");
    assert_eq!(project.current().expect("published")["seq"], 1);
    project.pipeline("{smtp: {host: 127.0.0.1, port: 1, tls: plaintext_loopback}}", "{directory: ../outbox}");
    let again = project.run();
    assert!(again.code == 0 && again.stdout.contains("nothing due"), "{again:?}");
    assert_eq!(project.mails().len(), 1, "the next run delivers what is owed");
}

#[test]
fn published_tables_answer_queries_and_render_without_being_sent() {
    let project = Project::new();
    let early = project.tieout(&["query", "pipelines/postings.yaml", "select 1"]);
    assert_eq!(early.code, 66, "{early:?}");
    assert_eq!(project.run().code, 0);
    let answer =
        project.tieout(&["query", "pipelines/postings.yaml", "select id, amount from ledger", "--output", "csv"]);
    assert_eq!(answer.stdout, "id,amount\na,10.00\n", "{answer:?}");
    let none = "select id, amount from ledger where amount < 0";
    let nothing = project.tieout(&["query", "pipelines/postings.yaml", none, "--output", "csv"]);
    assert_eq!(nothing.stdout, "id,amount\n", "what finds nothing still has columns: {nothing:?}");
    let nothing = project.tieout(&["query", "pipelines/postings.yaml", none]);
    assert!(nothing.stdout.contains("| id | amount |"), "{nothing:?}");
    let refused = project.tieout(&["query", "pipelines/postings.yaml", "drop table ledger"]);
    fails(&refused, 78, "E202", "only one SELECT");
    let rendered = project.tieout(&["render", "pipelines/postings.yaml", "--to", "shown"]);
    assert_eq!(rendered.code, 0, "{rendered:?}");
    assert!(fs::read_to_string(project.path("shown/monthly/body.html")).expect("rendered").contains("10.00"));
    assert_eq!(project.mails().len(), 1);
}

#[test]
fn a_plan_says_what_would_be_done_and_changes_nothing() {
    let project = Project::new();
    let plan = project.tieout(&["plan", "pipelines/postings.yaml", "--period", "2026-10"]);
    assert_eq!(plan.code, 0, "{plan:?}");
    assert!(plan.stdout.contains("postings 2026-10 as of 2026-10-31T23:00:00Z: due"), "{plan:?}");
    assert!(plan.stdout.contains("f***@shop.example") && !plan.stdout.contains("fin@shop.example"), "{plan:?}");
    assert!(!project.path("out/_tieout").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_the_same_on_every_store() {
    for place in Place::all().await {
        let project = Project::new();
        place
            .put("in/postings/month=2026-10/part.parquet", &parquet(&[(Some("a"), "2026-10-10T10:00:00Z", 1000, None)]))
            .await;
        project.pipeline(
            "{inputs: ../in, outputs: ../out}",
            &format!("{{inputs: '{0}in', outputs: '{0}out'}}", place.url),
        );
        let environment = place.environment.clone();
        let (first, second, project) = tokio::task::spawn_blocking(move || {
            (project.run_with(&environment), project.run_with(&environment), project)
        })
        .await
        .expect("runs");
        assert_eq!(first.code, 0, "{}: {first:?}", place.kind);
        assert!(first.stdout.contains("publication 1, revision 1"), "{}: {first:?}", place.kind);
        assert!(second.code == 0 && second.stdout.contains("nothing due"), "{}: {second:?}", place.kind);
        assert_eq!(project.mails().len(), 1, "{}", place.kind);
        let content = place.content().await;
        let current: serde_json::Value = serde_json::from_slice(&content["out/current.json"]).expect("JSON");
        assert_eq!(current["tables"]["ledger"]["rows"], 1, "{}: {current}", place.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_replaced_during_the_run_is_named_and_nothing_is_published() {
    let small = parquet(&[(Some("a"), "2026-10-10T10:00:00Z", 1000, None)]);
    let other = parquet(&[(Some("a"), "2026-10-10T10:00:00Z", 2000, None)]);
    let larger = parquet(&[(Some("a"), "2026-10-10T10:00:00Z", 1, None), (Some("b"), "2026-10-10T10:00:00Z", 2, None)]);
    for replacement in [Some(other), Some(larger), None] {
        for nth in 1.. {
            let place = Place::s3().await;
            let project = Project::new();
            place.put("in/postings/month=2026-10/part.parquet", &small).await;
            project.pipeline(
                "{inputs: ../in, outputs: ../out}",
                &format!("{{inputs: '{0}in', outputs: '{0}out'}}", place.url),
            );
            let server = place.server.as_ref().expect("a server");
            server.plan(Method::GET, "/part.parquet", nth, Fault::Replace(replacement.clone()));
            let environment = place.environment.clone();
            let ended = tokio::task::spawn_blocking(move || project.run_with(&environment)).await.expect("runs");
            if ended.code == 0 {
                assert!(
                    nth > 2,
                    "read {} times, fault at {nth}: {ended:?}",
                    server.count(&Method::GET, "part.parquet")
                );
                break;
            }
            assert_eq!(ended.code, 75, "GET {nth}: {ended:?}");
            assert!(ended.stderr.contains("E312") && ended.stderr.contains("part.parquet"), "GET {nth}: {ended:?}");
            assert!(!place.content().await.keys().any(|key| key.contains("/log/")), "GET {nth}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_a_store_is_in_no_output_and_in_no_object() {
    let place = Place::s3().await;
    let project = Project::new();
    place
        .put("in/postings/month=2026-10/part.parquet", &parquet(&[(Some("a"), "2026-10-10T10:00:00Z", 1000, None)]))
        .await;
    project.pipeline("{inputs: ../in, outputs: ../out}", &format!("{{inputs: '{0}in', outputs: '{0}out'}}", place.url));
    let environment = place.environment.clone();
    let good = tokio::task::spawn_blocking(move || (project.run_with(&environment), project)).await.expect("runs");
    let mut wrong = place.environment.clone();
    for (name, value) in &mut wrong {
        if name == "AWS_SECRET_ACCESS_KEY" {
            *value = "canary-5f1c".to_owned();
        }
    }
    let (_, project) = good;
    let refused = tokio::task::spawn_blocking(move || project.run_with(&wrong)).await.expect("runs");
    assert!([69, 77].contains(&refused.code), "{refused:?}");
    assert!(!format!("{refused:?}").contains("canary-5f1c"), "{refused:?}");
    for (key, bytes) in place.content().await {
        assert!(!String::from_utf8_lossy(&bytes).contains(crate::fixtures::s3::SECRET), "{key}");
    }
}

fn fails(ended: &Ended, exit: i32, code: &str, words: &str) {
    assert_eq!(ended.code, exit, "{ended:?}");
    assert!(ended.stderr.contains(code), "{ended:?}");
    assert!(ended.stderr.contains(words), "{ended:?}");
    assert!(ended.stdout.is_empty(), "stdout carries only what was asked for: {ended:?}");
}

fn untouched(project: &Project, before: Option<&serde_json::Value>) {
    assert_eq!(project.current().as_ref(), before, "the previous publication stands");
    assert_eq!(project.mails().len(), 1);
}

fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found
}
