//! Checks, reports and queries keep to `engine.memory` as models do, and nobody sees it in their answers.

use std::fs;

use super::reused::told;
use crate::fixtures::project::Project;

const ROWS: usize = 120_000;
/// A table in memory of one side takes more of it than a join may hold.
const MEMORY: &str = "engine: {memory: 32MiB, parallelism: PARTITIONS, scratch: ../scratch}\ndelivery:\n";
const SORTED: &str = "asked once more with joins sorted";
/// Every row with its text, joined with every other one of that id.
const JOINED: &str = "select sum(one.amount) as amount from ledger as one
    inner join ledger as other on one.id = other.id and one.booked_on = other.booked_on";

#[test]
fn joins_of_checks_reports_and_queries_that_memory_does_not_hold_are_sorted() {
    let project = Project::new();
    let ids: Vec<String> = (0..ROWS).map(|id| format!("posting {id:0>60}")).collect();
    let rows: Vec<_> = ids.iter().map(|id| (Some(id.as_str()), "2026-10-10T10:00:00Z", 100, None)).collect();
    project.postings("2026-10", &rows);
    let wrong = format!("select '120,000 rows' as detail, amount from ({JOINED}) where amount <> {ROWS}.00");
    project.file("checks/joined.sql", format!("-- each id is there once\n{wrong}").as_bytes());
    project.file("reports/monthly/total.sql", format!("-- the month's total\n{JOINED}").as_bytes());

    let in_memory = project.tieout(&["run", "pipelines/postings.yaml", "--period", "2026-10", "--log", "info"]);
    assert_eq!((in_memory.code, told(&in_memory, SORTED).len()), (0, 0), "{in_memory:?}");

    project.pipeline("delivery:\n", MEMORY);
    for (before, partitions) in [("PARTITIONS", "2"), ("parallelism: 2", "parallelism: 16")] {
        project.pipeline(before, partitions);
        let queried = project.tieout(&["query", "pipelines/postings.yaml", JOINED, "--log", "info"]);
        assert!(queried.code == 0 && queried.stdout.contains("120000.00"), "{queried:?}");
        assert_eq!(told(&queried, SORTED).len(), 1, "{queried:?}");
        let rendered = project.tieout(&["render", "pipelines/postings.yaml", "--to", "rendered", "--log", "info"]);
        assert_eq!((rendered.code, told(&rendered, SORTED).len()), (0, 1), "{rendered:?}");
        let sorted =
            project.tieout(&["run", "pipelines/postings.yaml", "--period", "2026-10", "--force", "--log", "info"]);
        assert_eq!((sorted.code, told(&sorted, SORTED).len()), (0, 2), "{sorted:?}");
    }
    assert_eq!(project.mails().len(), 1, "the same figures are not mailed again");
    assert_eq!(fs::read_dir(project.path("scratch")).expect("a folder").count(), 0, "nothing is left there");
}

#[test]
fn a_query_needs_no_folder_that_it_may_write_to() {
    let project = Project::new();
    assert_eq!(project.run().code, 0);
    project.file("taken", b"a file where a folder should be");
    project.pipeline("delivery:\n", "engine: {scratch: ../taken}\ndelivery:\n");
    let query = ["query", "pipelines/postings.yaml", "select amount from ledger"];
    let taken = project.path("taken").display().to_string();
    for environment in [vec![], vec![("TMPDIR".to_owned(), taken)]] {
        let queried = project.tieout_with(&query, &environment);
        assert!(queried.code == 0 && queried.stdout.contains("10.00"), "{queried:?}");
    }
}
