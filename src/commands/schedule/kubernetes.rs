//! A Kubernetes `CronJob`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::quote::{text, yaml};
use super::{Facts, LONGEST_RUN, ScheduledFile, stop_seconds};
use crate::error::Exit;
use crate::pipeline::normal;

/// Where the project is in the image.
const PROJECT: &str = "/project";
/// The user of images without a root user, and the group that may read secrets.
const USER: u32 = 65_532;
/// Cores when the pipeline does not say: of these, a partition of every query and a writer beside it. On a cluster the partitions
/// are those of its executors.
const CORES: usize = 2;

pub(super) fn files(facts: &Facts) -> Vec<ScheduledFile> {
    let text = format!("{}{}{}{}", head(facts), pod(facts), container(facts), volumes(facts));
    vec![ScheduledFile { place: format!("{}.yaml, for kubectl apply -f", facts.name), text }]
}

/// Codes that a second try would only repeat.
fn final_codes() -> String {
    let codes = Exit::ALL.into_iter().filter(|exit| *exit != Exit::Done && !exit.may_pass());
    codes.map(|exit| (exit as u8).to_string()).collect::<Vec<_>>().join(", ")
}

fn head(facts: &Facts) -> String {
    format!(
        "\
{choices}apiVersion: batch/v1
kind: CronJob
metadata:
  name: {name}
  labels: {{app.kubernetes.io/name: tieout, app.kubernetes.io/instance: {name}}}
spec:
  schedule: {at}
  timeZone: {zone}
  # Courtesy: two runs at once would be safe.
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 3000
  successfulJobsHistoryLimit: 3
  failedJobsHistoryLimit: 5
  jobTemplate:
    spec:
      backoffLimit: 2
      activeDeadlineSeconds: {longest}
      podReplacementPolicy: Failed
      podFailurePolicy:
        rules:
          # The node went away: no failure of the run.
          - action: Ignore
            onPodConditions:
              - {{type: DisruptionTarget, status: \"True\"}}
          # Trying again would end the same: a person has to do something, or an input has to arrive.
          - action: FailJob
            onExitCodes: {{containerName: tieout, operator: In, values: [{codes}]}}
",
        choices = choices(facts),
        name = yaml(&facts.name),
        at = yaml(&facts.at.to_string()),
        zone = yaml(&facts.zone),
        longest = LONGEST_RUN.as_secs(),
        codes = final_codes(),
    )
}

/// What whoever applies it has to decide first.
fn choices(facts: &Facts) -> String {
    let mut lines = String::from("# CHOOSE what stands in <angle brackets>, and look at cpu and sizeLimit.\n");
    let (name, secrets) = (&facts.name, !facts.secret_variables.is_empty() || !facts.secret_files.is_empty());
    if secrets {
        let files = keys(&facts.secret_files);
        let all = facts.secret_variables.iter().cloned().chain(files).map(|key| format!(" --from-file={key}=<FILE>"));
        lines.push_str("# The secret, from files without a line end:\n");
        let _ = writeln!(lines, "# kubectl create secret generic {name}{}", all.collect::<String>());
    }
    if facts.needs_identity {
        lines.push_str(
            "# storage.options has no secret: give the pod an identity (serviceAccountName) that the stores know.\n",
        );
    }
    let possible = facts.possible();
    if !possible.is_empty() {
        let _ = writeln!(lines, "# These may be set too, below env: {}", possible.join(", "));
    }
    lines
}

fn pod(facts: &Facts) -> String {
    format!(
        "      template:
        metadata:
          labels: {{app.kubernetes.io/name: tieout, app.kubernetes.io/instance: {name}}}
        spec:
          restartPolicy: Never
          # A message on its way is waited for, so that nobody has to wonder whether it was sent.
          terminationGracePeriodSeconds: {stop}
          automountServiceAccountToken: false
          enableServiceLinks: false
          securityContext:
            runAsNonRoot: true
            runAsUser: {USER}
            runAsGroup: {USER}
            fsGroup: {USER}
            fsGroupChangePolicy: OnRootMismatch
            seccompProfile: {{type: RuntimeDefault}}
",
        name = yaml(&facts.name),
        stop = stop_seconds(),
    )
}

fn container(facts: &Facts) -> String {
    let cores = if facts.parallelism == 0 || facts.is_on_a_cluster { CORES } else { facts.parallelism };
    let memory = facts.process_memory().div_ceil(1 << 20);
    let image = facts.image.as_deref().unwrap_or("<IMAGE>");
    format!(
        "          containers:
            - name: tieout
              image: {image}
              command: [\"tieout\"]
              args: [\"run\", {file}, \"--output\", \"json\"]
{environment}              resources:
                # engine.memory, and what the process takes beside it.
                requests: {{cpu: \"{cores}\", memory: {memory}Mi}}
                limits: {{cpu: \"{cores}\", memory: {memory}Mi}}
              securityContext:
                allowPrivilegeEscalation: false
                readOnlyRootFilesystem: true
                capabilities: {{drop: [\"ALL\"]}}
              volumeMounts:
{mounts}",
        image = yaml(image),
        file = yaml(&text(&in_image(facts, &facts.file))),
        environment = environment(facts),
        mounts = mounts(facts),
    )
}

fn environment(facts: &Facts) -> String {
    let mut lines = String::new();
    for name in &facts.secret_variables {
        let _ = writeln!(lines, "                - name: {}", yaml(name));
        let _ = writeln!(
            lines,
            "                  valueFrom: {{secretKeyRef: {{name: {}, key: {}}}}}",
            yaml(&facts.name),
            yaml(name)
        );
    }
    for name in facts.needed() {
        let _ = writeln!(lines, "                - {{name: {}, value: {}}}", yaml(name), yaml(&format!("<{name}>")));
    }
    if lines.is_empty() { lines } else { format!("              env:\n{lines}") }
}

/// The place of a path in the image: the project is at another place there, everything else where it is.
fn in_image(facts: &Facts, path: &Path) -> PathBuf {
    let path = normal(path);
    path.strip_prefix(&facts.project).map_or(path.clone(), |inside| Path::new(PROJECT).join(inside))
}

/// Keys of a secret, one for each file: letters, digits, dashes, underscores and dots.
fn keys(files: &[String]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut keys = Vec::new();
    for file in files {
        let name = Path::new(file).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let usual = |char: char| if char.is_ascii_alphanumeric() || "-_.".contains(char) { char } else { '_' };
        let plain: String = name.chars().map(usual).take(200).collect();
        // `.` and what begins with `..` are no keys.
        let plain = format!("file-{}", plain.trim_start_matches('.'));
        let numbered = (2..).map(|number| format!("{plain}-{number}"));
        let key = std::iter::once(plain.clone()).chain(numbered).find(|key| !taken.contains(key)).unwrap_or(plain);
        taken.insert(key.clone());
        keys.push(key);
    }
    keys
}

fn mounts(facts: &Facts) -> String {
    let scratch = facts.scratch.as_deref().map_or(PathBuf::from("/tmp"), |folder| in_image(facts, folder));
    let mut lines = format!("                - {{name: scratch, mountPath: {}}}\n", yaml(&text(&scratch)));
    for (what, folder) in &facts.folders {
        let place = yaml(&text(&in_image(facts, folder)));
        let _ = writeln!(lines, "                - {{name: folders, mountPath: {place}, subPath: {what}}}");
    }
    let directory = facts.file.parent().unwrap_or(Path::new("/"));
    for (file, key) in facts.secret_files.iter().zip(keys(&facts.secret_files)) {
        let place = yaml(&text(&in_image(facts, &directory.join(file))));
        let key = yaml(&key);
        let _ =
            writeln!(lines, "                - {{name: secrets, mountPath: {place}, subPath: {key}, readOnly: true}}");
    }
    lines
}

fn volumes(facts: &Facts) -> String {
    let mut lines = String::from(
        "          volumes:
            # Where queries spill what does not fit into memory.
            - {name: scratch, emptyDir: {sizeLimit: 20Gi}}
",
    );
    if !facts.folders.is_empty() {
        lines.push_str(
            "            # Folders of the pipeline that are in no object store: they must outlive the pod.
            - {name: folders, persistentVolumeClaim: {claimName: \"<CLAIM>\"}}
",
        );
    }
    if !facts.secret_files.is_empty() {
        let item = |key: String| format!("{{key: {0}, path: {0}}}", yaml(&key));
        let items: Vec<String> = keys(&facts.secret_files).into_iter().map(item).collect();
        let _ = write!(
            lines,
            "            # A secret file that everybody may read is refused.
            - name: secrets
              secret: {{secretName: {}, defaultMode: 0440, items: [{}]}}
",
            yaml(&facts.name),
            items.join(", "),
        );
    }
    lines
}
