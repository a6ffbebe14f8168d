-- One row per return.
-- Currency: reporting currency at the rate of the day it was refunded; 0 without a rate.
-- Left out: other kinds of refunds, returns at or after the as-of.
select
    refunds.refund_id as refund_id,
    local_day(refunds.refunded_at) as refunded_on,
    coalesce(refunds.reason, '') as raw_reason,
    cast(refunds.amount * coalesce(
        case
            when refunds.currency = $currency then 1.00000000
            else fx_rate_at(refunds.currency, local_day(refunds.refunded_at))
        end,
        0.00000000
    ) as decimal(18,4)) as amount
from refunds
where
    refunds.kind = 'return'
    and refunds.refunded_at < $as_of
