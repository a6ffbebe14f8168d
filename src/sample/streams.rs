//! How each row is written into its file.

use std::fmt::{Display, from_fn};

use super::Shop;
use super::catalogue::{CostRow, Spoilt};
use super::claims::CampaignClaim;
use super::files::Files;
use super::horizon::{Day, utc_day};
use super::media::{Campaign, Performance};
use super::promotions::own_promotion;
use super::rows::{Fee, Order, OrderId, OrderLine, Refund, Shipment};
use super::words::{Currency, Sales, Stream};

/// How an order's head differs from the order.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) id: Option<OrderId>,
    pub(super) status: &'static str,
    pub(super) shipping: i64,
    pub(super) total: Option<i64>,
}

impl Head {
    pub(super) fn of(order: &Order) -> Self {
        Self { id: Some(order.id), status: order.status, shipping: order.shipping, total: Some(order.total) }
    }
}

impl Shop {
    pub(super) fn write_order(&self, files: &mut Files, order: &Order, head: Head) {
        let Some(row) = files.row(Stream::Orders) else { return };
        let origin = &order.origin;
        row.maybe_text(head.id)
            .instant(order.at)
            .text(origin.sales.name())
            .maybe_text(origin.source)
            .maybe_text(origin.medium)
            .maybe_text(self.campaign_text(order))
            .maybe_text(origin.affiliate.map(|partner| from_fn(move |f| write!(f, "aff-{partner:03}"))))
            .text(from_fn(|f| write!(f, "K-{:08}", order.customer)))
            .flag(order.is_first)
            .text(head.status)
            .text(order.currency.name())
            .money(head.shipping)
            .money(order.shipping_discount)
            .money(order.tax)
            .maybe_money(head.total);
    }

    fn campaign_text(&self, order: &Order) -> Option<impl Display> {
        let claim = order.origin.campaign;
        let name = match claim {
            CampaignClaim::Nothing => return None,
            CampaignClaim::Media(place) => self.media.campaigns.get(place).map_or("", |found| found.name.as_str()),
            CampaignClaim::Newsletter => "newsletter",
            CampaignClaim::Text(text) => text,
        };
        let OrderId { year, month, .. } = order.id;
        Some(from_fn(move |f| match claim {
            CampaignClaim::Newsletter => write!(f, "{name}-{year:04}-{month:02}"),
            _ => f.write_str(name),
        }))
    }

    /// `price` none: a row that cannot be read.
    pub(super) fn write_line(&self, files: &mut Files, order: OrderId, line: &OrderLine, price: Option<i64>) {
        let Some(row) = files.row(Stream::OrderLines) else { return };
        let promotion = line.is_promoted.then(|| own_promotion(order.year, order.month));
        row.text(order)
            .integer(line.number)
            .text(self.catalogue.sku(line.product))
            .integer(line.quantity)
            .maybe_money(price)
            .money(line.discount)
            .money(line.platform_discount)
            .maybe_text(promotion)
            .money(line.tax);
    }

    pub(super) fn write_cost(&self, files: &mut Files, cost: &CostRow) {
        let Some(row) = files.row(Stream::ProductCosts) else { return };
        let CostRow { product, cost, approved, spoilt } = *cost;
        row.text(self.catalogue.sku(product))
            .date(cost.valid_from)
            .maybe_money((spoilt != Spoilt::Null).then_some(cost.unit))
            .money(cost.landed)
            .text(cost.currency.name())
            .text(if approved { "approved" } else { "proposed" })
            .maybe_text(approved.then_some("controlling"));
    }
}

pub(super) fn write_refund(files: &mut Files, refund: &Refund) {
    let Some(row) = files.row(Stream::Refunds) else { return };
    row.text(refund.id)
        .text(refund.id.order)
        .maybe_integer(refund.line)
        .instant(refund.at)
        .text(refund.kind.name())
        .integer(refund.quantity)
        .maybe_money(refund.amount)
        .money(refund.tax)
        .text(refund.currency.name())
        .maybe_text(refund.reason)
        .maybe_text(refund.disposition);
}

pub(super) fn write_shipment(files: &mut Files, shipment: &Shipment) {
    let Some(row) = files.row(Stream::Shipments) else { return };
    row.text(shipment.id)
        .text(shipment.id.order)
        .text(shipment.node)
        .text(shipment.carrier)
        .text(if shipment.is_express { "express" } else { "standard" })
        .text(shipment.zone)
        .flag(shipment.is_express)
        .maybe_instant(shipment.promised)
        .instant(shipment.at)
        .maybe_instant(shipment.delivered)
        .money(shipment.cost)
        .text(shipment.kind.name())
        .text(shipment.currency.name());
}

pub(super) fn write_fee(files: &mut Files, fee: &Fee) {
    let Some(row) = files.row(Stream::Fees) else { return };
    let week = utc_day(fee.at) / 7;
    let sales = fee.sales.name();
    row.text(fee.id)
        .instant(fee.at)
        .maybe_text(fee.has_order.then_some(fee.id.order))
        .maybe_text((fee.sales != Sales::None).then_some(sales))
        .text(from_fn(move |f| write!(f, "stl-{sales}-{week}")))
        .text(fee.kind.name())
        .money(fee.amount)
        .text(fee.currency.name());
}

/// Which day and campaign a spend row names, as far as it can be read.
#[derive(Clone, Copy)]
pub(super) struct SpendKey {
    pub(super) day: Day,
    /// None: no key.
    pub(super) campaign: Option<u32>,
}

pub(super) fn write_spend(
    files: &mut Files,
    key: SpendKey,
    campaign: &Campaign,
    amount: Option<i64>,
    done: &Performance,
) {
    let Some(row) = files.row(Stream::Spend) else { return };
    row.date(key.day)
        .text(campaign.platform)
        .text(campaign.account)
        .maybe_text(key.campaign.map(|id| from_fn(move |f| write!(f, "c-{id:06}"))))
        .text(&campaign.name)
        .maybe_money(amount)
        .money(done.credit)
        .text(campaign.currency.name())
        .integer(done.impressions)
        .integer(done.clicks);
}

/// What a platform says an account spent on a day.
pub(super) struct AccountDay {
    pub(super) platform: &'static str,
    pub(super) account: &'static str,
    pub(super) currency: Currency,
    pub(super) rows: i64,
    pub(super) amount: i64,
}

pub(super) fn write_account_day(files: &mut Files, day: Day, total: &AccountDay) {
    let Some(row) = files.row(Stream::SpendControl) else { return };
    row.text(Stream::Spend.name())
        .date(day)
        .text(total.platform)
        .text(total.account)
        .text(total.currency.name())
        .integer(total.rows)
        .money(total.amount);
}

pub(super) fn write_rate(files: &mut Files, day: Day, currency: Currency, rate: i64) {
    let Some(row) = files.row(Stream::FxRates) else { return };
    row.date(day).text(currency.name()).money(rate);
}
