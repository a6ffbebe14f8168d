//! The faults, object by object, and the code that each run has to end with.

use std::time::Duration;

use hyper::{Method, StatusCode};

use crate::fixtures::s3::Fault;

/// What goes wrong, and how runs have to end.
pub struct Case {
    pub what: String,
    pub plans: Vec<Plan>,
    /// The code of the run that has the faults.
    pub code: i32,
    /// The code of the run after it.
    pub next: i32,
    /// Plans that need not come about.
    pub spared: usize,
}

pub struct Plan {
    pub method: Method,
    pub part: &'static str,
    pub times: usize,
    pub fault: Fault,
}

/// For ever, as far as one run is concerned.
const ALWAYS: usize = 1000;

/// Keys that are created once.
const CREATED: [&str; 5] = ["/format.json", "/log/0000", "/claim-1", "/dot-1", "/ok-1"];
/// Objects that only this run writes, and those that are rewritten by every run.
const WRITTEN: [&str; 9] = [
    "/data/ledger",
    "/manifest/",
    ".eml",
    "/inputs.json",
    "/audit.json",
    "/current.json",
    "/current.sql",
    "/latest/ledger/2026",
    "/_SEQ",
];
/// Objects that a run reads, and what it lists.
const READ: [&str; 7] = ["/in/postings", "/data/ledger", "/manifest/", ".eml", "/log/0000", "/format.json", "prefix="];

pub fn cases() -> Vec<Case> {
    [passing(), refused_writes(), refused_reads(), damaged_reads(), lost_twice(), expired()]
        .into_iter()
        .flatten()
        .collect()
}

fn plan(method: Method, part: &'static str, times: usize, fault: Fault) -> Plan {
    Plan { method, part, times, fault }
}

fn case(what: impl Into<String>, plans: Vec<Plan>, code: i32) -> Case {
    Case { what: what.into(), plans, code, next: 0, spared: 0 }
}

/// What passes by itself, at every object of one run: nobody notices.
fn passing() -> Vec<Case> {
    let refused = |status| Fault::Answer(status);
    let writes = [
        ("500 after it was done", 1, Fault::FailAfter),
        ("dropped after it was done", 1, Fault::DropAfter),
        ("dropped before", 1, Fault::DropBefore),
        ("SlowDown three times", 3, refused(StatusCode::SERVICE_UNAVAILABLE)),
        ("500 twice", 2, refused(StatusCode::INTERNAL_SERVER_ERROR)),
        ("late", 1, Fault::Late(Duration::from_millis(300))),
    ];
    let reads = [
        ("dropped before", 1, Fault::DropBefore),
        ("SlowDown three times", 3, refused(StatusCode::SERVICE_UNAVAILABLE)),
        ("cut", 1, Fault::Cut),
        ("1 KB a second", 1, Fault::Trickle),
    ];
    let at = |method: &Method, parts: &[&'static str], times, fault: &Fault| -> Vec<Plan> {
        parts.iter().map(|part| plan(method.clone(), part, times, fault.clone())).collect()
    };
    let all_writes = [&CREATED[..], &WRITTEN[..]].concat();
    // A key that is there already and is read back is written once: `format.json` has no second request.
    let writes = writes.into_iter().map(|(what, times, fault)| Case {
        spared: 1,
        ..case(format!("all writes: {what}"), at(&Method::PUT, &all_writes, times, &fault), 0)
    });
    let reads = reads
        .into_iter()
        .map(|(what, times, fault)| case(format!("all reads: {what}"), at(&Method::GET, &READ, times, &fault), 0));
    let conflicts = at(&Method::PUT, &CREATED, 1, &refused(StatusCode::CONFLICT));
    let conflicts = case("all creates: a conflict in which nothing was stored", conflicts, 0);
    writes.chain(reads).chain([conflicts]).collect()
}

/// A write that is never allowed: what is not committed is not there, what is committed is made good by the next run.
fn refused_writes() -> Vec<Case> {
    let forbidden = || Fault::Answer(StatusCode::FORBIDDEN);
    let all = CREATED.iter().chain(&WRITTEN).filter(|part| **part != "/format.json");
    all.map(|part| {
        let case = case(format!("403 on PUT {part}"), vec![plan(Method::PUT, part, ALWAYS, forbidden())], 77);
        // What was sent and could not be written down is in doubt, and held.
        let next = if *part == "/ok-1" { 80 } else { 0 };
        Case { next, spared: 1, ..case }
    })
    .collect()
}

fn refused_reads() -> Vec<Case> {
    let forbidden = || Fault::Answer(StatusCode::FORBIDDEN);
    READ.iter()
        .map(|part| {
            let plans = vec![plan(Method::GET, part, ALWAYS, forbidden())];
            Case { spared: 1, ..case(format!("403 on GET {part}"), plans, 77) }
        })
        .collect()
}

/// Bytes that are missing although the store says that all is well.
fn damaged_reads() -> Vec<Case> {
    let short = [
        ("/in/postings", 75),
        ("/data/ledger", 74),
        ("/manifest/", 78),
        (".eml", 80),
        ("/log/0000", 78),
        ("/format.json", 78),
    ];
    let short = short
        .into_iter()
        .map(|(part, code)| case(format!("half of {part}"), vec![plan(Method::GET, part, 1, Fault::Short)], code));
    let long = READ.iter().map(|part| {
        case(format!("a length that says too much of {part}"), vec![plan(Method::GET, part, 1, Fault::Long)], 0)
    });
    short.chain(long).collect()
}

/// The answer to a create is lost, and then the store cannot say for a while whose bytes are there.
fn lost_twice() -> Vec<Case> {
    let lost = |part, first: Fault| {
        let unavailable = Fault::Answer(StatusCode::SERVICE_UNAVAILABLE);
        let plans = vec![plan(Method::PUT, part, 1, first), plan(Method::GET, part, 3, unavailable)];
        case(format!("lost, then 503 on reading back {part}"), plans, 0)
    };
    let commit = |fault: Fault| lost("/log/00000000000000000002", fault);
    let mails = ["/claim-1", "/dot-1", "/ok-1"].map(|part| lost(part, Fault::DropAfter));
    [commit(Fault::DropAfter), commit(Fault::FailAfter), commit(Fault::DropBefore)].into_iter().chain(mails).collect()
}

/// From one request on nothing is allowed any more.
fn expired() -> Vec<Case> {
    let before = ["/data/ledger", "/manifest/", ".eml", "/inputs.json"];
    let before = before.map(|part| {
        case(format!("expired at PUT {part}"), vec![plan(Method::PUT, part, 1, Fault::Expire(ALWAYS))], 77)
    });
    let reading = case("expired while reading", vec![plan(Method::GET, "/in/postings", 1, Fault::Expire(ALWAYS))], 77);
    let at = ["/log/00000000000000000002", "/claim-1", "/dot-1", "/ok-1"];
    let renewed = at.map(|part| {
        case(format!("expired at PUT {part}, renewed soon"), vec![plan(Method::PUT, part, 1, Fault::Expire(4))], 0)
    });
    before.into_iter().chain([reading]).chain(renewed).collect()
}
