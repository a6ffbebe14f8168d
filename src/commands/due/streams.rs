//! Whether the sources of a pipeline have said that their files of a period are all there.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::calendar::Period;
use crate::commands::due::Incomplete;
use crate::commands::inputs::period_of;
use crate::pipeline::{Complete, Pipeline, Source};
use crate::store::{Kind, Listed, StoreError, Stores};

/// The sources as they are seen at one instant. Each is listed at most once, for however many periods.
pub struct Streams<'a> {
    pipeline: &'a Pipeline,
    stores: &'a Stores,
    now: Timestamp,
    listed: BTreeMap<&'a str, Vec<Listed>>,
}

impl<'a> Streams<'a> {
    pub fn new(pipeline: &'a Pipeline, stores: &'a Stores, now: Timestamp) -> Self {
        Self { pipeline, stores, now, listed: BTreeMap::new() }
    }

    /// The sources that have not said that they are complete for a period.
    ///
    /// # Errors
    /// When a store cannot say.
    pub async fn missing(&mut self, period: Period) -> Result<Vec<Incomplete>, StoreError> {
        let mut missing = Vec::new();
        for source in self.pipeline.sources.values() {
            let why = match &source.complete {
                None => None,
                Some(Complete::Marker(template)) => self.unmarked(&Complete::marker(template, period)).await?,
                Some(Complete::Quiet(quiet)) => self.unquiet(source, *quiet, period).await?,
            };
            missing.extend(why.map(|why| Incomplete { source: source.name.clone(), owner: source.owner.clone(), why }));
        }
        Ok(missing)
    }

    /// Why a source is not complete by its marker.
    async fn unmarked(&self, marker: &Url) -> Result<Option<String>, StoreError> {
        let location = self.stores.open(marker)?;
        match location.head(&location.root).await {
            Ok(_) => Ok(None),
            Err(StoreError::Failed { kind: Kind::Missing, .. }) => {
                Ok(Some(format!("there is no `{}`", location.address(&location.root))))
            }
            Err(error) => Err(error),
        }
    }

    /// Why a source is not complete by the age of its files.
    async fn unquiet(
        &mut self,
        source: &'a Source,
        quiet: SignedDuration,
        period: Period,
    ) -> Result<Option<String>, StoreError> {
        let (pipeline, now) = (self.pipeline, self.now);
        let files = self.files(source).await?.iter().filter(|file| arrived_for(pipeline, source, file, period));
        let newest = files.map(|file| file.meta.last_modified).max();
        let Some(newest) = newest.and_then(|at| Timestamp::try_from(std::time::SystemTime::from(at)).ok()) else {
            return Ok(Some("it has no file of that period".to_owned()));
        };
        let age = now.duration_since(newest);
        Ok((age < quiet).then(|| format!("its newest file is of {newest:.0}, and nothing was to change for {quiet:#}")))
    }

    async fn files(&mut self, source: &'a Source) -> Result<&[Listed], StoreError> {
        let found = match self.listed.remove(source.name.as_str()) {
            Some(found) => found,
            None => match self.stores.expand(&source.files).await {
                Err(StoreError::NoFiles { .. }) => Vec::new(),
                found => found?,
            },
        };
        Ok(self.listed.entry(source.name.as_str()).or_insert(found))
    }
}

/// Whether a file arrived for a period; every file of a source without period partition did. One whose path names no
/// period is refused when it is pinned, and not waited for.
fn arrived_for(pipeline: &Pipeline, source: &Source, file: &Listed, period: Period) -> bool {
    source.period_partition().is_none_or(|partition| period_of(pipeline, partition, &file.partitions) == Ok(period))
}
