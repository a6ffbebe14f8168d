-- One row per period of the refund and raw reason, with the canonical reason that the mapping gives.
-- Currency: reporting currency at the rate of the order's day.
-- Left out: refunds without an order or line; kinds that need no reason.
select
    period_of(int_refunds_matched.refunded_on) as period,
    int_refunds_matched.reason as raw_reason,
    stg_refund_reasons.reason as reason,
    stg_refund_reasons.fault as fault,
    cast(count(*) as decimal(20,0)) as refunds,
    cast(sum(cast(int_refunds_matched.amount * coalesce(int_refunds_matched.order_rate, 0.00000000) as decimal(18,4))) as decimal(24,4))
        as amount
from int_refunds_matched
left join stg_refund_reasons
    on int_refunds_matched.reason = stg_refund_reasons.raw_reason
    and int_refunds_matched.refunded_on >= stg_refund_reasons.valid_from
    and int_refunds_matched.refunded_on < stg_refund_reasons.valid_to
where int_refunds_matched.kind in ('return', 'allowance')
group by
    period_of(int_refunds_matched.refunded_on),
    int_refunds_matched.reason,
    stg_refund_reasons.reason,
    stg_refund_reasons.fault
