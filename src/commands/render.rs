//! `render`: the reports of the published tables as files, without sending anything.

use std::fs;
use std::path::PathBuf;

use crate::cli::RenderArgs;
use crate::commands::invocation::Invocation;
use crate::commands::project::Project;
use crate::commands::reports::{Said, ask, messages};
use crate::commands::tables::{published, table_session};
use crate::error::{Exit, Failure};
use crate::pipeline::Pipeline;
use crate::problem::{Problem, Problems};
use crate::publication::{Log, Publication};
use crate::report::render as fill;
use crate::store::Stores;
use crate::warehouse::bindings::{Moment, bindings};

/// Renders reports into a folder and gives the files.
///
/// # Errors
/// When nothing is published, the report is unknown, or the folder cannot be written.
pub async fn render(args: &RenderArgs, invocation: &Invocation) -> Result<Vec<PathBuf>, Failure> {
    let due = |pipeline: &Pipeline| crate::commands::due::last_complete(pipeline, invocation.now);
    let project = Project::load(&args.pipeline, &invocation.environment, due).await?;
    let pipeline = &project.pipeline;
    let stores = Stores::new(&pipeline.storage.options, &invocation.environment)?;
    let log = Log::open(&stores, &pipeline.storage.outputs).await?;
    let Some(publication) = log.current().await? else {
        return Err(Failure::new(Exit::InputMissing, "nothing is published yet\n  help: `tieout run` publishes"));
    };
    let moment = published_moment(pipeline, args, &publication)?;
    let files = published(&publication).await?;
    let session = table_session(pipeline, &log.outputs().store, &files, invocation.cores)?;
    let bindings = bindings(pipeline, moment).map_err(|error| Failure::new(Exit::Internal, error))?;
    let said = Said {
        project: &project,
        moment,
        findings: &[],
        comparisons: &[],
        absent: Vec::new(),
        publication: publication.seq(),
    };
    let mut written = Vec::new();
    for (name, report) in &project.reports {
        if args.report.as_ref().is_some_and(|wanted| wanted != name) {
            continue;
        }
        let tables = ask(&session, report, &bindings).await?;
        let rendered = fill(&report.loaded, &said.facts(1), &tables)?;
        let folder = args.to.join(name);
        let mut put = |file: String, bytes: &[u8]| -> Result<(), Failure> {
            let path = folder.join(file);
            let write = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, bytes));
            write.map_err(|error| {
                Failure::new(Exit::Resources, format!("`{}` cannot be written: {error}", path.display()))
            })?;
            written.push(path);
            Ok(())
        };
        put("subject.txt".to_owned(), rendered.subject.as_bytes())?;
        put("body.html".to_owned(), rendered.html.as_bytes())?;
        put("body.txt".to_owned(), rendered.text.as_bytes())?;
        for file in &rendered.attachments {
            put(file.name.clone(), &file.bytes)?;
        }
        let delivery_id = format!("{}/{}/{name}/rendered", pipeline.name, moment.period);
        for message in messages(pipeline, name, &rendered, &delivery_id, publication.head().entry.record.committed_at)?
        {
            put(format!("{}.eml", message.recipient), &message.bytes)?;
        }
    }
    if written.is_empty() {
        let known: Vec<_> = project.reports.keys().map(String::as_str).collect();
        let problem = Problem::new("E120", "no such report").help(format!("reports here: {}", known.join(", ")));
        return Err(Problems::from(problem).into());
    }
    Ok(written)
}

/// The period asked for, as of the publication.
fn published_moment(pipeline: &Pipeline, args: &RenderArgs, publication: &Publication) -> Result<Moment, Failure> {
    let record = &publication.head().entry.record;
    let text = args.period.as_ref().unwrap_or(&record.period);
    let period =
        pipeline.calendar.period(text).map_err(|error| Problems::from(Problem::new("E125", error.to_string())))?;
    Ok(Moment { period, as_of: record.as_of })
}
