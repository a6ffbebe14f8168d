-- The marts: sums over the ledger, on both bases. `booked` is the day of the row, `cohort` the day of its order.

-- A sum has one type everywhere: a union of decimals of different scales would round.
create macro total(amount) as cast(coalesce(sum(amount), 0) as decimal(24,4));

-- Each stream summed by everything but its keys and SKUs, with the measures that it has.
create view streams_by_day as
select
    stream,
    booked_on,
    ordered_on,
    sales_channel,
    marketing_channel,
    original_currency,
    suspense_reason is not null as in_suspense,
    true as is_found,
    count(*) as row_count,
    sum(units) as units,
    sum(costed_units) as costed_units,
    total(columns([
        'gross_sales', 'discounts', 'platform_discounts', 'product_cost',
        'landed_cost', 'tax', 'original_amount', 'original_tax'
    ]))
from order_lines_posted
group by all
union all by name
select
    stream,
    booked_on,
    ordered_on,
    sales_channel,
    marketing_channel,
    original_currency,
    suspense_reason is not null as in_suspense,
    true as is_found,
    count(*) as row_count,
    total(columns([
        'shipping_income', 'tax', 'footing_difference',
        'original_amount', 'original_tax', 'original_difference'
    ]))
from orders_posted
group by all
union all by name
select
    stream,
    booked_on,
    ordered_on,
    sales_channel,
    marketing_channel,
    original_currency,
    suspense_reason is not null as in_suspense,
    is_found,
    count(*) as row_count,
    sum(units) as units,
    total(columns([
        'returns', 'allowances', 'refunded_shipping', 'cancellations', 'chargebacks',
        'cost_recovered', 'tax', 'fx_difference', 'original_amount', 'original_tax'
    ]))
from refunds_posted
group by all
union all by name
select
    stream,
    booked_on,
    ordered_on,
    sales_channel,
    marketing_channel,
    original_currency,
    suspense_reason is not null as in_suspense,
    is_found,
    count(*) as row_count,
    total(columns(['carrier_cost', 'handling_cost', 'return_logistics', 'original_amount']))
from shipments_posted
group by all
union all by name
select
    stream,
    booked_on,
    ordered_on,
    sales_channel,
    marketing_channel,
    original_currency,
    suspense_reason is not null as in_suspense,
    is_found,
    count(*) as row_count,
    total(columns([
        'platform_discounts', 'chargebacks', 'write_downs',
        'payment_fees', 'marketplace_fees', 'affiliate_commission', 'original_amount'
    ]))
from fees_posted
group by all
union all by name
select
    stream,
    booked_on,
    ordered_on,
    sales_channel,
    marketing_channel,
    original_currency,
    suspense_reason is not null as in_suspense,
    true as is_found,
    count(*) as row_count,
    total(columns(['media_spend', 'media_credits', 'original_amount', 'original_credit']))
from spend_posted
group by all;

-- All of them beside each other: the channel marts, the bridge and the identities are sums of this.
create table ledger_by_day as
select
    stream,
    booked_on,
    ordered_on,
    sales_channel,
    marketing_channel,
    original_currency,
    in_suspense,
    is_found,
    row_count,
    coalesce(units, 0) as units,
    coalesce(costed_units, 0) as costed_units,
    original_amount,
    coalesce(columns(['original_tax', 'original_credit', 'original_difference']), 0),
    coalesce(columns(lines()), 0),
    coalesce(columns(memos()), 0)
from streams_by_day;

-- Each level is the one above and its own lines.
create macro with_levels(summed) as table
select
    *,
    cast(
        gross_sales + discounts + platform_discounts + shipping_income + returns + allowances + refunded_shipping
        + cancellations + chargebacks
    as decimal(24,4)) as net_revenue,
    cast(net_revenue + product_cost + landed_cost + cost_recovered + write_downs as decimal(24,4)) as contribution_1,
    cast(
        contribution_1 + carrier_cost + handling_cost + return_logistics + payment_fees + marketplace_fees
    as decimal(24,4)) as contribution_2,
    cast(contribution_2 + media_spend + media_credits + affiliate_commission as decimal(24,4)) as contribution_3
from query_table(summed);

create view ledger_on_both_bases as
select 'booked' as basis, booked_on as day, * from ledger_by_day
union all
select 'cohort' as basis, ordered_on as day, * from ledger_by_day;

create view days_summed as
select
    day,
    strftime(day, '%Y-%m') as period,
    basis,
    sales_channel,
    marketing_channel,
    cast(coalesce(sum(row_count) filter (where stream = 'orders'), 0) as decimal(20,0)) as orders,
    cast(sum(units) as decimal(20,0)) as units,
    total(columns(lines())),
    total(columns(memos()))
from ledger_on_both_bases
group by all;

create table channel_contribution_daily as from with_levels('days_summed');

create table channel_contribution_monthly as
select
    period,
    basis,
    sales_channel,
    marketing_channel,
    cast(sum(orders) as decimal(20,0)) as orders,
    cast(sum(units) as decimal(20,0)) as units,
    total(columns(lines())),
    total(columns(memos())),
    total(columns(['net_revenue', 'contribution_1', 'contribution_2', 'contribution_3']))
from channel_contribution_daily
group by all;

-- SKU `none`: the row belongs to no SKU. SKU `unknown`: its order or line was not found.
-- Order lines are booked on the day of their order: their sums hold on both bases.
create table lines_by_product as
select
    date_trunc('month', booked_on) as month,
    sku,
    marketing_channel,
    sum(units) as units,
    total(columns(['gross_sales', 'discounts', 'platform_discounts', 'product_cost', 'landed_cost', 'tax']))
from order_lines_posted
group by all;

create view rows_besides_lines as
select
    booked_on,
    ordered_on,
    case when is_found then coalesce(sku, 'none') else 'unknown' end as sku,
    * exclude (stream, booked_on, ordered_on, sku)
from refunds_posted
union all by name
select
    booked_on,
    ordered_on,
    case when is_found then 'none' else 'unknown' end as sku,
    * exclude (stream, booked_on, ordered_on)
from ledger_by_day
where stream not in ('order_lines', 'refunds');

create table besides_lines_by_product as
select
    basis,
    date_trunc('month', if(basis = 'booked', booked_on, ordered_on)) as month,
    sku,
    marketing_channel,
    coalesce(sum(units), 0) as units,
    total(columns(lines())),
    total(columns(memos()))
from rows_besides_lines
cross join (values ('booked'), ('cohort')) as bases(basis)
group by all;

create macro both_sides(one, other) as cast(coalesce(one, 0) + coalesce(other, 0) as decimal(24,4));

create view products_summed as
select
    strftime(month, '%Y-%m') as period,
    basis,
    sku,
    marketing_channel,
    cast(coalesce(lines.units, 0) + coalesce(others.units, 0) as decimal(20,0)) as units,
    both_sides(lines.gross_sales, others.gross_sales) as gross_sales,
    both_sides(lines.discounts, others.discounts) as discounts,
    both_sides(lines.platform_discounts, others.platform_discounts) as platform_discounts,
    coalesce(others.shipping_income, 0) as shipping_income,
    coalesce(others.returns, 0) as returns,
    coalesce(others.allowances, 0) as allowances,
    coalesce(others.refunded_shipping, 0) as refunded_shipping,
    coalesce(others.cancellations, 0) as cancellations,
    coalesce(others.chargebacks, 0) as chargebacks,
    both_sides(lines.product_cost, others.product_cost) as product_cost,
    both_sides(lines.landed_cost, others.landed_cost) as landed_cost,
    coalesce(others.cost_recovered, 0) as cost_recovered,
    coalesce(others.write_downs, 0) as write_downs,
    coalesce(others.carrier_cost, 0) as carrier_cost,
    coalesce(others.handling_cost, 0) as handling_cost,
    coalesce(others.return_logistics, 0) as return_logistics,
    coalesce(others.payment_fees, 0) as payment_fees,
    coalesce(others.marketplace_fees, 0) as marketplace_fees,
    coalesce(others.media_spend, 0) as media_spend,
    coalesce(others.media_credits, 0) as media_credits,
    coalesce(others.affiliate_commission, 0) as affiliate_commission,
    both_sides(lines.tax, others.tax) as tax,
    coalesce(others.footing_difference, 0) as footing_difference,
    coalesce(others.fx_difference, 0) as fx_difference
from (
    select basis, lines_by_product.*
    from lines_by_product
    cross join (values ('booked'), ('cohort')) as bases(basis)
) as lines
full join besides_lines_by_product as others
    using (basis, month, sku, marketing_channel);

create table product_contribution_monthly as from with_levels('products_summed');

-- What each pair of months, booked and of the order, comes to, measure by measure.
create table months_of_ledger as
from (
    unpivot (
        select
            strftime(booked_on, '%Y-%m') as booked_period,
            strftime(ordered_on, '%Y-%m') as ordered_period,
            total(columns(['units'] || lines() || memos()))
        from ledger_by_day
        group by all
    )
    on * exclude (booked_period, ordered_period)
    into name measure value amount
);

create table basis_bridge as
with terms as (
    select
        booked_period as period,
        measure,
        0 as cohort,
        amount as booked,
        if(ordered_period <> booked_period, amount, 0) as inward,
        0 as outward
    from months_of_ledger
    union all
    select
        ordered_period as period,
        measure,
        amount as cohort,
        0 as booked,
        0 as inward,
        if(ordered_period <> booked_period, amount, 0) as outward
    from months_of_ledger
)

select
    period,
    measure,
    total(cohort) as cohort,
    total(inward) as booked_of_other_orders,
    -total(outward) as booked_in_other_periods,
    total(booked) as booked
from terms
group by period, measure;

create table suspense_items as
select
    ledger.stream,
    ledger.source_key,
    ledger.suspense_reason as reason,
    ledger.booked_on,
    strftime(ledger.booked_on, '%Y-%m') as period,
    cast(getvariable('as_of_day') - ledger.booked_on as bigint) as age_days,
    coalesce(reasons.owner, 'unowned') as owner,
    coalesce(reasons.action, '') as action,
    ledger.order_id,
    ledger.sku,
    ledger.sales_channel,
    cast(
        gross_sales + discounts + platform_discounts + shipping_income + returns + allowances + refunded_shipping
        + cancellations + chargebacks + product_cost + landed_cost + cost_recovered + write_downs + carrier_cost
        + handling_cost + return_logistics + payment_fees + marketplace_fees + media_spend + media_credits
        + affiliate_commission
    as decimal(18,4)) as amount,
    ledger.original_amount,
    ledger.original_currency
from ledger
left join suspense_reasons as reasons
    on ledger.suspense_reason = reasons.reason
where ledger.suspense_reason is not null;

create table quarantined_rows as
with quarantined as (
    select 'orders' as stream, source_key, broken, order_total as amount, currency, content
    from orders_aside where fate = 'quarantined'
    union all
    select
        'order_lines', source_key, broken,
        coalesce(list_price * quantity, 0) - coalesce(discount, 0) - coalesce(platform_discount, 0), '', content
    from order_lines_aside where fate = 'quarantined'
    union all
    select 'refunds', source_key, broken, amount, currency, content from refunds_aside where fate = 'quarantined'
    union all
    select 'shipments', source_key, broken, cost, currency, content from shipments_aside where fate = 'quarantined'
    union all
    select 'fees', source_key, broken, amount, currency, content from fees_aside where fate = 'quarantined'
    union all
    select 'spend', source_key, broken, amount, currency, content from spend_aside where fate = 'quarantined'
    union all
    select 'spend_control', source_key, broken, amount, currency, content
    from spend_control_aside where fate = 'quarantined'
    union all
    select 'product_costs', source_key, broken, null, null, content from product_costs_aside where fate = 'quarantined'
    union all
    select 'fx_rates', source_key, broken, null, null, content from fx_rates_aside where fate = 'quarantined'
)

select
    stream,
    row_number() over (partition by stream order by source_key, content, broken) as row_no,
    source_key,
    coalesce(broken, 'duplicate_key') as reject_reason,
    cast(coalesce(amount, 0) as decimal(24,4)) as amount,
    coalesce(currency, '') as currency,
    content,
    cast(null as varchar) as source_file
from quarantined;
