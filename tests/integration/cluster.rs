//! Runs whose models a cluster computes: the same bytes, and an end in time whatever dies.

mod lost;
mod same;
mod values;

use crate::fixtures::machine::parquet;
use crate::fixtures::places::Place;
use crate::fixtures::project::{Ended, Project, Running};

/// A project whose inputs and outputs are in an S3 server of its own, and whose models a cluster computes.
async fn remote(scheduler: &str) -> (Place, Project) {
    let (place, project) = (Place::s3().await, Project::new());
    let postings = parquet(&[(Some("a"), "2026-10-10T10:00:00Z", 1000, None)]);
    place.put("in/postings/month=2026-10/part.parquet", &postings).await;
    project.pipeline("{inputs: ../in, outputs: ../out}", &format!("{{inputs: '{0}in', outputs: '{0}out'}}", place.url));
    let engine =
        format!("engine: {{cluster: '{scheduler}', cluster_deadline: 10s, cluster_patience: 60s}}\ndelivery:\n");
    project.pipeline("delivery:\n", &engine);
    (place, project)
}

/// The same project without a cluster.
async fn local() -> (Place, Project) {
    let (place, project) = remote("df://127.0.0.1:1").await;
    project.pipeline("cluster: 'df://127.0.0.1:1', ", "");
    (place, project)
}

async fn ended(running: Running) -> Ended {
    tokio::task::spawn_blocking(move || running.ended()).await.expect("ends")
}

/// The files of the ledger that was published last, as far as its run wrote any.
async fn ledger(place: &Place) -> Vec<Vec<u8>> {
    let content = place.content().await.into_iter();
    content.filter(|(key, _)| key.contains("data/ledger/")).map(|(_, bytes)| bytes).collect()
}
