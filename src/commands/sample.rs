//! `sample`: writes a generated shop below a folder or URL.

use jiff::civil::Date;
use url::Url;

use crate::cli::ShopArgs;
use crate::commands::invocation::Invocation;
use crate::error::{Exit, Failure};
use crate::sample::{Location, SampleError, SampleOptions, Summary, write};
use crate::store::Stores;

/// Writes the shop that the arguments ask for; `today` decides what `--end` is by default.
///
/// # Errors
/// When the arguments make no shop, or a file cannot be written.
pub async fn sample(args: &ShopArgs, today: Date, location: &Location) -> Result<Summary, SampleError> {
    let end = args.end.unwrap_or_else(|| today.first_of_month().yesterday().unwrap_or(today));
    let options = SampleOptions::new(args.orders, args.months, end);
    write(SampleOptions { seed: args.seed, edition: args.edition, ..options }, location).await
}

/// [`sample`] below a folder or URL.
///
/// # Errors
/// When the place cannot be used, or as [`sample`].
pub async fn sample_into(to: &str, args: &ShopArgs, invocation: &Invocation) -> Result<Summary, Failure> {
    invocation.progress.stage("sample", 1);
    let wrong = || Failure::new(Exit::Usage, format!("`{to}` is no folder or URL of a store"));
    let url = if to.contains("://") {
        Url::parse(to).map_err(|_| wrong())?
    } else {
        let folder = std::path::absolute(to).map_err(|_| wrong())?;
        let made = std::fs::create_dir_all(&folder);
        made.map_err(|error| Failure::new(Exit::Resources, format!("folder `{to}` cannot be made: {error}")))?;
        Url::from_directory_path(folder).map_err(|()| wrong())?
    };
    let stores = Stores::new(&std::collections::BTreeMap::new(), &invocation.environment)?;
    let place = stores.open(&url)?;
    let today = invocation.now.to_zoned(jiff::tz::TimeZone::UTC).date();
    Ok(sample(args, today, &Location { store: place.store, root: place.root }).await?)
}
