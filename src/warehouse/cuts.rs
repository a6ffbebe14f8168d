//! Whether a run's as-of cuts anything off an intake.
//!
//! Every month is asked for as of a later instant than the last one. An intake whose files end before both comes to the same,
//! as long as its models do nothing with the as-of but compare it with columns of the files.

use std::collections::{BTreeMap, BTreeSet};

use crate::models::{ModelGraph, names};
use crate::pipeline::{ColumnType, Pipeline, Scope};
use crate::warehouse::bindings::Moment;
use crate::warehouse::inputs::{Inputs, Intake};

/// Microseconds, or days.
type Instant = i64;

/// A column of a source.
type SourceColumn = (String, String);

/// Parameters that models of intakes only compare with columns of sources.
#[derive(Clone, Debug, Default)]
pub struct Cuts {
    /// By parameter: its value, and the sources' columns.
    params: BTreeMap<&'static str, (Instant, BTreeSet<SourceColumn>)>,
}

impl Cuts {
    /// As the models of a pipeline have it.
    #[must_use]
    pub fn of(pipeline: &Pipeline, graph: &ModelGraph, moment: Moment) -> Self {
        let day = moment.as_of_day(&pipeline.calendar);
        let since_epoch = day.since(jiff::civil::Date::constant(1970, 1, 1)).map(|span| i64::from(span.get_days()));
        let instants = [
            (names::AS_OF, Some(moment.as_of.as_microsecond()), ColumnType::Timestamp),
            (names::AS_OF_DAY, since_epoch.ok(), ColumnType::Date),
        ];
        let params = instants.into_iter().filter_map(|(param, instant, kind)| {
            let columns = columns_compared(pipeline, graph, param, kind)?;
            Some((param, (instant?, columns)))
        });
        Self { params: params.collect() }
    }

    /// Whether a parameter is only compared.
    #[must_use]
    pub fn has(&self, param: &str) -> bool {
        self.params.contains_key(param)
    }

    /// These parameters, and whether they lie after everything that an intake's files have in the columns.
    pub fn after_all(&self, inputs: &Inputs, intake: Intake) -> impl Iterator<Item = (&'static str, bool)> {
        self.params.iter().map(move |(param, (instant, columns))| {
            let before = |(source, column): &SourceColumn| {
                let files = inputs.sources.get(source).into_iter().flat_map(|input| input.of_intake(intake));
                let mut latest = files.map(|file| file.latest.get(column));
                latest.all(|latest| latest.is_some_and(|latest| latest.is_none_or(|latest| latest < *instant)))
            };
            (*param, columns.iter().all(before))
        })
    }
}

/// The sources' columns of a type that a parameter is compared with by all models of intakes that take it; none when one of
/// them, or a model that is built before them, does anything else with it.
fn columns_compared(
    pipeline: &Pipeline,
    graph: &ModelGraph,
    param: &str,
    kind: ColumnType,
) -> Option<BTreeSet<SourceColumn>> {
    if graph.of_scope(Scope::Reference).any(|model| model.query.params.contains(param)) {
        return None;
    }
    let mut columns = BTreeSet::new();
    for model in graph.of_scope(Scope::Intake) {
        columns.extend(model.query.compared(param)?);
    }
    let of_kind = |(source, name): &SourceColumn| {
        let columns = pipeline.sources.get(source).map(|source| &source.columns);
        columns.is_some_and(|columns| columns.iter().any(|column| column.name == *name && column.kind == kind))
    };
    columns.iter().all(of_kind).then_some(columns)
}
