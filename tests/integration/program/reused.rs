//! What nothing has changed since an earlier run is not computed again, and nobody can tell from what is published.

use std::fs;
use std::path::PathBuf;

use crate::fixtures::project::Ended;
use crate::fixtures::shop::{MONTH, Shop};

const PIPELINE: &str = "shop/pipelines/channel_contribution.yaml";
const BEFORE: &str = "2026-01";

/// A shop with a publication of these very files: those of a copy are others to the store.
fn published() -> Shop {
    let shop = Shop::published();
    let first = run(&shop);
    assert_eq!(first.code, 0, "{first:?}");
    assert!(told(&first, "the same as before").is_empty(), "{first:?}");
    shop
}

fn run(shop: &Shop) -> Ended {
    shop.tieout(&["run", PIPELINE, "--period", MONTH, "--log", "info"])
}

/// The intakes of which a run says this.
fn told(ended: &Ended, message: &str) -> Vec<String> {
    let lines = ended.stderr.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let said = lines.filter(|line| line["message"] == message);
    said.map(|line| line["intake"].as_str().unwrap_or_default().to_owned()).collect()
}

fn is_as_if_computed_whole(shop: &Shop) {
    let verified = shop.tieout(&["verify", PIPELINE, "--recompute"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    assert!(verified.stdout.contains("byte for byte the same"), "{verified:?}");
}

/// The files that runs have left for later ones.
fn parts(shop: &Shop) -> Vec<PathBuf> {
    let runs = fs::read_dir(shop.path("published/_tieout/runs")).expect("runs").flatten();
    let folders = runs.filter_map(|run| fs::read_dir(run.path().join("parts")).ok());
    folders.flatten().flatten().map(|entry| entry.path()).collect()
}

/// A file of the older month's ledger that the last run has left for later ones.
fn ledger_file(shop: &Shop) -> String {
    let entries = fs::read_dir(shop.path("published/_tieout/log")).expect("a log").flatten();
    let newest = entries.map(|entry| entry.path()).max().expect("an entry");
    let read = |path: PathBuf| -> serde_json::Value {
        serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
    };
    let run = read(newest)["run_id"].as_str().expect("a run").to_owned();
    let left = read(shop.path(&format!("published/_tieout/runs/{run}/left.json")));
    let parts = left["parts"].as_object().expect("parts").values();
    let mut files = parts.flat_map(|part| part["files"].as_array().expect("files"));
    let of_ledger = |path: &&str| path.contains("contribution_ledger") && path.contains(BEFORE);
    files.find_map(|file| file["path"].as_str().filter(of_ledger)).expect("a file of the ledger").to_owned()
}

/// Takes the campaign of some orders of the newest month away.
fn change(shop: &Shop, digit: char) {
    let direct = [("utm_source", "null"), ("utm_medium", "null"), ("utm_campaign", "null")];
    shop.set("orders", &direct, &format!("order_id like '%0{digit}'"));
}

#[test]
fn a_changed_file_has_its_own_month_computed_again_and_no_other() {
    let shop = published();
    change(&shop, '3');
    let changed = run(&shop);
    assert_eq!(changed.code, 0, "{changed:?}");
    assert_eq!(told(&changed, "the same as before"), [BEFORE]);
    is_as_if_computed_whole(&shop);

    let again = shop.tieout(&["run", PIPELINE, "--period", MONTH, "--force", "--log", "info"]);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(told(&again, "the same as before").is_empty(), "what is forced is computed: {again:?}");
    is_as_if_computed_whole(&shop);
}

#[test]
fn rows_for_an_older_month_have_that_month_computed_again_too() {
    let shop = published();
    shop.set("refunds", &[("tax", "tax + 0.01")], "kind = 'return' and currency = 'EUR'");
    let changed = run(&shop);
    assert!(told(&changed, "the same as before").is_empty(), "{changed:?}");
}

#[test]
fn what_is_read_whole_and_what_is_defined_have_everything_computed_again() {
    let shop = published();
    let edits = [
        ("pipelines/reference/suspense_reasons.csv", "finance@shop.example", "books@shop.example", Vec::new()),
        ("sql/staging/stg_spend.sql", "select", "select -- the same", Vec::new()),
        // A report reads what is computed.
        (
            "reports/contribution_finance/subject.txt",
            "Channel",
            "The channel",
            vec![MONTH.to_owned(), BEFORE.to_owned()],
        ),
    ];
    for (file, from, to, same) in edits {
        shop.edit(file, from, to);
        let ended = run(&shop);
        assert_eq!((ended.code, told(&ended, "the same as before")), (0, same), "{file}: {ended:?}");
    }
    is_as_if_computed_whole(&shop);
}

#[test]
fn what_is_damaged_or_gone_is_computed_again() {
    let shop = published();
    let damages = [|path: &PathBuf| fs::write(path, b"tieout part 1\n"), |path: &PathBuf| fs::remove_file(path)];
    for (damage, digit) in damages.into_iter().zip(['3', '5']) {
        for path in parts(&shop) {
            damage(&path).expect("damages");
        }
        change(&shop, digit);
        let changed = run(&shop);
        assert_eq!(changed.code, 0, "{changed:?}");
        assert!(told(&changed, "the same as before").is_empty(), "{changed:?}");
        assert_eq!(told(&changed, "computed again"), [BEFORE]);
        is_as_if_computed_whole(&shop);
    }
    let ledger = shop.path("published").join(ledger_file(&shop));
    let bytes = fs::read(&ledger).expect("a file");
    fs::write(&ledger, &bytes[..bytes.len() - 1]).expect("writes");
    change(&shop, '7');
    assert_eq!(told(&run(&shop), "computed again"), [BEFORE]);
}
