//! From patterns to files.

use tieout::error::Exit;
use tieout::store::StoreError;

use crate::fixtures::places::Place;

async fn found(place: &Place, pattern: &str) -> Result<Vec<String>, StoreError> {
    let files = place.stores.expand(&place.join(pattern)).await?;
    let name = |url: &url::Url| url.as_str().trim_start_matches(place.url.as_str()).to_owned();
    Ok(files.iter().map(|file| name(&file.url)).collect())
}

#[tokio::test]
async fn a_pattern_gives_its_files_in_the_order_of_their_keys() {
    for place in Place::all().await {
        for key in [
            "in/month=2026-10/b.parquet",
            "in/month=2026-10/a.parquet",
            "in/month=2026-09/z.parquet",
            "in/_SUCCESS",
            "in/month=2026-10/_tmp/a.parquet",
            "in/month=2026-10/notes.txt",
            "inner/month=2026-10/a.parquet",
        ] {
            place.put(key, b"content").await;
        }
        let expected = ["in/month=2026-09/z.parquet", "in/month=2026-10/a.parquet", "in/month=2026-10/b.parquet"];
        for pattern in
            ["in/month=*/*.parquet", "in/**/*.parquet", "in/month=2026-*/?.parquet".replace('?', "*").as_str()]
        {
            assert_eq!(found(&place, pattern).await.expect("files"), expected, "{} {pattern}", place.kind);
        }
        assert_eq!(found(&place, "in/month=2026-09/z.parquet").await.expect("one"), expected[..1], "{}", place.kind);
    }
}

#[tokio::test]
async fn partition_values_are_decoded() {
    for place in Place::all().await {
        place.put("in/day=2026-10-01/shop=a%2Fb %41/part 0.parquet", b"content").await;
        let files = place.stores.expand(&place.join("in/day=*/shop=*/*.parquet")).await.expect("files");
        let expected = [("day".to_owned(), "2026-10-01".to_owned()), ("shop".to_owned(), "a/b A".to_owned())];
        assert_eq!(files[0].partitions, expected, "{}", place.kind);
        let again = place.stores.open(&files[0].url).expect("a location");
        assert_eq!(again.root, files[0].meta.location, "the URL leads back to the key in {}", place.kind);
    }
}

#[tokio::test]
async fn no_file_is_an_error_that_names_the_pattern() {
    for place in Place::all().await {
        for pattern in ["in/*.parquet", "in/a.parquet"] {
            let error = found(&place, pattern).await.expect_err("an error");
            assert_eq!((error.code(), error.exit()), ("E300", Exit::InputMissing), "{} {error}", place.kind);
            assert!(error.to_string().contains(pattern), "{error}");
        }
    }
}

#[tokio::test]
async fn an_empty_object_is_refused() {
    for place in Place::all().await {
        place.put("in/a.parquet", b"content").await;
        place.put("in/b.parquet", b"").await;
        let error = found(&place, "in/*.parquet").await.expect_err("an error");
        assert_eq!((error.code(), error.exit()), ("E302", Exit::InputContract), "{}", place.kind);
        assert!(error.to_string().contains("in/b.parquet"), "{error}");
    }
}

#[tokio::test]
async fn a_name_with_a_line_break_is_refused() {
    let place = Place::local();
    let folder = place.folder.as_ref().expect("a folder").path().join("in");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join("a\nb.parquet"), b"content").expect("a file");
    let error = found(&place, "in/*.parquet").await.expect_err("an error");
    assert_eq!((error.code(), error.exit()), ("E320", Exit::InputContract), "{error}");
}

#[tokio::test]
async fn a_missing_bucket_and_a_wrong_key_say_so() {
    let place = Place::s3().await;
    let error = place.stores.expand(&url::Url::parse("s3://nobody/in/*.parquet").expect("a URL")).await;
    let error = error.expect_err("an error");
    assert_eq!(error.exit(), Exit::Unreachable, "{error}");
    assert!(error.to_string().contains("listing `s3://nobody/in`"), "{error}");
    let server = place.server.as_ref().expect("a server");
    let options = [
        ("aws_endpoint", server.endpoint.as_str()),
        ("aws_allow_http", "true"),
        ("aws_access_key_id", "somebody"),
        ("aws_secret_access_key", "SECRET-VALUE"),
        ("aws_region", "us-east-1"),
    ];
    let error = crate::fixtures::places::stores(&options).expand(&place.join("in/*.parquet")).await;
    let error = error.expect_err("an error");
    assert_eq!(error.exit(), Exit::Permission, "{error}");
    assert!(!format!("{error:?}").contains("SECRET-VALUE"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let options = [
        ("aws_endpoint", "http://127.0.0.1:9"),
        ("aws_allow_http", "true"),
        ("aws_access_key_id", "a"),
        ("aws_secret_access_key", "b"),
    ];
    let stores = crate::fixtures::places::stores(&options);
    let location = stores.open_for_log(&url::Url::parse("s3://bucket/in").expect("a URL")).expect("a location");
    let error = location.list(&location.root).await.expect_err("an error");
    assert_eq!((error.code(), error.exit()), ("E321", Exit::Unreachable), "{error}");
}
