//! Instants and periods that are not there yet, and words that mean nothing.

use crate::fixtures::project::Project;

#[test]
fn an_as_of_in_the_future_is_refused_and_nothing_is_mailed() {
    let project = Project::new();
    let as_of = |instant: &str| project.tieout(&["run", "pipelines/postings.yaml", "--as-of", instant]);
    for far in
        ["2100-01-01T00:00:00Z".to_owned(), (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(30)).to_string()]
    {
        let ended = as_of(&far);
        assert!(ended.code == 78 && ended.stderr.starts_with("error[E125]: as-of"), "{ended:?}");
        assert!(ended.stderr.contains("help: "), "{ended:?}");
    }
    assert!(project.current().is_none() && project.mails().is_empty());
    let soon = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1)).to_string();
    let ended = project.tieout(&["run", "pipelines/postings.yaml", "--period", "2026-10", "--as-of", &soon]);
    assert_eq!(ended.code, 0, "clocks differ: {ended:?}");
}

#[test]
fn a_period_that_is_not_published_yet_is_not_rendered() {
    let project = Project::new();
    let september = ["run", "pipelines/postings.yaml", "--period", "2026-08"];
    project.postings("2026-08", &[(Some("s"), "2026-08-10T10:00:00Z", 100, None)]);
    assert_eq!(project.tieout(&september).code, 0);
    let render =
        |period: &str| project.tieout(&["render", "pipelines/postings.yaml", "--to", "shown", "--period", period]);
    let future = render("2100-01");
    assert!(future.code == 78 && future.stderr.starts_with("error[E125]: period `2100-01` is not over"), "{future:?}");
    let unpublished = render("2026-09");
    assert_eq!(unpublished.code, 66, "{unpublished:?}");
    assert!(
        unpublished.stderr.contains("period 2026-09 is not published, the newest one is 2026-08"),
        "{unpublished:?}"
    );
    assert!(!project.path("shown").exists());
    assert_eq!(render("2026-08").code, 0);
}

#[test]
fn a_log_level_that_is_none_is_refused() {
    let validate = |log: &str| {
        let project = Project::new();
        let program = assert_cmd::cargo::cargo_bin("tieout");
        let mut command = std::process::Command::new(program);
        command.current_dir(project.folder.path()).args(["validate", "pipelines/postings.yaml", "--log", log]);
        command.output().expect("it runs")
    };
    for nonsense in ["nonsense", "info,nonsense", "tieout=loud", "=info"] {
        let ended = validate(nonsense);
        assert_eq!(ended.status.code(), Some(2), "{nonsense}: {ended:?}");
        assert!(String::from_utf8_lossy(&ended.stderr).contains("is no level"), "{nonsense}: {ended:?}");
    }
    for level in ["off", "debug", "info,tieout=debug", "WARN"] {
        assert_eq!(validate(level).status.code(), Some(0), "{level}");
    }
}
