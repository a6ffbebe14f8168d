-- One row per ledger row in suspense, with its age and who clears it.
-- Currency: `amount` in reporting currency, without memos; `original_amount` in `original_currency`.
-- Left out: rows that were placed.
with items as (
    select * from int_suspense_rows
    union all by name
    select
        int_ledger_unmatched.stream as stream,
        int_ledger_unmatched.source_key as source_key,
        int_ledger_unmatched.suspense_reason as suspense_reason,
        int_ledger_unmatched.booked_on as booked_on,
        int_ledger_unmatched.order_id as order_id,
        int_ledger_unmatched.sku as sku,
        int_ledger_unmatched.sales_channel as sales_channel,
        cast(
            int_ledger_unmatched.gross_sales
            + int_ledger_unmatched.discounts
            + int_ledger_unmatched.platform_discounts
            + int_ledger_unmatched.shipping_income
            + int_ledger_unmatched.returns
            + int_ledger_unmatched.allowances
            + int_ledger_unmatched.refunded_shipping
            + int_ledger_unmatched.cancellations
            + int_ledger_unmatched.chargebacks
            + int_ledger_unmatched.product_cost
            + int_ledger_unmatched.landed_cost
            + int_ledger_unmatched.cost_recovered
            + int_ledger_unmatched.write_downs
            + int_ledger_unmatched.carrier_cost
            + int_ledger_unmatched.handling_cost
            + int_ledger_unmatched.return_logistics
            + int_ledger_unmatched.payment_fees
            + int_ledger_unmatched.marketplace_fees
            + int_ledger_unmatched.media_spend
            + int_ledger_unmatched.media_credits
            + int_ledger_unmatched.affiliate_commission
        as decimal(18,4)) as amount,
        int_ledger_unmatched.original_amount as original_amount,
        int_ledger_unmatched.original_currency as original_currency
    from int_ledger_unmatched
)

select
    items.stream as stream,
    items.source_key as source_key,
    items.suspense_reason as reason,
    items.booked_on as booked_on,
    period_of(items.booked_on) as period,
    cast($as_of_day - items.booked_on as bigint) as age_days,
    coalesce(stg_suspense_reasons.owner, 'unowned') as owner,
    coalesce(stg_suspense_reasons.action, '') as action,
    items.order_id as order_id,
    items.sku as sku,
    items.sales_channel as sales_channel,
    items.amount as amount,
    items.original_amount as original_amount,
    items.original_currency as original_currency
from items
left join stg_suspense_reasons
    on items.suspense_reason = stg_suspense_reasons.reason
