//! What follows an order: refunds, shipments and fees.

use super::Shop;
use super::dirt;
use super::horizon::{DAY, HOUR, MINUTE, Month};
use super::random::{Dice, Topic};
use super::rows::{Fee, Order, OrderId, OrderLine, Refund, RowId, Shipment};
use super::words::{CostKind, Currency, FeeKind, REASONS, RefundKind, Sales};

/// Hours from delivery to a return, at equal shares: most come soon, some after months.
const RETURN_HOURS: [i64; 20] =
    [30, 50, 75, 100, 125, 150, 180, 210, 240, 275, 315, 360, 410, 470, 540, 630, 750, 930, 1_300, 2_200];
const DISPOSITIONS: &[(u32, Option<&str>)] =
    &[(76, Some("restock")), (10, Some("refurb")), (8, Some("liquidate")), (6, Some("destroy"))];

/// Draws what follows the orders of one month.
pub(super) struct Aftermath<'a> {
    shop: &'a Shop,
    refunds: Dice,
    shipments: Dice,
    fees: Dice,
}

/// What follows one order.
#[derive(Default)]
pub(super) struct Consequences {
    pub(super) refunds: Vec<Refund>,
    pub(super) shipments: Vec<Shipment>,
    pub(super) fees: Vec<Fee>,
}

impl<'a> Aftermath<'a> {
    pub(super) fn new(shop: &'a Shop, month: &Month) -> Self {
        let dice = |topic| Dice::new(shop.options.seed, month.number, topic);
        Self { shop, refunds: dice(Topic::Refunds), shipments: dice(Topic::Shipments), fees: dice(Topic::Fees) }
    }

    pub(super) fn of(&mut self, order: &Order) -> Consequences {
        let mut after = Consequences::default();
        self.refund(order, &mut after);
        self.ship(order, &mut after);
        self.charge(order, &mut after);
        after
    }

    fn refund(&mut self, order: &Order, after: &mut Consequences) {
        if order.is_cancelled() {
            let at = order.at + self.refunds.between(20, 1_100) * MINUTE;
            after.refunds.extend(order.lines.iter().map(|line| cancellation(order, line, at)));
            return;
        }
        if self.refunds.chance(700) {
            let at = order.at + self.refunds.between(15, 80) * DAY;
            after.refunds.push(chargeback(order, at));
            return;
        }
        for line in &order.lines {
            self.refund_line(order, line, after);
        }
        if order.shipping > order.shipping_discount && self.refunds.chance(12_000) {
            let at = order.at + self.refunds.between(3, 30) * DAY;
            after.refunds.push(shipping_refund(order, at));
        }
    }

    fn refund_line(&mut self, order: &Order, line: &OrderLine, after: &mut Consequences) {
        let dice = &mut self.refunds;
        // Clothes and shoes come back more often.
        let share = if line.product % 8 < 3 { 105_000 } else { 48_000 };
        if !dice.chance(share) {
            return;
        }
        let kind = dice.pick(&[(86, RefundKind::Return), (14, RefundKind::Allowance)]);
        let at = order.at + 3 * DAY + dice.any(&RETURN_HOURS) * HOUR + i64::from(dice.below(3_600)) * 1_000_000;
        let returned = if dice.chance(800_000) { line.quantity } else { 1 };
        let (quantity, of) = if kind == RefundKind::Return { (returned, 100) } else { (0, dice.between(10, 40)) };
        let share = if kind == RefundKind::Return { quantity * 100 } else { of };
        let whole = if kind == RefundKind::Return { line.quantity * 100 } else { 100 };
        after.refunds.push(Refund {
            id: refund_id(order, 'l', line.number),
            line: Some(line.number),
            at,
            kind,
            quantity,
            amount: Some(line.net() * share / whole),
            tax: line.tax * share / whole,
            currency: order.currency,
            reason: dice.pick(REASONS),
            disposition: if kind == RefundKind::Return { dice.pick(DISPOSITIONS) } else { Some("keep") },
        });
    }

    fn ship(&mut self, order: &Order, after: &mut Consequences) {
        let sales = order.origin.sales;
        // Marketplace A ships most of its orders itself.
        let by_other = sales == Sales::MarketplaceA && self.shipments.chance(700_000);
        if sales.is_store() || by_other || order.is_cancelled() {
            return;
        }
        let parcel = self.parcel(order);
        after.shipments.push(parcel);
        if parcel.node != "dc_berlin" {
            let cost = 120 + 35 * order.lines.len() as i64;
            after.shipments.push(follow_up(&parcel, CostKind::Handling, 'h', 0, parcel.at, cost));
        }
        let returns = after.refunds.iter().filter(|refund| refund.kind == RefundKind::Return);
        let back = returns.filter_map(|refund| {
            let cost = parcel.cost * 8 / 10 + 150;
            Some(follow_up(&parcel, CostKind::Return, 'r', refund.line?, refund.at - 2 * DAY, cost))
        });
        after.shipments.extend(back.collect::<Vec<_>>());
    }

    fn parcel(&mut self, order: &Order) -> Shipment {
        let dice = &mut self.shipments;
        let is_british = order.currency == Currency::Gbp;
        let node = if is_british { "dc_uk" } else { dice.pick(&[(65, "dc_berlin"), (35, "dc_3pl")]) };
        let (zone, base) = match order.currency {
            Currency::Usd => ("world", 1_290),
            Currency::Eur if dice.chance(750_000) => ("domestic", 415),
            Currency::Gbp => ("domestic", 380),
            _ => ("eu", 760),
        };
        let carrier = if is_british { "royal_mail" } else { dice.any(&["dhl", "dhl", "dpd", "ups"]) };
        let is_express = dice.chance(90_000);
        let at = order.at + dice.between(3, 52) * HOUR + dice.between(0, 59) * MINUTE;
        let days = if is_express { dice.between(1, 2) } else { dice.between(1, 5) };
        let promised = dice.chance(930_000).then(|| order.at + if is_express { 2 } else { 5 } * DAY);
        let delivered = (!dice.chance(12_000)).then(|| at + days * DAY + dice.between(0, 600) * MINUTE);
        let cost = (base + 45 * order.lines.len() as i64 + dice.between(0, 60)) * if is_express { 2 } else { 1 };
        let currency = if is_british { Currency::Gbp } else { Currency::Eur };
        let id = RowId { letter: 'H', order: order.id, tag: 'c', line: 0 };
        Shipment {
            id,
            node,
            carrier,
            zone,
            is_express,
            promised,
            at,
            delivered,
            cost,
            kind: CostKind::Carrier,
            currency,
        }
    }

    fn charge(&mut self, order: &Order, after: &mut Consequences) {
        let sales = order.origin.sales;
        let dice = &mut self.fees;
        if sales.is_marketplace() {
            let at = order.at + DAY;
            after.fees.push(fee(order, 'm', 0, FeeKind::Marketplace, at, order.total * dice.between(120, 150) / 1_000));
            let funded: i64 = order.lines.iter().map(|line| line.platform_discount).sum();
            if funded > 0 {
                let back = -(funded * dice.between(80, 100) / 100).max(1);
                after.fees.push(fee(order, 'i', 0, FeeKind::PromotionReimbursement, order.at + 10 * DAY, back));
            }
        } else {
            let share = if sales.is_store() { 8 } else { 15 };
            let at = order.at + dice.between(1, 90) * MINUTE;
            after.fees.push(fee(order, 'p', 0, FeeKind::Payment, at, order.total * share / 1_000 + 25));
        }
        if order.origin.affiliate.is_some() && !order.is_cancelled() {
            let at = order.at + 30 * DAY;
            after.fees.push(fee(order, 'a', 0, FeeKind::Affiliate, at, order.goods() * dice.between(50, 90) / 1_000));
        }
        self.charge_refunds(order, after);
    }

    /// Dispute fees, and stock that a return left worth less.
    fn charge_refunds(&mut self, order: &Order, after: &mut Consequences) {
        let Consequences { refunds, fees, .. } = after;
        for refund in refunds.iter() {
            if refund.kind == RefundKind::Chargeback {
                fees.push(fee(order, 'c', 0, FeeKind::Chargeback, refund.at, 15_00));
            }
            let share = match refund.disposition {
                Some("liquidate") => 22,
                Some("destroy") => 40,
                _ => continue,
            };
            let lost = order.lines.iter().find(|line| Some(line.number) == refund.line);
            let Some(line) = lost else { continue };
            let value = self.shop.catalogue.price(line.product, Currency::Eur) * refund.quantity * share / 100;
            let at = refund.at + 2 * DAY;
            fees.push(Fee { currency: Currency::Eur, ..fee(order, 'w', line.number, FeeKind::WriteDown, at, value) });
        }
    }
}

pub(super) fn refund_id(order: &Order, tag: char, line: i64) -> RowId {
    RowId { letter: 'R', order: order.id, tag, line }
}

fn refund(order: &Order, tag: char, kind: RefundKind, at: i64) -> Refund {
    Refund {
        id: refund_id(order, tag, 0),
        line: None,
        at,
        kind,
        quantity: 0,
        amount: Some(0),
        tax: 0,
        currency: order.currency,
        reason: None,
        disposition: None,
    }
}

fn cancellation(order: &Order, line: &OrderLine, at: i64) -> Refund {
    Refund {
        id: refund_id(order, 'x', line.number),
        line: Some(line.number),
        quantity: line.quantity,
        amount: Some(line.net()),
        tax: line.tax,
        reason: Some("no_longer_wanted"),
        ..refund(order, 'x', RefundKind::Cancellation, at)
    }
}

fn chargeback(order: &Order, at: i64) -> Refund {
    let amount = Some(order.goods());
    let tax = order.lines.iter().map(|line| line.tax).sum();
    Refund { amount, tax, reason: Some("fraud_flag"), ..refund(order, 'b', RefundKind::Chargeback, at) }
}

fn shipping_refund(order: &Order, at: i64) -> Refund {
    let amount = Some(order.shipping - order.shipping_discount);
    Refund { amount, tax: order.tax, reason: Some("too_late"), ..refund(order, 's', RefundKind::Shipping, at) }
}

/// Refunds that are wrong, of orders of certain numbers.
pub(super) fn stray_refunds(order: &Order) -> Vec<Refund> {
    let at = order.at + 4 * DAY;
    let amount = order.lines.first().map_or(1_000, |line| line.price / 2);
    let stray = |tag, line| Refund { amount: Some(amount), line, ..refund(order, tag, RefundKind::Allowance, at) };
    let mut strays = Vec::new();
    if dirt::ORPHAN_REFUND.hits(order.sequence) {
        let nowhere = OrderId { letter: 'Z', ..order.id };
        strays.push(Refund { id: RowId { order: nowhere, ..refund_id(order, 'o', 1) }, ..stray('o', Some(1)) });
    }
    if dirt::UNKNOWN_LINE.hits(order.sequence) {
        strays.push(stray('u', Some(77)));
    }
    if dirt::CONTRADICTED_REFUND.hits(order.sequence) {
        strays.extend([stray('d', Some(1)), Refund { amount: Some(amount + 100), ..stray('d', Some(1)) }]);
    }
    if dirt::BLANK_REFUND.hits(order.sequence) {
        strays.push(Refund { amount: None, ..stray('n', Some(1)) });
    }
    strays
}

fn follow_up(parcel: &Shipment, kind: CostKind, tag: char, line: i64, at: i64, cost: i64) -> Shipment {
    let id = RowId { tag, line, ..parcel.id };
    Shipment { id, kind, at, cost, promised: None, delivered: None, ..*parcel }
}

fn fee(order: &Order, tag: char, line: i64, kind: FeeKind, at: i64, amount: i64) -> Fee {
    let id = RowId { letter: 'F', order: order.id, tag, line };
    Fee { id, at, has_order: true, sales: order.origin.sales, kind, amount, currency: order.currency }
}
