-- One row per refunded order line, and one per refunded order, whose `line_no` is null: what came back beside what was charged.
-- Currency: `refunded_amount` and `charged_amount` in the order's currency; refunds in other currencies are apart, in
-- reporting currency at the rate of their own day, as `other_amount`. Lines are without tax, orders with it.
-- Left out: orders and lines without refunds. An order was charged its stated total or its parts, whichever is more: lines
-- of it may be in quarantine, and an order that does not foot is told by `order_foots`.
with refunds as (
    select
        int_refunds_matched.order_id as order_id,
        int_refunds_matched.line_no as line_no,
        int_refunds_matched.order_currency as currency,
        int_refunds_matched.charged_rate as charged_rate,
        int_refunds_matched.charged_amount as charged_amount,
        int_refunds_matched.sold_units as sold_units,
        case
            when int_refunds_matched.kind in ('return', 'cancellation') then cast(int_refunds_matched.quantity as decimal(20,0))
            else 0
        end as returned_units,
        int_refunds_matched.currency = int_refunds_matched.order_currency as is_like,
        int_refunds_matched.amount as amount,
        int_refunds_matched.tax as tax,
        coalesce(int_refunds_matched.refund_rate, 0.00000000) as refund_rate
    from int_refunds_matched
),

valued as (
    select
        refunds.*,
        case when refunds.is_like then refunds.amount else 0.00 end as like_amount,
        case when refunds.is_like then refunds.tax else 0.00 end as like_tax,
        case when refunds.is_like then 0.0000 else cast(refunds.amount * refunds.refund_rate as decimal(18,4)) end as other_amount,
        case when refunds.is_like then 0.0000 else cast(refunds.tax * refunds.refund_rate as decimal(18,4)) end as other_tax
    from refunds
),

orders as (
    select
        valued.order_id as order_id,
        valued.currency as currency,
        valued.charged_rate as charged_rate,
        sum(valued.like_amount + valued.like_tax) as refunded_amount,
        sum(valued.other_amount + valued.other_tax) as other_amount,
        sum(valued.returned_units) as returned_units
    from valued
    group by
        valued.order_id,
        valued.currency,
        valued.charged_rate
)

select
    valued.order_id as order_id,
    valued.line_no as line_no,
    valued.currency as currency,
    valued.charged_rate as charged_rate,
    cast(sum(valued.like_amount) as decimal(18,2)) as refunded_amount,
    cast(sum(valued.other_amount) as decimal(18,4)) as other_amount,
    cast(max(valued.charged_amount) as decimal(18,2)) as charged_amount,
    cast(sum(valued.returned_units) as decimal(20,0)) as returned_units,
    cast(max(valued.sold_units) as decimal(20,0)) as sold_units
from valued
where valued.line_no is not null
group by
    valued.order_id,
    valued.line_no,
    valued.currency,
    valued.charged_rate
union all
select
    orders.order_id as order_id,
    cast(null as bigint) as line_no,
    orders.currency as currency,
    orders.charged_rate as charged_rate,
    cast(orders.refunded_amount as decimal(18,2)) as refunded_amount,
    cast(orders.other_amount as decimal(18,4)) as other_amount,
    cast(greatest(
        coalesce(int_orders_mapped.order_total, 0.00),
        int_orders_mapped.shipping_amount + int_orders_mapped.tax + coalesce(int_order_lines_totalled.line_total, 0.00)
    ) as decimal(18,2)) as charged_amount,
    cast(orders.returned_units as decimal(20,0)) as returned_units,
    coalesce(int_order_lines_totalled.line_units, cast(0 as decimal(20,0))) as sold_units
from orders
join int_orders_mapped
    on orders.order_id = int_orders_mapped.order_id
left join int_order_lines_totalled
    on orders.order_id = int_order_lines_totalled.order_id
