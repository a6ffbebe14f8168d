-- One row per fee. Positive amounts are costs, negative ones money in.
-- Currency: the fee's own.
-- Left out: fees at or after the as-of (`int_fees_counted` counts them).
select
    fees.fee_id as fee_id,
    local_day(fees.event_at) as charged_on,
    fees.order_id as order_id,
    coalesce(fees.sales_channel, 'none') as sales_channel,
    fees.kind as kind,
    fees.amount as amount,
    fees.currency as currency
from fees
where fees.event_at < $as_of
