//! From options and URLs to stores.

use std::collections::BTreeMap;

use tieout::error::Exit;
use tieout::pipeline::{Secret, Text};
use tieout::store::{StoreError, Stores};
use url::Url;

fn open(options: &[(&str, &str)], environment: &[(&str, &str)], url: &str) -> Result<String, StoreError> {
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), Text::Plain((*value).to_owned()))).collect();
    let environment = environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let location = Stores::new(&options, &environment)?.open(&Url::parse(url).expect("a URL"))?;
    Ok(format!("{:?}", location.store))
}

#[test]
fn an_option_that_no_store_knows_is_refused() {
    let error = open(&[("aws_endpiont", "http://localhost")], &[], "file:///tmp").expect_err("an error");
    assert_eq!((error.code(), error.exit()), ("E130", Exit::Definition));
    assert!(error.to_string().contains("aws_endpiont"), "{error}");
}

#[test]
fn an_option_that_names_a_bucket_is_refused() {
    for key in ["aws_bucket", "azure_container_name", "google_bucket", "bucket"] {
        let error = open(&[(key, "other")], &[], "s3://bucket/a").expect_err(key);
        assert_eq!(error.code(), "E130", "{error}");
    }
}

#[test]
fn a_value_that_cannot_be_used_is_refused_and_a_secret_one_not_shown() {
    let secret = Text::Secret(Secret::new("env:KEY", "this-is-no-base64-account-key!"));
    let options = BTreeMap::from([
        ("azure_storage_account_name".to_owned(), Text::Plain("account".to_owned())),
        ("azure_storage_account_key".to_owned(), secret),
    ]);
    let stores = Stores::new(&options, &BTreeMap::new()).expect("stores");
    assert!(!format!("{stores:?}").contains("base64"));
    let error = stores.open(&Url::parse("az://container/a").expect("a URL")).expect_err("an error");
    assert!(!format!("{error} {error:?}").contains("base64-account"), "{error}");
    let error = open(&[("aws_virtual_hosted_style_request", "perhaps")], &[], "s3://bucket/a").expect_err("an error");
    assert_eq!(error.exit(), Exit::Definition);
}

#[test]
fn credentials_in_a_url_are_refused_and_not_shown() {
    for url in ["s3://key:SECRET@bucket/a", "https://host/a?sig=SECRET", "https://SECRET@host/a", "https://h/a#SECRET"]
    {
        let error = open(&[], &[], url).expect_err(url);
        assert_eq!(error.code(), "E131");
        assert!(!format!("{error} {error:?}").contains("SECRET"), "{error:?}");
    }
}

#[test]
fn a_scheme_that_is_not_supported_is_refused() {
    for url in ["ftp://host/a", "hdfs://host/a", "file://host/a"] {
        assert_eq!(open(&[], &[], url).expect_err(url).exit(), Exit::Definition);
    }
}

#[test]
fn plain_http_has_to_be_asked_for() {
    assert_eq!(open(&[], &[], "http://127.0.0.1:1/a").expect_err("an error").code(), "E131");
    assert!(open(&[("allow_http", "true")], &[], "http://127.0.0.1:1/a").is_ok());
}

#[test]
fn an_option_wins_over_the_environment_as_a_whole() {
    let environment = [
        ("AWS_ENDPOINT_URL_S3", "https://environment"),
        ("AWS_ACCESS_KEY_ID", "environment"),
        ("AWS_SECRET_ACCESS_KEY", "environment"),
        ("AWS_SESSION_TOKEN", "environment"),
        ("AWS_DEFAULT_REGION", "environment"),
        ("AWS_BUCKET", "environment"),
    ];
    let options = [
        ("aws_endpoint", "https://option"),
        ("aws_access_key_id", "option"),
        ("aws_secret_access_key", "option"),
        ("aws_region", "option"),
    ];
    let shown = open(&options, &environment, "s3://bucket/a").expect("a store");
    assert!(!shown.contains("environment"), "{shown}");
    let shown = open(&[], &environment, "s3://bucket/a").expect("a store");
    assert!(shown.contains("https://environment") && !shown.contains("\"option\""), "{shown}");
}

#[test]
fn a_store_is_opened_once_and_again_for_the_log() {
    let stores = Stores::new(&BTreeMap::new(), &BTreeMap::new()).expect("stores");
    let open = |url: &str| stores.open(&Url::parse(url).expect("a URL")).expect("a location").store;
    assert!(std::sync::Arc::ptr_eq(&open("file:///tmp/a"), &open("file:///tmp/b")));
    assert!(!std::sync::Arc::ptr_eq(&open("memory://one/a"), &open("memory://two/a")));
    let log = stores.open_for_log(&Url::parse("file:///tmp/a").expect("a URL")).expect("a location").store;
    assert!(!std::sync::Arc::ptr_eq(&open("file:///tmp/a"), &log));
}
