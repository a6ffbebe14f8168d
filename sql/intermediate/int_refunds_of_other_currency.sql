-- One row per period of the refund and pair of currencies: refunds in another currency than their order's.
-- Currency: `amount` in the refund's own, `currency`.
-- Left out: refunds in their order's currency; refunds without an order or line.
select
    period_of(int_refunds_matched.refunded_on) as period,
    int_refunds_matched.currency as currency,
    int_refunds_matched.order_currency as order_currency,
    cast(count(*) as decimal(20,0)) as row_count,
    cast(sum(int_refunds_matched.amount) as decimal(24,4)) as amount,
    min(int_refunds_matched.refund_id) as first_refund
from int_refunds_matched
where int_refunds_matched.currency <> int_refunds_matched.order_currency
group by
    period_of(int_refunds_matched.refunded_on),
    int_refunds_matched.currency,
    int_refunds_matched.order_currency
