//! What a cluster lacks or loses: told in time, or made up for, and never a wrong figure.

use std::time::{Duration, Instant};

use hyper::Method;

use super::{ended, ledger, local, remote};
use crate::fixtures::gate::Gate;
use crate::fixtures::machine::parquet;
use crate::fixtures::places::Place;
use crate::fixtures::project::Running;
use crate::fixtures::s3::Fault;
use crate::fixtures::servers::{Servers, free_port};
use crate::fixtures::slow::Way;

/// A run whose only executor stands at a gate, in the middle of its work. It reads from a store of its own, so that nobody
/// else comes to the gate.
struct Held {
    place: Place,
    /// What executors read.
    theirs: Place,
    servers: Servers,
    running: Running,
    gate: Gate,
}

impl Held {
    async fn begin() -> Self {
        let servers = Servers::start();
        let url = servers.url();
        Self::on(servers, &url).await
    }

    /// The same, where what the scheduler answers takes a second on its way to the run.
    async fn far_away() -> (Self, Way) {
        let servers = Servers::start();
        let way = Way::to(&servers.url(), Duration::from_secs(1)).await;
        (Self::on(servers, &way.url).await, way)
    }

    async fn on(mut servers: Servers, url: &str) -> Self {
        let (place, project) = remote(url).await;
        let (theirs, gate) = (place.copied().await, Gate::closed());
        theirs.server.as_ref().expect("a server").plan(Method::GET, "part.parquet", 1, Fault::Hold(gate.clone()));
        servers.executor(&theirs.environment);
        let running = project.start(&place.environment);
        gate.reached().await;
        Self { place, theirs, servers, running, gate }
    }
}

async fn is_published(place: &Place) -> bool {
    place.content().await.keys().any(|key| key.contains("/log/"))
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_scheduler_a_run_is_told_at_once() {
    let scheduler = format!("df://127.0.0.1:{}", free_port());
    let (place, project) = remote(&scheduler).await;
    let since = Instant::now();
    let ended = ended(project.start(&place.environment)).await;
    assert_eq!(ended.code, 69, "{ended:?}");
    assert!(ended.stderr.contains("error[E520]"), "{ended:?}");
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    assert!(!is_published(&place).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_executor_a_run_gives_up_in_its_time() {
    let servers = Servers::start();
    let (place, project) = remote(&servers.url()).await;
    project.pipeline("cluster_patience: 60s", "cluster_patience: 2s");
    let since = Instant::now();
    let ended = ended(project.start(&place.environment)).await;
    assert_eq!(ended.code, 69, "{ended:?}");
    assert!(ended.stderr.contains("error[E521]") && ended.stderr.contains("within 2 s"), "{ended:?}");
    assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
    servers.hear("Received cancellation request");
    assert!(!is_published(&place).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_executor_is_killed_in_the_middle_ends_with_the_same_figures() {
    let Held { place, theirs, mut servers, running, gate } = Held::begin().await;
    servers.executor(&theirs.environment);
    servers.kill_executor(0);
    gate.open();
    let ended = ended(running).await;
    assert_eq!(ended.code, 0, "{ended:?}\n{}", servers.said());
    let there = ledger(&place).await;
    let (here, project) = local().await;
    assert_eq!(super::ended(project.start(&here.environment)).await.code, 0);
    assert_eq!(there, ledger(&here).await);
    assert_eq!(there.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_scheduler_is_killed_in_the_middle_is_told_at_once() {
    let Held { place, mut servers, running, .. } = Held::begin().await;
    let since = Instant::now();
    servers.kill_scheduler();
    let ended = ended(running).await;
    assert_eq!(ended.code, 69, "{ended:?}");
    assert!(ended.stderr.contains("error[E520]"), "{ended:?}");
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    assert!(!is_published(&place).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_signal_cancels_the_jobs_on_the_cluster() {
    let Held { place, servers, running, .. } = Held::begin().await;
    running.signal("TERM");
    let ended = ended(running).await;
    assert_eq!(ended.code, 75, "{ended:?}");
    assert!(ended.stderr.contains("nothing was published"), "{ended:?}");
    servers.hear("Received cancellation request");
    assert!(!is_published(&place).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_signal_cancels_a_job_whose_name_the_run_does_not_know_yet() {
    // The executor works on it while the scheduler's answer is still on its way.
    let (Held { place, servers, running, .. }, _way) = Held::far_away().await;
    running.signal("TERM");
    let ended = ended(running).await;
    assert_eq!(ended.code, 75, "{ended:?}");
    servers.hear("Received cancellation request");
    assert!(!is_published(&place).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_while_a_step_runs_is_made_again() {
    let (Held { place, servers, running, gate, .. }, way) = Held::far_away().await;
    // Mostly a question is on its way: answers take ten times as long as the pauses between questions.
    tokio::time::sleep(Duration::from_secs(2)).await;
    way.cut();
    gate.open();
    let ended = ended(running).await;
    assert_eq!(ended.code, 0, "{ended:?}\n{}", servers.said());
    assert!(is_published(&place).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_a_model_fails_on_is_told_with_its_file_and_row_and_tried_once() {
    let mut servers = Servers::start();
    let (place, project) = remote(&servers.url()).await;
    servers.executor(&place.environment);
    let sql = "-- one row per posting\nselect id, local_day(at) as booked_on, cast(cast(amount as decimal(4,2)) as decimal(18,2)) as amount from postings";
    project.file("sql/ledger.sql", sql.as_bytes());
    let rows = [(Some("a"), "2026-10-10T10:00:00Z", 1000, None), (Some("b"), "2026-10-11T10:00:00Z", 1_234_567, None)];
    place.put("in/postings/month=2026-10/part.parquet", &parquet(&rows)).await;
    let ended = ended(project.start(&place.environment)).await;
    assert_eq!(ended.code, 65, "{ended:?}\n{}", servers.said());
    assert!(ended.stderr.contains("error[E309]") && ended.stderr.contains("12345.67"), "{ended:?}");
    assert!(!ended.stderr.contains("a step failed on the cluster"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_is_replaced_before_an_executor_reads_it_stops_the_run() {
    let Held { place, theirs, servers, running, gate } = Held::begin().await;
    let other = parquet(&[(Some("a"), "2026-10-10T10:00:00Z", 2000, None)]);
    for store in [&place, &theirs] {
        store.put("in/postings/month=2026-10/part.parquet", &other).await;
    }
    gate.open();
    let ended = ended(running).await;
    assert_eq!(ended.code, 75, "{ended:?}\n{}", servers.said());
    assert!(ended.stderr.contains("error[E312]"), "{ended:?}");
    assert!(!is_published(&place).await);
}
