//! A month of orders, with everything that follows them.

use std::collections::BTreeMap;

use super::SampleError;
use super::Shop;
use super::aftermath::{Aftermath, Consequences, stray_refunds};
use super::dirt;
use super::files::Files;
use super::horizon::{DAY, Day, HOUR, Month, utc_day};
use super::ledger::Judged;
use super::orders::{Customers, OrderDesk};
use super::rows::{Fee, Order, OrderId, OrderLine, Refund, RowId, Shipment};
use super::streams::{Head, write_fee, write_refund, write_shipment};
use super::truth::{Placement, Truth};
use super::words::{Currency, FeeKind, Marketing, Sales, Stream, Suspense};

/// Orders between two flushes: what bounds the memory.
const CHUNK: u64 = 8_192;

/// What is carried from month to month.
pub(super) struct Trade {
    pub(super) truth: Truth,
    customers: Customers,
    /// Rows of later months, already posted.
    later: BTreeMap<u32, Consequences>,
    refunds: u64,
}

impl Trade {
    pub(super) fn new(truth: Truth, orders: u64) -> Self {
        Self { truth, customers: Customers::new(orders), later: BTreeMap::new(), refunds: 0 }
    }

    pub(super) async fn write_month(
        &mut self,
        shop: &Shop,
        month: &Month,
        files: &mut Files,
    ) -> Result<(), SampleError> {
        self.write_due(month, files);
        self.write_subscriptions(shop, month, files);
        if month.first >= shop.horizon.end {
            return Ok(());
        }
        let mut desk = OrderDesk::new(shop, month);
        let mut aftermath = Aftermath::new(shop, month);
        for sequence in desk.sequence() {
            let order = desk.order(sequence, &mut self.customers);
            self.write_order(shop, month, &order, &mut aftermath, files);
            if (sequence + 1) % CHUNK == 0 {
                self.write_due(month, files);
                files.flush().await?;
            }
        }
        self.write_due(month, files);
        Ok(())
    }

    /// The rows of this month that have gathered.
    fn write_due(&mut self, month: &Month, files: &mut Files) {
        let Some(due) = self.later.remove(&month.number) else { return };
        due.refunds.iter().for_each(|refund| write_refund(files, refund));
        due.shipments.iter().for_each(|shipment| write_shipment(files, shipment));
        due.fees.iter().for_each(|fee| write_fee(files, fee));
    }

    /// What each marketplace takes on the first of the month, whatever was sold.
    fn write_subscriptions(&mut self, shop: &Shop, month: &Month, files: &mut Files) {
        let order = OrderId { letter: 'M', year: month.year, month: month.calendar, number: 0 };
        for (line, sales) in [(1, Sales::MarketplaceA), (2, Sales::MarketplaceB)] {
            let id = RowId { letter: 'F', order, tag: 'f', line };
            let at = i64::from(month.first) * DAY + 10 * HOUR;
            let (kind, amount) = (FeeKind::Marketplace, 39_90);
            write_fee(files, &Fee { id, at, has_order: false, sales, kind, amount, currency: Currency::Eur });
            let placed = Placement { marketing: Marketing::Marketplace, suspense: None };
            let lines = [(kind.line(), -amount)];
            shop.post_alone(&mut self.truth, Stream::Fees, utc_day(at), (sales, placed), Currency::Eur, &lines);
        }
    }

    fn write_order(
        &mut self,
        shop: &Shop,
        month: &Month,
        drawn: &Order,
        aftermath: &mut Aftermath<'_>,
        files: &mut Files,
    ) {
        let consequences = aftermath.of(drawn);
        let order = &self.edited(shop, month, drawn);
        let judged = Judged::new(shop, order);
        let placed = shop.post_order(&mut self.truth, &judged);
        self.note_order(shop, &judged, placed);
        shop.write_order(files, order, Head::of(order));
        for line in &order.lines {
            self.write_line(shop, &judged, line, files);
        }
        self.spoil_order(shop, order, files);
        self.spoil_lines(shop, order, month.first, files);
        self.follow(shop, &judged, &consequences);
    }

    /// The second edition edits some orders of the last month: more shipping, and a total that says so.
    fn edited(&mut self, shop: &Shop, month: &Month, order: &Order) -> Order {
        let is_last = month.number + 1 == shop.options.months;
        if !is_last || shop.options.edition < 2 || !dirt::EDITED_LATER.hits(order.sequence) {
            return order.clone();
        }
        self.truth.dirt("edited_orders", order.currency, dirt::EDITED_BY);
        let (shipping, total) = (order.shipping + dirt::EDITED_BY, order.total + dirt::EDITED_BY);
        Order { shipping, total, ..order.clone() }
    }

    fn note_order(&mut self, shop: &Shop, judged: &Judged<'_>, placed: Placement) {
        let order = judged.order;
        if judged.day >= shop.horizon.end {
            return;
        }
        let mut note = |kind: &str, amount| self.truth.dirt(kind, order.currency, amount);
        if order.total != order.computed() {
            note("not_footing_orders", order.total - order.computed());
        }
        if judged.is_unmapped() {
            note("unmapped_orders", order.total);
        }
        if placed.suspense == Some(Suspense::MissingFxRate) {
            note("missing_fx_orders", order.total);
        }
    }

    fn write_line(&mut self, shop: &Shop, judged: &Judged<'_>, line: &OrderLine, files: &mut Files) {
        let order = judged.order;
        let placed = shop.post_line(&mut self.truth, judged, line);
        shop.note_promotions(&mut self.truth, judged, line);
        if placed.suspense == Some(Suspense::MissingCost) && judged.day < shop.horizon.end {
            self.truth.dirt("missing_cost_lines", order.currency, line.gross());
        }
        shop.write_line(files, order.id, line, Some(line.price));
        if line.number == 1 && dirt::COPIED_LINE.hits(order.sequence) {
            shop.write_line(files, order.id, line, Some(line.price));
            self.truth.duplicate(Stream::OrderLines, order.currency, line.gross());
        }
    }

    /// A copy of the order's head, or heads of orders that have no lines.
    fn spoil_order(&mut self, shop: &Shop, order: &Order, files: &mut Files) {
        let (head, sequence) = (Head::of(order), order.sequence);
        if dirt::COPIED_ORDER.hits(sequence) {
            shop.write_order(files, order, head);
            self.truth.duplicate(Stream::Orders, order.currency, order.total);
        }
        let mut spoilt = |kind, heads: &[Head]| {
            for head in heads {
                shop.write_order(files, order, *head);
                self.truth.quarantine(kind, Stream::Orders, order.currency, head.total.unwrap_or_default());
            }
        };
        let ghost = Head { id: Some(OrderId { letter: 'G', ..order.id }), ..head };
        if dirt::KEYLESS_ORDER.hits(sequence) {
            spoilt("null", &[Head { id: None, ..head }]);
        }
        if dirt::CONTRADICTED_ORDER.hits(sequence) {
            spoilt("conflicting", &[ghost, Head { status: "placed", total: Some(order.total + 500), ..ghost }]);
        }
        if dirt::BLANK_ORDER.hits(sequence) {
            spoilt("null", &[Head { total: None, ..ghost }]);
        }
    }

    fn spoil_lines(&mut self, shop: &Shop, order: &Order, month_first: Day, files: &mut Files) {
        let Some(first) = order.lines.first() else { return };
        let (sequence, currency) = (order.sequence, order.currency);
        if dirt::CONTRADICTED_LINE.hits(sequence) {
            for quantity in [1, 2] {
                let line = OrderLine { number: 90, quantity, ..*first };
                shop.write_line(files, order.id, &line, Some(line.price));
                self.truth.quarantine("conflicting", Stream::OrderLines, currency, line.gross());
            }
        }
        if dirt::BLANK_LINE.hits(sequence) {
            shop.write_line(files, order.id, &OrderLine { number: 91, ..*first }, None);
            self.truth.quarantine("null", Stream::OrderLines, currency, 0);
        }
        if dirt::ORPHAN_LINE.hits(sequence) {
            shop.write_line(files, OrderId { letter: 'Z', ..order.id }, first, Some(first.price));
            shop.post_orphan_line(&mut self.truth, month_first, first);
            self.truth.dirt("orphan_lines", currency, first.gross());
        }
    }

    /// Posts what follows an order, and keeps its rows for their months.
    fn follow(&mut self, shop: &Shop, judged: &Judged<'_>, after: &Consequences) {
        for refund in after.refunds.iter().chain(&stray_refunds(judged.order)) {
            self.keep_refund(shop, judged, refund);
        }
        for shipment in &after.shipments {
            self.keep_shipment(shop, judged, shipment);
        }
        for fee in &after.fees {
            self.keep_fee(shop, judged, fee);
        }
    }

    fn keep_refund(&mut self, shop: &Shop, judged: &Judged<'_>, refund: &Refund) {
        let Some(month) = shop.month_at(refund.at) else { return };
        let mut copies = 1;
        if let Some(kind) = spoilt_kind(refund) {
            self.truth.quarantine(kind, Stream::Refunds, refund.currency, refund.amount.unwrap_or_default());
        } else {
            let placed = shop.post_refund(&mut self.truth, judged, refund);
            self.note_refund(shop, judged, refund, placed);
            self.refunds += 1;
            if dirt::COPIED_REFUND.hits(self.refunds) {
                self.truth.duplicate(Stream::Refunds, refund.currency, refund.amount.unwrap_or_default());
                copies = 2;
            }
        }
        let rows = self.later.entry(month).or_default();
        rows.refunds.extend(std::iter::repeat_n(*refund, copies));
    }

    fn note_refund(&mut self, shop: &Shop, judged: &Judged<'_>, refund: &Refund, placed: Placement) {
        let booked = shop.horizon.local_day(refund.at);
        if booked >= shop.horizon.end {
            return;
        }
        let amount = refund.amount.unwrap_or_default();
        if refund.id.tag == 'o' {
            self.truth.dirt("orphan_refunds", refund.currency, amount);
        } else if refund.id.tag == 'u' {
            self.truth.dirt("unknown_line_refunds", refund.currency, amount);
        } else if shop.horizon.month_of(booked) != shop.horizon.month_of(judged.day) {
            self.truth.dirt("late_refunds", refund.currency, amount);
        }
        if placed.suspense == Some(Suspense::MissingCost) {
            self.truth.dirt("missing_cost_refunds", refund.currency, amount);
        }
    }

    fn keep_shipment(&mut self, shop: &Shop, judged: &Judged<'_>, shipment: &Shipment) {
        let Some(month) = shop.month_at(shipment.at) else { return };
        shop.post_shipment(&mut self.truth, judged, shipment);
        let is_copied = shipment.id.tag == 'c' && dirt::COPIED_SHIPMENT.hits(judged.order.sequence);
        if is_copied {
            self.truth.duplicate(Stream::Shipments, shipment.currency, shipment.cost);
        }
        let rows = self.later.entry(month).or_default();
        rows.shipments.extend(std::iter::repeat_n(*shipment, 1 + usize::from(is_copied)));
    }

    fn keep_fee(&mut self, shop: &Shop, judged: &Judged<'_>, fee: &Fee) {
        let Some(month) = shop.month_at(fee.at) else { return };
        shop.post_fee(&mut self.truth, judged, fee);
        let is_copied = matches!(fee.id.tag, 'p' | 'm') && dirt::COPIED_FEE.hits(judged.order.sequence);
        if is_copied {
            self.truth.duplicate(Stream::Fees, fee.currency, fee.amount);
        }
        let rows = self.later.entry(month).or_default();
        rows.fees.extend(std::iter::repeat_n(*fee, 1 + usize::from(is_copied)));
    }
}

/// What is wrong with a refund that cannot be read.
fn spoilt_kind(refund: &Refund) -> Option<&'static str> {
    match refund.id.tag {
        'd' => Some("conflicting"),
        'n' => Some("null"),
        _ => None,
    }
}

impl Shop {
    /// The month in whose files an event is; none where it comes too late to be written.
    fn month_at(&self, at: i64) -> Option<u32> {
        let day = utc_day(at);
        (day < self.horizon.tail_end).then(|| self.horizon.month_of(day))
    }
}
