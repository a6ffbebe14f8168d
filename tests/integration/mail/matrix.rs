//! Every fault at every step, for five recipients, and the process ended at every request to the ledger: afterwards the
//! ledger tells of every recipient what the relay did.

use std::sync::Arc;
use std::time::{Duration, Instant};

use object_store::memory::InMemory;
use tieout::mail::{Ledger, Policy, State, Status, Transport, Way, deliver};
use tieout::pipeline::{OnUnknown, Smtp, Tls};
use tieout::store::Location;

use super::post::{HOLD, Post, RESEND, entries};
use crate::fixtures::cut::Cut;
use crate::fixtures::gate::Gate;
use crate::fixtures::smtp::{QUICK, Script};

const PEOPLE: [&str; 5] = ["a@shop.example", "b@shop.example", "c@shop.example", "d@shop.example", "e@shop.example"];
const VERBS: [&str; 8] = ["greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "dot"];
/// Verbs at which a relay speaks about one message.
const OF_MESSAGE: [&str; 4] = ["MAIL", "RCPT", "DATA", "dot"];

/// What is to become of those whom a fault meets, once it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Accepted,
    Rejected,
    /// In doubt, or under `resend` sent again.
    Doubt,
}

struct Case {
    name: String,
    script: Script,
    end: End,
    /// How many of the five it meets.
    met: usize,
    people: [&'static str; 5],
}

impl Case {
    fn new(name: String, script: Script, end: End) -> Self {
        Self { name, script, end, met: PEOPLE.len(), people: PEOPLE }
    }
}

fn silent_and_gone() -> Vec<Case> {
    let mut cases = Vec::new();
    for at in VERBS.into_iter().chain(["body"]) {
        let end = if ["dot", "body"].contains(&at) { End::Doubt } else { End::Accepted };
        let silent = Script { silent_at: Some(at), ..Script::default() };
        cases.push(Case::new(format!("silent at {at}"), silent, end));
        let gone = Script { gone_at: Some(at), ..Script::default() };
        cases.push(Case::new(format!("gone at {at}"), gone, end));
    }
    let lost = Script { gone_at: Some("lost"), ..Script::default() };
    cases.push(Case::new("gone after the dot with nothing kept".to_owned(), lost, End::Doubt));
    cases
}

fn replies() -> Vec<Case> {
    let mut cases = Vec::new();
    for reply in ["421 4.3.2 closing", "451 4.3.0 later", "550 5.7.1 no"] {
        for at in VERBS {
            let never = reply.starts_with('5') && OF_MESSAGE.contains(&at);
            let end = if never { End::Rejected } else { End::Accepted };
            let script = Script { replies: vec![(at, reply)], ..Script::default() };
            cases.push(Case::new(format!("{reply} at {at}"), script, end));
        }
        let script = Script { replies: vec![("RCPT TO:<c@", reply)], ..Script::default() };
        let end = if reply.starts_with('5') { End::Rejected } else { End::Accepted };
        cases.push(Case { met: 1, ..Case::new(format!("{reply} to one"), script, end) });
    }
    cases
}

fn others() -> Vec<Case> {
    let without = Script { starttls: false, ..Script::default() };
    let able = Script { extensions: "8BITMIME SMTPUTF8", ..Script::default() };
    let injected = Script { injected: "\r\n250 ok", ..Script::default() };
    let abroad = ["größe@shop.example", "b@shop.example", "c@shop.example", "d@shop.example", "e@shop.example"];
    let case = |name: &str, script, end| Case::new(name.to_owned(), script, end);
    vec![
        case("no STARTTLS", without, End::Accepted),
        case("replies slipped in before encryption", injected, End::Accepted),
        Case { people: abroad, ..case("with SMTPUTF8", able, End::Accepted) },
        Case { people: abroad, met: 1, ..case("without SMTPUTF8", Script::default(), End::Rejected) },
    ]
}

/// A run with the fault, then runs without; the ledger against the relay's own record.
async fn played(case: Case, policy: Policy) {
    let mut post = Post::new(case.script.clone()).await;
    post.policy = policy;
    let (name, people) = (&case.name, &case.people[..]);
    let started = Instant::now();
    let relay = post.relay.smtp(Tls::Required);
    let timeouts = if case.script.silent_at.is_some() { QUICK } else { tieout::mail::Timeouts::default() };
    post.run_by(&Transport::Smtp { relay, timeouts }, "faulty", people).await;
    // Five recipients, each at most one silence and one goodbye; the rest is for a busy machine.
    assert!(started.elapsed() < Duration::from_mins(1), "{name}: {:?}", started.elapsed());
    post.relay.behave(Script::default());
    calm(&post, people).await;
    let (mut met, doubtful) = (0, policy.on_unknown == OnUnknown::Resend);
    for address in people {
        let end = agreed(&post, address, name).await;
        let expected = match case.end {
            End::Doubt if doubtful => End::Accepted,
            end => end,
        };
        met += usize::from(end == expected);
        assert!(end == expected || end == End::Accepted, "{name}: {address} ended as {end:?}");
    }
    assert!(met >= case.met, "{name}: {met} met");
}

/// Runs without a fault, hour by hour.
async fn calm(post: &Post, people: &[&str]) {
    for run in 0..3 {
        post.clock.advance(61);
        post.run(&format!("calm-{run}"), people).await;
    }
}

/// What the ledger says of a recipient, which the relay must agree with.
async fn agreed(post: &Post, address: &str, name: &str) -> End {
    let (state, copies) = (post.state(address).await, post.copies(address));
    let most = if post.policy.on_unknown == OnUnknown::Resend { 2 } else { 1 };
    assert!(copies <= most, "{name}: {address} has {copies} copies, {state:?}");
    match state {
        State::Accepted { resent: false, .. } => {
            assert_eq!(copies, 1, "{name}: {address}");
            End::Accepted
        }
        State::Accepted { resent: true, .. } => {
            assert!((1..=2).contains(&copies), "{name}: {address} has {copies}");
            End::Accepted
        }
        State::Rejected { .. } => {
            assert_eq!(copies, 0, "{name}: {address}");
            End::Rejected
        }
        State::InDoubt(_) => End::Doubt,
        other => panic!("{name}: {address} is not settled: {other:?}"),
    }
}

async fn play(cases: Vec<Case>, policy: Policy) {
    let playing: Vec<_> = cases.into_iter().map(|case| tokio::spawn(played(case, policy))).collect();
    for case in playing {
        case.await.expect("a case");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_and_lost_connections_at_every_step_leave_a_truthful_ledger() {
    play(silent_and_gone(), HOLD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_at_every_step_leave_a_truthful_ledger() {
    play(replies(), HOLD).await;
    play(others(), HOLD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_again_makes_one_copy_more_than_confirmed_at_most() {
    let doubts = silent_and_gone().into_iter().filter(|case| case.end == End::Doubt).collect();
    play(doubts, RESEND).await;
}

#[tokio::test]
async fn a_relay_that_cannot_be_trusted_gets_nothing_and_the_mail_goes_out_later() {
    let post = Post::new(Script::default()).await;
    let relay = Smtp { root_certificate: None, ..post.relay.smtp(Tls::Required) };
    post.run_by(&Transport::Smtp { relay, timeouts: QUICK }, "faulty", &PEOPLE).await;
    assert!(post.relay.accepted().is_empty());
    calm(&post, &PEOPLE).await;
    for address in PEOPLE {
        assert_eq!(agreed(&post, address, "untrusted").await, End::Accepted);
    }
}

/// Runs over a store at whose n-th request the process ends. False: it came to its end before.
async fn cut(post: &Post, objects: &Arc<InMemory>, at: usize, served: bool, people: &[&str]) -> bool {
    let store = Cut::new(Arc::clone(objects), at, served);
    let location = post.over(store.clone());
    let ledger = Ledger::new(&location, "cut", post.clock.shared());
    let (transport, ledger) = (post.transport(), ledger.expect("a ledger"));
    let way = Way { transport: &transport, ledger: &ledger, policy: post.policy };
    let entries = entries(people);
    tokio::select! {
        biased;
        () = store.reached() => true,
        report = deliver(&entries, way, || false) => {
            report.expect("a ledger");
            false
        }
    }
}

async fn quick(script: Script, policy: Policy) -> (Post, Arc<InMemory>) {
    let mut post = Post::new(Script { starttls: false, ..script }).await;
    let objects = Arc::new(InMemory::new());
    let store: Location = post.over(objects.clone());
    (post.store, post.policy, post.tls) = (store, policy, Tls::PlaintextLoopback);
    (post, objects)
}

#[tokio::test]
async fn a_process_that_ends_at_any_request_to_the_ledger_leaves_it_truthful() {
    let people = &PEOPLE[..3];
    for policy in [HOLD, RESEND] {
        for served in [false, true] {
            let mut at = 1;
            loop {
                let (post, objects) = quick(Script::default(), policy).await;
                let ended = cut(&post, &objects, at, served, people).await;
                post.relay.behave(Script { starttls: false, ..Script::default() });
                calm(&post, people).await;
                let name = format!("request {at}, served: {served}");
                for address in people {
                    let end = agreed(&post, address, &name).await;
                    assert!(end == End::Accepted || policy == HOLD, "{name}: {address} ended as {end:?}");
                }
                if !ended {
                    break;
                }
                at += 1;
            }
            assert!(at > 9, "three mails have at least three requests each, not {at}");
        }
    }
}

#[tokio::test]
async fn a_process_that_ends_before_the_reply_leaves_a_doubt() {
    let gate = Gate::closed();
    let (post, objects) = quick(Script { gate: Some(gate.clone()), ..Script::default() }, HOLD).await;
    let never = Cut::new(objects, 0, false);
    let location = post.over(never);
    let ledger = Ledger::new(&location, "cut", post.clock.shared());
    let (transport, ledger, entries) = (post.transport(), ledger.expect("a ledger"), entries(&PEOPLE[..1]));
    let way = Way { transport: &transport, ledger: &ledger, policy: HOLD };
    tokio::select! {
        () = gate.reached() => {}
        report = deliver(&entries, way, || false) => panic!("{report:?}"),
    }
    gate.open();
    post.relay.behave(Script { starttls: false, ..Script::default() });
    calm(&post, &PEOPLE[..1]).await;
    assert_eq!(agreed(&post, PEOPLE[0], "gate").await, End::Doubt);
    assert!(matches!(post.run("last", &PEOPLE[..1]).await.delivered[0].status, Status::InDoubt { .. }));
}
