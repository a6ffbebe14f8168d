//! `demo`: the shipped pipeline over a generated shop, in a folder of its own.

use crate::cli::{DemoArgs, PeriodArgs, RunArgs};
use crate::commands::init::init;
use crate::commands::invocation::Invocation;
use crate::commands::outcome::Runs;
use crate::commands::run::run;
use crate::commands::sample::sample_into;
use crate::error::{Exit, Failure};
use crate::sample::PIPELINE;

/// Written last by the sample, so that it tells a whole shop from a half one.
const TRUTH: &str = "shop/truth.json";

/// Writes the project and the shop where they are not there yet, and runs.
///
/// # Errors
/// When the folder cannot be written, or the run fails.
pub async fn demo(args: &DemoArgs, invocation: &Invocation) -> Result<Runs, Failure> {
    let unwritable = |error: std::io::Error| {
        Failure::new(Exit::Resources, format!("folder `{}` cannot be written: {error}", args.folder.display()))
    };
    let folder = std::path::absolute(&args.folder).map_err(unwritable)?;
    init(&folder).map_err(unwritable)?;
    if !folder.join(TRUTH).exists() {
        let shop = folder.join("shop").display().to_string();
        sample_into(&shop, &args.shop, invocation).await?;
    }
    let pipeline = folder.join(PIPELINE);
    let period = PeriodArgs { pipeline, period: period(args, invocation), as_of: None };
    let mut runs = Box::pin(run(&RunArgs { period, force: false, allow_lost_files: false }, invocation)).await?;
    let places = [
        ("the pipeline, to change", PIPELINE),
        ("the mails", "outbox"),
        ("the published tables", "published/current.json"),
        ("what the shop really is", TRUTH),
    ];
    if let Some(last) = runs.runs.last_mut() {
        last.look_at = places.map(|(what, place)| format!("{what}: {}", folder.join(place).display())).to_vec();
    }
    Ok(runs)
}

/// The last month of the shop, as far as it is over or the only one. Otherwise the run takes the last one that is over.
fn period(args: &DemoArgs, invocation: &Invocation) -> Option<String> {
    let end = args.shop.end?;
    let today = invocation.now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let is_over = end.last_of_month() < today;
    (is_over || args.shop.months == 1).then(|| format!("{:04}-{:02}", end.year(), end.month()))
}
