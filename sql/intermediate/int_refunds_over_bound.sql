-- One row per order line, or order (`line_no` is null), that was refunded more than it was charged, or returned in more
-- units than were sold.
-- Currency: as in `int_refunds_bounded`. In the order's own currency the bound is exact. Where another currency is among the
-- refunds, all of it is compared in reporting currency, and `refund_fx_tolerance` is what rates may differ.
-- Left out: what is within its bound.
select
    int_refunds_bounded.order_id as order_id,
    int_refunds_bounded.line_no as line_no,
    int_refunds_bounded.currency as currency,
    int_refunds_bounded.refunded_amount as refunded_amount,
    int_refunds_bounded.other_amount as other_amount,
    int_refunds_bounded.charged_amount as charged_amount,
    int_refunds_bounded.returned_units as returned_units,
    int_refunds_bounded.sold_units as sold_units
from int_refunds_bounded
where
    int_refunds_bounded.refunded_amount > int_refunds_bounded.charged_amount
    or int_refunds_bounded.returned_units > int_refunds_bounded.sold_units
    or (
        int_refunds_bounded.other_amount <> 0.0000
        and cast(int_refunds_bounded.refunded_amount * int_refunds_bounded.charged_rate as decimal(24,4)) + int_refunds_bounded.other_amount
            > cast(int_refunds_bounded.charged_amount * int_refunds_bounded.charged_rate as decimal(24,4))
                * cast(1.000000 + cast($refund_fx_tolerance as decimal(9,6)) as decimal(10,6))
    )
