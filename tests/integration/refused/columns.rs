//! Inputs: everything that is missing or empty is told over all sources, by paths that can be pasted.

use crate::fixtures::project::Project;

/// The project with one more source of this name, before or after the other by the alphabet.
fn with_source(project: &Project, name: &str) {
    let source = format!(
        "sources:\n  {name}:\n    files: {name}/*.parquet\n    owner: data@shop.example\n    columns: {{id: text}}\n"
    );
    project.pipeline("sources:\n", &source);
}

#[test]
fn what_is_missing_or_empty_hides_nothing_of_other_sources() {
    let project = Project::new();
    with_source(&project, "absent");
    with_source(&project, "empty");
    with_source(&project, "damaged");
    project.file("in/empty/one.parquet", b"");
    project.file("in/empty/two.parquet", b"");
    project.file("in/damaged/part.parquet", b"PAR1 no parquet PAR1");
    let ended = project.run();
    assert_eq!(ended.code, 66, "the first of them: {ended:?}");
    let codes: Vec<&str> =
        ended.stderr.lines().filter(|line| line.starts_with("error[")).map(|line| &line[6..10]).collect();
    assert_eq!(codes, ["E300", "E303", "E302"], "{ended:?}");
    assert!(ended.stderr.contains("in/empty/one.parquet`, `file:///"), "{ended:?}");
    assert!(ended.stderr.contains("in/empty/two.parquet` are empty (0 bytes)"), "{ended:?}");
    let damaged = project.path("in/damaged/part.parquet");
    assert!(ended.stderr.contains(&format!("`{}`", damaged.display())), "{ended:?}");
}

#[test]
fn a_file_without_its_columns_is_named_by_a_path_that_can_be_pasted() {
    let project = Project::new();
    with_source(&project, "texts");
    project.pipeline("files: texts/*.parquet", "files: texts/*.csv\n    format: csv");
    project.file("in/texts/part.csv", b"other\n1\n");
    let ended = project.run();
    assert_eq!(ended.code, 65, "{ended:?}");
    let file = project.path("in/texts/part.csv");
    assert!(ended.stderr.contains(&format!("`{}` has no column `id`", file.display())), "{ended:?}");
}
