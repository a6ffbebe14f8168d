//! The tables that a cluster computes are, byte for byte, those that this machine computes.

use std::collections::BTreeMap;

use crate::fixtures::places::Place;
use crate::fixtures::project::{Ended, Running};
use crate::fixtures::servers::Servers;
use tempfile::TempDir;

const PIPELINE: &str = "shop/pipelines/channel_contribution.yaml";
const MONTH: &str = "2026-02";

/// The program in a folder, off the threads that the store needs.
async fn tieout(folder: &TempDir, args: &[&str], environment: &[(String, String)]) -> Ended {
    let running = Running::start(folder.path(), args, environment);
    tokio::task::spawn_blocking(move || running.ended()).await.expect("ends")
}

/// The content of published tables, without the names of their runs.
async fn published(place: &Place, below: &str) -> BTreeMap<String, Vec<u8>> {
    let prefix = format!("{below}/data/");
    let all = place.content().await.into_iter();
    let files = all.filter_map(|(key, bytes)| Some((key.strip_prefix(&prefix)?.to_owned(), bytes)));
    let without_run = |key: String| {
        let parts: Vec<_> = key.split('/').filter(|part| !part.starts_with("run=")).map(str::to_owned).collect();
        parts.join("/")
    };
    files.map(|(key, bytes)| (without_run(key), bytes)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_pipeline_publishes_the_same_bytes_on_a_cluster_from_object_storage() {
    let place = Place::s3().await;
    let folder = TempDir::new().expect("a folder");
    let mut environment = place.environment.clone();
    let inputs = format!("{}shop", place.url);
    let ended = tieout(&folder, &["init", "shop"], &environment).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let sample = ["sample", &inputs, "--orders", "300", "--months", "2", "--end", "2026-02-28"];
    let ended = tieout(&folder, &sample, &environment).await;
    assert_eq!(ended.code, 0, "{ended:?}");

    environment.push(("TIEOUT_INPUTS".to_owned(), inputs));
    let run = ["run", PIPELINE, "--period", MONTH];
    let outputs = |name: &str| vec![("TIEOUT_OUTPUTS".to_owned(), format!("{}{name}", place.url))];
    let here = tieout(&folder, &run, &[environment.clone(), outputs("here")].concat()).await;
    assert_eq!(here.code, 0, "{here:?}");

    let mut servers = Servers::start();
    servers.executor(&place.environment);
    servers.executor(&place.environment);
    let file = folder.path().join(PIPELINE);
    let text = std::fs::read_to_string(&file).expect("the pipeline");
    std::fs::write(&file, format!("{text}\nengine: {{cluster: '{}'}}\n", servers.url())).expect("writes");
    let there = tieout(&folder, &run, &[environment, outputs("there")].concat()).await;
    assert_eq!(there.code, 0, "{there:?}\n{}", servers.said());

    let (here, there) = (published(&place, "here").await, published(&place, "there").await);
    assert!(here.len() > 10, "{:?}", here.keys());
    let names = |tables: &BTreeMap<String, Vec<u8>>| tables.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&here), names(&there));
    let other: Vec<_> =
        here.iter().filter(|(name, bytes)| there.get(*name) != Some(bytes)).map(|(name, _)| name).collect();
    assert!(other.is_empty(), "{other:?}");
    let staged: Vec<_> = place.content().await.into_keys().filter(|key| key.contains("/staged/")).collect();
    assert!(staged.is_empty(), "{staged:?}");
}
