-- One row per order that counts: its shipping income, its tax and what its total has too much or too little.
-- Currency: lines in reporting currency at the rate of the order's day; `original_amount` and `original_difference` in the order's.
-- Left out: orders at or after the as-of. An order that states no total foots: `original_unstated` is what its parts come to.
with footed as (
    select
        int_orders_mapped.*,
        cast(coalesce(
            int_orders_mapped.order_total
            - int_orders_mapped.shipping_amount
            - int_orders_mapped.tax
            - coalesce(int_order_lines_totalled.line_total, 0.00),
            0.00
        ) as decimal(18,2)) as original_difference,
        cast(
            case
                when int_orders_mapped.order_total is not null then 0.00
                else int_orders_mapped.shipping_amount
                    + int_orders_mapped.tax
                    + coalesce(int_order_lines_totalled.line_total, 0.00)
            end
        as decimal(18,2)) as original_unstated
    from int_orders_mapped
    left join int_order_lines_totalled
        on int_orders_mapped.order_id = int_order_lines_totalled.order_id
    where int_orders_mapped.is_counted
),

judged as (
    select
        footed.*,
        case
            when footed.fx_rate is null then 'missing_fx_rate'
            when footed.original_difference <> 0.00 then 'order_does_not_foot'
            else footed.mapping_reason
        end as suspense_reason,
        coalesce(footed.fx_rate, 0.00000000) as rate
    from footed
)

select
    judged.order_id as order_id,
    judged.ordered_on as booked_on,
    judged.ordered_on as ordered_on,
    judged.sales_channel as sales_channel,
    case when judged.suspense_reason is null then judged.marketing_channel else 'suspense' end as marketing_channel,
    cast(judged.shipping_amount * judged.rate as decimal(18,4)) as shipping_income,
    cast(judged.tax * judged.rate as decimal(18,4)) as tax,
    cast(judged.original_difference * judged.rate as decimal(18,4)) as footing_difference,
    cast(judged.shipping_amount as decimal(18,4)) as original_amount,
    judged.tax as original_tax,
    judged.original_difference as original_difference,
    judged.original_unstated as original_unstated,
    judged.currency as original_currency,
    judged.fx_rate as fx_rate,
    judged.suspense_reason as suspense_reason
from judged
