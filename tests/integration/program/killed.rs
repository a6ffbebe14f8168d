//! The program killed, or failed by its store, at every named point of a run: the run after it ends right.
//!
//! The ordinary tests kill it once at every name, on local files or on the real servers that the environment names.
//! `TIEOUT_EVERY_POINT=1` also kills and fails it at every single point, one after the other: on local files and S3, or on the
//! servers that are named.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use futures::StreamExt;

use crate::fixtures::machine::{Row, parquet};
use crate::fixtures::places::{Place, variable};
use crate::fixtures::project::{ABORTED, Ended, Project, Running};
use crate::fixtures::relays::MailRelay;
use crate::fixtures::smtp::Script;

const PEOPLE: [&str; 2] = ["fin@shop.example", "cfo@shop.example"];
const INPUT: &str = "in/postings/month=2026-10/part.parquet";
const ROOT: &str = "SHOP_ROOT";

/// A project with its store and its relay.
struct Shop {
    project: Project,
    place: Place,
    relay: MailRelay,
}

impl Shop {
    /// First figures are published and mailed, and the inputs have changed since.
    async fn changed(place: Place) -> Self {
        let relay = MailRelay::scripted(Script::default()).await;
        let project = Project::new();
        project.pipeline("{inputs: ../in, outputs: ../out}", "{inputs: '${SHOP_ROOT}in', outputs: '${SHOP_ROOT}out'}");
        project.pipeline("delivery:\n", "engine: {lease: 1s, scratch: ../scratch}\ndelivery:\n");
        project.pipeline("['Fin <fin@shop.example>']", "['Fin <fin@shop.example>', 'Boss <cfo@shop.example>']");
        project.pipeline("{directory: ../outbox}", &relay.transport);
        let shop = Self { project, place, relay };
        shop.feed(&[(Some("a"), "2026-10-10T10:00:00Z", 1000, None)]).await;
        let first = shop.run().await;
        assert_eq!(first.code, 0, "{first:?}");
        shop.feed(&[(Some("a"), "2026-10-10T10:00:00Z", 1000, None), (Some("b"), "2026-10-11T10:00:00Z", 500, None)])
            .await;
        shop
    }

    async fn feed(&self, rows: &[Row<'_>]) {
        self.place.put(INPUT, &parquet(rows)).await;
    }

    /// The same shop on its own, with a relay that has seen nothing.
    async fn copied(&self) -> Self {
        let project = self.project.copied();
        let relay = MailRelay::scripted(Script::default()).await;
        project.pipeline(&self.relay.transport, &relay.transport);
        Self { project, place: self.place.copied().await, relay }
    }

    async fn tieout(&self, args: &[&str], more: &[(&str, &str)]) -> Ended {
        let mut environment = [self.place.environment.clone(), self.relay.environment.clone()].concat();
        environment.push((ROOT.to_owned(), self.place.url.to_string()));
        environment.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let folder = self.project.folder.path().to_path_buf();
        let ended = tokio::task::spawn_blocking(move || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            Running::start(&folder, &args, &environment).ended()
        });
        ended.await.expect("ends")
    }

    async fn run_with(&self, more: &[(&str, &str)]) -> Ended {
        self.tieout(&["run", "pipelines/postings.yaml", "--period", "2026-10"], more).await
    }

    async fn run(&self) -> Ended {
        self.run_with(&[]).await
    }

    /// The names of all points that a command passes on a copy of this shop, in order.
    async fn points(&self, args: &[&str]) -> Vec<String> {
        let shop = self.copied().await;
        let log = shop.project.path("points");
        let ended = shop.tieout(args, &[("TIEOUT_FAULT_LOG", &log.display().to_string())]).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        fs::read_to_string(log).expect("points").lines().map(str::to_owned).collect()
    }

    /// What readers see: the number of the publication, and the bytes of every file it names. Each must be there.
    async fn seen(&self) -> (u64, Vec<Vec<u8>>) {
        let content = self.place.content().await;
        let current: serde_json::Value =
            serde_json::from_slice(content.get("out/current.json").expect("a publication")).expect("JSON");
        let mut files = Vec::new();
        for table in current["tables"].as_object().expect("tables").values() {
            for file in table["files"].as_array().expect("files") {
                let (_, key) = file.as_str().expect("a name").rsplit_once("/out/").expect("below the outputs");
                files.push(content.get(&format!("out/{key}")).expect("a published file").clone());
            }
        }
        (current["seq"].as_u64().expect("a number"), files)
    }

    async fn entries(&self) -> usize {
        self.place.content().await.keys().filter(|key| key.starts_with("out/_tieout/log/")).count()
    }

    async fn amounts(&self) -> usize {
        let query = "select id, amount from ledger order by id";
        let ended = self.tieout(&["query", "pipelines/postings.yaml", query, "--output", "json"], &[]).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.stdout.lines().count()
    }

    /// After a fault: readers see one publication, and the next run ends as if nothing had happened.
    async fn recovers(&self, fault: &str, broken: &Ended) {
        let (seq, _) = self.seen().await;
        assert!(seq == 1 || seq == 2, "{fault}: {broken:?}");
        let last = self.run().await;
        // Between the announcement of a mail and its confirmation nobody can know whether it has left: it is held.
        let doubt = last.stdout.contains("in doubt");
        let context = format!("{} {fault}: {broken:?}\nthen {last:?}", self.place.kind);
        assert_eq!(last.code, if doubt { 80 } else { 0 }, "{context}");
        let numbered = fault.ends_with(|last: char| last.is_ascii_digit());
        assert!(!doubt || numbered || may_have_left(fault), "{context}");
        assert_eq!((self.seen().await.0, self.entries().await), (2, 2), "{context}");
        assert_eq!(self.amounts().await, 2, "no row lost or doubled: {context}");
        let mails: Vec<_> = PEOPLE.iter().map(|person| self.relay.accepted(person).len()).collect();
        let right = if doubt { mails.iter().all(|count| *count <= 1) && mails.contains(&1) } else { mails == [1, 1] };
        assert!(right, "{mails:?} mails: {context}");
        let scratch = fs::read_dir(self.project.path("scratch")).map_or(0, Iterator::count);
        assert!(scratch <= 1, "only what was killed leaves its scratch folder: {context}");
    }
}

/// Whether a run that is killed at this point leaves a mail that may have left, or not.
fn may_have_left(fault: &str) -> bool {
    let points = ["create.dot.after", "smtp.message.before", "smtp.dot.before", "smtp.dot.after", "create.ok.before"];
    points.iter().any(|point| fault.ends_with(point))
}

/// Looks at all cases, as many at a time as there are cores.
async fn each<T, F: Future<Output = ()>>(cases: Vec<T>, look: impl Fn(T) -> F) {
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    futures::stream::iter(cases.into_iter().map(look)).buffer_unordered(at_once).collect::<Vec<()>>().await;
}

const RUN: [&str; 4] = ["run", "pipelines/postings.yaml", "--period", "2026-10"];

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_named_point_a_run_leaves_nothing_half_done() {
    for place in Place::real_or_local() {
        let changed = Arc::new(Shop::changed(place).await);
        let names: BTreeSet<String> = changed.points(&RUN).await.into_iter().collect();
        assert!(names.len() >= 40, "{}: {names:?}", names.len());
        each(names.into_iter().collect(), async |name: String| {
            let shop = changed.copied().await;
            let fault = format!("kill@{name}");
            let broken = shop.run_with(&[("TIEOUT_FAULT", &fault)]).await;
            // Some points are passed on some runs only, such as a sign of life of a lease.
            assert!(broken.code == ABORTED || broken.code == 0, "{fault}: {broken:?}");
            shop.recovers(&fault, &broken).await;
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_or_failed_at_every_single_point_a_run_is_made_good_by_the_next() {
    if variable("TIEOUT_EVERY_POINT").is_none() {
        return;
    }
    for place in Place::real_or_all().await {
        let changed = Arc::new(Shop::changed(place).await);
        let count = changed.points(&RUN).await.len();
        let cases = (1..=count).flat_map(|nth| ["kill", "fail"].map(|what| format!("{what}@{nth}")));
        each(cases.collect(), async |fault: String| {
            let shop = changed.copied().await;
            let broken = shop.run_with(&[("TIEOUT_FAULT", &fault)]).await;
            assert!(broken.code != 70, "{fault}: {broken:?}");
            shop.recovers(&fault, &broken).await;
        })
        .await;
    }
}
