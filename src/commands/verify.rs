//! `verify`: whether a publication is whole, unchanged and consistent with itself, and with `--recompute` whether its
//! inputs still give it, byte for byte. Reads only; a rebuild goes into a temporary folder.

mod recompute;

use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::cli::VerifyArgs;
use crate::commands::fingerprint::{config_of, fits};
use crate::commands::invocation::Invocation;
use crate::commands::owner::{USE_ITS_FILE, refuse_other_pipeline};
use crate::commands::project::Project;
use crate::controls::{Comparison, Difference, Recount};
use crate::error::{Exit, Failure};
use crate::pipeline::Pipeline;
use crate::problem::Problem;
use crate::publication::verify::{Checked, Findings, RunRecords, chain, derived, mails, records, tables};
use crate::publication::{Action, Log, Manifest, Publication, PublicationError, PublishedFile, Record};
use crate::store::Stores;

/// What was verified, and everything that is wrong.
#[derive(Debug, Serialize)]
pub struct Verified {
    pub pipeline: String,
    /// None when no entry of the log can be read.
    pub publication: Option<u64>,
    pub period: Option<String>,
    pub run_id: Option<String>,
    #[serde(flatten)]
    pub findings: Findings,
}

/// What the tables of a publication were found to be.
struct Content {
    manifests: Vec<Manifest>,
    records: RunRecords,
}

/// Verifies a publication.
///
/// # Errors
/// When nothing is published, there is no such publication, or a store does not answer. Whatever is wrong with the
/// publication is no error but an answer.
pub async fn verify(args: &VerifyArgs, invocation: &Invocation) -> Result<Verified, Failure> {
    let pipeline = Pipeline::load(&args.pipeline, &invocation.environment)?;
    let project = if args.recompute {
        let due = |pipeline: &Pipeline| crate::commands::due::last_complete(pipeline, invocation.now);
        Some(Project::load(&args.pipeline, invocation, due)?)
    } else {
        None
    };
    let stores = Stores::new(&pipeline.storage.options, &invocation.environment)?;
    let log = Log::open(&stores, &pipeline.storage.outputs).await?;
    let mut findings = Findings::default();
    let newest = chain(&log, &mut findings).await?;
    if newest.is_none() && findings.problems.is_empty() {
        return Err(Failure::new(Exit::InputMissing, "nothing is published yet\n  help: `tieout run` publishes"));
    }
    let publication = wanted(&log, args.publication, newest.as_ref(), &mut findings).await?;
    if let Some(publication) = &publication {
        refuse_other_pipeline(&pipeline, Some(publication.head()), USE_ITS_FILE)?;
        let content = content(&pipeline, publication, invocation, &mut findings).await?;
        if let Some(project) = &project {
            let recomputing = recompute::Recomputing { project, stores: &stores, invocation, publication };
            recomputing.all(&content.manifests, content.records.inputs.as_ref(), &mut findings).await?;
        }
    }
    if let Some(newest) = &newest {
        derived(newest, &mut findings).await?;
    }
    let record = publication.as_ref().map(|publication| &publication.head().entry.record);
    Ok(Verified {
        pipeline: pipeline.name.clone(),
        publication: publication.as_ref().map(Publication::seq),
        period: record.map(|record| record.period.clone()),
        run_id: record.map(|record| record.run_id.clone()),
        findings,
    })
}

/// The publication asked for, or the newest. One that cannot be read has been told with the log.
async fn wanted(
    log: &Log,
    seq: Option<u64>,
    newest: Option<&Publication>,
    findings: &mut Findings,
) -> Result<Option<Publication>, Failure> {
    let publication = match seq {
        None => newest.cloned(),
        Some(seq) => match log.at(seq).await {
            Ok(publication) => Some(publication),
            Err(PublicationError::Broken { .. }) => None,
            Err(PublicationError::NoSuch { .. }) if newest.is_some_and(|newest| seq < newest.seq()) => None,
            Err(error) => return Err(error.into()),
        },
    };
    if let Some(publication) = &publication {
        let record = &publication.head().entry.record;
        let misfit = matches!(record.action, Action::Run | Action::Restate) && !fits(record);
        let problem = || {
            let message =
                format!("entry {} does not have the fingerprint of what it says it was made from", publication.seq());
            Problem::new("E502", message).help("restore `_tieout/log` from the bucket's versions or a backup")
        };
        findings.note("entry", 1, said(record), misfit.then(problem).into_iter().collect());
    }
    Ok(publication)
}

fn said(record: &Record) -> String {
    format!("{} as of {}, committed {} by run {}", record.period, record.as_of, record.committed_at, record.run_id)
}

/// Manifests, files, control totals, records and mails.
async fn content(
    pipeline: &Pipeline,
    publication: &Publication,
    invocation: &Invocation,
    findings: &mut Findings,
) -> Result<Content, Failure> {
    invocation.progress.stage("verify", publication.head().entry.tables.len());
    let mut recount = Recount::new(pipeline)?;
    let before = findings.problems.len();
    let read = |table: &str, file: &PublishedFile, bytes: Bytes| {
        invocation.progress.step(table);
        let undecodable = |error| {
            let why = crate::error::chain(&error);
            Problem::new("E503", format!("`{}`: {why}", file.address)).help("verify with the program that wrote it")
        };
        recount.add(table, &file.address, bytes).map_err(undecodable)
    };
    let manifests = tables(publication, findings, read).await?;
    let whole = findings.problems.len() == before;
    let records = records(publication, findings).await?;
    totals(pipeline, publication, &recount, whole, records.audit.as_ref(), findings);
    mails(publication, findings).await?;
    Ok(Content { manifests, records })
}

/// The control totals of the tables against those that the audit has recorded.
fn totals(
    pipeline: &Pipeline,
    publication: &Publication,
    recount: &Recount<'_>,
    whole: bool,
    audit: Option<&Value>,
    findings: &mut Findings,
) {
    let mut cannot = |why: &str| findings.note("control totals", 0, format!("not compared: {why}"), Vec::new());
    let recorded = audit.and_then(|audit| audit.get("control_totals"));
    let Some(recorded) = recorded.and_then(|totals| serde_json::from_value::<Vec<Comparison>>(totals.clone()).ok())
    else {
        return cannot("no audit to compare with");
    };
    if !whole {
        return cannot("not every file could be counted");
    }
    if publication.head().entry.record.config_sha256 != config_of(pipeline) {
        return cannot("the pipeline file has changed since");
    }
    let (count, differences) = recount.compare(&recorded);
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let problems = differences.iter().map(differing).collect();
    findings.note("control totals", count, format!("{count} sums of tables, as the audit has recorded them"), problems);
}

fn differing(difference: &Difference) -> Problem {
    let Difference { control, table, group, recorded, found } = difference;
    let of = if group.is_empty() { String::new() } else { format!(" ({})", group.join(", ")) };
    Problem::new(
        "E508",
        format!("control total `{control}` of `{table}`{of}: {recorded} recorded, the files hold {found}"),
    )
    .help("the audit and the tables are not of the same run; restore them from the bucket's versions or a backup")
}

impl Verified {
    /// 0 only when everything is right. What differs is 65; what kept a recomputation from being made is 78 for another
    /// definition and 75 for other inputs.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let all = |codes: &[&str]| self.findings.problems.iter().all(|problem| codes.contains(&problem.code));
        if all(&[]) {
            Exit::Done
        } else if all(&["E312"]) {
            Exit::TryLater
        } else if all(&["E312", recompute::OTHER_DEFINITION]) {
            Exit::Definition
        } else {
            Exit::InputContract
        }
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.publication {
            Some(publication) => writeln!(f, "{} publication {publication}", self.pipeline)?,
            None => writeln!(f, "{}", self.pipeline)?,
        }
        for Checked { what, detail, problems, .. } in &self.findings.checked {
            match problems {
                0 => writeln!(f, "  {what:<15} {detail}")?,
                1 => writeln!(f, "  {what:<15} 1 PROBLEM: {detail}")?,
                count => writeln!(f, "  {what:<15} {count} PROBLEMS: {detail}")?,
            }
        }
        match self.findings.problems.len() {
            0 => writeln!(f, "all of it is as it was published"),
            count => {
                writeln!(f, "NOT as it was published, {count} problems:")?;
                self.findings.problems.iter().try_for_each(|problem| writeln!(f, "{problem}"))
            }
        }
    }
}
