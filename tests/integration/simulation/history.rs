//! One history: processes that start at any time, alone or together, while inputs change; then calm, in which the next
//! runs must put everything right.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tieout::error::Exit;
use tieout::pipeline::Pipeline;
use tokio::time::{sleep, timeout};

use super::store::Fate;
use super::world::{Inputs, Tally, World};
use super::{invariants, process};

/// No run takes longer than this, pauses included.
const LIMIT: Duration = Duration::from_hours(1);
/// Runs without trouble that it may take until nothing is left to do.
const CALM_RUNS: usize = 6;

pub struct History {
    world: Arc<World>,
    inputs: Rc<Inputs>,
    pipeline: Rc<Pipeline>,
}

impl History {
    pub fn of(seed: u64) -> Self {
        Self { world: World::new(seed), inputs: Rc::default(), pipeline: Rc::new(process::pipeline()) }
    }

    pub async fn happen(self) -> (Vec<String>, Tally) {
        self.trouble().await;
        self.world.calm();
        Box::pin(self.calm()).await;
        let head = invariants::of_the_end(&self.world, self.inputs.version.get()).await;
        self.world.count(|tally| tally.publications += head);
        let violations = self.world.violations.lock().expect("a lock").clone();
        let tally = *self.world.tally.lock().expect("a lock");
        (violations, tally)
    }

    async fn trouble(&self) {
        let mut running = Vec::new();
        for _ in 0..3 + self.world.below(4) {
            if self.world.below(3) == 0 {
                self.inputs.version.set(self.inputs.version.get() + 1);
            }
            running.push(tokio::task::spawn_local(self.process()));
            // Mostly together, sometimes after one another.
            let pause = if self.world.below(2) == 0 { self.world.below(5_000) } else { self.world.below(300_000) };
            sleep(Duration::from_millis(u64::from(pause))).await;
        }
        for process in running {
            process.await.expect("a process");
        }
    }

    fn process(&self) -> impl Future<Output = ()> + use<> {
        let (world, inputs, pipeline) = (Arc::clone(&self.world), Rc::clone(&self.inputs), Rc::clone(&self.pipeline));
        async move {
            let fate = Fate::of(&world);
            world.count(|tally| tally.runs += 1);
            if inputs.at_work.replace_with(|count| *count + 1) > 0 {
                world.count(|tally| tally.overlaps += 1);
            }
            // A crash is the end of everything the process was about to do.
            tokio::select! {
                ended = timeout(LIMIT, process::run(&world, &fate, &inputs, &pipeline)) => {
                    if ended.is_err() {
                        world.violated(format!("a run takes longer than {LIMIT:?}"));
                    }
                }
                () = fate.crash.notified() => {}
            }
            inputs.at_work.replace_with(|count| *count - 1);
        }
    }

    async fn calm(&self) {
        for _ in 0..CALM_RUNS {
            sleep(Duration::from_hours(1)).await;
            let fate = Fate::of(&self.world);
            let run = Box::pin(process::run(&self.world, &fate, &self.inputs, &self.pipeline));
            let ended = timeout(LIMIT, run).await;
            match ended {
                Err(_) => self.world.violated(format!("a run without trouble takes longer than {LIMIT:?}")),
                Ok(Err(failure)) => self.world.violated(format!("a run without trouble fails: {failure}")),
                // A mail in doubt is held until a person resolves it.
                Ok(Ok(outcome)) if matches!(outcome.exit(), Exit::Done) => return,
                Ok(Ok(_)) => {}
            }
        }
    }
}
