-- One row per source row that counts: a table per stream, with the columns that the stream has, and the ledger over all
-- of them. Everything else is a sum over it.
create macro lines() as [
    'gross_sales', 'discounts', 'platform_discounts', 'shipping_income', 'returns', 'allowances', 'refunded_shipping',
    'cancellations', 'chargebacks', 'product_cost', 'landed_cost', 'cost_recovered', 'write_downs', 'carrier_cost',
    'handling_cost', 'return_logistics', 'payment_fees', 'marketplace_fees', 'media_spend', 'media_credits',
    'affiliate_commission'
];
create macro memos() as ['tax', 'footing_difference', 'fx_difference'];

-- Orders with their day, channel and rate, for themselves and for every row that belongs to one.
create table orders_mapped as
with dated as (
    select
        *,
        local_day(ordered_at) as ordered_on
    from orders
)

select
    dated.order_id,
    dated.ordered_on,
    dated.ordered_at < getvariable('as_of') as is_counted,
    dated.sales_channel,
    channels.marketing_channel,
    case when channels.marketing_channel is null then 'unmapped_order' end as mapping_reason,
    dated.currency,
    rate_to_reporting(dated.currency, fx.rate) as fx_rate,
    cast(dated.shipping_charged - dated.shipping_discount as decimal(18,2)) as shipping_amount,
    dated.tax,
    dated.order_total
from dated
left join order_channels as channels
    on dated.sales_channel = channels.sales_channel
    and coalesce(dated.utm_source, '') = channels.utm_source
    and coalesce(dated.utm_medium, '') = channels.utm_medium
    and coalesce(dated.utm_campaign, '') = channels.utm_campaign
    and coalesce(dated.affiliate_id, '') = channels.affiliate_id
    and dated.ordered_on >= channels.era_from
    and dated.ordered_on < channels.era_to
left join fx_daily as fx
    on dated.currency = fx.currency
    and dated.ordered_on = fx.day;

-- Order lines, at the rate and the cost of the order's day. A line without an order has no currency and no day.
create table order_lines_posted as
with placed as (
    select
        order_lines.*,
        orders_mapped.order_id is not null as has_order,
        orders_mapped.ordered_on,
        orders_mapped.sales_channel,
        orders_mapped.marketing_channel,
        orders_mapped.mapping_reason,
        orders_mapped.currency,
        orders_mapped.fx_rate
    from order_lines
    left join orders_mapped
        on order_lines.order_id = orders_mapped.order_id
    where coalesce(orders_mapped.is_counted, true)
),

costed as (
    select
        placed.*,
        cast(placed.list_price * placed.quantity as decimal(18,2)) as list_amount,
        coalesce(placed.fx_rate, 0) as rate,
        costs.unit_cost,
        costs.landed_cost,
        case
            when costs.sku is not null and placed.fx_rate is not null
                then rate_to_reporting(costs.cost_currency, fx.rate)
        end as cost_rate
    from placed
    left join cost_versions as costs
        on placed.sku = costs.sku
        and placed.ordered_on >= costs.valid_from
        and placed.ordered_on < costs.valid_to
    left join fx_daily as fx
        on costs.cost_currency = fx.currency
        and placed.ordered_on = fx.day
),

judged as (
    select
        *,
        case
            when not has_order then 'order_unknown'
            when fx_rate is null then 'missing_fx_rate'
            when mapping_reason is not null then mapping_reason
            when cost_rate is null then 'missing_cost'
        end as suspense_reason
    from costed
)

select
    'order_lines' as stream,
    source_key,
    coalesce(ordered_on, cast(month || '-01' as date)) as booked_on,
    coalesce(ordered_on, cast(month || '-01' as date)) as ordered_on,
    order_id,
    sku,
    coalesce(sales_channel, 'none') as sales_channel,
    case when suspense_reason is null then marketing_channel else 'suspense' end as marketing_channel,
    quantity as units,
    cast(list_amount * rate as decimal(18,4)) as gross_sales,
    cast(-discount * rate as decimal(18,4)) as discounts,
    cast(-platform_discount * rate as decimal(18,4)) as platform_discounts,
    coalesce(cast(cast(-quantity * unit_cost as decimal(18,4)) * cost_rate as decimal(18,4)), 0) as product_cost,
    coalesce(cast(cast(-quantity * landed_cost as decimal(18,4)) * cost_rate as decimal(18,4)), 0) as landed_cost,
    cast(tax * rate as decimal(18,4)) as tax,
    list_amount - discount - platform_discount as original_amount,
    coalesce(currency, 'none') as original_currency,
    fx_rate,
    case when cost_rate is null then 'missing' else 'rated' end as cost_basis,
    suspense_reason,
    case when cost_rate is null then 0 else quantity end as costed_units,
    tax as original_tax
from judged;

-- Orders themselves: shipping, the tax on it, and what the total has too much or too little.
create table orders_posted as
with line_totals as (
    select
        order_id,
        sum(original_amount + original_tax) as line_total
    from order_lines_posted
    group by order_id
),

footed as (
    select
        orders_mapped.*,
        coalesce(orders_mapped.fx_rate, 0) as rate,
        cast(
            order_total - shipping_amount - tax - coalesce(line_totals.line_total, 0)
        as decimal(18,2)) as difference
    from orders_mapped
    left join line_totals
        on orders_mapped.order_id = line_totals.order_id
    where orders_mapped.is_counted
),

judged as (
    select
        *,
        case
            when fx_rate is null then 'missing_fx_rate'
            when difference <> 0 then 'order_does_not_foot'
            else mapping_reason
        end as suspense_reason
    from footed
)

select
    'orders' as stream,
    order_id as source_key,
    ordered_on as booked_on,
    ordered_on,
    order_id,
    sales_channel,
    case when suspense_reason is null then marketing_channel else 'suspense' end as marketing_channel,
    cast(shipping_amount * rate as decimal(18,4)) as shipping_income,
    cast(tax * rate as decimal(18,4)) as tax,
    cast(difference * rate as decimal(18,4)) as footing_difference,
    shipping_amount as original_amount,
    currency as original_currency,
    fx_rate,
    suspense_reason,
    tax as original_tax,
    difference as original_difference
from judged;

-- Refunds, at the rate of the order's day. A refund without its order or line stands alone, at the rate of its own day.
create table refunds_posted as
with dated as (
    select
        *,
        local_day(refunded_at) as refunded_on,
        order_id || '|' || line_no as line_key
    from refunds
    where refunded_at < getvariable('as_of')
),

matched as (
    select
        dated.*,
        orders_mapped.order_id is not null and (dated.line_no is null or sold.source_key is not null) as is_found,
        orders_mapped.ordered_on as order_day,
        orders_mapped.sales_channel,
        orders_mapped.marketing_channel,
        orders_mapped.mapping_reason,
        sold.sku,
        sold.suspense_reason as line_reason
    from dated
    left join orders_mapped
        on dated.order_id = orders_mapped.order_id
        and orders_mapped.is_counted
    left join order_lines_posted as sold
        on dated.line_key = sold.source_key
),

rated as (
    select
        matched.*,
        case when is_found then rate_to_reporting(matched.currency, order_fx.rate) end as order_rate,
        rate_to_reporting(matched.currency, refund_fx.rate) as refund_rate,
        costs.unit_cost + costs.landed_cost as cost,
        rate_to_reporting(costs.cost_currency, cost_fx.rate) as cost_rate
    from matched
    left join fx_daily as order_fx
        on matched.currency = order_fx.currency
        and matched.order_day = order_fx.day
    left join fx_daily as refund_fx
        on matched.currency = refund_fx.currency
        and matched.refunded_on = refund_fx.day
    left join cost_versions as costs
        on matched.sku = costs.sku
        and matched.order_day >= costs.valid_from
        and matched.order_day < costs.valid_to
        and matched.is_found
        and matched.kind = 'return'
        and matched.disposition = 'restock'
    left join fx_daily as cost_fx
        on costs.cost_currency = cost_fx.currency
        and matched.order_day = cost_fx.day
),

judged as (
    select
        *,
        case
            when is_found and (order_rate is null or refund_rate is null) then 'missing_fx_rate'
            when not is_found and refund_rate is null then 'missing_fx_rate'
            when not is_found then 'orphan_refund'
            when kind not in ('return', 'allowance', 'shipping', 'cancellation', 'chargeback') then 'unknown_kind'
            when line_no is null or line_reason = 'missing_fx_rate' then mapping_reason
            else line_reason
        end as suspense_reason
    from rated
),

valued as (
    select
        *,
        case
            when suspense_reason = 'missing_fx_rate' then null
            when is_found then order_rate
            else refund_rate
        end as rate,
        cast(-amount * coalesce(rate, 0) as decimal(18,4)) as reversal
    from judged
)

select
    'refunds' as stream,
    source_key,
    refunded_on as booked_on,
    case when is_found then order_day else refunded_on end as ordered_on,
    order_id,
    case when is_found then sku end as sku,
    case when is_found then sales_channel else 'none' end as sales_channel,
    case when suspense_reason is null then marketing_channel else 'suspense' end as marketing_channel,
    case when kind in ('return', 'cancellation') then -quantity else 0 end as units,
    case when kind = 'return' then reversal else 0 end as returns,
    case when kind in ('return', 'shipping', 'cancellation', 'chargeback') then 0 else reversal end as allowances,
    case when kind = 'shipping' then reversal else 0 end as refunded_shipping,
    case when kind = 'cancellation' then reversal else 0 end as cancellations,
    case when kind = 'chargeback' then reversal else 0 end as chargebacks,
    case
        when suspense_reason is distinct from 'missing_fx_rate'
            then coalesce(cast(cast(quantity * cost as decimal(18,4)) * cost_rate as decimal(18,4)), 0)
        else 0
    end as cost_recovered,
    cast(-tax * coalesce(rate, 0) as decimal(18,4)) as tax,
    case
        when is_found and rate is not null then cast(-amount * (refund_rate - order_rate) as decimal(18,4))
        else 0
    end as fx_difference,
    -amount as original_amount,
    currency as original_currency,
    rate as fx_rate,
    case
        when kind <> 'return' or disposition is distinct from 'restock' then 'measured'
        when cost_rate is null or suspense_reason = 'missing_fx_rate' then 'missing'
        else 'rated'
    end as cost_basis,
    suspense_reason,
    is_found,
    -tax as original_tax
from valued;

-- Shipments, on the line of their kind.
create table shipments_posted as
with matched as (
    select
        shipments.*,
        local_day(shipments.shipped_at) as shipped_on,
        orders_mapped.order_id is not null as is_found,
        orders_mapped.ordered_on as order_day,
        orders_mapped.sales_channel,
        orders_mapped.marketing_channel,
        orders_mapped.mapping_reason
    from shipments
    left join orders_mapped
        on shipments.order_id = orders_mapped.order_id
        and orders_mapped.is_counted
    where shipments.shipped_at < getvariable('as_of')
),

judged as (
    select
        matched.*,
        rate_to_reporting(matched.currency, fx.rate) as fx_rate,
        case
            when fx_rate is null then 'missing_fx_rate'
            when not matched.is_found then 'order_unknown'
            when matched.cost_kind not in ('carrier', 'handling', 'return') then 'unknown_kind'
            else matched.mapping_reason
        end as suspense_reason,
        cast(-matched.cost * coalesce(fx_rate, 0) as decimal(18,4)) as reporting_cost
    from matched
    left join fx_daily as fx
        on matched.currency = fx.currency
        and matched.shipped_on = fx.day
)

select
    'shipments' as stream,
    source_key,
    shipped_on as booked_on,
    coalesce(order_day, shipped_on) as ordered_on,
    order_id,
    coalesce(sales_channel, 'none') as sales_channel,
    case when suspense_reason is null then marketing_channel else 'suspense' end as marketing_channel,
    case when cost_kind in ('handling', 'return') then 0 else reporting_cost end as carrier_cost,
    case when cost_kind = 'handling' then reporting_cost else 0 end as handling_cost,
    case when cost_kind = 'return' then reporting_cost else 0 end as return_logistics,
    -cost as original_amount,
    currency as original_currency,
    fx_rate,
    suspense_reason,
    is_found
from judged;

-- Fees, on the line of their kind. A fee of no order takes the channel that its sales channel has without any click.
create table fees_posted as
with dated as (
    select
        *,
        local_day(event_at) as charged_on
    from fees
    where event_at < getvariable('as_of')
),

matched as (
    select
        dated.* exclude (sales_channel),
        dated.order_id is null or orders_mapped.order_id is not null as is_found,
        orders_mapped.ordered_on as order_day,
        case
            when dated.order_id is null then coalesce(dated.sales_channel, 'none')
            else coalesce(orders_mapped.sales_channel, 'none')
        end as sales_channel,
        coalesce(orders_mapped.marketing_channel, channels.marketing_channel) as marketing_channel,
        rate_to_reporting(dated.currency, fx.rate) as fx_rate
    from dated
    left join orders_mapped
        on dated.order_id = orders_mapped.order_id
        and orders_mapped.is_counted
    left join order_channels as channels
        on dated.order_id is null
        and coalesce(dated.sales_channel, 'none') = channels.sales_channel
        and channels.utm_source = ''
        and channels.utm_medium = ''
        and channels.utm_campaign = ''
        and channels.affiliate_id = ''
        and dated.charged_on >= channels.era_from
        and dated.charged_on < channels.era_to
    left join fx_daily as fx
        on dated.currency = fx.currency
        and dated.charged_on = fx.day
),

judged as (
    select
        *,
        case
            when fx_rate is null then 'missing_fx_rate'
            when not is_found then 'order_unknown'
            when kind not in (
                'payment', 'marketplace', 'chargeback', 'promotion_reimbursement', 'write_down', 'affiliate'
            ) then 'unknown_kind'
            when marketing_channel is null then 'unmapped_order'
        end as suspense_reason,
        cast(-amount * coalesce(fx_rate, 0) as decimal(18,4)) as reporting_amount
    from matched
)

select
    'fees' as stream,
    source_key,
    charged_on as booked_on,
    coalesce(order_day, charged_on) as ordered_on,
    order_id,
    sales_channel,
    case when suspense_reason is null then marketing_channel else 'suspense' end as marketing_channel,
    case when kind = 'promotion_reimbursement' then reporting_amount else 0 end as platform_discounts,
    case when kind = 'chargeback' then reporting_amount else 0 end as chargebacks,
    case when kind = 'write_down' then reporting_amount else 0 end as write_downs,
    case
        when kind in ('marketplace', 'chargeback', 'promotion_reimbursement', 'write_down', 'affiliate') then 0
        else reporting_amount
    end as payment_fees,
    case when kind = 'marketplace' then reporting_amount else 0 end as marketplace_fees,
    case when kind = 'affiliate' then reporting_amount else 0 end as affiliate_commission,
    -amount as original_amount,
    currency as original_currency,
    fx_rate,
    suspense_reason,
    is_found
from judged;

-- Spend, on the channel of its campaign.
create table spend_posted as
with mapped as (
    select
        spend.*,
        channels.marketing_channel,
        rate_to_reporting(spend.currency, fx.rate) as fx_rate,
        case
            when fx_rate is null then 'missing_fx_rate'
            when channels.marketing_channel is null then 'unmapped_campaign'
        end as suspense_reason
    from spend
    left join campaign_channels as channels
        on spend.platform = channels.platform
        and spend.account_id = channels.account_id
        and spend.campaign_name = channels.campaign_name
        and spend.spend_date >= channels.era_from
        and spend.spend_date < channels.era_to
    left join fx_daily as fx
        on spend.currency = fx.currency
        and spend.spend_date = fx.day
    where spend.spend_date < getvariable('as_of_day')
)

select
    'spend' as stream,
    source_key,
    spend_date as booked_on,
    spend_date as ordered_on,
    'none' as sales_channel,
    case when suspense_reason is null then marketing_channel else 'suspense' end as marketing_channel,
    cast(-amount * coalesce(fx_rate, 0) as decimal(18,4)) as media_spend,
    cast(credit * coalesce(fx_rate, 0) as decimal(18,4)) as media_credits,
    credit - amount as original_amount,
    currency as original_currency,
    fx_rate,
    suspense_reason,
    credit as original_credit
from mapped;

-- A column that a stream does not have is null here, and nothing in a sum.
create view postings as
from order_lines_posted
union all by name
from orders_posted
union all by name
from refunds_posted
union all by name
from shipments_posted
union all by name
from fees_posted
union all by name
from spend_posted;

create view ledger as
select
    stream,
    source_key,
    booked_on,
    ordered_on,
    order_id,
    sku,
    sales_channel,
    marketing_channel,
    coalesce(units, 0) as units,
    cast(coalesce(columns(lines()), 0) as decimal(18,4)),
    cast(coalesce(columns(memos()), 0) as decimal(18,4)),
    cast(original_amount as decimal(18,4)) as original_amount,
    original_currency,
    fx_rate,
    coalesce(cost_basis, 'measured') as cost_basis,
    suspense_reason
from postings;
