//! A subquery that stands for one value stands for one on a cluster, too.

use super::{ended, ledger, local, remote};
use crate::fixtures::machine::parquet;
use crate::fixtures::places::Place;
use crate::fixtures::project::Project;
use crate::fixtures::servers::Servers;

/// The rows of the source, and a ledger whose amounts pass by the value of this subquery.
async fn with_subquery(place: &Place, project: &Project, subquery: &str) {
    let rows = [(Some("a"), "2026-10-10T10:00:00Z", 1000, None), (Some("b"), "2026-10-11T10:00:00Z", 250, None)];
    place.put("in/postings/month=2026-10/part.parquet", &parquet(&rows)).await;
    let sql = format!(
        "-- one row per posting\nselect id, local_day(at) as booked_on, cast(amount + coalesce({subquery}, 0) - coalesce({subquery}, 0) as decimal(18,2)) as amount from postings"
    );
    project.file("sql/ledger.sql", sql.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subquery_for_one_value_gives_the_figures_that_it_gives_here() {
    let mut servers = Servers::start();
    let (place, project) = remote(&servers.url()).await;
    servers.executor(&place.environment);
    let (here, local) = local().await;
    for subquery in [
        "(select max(amount) from postings where id > (select min(id) from postings))",
        "(select amount from postings where id = 'b')",
        "(select amount from postings where id = 'nobody')",
    ] {
        with_subquery(&place, &project, subquery).await;
        with_subquery(&here, &local, subquery).await;
        let there = ended(project.start(&place.environment)).await;
        assert_eq!(there.code, 0, "{subquery}: {there:?}\n{}", servers.said());
        let ended = ended(local.start(&here.environment)).await;
        assert_eq!(ended.code, 0, "{subquery}: {ended:?}");
        assert_eq!(ledger(&place).await, ledger(&here).await, "{subquery}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subquery_for_one_value_that_gives_two_rows_is_refused_as_it_is_here() {
    let mut servers = Servers::start();
    let (place, project) = remote(&servers.url()).await;
    servers.executor(&place.environment);
    let (here, local) = local().await;
    with_subquery(&place, &project, "(select amount from postings)").await;
    with_subquery(&here, &local, "(select amount from postings)").await;
    let there = ended(project.start(&place.environment)).await;
    let here = ended(local.start(&here.environment)).await;
    assert!(here.code == 65 && here.stderr.contains("more than one row"), "{here:?}");
    assert_eq!((there.code, &there.stderr), (here.code, &here.stderr), "{}", servers.said());
    assert!(ledger(&place).await.is_empty());
}
