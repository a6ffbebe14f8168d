//! `render`: the reports of a publication as files, without sending anything.
//!
//! Figures, findings and revision are those of the publication. The texts are those of the project as it is now, because
//! this is how somebody looks at a template while editing it. Where the result is not what was mailed, it is a preview, and
//! says so.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use crate::calendar::Period;
use crate::cli::{PeriodArgs, RenderArgs};
use crate::commands::due::moment;
use crate::commands::fingerprint::{config, templates};
use crate::commands::invocation::Invocation;
use crate::commands::project::{Project, ProjectReport};
use crate::commands::reports::{Remarks, Said, Tables, ask, figures_sha256, messages};
use crate::commands::tables::{Memory, published, table_session};
use crate::error::{Exit, Failure};
use crate::pipeline::Pipeline;
use crate::problem::{Problem, Problems};
use crate::publication::{LastDelivery, Log, Publication, PublicationError, Record};
use crate::report::{Rendered as Texts, render as fill};
use crate::store::Stores;
use crate::warehouse::bindings::{Moment, bindings};
use crate::warehouse::output::sha256_hex;

/// What was rendered.
#[derive(Debug, Serialize)]
pub struct Rendered {
    pub reports: Vec<RenderedReport>,
}

#[derive(Debug, Serialize)]
pub struct RenderedReport {
    pub report: String,
    pub period: String,
    pub publication: u64,
    pub revision: u32,
    /// Why this is not what was mailed; none when it is.
    pub preview: Option<String>,
    pub files: Vec<PathBuf>,
}

/// A publication, and what its run has said about it.
struct Shown {
    publication: Publication,
    moment: Moment,
    /// None when no run has said anything.
    remarks: Option<Remarks>,
    /// Why no report of this publication is what was mailed.
    preview: Option<String>,
}

/// Renders reports into a folder.
///
/// # Errors
/// When nothing is published, the period is not over or not published yet, the report is unknown, or the folder cannot be
/// written.
pub async fn render(args: &RenderArgs, invocation: &Invocation) -> Result<Rendered, Failure> {
    let due = |pipeline: &Pipeline| crate::commands::due::last_complete(pipeline, invocation.now);
    let project = Project::load(&args.pipeline, invocation, due)?;
    let pipeline = &project.pipeline;
    let stores = Stores::new(&pipeline.storage.options, &invocation.environment)?;
    let log = Log::open(&stores, &pipeline.storage.outputs).await?;
    let Some(current) = log.current().await? else {
        return Err(Failure::new(Exit::InputMissing, "nothing is published yet\n  help: `tieout run` publishes"));
    };
    let shown = shown(&project, args, &log, current, invocation.now).await?;
    let files = published(&shown.publication).await?;
    let memory = Memory::to_ask(pipeline, invocation)?;
    let session = table_session(pipeline, &log.outputs().store, &files, &memory)?;
    let bindings = bindings(pipeline, shown.moment).map_err(|error| Failure::new(Exit::Internal, error))?;
    let mailed = log.mailed(Some(shown.publication.head())).await?;
    let mut reports = Vec::new();
    for (name, report) in &project.reports {
        if args.report.as_ref().is_some_and(|wanted| wanted != name) {
            continue;
        }
        let tables = ask(&session, report, &bindings).await?;
        let last = mailed.get(name).and_then(|periods| periods.get(&shown.moment.period.to_string()));
        reports.push(shown.report(&project, args, (name, report), &tables, last)?);
    }
    if reports.is_empty() {
        let known: Vec<_> = project.reports.keys().map(String::as_str).collect();
        let problem = Problem::new("E120", "no such report").help(format!("reports here: {}", known.join(", ")));
        return Err(Problems::from(problem).into());
    }
    Ok(Rendered { reports })
}

/// The newest publication of the period asked for. A period that none was made for is shown from the newest tables.
async fn shown(
    project: &Project,
    args: &RenderArgs,
    log: &Log,
    current: Publication,
    now: Timestamp,
) -> Result<Shown, Failure> {
    let record = &current.head().entry.record;
    let text = args.period.as_ref().unwrap_or(&record.period);
    let period = project.pipeline.calendar.period(text);
    let period = period.map_err(|error| Problems::from(Problem::new("E125", error.to_string())))?;
    refuse_unpublished(&project.pipeline, period, record, now)?;
    let of_period = |record: &Record| record.period == period.to_string();
    let mut found = of_period(record).then(|| current.clone());
    let mut earlier = (1..current.seq()).rev();
    while let (None, Some(seq)) = (&found, earlier.next()) {
        found = Some(log.at(seq).await?).filter(|publication| of_period(&publication.head().entry.record));
    }
    let Some(publication) = found else {
        let moment = Moment { period, as_of: record.as_of };
        let preview = Some(format!("no publication was made for {period}"));
        return Ok(Shown { publication: current, moment, remarks: None, preview });
    };
    let record = &publication.head().entry.record;
    let moment = Moment { period, as_of: record.as_of };
    let (remarks, preview) = match remarks(log, publication.seq(), record).await? {
        None => (None, Some("its findings were not kept".to_owned())),
        remarks if record.config_sha256 == config(project) => (remarks, None),
        remarks => (remarks, Some("the pipeline file has changed since".to_owned())),
    };
    Ok(Shown { publication, moment, remarks, preview })
}

/// A period that no published table can know of: it is not over, or later than all that were published.
fn refuse_unpublished(pipeline: &Pipeline, period: Period, newest: &Record, now: Timestamp) -> Result<(), Failure> {
    // The newest publication may be of a calendar that the pipeline had before; then nothing can be said of later periods.
    let published = pipeline.calendar.period(&newest.period).is_ok_and(|newest| period <= newest);
    if published || newest.period == period.to_string() {
        return Ok(());
    }
    let args = PeriodArgs { pipeline: pipeline.file.clone(), period: Some(period.to_string()), as_of: None };
    moment(pipeline, &args, now)?;
    let problem =
        Problem::new("E300", format!("period {period} is not published, the newest one is {}", newest.period))
            .help("`tieout run` publishes what is due");
    Err(Failure::new(Exit::InputMissing, Problems::from(problem)))
}

/// What the run of a publication has found; none for a publication that did not keep it.
async fn remarks(log: &Log, seq: u64, record: &Record) -> Result<Option<Remarks>, Failure> {
    let Some(sha256) = &record.audit_sha256 else { return Ok(None) };
    let outputs = log.outputs();
    let path = outputs.path(&format!("_tieout/runs/{}/audit.json", record.run_id))?;
    let wrong = |why: &str| {
        let url = outputs.address(&path);
        PublicationError::Content { seq, url, why: why.to_owned() }
    };
    let bytes = outputs.read_if_exists(&path).await?.ok_or_else(|| wrong("is missing"))?;
    if sha256_hex(&bytes) != *sha256 {
        return Err(wrong("has been changed").into());
    }
    Ok(Some(serde_json::from_slice(&bytes).map_err(|_| wrong("cannot be understood"))?))
}

impl Shown {
    fn report(
        &self,
        project: &Project,
        args: &RenderArgs,
        (name, report): (&str, &ProjectReport),
        tables: &Tables,
        last: Option<&LastDelivery>,
    ) -> Result<RenderedReport, Failure> {
        let same_figures = last.is_some_and(|last| last.figures_sha256 == figures_sha256(tables));
        // What a run that owed these figures would call them.
        let revision = last.map_or(1, |last| if same_figures { last.revision } else { last.revision + 1 });
        let preview = self.preview.clone().or_else(|| self.differs(project, name, last, same_figures));
        let (moment, publication) = (self.moment, self.publication.seq());
        let remarks = &self.remarks.clone().unwrap_or_else(Remarks::none);
        let mut facts = Said { project, moment, remarks, publication }.facts(revision);
        facts.preview = preview.clone().unwrap_or_default();
        facts.findings_known = self.remarks.is_some();
        let mut texts = fill(&report.loaded, &facts, tables)?;
        if preview.is_some() {
            texts.subject = format!("PREVIEW: {}", texts.subject);
        }
        let files = self.write(&project.pipeline, args, name, &texts)?;
        Ok(RenderedReport {
            report: name.to_owned(),
            period: moment.period.to_string(),
            publication,
            revision,
            preview,
            files,
        })
    }

    /// Why a report is not what was mailed.
    fn differs(
        &self,
        project: &Project,
        name: &str,
        last: Option<&LastDelivery>,
        same_figures: bool,
    ) -> Option<String> {
        let Some(last) = last else { return Some("it was never mailed".to_owned()) };
        let folder = format!("{name}/");
        let now = templates(project);
        let of_report = |(file, _): &(&String, &String)| file.starts_with(&folder);
        let then = self.publication.head().entry.record.template_sha256.iter().filter(of_report);
        if last.publication != self.publication.seq() {
            Some(format!("not mailed, publication {} has the same figures", last.publication))
        } else if !now.iter().filter(of_report).eq(then) {
            Some("its templates or queries have changed since".to_owned())
        } else {
            (!same_figures).then(|| "its figures are not those that were mailed".to_owned())
        }
    }

    fn write(
        &self,
        pipeline: &Pipeline,
        args: &RenderArgs,
        name: &str,
        texts: &Texts,
    ) -> Result<Vec<PathBuf>, Failure> {
        let folder = args.to.join(name);
        let mut written = Vec::new();
        let mut put = |file: String, bytes: &[u8]| -> Result<(), Failure> {
            let path = folder.join(file);
            let write = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, bytes));
            write.map_err(|error| {
                Failure::new(Exit::Resources, format!("`{}` cannot be written: {error}", path.display()))
            })?;
            written.push(path);
            Ok(())
        };
        put("subject.txt".to_owned(), texts.subject.as_bytes())?;
        put("body.html".to_owned(), texts.html.as_bytes())?;
        put("body.txt".to_owned(), texts.text.as_bytes())?;
        for file in &texts.attachments {
            put(file.name.clone(), &file.bytes)?;
        }
        let delivery_id = format!("{}/{}/{name}/rendered", pipeline.name, self.moment.period);
        let date = self.publication.head().entry.record.committed_at;
        for message in messages(pipeline, name, texts, &delivery_id, date)? {
            put(format!("{}.eml", message.recipient), &message.bytes)?;
        }
        Ok(written)
    }
}

impl fmt::Display for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for RenderedReport { report, period, publication, revision, preview, files } in &self.reports {
            write!(f, "{report} {period}, revision {revision}, publication {publication}: ")?;
            match preview {
                None => writeln!(f, "as it was mailed")?,
                Some(why) => writeln!(f, "PREVIEW, {why}")?,
            }
            files.iter().try_for_each(|file| writeln!(f, "  {}", file.display()))?;
        }
        Ok(())
    }
}
