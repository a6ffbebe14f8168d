//! Files are written once, whole, and read back.

use tieout::error::Exit;
use tieout::publication::writer::{OutputFile, put_file, read_back};

use super::made::log;
use crate::fixtures::places::Place;

#[tokio::test]
async fn large_and_small_files_read_back_as_written() {
    for place in Place::all().await {
        let log = log(&place).await;
        for size in [0, 1, 9 << 20, 20 << 20] {
            let path = log.outputs().path(&format!("data/t/{size}.parquet")).expect("a path");
            let mut file = OutputFile::new(log.outputs(), path);
            let bytes: Vec<u8> = (0..=250).cycle().take(size).collect();
            for piece in bytes.chunks(1 << 20) {
                file.write(piece).await.expect("a write");
            }
            let written = file.finish().await.expect("a file");
            assert_eq!(written.bytes, size as u64);
            read_back(log.outputs(), &written).await.expect("the same");
            assert_eq!(log.outputs().read(&written.path).await.expect("bytes"), bytes, "{}", place.kind);
        }
    }
}

#[tokio::test]
async fn a_damaged_file_is_noticed() {
    for place in Place::all().await {
        let log = log(&place).await;
        let path = log.outputs().path("data/t/a.parquet").expect("a path");
        let written = put_file(log.outputs(), path, b"content").await.expect("a file");
        for damage in [&b"Content"[..], b"conten", b""] {
            place.put("data/t/a.parquet", damage).await;
            let error = read_back(log.outputs(), &written).await.expect_err("damaged");
            assert_eq!((error.code(), error.exit()), ("E512", Exit::Resources), "{error}");
        }
    }
}

#[tokio::test]
async fn a_file_that_is_given_up_is_not_there() {
    for place in Place::all().await {
        let log = log(&place).await;
        let mut file = OutputFile::new(log.outputs(), log.outputs().path("data/t/a.parquet").expect("a path"));
        file.write(&vec![1; 9 << 20]).await.expect("a write");
        file.abort().await.expect("an end");
        assert!(place.content().await.is_empty(), "{}", place.kind);
    }
}
