//! Campaigns of the platforms, and what they cost each day.

use super::horizon::{Day, weekday};
use super::random::{Dice, Topic};
use super::words::{Currency, Marketing};

/// What a kind of campaign on a platform is called, where its clicks come from and who is credited.
#[derive(Clone, Copy)]
struct Family {
    platform: &'static str,
    prefix: &'static str,
    source: &'static str,
    medium: &'static str,
    /// None: nobody mapped it.
    spend: Option<Marketing>,
    /// Share of the shop's budget.
    budget: u32,
}

const fn family(
    platform: &'static str,
    prefix: &'static str,
    click: (&'static str, &'static str),
    spend: Option<Marketing>,
    budget: u32,
) -> Family {
    Family { platform, prefix, source: click.0, medium: click.1, spend, budget }
}

use Marketing as M;
const FAMILIES: &[Family] = &[
    family("google_ads", "search-generic", ("google", "cpc"), Some(M::PaidSearch), 190),
    family("google_ads", "search-brand", ("google", "cpc"), Some(M::Shared), 45),
    family("google_ads", "shopping", ("google", "cpc"), Some(M::PaidShopping), 150),
    family("google_ads", "video", ("google", "cpc"), Some(M::Video), 30),
    family("google_ads", ADHOC, ("google", "cpc"), None, 6),
    family("microsoft_ads", "search-generic", ("bing", "cpc"), Some(M::PaidSearch), 30),
    family("microsoft_ads", "search-brand", ("bing", "cpc"), Some(M::Shared), 8),
    family("microsoft_ads", "shopping", ("bing", "cpc"), Some(M::PaidShopping), 22),
    family("meta_ads", "prospecting", ("facebook", "paid_social"), Some(M::PaidSocial), 130),
    family("meta_ads", "retargeting", ("instagram", "paid_social"), Some(M::Retargeting), 45),
    family("meta_ads", "brand", ("facebook", "paid_social"), Some(M::Shared), 25),
    family("meta_ads", ADHOC, ("facebook", "paid_social"), None, 5),
    family("tiktok_ads", "prospecting", ("tiktok", "paid_social"), Some(M::PaidSocial), 45),
    family("tiktok_ads", "creator", ("tiktok", "paid_social"), Some(M::Influencer), 15),
    family("pinterest_ads", "prospecting", ("pinterest", "paid_social"), Some(M::PaidSocial), 25),
    family("snapchat_ads", "prospecting", ("snapchat", "paid_social"), Some(M::PaidSocial), 12),
    family("reddit_ads", "prospecting", ("reddit", "paid_social"), Some(M::PaidSocial), 8),
    family("criteo", "retargeting", ("criteo", "retargeting"), Some(M::Retargeting), 40),
    family("dv360", "display", ("dv360", "display"), Some(M::Display), 40),
    family("dv360", "video", ("dv360", "cpc"), Some(M::Video), 22),
    family("dv360", "brand", ("dv360", "display"), Some(M::Shared), 30),
    family("dv360", ADHOC, ("dv360", "display"), None, 4),
    family("marketplace_a_ads", "sponsored", ("marketplace_a_ads", "sponsored"), Some(M::MarketplaceAds), 40),
    family("marketplace_b_ads", "sponsored", ("marketplace_b_ads", "sponsored"), Some(M::MarketplaceAds), 18),
    family("creator_hub", "creator", ("creator", "influencer"), Some(M::Influencer), 25),
];
/// The name that no rule knows.
const ADHOC: &str = "ADHOC q4 push";
const THEMES: &[&str] = &["shoes", "jackets", "denim", "bags", "home", "sport", "sale", "new-in", "gifts", "basics"];

/// (platform, account, market, currency)
const ACCOUNTS: &[(&str, &str, &str, Currency)] = &[
    ("google_ads", "ga-de-01", "de", Currency::Eur),
    ("google_ads", "ga-uk-01", "uk", Currency::Gbp),
    ("google_ads", "ga-us-01", "us", Currency::Usd),
    ("microsoft_ads", "ms-eu-01", "eu", Currency::Eur),
    ("meta_ads", "act-1001", "eu", Currency::Eur),
    ("meta_ads", "act-1002", "us", Currency::Usd),
    ("tiktok_ads", "tt-eu-01", "eu", Currency::Eur),
    ("pinterest_ads", "pin-01", "eu", Currency::Eur),
    ("snapchat_ads", "snap-01", "us", Currency::Usd),
    ("reddit_ads", "rd-01", "us", Currency::Usd),
    ("criteo", "cr-01", "eu", Currency::Eur),
    ("dv360", "dv-01", "eu", Currency::Eur),
    ("marketplace_a_ads", "mpa-01", "de", Currency::Eur),
    ("marketplace_b_ads", "mpb-01", "de", Currency::Eur),
    ("creator_hub", "ch-01", "eu", Currency::Sek),
];

pub(super) struct Campaign {
    pub(super) id: u32,
    pub(super) platform: &'static str,
    pub(super) account: &'static str,
    pub(super) currency: Currency,
    pub(super) name: String,
    pub(super) source: &'static str,
    pub(super) medium: &'static str,
    /// None: unmapped.
    pub(super) marketing: Option<Marketing>,
    is_brand_search: bool,
    /// Cents a day.
    budget: i64,
}

pub(super) struct Media {
    pub(super) campaigns: Vec<Campaign>,
    clicks: Vec<(Click, Vec<usize>)>,
}

impl Media {
    /// Campaigns for a shop of this many orders a day, which spends about 18 % of its sales on them.
    pub(super) fn new(orders: u64, days: Day, seed: u64) -> Self {
        let mut dice = Dice::new(seed, 0, Topic::Campaigns);
        let each = (orders / 20_000).clamp(3, 24) as u32;
        let sales = i64::try_from(orders).unwrap_or(i64::MAX / 100_000) * 9_000 / i64::from(days.max(1));
        let mut campaigns = Vec::new();
        for kind in FAMILIES {
            let count = if kind.spend.is_some() { each } else { 1 };
            let share = (sales * 18 / 100 * i64::from(kind.budget) / 1_000 / i64::from(count)).max(200);
            for _ in 0..count {
                let number = campaigns.len() as u32 + 1;
                campaigns.push(campaign(kind, number, share * dice.between(60, 140) / 100, &mut dice));
            }
        }
        let clicks = clicks(&campaigns);
        Self { campaigns, clicks }
    }

    /// A campaign whose clicks are of this kind.
    pub(super) fn click(&self, dice: &mut Dice, wanted: Click) -> usize {
        self.clicks.iter().find(|(click, _)| *click == wanted).map_or(0, |(_, places)| dice.any(places))
    }
}

/// The campaigns of each kind of click, found once.
fn clicks(campaigns: &[Campaign]) -> Vec<(Click, Vec<usize>)> {
    let channels = Marketing::ALL.iter().map(|marketing| Click::Channel(*marketing));
    let others = [Click::Marketplace("marketplace_a_ads"), Click::Marketplace("marketplace_b_ads")];
    let kinds = channels.chain(others).chain([Click::BrandSearch, Click::Unmapped]);
    let places = |kind: &Click| {
        campaigns.iter().enumerate().filter(|(_, found)| kind.fits(found)).map(|(place, _)| place).collect()
    };
    kinds.map(|kind| (kind, places(&kind))).collect()
}

impl Click {
    fn fits(self, campaign: &Campaign) -> bool {
        match self {
            Click::Channel(marketing) => campaign.marketing == Some(marketing),
            Click::Marketplace(source) => campaign.source == source,
            Click::BrandSearch => campaign.is_brand_search,
            Click::Unmapped => campaign.marketing.is_none() && campaign.platform == "google_ads",
        }
    }
}

/// What kind of campaign was clicked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Click {
    Channel(Marketing),
    Marketplace(&'static str),
    BrandSearch,
    Unmapped,
}

fn campaign(kind: &Family, id: u32, budget: i64, dice: &mut Dice) -> Campaign {
    let accounts: Vec<_> = ACCOUNTS.iter().filter(|account| account.0 == kind.platform).collect();
    let place = dice.below(accounts.len() as u32) as usize;
    let (_, account, market, currency) = accounts.get(place).map_or(("", "", "", Currency::Eur), |found| **found);
    let theme = dice.any(THEMES);
    let name = match kind.spend {
        Some(_) => format!("{}-{market}-{theme}-{id:03}", kind.prefix),
        None => format!("{} {id:02}", kind.prefix),
    };
    let level = if currency == Currency::Sek { 11 } else { 1 };
    Campaign {
        id,
        platform: kind.platform,
        account,
        currency,
        name,
        source: kind.source,
        medium: kind.medium,
        marketing: kind.spend,
        is_brand_search: kind.prefix == "search-brand",
        budget: budget * level,
    }
}

/// What a campaign did on a day.
#[derive(Clone, Copy)]
pub(super) struct Performance {
    /// Cents.
    pub(super) amount: i64,
    pub(super) credit: i64,
    pub(super) impressions: i64,
    pub(super) clicks: i64,
}

impl Campaign {
    /// None on days on which it did not run.
    pub(super) fn perform(&self, day: Day, dice: &mut Dice) -> Option<Performance> {
        let (strength, credited) = (dice.between(55, 145), dice.chance(8_000));
        let clicks_per_thousand = dice.between(6, 24);
        // One in five pauses every other four weeks.
        if self.id % 5 == 3 && (day / 28) % 2 == 0 {
            return None;
        }
        let weekend = if weekday(day) > 4 { 85 } else { 100 };
        let amount = (self.budget * strength * weekend / 10_000).max(1);
        let credit = if credited { amount / 20 } else { 0 };
        let impressions = amount * 3 / 2;
        Some(Performance { amount, credit, impressions, clicks: impressions * clicks_per_thousand / 1_000 })
    }
}
