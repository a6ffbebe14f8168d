//! When a scheduler starts a run: the five fields of a crontab, understood, so that other schedulers can be told the same.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Minute, hour, day of the month, month and day of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// As written, single spaces between the fields.
    text: String,
    minutes: BTreeSet<u8>,
    hours: BTreeSet<u8>,
    days: BTreeSet<u8>,
    months: BTreeSet<u8>,
    /// 0 is Sunday.
    weekdays: BTreeSet<u8>,
}

/// Why a text is no time of a crontab.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is no {kind} of a crontab: five fields are needed, such as \"17 5-20 * * *\"")]
pub struct AtError {
    kind: &'static str,
    field: String,
}

/// What one field may hold. Names stand for the numbers from the first one on.
struct Kind {
    name: &'static str,
    first: u8,
    last: u8,
    names: &'static [&'static str],
}

const MINUTE: Kind = Kind { name: "minute", first: 0, last: 59, names: &[] };
const HOUR: Kind = Kind { name: "hour", first: 0, last: 23, names: &[] };
const DAY: Kind = Kind { name: "day of the month", first: 1, last: 31, names: &[] };
const MONTH: Kind = Kind {
    name: "month",
    first: 1,
    last: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
/// Sunday is both 0 and 7.
const WEEKDAY: Kind =
    Kind { name: "day of the week", first: 0, last: 7, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

impl FromStr for At {
    type Err = AtError;

    fn from_str(text: &str) -> Result<Self, AtError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return Err(AtError { kind: "time", field: text.to_owned() });
        };
        Ok(Self {
            text: fields.join(" "),
            minutes: MINUTE.set(minutes)?,
            hours: HOUR.set(hours)?,
            days: DAY.set(days)?,
            months: MONTH.set(months)?,
            weekdays: WEEKDAY.set(weekdays)?.into_iter().map(|day| day % 7).collect(),
        })
    }
}

impl Kind {
    fn set(&self, field: &str) -> Result<BTreeSet<u8>, AtError> {
        let wrong = || AtError { kind: self.name, field: field.to_owned() };
        let mut set = BTreeSet::new();
        for part in field.split(',') {
            let (span, step) = match part.split_once('/') {
                Some((span, step)) => (span, Some(step.parse::<u8>().ok().filter(|step| *step > 0).ok_or_else(wrong)?)),
                None => (part, None),
            };
            let (first, last) = match span.split_once('-') {
                _ if span == "*" => (self.first, self.last),
                Some((first, last)) => (self.one(first).ok_or_else(wrong)?, self.one(last).ok_or_else(wrong)?),
                None => {
                    let first = self.one(span).ok_or_else(wrong)?;
                    (first, if step.is_some() { self.last } else { first })
                }
            };
            if first > last {
                return Err(wrong());
            }
            set.extend((first..=last).step_by(usize::from(step.unwrap_or(1))));
        }
        Ok(set)
    }

    fn one(&self, text: &str) -> Option<u8> {
        let named = self.names.iter().zip(self.first..).find(|(name, _)| text.eq_ignore_ascii_case(name));
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = if digits { text.parse().ok() } else { named.map(|(_, number)| number) };
        number.filter(|number| (self.first..=self.last).contains(number))
    }

    /// Whether a set leaves nothing out.
    fn is_all(&self, set: &BTreeSet<u8>) -> bool {
        let values = if self.last == 7 { 7 } else { usize::from(self.last - self.first) + 1 };
        set.len() == values
    }
}

impl At {
    /// The same as `OnCalendar=` of systemd, which starts at each of these. A crontab that names days of the month and
    /// days of the week means either, systemd means both at once; so there are two then.
    #[must_use]
    pub fn on_calendar(&self, zone: &str) -> Vec<String> {
        let (any_day, any_weekday) = (DAY.is_all(&self.days), WEEKDAY.is_all(&self.weekdays));
        let days = listed(&DAY, &self.days);
        let weekdays = format!("{} ", weekdays(&self.weekdays));
        let choices = match (any_day, any_weekday) {
            (_, true) => vec![(String::new(), days)],
            (true, false) => vec![(weekdays, days)],
            (false, false) => vec![(String::new(), days), (weekdays, "*".to_owned())],
        };
        let (months, hours) = (listed(&MONTH, &self.months), listed(&HOUR, &self.hours));
        let minutes = listed(&MINUTE, &self.minutes);
        let line = |(weekdays, days)| format!("{weekdays}*-{months}-{days} {hours}:{minutes}:00 {zone}");
        choices.into_iter().map(line).collect()
    }
}

/// Numbers with `..` for what follows one another; `*` for all.
fn listed(kind: &Kind, set: &BTreeSet<u8>) -> String {
    if kind.is_all(set) {
        return "*".to_owned();
    }
    let mut runs: Vec<(u8, u8)> = Vec::new();
    for number in set {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => runs.push((*number, *number)),
        }
    }
    let said = runs.iter().map(|(first, last)| match last - first {
        0 => format!("{first:02}"),
        1 => format!("{first:02},{last:02}"),
        _ => format!("{first:02}..{last:02}"),
    });
    said.collect::<Vec<_>>().join(",")
}

fn weekdays(set: &BTreeSet<u8>) -> String {
    let names = set.iter().filter_map(|day| WEEKDAYS.get(usize::from(*day)).copied());
    names.collect::<Vec<_>>().join(",")
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_calendar(text: &str) -> Vec<String> {
        text.parse::<At>().unwrap().on_calendar("Europe/Berlin")
    }

    #[test]
    fn a_crontab_time_is_said_to_systemd() {
        assert_eq!(on_calendar("17 5-20 * * *"), ["*-*-* 05..20:17:00 Europe/Berlin"]);
        assert_eq!(on_calendar("*/20 6 1,2,15 * *"), ["*-*-01,02,15 06:00,20,40:00 Europe/Berlin"]);
        assert_eq!(on_calendar("0 6 * jan-mar mon-fri"), ["Mon,Tue,Wed,Thu,Fri *-01..03-* 06:00:00 Europe/Berlin"]);
        assert_eq!(on_calendar("5/20 * * * 7"), ["Sun *-*-* *:05,25,45:00 Europe/Berlin"]);
        assert_eq!(on_calendar("0  0\t* * 0-7"), ["*-*-* 00:00:00 Europe/Berlin"]);
    }

    #[test]
    fn days_of_the_month_or_of_the_week_are_two_calendars() {
        assert_eq!(on_calendar("0 6 1 * MON"), ["*-*-01 06:00:00 Europe/Berlin", "Mon *-*-* 06:00:00 Europe/Berlin"]);
    }

    #[test]
    fn what_no_crontab_has_is_refused() {
        for text in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "20-5 * * * *",
            "*/0 * * * *",
            "1,,2 * * * *",
            "+5 * * * *",
            "@daily",
            "17 5 * * *\nevil",
            "17 5 * * $(evil)",
            "1-2-3 * * * *",
            "TZ=UTC * * * *",
            "* * * foo *",
        ] {
            assert!(text.parse::<At>().is_err(), "{text:?}");
        }
    }
}
