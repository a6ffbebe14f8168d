//! `gc`: what retention no longer keeps, planned first and deleted a day later. The only verb that deletes what was
//! published; nothing else needs the right to.

use std::fmt;

use serde::Serialize;

use crate::cli::{GcArgs, GcDo};
use crate::commands::invocation::Invocation;
use crate::commands::owner::{USE_ITS_FILE, refuse_other_pipeline};
use crate::error::Failure;
use crate::pipeline::Pipeline;
use crate::publication::Log;
use crate::publication::gc::{Candidate, Gc, Swept};
use crate::store::Stores;

/// What was planned or done.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Collected {
    Planned(Planned),
    Swept { pipeline: String, swept: Swept },
}

#[derive(Debug, Serialize)]
pub struct Planned {
    pub pipeline: String,
    pub publication: u64,
    /// Publications that are kept whole.
    pub kept: usize,
    /// None when there is nothing to delete.
    pub plan: Option<String>,
    pub candidates: Vec<Candidate>,
    pub bytes: u64,
    /// Objects that nothing refers to and that are too young to go.
    pub young: usize,
    /// Objects of somebody else, which are left alone.
    pub foreign: usize,
}

/// Plans or sweeps.
///
/// # Errors
/// When the log cannot be trusted or is another pipeline's, or the store refuses.
pub async fn gc(args: &GcArgs, invocation: &Invocation) -> Result<Collected, Failure> {
    let pipeline = Pipeline::load(&args.pipeline, &invocation.environment)?;
    let stores = Stores::new(&pipeline.storage.options, &invocation.environment)?;
    let log = Log::open(&stores, &pipeline.storage.outputs).await?;
    refuse_other_pipeline(&pipeline, log.head().await?.as_ref(), USE_ITS_FILE)?;
    let gc = Gc { log: &log, retention: pipeline.retention, now: invocation.now };
    let pipeline = pipeline.name;
    match args.action {
        GcDo::Sweep => Ok(Collected::Swept { pipeline, swept: gc.sweep().await? }),
        GcDo::Plan => {
            let (found, plan) = gc.plan(&invocation.run_id()).await?;
            Ok(Collected::Planned(Planned {
                pipeline,
                publication: found.kept.publication,
                kept: found.kept.publications.len(),
                plan: plan.map(|plan| plan.id),
                bytes: found.candidates.iter().map(|one| one.bytes).sum(),
                candidates: found.candidates,
                young: found.young,
                foreign: found.foreign,
            }))
        }
    }
}

impl fmt::Display for Collected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Planned(planned) => planned.fmt(f),
            Self::Swept { pipeline, swept } => {
                let Swept { plans, waiting, deleted, bytes, spared } = swept;
                match plans.len() {
                    0 => writeln!(f, "{pipeline}: nothing deleted, no plan is a day old")?,
                    count => writeln!(
                        f,
                        "{pipeline}: {deleted} objects deleted, {bytes} bytes, by {count} plans; {spared} spared"
                    )?,
                }
                if *waiting > 0 {
                    writeln!(f, "  {waiting} plans wait until they are a day old")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pipeline, publication, kept, plan, candidates, bytes, young, foreign } = self;
        writeln!(f, "{pipeline}: {kept} of {publication} publications are kept whole")?;
        match plan {
            None => writeln!(f, "  nothing to delete")?,
            Some(id) => writeln!(f, "  plan {id}: {} objects, {bytes} bytes", candidates.len())?,
        }
        candidates.iter().try_for_each(|one| writeln!(f, "    {} ({} bytes)", one.path, one.bytes))?;
        if *young > 0 {
            writeln!(f, "  {young} objects that nothing refers to are too young to go")?;
        }
        if *foreign > 0 {
            writeln!(f, "  {foreign} objects are not of this program and stay")?;
        }
        if plan.is_some() {
            writeln!(f, "  `tieout gc PIPELINE sweep` deletes them once the plan is a day old")?;
        }
        Ok(())
    }
}
