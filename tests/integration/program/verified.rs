//! `verify`: a publication that is whole is said to be, and each kind of damage is found and named.

use std::fs;
use std::path::{Path, PathBuf};

use tieout::warehouse::output::sha256_hex;

use crate::fixtures::machine::parquet;
use crate::fixtures::places::Place;
use crate::fixtures::project::{Ended, Project};

/// Two publications, the second with another figure.
fn published() -> Project {
    let project = Project::new();
    assert_eq!(project.run().code, 0);
    fs::copy(project.path("out/current.json"), project.path("first.json")).expect("a copy");
    project.postings("2026-10", &[(Some("a"), "2026-10-10T10:00:00Z", 1250, None)]);
    assert_eq!(project.run().code, 0);
    project
}

pub fn verify(project: &Project, more: &[&str]) -> Ended {
    project.tieout(&[&["verify", "pipelines/postings.yaml"], more].concat())
}

/// Every file below a folder of the project with its bytes.
pub fn content(project: &Project, folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let files = super::files_below(&project.path(folder));
    files.into_iter().map(|file| (file.clone(), fs::read(file).expect("bytes"))).collect()
}

/// The one file below `folder` that belongs to the newest run and has this in its path.
pub fn newest(project: &Project, folder: &str, part: &str) -> PathBuf {
    let run = project.current().expect("published")["run_id"].as_str().expect("an id").to_owned();
    let path = |file: &PathBuf| file.to_string_lossy().into_owned();
    let files = super::files_below(&project.path(folder));
    let wanted = |file: &PathBuf| path(file).contains(part) && path(file).contains(&run);
    files.into_iter().find(wanted).unwrap_or_else(|| panic!("{part} below {folder}"))
}

fn entry(project: &Project, seq: u64) -> PathBuf {
    project.path(&format!("out/_tieout/log/{seq:020}.json"))
}

fn manifest(project: &Project) -> PathBuf {
    let text: serde_json::Value = serde_json::from_slice(&fs::read(entry(project, 2)).unwrap()).expect("JSON");
    let name = text["tables"]["ledger"]["2026-10"]["manifest_sha256"].as_str().expect("a hash").to_owned();
    project.path(&format!("out/_tieout/manifest/{name}.json"))
}

fn edit(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(file).expect("bytes");
    change(&mut bytes);
    fs::write(file, bytes).expect("writes");
}

fn replace(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).expect("text");
    assert!(text.contains(from), "{from} in {text}");
    fs::write(file, text.replace(from, to)).expect("writes");
}

#[test]
fn a_publication_that_is_whole_verifies_and_nothing_is_written() {
    let project = published();
    let before = content(&project, "out");
    let ended = verify(&project, &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let said = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "postings publication 2",
        "log 2 entries",
        "manifests 1 manifests",
        "files 1 files",
        "1 rows as written",
        "run records inputs.json, audit.json",
        "control totals 2 sums of tables",
        "mails 1 stored messages",
        "latest/ of publication 2",
        "all of it is as it was published",
    ] {
        assert!(said.contains(words), "{words}: {}", ended.stdout);
    }
    let first = verify(&project, &["--publication", "1", "--output", "json"]);
    assert_eq!(first.code, 0, "{first:?}");
    let json: serde_json::Value = serde_json::from_str(&first.stdout).expect("JSON");
    assert_eq!((&json["publication"], json["problems"].as_array().expect("a list").len()), (&1.into(), 0), "{json}");
    assert_eq!(content(&project, "out"), before);
}

#[test]
fn what_is_not_there_is_no_damage() {
    let project = Project::new();
    let ended = verify(&project, &[]);
    assert!(ended.code == 66 && ended.stderr.contains("nothing is published yet"), "{ended:?}");
    assert_eq!(project.run().code, 0);
    let ended = verify(&project, &["--publication", "9"]);
    assert!(ended.code == 2 && ended.stderr.contains("no publication 9"), "{ended:?}");
    project.pipeline("name: postings", "name: others");
    let ended = verify(&project, &[]);
    assert!(ended.code == 78 && ended.stderr.contains("belong to pipeline `postings`"), "{ended:?}");
}

type Damage = (&'static str, &'static str, fn(&Project));

/// What is done, the code and the words it is told with.
const DAMAGES: [(&str, &str, Damage); 12] = [
    (
        "a flipped byte",
        "E304",
        ("checksum mismatch", "part-", |project| {
            edit(&newest(project, "out/data", ".parquet"), |bytes| {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            });
        }),
    ),
    (
        "a shorter file",
        "E503",
        ("bytes, its manifest says", "part-", |project| {
            edit(&newest(project, "out/data", ".parquet"), |bytes| bytes.truncate(100));
        }),
    ),
    (
        "a file that is gone",
        "E503",
        ("is missing", "part-", |project| {
            fs::remove_file(newest(project, "out/data", ".parquet")).unwrap();
        }),
    ),
    (
        "a manifest that is gone",
        "E503",
        ("which is missing", "/manifest/", |project| {
            fs::remove_file(manifest(project)).unwrap();
        }),
    ),
    (
        "a changed manifest",
        "E503",
        ("which has been changed", "/manifest/", |project| {
            edit(&manifest(project), |bytes| bytes.push(b' '));
        }),
    ),
    (
        "a changed entry",
        "E502",
        ("entry 2 does not name the hash of the entry before it", "", |project| {
            edit(&entry(project, 1), |bytes| bytes.push(b' '));
        }),
    ),
    (
        "an entry that is gone",
        "E502",
        ("entry 1 is missing", "", |project| {
            fs::remove_file(entry(project, 1)).unwrap();
        }),
    ),
    (
        "a newest entry with another as-of",
        "E502",
        ("entry 2 does not have the fingerprint", "", |project| {
            replace(&entry(project, 2), "2026-10-31T23:00:00Z", "2026-10-31T22:00:00Z");
        }),
    ),
    (
        "a changed message",
        "E627",
        ("is not the one that was committed", ".eml", |project| {
            edit(&newest(project, "out/_tieout/runs", ".eml"), |bytes| bytes.push(b' '));
        }),
    ),
    (
        "a changed audit",
        "E503",
        ("has been changed since the run stored it", "audit.json", |project| {
            edit(&newest(project, "out/_tieout/runs", "audit.json"), |bytes| bytes.push(b' '));
        }),
    ),
    (
        "changed inputs",
        "E503",
        ("has been changed since the run stored it", "inputs.json", |project| {
            replace(&newest(project, "out/_tieout/runs", "inputs.json"), "postings", "listings");
        }),
    ),
    (
        "stale derived files",
        "E516",
        ("is of publication 1, the newest is 2", "current.json", |project| {
            fs::copy(project.path("first.json"), project.path("out/current.json")).unwrap();
            fs::remove_dir_all(project.path("out/latest")).unwrap();
        }),
    ),
];

#[test]
fn each_kind_of_damage_is_found_and_named() {
    let project = published();
    let whole = content(&project, "out");
    for (what, code, (words, name, damage)) in DAMAGES {
        damage(&project);
        let ended = verify(&project, &[]);
        assert_eq!(ended.code, 65, "{what}: {ended:?}");
        let told = format!("error[{code}]");
        let line = ended.stdout.lines().find(|line| line.contains(&told) && line.contains(words));
        assert!(line.is_some_and(|line| line.contains(name)), "{what}: {}", ended.stdout);
        for (file, bytes) in &whole {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, bytes).unwrap();
        }
    }
    assert_eq!(verify(&project, &[]).code, 0, "whole again");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let project = published();
    let run = newest(&project, "out/_tieout/runs", "inputs.json");
    fs::remove_file(newest(&project, "out/data", ".parquet")).unwrap();
    edit(&entry(&project, 1), |bytes| bytes.push(b' '));
    edit(&newest(&project, "out/_tieout/runs", ".eml"), |bytes| bytes.push(b' '));
    fs::remove_file(run).unwrap();
    fs::remove_file(project.path("out/current.sql")).unwrap();
    let ended = verify(&project, &["--output", "json"]);
    assert_eq!(ended.code, 65, "{ended:?}");
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let problems = json["problems"].as_array().expect("a list").iter();
    let mut codes: Vec<_> = problems.map(|problem| problem["code"].as_str().expect("a code")).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["E502", "E503", "E503", "E516", "E627"], "{json}");
}

#[test]
fn recorded_totals_that_the_files_do_not_hold_are_told() {
    let project = published();
    let audit = newest(&project, "out/_tieout/runs", "audit.json");
    let hash = |file: &Path| sha256_hex(&fs::read(file).expect("bytes"));
    let before = hash(&audit);
    replace(&audit, "\"12.50\"", "\"12.51\"");
    replace(&entry(&project, 2), &before, &hash(&audit));
    let ended = verify(&project, &[]);
    assert_eq!(ended.code, 65, "{ended:?}");
    let told = "error[E508]: control total `amount` of `ledger`: 12.51 recorded, the files hold 12.50";
    assert!(ended.stdout.contains(told), "{}", ended.stdout);
    assert!(ended.stdout.contains("current.json` is not what follows from publication 2"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_verifies_on_every_store() {
    for place in Place::all().await {
        let project = Project::new();
        let input = parquet(&[(Some("a"), "2026-10-10T10:00:00Z", 1000, None)]);
        place.put("in/postings/month=2026-10/part.parquet", &input).await;
        let storage = format!("{{inputs: '{0}in', outputs: '{0}out'}}", place.url);
        project.pipeline("{inputs: ../in, outputs: ../out}", &storage);
        let environment = place.environment.clone();
        let (whole, project) = tokio::task::spawn_blocking(move || {
            assert_eq!(project.run_with(&environment).code, 0);
            let args = ["verify", "pipelines/postings.yaml", "--recompute"];
            (project.tieout_with(&args, &environment), project)
        })
        .await
        .expect("runs");
        assert_eq!(whole.code, 0, "{}: {whole:?}", place.kind);
        assert!(whole.stdout.contains("1 files, byte for byte the same"), "{}: {whole:?}", place.kind);
        let content = place.content().await;
        let key = content.keys().find(|key| key.starts_with("out/data/")).expect("a file").clone();
        let mut bytes = content[&key].clone();
        bytes[20] ^= 1;
        place.put(&key, &bytes).await;
        let environment = place.environment.clone();
        let damaged = tokio::task::spawn_blocking(move || {
            project.tieout_with(&["verify", "pipelines/postings.yaml"], &environment)
        });
        let damaged = damaged.await.expect("runs");
        assert_eq!(damaged.code, 65, "{}: {damaged:?}", place.kind);
        assert!(damaged.stdout.contains("E304"), "{}: {damaged:?}", place.kind);
    }
}
