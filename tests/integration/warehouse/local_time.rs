//! Local times: a time without a zone is on the pipeline's clock, and is never taken for UTC.

use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use tieout::calendar::{Calendar, PeriodUnit};

use crate::fixtures::project::Project;

/// Answers `select …` with one cell, in a zone.
async fn answer(zone: &str, sql: &str) -> String {
    let calendar = Calendar {
        unit: PeriodUnit::Month,
        zone: jiff::tz::TimeZone::get(zone).expect("a zone"),
        zone_name: zone.to_owned(),
        first_period: None,
    };
    let session = tieout::warehouse::session(Arc::new(RuntimeEnv::default()), &calendar, 1);
    let frame = session.sql(&format!("select cast({sql} as varchar) as answer")).await;
    let rows = frame.unwrap_or_else(|error| panic!("{sql}: {error}")).collect().await.expect("rows");
    arrow::util::display::array_value_to_string(rows[0].column(0), 0).expect("a text")
}

#[tokio::test]
async fn a_local_timestamp_and_a_day_have_their_own_day_in_every_zone() {
    for zone in ["Europe/Berlin", "America/Los_Angeles", "Pacific/Auckland"] {
        for time in ["2026-10-31T00:00:00", "2026-10-31T23:59:59.999999"] {
            assert_eq!(answer(zone, &format!("local_day(timestamp '{time}')")).await, "2026-10-31", "{zone} {time}");
        }
        assert_eq!(answer(zone, "local_day(date '2026-10-31')").await, "2026-10-31", "{zone}");
    }
    let instant = "arrow_cast('2026-10-31T23:30:00Z', 'Timestamp(Microsecond, Some(\"UTC\"))')";
    assert_eq!(answer("Europe/Berlin", &format!("local_day({instant})")).await, "2026-11-01");
    assert_eq!(answer("America/New_York", &format!("local_day({instant})")).await, "2026-10-31");
}

#[tokio::test]
async fn a_local_timestamp_becomes_the_instant_that_the_zones_clock_shows() {
    let cases = [
        ("2026-01-15T12:00:00", "2026-01-15T11:00:00Z"),
        ("2026-07-15T12:00:00", "2026-07-15T10:00:00Z"),
        // The clock skips from 02:00 to 03:00, and shows 02:00 to 03:00 twice in October.
        ("2026-03-29T01:59:59", "2026-03-29T00:59:59Z"),
        ("2026-03-29T02:30:00", "2026-03-29T01:30:00Z"),
        ("2026-03-29T03:00:00", "2026-03-29T01:00:00Z"),
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
        ("2026-10-25T03:00:00", "2026-10-25T02:00:00Z"),
    ];
    for (local, instant) in cases {
        assert_eq!(answer("Europe/Berlin", &format!("local_instant(timestamp '{local}')")).await, instant, "{local}");
    }
    let all: Vec<String> = cases.iter().map(|(local, _)| format!("timestamp '{local}'")).collect();
    let column = format!(
        "(select string_agg(cast(local_instant(at) as varchar), ' ') from (select unnest(make_array({})) as at) as times)",
        all.join(", ")
    );
    let together: Vec<&str> = cases.iter().map(|(_, instant)| *instant).collect();
    assert_eq!(answer("Europe/Berlin", &column).await, together.join(" "), "in one column as one by one");
}

#[test]
fn a_local_time_or_day_beside_an_instant_is_refused_with_its_place_and_remedy() {
    let cases = [
        ("local_timestamp", "at < $as_of", "local_instant("),
        ("local_timestamp", "at between $period_start and $period_end", "local_instant("),
        ("date", "at < $as_of", "$as_of_day"),
        ("timestamp", "cast(at as date) < $as_of_day", "local_day("),
    ];
    for (kind, condition, remedy) in cases {
        let project = Project::new();
        project.pipeline("at: timestamp", &format!("at: {kind}"));
        let sql = format!(
            "-- wrong\nselect\n    id,\n    local_day(at) as booked_on,\n    amount\nfrom postings\nwhere {condition}"
        );
        project.file("sql/ledger.sql", sql.as_bytes());
        let ended = project.tieout(&["validate", "pipelines/postings.yaml"]);
        assert_eq!(ended.code, 78, "{condition}: {ended:?}");
        assert!(ended.stderr.contains("E211") && ended.stderr.contains("sql/ledger.sql:7:"), "{condition}: {ended:?}");
        assert!(ended.stderr.contains(remedy), "{condition}: {ended:?}");
    }
    let project = Project::new();
    project.pipeline("at: timestamp", "at: local_timestamp");
    project.file(
        "sql/ledger.sql",
        b"-- right\nselect id, local_day(at) as booked_on, amount from postings where local_instant(at) < $as_of",
    );
    let ended = project.tieout(&["validate", "pipelines/postings.yaml"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let read = project.run();
    assert!(read.code == 65 && read.stderr.contains("the contract's type is timestamp"), "{read:?}");
    assert!(read.stderr.contains("in `/"), "a local file has its whole path: {read:?}");
}
