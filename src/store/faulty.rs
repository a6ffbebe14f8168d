//! A store whose requests pass two named points each, before they are sent and after they were carried out. See
//! [`crate::fault`]; a release build has none.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};

use crate::fault;

/// What is in the way of every request.
#[derive(Debug)]
pub(super) struct Faulty(pub Arc<dyn ObjectStore>);

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The two points of a request.
struct Points(String);

impl Points {
    fn of(call: &str, path: Option<&Path>) -> Self {
        Self(format!("{call}.{}", path.map_or("all", |path| kind(path.as_ref()))))
    }

    fn before(&self) -> Result<(), Error> {
        self.pass("before")
    }

    fn after(&self) -> Result<(), Error> {
        self.pass("after")
    }

    fn pass(&self, when: &str) -> Result<(), Error> {
        let name = format!("{}.{when}", self.0);
        if fault::point(&name) {
            let source = format!("failed on purpose at {name}").into();
            return Err(Error::Generic { store: "Faulty", source });
        }
        Ok(())
    }
}

/// What a key is for.
fn kind(path: &str) -> &'static str {
    const KINDS: [(&str, &str); 19] = [
        ("_tieout/log/", "log"),
        ("_tieout/log", "log"),
        ("_tieout/format.json", "format"),
        ("_tieout/manifest/", "manifest"),
        ("/beat-", "beat"),
        ("/released", "released"),
        ("_tieout/lease", "lease"),
        ("/claim-", "claim"),
        ("/dot-", "dot"),
        ("/ok-", "ok"),
        ("/fail-", "fail"),
        (".eml", "message"),
        ("/inputs.json", "inputs"),
        ("/audit.json", "audit"),
        ("_tieout/", "record"),
        ("current.json", "current"),
        ("current.sql", "views"),
        ("/_SEQ", "marker"),
        ("latest/", "latest"),
    ];
    let known = KINDS.iter().find(|(part, _)| path.contains(part)).map(|(_, kind)| *kind);
    known.unwrap_or(if path.contains("data/") { "table" } else { "input" })
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult, Error> {
        let call = if options.mode == PutMode::Create { "create" } else { "put" };
        let points = Points::of(call, Some(path));
        points.before()?;
        let put = self.0.put_opts(path, payload, options).await?;
        points.after().map(|()| put)
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>, Error> {
        let points = Points::of("upload", Some(path));
        points.before()?;
        let upload = self.0.put_multipart_opts(path, options).await?;
        points.after().map(|()| upload)
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult, Error> {
        let points = Points::of(if options.head { "head" } else { "get" }, Some(path));
        points.before()?;
        let got = self.0.get_opts(path, options).await?;
        points.after().map(|()| got)
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path, Error>>) -> BoxStream<'static, Result<Path, Error>> {
        let checked = paths.and_then(|path| async move { Points::of("delete", Some(&path)).before().map(|()| path) });
        let deleted = self.0.delete_stream(checked.boxed());
        deleted.and_then(|path| async move { Points::of("delete", Some(&path)).after().map(|()| path) }).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta, Error>> {
        let points = Points::of("list", prefix);
        match points.before() {
            Ok(()) => self.0.list(prefix),
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult, Error> {
        let points = Points::of("list", prefix);
        points.before()?;
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<(), Error> {
        let points = Points::of("copy", Some(to));
        points.before()?;
        self.0.copy_opts(from, to, options).await?;
        points.after()
    }
}
