//! Which mails are open: every one that is not settled, however old, and at the price of the open ones alone.

use std::collections::BTreeMap;

use hyper::Method;
use tieout::mail::{Ledger, LoggedMail, Recipient, State, logged, owed_since, recipient_hash};
use tieout::pipeline::Pipeline;
use tieout::publication::{Commit, Delivery, Head, Log};

use crate::fixtures::places::Place;
use crate::fixtures::project::Project;
use crate::publication::made::{candidate, log, part};

const FIN: &str = "fin@shop.example";

struct Desk {
    place: Place,
    pipeline: Pipeline,
    log: Log,
    ledger: Ledger,
}

impl Desk {
    async fn new() -> Self {
        let place = Place::s3().await;
        let project = Project::new();
        let pipeline = Pipeline::load(&project.path("pipelines/postings.yaml"), &BTreeMap::default());
        let pipeline = pipeline.unwrap_or_else(|problems| panic!("{problems}"));
        let log = log(&place).await;
        let ledger =
            Ledger::new(log.single(), "run", std::sync::Arc::new(jiff::Timestamp::UNIX_EPOCH)).expect("a ledger");
        Self { place, pipeline, log, ledger }
    }

    /// Publishes an entry that owes a mail, as a run does.
    async fn publish(&self) -> Head {
        let head = self.log.head().await.expect("a log");
        let number = head.as_ref().map_or(1, |head| head.entry.seq + 1);
        let parts = part(&self.log, &format!("run-{number}"), "ledger", "2026-10", &number.to_string()).await;
        let mut entry = candidate(&format!("run-{number}"), parts).after(head.as_ref()).expect("an entry");
        if let Some(head) = &head {
            entry.record.owed_since = owed_since(&self.mails(head).await, head);
        }
        let mailed = self.log.mailed(head.as_ref()).await.expect("a log");
        entry.owe(mailed, vec![delivery(number)]);
        match self.log.commit(entry).await.expect("a commit") {
            Commit::Committed(head) => *head,
            Commit::Lost(_) => panic!("nobody else is here"),
        }
    }

    async fn mails(&self, head: &Head) -> Vec<LoggedMail> {
        logged(&self.pipeline, &self.log, head, &self.ledger).await.expect("mails")
    }

    async fn claim(&self, number: u64) {
        assert!(self.ledger.claim(to(&id(number)), 1).await.expect("a claim"));
    }

    async fn accept(&self, number: u64) {
        self.claim(number).await;
        self.ledger.accepted(to(&id(number)), 1, "ok").await.expect("a record");
    }

    /// How often an entry of the log was read.
    fn reads(&self, number: u64) -> usize {
        self.place.server.as_ref().expect("a server").count(&Method::GET, &format!("/log/{number:020}.json"))
    }
}

fn id(number: u64) -> String {
    format!("postings/2026-10/monthly/r{number}")
}

fn to(delivery_id: &str) -> Recipient<'_> {
    Recipient { delivery_id, address: FIN }
}

fn delivery(number: u64) -> Delivery {
    let recipient = tieout::publication::Recipient {
        rcpt_hash: recipient_hash(&id(number), FIN),
        eml_path: String::new(),
        eml_sha256: String::new(),
    };
    Delivery {
        delivery_id: id(number),
        report: "monthly".to_owned(),
        period: "2026-10".to_owned(),
        revision: u32::try_from(number).expect("few"),
        recipients: vec![recipient],
        date: jiff::Timestamp::UNIX_EPOCH,
        figures_sha256: number.to_string(),
    }
}

fn open(mails: &[LoggedMail]) -> Vec<u64> {
    mails.iter().filter(|mail| mail.open()).map(|mail| mail.publication).collect()
}

#[tokio::test]
async fn an_open_mail_is_found_however_many_publications_ago_it_was_owed() {
    let desk = Desk::new().await;
    let mut head = desk.publish().await;
    for number in 2..=30 {
        // The third was never tried, the fifth was begun and left, the seventh may have been sent, the ninth was put off.
        match number - 1 {
            3 => {}
            5 => desk.claim(5).await,
            7 => {
                desk.claim(7).await;
                assert!(desk.ledger.announce(to(&id(7)), 1).await.expect("a mark"));
            }
            9 => {
                desk.claim(9).await;
                desk.ledger.deferred(to(&id(9)), 1, Some(451), "later").await.expect("a record");
            }
            11 => {
                desk.claim(11).await;
                desk.ledger.rejected(to(&id(11)), 1, 550, "never").await.expect("a record");
            }
            other => desk.accept(other).await,
        }
        head = desk.publish().await;
    }
    assert_eq!(head.entry.record.owed_since, 3);
    let mails = desk.mails(&head).await;
    assert_eq!(open(&mails), [3, 5, 7, 9, 30]);
    let state = |number: u64| mails.iter().find(|mail| mail.publication == number).expect("in the log").state.clone();
    assert!([3, 9, 30].iter().all(|number| matches!(state(*number), Some(State::Open(_)))), "may be sent");
    assert_eq!(state(5), None, "somebody is at it, or was");
    assert!(matches!(state(7), Some(State::InDoubt(_))), "is not sent again by itself");
    assert!(matches!(state(11), Some(State::Rejected { code: 550, .. })));
    assert!(matches!(state(12), Some(State::Accepted { resent: false, .. })));
}

#[tokio::test]
async fn settled_publications_are_not_read_again() {
    let desk = Desk::new().await;
    for number in 1..=12 {
        let head = desk.publish().await;
        desk.mails(&head).await;
        desk.accept(number).await;
    }
    let head = desk.publish().await;
    assert_eq!(head.entry.record.owed_since, 13);
    let before = desk.reads(1);
    assert_eq!(open(&desk.mails(&head).await), [13]);
    assert_eq!(desk.reads(1), before);
    assert_eq!(desk.mails(&head).await.len(), 1);
}

#[tokio::test]
async fn a_doubt_stays_open_until_it_is_resolved() {
    let desk = Desk::new().await;
    desk.publish().await;
    desk.claim(1).await;
    assert!(desk.ledger.announce(to(&id(1)), 1).await.expect("a mark"));
    desk.publish().await;
    desk.accept(2).await;
    let head = desk.publish().await;
    assert_eq!((head.entry.record.owed_since, open(&desk.mails(&head).await)), (1, vec![1, 3]));
    desk.ledger.resolve(to(&id(1)), true, super::post::BY_ANN).await.expect("in doubt");
    assert_eq!(open(&desk.mails(&head).await), [3]);
    assert_eq!(desk.publish().await.entry.record.owed_since, 3);
}

#[tokio::test]
async fn who_has_left_the_audience_is_owed_nothing() {
    let mut desk = Desk::new().await;
    let head = desk.publish().await;
    assert_eq!(open(&desk.mails(&head).await), [1]);
    desk.pipeline.audiences.clear();
    assert!(desk.mails(&head).await.is_empty());
    assert_eq!(desk.publish().await.entry.record.owed_since, 2);
}

#[tokio::test]
async fn the_newest_delivery_of_a_report_is_known_without_reading_back() {
    let desk = Desk::new().await;
    for number in 1..=10 {
        desk.publish().await;
        desk.accept(number).await;
    }
    let head = desk.log.head().await.expect("a log").expect("a head");
    let before = desk.reads(1);
    let mailed = desk.log.mailed(Some(&head)).await.expect("a log");
    let last = &mailed["monthly"]["2026-10"];
    assert_eq!((last.publication, last.revision, last.figures_sha256.as_str()), (10, 10, "10"));
    assert_eq!(desk.reads(1), before);

    let mut old = head;
    old.entry.mailed = None;
    assert_eq!(desk.log.mailed(Some(&old)).await.expect("a log"), mailed, "an older program did not keep it");
}
