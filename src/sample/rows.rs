//! The rows of the shop's streams, as small values; texts are made when they are written.

use std::fmt::{self, Display};

use super::claims::Origin;
use super::words::{CostKind, Currency, FeeKind, RefundKind, Sales};

/// An order's number as printed, in no order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OrderId {
    /// `S`, or a letter that no real order has.
    pub(super) letter: char,
    pub(super) year: u16,
    pub(super) month: u8,
    pub(super) number: u64,
}

impl Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:04}-{:02}-{:07}", self.letter, self.year, self.month, self.number)
    }
}

/// The key of a row that belongs to an order: `letter` for the stream, `tag` and `line` for the row.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowId {
    pub(super) letter: char,
    pub(super) order: OrderId,
    pub(super) tag: char,
    pub(super) line: i64,
}

impl Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}{}", self.letter, self.order, self.tag, self.line)
    }
}

/// Amounts in cents, instants in microseconds.
#[derive(Clone)]
pub(super) struct Order {
    /// From 0, over all months.
    pub(super) sequence: u64,
    pub(super) id: OrderId,
    pub(super) at: i64,
    pub(super) origin: Origin,
    pub(super) customer: u64,
    pub(super) is_first: bool,
    pub(super) status: &'static str,
    pub(super) currency: Currency,
    pub(super) shipping: i64,
    pub(super) shipping_discount: i64,
    pub(super) tax: i64,
    pub(super) total: i64,
    pub(super) lines: Vec<OrderLine>,
}

impl Order {
    /// What the order comes to by its own parts.
    pub(super) fn computed(&self) -> i64 {
        let lines: i64 = self.lines.iter().map(|line| line.net() + line.tax).sum();
        lines + self.shipping - self.shipping_discount + self.tax
    }

    /// Goods without tax and shipping.
    pub(super) fn goods(&self) -> i64 {
        self.lines.iter().map(OrderLine::net).sum()
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.status == "cancelled"
    }
}

#[derive(Clone, Copy)]
pub(super) struct OrderLine {
    pub(super) number: i64,
    pub(super) product: usize,
    pub(super) quantity: i64,
    pub(super) price: i64,
    pub(super) discount: i64,
    pub(super) platform_discount: i64,
    pub(super) is_promoted: bool,
    pub(super) tax: i64,
}

impl OrderLine {
    pub(super) fn gross(&self) -> i64 {
        self.price * self.quantity
    }

    pub(super) fn net(&self) -> i64 {
        self.gross() - self.discount - self.platform_discount
    }
}

#[derive(Clone, Copy)]
pub(super) struct Refund {
    pub(super) id: RowId,
    pub(super) line: Option<i64>,
    pub(super) at: i64,
    pub(super) kind: RefundKind,
    pub(super) quantity: i64,
    /// None: a row that cannot be read.
    pub(super) amount: Option<i64>,
    pub(super) tax: i64,
    pub(super) currency: Currency,
    pub(super) reason: Option<&'static str>,
    pub(super) disposition: Option<&'static str>,
}

#[derive(Clone, Copy)]
pub(super) struct Shipment {
    pub(super) id: RowId,
    pub(super) node: &'static str,
    pub(super) carrier: &'static str,
    pub(super) zone: &'static str,
    pub(super) is_express: bool,
    pub(super) promised: Option<i64>,
    pub(super) at: i64,
    pub(super) delivered: Option<i64>,
    pub(super) cost: i64,
    pub(super) kind: CostKind,
    pub(super) currency: Currency,
}

#[derive(Clone, Copy)]
pub(super) struct Fee {
    pub(super) id: RowId,
    pub(super) at: i64,
    pub(super) has_order: bool,
    pub(super) sales: Sales,
    pub(super) kind: FeeKind,
    pub(super) amount: i64,
    pub(super) currency: Currency,
}
