//! Reports: what is printed is exact, escaped and complete, and mistakes are found when a report is loaded.

mod escaping;
mod formats;
mod lints;

use tieout::report::{Facts, Placed};

use crate::fixtures::figures::{facts, keep, rendered};

#[tokio::test]
async fn the_finance_report_prints_every_channel_and_says_that_nothing_was_lost() {
    let report = rendered("contribution_finance", &facts()).await;
    keep("contribution_finance", &report);
    let subject = "Channel contribution 2026-10, booked: contribution 3 EUR 354,343.27 before the cost of 64 units";
    assert!(report.subject.starts_with(subject), "{}", report.subject);
    assert!(report.html.contains("Nothing is lost") && report.html.contains("184,320"));
    for line in ["Paid search", "Suspense", "Spend control", "Orphan refund", "Made without: fees"] {
        assert!(report.html.contains(line), "{line}");
    }
    insta::assert_snapshot!(report.text);
}

#[tokio::test]
async fn the_growth_report_says_how_mature_its_return_rate_is() {
    let report = rendered("contribution_growth", &facts()).await;
    keep("contribution_growth", &report);
    assert!(report.html.contains("days after its end"));
    assert!(
        report.subject.ends_with("contribution 3 EUR 357,030.04 before the cost of 64 units"),
        "{}",
        report.subject
    );
    insta::assert_snapshot!(report.text);
}

#[tokio::test]
async fn goods_without_cost_are_told_apart_and_leave_no_figure_that_nobody_knows() {
    let growth = rendered("contribution_growth", &facts()).await;
    let jacket = growth.text.lines().find(|line| line.starts_with("NEW-JACKET")).expect("it is listed");
    assert!(jacket.contains("7,312.00") && jacket.contains("n/a   no cost for 64 sold"), "{jacket}");
    for report in [growth, rendered("contribution_finance", &facts()).await] {
        assert!(report.html.contains("Cost is missing for 64 units sold"), "{}", report.html);
        assert!(report.text.contains("of which goods without cost"), "{}", report.text);
    }
}

#[tokio::test]
async fn what_ties_is_not_red_and_what_does_not_names_every_total() {
    let red = "#fbeceb; color: #8c1d18; font-variant-numeric";
    let tied = rendered("contribution_growth", &facts()).await;
    assert!(!tied.html.contains("Lost") && !tied.html.contains(red), "{}", tied.html);
    let lost = vec!["refunds_amount CHF 12.00".to_owned(), "refunds_amount EUR -12.00".to_owned()];
    let untied = Facts { placed: Placed { tied: false, lost, ..facts().placed }, ..facts() };
    let untied = rendered("contribution_growth", &untied).await;
    for total in ["refunds_amount CHF 12.00", "refunds_amount EUR -12.00"] {
        assert!(untied.html.contains(total) && untied.text.contains(total), "{}", untied.text);
    }
}

#[tokio::test]
async fn a_preview_of_figures_that_were_never_judged_claims_nothing() {
    let preview = Facts {
        preview: "no publication was made for 2026-10".to_owned(),
        findings_known: false,
        findings: Vec::new(),
        placed: Placed::default(),
        ..facts()
    };
    for name in ["contribution_finance", "contribution_growth"] {
        let report = rendered(name, &preview).await;
        for text in [&report.html, &report.text] {
            assert!(text.to_lowercase().contains("preview: no publication was made for 2026-10"), "{text}");
            for claim in ["No check found anything", "No control totals", "Nothing is lost", "rows in,"] {
                assert!(!text.contains(claim), "{claim}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn a_restated_report_says_so_in_subject_and_body() {
    let restated = Facts { revision: 2, replaces: true, ..facts() };
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
