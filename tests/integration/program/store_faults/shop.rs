//! A project whose inputs and outputs are in one S3 server: published once, with inputs that have changed since.

use std::sync::Arc;

use object_store::path::Path;

use crate::fixtures::machine::parquet;
use crate::fixtures::places::Place;
use crate::fixtures::project::{Ended, Project};
use crate::fixtures::relays::MailRelay;
use crate::fixtures::s3::S3Server;
use crate::fixtures::smtp::Script;

const INPUT: &str = "in/postings/month=2026-10/part.parquet";

/// What readers see: the number of the publication and the bytes of its files.
pub type Published = Option<(u64, Vec<Vec<u8>>)>;

/// A store to copy, and what is right before and after the run.
pub struct Template {
    place: Place,
    pub first: Published,
    pub second: Published,
}

/// A copy of the store, with a project and a relay of its own.
pub struct Shop {
    pub place: Place,
    project: Arc<Project>,
    relay: MailRelay,
}

impl Template {
    pub async fn new() -> Self {
        let place = Place::s3().await;
        place.put(INPUT, &parquet(&[(Some("a"), "2026-10-10T10:00:00Z", 1000, None)])).await;
        let shop = Shop::at(place.copied().await).await;
        let ended = shop.run().await;
        assert_eq!(ended.code, 0, "{ended:?}");
        let first = shop.published().await;
        let changed = [(Some("a"), "2026-10-10T10:00:00Z", 1000, None), (Some("b"), "2026-10-11T10:00:00Z", 250, None)];
        shop.place.put(INPUT, &parquet(&changed)).await;
        let place = shop.place.copied().await;
        let ended = shop.run().await;
        assert_eq!(ended.code, 0, "{ended:?}");
        let second = shop.published().await;
        assert_ne!(first, second);
        Self { place, first, second }
    }

    pub async fn copied(&self) -> Shop {
        Shop::at(self.place.copied().await).await
    }
}

impl Shop {
    async fn at(place: Place) -> Self {
        let relay = MailRelay::scripted(Script::default()).await;
        let project = Project::new();
        let storage = format!("{{inputs: '{0}in', outputs: '{0}out'}}", place.url);
        project.pipeline("{inputs: ../in, outputs: ../out}", &storage);
        project.pipeline("{directory: ../outbox}", &relay.transport);
        Self { place, project: Arc::new(project), relay }
    }

    pub fn server(&self) -> &S3Server {
        self.place.server.as_ref().expect("a server")
    }

    pub async fn run(&self) -> Ended {
        let environment = [self.place.environment.clone(), self.relay.environment.clone()].concat();
        let project = Arc::clone(&self.project);
        tokio::task::spawn_blocking(move || project.run_with(&environment)).await.expect("ends")
    }

    /// Mails that this relay has taken: those of the first publication went to another one.
    pub fn mails(&self) -> usize {
        self.relay.accepted("fin@shop.example").len()
    }

    pub async fn entries(&self) -> usize {
        let location = self.place.location();
        location.list(&location.path("out/_tieout/log").expect("a path")).await.expect("a list").len()
    }

    /// Reads `current.json` and every file that it names.
    pub async fn published(&self) -> Published {
        let location = self.place.location();
        let current = location.path("out/current.json").expect("a path");
        let text = location.read_if_exists(&current).await.expect("an answer")?;
        let current: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        let mut files = Vec::new();
        for table in current["tables"].as_object().expect("tables").values() {
            for file in table["files"].as_array().expect("files") {
                let key = file.as_str().expect("a URL").split_once("bucket/").expect("a key").1;
                let path = Path::parse(key).expect("a path");
                files.push(location.read(&path).await.expect("a file that readers were told of").to_vec());
            }
        }
        Some((current["seq"].as_u64().expect("a number"), files))
    }
}
