-- One row per identity, stream, measure and currency: order foots, own currency, costed units, refund bound, spend control.
-- Currency: `currency`.
-- Left out: nothing.
with order_totals as (
    select
        int_streams_counted.currency as currency,
        sum(int_streams_counted.amount) as order_total
    from int_streams_counted
    where
        int_streams_counted.stream = 'orders'
        and int_streams_counted.measure = 'total'
        and int_streams_counted.part = 'read'
    group by int_streams_counted.currency
),

parts as (
    select
        int_ledger_totalled.currency as currency,
        sum(int_ledger_totalled.amount + int_ledger_totalled.tax - int_ledger_totalled.unstated_total) as parts_total,
        sum(case when int_ledger_totalled.in_suspense then int_ledger_totalled.footing_difference else 0.0000 end)
            as footing_difference
    from int_ledger_totalled
    where
        int_ledger_totalled.stream in ('orders', 'order_lines')
        and int_ledger_totalled.currency <> 'none'
    group by int_ledger_totalled.currency
),

spend_days as (
    select
        int_spend_controlled.currency as currency,
        sum(int_spend_controlled.stated_rows) as stated_rows,
        sum(int_spend_controlled.read_rows) as read_rows,
        sum(abs(int_spend_controlled.stated_rows - int_spend_controlled.read_rows)) as rows_apart,
        sum(int_spend_controlled.stated_amount) as stated_amount,
        sum(int_spend_controlled.read_amount) as read_amount,
        sum(abs(int_spend_controlled.stated_amount - int_spend_controlled.read_amount)) as amount_apart
    from int_spend_controlled
    group by int_spend_controlled.currency
)

-- Order totals - (lines + shipping + tax) = the differences that are in suspense. Orders that state no total have no part in it.
select
    'order_foots' as identity,
    'orders' as stream,
    'amount' as measure,
    order_totals.currency as currency,
    order_totals.order_total - coalesce(parts.parts_total, 0.0000) as left_amount,
    coalesce(parts.footing_difference, 0.0000) as right_amount
from order_totals
left join parts
    on order_totals.currency = parts.currency
union all by name
-- In the reporting currency nothing is converted: original amounts = the lines they were posted to.
select
    'own_currency' as identity,
    int_ledger_totalled.stream as stream,
    'amount' as measure,
    int_ledger_totalled.currency as currency,
    sum(int_ledger_totalled.amount) as left_amount,
    sum(int_ledger_totalled.own_lines) as right_amount
from int_ledger_totalled
where int_ledger_totalled.currency = $currency
group by
    int_ledger_totalled.stream,
    int_ledger_totalled.currency
union all by name
-- Units sold = units with a cost + units in suspense.
select
    'costed_units' as identity,
    'order_lines' as stream,
    'units' as measure,
    'all' as currency,
    sum(int_ledger_totalled.units) as left_amount,
    sum(
        case when int_ledger_totalled.in_suspense then int_ledger_totalled.units else int_ledger_totalled.costed_units end
    ) as right_amount
from int_ledger_totalled
where int_ledger_totalled.stream = 'order_lines'
having count(*) > 0
union all by name
-- No line is refunded beyond what it was charged, nor returned beyond what was sold.
select
    'refund_bound' as identity,
    'refunds' as stream,
    'rows' as measure,
    'all' as currency,
    cast(count(*) as decimal(24,4)) as left_amount,
    0.0000 as right_amount
from int_refunds_over_bound
union all by name
-- The platforms' own account-days = what was read. The difference has no sign: days cannot cancel out.
select
    'spend_control' as identity,
    'spend' as stream,
    'rows' as measure,
    spend_days.currency as currency,
    spend_days.stated_rows as left_amount,
    spend_days.read_rows as right_amount,
    spend_days.rows_apart as difference
from spend_days
union all by name
select
    'spend_control' as identity,
    'spend' as stream,
    'amount' as measure,
    spend_days.currency as currency,
    spend_days.stated_amount as left_amount,
    spend_days.read_amount as right_amount,
    spend_days.amount_apart as difference
from spend_days
