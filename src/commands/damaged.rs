//! Which input cannot be decoded, when something failed that may have come from one.
//!
//! The engine's decoder says neither which file it was reading nor, on bytes that make no sense, always an error: it may
//! panic. So after a failure every Parquet input is decoded once more on its own, and the ones that cannot be are named. A
//! failure that no input explains stays what it was.

use std::collections::BTreeSet;
use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};

use bytes::Bytes;
use futures::FutureExt as _;
use object_store::ObjectStoreExt as _;

use crate::controls::{AuditError, ControlError, batches_of};
use crate::error::{Exit, Failure};
use crate::pipeline::Format;
use crate::problem::Problems;
use crate::store::ChangedInputs;
use crate::warehouse::build::BuildError;
use crate::warehouse::inputs::{Inputs, SourceInput, shown, undecodable};
use crate::warehouse::sources::SourceError;

/// Does something that reads inputs. An input that has changed or cannot be decoded explains whatever went wrong.
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
        Ok(Err(failure)) if may_be_damage(&failure) => refuse_damaged(inputs).await.and(Err(failure)),
        Ok(ended) => ended,
        Err(panic) => {
            refuse_damaged(inputs).await?;
            // No input's fault, so it is ours, and ends as any panic does.
            resume_unwind(panic)
        }
    }
}

/// Failures of a decoder come without a file. Everything else says itself what it is about.
fn may_be_damage(failure: &Failure) -> bool {
    let engine = matches!(
        failure.error.downcast_ref(),
        Some(BuildError::Model { .. } | BuildError::Engine(_) | BuildError::Source(SourceError::Read { .. }))
    );
    let audit =
        matches!(failure.error.downcast_ref(), Some(AuditError::Control { source: ControlError::Decode(_), .. }));
    engine || audit
}

async fn refuse_damaged(inputs: &Inputs) -> Result<(), Failure> {
    let mut problems = Vec::new();
    for input in inputs.sources.values().filter(|input| input.source.format == Format::Parquet) {
        for file in &input.files {
            let location = &file.meta.location;
            let fetched = async { input.store.get(location).await?.bytes().await };
            // What cannot be fetched is no damage.
            let Ok(bytes) = fetched.await else { continue };
            if let Some(why) = fault(input, bytes).await {
                problems.push(undecodable(&shown(&input.source, location), &why));
            }
        }
    }
    Problems::none_or(problems, ()).map_err(|problems| Failure::new(Exit::InputContract, problems))
}

/// Why a file cannot be decoded: the error, or that the decoder panicked.
async fn fault(input: &SourceInput, bytes: Bytes) -> Option<String> {
    let columns: BTreeSet<String> = input.source.columns.iter().map(|column| column.name.clone()).collect();
    let decoding = tokio::task::spawn_blocking(move || {
        let columns = columns.iter().map(String::as_str).collect();
        batches_of(bytes, &columns).and_then(|mut batches| batches.try_for_each(|batch| batch.map(drop)))
    });
    match decoding.await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("its content makes no sense".to_owned()),
    }
}
