-- One row per refund. Amounts are positive and without tax.
-- Currency: the refund's own.
-- Left out: refunds at or after the as-of (`int_refunds_counted` counts them).
select
    refunds.refund_id as refund_id,
    refunds.order_id as order_id,
    refunds.line_no as line_no,
    local_day(refunds.refunded_at) as refunded_on,
    refunds.kind as kind,
    refunds.quantity as quantity,
    refunds.amount as amount,
    refunds.tax as tax,
    refunds.currency as currency,
    coalesce(refunds.reason, '') as reason,
    coalesce(refunds.disposition, '') as disposition
from refunds
where refunds.refunded_at < $as_of
