//! What a run costs when nothing is owed.

use hyper::Method;

use crate::fixtures::machine::parquet;
use crate::fixtures::places::Place;
use crate::fixtures::project::Project;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_fetched_only_while_it_is_owed() {
    let place = Place::s3().await;
    let project = Project::new();
    let postings = parquet(&[(Some("a"), "2026-10-10T10:00:00Z", 1000, None)]);
    place.put("in/postings/month=2026-10/part.parquet", &postings).await;
    project.pipeline("{inputs: ../in, outputs: ../out}", &format!("{{inputs: '{0}in', outputs: '{0}out'}}", place.url));
    project.pipeline("{directory: ../outbox}", "{smtp: {host: 127.0.0.1, port: 1, tls: plaintext_loopback}}");
    let environment = place.environment.clone();
    let run = move |project: Project| {
        let environment = environment.clone();
        async move { tokio::task::spawn_blocking(move || (project.run_with(&environment), project)).await.expect("runs") }
    };
    let fetched = || place.server.as_ref().expect("a server").count(&Method::GET, ".eml");
    let (first, project) = run(project).await;
    assert_eq!((first.code, fetched()), (69, 1), "{first:?}");
    project.pipeline("{smtp: {host: 127.0.0.1, port: 1, tls: plaintext_loopback}}", "{directory: ../outbox}");
    let (second, project) = run(project).await;
    assert_eq!((second.code, fetched()), (0, 2), "{second:?}");
    let (third, project) = run(project).await;
    assert_eq!((third.code, fetched()), (0, 2), "{third:?}");
    assert_eq!(project.mails().len(), 1);
}
