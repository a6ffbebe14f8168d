//! One guard less: the checker finds what it prevents.

use stateright::{Checker, HasDiscoveries, Model};

use super::explored::{COMMITTED, CURRENT, FORWARD, NO_IDLE_DOUBT, ONE_COPY, ONE_ENTRY, WHOLE, small};
use super::guards::Guard;
use super::system::System;

/// Takes the guard away and expects this property to break; prints in how many steps.
#[expect(clippy::print_stdout, reason = "how much was looked at is part of what a proof says")]
#[expect(clippy::needless_pass_by_value, reason = "a caller makes one for this alone")]
fn breaks(without: &[Guard], property: &'static str, system: System) {
    let system = System { without: without.to_vec(), ..system };
    let until = HasDiscoveries::AnyOf([property].into());
    let checker = system.checker().finish_when(until).threads(1).spawn_bfs().join();
    let path = checker.discovery(property).unwrap_or_else(|| {
        panic!("without {without:?}, `{property}` still holds in {} states", checker.unique_state_count())
    });
    println!("without {without:?}, after {} steps, not: {property}", path.into_actions().len());
}

fn two_versions() -> System {
    System { versions: 2, ..small() }
}

#[test]
fn without_the_read_back_a_lost_answer_leaves_a_mail_held_that_nobody_has() {
    breaks(&[Guard::ReadBack], NO_IDLE_DOUBT, small());
}

#[test]
fn without_the_nonce_two_runs_believe_that_they_have_the_same_claim() {
    breaks(&[Guard::Nonce], ONE_COPY, small());
}

#[test]
fn without_create_a_slow_run_overwrites_an_entry() {
    breaks(&[Guard::CreateOnly], ONE_ENTRY, small());
}

#[test]
fn without_the_fingerprint_the_same_inputs_are_published_twice() {
    breaks(&[Guard::Fingerprint], FORWARD, small());
}

#[test]
fn without_lease_and_without_reading_the_head_first_a_slow_run_publishes_old_inputs() {
    breaks(&[Guard::HeadBeforePin, Guard::Epoch], FORWARD, two_versions());
}

#[test]
fn without_files_first_readers_see_an_entry_whose_files_are_missing() {
    breaks(&[Guard::FilesBeforeEntry], WHOLE, small());
}

#[test]
fn without_the_commit_first_mail_leaves_for_what_is_not_published() {
    breaks(&[Guard::CommitBeforeMail], COMMITTED, small());
}

#[test]
fn without_the_claim_two_runs_share_an_attempt_and_both_send() {
    breaks(&[Guard::Claim], ONE_COPY, small());
}

#[test]
fn without_the_dot_first_a_crash_after_the_body_sends_again() {
    breaks(&[Guard::DotBeforeBody], ONE_COPY, small());
}

#[test]
fn without_the_fence_a_paused_run_sends_what_its_successor_has_sent() {
    breaks(&[Guard::Fence], ONE_COPY, small());
}

#[test]
fn without_the_hold_a_mail_in_doubt_is_sent_again() {
    breaks(&[Guard::Hold], ONE_COPY, small());
}

#[test]
fn without_looking_again_readers_are_left_at_an_older_entry() {
    breaks(&[Guard::LookAgain], CURRENT, two_versions());
}
