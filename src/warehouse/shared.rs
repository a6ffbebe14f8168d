//! Keys that several intakes of one source hold: which of the rows counts, nobody can say, and they have been used.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::common::DataFusionError;
use datafusion::prelude::SessionContext;

use crate::problem::Problem;
use crate::warehouse::contract::key_text;
use crate::warehouse::inputs::{InputFile, Intake, SourceInput};
use crate::warehouse::keys::{KeyRuns, keys_of, rows_behind};
use crate::warehouse::sources::{SourceError, rows_of_files};

/// Keys that are looked up in the files. One is shown; the rest is only counted.
const LOOKED_UP: usize = 1000;

/// Refuses keys that more than one intake holds, with the files that hold the first of them.
///
/// # Errors
/// `E311` with the first such key, or when the rows cannot be read again.
pub async fn refuse_shared_keys(
    context: &SessionContext,
    input: &SourceInput,
    keys_seen: &KeyRuns,
) -> Result<(), SourceError> {
    let name = &input.source.name;
    let shared = keys_seen.shared(name).map_err(|source| read_error(input, source))?;
    if shared.is_empty() {
        return Ok(());
    }
    let looked_up: BTreeSet<u64> = shared.iter().copied().take(LOOKED_UP).collect();
    let mut keys = Places::new();
    for file in &input.files {
        for key in keys_in(context, input, file, &looked_up).await? {
            keys.entry(key).or_default().push((file.intake, input.shown(file)));
        }
    }
    keys.retain(|_, places| places.iter().map(|(intake, _)| intake).collect::<BTreeSet<_>>().len() > 1);
    let Some((key, places)) = keys.first_key_value() else { return Ok(()) };
    let count = if shared.len() > looked_up.len() { shared.len() } else { keys.len() };
    let what = if count == 1 { "1 key".to_owned() } else { format!("{count} keys") };
    let shown = |place: Option<&(Intake, String)>| place.map(|(_, file)| format!("`{file}`")).unwrap_or_default();
    let (one, other) = (shown(places.first()), shown(places.last()));
    let message = format!("{what} of `{name}` in several intakes, first: {key} in {one} and {other}");
    let problem = Problem::new("E311", message)
        .help("take the older copy out of its partition, or declare the rows with a key that tells them apart");
    Err(SourceError::Contract(problem.into()))
}

/// Where keys are, by their text.
type Places = BTreeMap<String, Vec<(Intake, String)>>;

/// The keys of a file that have one of these hashes.
async fn keys_in(
    context: &SessionContext,
    input: &SourceInput,
    file: &InputFile,
    hashes: &BTreeSet<u64>,
) -> Result<BTreeSet<String>, SourceError> {
    let rows = rows_of_files(context, input, &[file]).await?.rows;
    let failed = |error| read_error(input, error);
    let rows = keys_of(&rows, &input.source.key).map_err(failed)?;
    let mut keys = BTreeSet::new();
    for batch in rows_behind(&rows, &input.source.key, hashes).await.map_err(failed)? {
        for row in 0..batch.num_rows() {
            keys.extend(key_text(&input.source, &batch, row).map_err(failed)?);
        }
    }
    Ok(keys)
}

fn read_error(input: &SourceInput, error: DataFusionError) -> SourceError {
    SourceError::Read { name: input.source.name.clone(), source: Box::new(error) }
}
