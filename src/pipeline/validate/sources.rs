//! Sources and their contracts.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::Validator;
use super::storage::folder_url;
use crate::pipeline::spec::{Columns, FormatSpec, PartitionSpec, SourceSpec};
use crate::pipeline::{Column, Format, Partition, Source, parse};

impl Validator<'_> {
    pub(super) fn sources(
        &mut self,
        specs: BTreeMap<String, SourceSpec>,
        inputs: Option<&Url>,
    ) -> BTreeMap<String, Source> {
        if specs.is_empty() {
            self.problem(&["sources"], "E106", "a pipeline needs at least one source");
        }
        let mut sources = BTreeMap::new();
        for (name, spec) in specs {
            self.identifier(&["sources", &name], &name);
            self.owner(&["sources", &name, "owner"], &spec.owner);
            if let Some(source) = self.source(&name, spec, inputs) {
                sources.insert(name, source);
            }
        }
        sources
    }

    fn source(&mut self, name: &str, spec: SourceSpec, inputs: Option<&Url>) -> Option<Source> {
        let columns = self.columns(&["sources", name, "columns"], &spec.columns);
        let partitions: Vec<_> = spec
            .partitions
            .0
            .into_iter()
            .map(|(column, kind)| match kind {
                PartitionSpec::Period => (column, Partition::Period),
                PartitionSpec::Text => (column, Partition::Text),
            })
            .collect();
        self.check_partitions(name, &partitions, &columns);
        let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let partition_names: Vec<&str> = partitions.iter().map(|(column, _)| column.as_str()).collect();
        let keyable: Vec<&str> = known.iter().chain(&partition_names).copied().collect();
        self.known_columns(&["sources", name, "key"], &spec.key, &keyable);
        let freshness = spec.freshness.as_deref().and_then(|text| {
            let duration = parse::duration(text);
            if duration.is_none() {
                self.problem(
                    &["sources", name, "freshness"],
                    "E106",
                    format!("`{text}` is no duration: write 90m, 6h or 2d"),
                );
            }
            duration
        });
        let files = self.pattern(name, &spec.files, spec.reference, inputs);
        Some(Source {
            name: name.to_owned(),
            files: files?,
            format: match spec.format {
                FormatSpec::Parquet => Format::Parquet,
                FormatSpec::Csv => Format::Csv,
                FormatSpec::Ndjson => Format::Ndjson,
            },
            partitions,
            columns,
            key: spec.key,
            owner: spec.owner,
            freshness,
            optional: spec.optional,
            reference: spec.reference,
        })
    }

    fn check_partitions(&mut self, name: &str, partitions: &[(String, Partition)], columns: &[Column]) {
        let path = ["sources", name, "partitions"];
        if partitions.iter().filter(|(_, kind)| *kind == Partition::Period).count() > 1 {
            self.problem(
                &path,
                "E106",
                format!("source `{name}` has two period partitions, a file arrives for one period"),
            );
        }
        for (partition, _) in partitions {
            if columns.iter().any(|column| &column.name == partition) {
                self.problem(&path, "E106", format!("`{partition}` is a partition and a column of source `{name}`"));
            }
        }
    }

    /// An absolute URL; a relative pattern starts at the inputs, a reference table's at the pipeline's folder.
    fn pattern(&mut self, name: &str, written: &str, reference: bool, inputs: Option<&Url>) -> Option<Url> {
        let path = ["sources", name, "files"];
        if written.split('/').any(|segment| segment == "..") || written.starts_with('/') {
            self.problem(&path, "E118", format!("pattern `{written}` leaves its folder")).help =
                Some("patterns start at storage.inputs, or are whole URLs".to_owned());
            return None;
        }
        if written.contains("://") {
            let url = self.url(&path, written)?;
            let mut url = url;
            let trimmed = url.path().trim_end_matches('/').to_owned();
            url.set_path(&trimmed);
            return Some(url);
        }
        let base = if reference { folder_url(&self.directory, ".") } else { inputs.cloned() }?;
        base.join(&written.replace('?', "%3F").replace('#', "%23")).ok()
    }

    /// A contract's columns in order.
    pub(super) fn columns(&mut self, path: &[&str], specs: &Columns) -> Vec<Column> {
        let mut columns = Vec::new();
        if specs.0.is_empty() {
            self.problem(path, "E106", "at least one column is needed");
        }
        for (name, text) in &specs.0 {
            match parse::column(name, text) {
                Ok(column) => columns.push(column),
                Err(why) => {
                    let place: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
                    self.problem(&place, "E106", format!("`{text}` is no column type")).help = Some(why.to_owned());
                }
            }
        }
        columns
    }

    /// Names that have to be columns, each once.
    pub(super) fn known_columns(&mut self, path: &[&str], names: &[String], known: &[&str]) {
        let mut seen = BTreeSet::new();
        for (index, name) in names.iter().enumerate() {
            let index = index.to_string();
            let place: Vec<&str> = path.iter().copied().chain([index.as_str()]).collect();
            if !seen.insert(name) {
                self.problem(&place, "E106", format!("`{name}` is listed twice"));
            } else if !known.contains(&name.as_str()) {
                let near =
                    crate::problem::nearest(name, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
                self.problem(&place, "E120", format!("`{name}` is no column here")).help = near;
            }
        }
    }
}
