//! Which keys below the root a run of this program has written. Anything else is somebody's, and stays.

pub(super) const MANIFESTS: &str = "_tieout/manifest/";

/// Whether a key below `data/`, `_tieout/manifest/` or `_tieout/runs/` has the form that a run gives its objects.
pub(super) fn is_ours(path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').collect();
    match segments.as_slice() {
        ["data", _, run, file] => is_run(run) && has_ending(file, ".parquet"),
        ["data", _, period, run, file] => period.starts_with("period=") && is_run(run) && has_ending(file, ".parquet"),
        ["_tieout", "manifest", name] => name.strip_suffix(".json").is_some_and(|name| is_hex(name, 64)),
        ["_tieout", "runs", run, file] => {
            is_run_id(run) && ["inputs.json", "plan.json", "audit.json", "left.json", "done.json"].contains(file)
        }
        ["_tieout", "runs", run, "parts", file] => {
            is_run_id(run) && (has_ending(file, ".part") || has_ending(file, ".keys"))
        }
        ["_tieout", "runs", run, "staged", file] => is_run_id(run) && has_ending(file, ".parquet"),
        ["_tieout", "runs", run, "mail", _, file] => is_run_id(run) && has_ending(file, ".eml"),
        _ => false,
    }
}

fn has_ending(file: &str, ending: &str) -> bool {
    file.strip_suffix(ending).is_some_and(|name| !name.is_empty())
}

fn is_run(segment: &str) -> bool {
    segment.strip_prefix("run=").is_some_and(is_run_id)
}

/// `20261105T061700Z-0123456789abcdef`.
pub(super) fn is_run_id(text: &str) -> bool {
    let Some((time, bits)) = text.split_once('-') else { return false };
    let time = time.strip_suffix('Z').and_then(|time| time.split_once('T'));
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    time.is_some_and(|(day, time)| digits(day, 8) && digits(time, 6)) && is_hex(bits, 16)
}

fn is_hex(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_as_a_run_writes_them_are_ours() {
        let run = "20261105T061700Z-0123456789abcdef";
        let hash = "a".repeat(64);
        for ours in [
            format!("data/ledger/run={run}/part-0.parquet"),
            format!("data/ledger/period=2026-10/run={run}/part-0.parquet"),
            format!("_tieout/manifest/{hash}.json"),
            format!("_tieout/runs/{run}/inputs.json"),
            format!("_tieout/runs/{run}/parts/2026-10.part"),
            format!("_tieout/runs/{run}/parts/2026-10-orders.keys"),
            format!("_tieout/runs/{run}/staged/{hash}.parquet"),
            format!("_tieout/runs/{run}/mail/monthly/0123.eml"),
        ] {
            assert!(is_ours(&ours), "{ours}");
        }
        for foreign in [
            "data/ledger/part-0.parquet".to_owned(),
            "data/ledger/run=mine/part-0.parquet".to_owned(),
            format!("data/ledger/run={run}/notes.txt"),
            format!("data/ledger/_delta_log/run={run}/x/y.parquet"),
            format!("data/ledger/region=eu/run={run}/part-0.parquet"),
            format!("_tieout/manifest/{hash}.json.bak"),
            format!("_tieout/manifest/old/{hash}.json"),
            format!("_tieout/runs/{run}/notes.md"),
            "_tieout/log/00000000000000000001.json".to_owned(),
            format!("_tieout/gc/{run}.json"),
            "current.json".to_owned(),
        ] {
            assert!(!is_ours(&foreign), "{foreign}");
        }
    }
}
