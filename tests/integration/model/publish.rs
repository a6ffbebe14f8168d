//! What a run does up to the commit and for its readers.

use super::guards::Guard;
use super::mail::MailStep;
use super::system::{Answer, At, ENTRIES, Entry, Fortune, NOBODY, Run, State, System};

/// What a create has come to.
pub enum Created {
    Mine,
    Theirs,
    /// Not known yet, or to be tried again.
    NotYet(Answer),
}

impl System {
    /// One run takes one step.
    pub fn go(&self, state: &mut State, index: usize, fortune: Fortune) {
        let mut run = state.runs[index];
        match run.at {
            At::Ended => {}
            At::Lease => {
                state.runs.iter_mut().for_each(|other| other.newest = false);
                run.newest = true;
                run.at = if self.has(Guard::HeadBeforePin) { At::Head } else { At::Pin };
            }
            At::Head => {
                run.head = state.entries();
                run.at = if self.has(Guard::HeadBeforePin) { At::Pin } else { self.decided(state, run) };
            }
            At::Pin => {
                run.pinned = state.inputs;
                run.at = if self.has(Guard::HeadBeforePin) { self.decided(state, run) } else { At::Head };
            }
            At::Build if self.has(Guard::FilesBeforeEntry) => run.at = At::Epoch,
            At::Build => {
                state.log[usize::from(run.head) - 1].as_mut().expect("committed").whole = true;
                run.at = At::Look { done: 0 };
            }
            At::Epoch => run.at = if run.newest || !self.has(Guard::Epoch) { self.to_commit(run) } else { At::Ended },
            At::Commit(answer) => self.commit(state, &mut run, answer, fortune),
            At::Look { done } if done == state.entries() => {
                run.at = At::Mail { mail: 0, step: MailStep::List };
            }
            At::Look { .. } => run.at = At::Derive { from: state.entries() },
            At::Derive { from } => {
                state.current = from;
                run.at = if self.has(Guard::LookAgain) { At::Look { done: from } } else { mailing() };
            }
            At::Mail { mail, step } => self.deliver(state, &mut run, mail, step, fortune),
        }
        state.runs[index] = run;
    }

    /// What is due, once head and inputs are known.
    fn decided(&self, state: &State, run: Run) -> At {
        let seen = usize::from(run.head).checked_sub(1).and_then(|last| state.log[last]);
        let same = seen.is_some_and(|entry| entry.fingerprint == run.pinned);
        if same && self.has(Guard::Fingerprint) {
            return At::Look { done: 0 };
        }
        match usize::from(run.head) {
            // This log has no more room: only when something went wrong.
            ENTRIES => At::Ended,
            _ if !self.has(Guard::FilesBeforeEntry) => At::Epoch,
            _ => At::Build,
        }
    }

    fn to_commit(&self, run: Run) -> At {
        if self.has(Guard::CommitBeforeMail) {
            return At::Commit(Answer::None);
        }
        At::Mail { mail: run.head * self.recipients, step: MailStep::List }
    }

    fn commit(&self, state: &mut State, run: &mut Run, answer: Answer, fortune: Fortune) {
        let number = usize::from(run.head);
        let entry = Entry { fingerprint: run.pinned, whole: self.has(Guard::FilesBeforeEntry) };
        if !self.has(Guard::CreateOnly) && answer == Answer::None {
            // Overwriting: whatever was there is gone.
            state.overwritten |= state.log[number].is_some();
            state.log[number] = None;
        }
        let there = state.log[number].is_some();
        match self.create(there, answer, fortune, || state.log[number] = Some(entry)) {
            Created::Mine => {
                run.head += 1;
                run.at = if self.has(Guard::FilesBeforeEntry) { At::Look { done: 0 } } else { At::Build };
            }
            // Begins again, with what is there now.
            Created::Theirs if self.has(Guard::HeadBeforePin) => run.at = At::Head,
            Created::Theirs => run.at = At::Pin,
            Created::NotYet(answer) => run.at = At::Commit(answer),
        }
        if run.at == At::Ended {
            *run = NOBODY;
        }
    }

    /// The rule for every key that is created once: `there` says whether it is, `store` puts our bytes there.
    #[expect(clippy::match_same_arms, reason = "one arm per row of the table")]
    pub fn create(&self, there: bool, answer: Answer, fortune: Fortune, store: impl FnOnce()) -> Created {
        match answer {
            Answer::None => {
                let lands = !there && fortune != Fortune::NothingStored;
                if lands {
                    store();
                }
                if lands && fortune == Fortune::Well {
                    return Created::Mine;
                }
                if self.has(Guard::ReadBack) {
                    return Created::NotYet(Answer::Unclear { stored: lands });
                }
                Created::Theirs
            }
            Answer::Unclear { stored: true } => Created::Mine,
            Answer::Unclear { stored: false } if !there => Created::NotYet(Answer::None),
            Answer::Unclear { stored: false } if self.has(Guard::Nonce) => Created::Theirs,
            Answer::Unclear { stored: false } => Created::Mine,
        }
    }
}

/// Where mailing begins.
fn mailing() -> At {
    At::Mail { mail: 0, step: MailStep::List }
}
