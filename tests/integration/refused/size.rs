//! Queries that are too deep to be walked end with an error, wherever they stand, and not with the process.

use super::{LEDGER, refused};
use crate::fixtures::project::Project;

fn chain(link: &str, count: usize, between: &str) -> String {
    vec![link; count].join(between)
}

#[test]
fn a_query_that_is_too_deep_is_refused() {
    let project = Project::new();
    assert_eq!(project.run().code, 0);
    let query = |sql: &str| project.tieout(&["query", "pipelines/postings.yaml", sql]);
    let deep = query(&format!("select id from ledger where {}", chain("amount > 1", 2_000, " and ")));
    assert_eq!(deep.code, 78, "{deep:?}");
    assert!(deep.stderr.starts_with("error[E212]"), "{deep:?}");
    let long = query(&format!("select id from ledger where {}", chain("amount > 1", 199, " and ")));
    assert!(long.code == 0 && long.stdout.contains('a'), "{long:?}");
}

#[test]
fn models_checks_and_reports_that_are_too_deep_are_refused() {
    let cases = chain("case when p.id = 'a' then 0.00 else 0.00 end", 1_500, " + ");
    let brackets = chain("(0.00 + (0.00 + 0.00))", 1_000, " + ");
    for amount in [format!("p.amount + {cases}"), format!("p.amount + {brackets}"), chain("p.amount", 3_000, " + ")] {
        let project = Project::new();
        project.file("sql/ledger.sql", LEDGER.replace("p.amount", &amount).as_bytes());
        let told = refused(&project);
        assert!(told.len() == 1 && told[0].starts_with("E212 sql/ledger.sql:2:"), "{told:?}");
    }
    let project = Project::new();
    let all = chain("amount < 0", 4_000, " and ");
    project.file("checks/negative.sql", format!("-- deep\nselect id as detail from postings where {all}").as_bytes());
    let unions = chain("select sum(amount) as amount from ledger", 2_000, " union all ");
    project.file("reports/monthly/total.sql", format!("-- wide\n{unions}").as_bytes());
    let told = refused(&project);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("E212 checks/negative.sql:2:"), "{told:?}");
    assert!(told[1].starts_with("E212 reports/monthly/total.sql:2:"), "{told:?}");
}
