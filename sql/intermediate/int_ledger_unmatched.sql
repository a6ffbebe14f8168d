-- One row per refund, shipment or fee whose order or line is in no intake: a ledger row in suspense.
-- Currency: reporting currency at the rate of the row's own day; `original_amount` in `original_currency`.
-- Left out: nothing of what nobody matched.
with unmatched as (
    select
        'refunds' as stream,
        stg_refunds_unmatched.refund_id as source_key,
        stg_refunds_unmatched.refunded_on as booked_on,
        stg_refunds_unmatched.order_id as order_id,
        stg_refunds_unmatched.kind as kind,
        case
            when stg_refunds_unmatched.kind in ('return', 'cancellation') then -stg_refunds_unmatched.quantity
            else 0
        end as units,
        stg_refunds_unmatched.kind = 'return' and stg_refunds_unmatched.disposition = 'restock' as is_restocked,
        stg_refunds_unmatched.amount as amount,
        stg_refunds_unmatched.tax as tax,
        stg_refunds_unmatched.currency as currency,
        'orphan_refund' as reason
    from stg_refunds_unmatched
    union all
    select
        'shipments' as stream,
        stg_shipments_unmatched.shipment_id as source_key,
        stg_shipments_unmatched.shipped_on as booked_on,
        stg_shipments_unmatched.order_id as order_id,
        stg_shipments_unmatched.cost_kind as kind,
        0 as units,
        false as is_restocked,
        stg_shipments_unmatched.cost as amount,
        0.00 as tax,
        stg_shipments_unmatched.currency as currency,
        'order_unknown' as reason
    from stg_shipments_unmatched
    union all
    select
        'fees' as stream,
        stg_fees_unmatched.fee_id as source_key,
        stg_fees_unmatched.charged_on as booked_on,
        stg_fees_unmatched.order_id as order_id,
        stg_fees_unmatched.kind as kind,
        0 as units,
        false as is_restocked,
        stg_fees_unmatched.amount as amount,
        0.00 as tax,
        stg_fees_unmatched.currency as currency,
        'order_unknown' as reason
    from stg_fees_unmatched
),

rated as (
    select
        unmatched.*,
        case
            when unmatched.currency = $currency then 1.00000000
            else fx_rate_at(unmatched.currency, unmatched.booked_on)
        end as fx_rate
    from unmatched
),

valued as (
    select
        rated.*,
        concat_ws(':', rated.stream, rated.kind) as line,
        cast(-rated.amount * coalesce(rated.fx_rate, 0.00000000) as decimal(18,4)) as reporting_amount,
        cast(-rated.tax * coalesce(rated.fx_rate, 0.00000000) as decimal(18,4)) as reporting_tax
    from rated
)

select
    valued.stream as stream,
    valued.source_key as source_key,
    valued.booked_on as booked_on,
    valued.booked_on as ordered_on,
    valued.order_id as order_id,
    cast(null as varchar) as sku,
    'none' as sales_channel,
    'suspense' as marketing_channel,
    valued.units as units,
    cast(0.0000 as decimal(18,4)) as gross_sales,
    cast(0.0000 as decimal(18,4)) as discounts,
    case when valued.line = 'fees:promotion_reimbursement' then valued.reporting_amount else 0.0000 end as platform_discounts,
    cast(0.0000 as decimal(18,4)) as shipping_income,
    case when valued.line = 'refunds:return' then valued.reporting_amount else 0.0000 end as returns,
    case
        when valued.stream = 'refunds'
            and valued.line not in ('refunds:return', 'refunds:shipping', 'refunds:cancellation', 'refunds:chargeback')
            then valued.reporting_amount
        else 0.0000
    end as allowances,
    case when valued.line = 'refunds:shipping' then valued.reporting_amount else 0.0000 end as refunded_shipping,
    case when valued.line = 'refunds:cancellation' then valued.reporting_amount else 0.0000 end as cancellations,
    case when valued.line in ('refunds:chargeback', 'fees:chargeback') then valued.reporting_amount else 0.0000 end as chargebacks,
    cast(0.0000 as decimal(18,4)) as product_cost,
    cast(0.0000 as decimal(18,4)) as landed_cost,
    cast(0.0000 as decimal(18,4)) as cost_recovered,
    case when valued.line = 'fees:write_down' then valued.reporting_amount else 0.0000 end as write_downs,
    case
        when valued.stream = 'shipments'
            and valued.line not in ('shipments:handling', 'shipments:return')
            then valued.reporting_amount
        else 0.0000
    end as carrier_cost,
    case when valued.line = 'shipments:handling' then valued.reporting_amount else 0.0000 end as handling_cost,
    case when valued.line = 'shipments:return' then valued.reporting_amount else 0.0000 end as return_logistics,
    case
        when valued.stream = 'fees'
            and valued.line not in ('fees:marketplace', 'fees:chargeback', 'fees:promotion_reimbursement', 'fees:write_down', 'fees:affiliate')
            then valued.reporting_amount
        else 0.0000
    end as payment_fees,
    case when valued.line = 'fees:marketplace' then valued.reporting_amount else 0.0000 end as marketplace_fees,
    cast(0.0000 as decimal(18,4)) as media_spend,
    cast(0.0000 as decimal(18,4)) as media_credits,
    case when valued.line = 'fees:affiliate' then valued.reporting_amount else 0.0000 end as affiliate_commission,
    valued.reporting_tax as tax,
    cast(0.0000 as decimal(18,4)) as footing_difference,
    cast(0.0000 as decimal(18,4)) as fx_difference,
    cast(-valued.amount as decimal(18,4)) as original_amount,
    valued.currency as original_currency,
    valued.fx_rate as fx_rate,
    case when valued.is_restocked then 'missing' else 'measured' end as cost_basis,
    case when valued.fx_rate is null then 'missing_fx_rate' else valued.reason end as suspense_reason
from valued
