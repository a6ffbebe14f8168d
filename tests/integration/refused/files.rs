//! What the pipeline file names: options that no store knows, and files that lie elsewhere.

use std::os::unix::fs::symlink;

use super::refused;
use crate::fixtures::project::Project;

#[test]
fn an_option_that_no_store_knows_is_told_by_validate() {
    let project = Project::new();
    project.pipeline("outputs: ../out}", "outputs: ../out, options: {aws_regoin: eu-central-1}}");
    assert_eq!(refused(&project), ["E130 pipelines/postings.yaml:6:65"]);
    project.pipeline("aws_regoin", "aws_region");
    assert_eq!(refused(&project), Vec::<String>::new());
}

#[test]
fn a_reference_table_is_no_link_out_of_the_project() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let outside = elsewhere.path().join("channels.csv");
    std::fs::write(&outside, "channel\nweb\n").expect("written");
    for files in ["reference/channels.csv", "reference/*.csv"] {
        let project = Project::new();
        let source = format!(
            "sources:\n  channels:\n    files: {files}\n    format: csv\n    reference: true\n    \
             owner: data@shop.example\n    columns: {{channel: text}}\n"
        );
        project.pipeline("sources:\n", &source);
        project.file("pipelines/reference/README", b"");
        symlink(&outside, project.path("pipelines/reference/channels.csv")).expect("a link");
        assert_eq!(refused(&project), ["E118 pipelines/postings.yaml:9:12"], "{files}");
        std::fs::remove_file(project.path("pipelines/reference/channels.csv")).expect("removed");
        project.file("pipelines/tables/channels.csv", b"channel\nweb\n");
        symlink("../tables/channels.csv", project.path("pipelines/reference/channels.csv")).expect("a link");
        assert_eq!(refused(&project), Vec::<String>::new(), "{files}");
    }
}
