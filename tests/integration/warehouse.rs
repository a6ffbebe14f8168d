//! Building: intakes, carried rows, lookups, contracts and marts.

mod local_time;

use tieout::controls::{Audit, Audited};

use crate::fixtures::machine::{Machine, rows};

#[tokio::test]
async fn a_reversal_finds_its_posting_in_an_older_intake() {
    let machine = Machine::new();
    machine.postings("2026-08", &[(Some("a"), "2026-08-10T10:00:00Z", 1000, None)]);
    machine.postings("2026-09", &[(Some("b"), "2026-09-20T10:00:00Z", 500, None)]);
    machine.reversals("2026-10", &[(Some("r1"), "2026-10-02T10:00:00Z", 1000, Some("a"))]);
    let built = machine.build("run-1").await;
    assert_eq!(
        rows(&built, "select period, amount from monthly order by period").await,
        [["2026-08", "10.0000"], ["2026-09", "10.0000"], ["2026-10", "-10.0000"]],
        "September's posting doubles by the rate in force, the reversal keeps the posting's own"
    );
}

#[tokio::test]
async fn what_nobody_matches_is_left_over_and_not_lost() {
    let machine = Machine::new();
    machine.postings("2026-10", &[(Some("a"), "2026-10-10T10:00:00Z", 1000, None)]);
    machine.reversals("2026-10", &[(Some("r1"), "2026-10-12T10:00:00Z", 300, Some("nobody"))]);
    machine.model("left_over", "select id, amount from stg_reversals_unmatched");
    machine.file("checks/orphans.sql", b"select id as detail, amount from left_over");
    let built = machine.build("run-1").await;
    assert_eq!(rows(&built, "select id, amount from left_over").await, [["r1", "3.00"]]);
}

#[tokio::test]
async fn a_local_day_decides_the_period_and_not_the_partition() {
    let machine = Machine::new();
    machine.postings("2026-08", &[(Some("edge"), "2026-08-31T22:30:00Z", 100, None)]);
    let built = machine.build("run-1").await;
    assert_eq!(rows(&built, "select period from monthly").await, [["2026-09"]], "half past midnight in Berlin");
}

#[tokio::test]
async fn copies_count_once_and_contradictions_not_at_all() {
    let machine = Machine::new();
    let good = (Some("a"), "2026-10-10T10:00:00Z", 1000, None);
    let contradiction = [(Some("b"), "2026-10-10T10:00:00Z", 1, None), (Some("b"), "2026-10-10T10:00:00Z", 2, None)];
    let no_key = (None, "2026-10-10T10:00:00Z", 7, None);
    machine.postings("2026-10", &[good, good, contradiction[0], contradiction[1], no_key]);
    machine.model("rejected", "select source_key, reject_reason, amount from postings_rejected");
    machine.model("copies", "select id, amount from postings_duplicates");
    machine.file(
        "checks/read.sql",
        b"select r.reject_reason as detail from rejected r left join copies c on c.id = r.source_key",
    );
    let built = machine.build("run-1").await;
    assert_eq!(rows(&built, "select id, amount from ledger").await, [["a", "20.0000"]]);
    assert_eq!(rows(&built, "select id, amount from copies").await, [["a", "10.00"]]);
    assert_eq!(
        rows(&built, "select coalesce(source_key, '-'), reject_reason, amount from rejected order by amount").await,
        [["b", "duplicate_key", "0.01"], ["b", "duplicate_key", "0.02"], ["-", "null_in_id", "0.07"]]
    );
}

#[tokio::test]
async fn the_same_inputs_give_the_same_bytes_whatever_the_parallelism() {
    let mut machine = Machine::new();
    let names: Vec<String> = (0..500).map(|number| format!("id-{:03}", (number * 7919) % 500)).collect();
    let many: Vec<_> = names.iter().map(|name| (Some(name.as_str()), "2026-10-10T10:00:00Z", 123, None)).collect();
    machine.postings("2026-10", &many);
    let digests =
        |built: tieout::warehouse::build::Built| built.files.into_iter().map(|file| file.sha256).collect::<Vec<_>>();
    let first = digests(machine.build("run-1").await);
    machine.parallelism = 1;
    let second = digests(machine.build("run-2").await);
    machine.parallelism = 5;
    assert_eq!(first, second);
    assert_eq!(first, digests(machine.build("run-3").await));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_inputs_give_the_same_bytes_however_little_memory_there_is() {
    let mut machine = Machine::new();
    let id = |kind: &str, number: usize| format!("{kind} {:0>120}", (number * 7919) % ROWS);
    let at =
        |month: usize, number: usize| format!("2026-{month:0>2}-{:0>2}T{:0>2}:30:00Z", number % 31 + 1, number % 24);
    for (month, folder) in [(8, "2026-08"), (10, "2026-10")] {
        let rows: Vec<_> = (0..ROWS).map(|number| (id(folder, number), at(month, number))).collect();
        let rows: Vec<_> = rows.iter().map(|(id, at)| (Some(id.as_str()), at.as_str(), 123, None)).collect();
        machine.postings(folder, &rows);
    }
    // Half of them wait for the older intake.
    let reversals: Vec<_> = (0..ROWS)
        .map(|number| {
            let of = if number % 2 == 0 { "2026-08" } else { "2026-10" };
            (id("reversal", number), at(10, number), id(of, number))
        })
        .collect();
    let reversals: Vec<_> =
        reversals.iter().map(|(id, at, of)| (Some(id.as_str()), at.as_str(), 45, Some(of.as_str()))).collect();
    machine.reversals("2026-10", &reversals);

    let digests =
        |built: tieout::warehouse::build::Built| built.files.into_iter().map(|file| file.sha256).collect::<Vec<_>>();
    let ample = digests(machine.build("run-1").await);
    let on_disk = |machine: &Machine| {
        let costs = machine.costs.models();
        (costs.iter().any(|cost| cost.scratch_bytes > 0), costs.iter().any(|cost| cost.sorted_joins))
    };
    assert_eq!(on_disk(&machine), (false, false));
    machine.memory_bytes = 64 << 20;
    assert_eq!(ample, digests(machine.build("run-2").await));
    assert_eq!(on_disk(&machine), (true, true), "tables are on disk, and joins are sorted");
}

/// More than fit into a small file, and many batches.
const ROWS: usize = 60_000;

#[tokio::test]
async fn an_audit_holds_for_what_was_written_and_sees_a_changed_file() {
    let machine = Machine::new();
    machine.postings("2026-10", &[(Some("a"), "2026-10-10T10:00:00Z", 1000, None)]);
    let built = machine.build("run-1").await;
    let (pipeline, output) = (machine.pipeline(), machine.output("run-1"));
    let inputs = machine.inputs(&pipeline).await;
    let known = Audited::default();
    let audit = Audit { pipeline: &pipeline, inputs: &inputs, output: &output, known: &known, threads: 2 };
    let (comparisons, _) = audit.of(&built.files).await.expect("reads back");
    assert_eq!(comparisons.len(), 1);
    assert!(comparisons[0].holds(), "{comparisons:?}");

    let file = machine.path("out").join(built.files[0].path.as_ref());
    let mut bytes = std::fs::read(&file).expect("reads");
    bytes[20] ^= 1;
    std::fs::write(&file, bytes).expect("writes");
    let error = audit.of(&built.files).await.expect_err("differs");
    assert!(error.to_string().contains("E512"), "{error}");
}

#[tokio::test]
async fn a_key_in_two_intakes_stops_the_run_by_name() {
    let machine = Machine::new();
    machine.postings("2026-09", &[(Some("twice"), "2026-09-10T10:00:00Z", 1000, None)]);
    machine.postings("2026-10", &[(Some("twice"), "2026-09-10T10:00:00Z", 1000, None)]);
    let error = machine.try_build("run-1").await.err().expect("refused");
    assert!(error.to_string().contains("E311"), "{error}");
    assert!(error.to_string().contains("twice"), "{error}");
}

#[tokio::test]
async fn a_key_in_two_intakes_that_meets_itself_in_a_mart_is_told_by_name_and_files_and_not_as_the_grain() {
    let machine = Machine::new();
    machine.postings("2026-09", &[(Some("a"), "2026-09-10T10:00:00Z", 1000, None)]);
    let twice = [(Some("r1"), "2026-09-12T10:00:00Z", 300, Some("a"))];
    machine.reversals("2026-09", &twice);
    machine.reversals("2026-10", &twice);
    let error = machine.try_build("run-1").await.err().expect("refused").to_string();
    for words in ["E311", "1 key of `reversals`", "r1 in `", "month=2026-09/part.parquet` and `", "month=2026-10/part"]
    {
        assert!(error.contains(words), "{words}: {error}");
    }
}
