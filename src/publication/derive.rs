//! What other programs read instead of the log: `current.json`, `current.sql` and copies under `latest/`.
//!
//! All of it follows from the newest entry and is rewritten by every run, so losing it loses nothing. `current.json` and
//! `current.sql` are one object each and name exact, unchanging files: whoever starts from them sees all tables as of one
//! publication. `latest/` is for programs that only know a folder, and makes no such promise: see its own module.

mod latest;
mod sql;
mod stale;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Log, Manifest, Publication, PublicationError, PublishedFile};
use crate::store::create::put_unique;

pub(super) use stale::stale;

/// How often a newer head is followed before it is left to whoever made it.
const ROUNDS: usize = 5;

/// A table as it is derived: its manifests and its files.
struct Derived {
    name: String,
    manifests: Vec<Manifest>,
    files: Vec<PublishedFile>,
}

impl Derived {
    fn rows(&self) -> u64 {
        self.manifests.iter().map(Manifest::rows).sum()
    }
}

/// Rewrites everything derived until it is of the newest entry. Gives that entry's number, none for an empty log.
///
/// # Errors
/// When the log or the store fails. The publication stands regardless.
pub async fn refresh(log: &Log) -> Result<Option<u64>, PublicationError> {
    let mut done = None;
    for _ in 0..ROUNDS {
        let Some(publication) = log.current().await? else { return Ok(None) };
        if done == Some(publication.seq()) {
            break;
        }
        write(&publication).await?;
        done = Some(publication.seq());
    }
    Ok(done)
}

async fn write(publication: &Publication) -> Result<(), PublicationError> {
    let tables = tables(publication).await?;
    let outputs = publication.log().outputs();
    for table in &tables {
        latest::mirror(publication, table).await?;
    }
    // Copying takes a while. Whoever has overtaken this run has told readers of a newer entry, and they are not taken back.
    if publication.log().last_seq().await? > publication.seq() {
        return Ok(());
    }
    for (name, text) in texts(publication, &tables) {
        put_unique(outputs, &outputs.path(name)?, Bytes::from(text)).await?;
    }
    Ok(())
}

async fn tables(publication: &Publication) -> Result<Vec<Derived>, PublicationError> {
    let mut tables = Vec::new();
    for name in publication.tables() {
        let manifests = publication.manifests(name).await?;
        let files = publication.files_of(&manifests)?;
        tables.push(Derived { name: name.to_owned(), manifests, files });
    }
    Ok(tables)
}

/// The objects that are one text each, in the order in which they are written.
fn texts(publication: &Publication, tables: &[Derived]) -> [(&'static str, String); 2] {
    [
        ("current.sql", sql::views(publication.seq(), tables)),
        ("current.json", format!("{:#}\n", current(publication, tables))),
    ]
}

fn current(publication: &Publication, tables: &[Derived]) -> Value {
    let table = |table: &Derived| {
        let columns = table.manifests.last().map(|manifest| &manifest.columns);
        let files: Vec<&str> = table.files.iter().map(|file| file.address.as_str()).collect();
        (table.name.clone(), json!({ "files": files, "rows": table.rows(), "columns": columns }))
    };
    let tables: Map<String, Value> = tables.iter().map(table).collect();
    let record = &publication.head().entry.record;
    json!({
        "seq": publication.seq(),
        "entry_sha256": publication.head().sha256,
        "pipeline": record.pipeline,
        "period": record.period,
        "as_of": record.as_of,
        "run_id": record.run_id,
        "committed_at": record.committed_at,
        "tables": tables,
    })
}
