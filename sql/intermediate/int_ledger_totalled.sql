-- One row per stream, currency and whether in suspense, of this intake.
-- Currency: `contribution` and `own_lines` (all lines without costs of goods) in reporting currency, the rest in `currency`.
-- Left out: rows that no intake could place (`int_ledger_unmatched`).
select
    int_ledger_by_day.stream as stream,
    int_ledger_by_day.original_currency as currency,
    int_ledger_by_day.suspense_reason is not null as in_suspense,
    cast(sum(int_ledger_by_day.row_count) as decimal(20,0)) as row_count,
    cast(sum(int_ledger_by_day.units) as decimal(20,0)) as units,
    cast(sum(int_ledger_by_day.costed_units) as decimal(20,0)) as costed_units,
    cast(sum(int_ledger_by_day.original_amount) as decimal(24,4)) as amount,
    cast(sum(int_ledger_by_day.original_tax) as decimal(24,4)) as tax,
    cast(sum(int_ledger_by_day.original_credit) as decimal(24,4)) as credit,
    cast(sum(int_ledger_by_day.original_difference) as decimal(24,4)) as footing_difference,
    cast(sum(int_ledger_by_day.original_unstated) as decimal(24,4)) as unstated_total,
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
    as decimal(24,4))) as decimal(24,4)) as own_lines
from int_ledger_by_day
group by
    int_ledger_by_day.stream,
    int_ledger_by_day.original_currency,
    int_ledger_by_day.suspense_reason is not null
