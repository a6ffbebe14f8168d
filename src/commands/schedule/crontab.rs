//! A crontab line.

use super::quote::{crontab, shell, text};
use super::{Facts, ScheduledFile};

pub(super) fn files(facts: &Facts) -> Vec<ScheduledFile> {
    let Facts { pipeline, name, zone, at, .. } = facts;
    let sourced = facts.environment_file().map(|file| format!("set -a; . {}; set +a; ", shell(&file)));
    let command = format!(
        "{}exec /usr/local/bin/tieout run {} --output json >>/var/log/tieout/{name}.out 2>>/var/log/tieout/{name}.log",
        sourced.unwrap_or_default(),
        shell(&text(&facts.file)),
    );
    let text = format!(
        "\
# Pipeline {pipeline}. Each start does what is due: a missed one is harmless, and so are two at once.
# The hours are those of {zone} where cron knows CRON_TZ (cronie does). Debian's cron does not: there, write the
# hours of the machine's own zone. CRON_TZ holds for all lines below it. /var/log/tieout must be there and writable.
# cron does nothing about the exit code: watch the log, or put something before `exec` that does.
{}CRON_TZ={zone}
{at} {}
",
        facts.environment_note(),
        crontab(&command),
    );
    vec![ScheduledFile { place: "crontab -e, as the user that may read and write everything".to_owned(), text }]
}
