-- One row per stream, period booked and reason for suspense, of this intake.
-- Currency: `amount` in reporting currency: all lines without costs of goods, which have no source row of their own.
-- Left out: rows that no intake could place (`int_ledger_unmatched`).
select
    int_ledger_by_day.stream as stream,
    period_of(int_ledger_by_day.booked_on) as period,
    int_ledger_by_day.suspense_reason as suspense_reason,
    cast(sum(int_ledger_by_day.row_count) as decimal(20,0)) as row_count,
    cast(sum(cast(
        int_ledger_by_day.gross_sales
        + int_ledger_by_day.discounts
        + int_ledger_by_day.platform_discounts
        + int_ledger_by_day.shipping_income
        + int_ledger_by_day.returns
        + int_ledger_by_day.allowances
        + int_ledger_by_day.refunded_shipping
        + int_ledger_by_day.cancellations
        + int_ledger_by_day.chargebacks
        + int_ledger_by_day.write_downs
        + int_ledger_by_day.carrier_cost
        + int_ledger_by_day.handling_cost
        + int_ledger_by_day.return_logistics
        + int_ledger_by_day.payment_fees
        + int_ledger_by_day.marketplace_fees
        + int_ledger_by_day.media_spend
        + int_ledger_by_day.media_credits
        + int_ledger_by_day.affiliate_commission
    as decimal(24,4))) as decimal(24,4)) as amount
from int_ledger_by_day
group by
    int_ledger_by_day.stream,
    period_of(int_ledger_by_day.booked_on),
    int_ledger_by_day.suspense_reason
