//! What schedulers are told: each form is read back by the rules of its reader.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tieout::cli::ScheduleArgs;
use tieout::commands::schedule::{Scheduled, Scheduler, schedule};
use tieout::error::Exit;

use crate::fixtures::project::Project;

fn args(pipeline: &Path, scheduler: Scheduler) -> ScheduleArgs {
    ScheduleArgs {
        pipeline: pipeline.to_path_buf(),
        scheduler,
        image: None,
        at: "17 5-20 * * *".parse().expect("a time"),
    }
}

fn scheduled(pipeline: &Path, scheduler: Scheduler) -> Scheduled {
    schedule(&args(pipeline, scheduler), &BTreeMap::new()).expect("a schedule")
}

fn cron_job(pipeline: &Path) -> Value {
    serde_yaml::from_str(&scheduled(pipeline, Scheduler::Kubernetes).to_string()).expect("YAML")
}

/// Without the place of this repository.
fn anywhere(scheduled: &Scheduled) -> String {
    scheduled.to_string().replace(env!("CARGO_MANIFEST_DIR"), "/srv/shop")
}

const REFERENCE: &str = "pipelines/reference.yaml";

#[test]
fn each_form_of_the_reference_pipeline_is_as_it_was_looked_at() {
    for scheduler in [Scheduler::Crontab, Scheduler::Systemd, Scheduler::Kubernetes] {
        let name = format!("schedule_{scheduler:?}").to_lowercase();
        insta::assert_snapshot!(name, anywhere(&scheduled(Path::new(REFERENCE), scheduler)));
    }
}

#[test]
fn the_cron_job_starts_and_ends_as_the_exit_codes_ask() {
    let job = cron_job(Path::new(REFERENCE));
    let spec = &job["spec"];
    assert_eq!((&job["kind"], &job["metadata"]["name"]), (&"CronJob".into(), &"reference".into()));
    assert_eq!((&spec["schedule"], &spec["timeZone"]), (&"17 5-20 * * *".into(), &"Europe/Berlin".into()));
    assert_eq!(spec["concurrencyPolicy"], "Forbid");
    let job = &spec["jobTemplate"]["spec"];
    assert_eq!(job["podReplacementPolicy"], "Failed");
    let rules = &job["podFailurePolicy"]["rules"];
    assert_eq!((&rules[0]["action"], &rules[1]["action"]), (&"Ignore".into(), &"FailJob".into()));
    assert_eq!(rules[0]["onPodConditions"][0]["type"], "DisruptionTarget");
    let codes: Vec<u64> =
        rules[1]["onExitCodes"]["values"].as_array().expect("codes").iter().filter_map(Value::as_u64).collect();
    assert_eq!(codes, [2, 65, 66, 70, 77, 78, 79]);
    let pod = &job["template"]["spec"];
    assert_eq!(pod["restartPolicy"], "Never");
    // A message may take 30 s + 5 min + 3 min + 10 min, and the ledger 5 min more.
    assert!(pod["terminationGracePeriodSeconds"].as_u64().expect("seconds") >= 1110 + 300);
}

#[test]
fn the_pod_has_no_rights_and_what_the_pipeline_needs() {
    let job = cron_job(Path::new(REFERENCE));
    let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let container = &pod["containers"][0];
    let security = &container["securityContext"];
    assert_eq!(
        (&security["allowPrivilegeEscalation"], &security["readOnlyRootFilesystem"]),
        (&false.into(), &true.into())
    );
    assert_eq!(security["capabilities"]["drop"][0], "ALL");
    assert_eq!(container["image"], "<IMAGE>");
    assert_eq!(container["args"][1], "/project/pipelines/reference.yaml");
    assert_eq!(container["resources"]["limits"]["memory"], "1024Mi", "512MiB and 512 MiB beside it");
    assert_eq!(container["volumeMounts"][0]["mountPath"], "/project/scratch");
    assert!(pod["volumes"][0]["emptyDir"].is_object());
    let names: Vec<&str> =
        container["env"].as_array().expect("variables").iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["REFERENCE_ACCESS_KEY", "REFERENCE_SECRET_KEY", "REFERENCE_SMTP_PASSWORD"]);
    for variable in container["env"].as_array().expect("variables") {
        assert_eq!(variable["valueFrom"]["secretKeyRef"]["key"], variable["name"]);
        assert_eq!(variable["valueFrom"]["secretKeyRef"]["name"], "reference");
    }
}

#[test]
fn a_secret_file_is_mounted_where_the_pipeline_looks_for_it_and_not_for_everybody() {
    let project = Project::new();
    project.pipeline(
        "storage: {inputs: ../in, outputs: ../out}",
        "storage:\n  inputs: 's3://shop/in'\n  outputs: 's3://shop/out'\n  options:\n    aws_access_key_id: 'file:keys/id'\n    \
         aws_secret_access_key: 'file:/run/keys/id'",
    );
    let job = cron_job(&project.path("pipelines/postings.yaml"));
    let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let mounts = pod["containers"][0]["volumeMounts"].as_array().expect("mounts");
    let secrets: Vec<(&str, &str)> = mounts
        .iter()
        .filter(|mount| mount["name"] == "secrets")
        .map(|mount| (mount["mountPath"].as_str().expect("a path"), mount["subPath"].as_str().expect("a key")))
        .collect();
    assert_eq!(secrets, [("/run/keys/id", "file-id"), ("/project/pipelines/keys/id", "file-id-2")]);
    let volume = pod["volumes"].as_array().expect("volumes").iter().find(|one| one["name"] == "secrets");
    let secret = &volume.expect("a volume")["secret"];
    assert_eq!(secret["items"].as_array().map(Vec::len), Some(2));
    let text = scheduled(&project.path("pipelines/postings.yaml"), Scheduler::Kubernetes).to_string();
    assert!(text.contains("defaultMode: 0440"), "{text}");
}

#[test]
fn folders_of_this_machine_become_a_volume_or_are_writable() {
    let project = Project::new();
    let file = project.path("pipelines/postings.yaml");
    let job = cron_job(&file);
    let mounts = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["volumeMounts"];
    let folders: Vec<&Value> = mounts.as_array().expect("mounts").iter().map(|mount| &mount["mountPath"]).collect();
    assert_eq!(folders, ["/tmp", "/project/in", "/project/outbox", "/project/out"]);
    let text = scheduled(&file, Scheduler::Systemd).to_string();
    for folder in ["out", "outbox"] {
        let folder = project.path(folder);
        let line = format!("ReadWritePaths=\"{}", folder.display());
        assert!(text.contains(&line), "{line}: {text}");
    }
    assert!(!text.contains(&format!("ReadWritePaths=\"{}/in\"", project.folder.path().display())), "{text}");
}

#[test]
fn partitions_are_cores_of_the_pod_unless_a_cluster_computes_them() {
    let cores = |engine: &str| {
        let project = Project::new();
        project.pipeline("delivery:\n", &format!("engine: {engine}\ndelivery:\n"));
        let job = cron_job(&project.path("pipelines/postings.yaml"));
        let container = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
        let of = |kind: &str| container["resources"][kind]["cpu"].as_str().map(str::to_owned);
        (of("requests"), of("limits"))
    };
    let both = |cores: &str| (Some(cores.to_owned()), Some(cores.to_owned()));
    assert_eq!(cores("{parallelism: 16}"), both("16"));
    assert_eq!(cores("{cluster: 'df://scheduler:50050', parallelism: 128}"), both("2"));
}

/// A project whose files have names that every form has to quote.
fn hostile() -> (Project, PathBuf) {
    let project = Project::new();
    let name = "a'b \"c\" %d $HOME `id` \\e # ü\u{2028}: {x}.yaml";
    let file = project.path("pipelines").join(name);
    std::fs::rename(project.path("pipelines/postings.yaml"), &file).expect("renames");
    (project, file)
}

#[test]
fn a_hostile_name_is_one_word_in_every_form() {
    let (_project, file) = hostile();
    let name = file.file_name().expect("a name").to_string_lossy().into_owned();
    let job = cron_job(&file);
    let container = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["args"][1], format!("/project/pipelines/{name}"));
    assert_eq!(container["args"].as_array().map(Vec::len), Some(4));

    let crontab = scheduled(&file, Scheduler::Crontab).to_string();
    let command = crontab.lines().last().expect("a line").strip_prefix("17 5-20 * * * ").expect("the time");
    let unescaped = command.replace("\\%", "\u{0}");
    assert!(!unescaped.contains('%'), "cron would end the command: {command}");
    let command = unescaped.replace('\u{0}', "%");
    let word = command.split_once(" run ").and_then(|(_, rest)| rest.split_once(" --output")).expect("a word").0;
    let shell = Command::new("sh").args(["-c", &format!("printf '%s|' {word}")]).output().expect("a shell");
    assert_eq!(String::from_utf8(shell.stdout).expect("text"), format!("{}|", file.display()));

    let service = scheduled(&file, Scheduler::Systemd).to_string();
    let line = service.lines().find(|line| line.starts_with("ExecStart=")).expect("a command");
    assert!(line.contains("a'b \\\"c\\\" %%d $$HOME `id` \\\\e # ü\u{2028}: {x}.yaml\" --output json"), "{line}");
}

#[test]
fn a_line_end_in_a_name_is_refused() {
    let project = Project::new();
    let file = project.path("pipelines/a\nb.yaml");
    std::fs::rename(project.path("pipelines/postings.yaml"), &file).expect("renames");
    for scheduler in [Scheduler::Crontab, Scheduler::Systemd, Scheduler::Kubernetes] {
        let failure = schedule(&args(&file, scheduler), &BTreeMap::new()).expect_err("refused");
        assert_eq!(failure.exit, Exit::Definition, "{failure}");
        assert!(failure.to_string().contains("E106"), "{failure}");
    }
}

#[test]
fn an_image_is_quoted_and_for_kubernetes_alone() {
    let image = Some("registry.example/x:1\", evil: \"".to_owned());
    let given = ScheduleArgs { image: image.clone(), ..args(Path::new(REFERENCE), Scheduler::Kubernetes) };
    let text = schedule(&given, &BTreeMap::new()).expect("a schedule").to_string();
    let job: Value = serde_yaml::from_str(&text).expect("YAML");
    let container = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"].as_str(), image.as_deref());
    let given = ScheduleArgs { image, ..args(Path::new(REFERENCE), Scheduler::Crontab) };
    assert_eq!(schedule(&given, &BTreeMap::new()).expect_err("refused").exit, Exit::Usage);
}

#[test]
fn a_variable_without_a_default_is_asked_for_and_one_with_a_default_is_named() {
    let project = Project::new();
    project.pipeline(
        "{inputs: ../in, outputs: ../out}",
        "{inputs: '${SHOP_IN:-../in}', outputs: 's3://${SHOP_BUCKET}/out'}",
    );
    let file = project.path("pipelines/postings.yaml");
    let failure = schedule(&args(&file, Scheduler::Kubernetes), &BTreeMap::new()).expect_err("not set");
    assert!(failure.to_string().contains("E115"), "{failure}");
    let environment = BTreeMap::from([("SHOP_BUCKET".to_owned(), "secret-canary".to_owned())]);
    let text = schedule(&args(&file, Scheduler::Kubernetes), &environment).expect("a schedule").to_string();
    assert!(!text.contains("secret-canary"), "{text}");
    assert!(text.contains("# These may be set too, below env: SHOP_IN\n"), "{text}");
    let job: Value = serde_yaml::from_str(&text).expect("YAML");
    let container = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["env"][0]["value"], "<SHOP_BUCKET>");
}

#[test]
fn the_program_prints_it_and_refuses_a_time_that_is_none() {
    let project = Project::new();
    let verb = ["schedule", "pipelines/postings.yaml", "--for", "systemd", "--at", "30 6 * * mon"];
    let ended = project.tieout(&verb);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("OnCalendar=Mon *-*-* 06:30:00 Europe/Berlin\n"), "{ended:?}");
    let json = project.tieout(&["schedule", "pipelines/postings.yaml", "--for", "crontab", "--output", "json"]);
    let found: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(found["files"].as_array().map(Vec::len), Some(1));
    let ended = project.tieout(&["schedule", "pipelines/postings.yaml", "--for", "crontab", "--at", "* * * * * rm"]);
    assert_eq!(ended.code, 2, "{ended:?}");
}

#[test]
fn every_exit_code_of_the_readme_is_one_of_the_programs() {
    let readme = std::fs::read_to_string("README.md").expect("the README");
    let section =
        readme.split_once("## Exit codes").and_then(|(_, rest)| rest.split_once("\n## ")).expect("a section").0;
    let codes = section.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |")?.0.parse::<u8>().ok());
    assert_eq!(codes.collect::<Vec<_>>(), Exit::ALL.map(|exit| exit as u8));
}
