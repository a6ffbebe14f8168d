//! Manifests: the files of one table and one period, named by the hash of their own text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::WHOLE;
use crate::pipeline::Mart;
use crate::warehouse::output::{WrittenFile, below, sha256_hex};
use crate::warehouse::schema::{arrow_type, written};

/// The files of one table and period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub table: String,
    /// Of the period, or [`WHOLE`].
    pub period: String,
    pub columns: Vec<ManifestColumn>,
    pub files: Vec<ManifestFile>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestColumn {
    pub name: String,
    /// As in the pipeline: `decimal(18,4)`.
    #[serde(rename = "type")]
    pub kind: String,
    pub nullable: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Below the root of the outputs.
    pub path: String,
    pub rows: u64,
    pub bytes: u64,
    pub sha256: String,
}

impl Manifest {
    /// Manifests of everything a run has written: one per table and period, and one without files for a mart without
    /// any. `root` is the path of the outputs in their store.
    #[must_use]
    pub fn of_run<'a>(
        marts: impl IntoIterator<Item = &'a Mart>,
        files: &[WrittenFile],
        root: &object_store::path::Path,
    ) -> Vec<Self> {
        marts.into_iter().flat_map(|mart| Self::of_mart(mart, files, root)).collect()
    }

    fn of_mart(mart: &Mart, files: &[WrittenFile], root: &object_store::path::Path) -> Vec<Self> {
        let mut periods: BTreeMap<String, Vec<ManifestFile>> = BTreeMap::new();
        for file in files.iter().filter(|file| file.table == mart.name) {
            let period = file.period.map_or_else(|| WHOLE.to_owned(), |period| period.to_string());
            periods.entry(period).or_default().push(ManifestFile::of(file, root));
        }
        if periods.is_empty() {
            periods.insert(WHOLE.to_owned(), Vec::new());
        }
        let columns: Vec<_> = mart.columns.iter().map(ManifestColumn::of).collect();
        let manifest = |(period, mut files): (String, Vec<ManifestFile>)| {
            // By their own names first: a part that an earlier run has written stands where this run's would.
            files.sort_by(|left, right| left.name().cmp(right.name()).then_with(|| left.path.cmp(&right.path)));
            Self { table: mart.name.clone(), period, columns: columns.clone(), files }
        };
        periods.into_iter().map(manifest).collect()
    }

    #[must_use]
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// The text that is stored, and its hash.
    pub(crate) fn text(&self) -> Result<(Vec<u8>, String), serde_json::Error> {
        let text = serde_json::to_vec_pretty(self)?;
        let name = sha256_hex(&text);
        Ok((text, name))
    }

    /// A hash of what the files hold, whatever they are called: equal when nothing changed.
    #[must_use]
    pub fn content_sha256(&self) -> String {
        let columns =
            self.columns.iter().map(|column| format!("{}\0{}\0{}", column.name, column.kind, column.nullable));
        let files = self.files.iter().map(|file| file.sha256.clone());
        let all: Vec<String> = columns.chain(["\0".to_owned()]).chain(files).collect();
        sha256_hex(all.join("\n").as_bytes())
    }
}

impl ManifestFile {
    fn of(file: &WrittenFile, root: &object_store::path::Path) -> Self {
        let path = below(root, &file.path);
        Self { path, rows: file.rows, bytes: file.bytes, sha256: file.sha256.clone() }
    }

    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

impl ManifestColumn {
    fn of(column: &crate::pipeline::Column) -> Self {
        Self { name: column.name.clone(), kind: written(&arrow_type(column.kind)), nullable: column.nullable }
    }
}
