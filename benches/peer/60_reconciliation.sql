-- The identities, each with both sides.

-- What the files hold, read again without regard to the contract, and what of it was set aside or does not count yet.
create table source_rows as
with files as (
    select
        'orders' as stream,
        currency,
        count(*) as row_count,
        null as units,
        total(shipping_charged) - total(shipping_discount) as amount,
        total(tax) as tax,
        null as credit,
        'source' as part
    from raw_orders
    group by currency
    union all
    select 'order_lines', 'all', count(*), total(quantity),
        total(cast(list_price * quantity as decimal(24,2))) - total(discount) - total(platform_discount),
        total(tax), null, 'source'
    from raw_order_lines
    union all
    select 'refunds', currency, count(*), null, total(amount), total(tax), null, 'source'
    from raw_refunds group by currency
    union all
    select 'shipments', currency, count(*), null, total(cost), null, null, 'source'
    from raw_shipments group by currency
    union all
    select 'fees', currency, count(*), null, total(amount), null, null, 'source'
    from raw_fees group by currency
    union all
    select 'spend', currency, count(*), null, total(amount), null, total(credit), 'source'
    from raw_spend group by currency
),

aside as (
    select
        'orders' as stream,
        currency,
        count(*) as row_count,
        null as units,
        total(shipping_charged) - total(shipping_discount) as amount,
        total(tax) as tax,
        null as credit,
        fate as part
    from orders_aside
    group by all
    union all
    select 'order_lines', 'all', count(*), total(quantity),
        total(cast(list_price * quantity as decimal(24,2))) - total(discount) - total(platform_discount),
        total(tax), null, fate
    from order_lines_aside group by fate
    union all
    select 'refunds', currency, count(*), null, total(amount), total(tax), null, fate from refunds_aside group by all
    union all
    select 'shipments', currency, count(*), null, total(cost), null, null, fate from shipments_aside group by all
    union all
    select 'fees', currency, count(*), null, total(amount), null, null, fate from fees_aside group by all
    union all
    select 'spend', currency, count(*), null, total(amount), null, total(credit), fate from spend_aside group by all
),

after_as_of as (
    select
        'orders' as stream,
        currency,
        count(*) as row_count,
        null as units,
        total(shipping_charged) - total(shipping_discount) as amount,
        total(tax) as tax,
        null as credit,
        'after_as_of' as part
    from orders where ordered_at >= getvariable('as_of') group by currency
    union all
    select 'order_lines', 'all', count(*), total(quantity),
        total(cast(list_price * quantity as decimal(24,2))) - total(discount) - total(platform_discount),
        total(tax), null, 'after_as_of'
    from order_lines
    where order_id in (select order_id from orders_mapped where not is_counted)
    union all
    select 'refunds', currency, count(*), null, total(amount), total(tax), null, 'after_as_of'
    from refunds where refunded_at >= getvariable('as_of') group by currency
    union all
    select 'shipments', currency, count(*), null, total(cost), null, null, 'after_as_of'
    from shipments where shipped_at >= getvariable('as_of') group by currency
    union all
    select 'fees', currency, count(*), null, total(amount), null, null, 'after_as_of'
    from fees where event_at >= getvariable('as_of') group by currency
    union all
    select 'spend', currency, count(*), null, total(amount), null, total(credit), 'after_as_of'
    from spend where spend_date >= getvariable('as_of_day') group by currency
),

-- The ledger with the sources' signs; order lines have no currency of their own.
posted as (
    select
        stream,
        if(stream = 'order_lines', 'all', original_currency) as currency,
        total(row_count) as row_count,
        if(stream = 'order_lines', total(units), null) as units,
        case
            when stream in ('orders', 'order_lines') then total(original_amount)
            else total(original_credit) - total(original_amount)
        end as amount,
        case
            when stream in ('orders', 'order_lines') then total(original_tax)
            when stream = 'refunds' then -total(original_tax)
        end as tax,
        if(stream = 'spend', total(original_credit), null) as credit,
        if(in_suspense, 'in_suspense', 'placed') as part
    from ledger_by_day
    group by stream, original_currency, in_suspense
)

from files union all by name from aside union all by name from after_as_of union all by name from posted;

create table streams as
select
    stream,
    coalesce(currency, '') as currency,
    measure,
    total(if(part = 'source', value, 0)) as source,
    total(if(part = 'placed', value, 0)) as placed,
    total(if(part = 'in_suspense', value, 0)) as in_suspense,
    total(if(part = 'quarantined', value, 0)) as quarantined,
    total(if(part = 'duplicates', value, 0)) as duplicates,
    total(if(part = 'after_as_of', value, 0)) as after_as_of
from (
    unpivot (
        select
            stream,
            currency,
            part,
            cast(columns(['row_count', 'units', 'amount', 'tax', 'credit']) as decimal(24,4))
        from source_rows
    )
    on row_count as 'rows', units, amount, tax, credit
    into name measure value value
)
group by all;

-- The company as a whole, and the same through each mart.
create table company as
select booked_period as period, 'booked' as basis, measure, total(amount) as amount from months_of_ledger group by all
union all
select ordered_period as period, 'cohort' as basis, measure, total(amount) as amount from months_of_ledger group by all;

-- `broken`: what the levels of the cells differ from the sums of their lines, without sign.
create macro totalled(mart_name, mart) as table
select
    mart_name as mart,
    period,
    basis,
    total(contribution_3) as contribution_3,
    sum(
        abs(
            net_revenue - (
                gross_sales + discounts + platform_discounts + shipping_income + returns + allowances
                + refunded_shipping + cancellations + chargebacks
            )
        )
        + abs(contribution_1 - (net_revenue + product_cost + landed_cost + cost_recovered + write_downs))
        + abs(
            contribution_2 - (
                contribution_1 + carrier_cost + handling_cost + return_logistics + payment_fees + marketplace_fees
            )
        )
        + abs(contribution_3 - (contribution_2 + media_spend + media_credits + affiliate_commission))
    ) as broken,
    total(columns(['units'] || lines() || memos()))
from query_table(mart)
group by period, basis;

create view products_known as from product_contribution_monthly where sku <> 'unknown';
create view products_unknown as from product_contribution_monthly where sku = 'unknown';

create table mart_totals as
select true as is_known, * from totalled('sales and marketing channels', 'channel_contribution_monthly')
union all by name
select true as is_known, * from totalled('days', 'channel_contribution_daily')
union all by name
select true as is_known, * from totalled('skus', 'products_known')
union all by name
select false as is_known, * from totalled('skus', 'products_unknown');

create table mart_measures as
select mart, period, basis, measure, total(amount) as amount
from (
    unpivot (select * exclude (is_known, contribution_3, broken) from mart_totals)
    on * exclude (mart, period, basis)
    into name measure value amount
)
group by mart, period, basis, measure;

-- What came back of every refunded line (without tax) and order (with tax), beside what was charged: in the order's currency,
-- and what came back in others at the rate of its own day.
create table refund_bounds as
with came_back as (
    select
        refunds.order_id,
        refunds.order_id || '|' || refunds.line_no as line_key,
        refunds.currency = orders_mapped.currency as is_like,
        orders_mapped.fx_rate,
        coalesce(rate_to_reporting(refunds.currency, fx.rate), 0) as own_rate,
        refunds.amount,
        refunds.tax,
        if(refunds.kind in ('return', 'cancellation'), refunds.quantity, 0) as units
    from refunds
    join refunds_posted as posted
        on posted.source_key = refunds.source_key
        and posted.is_found
    join orders_mapped
        on orders_mapped.order_id = refunds.order_id
    left join fx_daily as fx
        on fx.currency = refunds.currency
        and fx.day = local_day(refunds.refunded_at)
),

goods as (
    select order_id, total(original_amount + original_tax) as amount, total(units) as units
    from order_lines_posted
    group by order_id
)

select
    came_back.fx_rate,
    coalesce(sum(came_back.amount) filter (where is_like), 0) as refunded,
    coalesce(sum(came_back.amount * own_rate) filter (where not is_like), 0) as elsewhere,
    max(sold.original_amount) as charged,
    total(came_back.units) as returned,
    max(sold.units) as sold
from came_back
join order_lines_posted as sold
    on sold.source_key = came_back.line_key
group by came_back.line_key, came_back.fx_rate
union all by name
select
    came_back.fx_rate,
    coalesce(sum(came_back.amount + came_back.tax) filter (where is_like), 0) as refunded,
    coalesce(sum((came_back.amount + came_back.tax) * own_rate) filter (where not is_like), 0) as elsewhere,
    max(greatest(orders_mapped.order_total, shipping_amount + orders_mapped.tax + coalesce(goods.amount, 0))) as charged,
    total(came_back.units) as returned,
    coalesce(max(goods.units), 0) as sold
from came_back
join orders_mapped using (order_id)
left join goods using (order_id)
group by came_back.order_id, came_back.fx_rate;

-- Every row at its rate beside the lines it was posted to, and the rate that is on file for its day.
create table values_of_rows as
select
    postings.stream,
    original_currency as currency,
    cast(original_amount * coalesce(fx_rate, 0) as decimal(24,4)) as worth,
    coalesce(gross_sales, 0) + coalesce(discounts, 0) + coalesce(platform_discounts, 0) + coalesce(shipping_income, 0)
        + coalesce("returns", 0) + coalesce(allowances, 0) + coalesce(refunded_shipping, 0) + coalesce(cancellations, 0)
        + coalesce(chargebacks, 0) + coalesce(write_downs, 0) + coalesce(carrier_cost, 0) + coalesce(handling_cost, 0)
        + coalesce(return_logistics, 0) + coalesce(payment_fees, 0) + coalesce(marketplace_fees, 0)
        + coalesce(media_spend, 0) + coalesce(media_credits, 0) + coalesce(affiliate_commission, 0) as posted,
    cast(original_tax * coalesce(fx_rate, 0) as decimal(24,4)) as tax_worth,
    coalesce(tax, 0) as tax_posted,
    fx_rate,
    if(original_currency = '{currency}', 1, filed.rate) as rate_on_file,
    original_currency = '{currency}' or filed.rate_date = rated_on as has_rate_of_day
from (
    select
        *,
        if(stream in ('orders', 'order_lines', 'refunds'), ordered_on, booked_on) as rated_on
    from postings
) as postings
asof left join fx_rates as filed
    on postings.original_currency = filed.currency
    and postings.rated_on >= filed.rate_date;

-- Units with a cost, per SKU and day, beside units times the version in force.
create table costs_of_days as
with days as (
    select
        'order_lines' as stream, sku, ordered_on, count(*) as row_count, total(costed_units) as units,
        total(product_cost) as product_cost, total(landed_cost) as landed_cost, 0 as cost_recovered
    from order_lines_posted
    where costed_units <> 0
    group by sku, ordered_on
    union all by name
    select
        'refunds' as stream, sku, ordered_on, count(*) as row_count, -total(units) as units,
        0 as product_cost, 0 as landed_cost, total(cost_recovered) as cost_recovered
    from refunds_posted
    where cost_basis = 'rated'
    group by sku, ordered_on
),

priced as (
    select
        days.*,
        cast(days.units as decimal(14,0)) as pieces,
        cast(unit_cost * rate_to_reporting(cost_currency, fx.rate) as decimal(22,12)) as unit_value,
        cast(costs.landed_cost * rate_to_reporting(cost_currency, fx.rate) as decimal(22,12)) as landed_value
    from days
    join cost_versions as costs
        on days.sku = costs.sku
        and days.ordered_on >= costs.valid_from
        and days.ordered_on < costs.valid_to
    left join fx_daily as fx
        on costs.cost_currency = fx.currency
        and days.ordered_on = fx.day
)

select stream, 'product_cost' as measure, row_count, -pieces * unit_value as worth, product_cost as posted
from priced where stream = 'order_lines'
union all
select stream, 'landed_cost', row_count, -pieces * landed_value, landed_cost
from priced where stream = 'order_lines'
union all
select stream, 'cost_recovered', row_count, pieces * unit_value + pieces * landed_value, cost_recovered
from priced where stream = 'refunds';

-- Quarantined rows by the sources themselves.
create table set_aside_rows as
select 'orders' as stream, coalesce(currency, '') as currency, order_total as amount from orders_aside where fate = 'quarantined'
union all
select 'order_lines', '', coalesce(list_price * quantity, 0) - coalesce(discount, 0) - coalesce(platform_discount, 0)
from order_lines_aside where fate = 'quarantined'
union all
select 'refunds', coalesce(currency, ''), amount from refunds_aside where fate = 'quarantined'
union all
select 'shipments', coalesce(currency, ''), cost from shipments_aside where fate = 'quarantined'
union all
select 'fees', coalesce(currency, ''), amount from fees_aside where fate = 'quarantined'
union all
select 'spend', coalesce(currency, ''), amount from spend_aside where fate = 'quarantined'
union all
select 'spend_control', coalesce(currency, ''), amount from spend_control_aside where fate = 'quarantined'
union all
select 'product_costs', '', null from product_costs_aside where fate = 'quarantined'
union all
select 'fx_rates', '', null from fx_rates_aside where fate = 'quarantined';

create table identities as
-- The source's own total = ledger + quarantined + exact copies + after the as-of.
select
    'conservation' as identity,
    stream,
    measure,
    currency,
    source as left_amount,
    placed + in_suspense + quarantined + duplicates + after_as_of as right_amount,
    left_amount - right_amount as difference,
    placed,
    in_suspense,
    quarantined,
    duplicates,
    after_as_of
from streams
union all by name
select
    'once_only' as identity,
    stream,
    'rows' as measure,
    'all' as currency,
    total(source) as left_amount,
    total(placed + in_suspense + quarantined + duplicates + after_as_of) as right_amount,
    left_amount - right_amount as difference,
    total(placed) as placed,
    total(in_suspense) as in_suspense,
    total(quarantined) as quarantined,
    total(duplicates) as duplicates,
    total(after_as_of) as after_as_of
from streams
where measure = 'rows'
group by stream
union all by name
select
    'join_safety' as identity,
    stream,
    measure,
    currency,
    source - quarantined - duplicates - after_as_of as left_amount,
    placed + in_suspense as right_amount,
    left_amount - right_amount as difference
from streams
where measure in ('rows', 'amount')
union all by name
-- Order totals - (lines + shipping + tax) = the differences that are in suspense.
select
    'order_foots' as identity,
    'orders' as stream,
    'amount' as measure,
    totals.currency,
    totals.order_total - coalesce(parts.amount, 0) as left_amount,
    coalesce(parts.in_suspense, 0) as right_amount,
    left_amount - right_amount as difference
from (
    select currency, total(order_total) as order_total
    from orders_mapped
    where is_counted
    group by currency
) as totals
left join (
    select
        original_currency as currency,
        total(original_amount + original_tax) as amount,
        coalesce(sum(original_difference) filter (where in_suspense), 0) as in_suspense
    from ledger_by_day
    where stream in ('orders', 'order_lines')
    group by original_currency
) as parts
    on totals.currency = parts.currency
union all by name
-- In the reporting currency nothing is converted: original amounts = the lines they were posted to.
select
    'own_currency' as identity,
    stream,
    'amount' as measure,
    original_currency as currency,
    total(original_amount) as left_amount,
    sum(
        gross_sales + discounts + platform_discounts + shipping_income + returns + allowances + refunded_shipping
        + cancellations + chargebacks + write_downs + carrier_cost + handling_cost + return_logistics + payment_fees
        + marketplace_fees + media_spend + media_credits + affiliate_commission
    ) as right_amount,
    left_amount - right_amount as difference
from ledger_by_day
where is_found and original_currency = '{currency}'
group by stream, original_currency
union all by name
-- Original amounts at the rates of their rows = the lines they were posted to, but for the rounding of a row.
select
    'converted' as identity,
    stream,
    'amount' as measure,
    currency,
    total(worth) as left_amount,
    total(posted) as right_amount,
    coalesce(sum(abs(posted - worth)) filter (where abs(posted - worth) > 0.0002), 0) as difference
from values_of_rows
group by stream, currency
union all by name
select
    'converted' as identity,
    stream,
    'tax' as measure,
    currency,
    total(tax_worth) as left_amount,
    total(tax_posted) as right_amount,
    total(abs(tax_posted - tax_worth)) as difference
from values_of_rows
where stream in ('orders', 'order_lines', 'refunds')
group by stream, currency
union all by name
-- Rows with a rate, or on a day with one = rows with the rate on file.
select
    'dated_rates' as identity,
    stream,
    'rows' as measure,
    currency,
    count(*) as left_amount,
    count(*) filter (where fx_rate = rate_on_file) as right_amount,
    left_amount - right_amount as difference
from values_of_rows
where fx_rate is not null or (has_rate_of_day and stream <> 'refunds')
group by stream, currency
union all by name
-- Costs of goods as posted = units times the version in force, but for the rounding of rows.
select
    'recomputed_costs' as identity,
    stream,
    measure,
    '{currency}' as currency,
    total(worth) as left_amount,
    total(posted) as right_amount,
    coalesce(sum(abs(posted - worth)) filter (where abs(posted - worth) > 0.0001 * row_count), 0) as difference
from costs_of_days
group by stream, measure
union all by name
-- Quarantined rows by the sources = those that the mart shows.
select
    'quarantine' as identity,
    stream,
    measure,
    currency,
    total(counted) as left_amount,
    total(shown) as right_amount,
    left_amount - right_amount as difference
from (
    select stream, 'rows' as measure, 'all' as currency, count(*) as counted, 0 as shown from set_aside_rows group by stream
    union all
    select stream, 'rows', 'all', 0, count(*) from quarantined_rows group by stream
    union all
    select stream, 'amount', currency, total(coalesce(amount, 0)), 0 from set_aside_rows group by stream, currency
    union all
    select stream, 'amount', currency, 0, total(amount) from quarantined_rows group by stream, currency
)
group by stream, measure, currency
union all by name
-- Units sold = units with a cost + units in suspense.
select
    'costed_units' as identity,
    'order_lines' as stream,
    'units' as measure,
    'all' as currency,
    total(units) as left_amount,
    sum(if(in_suspense, units, costed_units)) as right_amount,
    left_amount - right_amount as difference
from ledger_by_day
where stream = 'order_lines'
having count(*) > 0
union all by name
-- No line, and no order, is refunded beyond what it was charged, nor returned beyond what was sold.
select
    'refund_bound' as identity,
    'refunds' as stream,
    'rows' as measure,
    'all' as currency,
    count(*) as left_amount,
    0 as right_amount,
    count(*) as difference
from refund_bounds
where
    refunded > charged
    or returned > sold
    or (elsewhere <> 0 and refunded * fx_rate + elsewhere > 1.05 * charged * fx_rate)
union all by name
-- The platforms' own account-days = what was read. The difference has no sign: days cannot cancel out.
select
    'spend_control' as identity,
    'spend' as stream,
    measure,
    currency,
    total(stated) as left_amount,
    total(read) as right_amount,
    sum(abs(stated - read)) as difference
from (
    unpivot (
        select
            currency,
            cast(coalesce(stated.rows, 0) as decimal(24,4)) as rows_stated,
            cast(coalesce(accounts.row_count, 0) as decimal(24,4)) as rows_read,
            cast(coalesce(stated.amount, 0) as decimal(24,4)) as amount_stated,
            cast(coalesce(accounts.amount, 0) as decimal(24,4)) as amount_read
        from (
            select day, platform, account_id, currency, total("rows") as rows, total(amount) as amount
            from spend_control
            where stream = 'spend' and day < getvariable('as_of_day')
            group by all
        ) as stated
        full join (
            select spend_date as day, platform, account_id, currency, count(*) as row_count, total(amount) as amount
            from spend
            where spend_date < getvariable('as_of_day')
            group by all
        ) as accounts
            using (day, platform, account_id, currency)
    )
    on (rows_stated, rows_read) as 'rows', (amount_stated, amount_read) as 'amount'
    into name measure value stated, read
)
where exists (select 1 from spend_control where stream = 'spend' and day < getvariable('as_of_day'))
group by measure, currency
union all by name
-- Contribution 3 = the sum of all lines, and each level the one above and its lines, in every cell.
select
    'nesting' as identity,
    mart as stream,
    'contribution_3' as measure,
    '{currency}' as currency,
    total(contribution_3) as left_amount,
    sum(
        gross_sales + discounts + platform_discounts + shipping_income + returns + allowances + refunded_shipping
        + cancellations + chargebacks + product_cost + landed_cost + cost_recovered + write_downs + carrier_cost
        + handling_cost + return_logistics + payment_fees + marketplace_fees + media_spend + media_credits
        + affiliate_commission
    ) as right_amount,
    total(broken) + abs(left_amount - right_amount) as difference
from mart_totals
where is_known
group by mart
union all by name
-- The company = its channels = its days = its SKUs, per measure, in every period and on each basis.
select
    'additivity' as identity,
    mart as stream,
    measure,
    if(measure = 'units', 'units', '{currency}') as currency,
    total(whole) as left_amount,
    total(through_mart) as right_amount,
    sum(abs(whole - through_mart)) as difference
from (
    select
        mart,
        measure,
        coalesce(company.amount, 0) as whole,
        coalesce(mart_measures.amount, 0) as through_mart
    from company
    cross join (select distinct mart from mart_totals) as marts
    full join mart_measures
        using (mart, period, basis, measure)
)
group by mart, measure
union all by name
-- Booked = cohort + booked in the period of other orders - booked elsewhere of its orders.
-- Over all periods both are equal.
select
    'basis_bridge' as identity,
    'each period' as stream,
    measure,
    if(measure = 'units', 'units', '{currency}') as currency,
    total(booked) as left_amount,
    total(cohort + booked_of_other_orders + booked_in_other_periods) as right_amount,
    sum(abs(booked - cohort - booked_of_other_orders - booked_in_other_periods)) as difference
from basis_bridge
group by measure
union all by name
select
    'basis_bridge' as identity,
    'all periods' as stream,
    measure,
    if(measure = 'units', 'units', '{currency}') as currency,
    total(booked) as left_amount,
    total(cohort) as right_amount,
    total(booked) - total(cohort) as difference
from basis_bridge
group by measure;

create table reconciliation as
select
    identity,
    stream,
    measure,
    currency,
    cast(left_amount as decimal(24,4)) as left_amount,
    cast(right_amount as decimal(24,4)) as right_amount,
    cast(difference as decimal(24,4)) as difference,
    cast(0 as decimal(24,4)) as tolerance,
    difference = 0 as holds,
    cast(coalesce(columns(['placed', 'in_suspense', 'quarantined', 'duplicates', 'after_as_of']), 0) as decimal(24,4))
from identities;
