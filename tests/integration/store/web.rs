//! Single files of a plain web server.

use std::sync::{Arc, Mutex};

use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_MATCH, RANGE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use object_store::ObjectStoreExt;
use s3s::Body;
use tieout::store::ChangedInputs;
use tokio::net::TcpListener;
use url::Url;

use crate::fixtures::places::stores;

#[derive(Default)]
struct Web {
    requests: Mutex<Vec<Method>>,
    version: Mutex<u32>,
}

const TEXT: &[u8] = b"0123456789";

impl Web {
    async fn start() -> (Arc<Self>, Url) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/in/a%20b.csv", listener.local_addr().expect("an address"));
        let web = Arc::new(Self::default());
        tokio::spawn(Self::accept(listener, Arc::clone(&web)));
        (web, Url::parse(&url).expect("a URL"))
    }

    async fn accept(listener: TcpListener, web: Arc<Self>) {
        while let Ok((stream, _)) = listener.accept().await {
            let web = Arc::clone(&web);
            let service = service_fn(move |request| {
                let answer = web.answer(&request);
                async move { Ok::<_, std::io::Error>(answer) }
            });
            tokio::spawn(async move {
                let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Body> {
        self.requests.lock().expect("a lock").push(request.method().clone());
        let tag = format!("\"version {}\"", self.version.lock().expect("a lock"));
        let answer = Response::builder().header(ETAG, &tag);
        if request.headers().get(IF_MATCH).is_some_and(|wanted| *wanted != *tag) {
            return answer.status(StatusCode::PRECONDITION_FAILED).body(Body::empty()).expect("an answer");
        }
        if request.method() == Method::HEAD {
            return answer.header(CONTENT_LENGTH, TEXT.len()).body(Body::empty()).expect("an answer");
        }
        assert_eq!(request.headers()[RANGE], "bytes=2-4");
        let answer = answer.status(StatusCode::PARTIAL_CONTENT).header(CONTENT_RANGE, "bytes 2-4/10");
        answer.body(Body::from(TEXT[2..5].to_vec())).expect("an answer")
    }
}

#[tokio::test]
async fn a_file_on_the_web_is_found_by_one_look_and_read_as_pinned() {
    let (web, url) = Web::start().await;
    let stores = stores(&[("allow_http", "true")]);
    let listed = stores.expand(&url).await.expect("files");
    assert_eq!(*web.requests.lock().expect("a lock"), [Method::HEAD]);
    assert_eq!((&listed[0].url, listed[0].meta.size), (&url, 10));
    let files = stores.pin(listed).await.expect("pins");
    let changed = ChangedInputs::default();
    let (_, store) = stores.pinned(&files, &changed).expect("a store").remove(0);
    assert_eq!(store.get_range(&files[0].path, 2..5).await.expect("a range"), "234");
    *web.version.lock().expect("a lock") += 1;
    store.get_range(&files[0].path, 2..5).await.expect_err("replaced");
    assert_eq!(changed.check().expect_err("replaced").code(), "E312");
}

#[tokio::test]
async fn a_pattern_on_the_web_is_refused() {
    let stores = stores(&[]);
    let pattern = Url::parse("https://127.0.0.1:9/in/*.csv").expect("a URL");
    assert_eq!(stores.expand(&pattern).await.expect_err("an error").code(), "E131");
}
