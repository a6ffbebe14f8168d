//! What is being done and how much of it: one moving line on a terminal, otherwise log events at a bounded rate.
//!
//! What is counted is input: the bytes and rows of the files that are read, out of those that were pinned. The time left is
//! that of the input, by the pace so far. What comes after it, such as periods, checks and reports, has no such measure, and
//! nothing is said of how long it will take.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use serde::{Deserialize, Serialize};

use crate::clock::{Seconds, Stopwatch};

/// Events of one stage are at least this far apart, except for its last.
const BETWEEN_EVENTS: Duration = Duration::from_secs(1);

/// An amount of input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// By the files' own footers; those of text files are not known before they are read, and do not count.
    pub rows: u64,
    pub bytes: u64,
}

impl AddAssign for Volume {
    fn add_assign(&mut self, more: Self) {
        self.rows = self.rows.saturating_add(more.rows);
        self.bytes = self.bytes.saturating_add(more.bytes);
    }
}

/// How much of its input a run has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputDone {
    pub rows_done: u64,
    /// Of all files with a footer. Text files have bytes only.
    pub rows_total: u64,
    pub bytes_done: u64,
    pub bytes_total: u64,
}

/// A stage of a run and how long it took, all its turns together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageTime {
    pub stage: String,
    pub seconds: Seconds,
}

/// What a run has spent and read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    pub seconds: Seconds,
    pub stages: Vec<StageTime>,
    /// None before the inputs are known.
    pub input: Option<InputDone>,
}

/// Tells how far the work is. Clones tell of the same work.
#[derive(Clone, Debug)]
pub struct Progress {
    line: ProgressBar,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    begun: Stopwatch,
    stage: Stage,
    /// Those that are over.
    stages: Vec<StageTime>,
    input: Option<InputDone>,
    /// What is left of the input will take that long, and since when that is known.
    left: Option<(Duration, Stopwatch)>,
}

#[derive(Debug)]
struct Stage {
    name: String,
    begun: Stopwatch,
    steps: u64,
    done: u64,
    /// Bytes of input read before it began.
    bytes_before: u64,
    told: Option<Stopwatch>,
}

impl Progress {
    /// Shown on a terminal only.
    #[must_use]
    pub fn new() -> Self {
        let state = Arc::new(Mutex::new(State::new()));
        let line = if std::io::stderr().is_terminal() { moving_line(&state) } else { ProgressBar::hidden() };
        Self { line, state }
    }

    /// A run begins: what was spent before is no part of it.
    pub fn begin(&self) {
        *self.state() = State::new();
    }

    /// A stage with a known number of steps begins.
    pub fn stage(&self, name: &str, steps: usize) {
        tracing::info!(stage = name, steps, "stage");
        self.state().enter(name, u64::try_from(steps).unwrap_or(u64::MAX));
        self.show();
    }

    /// The input that is going to be read is known.
    pub fn input(&self, total: Volume) {
        let (rows_total, bytes_total) = (total.rows, total.bytes);
        self.state().input = Some(InputDone { rows_total, bytes_total, ..InputDone::default() });
    }

    /// One step of the stage is done.
    pub fn step(&self, what: &str) {
        self.step_with(what, Volume::default());
    }

    /// One step of the stage is done, with all that is to be read of this input.
    pub fn step_with(&self, what: &str, read: Volume) {
        let mut state = self.state();
        state.step(read);
        if state.is_time_to_tell() {
            state.tell(what);
        }
        drop(state);
        self.show();
    }

    /// What was spent since the run began.
    #[must_use]
    pub fn spent(&self) -> Spent {
        let state = self.state();
        Spent { seconds: state.begun.elapsed().into(), stages: state.stage_times(), input: state.input }
    }

    /// Nothing more is shown.
    pub fn done(&self) {
        self.line.finish_and_clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self) {
        // Drawing asks for the state itself.
        let (message, position, length) = self.state().shown();
        self.line.set_length(length);
        self.line.set_position(position);
        self.line.set_message(message);
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

fn moving_line(state: &Arc<Mutex<State>>) -> ProgressBar {
    let state = Arc::clone(state);
    let left = move |_: &ProgressState, line: &mut dyn std::fmt::Write| {
        if let Some(left) = state.lock().unwrap_or_else(PoisonError::into_inner).left() {
            // A line that cannot be written to is not shown.
            let _ = write!(line, ", about {:#} left", HumanDuration(left));
        }
    };
    // What does not fit on the line is cut off: a longer one would move the terminal at every turn.
    let style = ProgressStyle::with_template("{spinner} [{bar:16}] {elapsed}{left}  {wide_msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ").with_key("left", left);
    let line = ProgressBar::new(1).with_style(style);
    line.enable_steady_tick(Duration::from_millis(120));
    line
}

impl State {
    fn new() -> Self {
        Self { begun: Stopwatch::start(), stage: Stage::new(""), stages: Vec::new(), input: None, left: None }
    }

    fn enter(&mut self, name: &str, steps: u64) {
        self.stages = self.stage_times();
        let bytes_before = self.input.map_or(0, |input| input.bytes_done);
        self.stage = Stage { steps, bytes_before, ..Stage::new(name) };
        self.left = None;
    }

    /// The stages so far, in the order they began.
    fn stage_times(&self) -> Vec<StageTime> {
        let (mut stages, took) = (self.stages.clone(), self.stage.begun.elapsed());
        match stages.iter_mut().find(|known| known.stage == self.stage.name) {
            Some(known) => known.seconds += took,
            None if self.stage.name.is_empty() => {}
            None => stages.push(StageTime { stage: self.stage.name.clone(), seconds: took.into() }),
        }
        stages
    }

    fn step(&mut self, read: Volume) {
        self.stage.done += 1;
        let Some(input) = &mut self.input else { return };
        input.rows_done += read.rows;
        input.bytes_done += read.bytes;
        let (done, rest) =
            (input.bytes_done - self.stage.bytes_before, input.bytes_total.saturating_sub(input.bytes_done));
        // The pace of a stage says nothing of the next one.
        let goes_on = self.stage.done < self.stage.steps;
        let left = if goes_on { will_take(self.stage.begun.elapsed(), done, rest) } else { None };
        self.left = left.map(|left| (left, Stopwatch::start()));
    }

    fn is_time_to_tell(&self) -> bool {
        let since = self.stage.told.unwrap_or(self.stage.begun).elapsed();
        self.stage.done >= self.stage.steps || since >= BETWEEN_EVENTS
    }

    fn tell(&mut self, what: &str) {
        self.stage.told = Some(Stopwatch::start());
        let (stage, steps_done, steps_total) = (self.stage.name.as_str(), self.stage.done, self.stage.steps);
        let seconds_left = self.left().map(|left| left.as_secs());
        let of_input = |count: fn(&InputDone) -> u64| self.input.as_ref().map(count);
        // What is not known is left out.
        tracing::info!(
            stage,
            step = what,
            steps_done,
            steps_total,
            rows_done = of_input(|input| input.rows_done),
            rows_total = of_input(|input| input.rows_total),
            bytes_done = of_input(|input| input.bytes_done),
            bytes_total = of_input(|input| input.bytes_total),
            seconds_left,
            "progress"
        );
    }

    /// What is left of the time that the input was expected to take. Once that is over, nobody knows.
    fn left(&self) -> Option<Duration> {
        let (left, since) = self.left?;
        left.checked_sub(since.elapsed()).map(|left| Duration::from_secs(left.as_secs())).filter(|left| !left.is_zero())
    }

    /// The line's words, position and length: bytes of the input while it is read, steps otherwise.
    fn shown(&self) -> (String, u64, u64) {
        let Stage { name, steps, done, .. } = &self.stage;
        let mut message = name.clone();
        if *steps > 1 {
            // Writing to a string cannot fail.
            let _ = write!(message, " {done}/{steps}");
        }
        match self.input.filter(|input| input.bytes_done < input.bytes_total) {
            None => (message, *done, *steps),
            Some(input) => {
                let bytes = (HumanBytes(input.bytes_done), HumanBytes(input.bytes_total));
                let _ = write!(message, ", {} of {}", bytes.0, bytes.1);
                if input.rows_total > 0 {
                    let rows = (HumanCount(input.rows_done), HumanCount(input.rows_total));
                    let _ = write!(message, ", {} of {} rows", rows.0, rows.1);
                }
                (message, input.bytes_done, input.bytes_total)
            }
        }
    }
}

impl Stage {
    fn new(name: &str) -> Self {
        let begun = Stopwatch::start();
        Self { name: name.to_owned(), begun, steps: 0, done: 0, bytes_before: 0, told: None }
    }
}

/// How long the rest will take when what is done took so long. Unknown before anything is done, and there is nothing to
/// say once all of it is.
fn will_take(took: Duration, done: u64, rest: u64) -> Option<Duration> {
    if rest == 0 {
        return None;
    }
    let milliseconds = took.as_millis().checked_mul(u128::from(rest))?.checked_div(u128::from(done))?;
    Some(Duration::from_millis(u64::try_from(milliseconds).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_the_pace_so_far_and_is_unknown_before_there_is_one() {
        let took = Duration::from_secs(10);
        assert_eq!(will_take(took, 0, 5), None, "nothing is done");
        assert_eq!(will_take(took, 5, 0), None, "nothing is left");
        assert_eq!(will_take(took, 4, 6), Some(Duration::from_secs(15)));
        assert_eq!(will_take(Duration::MAX, 1, u64::MAX), None, "beyond all counting");
    }

    #[test]
    fn a_time_that_has_run_out_is_no_longer_said() {
        let mut state = State::new();
        for (left, said) in [(None, false), (Some(0), false), (Some(900), false), (Some(60_000), true)] {
            state.left = left.map(|left| (Duration::from_millis(left), Stopwatch::start()));
            assert_eq!(state.left().is_some(), said, "{left:?}");
        }
    }

    #[test]
    fn what_is_done_adds_up_to_the_whole_and_a_stage_that_comes_again_is_one() {
        let progress = Progress { line: ProgressBar::hidden(), state: Arc::new(Mutex::new(State::new())) };
        assert_eq!(progress.spent().stages, [], "nothing has begun");
        progress.stage("pinning", 1);
        progress.input(Volume { rows: 5, bytes: 50 });
        progress.stage("intakes", 2);
        progress.step_with("2026-10", Volume { rows: 2, bytes: 30 });
        let half = progress.spent().input.expect("known");
        assert_eq!((half.rows_done, half.bytes_done, half.bytes_total), (2, 30, 50));
        let shown = progress.state().shown();
        assert_eq!(shown, ("intakes 1/2, 30 B of 50 B, 2 of 5 rows".to_owned(), 30, 50));
        progress.step_with("2026-09", Volume { rows: 3, bytes: 20 });
        progress.stage("pinning", 1);
        assert_eq!(progress.state().shown(), ("pinning".to_owned(), 0, 1), "no input is left to be shown");
        let spent = progress.spent();
        let names: Vec<&str> = spent.stages.iter().map(|stage| stage.stage.as_str()).collect();
        assert_eq!(names, ["pinning", "intakes"]);
        assert_eq!(spent.input.map(|input| (input.rows_done, input.bytes_done)), Some((5, 50)));
        progress.begin();
        assert_eq!((progress.spent().stages, progress.spent().input), (Vec::new(), None));
    }
}
