//! Pinning: which files a run reads, exactly which versions of them, and whether they keep their contracts on the surface.

use crate::calendar::Period;
use crate::error::{Exit, Failure, out_of_resources};
use crate::pipeline::{Pipeline, Source};
use crate::problem::{Problem, Problems};
use crate::store::{ChangedInputs, Listed, PinnedFile, StoreError, Stores};
use crate::warehouse::bindings::Moment;
use crate::warehouse::inputs::{FooterError, InputFile, Inputs, SourceInput};

/// Pins every file that can hold events before the as-of instant.
///
/// # Errors
/// When sources have no file, files cannot be read, or their columns break the contract: all of them at once, with the exit
/// code of the first. When a store fails, that alone.
pub async fn pin(
    pipeline: &Pipeline,
    stores: &Stores,
    moment: Moment,
    changed: &ChangedInputs,
) -> Result<Inputs, Failure> {
    let mut inputs = Inputs::default();
    let mut refused = Refused::default();
    for (name, source) in &pipeline.sources {
        let listed = match stores.expand(&source.files).await {
            Ok(listed) => listed,
            Err(StoreError::NoFiles { .. }) if source.optional => Vec::new(),
            Err(error) if matches!(error.exit(), Exit::InputMissing | Exit::InputContract) => {
                refused.add(error.exit(), [error.problem()]);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let arrived = !listed.is_empty();
        let (listed, found) = wanted(pipeline, source, moment, listed);
        if arrived && listed.is_empty() && found.is_empty() && !source.optional {
            let message = format!("all files of `{name}` are of periods after {}", moment.period);
            let help = "ask for a later period, or look whether the stream arrived";
            refused.add(Exit::InputMissing, [Problem::new("E300", message).help(help)]);
            continue;
        }
        refused.add(Exit::InputContract, found);
        let pinned = stores.pin(listed).await?;
        let mut input = source_input(pipeline, source, stores, pinned, changed)?;
        match input.read_footers().await {
            Ok(()) => {}
            Err(FooterError::Contract(found)) => refused.add(Exit::InputContract, found.0),
            Err(FooterError::RanOut { file, said }) => {
                return Err(out_of_resources(&format!("while `{file}` was read"), &said));
            }
            Err(FooterError::Store(error)) => {
                changed.check()?;
                return Err(error.into());
            }
        }
        inputs.sources.insert(name.clone(), input);
    }
    changed.check()?;
    refused.none_or(inputs)
}

/// What is wrong with the inputs, over all sources, and the exit code of the first of it.
#[derive(Default)]
struct Refused {
    problems: Vec<Problem>,
    exit: Option<Exit>,
}

impl Refused {
    fn add(&mut self, exit: Exit, problems: impl IntoIterator<Item = Problem>) {
        let before = self.problems.len();
        self.problems.extend(problems);
        if self.problems.len() > before {
            self.exit.get_or_insert(exit);
        }
    }

    fn none_or<T>(self, value: T) -> Result<T, Failure> {
        let exit = self.exit.unwrap_or(Exit::InputContract);
        Problems::none_or(self.problems, value).map_err(|problems| Failure::new(exit, problems))
    }
}

/// Files whose period begins before the as-of instant, by the clock of UTC: a partition may be in another zone than the
/// pipeline's, and what it holds too much does not count anyway.
fn wanted(pipeline: &Pipeline, source: &Source, moment: Moment, listed: Vec<Listed>) -> (Vec<Listed>, Vec<Problem>) {
    let Some(partition) = source.period_partition() else { return (listed, Vec::new()) };
    let (mut wanted, mut problems) = (Vec::new(), Vec::new());
    for file in listed {
        match period_of(pipeline, partition, &file.partitions) {
            Err(why) => problems.push(
                Problem::new("E306", format!("`{}`: {why}", file.url.path()))
                    .help(format!("the pattern of `{}` must match files below {partition}=PERIOD", source.name)),
            ),
            Ok(period) if counts(pipeline, period, moment) => wanted.push(file),
            Ok(_) => {}
        }
    }
    (wanted, problems)
}

fn counts(pipeline: &Pipeline, period: Period, moment: Moment) -> bool {
    let early = pipeline.calendar.first_period.is_some_and(|first| period < first);
    let begins = period.first_day().to_zoned(jiff::tz::TimeZone::UTC).map(|begins| begins.timestamp());
    !early && begins.is_ok_and(|begins| begins < moment.as_of)
}

/// The period that a file arrived for, by the values of its partitions.
///
/// # Errors
/// Why they name none.
pub fn period_of(pipeline: &Pipeline, partition: &str, values: &[(String, String)]) -> Result<Period, String> {
    let value = values.iter().find(|(name, _)| name == partition).map(|(_, value)| value);
    let value = value.ok_or_else(|| format!("its path has no {partition}=..."))?;
    pipeline.calendar.period_of_partition(value).map_err(|error| error.to_string())
}

pub(super) fn source_input(
    pipeline: &Pipeline,
    source: &Source,
    stores: &Stores,
    pinned: Vec<PinnedFile>,
    changed: &ChangedInputs,
) -> Result<SourceInput, Failure> {
    // The files of one source have one pattern, so they are in one store.
    let store: std::sync::Arc<dyn object_store::ObjectStore> = match stores.pinned(&pinned, changed)?.into_iter().next()
    {
        Some((_, store)) => store,
        None => std::sync::Arc::new(object_store::memory::InMemory::new()),
    };
    let files = pinned.into_iter().map(|file| input_file(pipeline, source, &file)).collect();
    Ok(SourceInput { source: source.clone(), store, files, extra_columns: std::collections::BTreeSet::new() })
}

fn input_file(pipeline: &Pipeline, source: &Source, file: &PinnedFile) -> InputFile {
    let value = |name: &String| {
        file.partitions
            .iter()
            .find(|(partition, _)| partition == name)
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    };
    InputFile {
        meta: file.meta(),
        partitions: source.partitions.iter().map(|(name, _)| value(name)).collect(),
        intake: source.period_partition().and_then(|partition| period_of(pipeline, partition, &file.partitions).ok()),
        rows: None,
        suspect_nulls: std::collections::BTreeSet::new(),
        latest: std::collections::BTreeMap::new(),
    }
}
