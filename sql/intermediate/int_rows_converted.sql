-- One row per stream, currency and day whose rate counts, of this intake: original amounts at their rates beside the lines.
-- Currency: reporting currency. `amount_apart` and `tax_apart` are what rows differ beyond the rounding of their lines, which is
-- half a unit of the fourth place for each of at most three lines, without sign.
-- Left out: costs of goods, which `int_costs_recomputed` proves; rows that no intake could place.
with posted as (
    select
        'orders' as stream,
        int_orders_posted.original_currency as currency,
        int_orders_posted.ordered_on as rated_on,
        int_orders_posted.fx_rate as fx_rate,
        int_orders_posted.original_amount as original_amount,
        cast(int_orders_posted.shipping_income as decimal(24,4)) as lines,
        cast(int_orders_posted.original_tax as decimal(18,4)) as original_tax,
        cast(int_orders_posted.tax as decimal(24,4)) as tax
    from int_orders_posted
    union all
    select
        'order_lines' as stream,
        int_order_lines_posted.original_currency as currency,
        int_order_lines_posted.ordered_on as rated_on,
        int_order_lines_posted.fx_rate as fx_rate,
        int_order_lines_posted.original_amount as original_amount,
        cast(
            int_order_lines_posted.gross_sales
            + int_order_lines_posted.discounts
            + int_order_lines_posted.platform_discounts
        as decimal(24,4)) as lines,
        cast(int_order_lines_posted.original_tax as decimal(18,4)) as original_tax,
        cast(int_order_lines_posted.tax as decimal(24,4)) as tax
    from int_order_lines_posted
    union all
    select
        'refunds' as stream,
        int_refunds_posted.original_currency as currency,
        int_refunds_posted.ordered_on as rated_on,
        int_refunds_posted.fx_rate as fx_rate,
        int_refunds_posted.original_amount as original_amount,
        cast(
            int_refunds_posted.returns
            + int_refunds_posted.allowances
            + int_refunds_posted.refunded_shipping
            + int_refunds_posted.cancellations
            + int_refunds_posted.chargebacks
        as decimal(24,4)) as lines,
        cast(int_refunds_posted.original_tax as decimal(18,4)) as original_tax,
        cast(int_refunds_posted.tax as decimal(24,4)) as tax
    from int_refunds_posted
    union all
    select
        'shipments' as stream,
        int_shipments_posted.original_currency as currency,
        int_shipments_posted.booked_on as rated_on,
        int_shipments_posted.fx_rate as fx_rate,
        int_shipments_posted.original_amount as original_amount,
        cast(
            int_shipments_posted.carrier_cost
            + int_shipments_posted.handling_cost
            + int_shipments_posted.return_logistics
        as decimal(24,4)) as lines,
        cast(0.0000 as decimal(18,4)) as original_tax,
        cast(0.0000 as decimal(24,4)) as tax
    from int_shipments_posted
    union all
    select
        'fees' as stream,
        int_fees_posted.original_currency as currency,
        int_fees_posted.booked_on as rated_on,
        int_fees_posted.fx_rate as fx_rate,
        int_fees_posted.original_amount as original_amount,
        cast(
            int_fees_posted.platform_discounts
            + int_fees_posted.chargebacks
            + int_fees_posted.write_downs
            + int_fees_posted.payment_fees
            + int_fees_posted.marketplace_fees
            + int_fees_posted.affiliate_commission
        as decimal(24,4)) as lines,
        cast(0.0000 as decimal(18,4)) as original_tax,
        cast(0.0000 as decimal(24,4)) as tax
    from int_fees_posted
    union all
    select
        'spend' as stream,
        int_spend_posted.original_currency as currency,
        int_spend_posted.booked_on as rated_on,
        int_spend_posted.fx_rate as fx_rate,
        int_spend_posted.original_amount as original_amount,
        cast(
            int_spend_posted.media_spend
            + int_spend_posted.media_credits
        as decimal(24,4)) as lines,
        cast(0.0000 as decimal(18,4)) as original_tax,
        cast(0.0000 as decimal(24,4)) as tax
    from int_spend_posted
),

converted as (
    select
        posted.*,
        cast(posted.original_amount * coalesce(posted.fx_rate, 0.00000000) as decimal(24,4)) as converted_amount,
        cast(posted.original_tax * coalesce(posted.fx_rate, 0.00000000) as decimal(24,4)) as converted_tax
    from posted
)

select
    converted.stream as stream,
    converted.currency as currency,
    converted.rated_on as rated_on,
    cast(count(*) as decimal(20,0)) as row_count,
    cast(count(converted.fx_rate) as decimal(20,0)) as rated_rows,
    min(converted.fx_rate) as lowest_rate,
    max(converted.fx_rate) as highest_rate,
    cast(sum(converted.converted_amount) as decimal(24,4)) as converted_amount,
    cast(sum(converted.lines) as decimal(24,4)) as lines,
    cast(sum(
        case
            when abs(converted.lines - converted.converted_amount) > 0.0002 then abs(converted.lines - converted.converted_amount)
            else 0.0000
        end
    ) as decimal(24,4)) as amount_apart,
    cast(sum(converted.converted_tax) as decimal(24,4)) as converted_tax,
    cast(sum(converted.tax) as decimal(24,4)) as tax,
    cast(sum(abs(converted.tax - converted.converted_tax)) as decimal(24,4)) as tax_apart
from converted
group by
    converted.stream,
    converted.currency,
    converted.rated_on
