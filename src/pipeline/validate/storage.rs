//! Where inputs and outputs are.

use std::collections::BTreeMap;
use std::path::Path;

use url::Url;

use super::{Validator, normal};
use crate::pipeline::page::is_secret;
use crate::pipeline::spec::StorageSpec;
use crate::pipeline::{Storage, Text};

const SCHEMES: [&str; 11] = ["file", "s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss", "http", "https"];

impl Validator<'_> {
    pub(super) fn storage(&mut self, spec: StorageSpec) -> Option<Storage> {
        let inputs = self.url(&["storage", "inputs"], &spec.inputs);
        let outputs = self.url(&["storage", "outputs"], &spec.outputs);
        let options = self.options(spec.options);
        let (inputs, outputs) = (inputs?, outputs?);
        if overlap(&inputs, &outputs) {
            let message = format!("outputs `{}` and inputs `{}` contain one another", spec.outputs, spec.inputs);
            self.problem(&["storage", "outputs"], "E122", message).help =
                Some("an output must never overwrite an input: give each a folder of its own".to_owned());
        }
        Some(Storage { inputs, outputs, options })
    }

    /// A URL, or a folder relative to the pipeline file, as a URL that ends in `/`.
    pub(super) fn url(&mut self, path: &[&str], written: &str) -> Option<Url> {
        if written.is_empty() {
            self.problem(path, "E106", "a folder or URL is needed here, this is empty");
            return None;
        }
        let url = if written.contains("://") { Url::parse(written).ok() } else { folder_url(&self.directory, written) };
        let Some(mut url) = url.filter(|url| SCHEMES.contains(&url.scheme()) || url.scheme() == "memory") else {
            let message = format!("`{}` is no URL of a store", without_password(written));
            self.problem(path, "E106", message).help =
                Some("use a folder, or file://, s3://, gs://, az://, abfss://, https://".to_owned());
            return None;
        };
        if !url.username().is_empty() || url.password().is_some() {
            self.problem(path, "E117", "a URL with user or password in it").help =
                Some("give credentials under storage.options as env: or file:".to_owned());
            return None;
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Some(url)
    }

    fn options(&mut self, specs: BTreeMap<String, String>) -> BTreeMap<String, Text> {
        let mut options = BTreeMap::new();
        for (key, value) in specs {
            let path = ["storage", "options", &key];
            if let Err(error) = crate::store::check_option(&key) {
                self.problem(&path, error.code(), error.to_string()).help = Some(error.help().to_owned());
                continue;
            }
            let reference = value.starts_with("env:") || value.starts_with("file:");
            if !reference && !is_secret(&key) {
                options.insert(key, Text::Plain(value));
                continue;
            }
            if let Some(secret) = self.secret(&path, &value) {
                options.insert(key, Text::Secret(secret));
            }
        }
        options
    }
}

pub(super) fn folder_url(directory: &Path, folder: &str) -> Option<Url> {
    Url::from_directory_path(normal(&directory.join(folder))).ok()
}

/// Whether one contains the other.
pub(super) fn overlap(one: &Url, other: &Url) -> bool {
    let place = |url: &Url| format!("{}://{}{}", url.scheme(), url.authority(), url.path());
    let (one, other) = (place(one), place(other));
    one.starts_with(&other) || other.starts_with(&one)
}

fn without_password(written: &str) -> String {
    match written.split_once("://").and_then(|(scheme, rest)| rest.split_once('@').map(|(_, host)| (scheme, host))) {
        Some((scheme, host)) => format!("{scheme}://***@{host}"),
        None => written.to_owned(),
    }
}
