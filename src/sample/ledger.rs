//! What each row must become in the ledger: the rules of the contribution model, stated once more in integers, so that
//! the SQL has something to be compared with.

use super::Shop;
use super::horizon::Day;
use super::money::{converted, costed};
use super::rows::{Fee, Order, OrderLine, Refund, Shipment};
use super::truth::{Placement, Posting, Truth};
use super::words::{Currency, Line, RefundKind, Sales, Stream, Suspense};

/// An order with what its rows have in common.
pub(super) struct Judged<'a> {
    pub(super) order: &'a Order,
    pub(super) day: Day,
    rate: Option<i64>,
    /// By the shop's rules alone.
    mapped: Placement,
}

impl<'a> Judged<'a> {
    pub(super) fn new(shop: &Shop, order: &'a Order) -> Self {
        let day = shop.horizon.local_day(order.at);
        let mapped = Placement::credited(order.origin.marketing, Suspense::UnmappedOrder);
        Self { order, day, rate: shop.rates.on(day, order.currency), mapped }
    }

    pub(super) fn is_unmapped(&self) -> bool {
        self.order.origin.marketing.is_none()
    }

    fn placed(&self, rate: Option<i64>) -> Placement {
        self.mapped.or_suspense(rate.is_none(), Suspense::MissingFxRate)
    }

    fn line_placed(&self, shop: &Shop, line: &OrderLine) -> Placement {
        let is_costed = shop.catalogue.cost_on(line.product, self.day).is_some();
        self.placed(self.rate).or_suspense(!is_costed, Suspense::MissingCost)
    }

    /// The line of this number.
    fn line(&self, number: i64) -> Option<&OrderLine> {
        self.order.lines.iter().find(|line| line.number == number)
    }

    fn posting<'b>(&self, stream: Stream, placed: Placement, lines: &'b [(Line, i64)]) -> Posting<'b> {
        Posting {
            stream,
            booked: self.day,
            ordered: self.day,
            sales: self.order.origin.sales,
            placed,
            units: 0,
            lines,
            source: (self.order.currency, 0),
        }
    }
}

impl Shop {
    pub(super) fn post_order(&self, truth: &mut Truth, judged: &Judged<'_>) -> Placement {
        let order = judged.order;
        let difference = order.total - order.computed();
        let placed = judged.placed(judged.rate).or_suspense(difference != 0, Suspense::OrderDoesNotFoot);
        let at = |cents| judged.rate.map_or(0, |rate| converted(cents, rate));
        let lines = [
            (Line::ShippingIncome, at(order.shipping - order.shipping_discount)),
            (Line::Tax, at(order.tax)),
            (Line::FootingDifference, at(difference)),
        ];
        let source = (order.currency, order.total);
        truth.post(&self.horizon, &Posting { source, ..judged.posting(Stream::Orders, placed, &lines) });
        placed
    }

    pub(super) fn post_line(&self, truth: &mut Truth, judged: &Judged<'_>, line: &OrderLine) -> Placement {
        let placed = judged.line_placed(self, line);
        let at = |cents| judged.rate.map_or(0, |rate| converted(cents, rate));
        let (unit, landed) = self.cost_of(judged, line, line.quantity);
        let lines = [
            (Line::GrossSales, at(line.gross())),
            (Line::Discounts, -at(line.discount)),
            (Line::PlatformDiscounts, -at(line.platform_discount)),
            (Line::ProductCost, -unit),
            (Line::LandedCost, -landed),
            (Line::Tax, at(line.tax)),
        ];
        let source = (judged.order.currency, line.gross());
        let posting = judged.posting(Stream::OrderLines, placed, &lines);
        truth.post(&self.horizon, &Posting { source, units: line.quantity, ..posting });
        placed
    }

    /// Unit and landed cost of a quantity in reporting currency; zero where the row has no rate or no cost.
    fn cost_of(&self, judged: &Judged<'_>, line: &OrderLine, quantity: i64) -> (i64, i64) {
        self.dated_cost(judged, line)
            .map_or((0, 0), |(unit, landed, rate)| (costed(quantity, unit, rate), costed(quantity, landed, rate)))
    }

    fn dated_cost(&self, judged: &Judged<'_>, line: &OrderLine) -> Option<(i64, i64, i64)> {
        judged.rate?;
        let cost = self.catalogue.cost_on(line.product, judged.day)?;
        Some((cost.unit, cost.landed, self.rates.on(judged.day, cost.currency)?))
    }

    pub(super) fn post_refund(&self, truth: &mut Truth, judged: &Judged<'_>, refund: &Refund) -> Placement {
        let amount = refund.amount.unwrap_or_default();
        let booked = self.horizon.local_day(refund.at);
        let Some(placed) = self.refund_placed(judged, refund) else {
            return self.post_orphan(truth, refund, booked);
        };
        let at = |cents| judged.rate.map_or(0, |rate| converted(cents, rate));
        let moved = judged.rate.zip(self.rates.on(booked, refund.currency)).map_or(0, |(then, now)| now - then);
        let lines = [
            (refund.kind.line(), -at(amount)),
            (Line::Tax, -at(refund.tax)),
            (Line::FxDifference, -converted(amount, moved)),
            (Line::CostRecovered, self.recovered(judged, refund)),
        ];
        let units = match refund.kind {
            RefundKind::Return | RefundKind::Cancellation => -refund.quantity,
            _ => 0,
        };
        let posting = judged.posting(Stream::Refunds, placed, &lines);
        truth.post(&self.horizon, &Posting { booked, units, source: (refund.currency, amount), ..posting });
        placed
    }

    /// The channel of what is refunded; none where that cannot be found.
    fn refund_placed(&self, judged: &Judged<'_>, refund: &Refund) -> Option<Placement> {
        if refund.id.order != judged.order.id {
            return None;
        }
        match refund.line {
            Some(number) => Some(judged.line_placed(self, judged.line(number)?)),
            None => Some(judged.placed(judged.rate)),
        }
    }

    fn recovered(&self, judged: &Judged<'_>, refund: &Refund) -> i64 {
        if refund.kind != RefundKind::Return || refund.disposition != Some("restock") {
            return 0;
        }
        let line = refund.line.and_then(|number| judged.line(number));
        let cost = line.and_then(|line| self.dated_cost(judged, line));
        cost.map_or(0, |(unit, landed, rate)| costed(refund.quantity, unit + landed, rate))
    }

    fn post_orphan(&self, truth: &mut Truth, refund: &Refund, day: Day) -> Placement {
        let rate = self.rates.on(day, refund.currency);
        let at = |cents| rate.map_or(0, |rate| converted(cents, rate));
        let lines = [(refund.kind.line(), -at(refund.amount.unwrap_or_default())), (Line::Tax, -at(refund.tax))];
        let placed = Placement::suspense(Suspense::OrphanRefund).or_suspense(rate.is_none(), Suspense::MissingFxRate);
        let source = (refund.currency, refund.amount.unwrap_or_default());
        let alone = Posting {
            stream: Stream::Refunds,
            booked: day,
            ordered: day,
            sales: Sales::None,
            placed,
            units: 0,
            lines: &lines,
            source,
        };
        truth.post(&self.horizon, &alone);
        placed
    }

    pub(super) fn post_shipment(&self, truth: &mut Truth, judged: &Judged<'_>, shipment: &Shipment) {
        let (booked, cost, currency) = (self.horizon.local_day(shipment.at), shipment.cost, shipment.currency);
        self.post_cost(truth, judged, (Stream::Shipments, shipment.kind.line()), booked, (currency, cost));
    }

    pub(super) fn post_fee(&self, truth: &mut Truth, judged: &Judged<'_>, fee: &Fee) {
        let booked = self.horizon.local_day(fee.at);
        self.post_cost(truth, judged, (Stream::Fees, fee.kind.line()), booked, (fee.currency, fee.amount));
    }

    /// A cost of an order, at its own day's rate.
    fn post_cost(
        &self,
        truth: &mut Truth,
        judged: &Judged<'_>,
        (stream, line): (Stream, Line),
        booked: Day,
        source: (Currency, i64),
    ) {
        let rate = self.rates.on(booked, source.0);
        let lines = [(line, -rate.map_or(0, |rate| converted(source.1, rate)))];
        let posting = judged.posting(stream, judged.placed(rate), &lines);
        truth.post(&self.horizon, &Posting { booked, source, ..posting });
    }

    /// A row that belongs to no order: a fee of a sales channel, or spend.
    pub(super) fn post_alone(
        &self,
        truth: &mut Truth,
        stream: Stream,
        day: Day,
        (sales, placed): (Sales, Placement),
        currency: Currency,
        cents: &[(Line, i64)],
    ) {
        let rate = self.rates.on(day, currency);
        let lines: Vec<_> = cents.iter().map(|(line, cents)| (*line, converted(*cents, rate.unwrap_or(0)))).collect();
        let placed = placed.or_suspense(rate.is_none(), Suspense::MissingFxRate);
        let source = (currency, cents.first().map_or(0, |(_, cents)| -cents));
        let posting = Posting { stream, booked: day, ordered: day, sales, placed, units: 0, lines: &lines, source };
        truth.post(&self.horizon, &posting);
    }

    /// A line whose order is not there has no currency and no day of its own: it counts as a row, with no money.
    pub(super) fn post_orphan_line(&self, truth: &mut Truth, month_first: Day, line: &OrderLine) {
        let placed = Placement::suspense(Suspense::OrderUnknown);
        let posting = Posting {
            stream: Stream::OrderLines,
            booked: month_first,
            ordered: month_first,
            sales: Sales::None,
            placed,
            units: line.quantity,
            lines: &[],
            source: (self.rates.reporting(), 0),
        };
        truth.post(&self.horizon, &posting);
    }
}
