//! Reports: what is printed is exact, escaped and complete, and mistakes are found when a report is loaded.

mod escaping;
mod formats;
mod lints;

use crate::fixtures::figures::{facts, keep, rendered};

#[tokio::test]
async fn the_finance_report_prints_every_channel_and_says_that_nothing_was_lost() {
    let report = rendered("contribution_finance", &facts()).await;
    keep("contribution_finance", &report);
    assert!(report.subject.starts_with("Channel contribution 2026-10, booked, EUR "), "{}", report.subject);
    assert!(report.html.contains("lost.") && report.html.contains("184,320"));
    for line in ["Paid search", "Suspense", "Spend control", "Orphan refund", "Made without: fees"] {
        assert!(report.html.contains(line), "{line}");
    }
    insta::assert_snapshot!(report.text);
}

#[tokio::test]
async fn the_growth_report_says_how_mature_its_return_rate_is() {
    let report = rendered("contribution_growth", &facts()).await;
    keep("contribution_growth", &report);
    assert!(report.html.contains("days after month end"));
    insta::assert_snapshot!(report.text);
}

#[tokio::test]
async fn a_restated_report_says_so_in_subject_and_body() {
    let restated = tieout::report::Facts { revision: 2, replaces: true, ..facts() };
    let report = rendered("contribution_finance", &restated).await;
    assert!(report.subject.starts_with("RESTATED r2: "), "{}", report.subject);
    assert!(report.html.contains("Restated, revision 2.") && report.text.contains("RESTATED, revision 2"));
}

#[tokio::test]
async fn the_same_report_is_the_same_bytes_twice_spreadsheets_included() {
    let first = rendered("contribution_finance", &facts()).await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(first, rendered("contribution_finance", &facts()).await);
}

#[tokio::test]
async fn styles_are_inlined_and_nothing_is_loaded_from_elsewhere() {
    let report = rendered("contribution_finance", &facts()).await;
    assert!(report.html.contains("style=\""));
    for load in ["<img", "<script", "<link", "http://", "https://", "url("] {
        assert!(!report.html.contains(load), "{load}");
    }
    assert!(report.html.len() < 100_000, "a mail of {} bytes is cut off by some clients", report.html.len());
}
