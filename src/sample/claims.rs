//! Where an order comes from: what it claims, and whom the shop's rules credit for it.

use super::horizon::{Day, weekday};
use super::media::{Click, Media};
use super::random::Dice;
use super::words::{Marketing, Sales};

/// What `utm_campaign` says.
#[derive(Clone, Copy, Default)]
pub(super) enum CampaignClaim {
    #[default]
    Nothing,
    /// The campaign at this place.
    Media(usize),
    /// The newsletter of the order's month.
    Newsletter,
    Text(&'static str),
}

#[derive(Clone, Copy, Default)]
pub(super) struct Origin {
    pub(super) sales: Sales,
    /// None: no rule knows it.
    pub(super) marketing: Option<Marketing>,
    pub(super) source: Option<&'static str>,
    pub(super) medium: Option<&'static str>,
    pub(super) campaign: CampaignClaim,
    pub(super) affiliate: Option<u32>,
}

#[derive(Clone, Copy, Default)]
enum Visit {
    #[default]
    Direct,
    Paid(Marketing),
    BrandSearch,
    Affiliate,
    Email,
    OrganicSearch,
    OrganicSocial,
    Referral,
}

use Marketing as M;
const VISITS: &[(u32, Visit)] = &[
    (150, Visit::Direct),
    (160, Visit::Paid(M::PaidSearch)),
    (120, Visit::Paid(M::PaidShopping)),
    (110, Visit::Paid(M::PaidSocial)),
    (45, Visit::Paid(M::Retargeting)),
    (12, Visit::Paid(M::Display)),
    (12, Visit::Paid(M::Video)),
    (25, Visit::Paid(M::Influencer)),
    (60, Visit::BrandSearch),
    (65, Visit::Affiliate),
    (95, Visit::Email),
    (110, Visit::OrganicSearch),
    (22, Visit::OrganicSocial),
    (24, Visit::Referral),
];
const REFERRERS: &[&str] = &["modeblog.example", "dealwatch.example", "wirecutter.example"];

impl Origin {
    pub(super) fn draw(media: &Media, day: Day, dice: &mut Dice) -> Self {
        let sales = sales_channel(day, dice);
        if sales.is_store() {
            return Self { sales, marketing: Some(Marketing::Stores), ..Self::default() };
        }
        if sales.is_marketplace() {
            return marketplace(sales, media, dice);
        }
        let visit = dice.pick(VISITS);
        own_site(visit, media, dice)
    }

    /// An order of the own site that no rule credits.
    pub(super) fn unmapped(number: u64, media: &Media, dice: &mut Dice) -> Self {
        let lost = Self { sales: Sales::OwnSite, ..Self::default() };
        match number % 3 {
            0 => lost,
            1 => Self { source: Some("newpartner"), medium: Some("cpx"), ..lost },
            _ => Self { marketing: None, ..clicked(Click::Unmapped, media, dice) },
        }
    }
}

fn sales_channel(day: Day, dice: &mut Dice) -> Sales {
    let drawn = dice.pick(&[
        (610, Sales::OwnSite),
        (150, Sales::MarketplaceA),
        (80, Sales::MarketplaceB),
        (70, Sales::StoreBerlin),
        (50, Sales::StoreHamburg),
        (40, Sales::StoreMunich),
    ]);
    // Stores are closed on Sundays.
    if drawn.is_store() && weekday(day) == 6 { Sales::OwnSite } else { drawn }
}

fn marketplace(sales: Sales, media: &Media, dice: &mut Dice) -> Origin {
    if !dice.chance(300_000) {
        return Origin { sales, marketing: Some(Marketing::Marketplace), ..Origin::default() };
    }
    let source = if sales == Sales::MarketplaceA { "marketplace_a_ads" } else { "marketplace_b_ads" };
    Origin { sales, marketing: Some(Marketing::MarketplaceAds), ..clicked(Click::Marketplace(source), media, dice) }
}

fn own_site(visit: Visit, media: &Media, dice: &mut Dice) -> Origin {
    let claim = |marketing, source, medium| Origin {
        sales: Sales::OwnSite,
        marketing: Some(marketing),
        source: Some(source),
        medium: Some(medium),
        ..Origin::default()
    };
    match visit {
        Visit::Direct => claim(Marketing::Direct, "(direct)", "(none)"),
        Visit::Paid(marketing) => clicked(Click::Channel(marketing), media, dice),
        Visit::BrandSearch => Origin { marketing: Some(Marketing::Direct), ..clicked(Click::BrandSearch, media, dice) },
        Visit::Affiliate => affiliate(media, dice),
        Visit::Email if dice.chance(700_000) => {
            Origin { campaign: CampaignClaim::Newsletter, ..claim(Marketing::Email, "newsletter", "email") }
        }
        Visit::Email => {
            Origin { campaign: CampaignClaim::Text("lifecycle-winback"), ..claim(Marketing::Email, "crm", "email") }
        }
        Visit::OrganicSearch => {
            claim(Marketing::OrganicSearch, dice.any(&["google", "google", "google", "bing"]), "organic")
        }
        Visit::OrganicSocial => claim(Marketing::OrganicSocial, dice.any(&["instagram", "facebook"]), "social"),
        Visit::Referral => claim(Marketing::Referral, dice.any(REFERRERS), "referral"),
    }
}

/// The affiliate's code counts, whatever was clicked last.
fn affiliate(media: &Media, dice: &mut Dice) -> Origin {
    let partner = dice.below(40) + 1;
    let claim = if dice.chance(100_000) {
        clicked(Click::Channel(Marketing::PaidSearch), media, dice)
    } else {
        Origin { sales: Sales::OwnSite, source: Some("awin"), medium: Some("affiliate"), ..Origin::default() }
    };
    Origin { marketing: Some(Marketing::Affiliate), affiliate: Some(partner), ..claim }
}

fn clicked(wanted: Click, media: &Media, dice: &mut Dice) -> Origin {
    let place = media.click(dice, wanted);
    let Some(campaign) = media.campaigns.get(place) else { return Origin::default() };
    Origin {
        sales: Sales::OwnSite,
        marketing: campaign.marketing,
        source: Some(campaign.source),
        medium: Some(campaign.medium),
        campaign: CampaignClaim::Media(place),
        affiliate: None,
    }
}
