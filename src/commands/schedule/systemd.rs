//! A service that runs once, and a timer that starts it.

use std::fmt::Write as _;

use super::quote::{systemd, systemd_word, text};
use super::{Facts, LONGEST_RUN, ScheduledFile, stop_seconds};

/// What the service may not do. It reads and writes files, and speaks to stores and a relay.
const HARDENING: &str = "\
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
UMask=0027
";

pub(super) fn files(facts: &Facts) -> Vec<ScheduledFile> {
    let place = |ending: &str| format!("/etc/systemd/system/tieout-{}.{ending}", facts.name);
    vec![
        ScheduledFile { place: place("service"), text: service(facts) },
        ScheduledFile { place: place("timer"), text: timer(facts) },
    ]
}

fn service(facts: &Facts) -> String {
    let environment = facts.environment_file().map(|file| format!("EnvironmentFile={file}\n")).unwrap_or_default();
    format!(
        "\
{note}[Unit]
Description=tieout: {pipeline}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
# CHOOSE: a user that may read the project and its secret files, and write the folders below.
User=tieout
{environment}ExecStart=/usr/local/bin/tieout run {file} --output json
# 75: something is in the way that will pass, or it was stopped. The next start tries again.
SuccessExitStatus=75
Restart=no
TimeoutStartSec={start}
# A message on its way is waited for, so that nobody has to wonder whether it was sent.
TimeoutStopSec={stop}
# engine.memory, and what the process takes beside it.
MemoryMax={memory}
{written}{HARDENING}",
        note = facts.environment_note(),
        pipeline = facts.pipeline,
        file = systemd_word(&text(&facts.file)),
        start = LONGEST_RUN.as_secs(),
        stop = stop_seconds(),
        memory = facts.process_memory(),
        written = written(facts),
    )
}

fn written(facts: &Facts) -> String {
    let mut lines = String::new();
    for folder in facts.written() {
        if lines.is_empty() {
            lines.push_str("# These must be there before the first start.\n");
        }
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "ReadWritePaths={}", systemd(&text(folder)));
    }
    lines
}

fn timer(facts: &Facts) -> String {
    let calendar = facts.at.on_calendar(&facts.zone);
    let calendar: Vec<String> = calendar.iter().map(|line| format!("OnCalendar={line}")).collect();
    let calendar = calendar.join("\n");
    format!(
        "\
[Unit]
Description=Starts tieout: {}

[Timer]
{calendar}
# A start that was missed is made up for.
Persistent=yes
AccuracySec=1min

[Install]
WantedBy=timers.target
",
        facts.pipeline,
    )
}
