//! Files that are gone, and periods that have none: a publication over less than the last one is no correction.

use std::fs;

use crate::fixtures::machine::parquet;
use crate::fixtures::project::{Ended, Project};

/// Published with a file each for September and October.
fn published() -> Project {
    let project = Project::new();
    project.postings("2026-09", &[(Some("s"), "2026-09-10T10:00:00Z", 500, None)]);
    assert_eq!(project.run().code, 0);
    project
}

fn is_held(ended: &Ended, words: &str) {
    assert_eq!(ended.code, 79, "{ended:?}");
    assert!(ended.stdout.contains(words), "{ended:?}");
}

#[test]
fn a_file_that_the_last_publication_read_and_that_is_gone_holds_the_run_until_a_person_allows_it() {
    let project = published();
    fs::remove_dir_all(project.path("in/postings/month=2026-09")).expect("removes");
    let told = "lost_files: `postings` has lost a file that the last publication read: ";
    is_held(&project.run(), &format!("[BLOCK] {told}"));
    is_held(&project.run(), "month=2026-09/part.parquet");
    let allowed = project.tieout(&["run", "pipelines/postings.yaml", "--period", "2026-10", "--allow-lost-files"]);
    assert_eq!(allowed.code, 0, "{allowed:?}");
    assert!(allowed.stdout.contains(&format!("[warn] {told}")), "{allowed:?}");
    let after = project.run();
    assert!(after.code == 0 && after.stdout.contains("nothing due"), "{after:?}");
}

#[test]
fn one_of_the_files_of_a_folder_is_missed_and_a_folder_written_anew_is_not() {
    let project = published();
    let other = parquet(&[(Some("t"), "2026-09-11T10:00:00Z", 700, None)]);
    project.file("in/postings/month=2026-09/other.parquet", &other);
    assert_eq!(project.run().code, 0);
    fs::remove_file(project.path("in/postings/month=2026-09/part.parquet")).expect("removes");
    is_held(&project.run(), "month=2026-09/part.parquet");
    fs::rename(
        project.path("in/postings/month=2026-09/other.parquet"),
        project.path("in/postings/month=2026-09/part-8c1d.parquet"),
    )
    .expect("renames");
    let exported_again = project.run();
    assert_eq!(exported_again.code, 0, "{exported_again:?}");
}

#[test]
fn inputs_that_moved_as_a_whole_are_not_lost() {
    let project = published();
    fs::rename(project.path("in"), project.path("elsewhere")).expect("renames");
    project.pipeline("inputs: ../in,", "inputs: ../elsewhere,");
    let moved = project.run();
    assert_eq!(moved.code, 0, "{moved:?}");
}

#[test]
fn a_folder_that_differs_in_capital_letters_is_no_folder_that_may_be_overlooked() {
    let project = published();
    fs::rename(project.path("in/postings/month=2026-09"), project.path("in/postings/Month=2026-09")).expect("renames");
    let refused = project.run();
    assert_eq!(refused.code, 65, "{refused:?}");
    assert!(refused.stderr.contains("E301") && refused.stderr.contains("Month=2026-09"), "{refused:?}");
}

#[test]
fn a_period_without_a_file_holds_the_run_unless_the_source_may_skip_periods() {
    let project = Project::new();
    project.postings("2026-09", &[(Some("s"), "2026-09-10T10:00:00Z", 500, None)]);
    fs::rename(project.path("in/postings/month=2026-10"), project.path("in/postings/month=9999-12")).expect("renames");
    is_held(
        &project.run(),
        "[BLOCK] absent_period: `postings` has nothing for 2026-10: it has no file, and 2026-09 has rows",
    );
    project.pipeline("    key: [id]\n", "    key: [id]\n    may_skip_periods: true\n");
    let published = project.run();
    assert_eq!(published.code, 0, "{published:?}");
}

#[test]
fn the_settings_of_a_pipeline_say_how_grave_an_absent_period_is() {
    let project = Project::new();
    project.postings("2026-09", &[(Some("s"), "2026-09-10T10:00:00Z", 500, None)]);
    project.file("in/postings/month=2026-10/part.parquet", &parquet(&[]));
    is_held(&project.run(), "its files have no rows");
    let settings = "checks:\n  settings: {absent_period: {severity: warn}}\n";
    project.pipeline("checks:\n", settings);
    let published = project.run();
    assert!(published.code == 0 && published.stdout.contains("[warn] absent_period: "), "{published:?}");
}
