//! Several runs at the same time, and readers meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::{Method, StatusCode};

use crate::fixtures::gate::Gate;
use crate::fixtures::machine::parquet;
use crate::fixtures::places::Place;
use crate::fixtures::project::{Ended, Project};
use crate::fixtures::relays::MailRelay;
use crate::fixtures::s3::Fault;
use crate::fixtures::smtp::Script;

const RUNS: usize = 8;
const ROUNDS: usize = 3;
const PEOPLE: [&str; 2] = ["fin@shop.example", "cfo@shop.example"];
const INPUT: &str = "in/postings/month=2026-10/part.parquet";

/// A project with its store and its relay.
struct Shop {
    place: Place,
    relay: MailRelay,
    project: Arc<Project>,
}

impl Shop {
    async fn new(place: Place) -> Self {
        let relay = MailRelay::scripted(Script::default()).await;
        let project = Project::new();
        let storage = format!("{{inputs: '{0}in', outputs: '{0}out'}}", place.url);
        project.pipeline("{inputs: ../in, outputs: ../out}", &storage);
        project.pipeline("{directory: ../outbox}", &relay.transport);
        project.pipeline("['Fin <fin@shop.example>']", "['Fin <fin@shop.example>', 'Boss <cfo@shop.example>']");
        project.pipeline("checks:\n", DAYS);
        project.file("sql/days.sql", b"-- one row per day\nselect local_day(at) as day, count(*) as postings, cast(sum(amount) as decimal(18,2)) as amount from postings group by local_day(at)");
        let shop = Self { place, relay, project: Arc::new(project) };
        shop.feed(1).await;
        shop
    }

    /// So many postings of so many cents each, over several days.
    async fn feed(&self, generation: u64) {
        let ids: Vec<String> = (0..generation).map(|id| format!("p{id}")).collect();
        let days: Vec<String> = (0..generation).map(|id| format!("2026-10-{:02}T10:00:00Z", 1 + id % 20)).collect();
        let cents = i128::from(generation);
        let rows: Vec<_> =
            ids.iter().zip(&days).map(|(id, day)| (Some(id.as_str()), day.as_str(), cents, None)).collect();
        self.place.put(INPUT, &parquet(&rows)).await;
    }

    /// Begins a run; a task that gives how it ended.
    fn run(&self) -> tokio::task::JoinHandle<Ended> {
        let environment = [self.place.environment.clone(), self.relay.environment.clone()].concat();
        let project = Arc::clone(&self.project);
        tokio::task::spawn_blocking(move || project.run_with(&environment))
    }

    async fn entries(&self) -> usize {
        let location = self.place.location();
        location.list(&location.path("out/_tieout/log").expect("a path")).await.expect("a list").len()
    }
}

const DAYS: &str = "    days:
      grain: [day]
      period: day
      columns: {day: date, postings: integer, amount: 'decimal(18,2)'}
checks:
";

#[tokio::test(flavor = "multi_thread")]
async fn of_eight_runs_started_at_once_one_publishes_and_each_recipient_gets_one_mail() {
    for round in 0..ROUNDS {
        for place in [Place::local(), Place::s3().await] {
            let kind = place.kind;
            let shop = Shop::new(place).await;
            let runs: Vec<_> = (0..RUNS).map(|_| shop.run()).collect();
            let mut published = 0;
            for run in runs {
                let ended = run.await.expect("ends");
                // 75: another run published first. 80: another run is at a mail.
                assert!([0, 75, 80].contains(&ended.code), "{kind} {round}: {ended:?}");
                published += usize::from(ended.stdout.contains("published postings"));
            }
            assert_eq!(published, 1, "{kind} {round}");
            let last = shop.run().await.expect("ends");
            assert!(last.code == 0 && last.stdout.contains("nothing due"), "{kind} {round}: {last:?}");
            assert_eq!(shop.entries().await, 1, "{kind} {round}");
            for person in PEOPLE {
                assert_eq!(shop.relay.accepted(person).len(), 1, "{kind} {round}: {person}");
            }
        }
    }
}

/// What a reader has seen in its time.
#[derive(Debug, Default)]
struct Seen {
    reads: usize,
    publications: Vec<u64>,
    wrong: Vec<String>,
}

impl Seen {
    /// Reads `current.json` and all tables that it names, once.
    async fn read(&mut self, place: &Place) {
        let location = place.location();
        let current = location.path("out/current.json").expect("a path");
        let Some(text) = location.read_if_exists(&current).await.expect("an answer") else { return };
        let current: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        let seq = current["seq"].as_u64().expect("a number");
        let ledger = totals(place, &current, "ledger").await;
        let days = totals(place, &current, "days").await;
        self.reads += 1;
        if self.publications.last().is_some_and(|last| seq < *last) {
            self.wrong.push(format!("{seq} after {:?}", self.publications.last()));
        }
        if self.publications.last() != Some(&seq) {
            self.publications.push(seq);
        }
        // Every generation has as many postings as each of them has cents.
        let rows = i128::try_from(ledger.rows).expect("few");
        let right = ledger.cents == rows * rows && days.cents == ledger.cents && days.postings == rows;
        if !right || current["tables"]["ledger"]["rows"] != ledger.rows {
            self.wrong.push(format!("{seq}: {ledger:?}, {days:?}"));
        }
    }
}

#[derive(Debug, Default)]
struct Totals {
    rows: usize,
    cents: i128,
    postings: i128,
}

async fn totals(place: &Place, current: &serde_json::Value, table: &str) -> Totals {
    use arrow::array::{AsArray as _, RecordBatch};
    use arrow::datatypes::{Decimal128Type, Int64Type};
    let location = place.location();
    let mut totals = Totals::default();
    for file in current["tables"][table]["files"].as_array().expect("files") {
        let name = file.as_str().expect("a name");
        let key = name.rsplit_once("/out/").expect("below the outputs").1;
        let bytes = location.read(&location.path(&format!("out/{key}")).expect("a path")).await.expect("a file");
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes).expect("Parquet");
        for batch in reader.build().expect("a reader") {
            let batch: RecordBatch = batch.expect("rows");
            totals.rows += batch.num_rows();
            let amounts = batch.column_by_name("amount").expect("amounts").as_primitive::<Decimal128Type>();
            totals.cents += amounts.values().iter().sum::<i128>();
            if let Some(postings) = batch.column_by_name("postings") {
                totals.postings +=
                    postings.as_primitive::<Int64Type>().values().iter().map(|n| i128::from(*n)).sum::<i128>();
            }
        }
    }
    totals
}

/// Reads over and over until told to over.
fn reading(shop: &Arc<Shop>, over: &Arc<AtomicBool>) -> tokio::task::JoinHandle<Seen> {
    let (shop, over) = (Arc::clone(shop), Arc::clone(over));
    tokio::spawn(async move {
        let mut seen = Seen::default();
        while !over.load(Ordering::SeqCst) {
            seen.read(&shop.place).await;
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        seen
    })
}

async fn seen(reading: tokio::task::JoinHandle<Seen>, over: &AtomicBool) -> Seen {
    over.store(true, Ordering::SeqCst);
    reading.await.expect("a reader")
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_one_whole_publication_after_the_other_while_runs_publish() {
    for place in [Place::local(), Place::s3().await] {
        let kind = place.kind;
        let shop = Arc::new(Shop::new(place).await);
        let over = Arc::new(AtomicBool::new(false));
        let reader = reading(&shop, &over);
        for generation in 2..8 {
            let first = shop.run();
            shop.feed(generation).await;
            let second = shop.run();
            for ended in [first.await.expect("ends"), second.await.expect("ends")] {
                // 75: another run published first, or the inputs changed underneath. 80: another run is at a mail.
                assert!([0, 75, 80].contains(&ended.code), "{kind}: {ended:?}");
            }
        }
        let last = shop.run().await.expect("ends");
        assert_eq!(last.code, 0, "{kind}: {last:?}");
        let seen = seen(reader, &over).await;
        assert!(seen.wrong.is_empty(), "{kind}: {seen:?}");
        assert!(seen.reads > 20 && seen.publications.len() > 3, "{kind}: {seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_overtaken_does_not_take_readers_back() {
    let shop = Arc::new(Shop::new(Place::s3().await).await);
    let server = shop.place.server.as_ref().expect("a server");
    let gate = Gate::closed();
    server.plan(Method::PUT, "/latest/days/_SEQ", 1, Fault::Hold(gate.clone()));
    let slow = shop.run();
    gate.reached().await;
    shop.feed(2).await;
    let quick = shop.run().await.expect("ends");
    assert!(quick.stdout.contains("publication 2"), "{quick:?}");
    let over = Arc::new(AtomicBool::new(false));
    let reader = reading(&shop, &over);
    gate.open();
    let slow = slow.await.expect("ends");
    assert!([0, 80].contains(&slow.code), "{slow:?}");
    let seen = seen(reader, &over).await;
    assert!(seen.wrong.is_empty() && seen.publications == [2], "{seen:?}");
    assert_eq!(shop.run().await.expect("ends").code, 0);
    for person in PEOPLE {
        assert_eq!(shop.relay.accepted(person).len(), 2, "each revision once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_taken_for_dead_publishes_nothing_over_the_one_that_went_on() {
    let shop = Shop::new(Place::s3().await).await;
    shop.project.pipeline("delivery:\n", "engine: {lease: 1s}\ndelivery:\n");
    let server = shop.place.server.as_ref().expect("a server");
    let gate = Gate::closed();
    server.plan(Method::PUT, "/inputs.json", 1, Fault::Hold(gate.clone()));
    // Nobody sees that it lives.
    server.plan_next(Method::PUT, "/beat-", 100, Fault::Answer(StatusCode::FORBIDDEN));
    let slow = shop.run();
    gate.reached().await;
    let quick = shop.run().await.expect("ends");
    assert_eq!(quick.code, 0, "{quick:?}");
    gate.open();
    let slow = slow.await.expect("ends");
    assert!(slow.code == 75 && slow.stderr.contains("E504"), "{slow:?}");
    assert_eq!(shop.entries().await, 1);
    assert_eq!(shop.run().await.expect("ends").code, 0);
    for person in PEOPLE {
        assert_eq!(shop.relay.accepted(person).len(), 1, "{person}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_run_lives_another_one_does_not_begin_the_same_work() {
    let shop = Shop::new(Place::s3().await).await;
    shop.project.pipeline("delivery:\n", "engine: {lease: 2s}\ndelivery:\n");
    let gate = Gate::closed();
    shop.place.server.as_ref().expect("a server").plan(Method::PUT, "/inputs.json", 1, Fault::Hold(gate.clone()));
    let slow = shop.run();
    gate.reached().await;
    let quick = shop.run().await.expect("ends");
    assert!(quick.code == 75 && quick.stderr.contains("E504"), "{quick:?}");
    gate.open();
    let slow = slow.await.expect("ends");
    assert!(slow.code == 0 && slow.stdout.contains("publication 1, revision 1"), "{slow:?}");
}
