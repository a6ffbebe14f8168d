//! What is wrong with the shop's rows, and how often: each kind hits the orders of fixed numbers, so that even a small
//! shop has some of everything.

/// Hits one order in `every`.
#[derive(Clone, Copy)]
pub(super) struct Dirt {
    every: u64,
    at: u64,
}

impl Dirt {
    pub(super) fn hits(self, number: u64) -> bool {
        number % self.every == self.at
    }
}

const fn dirt(every: u64, at: u64) -> Dirt {
    Dirt { every, at }
}

/// Own site, with a claim that no rule knows.
pub(super) const UNMAPPED_ORDER: Dirt = dirt(251, 3);
/// Paid in a currency without rates.
pub(super) const MISSING_RATE: Dirt = dirt(499, 17);
/// A second row, the same in every cell.
pub(super) const COPIED_ORDER: Dirt = dirt(997, 101);
pub(super) const COPIED_LINE: Dirt = dirt(991, 103);
pub(super) const COPIED_SHIPMENT: Dirt = dirt(709, 88);
pub(super) const COPIED_FEE: Dirt = dirt(719, 99);
pub(super) const COPIED_REFUND: Dirt = dirt(29, 7);
/// Someone edited the total and nothing else.
const EDITED_TOTAL: Dirt = dirt(983, 107);
/// Order heads without lines: without a key, twice with different content, without a total.
pub(super) const KEYLESS_ORDER: Dirt = dirt(977, 109);
pub(super) const CONTRADICTED_ORDER: Dirt = dirt(971, 113);
pub(super) const BLANK_ORDER: Dirt = dirt(967, 127);
/// Additional lines: twice with different content, without a price, of an order that never arrived.
pub(super) const CONTRADICTED_LINE: Dirt = dirt(883, 77);
pub(super) const BLANK_LINE: Dirt = dirt(877, 201);
pub(super) const ORPHAN_LINE: Dirt = dirt(853, 301);
/// Additional refunds: of no order, of no line, twice with different content, without an amount.
pub(super) const ORPHAN_REFUND: Dirt = dirt(479, 211);
pub(super) const UNKNOWN_LINE: Dirt = dirt(937, 300);
pub(super) const CONTRADICTED_REFUND: Dirt = dirt(751, 55);
pub(super) const BLANK_REFUND: Dirt = dirt(757, 66);
/// One spend row in so many is copied.
pub(super) const COPIED_SPEND: Dirt = dirt(1_009, 7);
/// Stock rows of a month: more on offer than there is, nothing on offer though there is some, less than nothing, copies.
pub(super) const OVERSOLD_STOCK: Dirt = dirt(211, 13);
pub(super) const HIDDEN_STOCK: Dirt = dirt(307, 29);
pub(super) const NEGATIVE_STOCK: Dirt = dirt(401, 57);
pub(super) const COPIED_STOCK: Dirt = dirt(997, 83);
/// Days of a month with spend rows that cannot be read: contradictions, without a campaign, without an amount.
pub(super) const CONTRADICTED_SPEND_DAY: i8 = 10;
pub(super) const KEYLESS_SPEND_DAY: i8 = 17;
pub(super) const BLANK_SPEND_DAY: i8 = 20;
/// Orders of the last month that the second edition edits, by so many cents of shipping.
pub(super) const EDITED_LATER: Dirt = dirt(101, 5);
pub(super) const EDITED_BY: i64 = 100;

/// The cents by which an order's total is not the sum of its parts.
pub(super) fn footing_error(number: u64) -> i64 {
    if EDITED_TOTAL.hits(number) { 250 + (number % 7) as i64 * 125 } else { 0 }
}
