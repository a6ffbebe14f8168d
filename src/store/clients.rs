//! From a URL and options to a client of one cloud.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

use super::durable::DurableFiles;
use super::error::{StoreError, said, shown};
use crate::pipeline::Text;

/// Who repeats a request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Client {
    /// The client does.
    Patient,
    /// Nobody but us.
    Single,
}

/// What a URL means: which cloud, the URL of the store's root, and the path in it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub scheme: ObjectStoreScheme,
    pub base: Url,
    pub path: Path,
}

/// Options and the environment variables that stores look at. Values are secrets: `Debug` shows names only.
#[derive(Clone)]
pub(super) struct Settings {
    options: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.options.keys()).entries(self.environment.keys()).finish()
    }
}

impl Settings {
    pub(super) fn new(
        options: &BTreeMap<String, Text>,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, StoreError> {
        let mut plain = BTreeMap::new();
        for (key, value) in options {
            let name = key.to_ascii_lowercase();
            check_option(&name)?;
            let value = match value {
                Text::Plain(text) => text.clone(),
                Text::Secret(secret) => secret.reveal().to_owned(),
            };
            plain.insert(name, value);
        }
        let of_a_cloud = |name: &str| ["AWS_", "AZURE_", "GOOGLE_"].iter().any(|cloud| name.starts_with(cloud));
        let environment = environment
            .iter()
            .filter(|(name, _)| of_a_cloud(name))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .collect();
        Ok(Self { options: plain, environment })
    }

    /// The keys of one cloud with their values: first those of the environment that no option speaks about, then the
    /// options.
    fn of<K: FromStr + AsRef<str>>(&self, cloud: &str) -> Vec<(String, K, &str)> {
        let options: Vec<_> = self
            .options
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), name.parse::<K>().ok()?, value.as_str())))
            .collect();
        let spoken: BTreeSet<String> = options.iter().map(|(_, key, _)| subject(key.as_ref())).collect();
        let environment = self.environment.iter().filter(|(name, _)| name.starts_with(cloud));
        environment
            .filter_map(|(name, value)| Some((name.clone(), name.parse::<K>().ok()?, value.as_str())))
            .filter(|(_, key, _)| !spoken.contains(&subject(key.as_ref())) && !names_a_bucket(key.as_ref()))
            .chain(options)
            .collect()
    }

    /// A text in which no value of a setting appears.
    fn hide(&self, text: String) -> String {
        let values = self.options.values().chain(self.environment.values()).filter(|value| value.len() >= 4);
        values.fold(text, |text, value| text.replace(value.as_str(), "…"))
    }
}

/// What an option is about, where several keys are about the same: whoever gives one of them gives them all, so that
/// half a credential is never completed from somewhere else.
fn subject(key: &str) -> String {
    const SUBJECTS: [(&str, &[&str]); 4] = [
        ("endpoint", &["endpoint"]),
        ("region", &["region"]),
        ("container", &["container_credentials", "container_authorization"]),
        (
            "identity",
            &[
                "access_key",
                "secret",
                "token",
                "sas",
                "client_id",
                "tenant",
                "authority",
                "service_account",
                "application_credentials",
                "skip_signature",
                "role_arn",
                "web_identity",
            ],
        ),
    ];
    let about = |(_, parts): &&(&str, &[&str])| parts.iter().any(|part| key.contains(part));
    SUBJECTS.iter().find(about).map_or(key, |(subject, _)| subject).to_owned()
}

fn names_a_bucket(key: &str) -> bool {
    key.ends_with("_bucket") || key.ends_with("_container_name")
}

/// Whether a store knows an option.
///
/// # Errors
/// When none does, or when it says what the URL says.
pub(crate) fn check_option(name: &str) -> Result<(), StoreError> {
    let name = name.to_ascii_lowercase();
    let keys = [
        name.parse::<AmazonS3ConfigKey>().map(|key| key.as_ref().to_owned()),
        name.parse::<AzureConfigKey>().map(|key| key.as_ref().to_owned()),
        name.parse::<GoogleConfigKey>().map(|key| key.as_ref().to_owned()),
        name.parse::<ClientConfigKey>().map(|_| name.clone()),
    ];
    let known: Vec<String> = keys.into_iter().flatten().collect();
    if known.is_empty() {
        return Err(StoreError::UnknownOption { key: name });
    }
    if known.iter().any(|key| names_a_bucket(key)) {
        let why = "the URL says which bucket".to_owned();
        return Err(StoreError::Option { key: name, why });
    }
    Ok(())
}

/// What a URL means. Nothing in it may be left unused.
pub(super) fn place(url: &Url) -> Result<Place, StoreError> {
    let refuse = |why: &str| Err(StoreError::Url { url: shown(url), why: why.to_owned() });
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("it has a query or fragment; a token belongs into an option");
    }
    let container = matches!(url.scheme(), "az" | "abfs" | "abfss");
    if url.password().is_some() || (!url.username().is_empty() && !container) {
        return refuse("it has user info; credentials belong into options");
    }
    if url.scheme() == "memory" {
        let path =
            Path::from_url_path(url.path()).map_err(|error| StoreError::Url { url: shown(url), why: said(&error) })?;
        return Ok(Place { scheme: ObjectStoreScheme::Memory, base: root_of(url, 0), path });
    }
    let (scheme, path) =
        ObjectStoreScheme::parse(url).map_err(|error| StoreError::Url { url: shown(url), why: said(&error) })?;
    let parts = url.path().split('/').filter(|part| !part.is_empty()).count();
    let bucket_in_path = parts.saturating_sub(path.parts().count());
    Ok(Place { scheme, base: root_of(url, bucket_in_path), path })
}

/// The URL cut after its first `keep` path segments, ending in `/`.
fn root_of(url: &Url, keep: usize) -> Url {
    let kept: Vec<String> =
        url.path().split('/').filter(|part| !part.is_empty()).take(keep).map(str::to_owned).collect();
    let mut base = url.clone();
    base.set_path(&kept.iter().fold("/".to_owned(), |path, part| format!("{path}{part}/")));
    base
}

pub(super) fn build(settings: &Settings, place: &Place, client: Client) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let built = match place.scheme {
        ObjectStoreScheme::Local => return Ok(Arc::new(DurableFiles::default())),
        ObjectStoreScheme::AmazonS3 => s3(settings, place, client),
        ObjectStoreScheme::GoogleCloudStorage => google(settings, place, client),
        ObjectStoreScheme::MicrosoftAzure => azure(settings, place, client),
        ObjectStoreScheme::Http => return http(settings, place, client),
        _ => return Err(StoreError::Url { url: shown(&place.base), why: "its scheme is not supported".to_owned() }),
    };
    built.map_err(|error| StoreError::Url { url: shown(&place.base), why: settings.hide(said(&error)) })
}

type Built = Result<Arc<dyn ObjectStore>, object_store::Error>;

fn s3(settings: &Settings, place: &Place, client: Client) -> Built {
    let builder = AmazonS3Builder::new().with_url(place.base.as_str()).with_retry(retry(client));
    let keys = settings.of::<AmazonS3ConfigKey>("aws_");
    let builder = keys.into_iter().fold(builder, |builder, (_, key, value)| builder.with_config(key, value));
    Ok(Arc::new(builder.build()?))
}

fn google(settings: &Settings, place: &Place, client: Client) -> Built {
    let builder = GoogleCloudStorageBuilder::new().with_url(place.base.as_str()).with_retry(retry(client));
    let keys = settings.of::<GoogleConfigKey>("google_");
    let builder = keys.into_iter().fold(builder, |builder, (_, key, value)| builder.with_config(key, value));
    Ok(Arc::new(builder.build()?))
}

fn azure(settings: &Settings, place: &Place, client: Client) -> Built {
    let builder = MicrosoftAzureBuilder::new().with_url(place.base.as_str()).with_retry(retry(client));
    let keys = settings.of::<AzureConfigKey>("azure_");
    let builder = keys.into_iter().fold(builder, |builder, (_, key, value)| builder.with_config(key, value));
    Ok(Arc::new(builder.build()?))
}

/// Plain web servers. The client would fail each request over `http://` without saying why: say so here.
fn http(settings: &Settings, place: &Place, client: Client) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let url = || shown(&place.base);
    let keys = settings.of::<ClientConfigKey>("http_");
    let plain_allowed =
        keys.iter().any(|(_, key, value)| *key == ClientConfigKey::AllowHttp && value.eq_ignore_ascii_case("true"));
    if place.base.scheme() == "http" && !plain_allowed {
        let why = "plain http is used only with the option allow_http: true".to_owned();
        return Err(StoreError::Url { url: url(), why });
    }
    let builder = HttpBuilder::new().with_url(place.base.as_str()).with_retry(retry(client));
    let builder = keys.into_iter().fold(builder, |builder, (_, key, value)| builder.with_config(key, value));
    let store = builder.build().map_err(|error| StoreError::Url { url: url(), why: settings.hide(said(&error)) })?;
    Ok(Arc::new(store))
}

fn retry(client: Client) -> RetryConfig {
    let max_retries = match client {
        Client::Patient => 5,
        Client::Single => 0,
    };
    RetryConfig { backoff: BackoffConfig::default(), max_retries, retry_timeout: Duration::from_mins(3) }
}
