-- One row per refund of a known order, on the line of its kind.
-- Currency: reporting currency at the rate of the order's day; what the refund's day makes of it is `fx_difference`.
-- Left out: refunds without an order or line (`int_ledger_unmatched`).
with judged as (
    select
        int_refunds_matched.*,
        case
            when int_refunds_matched.order_rate is null or int_refunds_matched.refund_rate is null then 'missing_fx_rate'
            when int_refunds_matched.kind not in ('return', 'allowance', 'shipping', 'cancellation', 'chargeback')
                then 'unknown_kind'
            else int_refunds_matched.inherited_reason
        end as suspense_reason
    from int_refunds_matched
),

valued as (
    select
        judged.*,
        case when judged.suspense_reason = 'missing_fx_rate' then 0.00000000 else judged.order_rate end as rate,
        case
            when judged.suspense_reason = 'missing_fx_rate' then 0.00000000
            else judged.refund_rate - judged.order_rate
        end as rate_difference,
        case
            when judged.cost is null or judged.suspense_reason = 'missing_fx_rate' then null
            when judged.cost['currency'] = $currency then 1.00000000
            else fx_rate_at(judged.cost['currency'], judged.ordered_on)
        end as cost_rate
    from judged
),

reversed as (
    select
        valued.*,
        cast(-valued.amount * valued.rate as decimal(18,4)) as reversal
    from valued
)

select
    reversed.refund_id as refund_id,
    reversed.order_id as order_id,
    reversed.sku as sku,
    reversed.refunded_on as booked_on,
    reversed.ordered_on as ordered_on,
    reversed.sales_channel as sales_channel,
    case when reversed.suspense_reason is null then reversed.marketing_channel else 'suspense' end as marketing_channel,
    case when reversed.kind in ('return', 'cancellation') then -reversed.quantity else 0 end as units,
    case when reversed.kind = 'return' then reversed.reversal else 0.0000 end as returns,
    case
        when reversed.kind in ('return', 'shipping', 'cancellation', 'chargeback') then 0.0000
        else reversed.reversal
    end as allowances,
    case when reversed.kind = 'shipping' then reversed.reversal else 0.0000 end as refunded_shipping,
    case when reversed.kind = 'cancellation' then reversed.reversal else 0.0000 end as cancellations,
    case when reversed.kind = 'chargeback' then reversed.reversal else 0.0000 end as chargebacks,
    case
        when reversed.cost_rate is null then 0.0000
        else cast(
            cast(reversed.quantity * (reversed.cost['unit_cost'] + reversed.cost['landed_cost']) as decimal(18,4))
            * reversed.cost_rate
        as decimal(18,4))
    end as cost_recovered,
    case when reversed.cost_rate is null then 0 else reversed.quantity end as restocked_units,
    case
        when reversed.kind <> 'return' or reversed.disposition <> 'restock' then 'measured'
        when reversed.cost_rate is null then 'missing'
        else 'rated'
    end as cost_basis,
    cast(-reversed.tax * reversed.rate as decimal(18,4)) as tax,
    cast(-reversed.amount * reversed.rate_difference as decimal(18,4)) as fx_difference,
    cast(-reversed.amount as decimal(18,4)) as original_amount,
    -reversed.tax as original_tax,
    reversed.currency as original_currency,
    case when reversed.suspense_reason = 'missing_fx_rate' then null else reversed.order_rate end as fx_rate,
    reversed.suspense_reason as suspense_reason
from reversed
