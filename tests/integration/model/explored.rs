//! The whole protocol, explored: what always holds, and what holds once nothing fails any more.
//!
//! Nothing repeats in this model: a run goes forward, a step back needs a new entry of the log, a failure or a lost
//! answer, and there are few of those. So what holds wherever nothing more can happen is what every history comes to.

use std::time::Instant;

use stateright::{Checker, Model, Property};

use super::guards::Guard;
use super::mail::{Dot, Told};
use super::system::{State, System};

pub const ONE_ENTRY: &str = "a number of the log is written once";
pub const FORWARD: &str = "no two entries are of the same inputs, and none is of older ones";
pub const WHOLE: &str = "whatever readers can see is whole";
pub const COMMITTED: &str = "no mail leaves for what is not committed";
pub const ONE_COPY: &str = "the relay takes one copy at most";
pub const TRUE_LEDGER: &str = "the ledger calls accepted what the relay has";
pub const PUBLISHED: &str = "in the end the newest inputs are published and readers see them";
pub const CURRENT: &str = "without a crash, readers see the newest entry whenever no run is under way";
pub const SETTLED: &str = "in the end every mail is accepted, rejected or held";
pub const NO_IDLE_DOUBT: &str = "without a crash and with a relay that answers, nothing is held";

pub fn properties() -> Vec<Property<System>> {
    vec![
        Property::always(ONE_ENTRY, |_, state: &State| !state.overwritten),
        Property::always(FORWARD, |_, state: &State| match state.log {
            [Some(first), Some(second)] => first.fingerprint < second.fingerprint,
            _ => true,
        }),
        Property::always(WHOLE, |_, state: &State| {
            state.log.iter().flatten().all(|entry| entry.whole) && state.current <= state.entries()
        }),
        Property::always(COMMITTED, |system: &System, state: &State| {
            let committed = usize::from(state.entries() * system.recipients);
            state.deliveries.iter().skip(committed).all(|delivery| delivery.accepted == 0)
        }),
        Property::always(ONE_COPY, |_, state: &State| state.deliveries.iter().all(|delivery| delivery.accepted <= 1)),
        Property::always(TRUE_LEDGER, |_, state: &State| {
            state.deliveries.iter().all(|delivery| delivery.told() != Told::Accepted || delivery.accepted > 0)
        }),
        Property::always(PUBLISHED, |system: &System, state: &State| {
            let newest = state.log.iter().flatten().last();
            let published = newest.is_some_and(|entry| entry.fingerprint == system.versions);
            !state.over() || (published && state.current == state.entries())
        }),
        Property::always(CURRENT, |system: &System, state: &State| {
            !state.idle() || state.crashes_left < system.crashes || state.current == state.entries()
        }),
        Property::always(SETTLED, |system: &System, state: &State| {
            let owed = usize::from(state.entries() * system.recipients);
            let settled = |told| matches!(told, Told::Accepted | Told::Rejected | Told::InDoubt(_));
            !state.over() || state.deliveries.iter().take(owed).all(|delivery| settled(delivery.told()))
        }),
        Property::always(NO_IDLE_DOUBT, |system: &System, state: &State| {
            let held = |told| matches!(told, Told::InDoubt(_));
            let crashed = state.crashes_left < system.crashes;
            !state.over()
                || crashed
                || state.deliveries.iter().all(|delivery| delivery.silence || !held(delivery.told()))
        }),
        // That these can happen shows that the model is not empty.
        Property::sometimes("two revisions are published", |system: &System, state: &State| {
            state.entries() == system.versions
        }),
        Property::sometimes("a mail is held", |_, state: &State| {
            state.over() && state.deliveries.iter().any(|delivery| matches!(delivery.told(), Told::InDoubt(_)))
        }),
        Property::sometimes("a mail is accepted after its first attempt was fenced", |_, state: &State| {
            state
                .deliveries
                .iter()
                .any(|delivery| delivery.attempts[0].dot == Some(Dot::Fence) && delivery.told() == Told::Accepted)
        }),
    ]
}

/// Explores everything and prints how much that was.
#[expect(clippy::print_stdout, reason = "how much was looked at is part of what a proof says")]
fn explore(name: &str, system: System) {
    let began = Instant::now();
    let checker = system.checker().threads(2).spawn_bfs().join();
    println!("{name}: {} states, depth {}, {:?}", checker.unique_state_count(), checker.max_depth(), began.elapsed());
    checker.assert_properties();
}

/// Three runs at once, then a last one.
pub fn small() -> System {
    System { runs: 3, recipients: 1, versions: 1, crashes: 2, lost: 2, moods: 1, without: Vec::new() }
}

#[test]
fn three_runs_of_one_period_publish_once_and_mail_once_whatever_fails() {
    explore("one period", small());
}

#[test]
fn two_recipients_each_get_one_mail_whatever_fails() {
    explore("two recipients", System { runs: 2, recipients: 2, ..small() });
}

#[test]
fn changing_inputs_are_published_in_order_and_each_revision_is_mailed_once() {
    explore("two revisions", System { versions: 2, crashes: 1, lost: 1, moods: 0, ..small() });
}

#[test]
fn the_lease_is_a_courtesy_and_the_protocol_is_right_without_it() {
    explore("no lease", System { versions: 2, without: vec![Guard::Epoch], crashes: 1, lost: 1, moods: 0, ..small() });
}

#[test]
#[ignore = "minutes: for whoever changes the protocol, with --release"]
fn the_protocol_holds_with_more_runs_and_more_failures() {
    explore("four runs", System { runs: 4, ..small() });
    explore("two recipients", System { recipients: 2, lost: 1, ..small() });
    explore("two revisions", System { versions: 2, crashes: 1, lost: 1, ..small() });
    explore("no lease", System { versions: 2, without: vec![Guard::Epoch], crashes: 1, lost: 1, ..small() });
}
