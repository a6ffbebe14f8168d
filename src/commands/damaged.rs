//! Which input is at fault, when something failed that may have come from one.
//!
//! The engine's decoder says neither which file it was reading nor, on bytes that make no sense, always an error: it may
//! panic. A value that is out of range stops a model, and nothing says where it came from. So after a failure every Parquet
//! input is decoded once more on its own, and what is wrong with it is named. A failure that no input explains stays what it
//! was, and one of this machine's memory or disk is none of an input.

use std::collections::BTreeSet;
use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};

use bytes::Bytes;
use futures::FutureExt as _;
use object_store::ObjectStoreExt as _;

use crate::controls::{AuditError, ControlError, batches_of};
use crate::error::{Exit, Failure, chain, out_of_resources, panicked, says_ran_out};
use crate::pipeline::{Format, Source};
use crate::problem::{Problem, Problems};
use crate::store::ChangedInputs;
use crate::warehouse::build::BuildError;
use crate::warehouse::inputs::{Inputs, SourceInput, undecodable};
use crate::warehouse::range::{Number, misfit};
use crate::warehouse::sources::SourceError;

/// Does something that reads inputs. An input that has changed, cannot be decoded or holds what its column cannot explains
/// whatever went wrong.
///
/// # Errors
/// The input's problem, or else the failure.
pub async fn reading<T>(
    inputs: &Inputs,
    changed: &ChangedInputs,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    changed.check()?;
    match ended {
        Ok(Err(failure)) if may_be_of_an_input(&failure) => {
            let refused = Number::refused(&chain(failure.error.as_ref()));
            refuse_faulty(inputs, refused).await.and(Err(failure))
        }
        Ok(ended) => ended,
        Err(panic) if says_ran_out(panicked(panic.as_ref())) => {
            Err(out_of_resources("while the tables were built", panicked(panic.as_ref())))
        }
        Err(panic) => {
            refuse_faulty(inputs, None).await?;
            // No input's fault, so it is ours, and ends as any panic does.
            resume_unwind(panic)
        }
    }
}

/// Failures of a decoder come without a file. Everything else says itself what it is about.
fn may_be_of_an_input(failure: &Failure) -> bool {
    let engine = matches!(
        failure.error.downcast_ref(),
        Some(BuildError::Model { .. } | BuildError::Engine(_) | BuildError::Source(SourceError::Read { .. }))
    );
    let audit =
        matches!(failure.error.downcast_ref(), Some(AuditError::Control { source: ControlError::Decode(_), .. }));
    (engine || audit) && failure.exit != Exit::Resources
}

/// What is wrong with a file.
enum Fault {
    /// It cannot be decoded: the error, or that the decoder panicked.
    Undecodable(String),
    /// A value that its column cannot hold, or that a model cannot compute with; with its row, from 1.
    OutOfRange { column: String, row: usize, said: String },
    /// Nothing is known of it: this machine could not read it.
    Unread(String),
}

async fn refuse_faulty(inputs: &Inputs, refused: Option<Number>) -> Result<(), Failure> {
    let mut problems = Vec::new();
    for input in inputs.sources.values().filter(|input| input.source.format == Format::Parquet) {
        for file in &input.files {
            let location = &file.meta.location;
            let fetched = async { input.store.get(location).await?.bytes().await };
            // What cannot be fetched is no damage.
            let Ok(bytes) = fetched.await else { continue };
            match fault(input, bytes, refused).await {
                Some(Fault::Unread(said)) => {
                    return Err(out_of_resources(&format!("while `{}` was decoded", input.shown(file)), &said));
                }
                Some(Fault::Undecodable(why)) => problems.push(undecodable(&input.shown(file), &why)),
                Some(Fault::OutOfRange { column, row, said }) => {
                    let message = format!("row {row} of `{}` has `{column}` {said}", input.shown(file));
                    problems.push(Problem::new("E309", message).help(
                        "correct the row in the export; the contract's types are for amounts and dates that occur",
                    ));
                }
                None => {}
            }
        }
    }
    Problems::none_or(problems, ()).map_err(|problems| Failure::new(Exit::InputContract, problems))
}

/// What is wrong with a file; none when every value can be read and fits.
async fn fault(input: &SourceInput, bytes: Bytes, refused: Option<Number>) -> Option<Fault> {
    let source = input.source.clone();
    let decoding = tokio::task::spawn_blocking(move || decoded(&source, bytes, refused));
    match decoding.await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) if says_ran_out(&error.to_string()) => Some(Fault::Unread(error.to_string())),
        Ok(Err(error)) => Some(Fault::Undecodable(error.to_string())),
        Err(ended) => {
            let said = ended.try_into_panic().map(|panic| panicked(panic.as_ref()).to_owned()).unwrap_or_default();
            let unread = says_ran_out(&said);
            Some(if unread { Fault::Unread(said) } else { Fault::Undecodable("its content makes no sense".to_owned()) })
        }
    }
}

/// Decodes a whole file, and gives the first value that does not fit.
fn decoded(source: &Source, bytes: Bytes, refused: Option<Number>) -> Result<Option<Fault>, ControlError> {
    let columns: BTreeSet<&str> = source.columns.iter().map(|column| column.name.as_str()).collect();
    let (mut before, mut found) = (0, None);
    for batch in batches_of(bytes, &columns)? {
        let batch = batch?;
        if found.is_none() {
            found = misfit(source, &batch, refused).map(|misfit| Fault::OutOfRange {
                column: misfit.column,
                row: before + misfit.row + 1,
                said: misfit.said,
            });
        }
        before += batch.num_rows();
    }
    Ok(found)
}
