-- One row per shipment cost of a known order, on the line of its kind.
-- Currency: reporting currency at the rate of the day it was shipped.
-- Left out: shipments whose order has not been found yet; they are carried to the next older intake.
with matched as (
    select
        stg_shipments.*,
        int_orders_mapped.ordered_on as ordered_on,
        int_orders_mapped.sales_channel as sales_channel,
        int_orders_mapped.marketing_channel as marketing_channel,
        int_orders_mapped.mapping_reason as mapping_reason,
        case
            when stg_shipments.currency = $currency then 1.00000000
            else fx_rate_at(stg_shipments.currency, stg_shipments.shipped_on)
        end as fx_rate
    from stg_shipments
    join int_orders_mapped
        on stg_shipments.order_id = int_orders_mapped.order_id
        and int_orders_mapped.is_counted
),

judged as (
    select
        matched.*,
        case
            when matched.fx_rate is null then 'missing_fx_rate'
            when matched.cost_kind not in ('carrier', 'handling', 'return') then 'unknown_kind'
            else matched.mapping_reason
        end as suspense_reason,
        cast(-matched.cost * coalesce(matched.fx_rate, 0.00000000) as decimal(18,4)) as reporting_cost
    from matched
)

select
    judged.shipment_id as shipment_id,
    judged.order_id as order_id,
    judged.shipped_on as booked_on,
    judged.ordered_on as ordered_on,
    judged.sales_channel as sales_channel,
    case when judged.suspense_reason is null then judged.marketing_channel else 'suspense' end as marketing_channel,
    case when judged.cost_kind in ('handling', 'return') then 0.0000 else judged.reporting_cost end as carrier_cost,
    case when judged.cost_kind = 'handling' then judged.reporting_cost else 0.0000 end as handling_cost,
    case when judged.cost_kind = 'return' then judged.reporting_cost else 0.0000 end as return_logistics,
    cast(-judged.cost as decimal(18,4)) as original_amount,
    judged.currency as original_currency,
    judged.fx_rate as fx_rate,
    judged.suspense_reason as suspense_reason
from judged
