-- One row per order line that counts, valued and costed.
-- Currency: lines in reporting currency at the rate of the order's day, costs at the rate of the cost's currency on that day.
-- Left out: lines of orders at or after the as-of. A line without an order has no currency: its money is in `original_amount` alone.
with placed as (
    select
        stg_order_lines.*,
        int_orders_mapped.order_id is not null as has_order,
        coalesce(int_orders_mapped.ordered_on, cast(stg_order_lines.arrival_month || '-01' as date)) as ordered_on,
        coalesce(int_orders_mapped.sales_channel, 'none') as sales_channel,
        int_orders_mapped.marketing_channel as marketing_channel,
        int_orders_mapped.mapping_reason as mapping_reason,
        coalesce(int_orders_mapped.currency, 'none') as currency,
        int_orders_mapped.fx_rate as fx_rate,
        coalesce(int_orders_mapped.fx_rate, 0.00000000) as rate,
        product_cost_at(stg_order_lines.sku, int_orders_mapped.ordered_on) as cost
    from stg_order_lines
    left join int_orders_mapped
        on stg_order_lines.order_id = int_orders_mapped.order_id
    where coalesce(int_orders_mapped.is_counted, true)
),

costed as (
    select
        placed.*,
        case
            when placed.cost is null or placed.fx_rate is null then null
            when placed.cost['currency'] = $currency then 1.00000000
            else fx_rate_at(placed.cost['currency'], placed.ordered_on)
        end as cost_rate
    from placed
),

judged as (
    select
        costed.*,
        case
            when not costed.has_order then 'order_unknown'
            when costed.fx_rate is null then 'missing_fx_rate'
            when costed.mapping_reason is not null then costed.mapping_reason
            when costed.cost_rate is null then 'missing_cost'
        end as suspense_reason
    from costed
)

select
    judged.order_id as order_id,
    judged.line_no as line_no,
    judged.sku as sku,
    judged.ordered_on as booked_on,
    judged.ordered_on as ordered_on,
    judged.sales_channel as sales_channel,
    case when judged.suspense_reason is null then judged.marketing_channel else 'suspense' end as marketing_channel,
    judged.quantity as units,
    case when judged.cost_rate is null then 0 else judged.quantity end as costed_units,
    cast(judged.list_amount * judged.rate as decimal(18,4)) as gross_sales,
    cast(-judged.discount * judged.rate as decimal(18,4)) as discounts,
    cast(-judged.platform_discount * judged.rate as decimal(18,4)) as platform_discounts,
    case
        when judged.cost_rate is null then 0.0000
        else cast(cast(-judged.quantity * judged.cost['unit_cost'] as decimal(18,4)) * judged.cost_rate as decimal(18,4))
    end as product_cost,
    case
        when judged.cost_rate is null then 0.0000
        else cast(cast(-judged.quantity * judged.cost['landed_cost'] as decimal(18,4)) * judged.cost_rate as decimal(18,4))
    end as landed_cost,
    cast(judged.tax * judged.rate as decimal(18,4)) as tax,
    cast(judged.list_amount - judged.discount - judged.platform_discount as decimal(18,4)) as original_amount,
    judged.tax as original_tax,
    judged.currency as original_currency,
    judged.fx_rate as fx_rate,
    judged.suspense_reason as suspense_reason
from judged
