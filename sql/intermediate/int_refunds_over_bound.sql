-- One row per order line that was refunded more than it was charged, or returned in more units than were sold.
-- Currency: the refund's own, without tax.
-- Left out: refunds of an order as a whole.
select
    int_refunds_matched.order_id as order_id,
    int_refunds_matched.line_no as line_no,
    int_refunds_matched.currency as currency,
    cast(sum(int_refunds_matched.amount) as decimal(18,2)) as refunded_amount,
    max(int_refunds_matched.charged_amount) as charged_amount,
    cast(sum(
        case
            when int_refunds_matched.kind in ('return', 'cancellation') then cast(int_refunds_matched.quantity as decimal(20,0))
            else 0
        end
    ) as decimal(20,0)) as returned_units,
    max(int_refunds_matched.sold_units) as sold_units
from int_refunds_matched
where int_refunds_matched.line_no is not null
group by
    int_refunds_matched.order_id,
    int_refunds_matched.line_no,
    int_refunds_matched.currency
having
    sum(int_refunds_matched.amount) > max(int_refunds_matched.charged_amount)
    or sum(
        case
            when int_refunds_matched.kind in ('return', 'cancellation') then cast(int_refunds_matched.quantity as decimal(20,0))
            else 0
        end
    ) > max(int_refunds_matched.sold_units)
