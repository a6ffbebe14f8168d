//! `tieout sample`: writes a generated shop.

use clap::Args;
use jiff::civil::Date;

use crate::sample::{Location, SampleError, SampleOptions, Summary, write};

#[derive(Args, Clone, Debug)]
pub struct SampleArgs {
    /// Folder or URL to write below; files of the same names are replaced
    pub location: String,
    /// Number of orders
    #[arg(long, default_value_t = 20_000)]
    pub orders: u64,
    /// Number of calendar months, the last one that of --end
    #[arg(long, default_value_t = 13)]
    pub months: u32,
    /// Last day that counts [default: the last day of the last complete month]
    #[arg(long, value_name = "DATE")]
    pub end: Option<Date>,
    /// Another seed, another shop
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// 2: the same shop some days later, with restated spend, edited orders and revised costs
    #[arg(long, default_value_t = 1)]
    pub edition: u32,
}

/// Writes the shop that the arguments ask for; `today` decides what `--end` is by default.
///
/// # Errors
/// When the arguments make no shop, or a file cannot be written.
pub async fn sample(args: &SampleArgs, today: Date, location: &Location) -> Result<Summary, SampleError> {
    let end = args.end.unwrap_or_else(|| today.first_of_month().yesterday().unwrap_or(today));
    let options = SampleOptions::new(args.orders, args.months, end);
    write(SampleOptions { seed: args.seed, edition: args.edition, ..options }, location).await
}
