//! Sources and their contracts.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::Validator;
use super::storage::{folder_url, overlap};
use crate::pipeline::page::shortened;
use crate::pipeline::spec::{Columns, FormatSpec, PartitionSpec, SourceSpec};
use crate::pipeline::{Column, Format, Partition, Source, Storage, parse};

impl Validator<'_> {
    pub(super) fn sources(
        &mut self,
        specs: BTreeMap<String, SourceSpec>,
        storage: Option<&Storage>,
    ) -> BTreeMap<String, Source> {
        if specs.is_empty() {
            self.problem(&["sources"], "E106", "a pipeline needs at least one source");
        }
        let mut sources = BTreeMap::new();
        for (name, spec) in specs {
            self.identifier(&["sources", &name], &name);
            self.owner(&["sources", &name, "owner"], &spec.owner);
            if let Some(source) = self.source(&name, spec, storage) {
                sources.insert(name, source);
            }
        }
        sources
    }

    fn source(&mut self, name: &str, mut spec: SourceSpec, storage: Option<&Storage>) -> Option<Source> {
        let columns = self.columns(&["sources", name, "columns"], &spec.columns);
        let written = std::mem::take(&mut spec.partitions.0);
        let partitions: Vec<_> = written
            .into_iter()
            .map(|(column, kind)| match kind {
                PartitionSpec::Period => (column, Partition::Period),
                PartitionSpec::Text => (column, Partition::Text),
            })
            .collect();
        self.check_partitions(name, &spec.files, &partitions, &columns);
        let known: Vec<&str> = spec.columns.0.iter().map(|(column, _)| column.as_str()).collect();
        let partition_names: Vec<&str> = partitions.iter().map(|(column, _)| column.as_str()).collect();
        let keyable: Vec<&str> = known.iter().chain(&partition_names).copied().collect();
        self.known_columns(&["sources", name, "key"], &spec.key, &keyable);
        self.never_null(name, &spec.key, &columns);
        self.ignored(name, &spec.ignores, &keyable);
        let freshness = self.duration(&["sources", name, "freshness"], spec.freshness.as_deref());
        let inputs = storage.map(|storage| &storage.inputs);
        let complete = self.complete(name, &spec, inputs);
        let files = self.pattern(&["sources", name, "files"], &spec.files, spec.reference, inputs);
        if files.is_some() && spec.reference && !spec.files.contains("://") {
            self.reference_files(&["sources", name, "files"], &spec.files);
        }
        if let (Some(files), Some(storage)) = (&files, storage) {
            self.check_apart(name, &spec.files, files, &storage.outputs);
        }
        Some(Source {
            name: name.to_owned(),
            // Without files it has its columns still, and others name them.
            files: files.or_else(|| folder_url(&self.directory, "."))?,
            format: match spec.format {
                FormatSpec::Parquet => Format::Parquet,
                FormatSpec::Csv => Format::Csv,
                FormatSpec::Ndjson => Format::Ndjson,
            },
            partitions,
            columns,
            key: spec.key,
            ignores: spec.ignores,
            owner: spec.owner,
            freshness,
            complete,
            optional: spec.optional,
            may_skip_periods: spec.may_skip_periods,
            reference: spec.reference,
        })
    }

    fn check_partitions(&mut self, name: &str, files: &str, partitions: &[(String, Partition)], columns: &[Column]) {
        let path = ["sources", name, "partitions"];
        if partitions.iter().filter(|(_, kind)| *kind == Partition::Period).count() > 1 {
            self.problem(
                &path,
                "E106",
                format!("source `{name}` has two period partitions, a file arrives for one period"),
            );
        }
        if !partitions_fit(files, partitions) {
            let message = format!("the partitions of source `{name}` are not those of its pattern, in order");
            self.problem(&path, "E106", message).help =
                Some("name each `column=*` folder of files under partitions".to_owned());
        }
        for (partition, _) in partitions {
            if columns.iter().any(|column| &column.name == partition) {
                self.problem(&path, "E106", format!("`{partition}` is a partition and a column of source `{name}`"));
            }
        }
    }

    /// A row without its key cannot be told from another.
    fn never_null(&mut self, name: &str, key: &[String], columns: &[Column]) {
        for (index, part) in key.iter().enumerate() {
            if columns.iter().any(|column| &column.name == part && column.nullable) {
                let message = format!("`{part}` is in the key of source `{name}` and may be null");
                self.problem(&["sources", name, "key", &index.to_string()], "E106", message).help =
                    Some("take `null` from its type: rows without a key are in quarantine then".to_owned());
            }
        }
    }

    /// What is ignored is nothing that is read.
    fn ignored(&mut self, name: &str, ignores: &[String], read: &[&str]) {
        for (index, column) in ignores.iter().enumerate() {
            if read.contains(&column.as_str()) {
                let message = format!("`{column}` is a column of source `{name}` and ignored");
                self.problem(&["sources", name, "ignores", &index.to_string()], "E106", message).help =
                    Some("take it out of one of them".to_owned());
            }
        }
    }

    /// Files of its own URL stay apart from the outputs too; those below the inputs do already.
    fn check_apart(&mut self, name: &str, written: &str, files: &Url, outputs: &Url) {
        let mut folder = files.clone();
        let fixed: Vec<&str> = files.path().split('/').take_while(|segment| !segment.contains('*')).collect();
        folder.set_path(&format!("{}/", fixed.join("/").trim_end_matches('/')));
        if written.contains("://") && overlap(&folder, outputs) {
            let message =
                format!("outputs and the files `{}` of source `{name}` contain one another", shortened(written));
            self.problem(&["sources", name, "files"], "E122", message).help =
                Some("an output must never overwrite an input: give each a folder of its own".to_owned());
        }
    }

    /// An absolute URL; a relative pattern starts at the inputs, a reference table's at the pipeline's folder.
    pub(super) fn pattern(
        &mut self,
        path: &[&str],
        written: &str,
        reference: bool,
        inputs: Option<&Url>,
    ) -> Option<Url> {
        if written.split('/').any(|segment| segment == "..") || written.starts_with('/') {
            self.problem(path, "E118", format!("pattern `{written}` leaves its folder")).help =
                Some("patterns start at storage.inputs, or are whole URLs".to_owned());
            return None;
        }
        if written.contains("://") {
            let mut url = self.url(path, written)?;
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
            let place: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
            match parse::column(name, text) {
                Ok(column) => columns.push(column),
                Err(why) => {
                    // Within braces the comma of a type ends the value.
                    let help = if text.contains('(') && !text.contains(')') { "quote this type" } else { why };
                    self.problem(&place, "E106", format!("`{text}` is no column type")).help = Some(help.to_owned());
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
            if seen.insert(name) {
                self.known(&place, "column", name, known);
            } else {
                self.problem(&place, "E106", format!("`{name}` is listed twice"));
            }
        }
    }
}

/// Whether every partition is a folder of the pattern, in that order, and every `column=*` folder is a partition.
fn partitions_fit(files: &str, partitions: &[(String, Partition)]) -> bool {
    let declared: Vec<&str> = partitions.iter().map(|(column, _)| column.as_str()).collect();
    let folders = files.rsplit_once('/').map_or("", |(folders, _)| folders);
    let named: Vec<(&str, &str)> = folders.split('/').filter_map(|folder| folder.split_once('=')).collect();
    let inside: Vec<&str> = named.iter().map(|(name, _)| *name).filter(|name| declared.contains(name)).collect();
    let free = named.iter().filter(|(_, value)| value.contains('*')).all(|(name, _)| declared.contains(name));
    files.contains("**") || (inside == declared && free)
}
