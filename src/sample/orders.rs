//! Orders and their lines.

use super::Shop;
use super::claims::Origin;
use super::dirt;
use super::horizon::{DAY, Day, HOUR, MINUTE, Month, is_promotion};
use super::random::{Dice, Topic};
use super::rows::{Order, OrderId, OrderLine};
use super::words::{Currency, Sales};

/// Share of the day's orders by hour (UTC).
const HOURS: [u32; 24] = [9, 5, 4, 4, 6, 12, 22, 34, 44, 52, 56, 58, 56, 52, 52, 54, 58, 66, 78, 86, 80, 60, 36, 18];
const BASKET: &[(u32, i64)] = &[(50, 1), (26, 2), (12, 3), (6, 4), (4, 5), (2, 7)];
const QUANTITIES: &[(u32, i64)] = &[(86, 1), (10, 2), (3, 3), (1, 4)];

/// Draws the orders of one month, in order of their days.
pub(super) struct OrderDesk<'a> {
    shop: &'a Shop,
    month: &'a Month,
    first_number: u64,
    count: u64,
    hours: Vec<u32>,
    dice: Dice,
    line_dice: Dice,
}

/// Who has bought before: one bit a customer.
pub(super) struct Customers(Vec<u64>);

impl Customers {
    pub(super) fn new(orders: u64) -> Self {
        Self(vec![0; (pool(orders) / 64 + 1) as usize])
    }

    /// Whether this is the customer's first order; it no longer is after this.
    fn greets(&mut self, customer: u64) -> bool {
        let Some(word) = self.0.get_mut((customer / 64) as usize) else { return false };
        let bit = 1 << (customer % 64);
        let is_first = *word & bit == 0;
        *word |= bit;
        is_first
    }
}

/// Customers that the shop has met by its `n`th order.
fn pool(n: u64) -> u64 {
    50 + n * 7 / 10
}

impl<'a> OrderDesk<'a> {
    pub(super) fn new(shop: &'a Shop, month: &'a Month) -> Self {
        let seed = shop.options.seed;
        let first_number = shop.horizon.placed_before(month.first);
        let count = shop.horizon.placed_before(month.end) - first_number;
        let hours = HOURS.iter().scan(0, |sum, share| {
            *sum += share;
            Some(*sum)
        });
        let dice = Dice::new(seed, month.number, Topic::Orders);
        let line_dice = Dice::new(seed, month.number, Topic::OrderLines);
        Self { shop, month, first_number, count, hours: hours.collect(), dice, line_dice }
    }

    /// Numbers of this month's orders.
    pub(super) fn sequence(&self) -> std::ops::Range<u64> {
        self.first_number..self.first_number + self.count
    }

    /// The next order; `sequence` must go up by one from call to call.
    pub(super) fn order(&mut self, sequence: u64, customers: &mut Customers) -> Order {
        let day = self.shop.horizon.day_of_order(sequence);
        let at = self.instant(day);
        let origin = self.origin(sequence, day);
        let currency = self.currency(sequence, origin.sales);
        let customer = u64::from(self.dice.below(pool(sequence).min(u64::from(u32::MAX)) as u32));
        let is_cancelled = !origin.sales.is_store() && self.dice.chance(12_000);
        let mut order = Order {
            sequence,
            id: self.id(sequence),
            at,
            origin,
            customer,
            is_first: customers.greets(customer),
            status: status(is_cancelled, self.shop.horizon.end - day),
            currency,
            shipping: 0,
            shipping_discount: 0,
            tax: 0,
            total: 0,
            lines: self.lines(day, currency, origin.sales),
        };
        self.add_shipping(&mut order);
        order.total = order.computed() + dirt::footing_error(sequence);
        order
    }

    fn instant(&mut self, day: Day) -> i64 {
        let hour = self.dice.place(&self.hours) as i64;
        i64::from(day) * DAY + hour * HOUR + i64::from(self.dice.below(60_000)) * (MINUTE / 1_000)
    }

    fn origin(&mut self, sequence: u64, day: Day) -> Origin {
        let origin = Origin::draw(&self.shop.media, day, &mut self.dice);
        if dirt::UNMAPPED_ORDER.hits(sequence) {
            return Origin::unmapped(sequence, &self.shop.media, &mut self.dice);
        }
        origin
    }

    fn currency(&mut self, sequence: u64, sales: Sales) -> Currency {
        use Currency::{Chf, Eur, Gbp, Nok, Sek, Usd};
        let abroad = self.dice.pick(&[(625, Eur), (140, Gbp), (115, Usd), (70, Sek), (50, Chf)]);
        match sales {
            Sales::OwnSite if dirt::MISSING_RATE.hits(sequence) => Nok,
            Sales::OwnSite => abroad,
            Sales::MarketplaceB if abroad == Gbp => Gbp,
            _ => Eur,
        }
    }

    /// A number of this month that no other order has, in no order of time.
    fn id(&self, sequence: u64) -> OrderId {
        let count = self.count.max(1);
        let stride = if count.is_multiple_of(7_919) { 7_907 } else { 7_919 };
        let place = u128::from(sequence - self.first_number) * stride + u128::from(self.shop.options.seed % count);
        let number = (place % u128::from(count)) as u64 + 1;
        OrderId { letter: 'S', year: self.month.year, month: self.month.calendar, number }
    }

    fn lines(&mut self, day: Day, currency: Currency, sales: Sales) -> Vec<OrderLine> {
        let count = self.line_dice.pick(BASKET);
        let promotion = is_promotion(day);
        (1..=count).map(|number| self.line(number, promotion, currency, sales)).collect()
    }

    fn line(&mut self, number: i64, promotion: bool, currency: Currency, sales: Sales) -> OrderLine {
        let dice = &mut self.line_dice;
        let product = self.shop.catalogue.pick(dice);
        let price = self.shop.catalogue.price(product, currency);
        let quantity = dice.pick(QUANTITIES);
        let is_promoted = dice.chance(if promotion { 450_000 } else { 50_000 });
        let depth = if is_promoted { dice.any(&[10, 15, 20, 25, 30]) } else { 0 };
        let discount = price * quantity * depth / 100;
        let funded = sales.is_marketplace() && dice.chance(140_000);
        let platform_discount = if funded { price * quantity * dice.between(5, 12) / 100 } else { 0 };
        let mut line = OrderLine { number, product, quantity, price, discount, platform_discount, is_promoted, tax: 0 };
        line.tax = taxed(line.net(), currency);
        line
    }

    fn add_shipping(&mut self, order: &mut Order) {
        let free = self.dice.chance(100_000);
        if order.origin.sales.is_store() {
            return;
        }
        let (charge, threshold) = match order.currency {
            Currency::Eur => (490, 6_000),
            Currency::Gbp => (450, 5_500),
            Currency::Usd => (690, 7_500),
            Currency::Chf => (790, 7_000),
            Currency::Sek | Currency::Nok => (5_900, 69_000),
        };
        if order.goods() < threshold {
            order.shipping = charge;
            order.shipping_discount = if free { charge } else { 0 };
            order.tax = taxed(order.shipping - order.shipping_discount, order.currency);
        }
    }
}

/// The tax on an amount before tax.
fn taxed(net: i64, currency: Currency) -> i64 {
    let rate = match currency {
        Currency::Eur => 190,
        Currency::Gbp => 200,
        Currency::Usd => 80,
        Currency::Chf => 81,
        Currency::Sek | Currency::Nok => 250,
    };
    (net * rate + 500) / 1_000
}

fn status(is_cancelled: bool, age: Day) -> &'static str {
    match age {
        _ if is_cancelled => "cancelled",
        ..=2 => "placed",
        3..=6 => "shipped",
        _ => "completed",
    }
}
