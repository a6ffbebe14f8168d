-- One row per identity, stream, measure and currency: converted, dated rates and recomputed costs.
-- Currency: amounts in reporting currency of the rows in `currency`; costs of all rows taken together.
-- Left out: the FX memo, which is what the refund's own day makes of a refund. A difference has no sign and is summed over rows
-- or days, beyond the rounding of their lines: they cannot cancel out.
with converted as (
    select
        int_rows_converted.stream as stream,
        int_rows_converted.currency as currency,
        int_rows_converted.converted_amount as converted_amount,
        int_rows_converted.lines as lines,
        int_rows_converted.amount_apart as amount_apart,
        int_rows_converted.converted_tax as converted_tax,
        int_rows_converted.tax as tax,
        int_rows_converted.tax_apart as tax_apart
    from int_rows_converted
    union all by name
    select
        suspense_items.stream as stream,
        suspense_items.original_currency as currency,
        cast(suspense_items.original_amount * coalesce(int_ledger_unmatched.fx_rate, 0.00000000) as decimal(24,4)) as converted_amount,
        cast(suspense_items.amount as decimal(24,4)) as lines,
        cast(abs(
            cast(suspense_items.original_amount * coalesce(int_ledger_unmatched.fx_rate, 0.00000000) as decimal(24,4)) - suspense_items.amount
        ) as decimal(24,4)) as amount_apart,
        cast(int_ledger_unmatched.tax as decimal(24,4)) as converted_tax,
        cast(int_ledger_unmatched.tax as decimal(24,4)) as tax,
        cast(0.0000 as decimal(24,4)) as tax_apart
    from suspense_items
    join int_ledger_unmatched
        on suspense_items.stream = int_ledger_unmatched.stream
        and suspense_items.source_key = int_ledger_unmatched.source_key
),

rated as (
    select
        int_rows_converted.stream as stream,
        int_rows_converted.currency as currency,
        int_rows_converted.rated_on as rated_on,
        int_rows_converted.row_count as row_count,
        int_rows_converted.rated_rows as rated_rows,
        int_rows_converted.lowest_rate as lowest_rate,
        int_rows_converted.highest_rate as highest_rate
    from int_rows_converted
    union all
    select
        int_ledger_unmatched.stream as stream,
        int_ledger_unmatched.original_currency as currency,
        int_ledger_unmatched.booked_on as rated_on,
        cast(1 as decimal(20,0)) as row_count,
        cast(case when int_ledger_unmatched.fx_rate is null then 0 else 1 end as decimal(20,0)) as rated_rows,
        int_ledger_unmatched.fx_rate as lowest_rate,
        int_ledger_unmatched.fx_rate as highest_rate
    from int_ledger_unmatched
)

-- Original amounts at the rates of their rows = the lines they were posted to, in every currency.
select
    'converted' as identity,
    converted.stream as stream,
    'amount' as measure,
    converted.currency as currency,
    sum(converted.converted_amount) as left_amount,
    sum(converted.lines) as right_amount,
    sum(converted.amount_apart) as difference
from converted
group by
    converted.stream,
    converted.currency
union all by name
select
    'converted' as identity,
    converted.stream as stream,
    'tax' as measure,
    converted.currency as currency,
    sum(converted.converted_tax) as left_amount,
    sum(converted.tax) as right_amount,
    sum(converted.tax_apart) as difference
from converted
where converted.stream in ('orders', 'order_lines', 'refunds')
group by
    converted.stream,
    converted.currency
union all by name
-- Rows with a rate, or without one though their own day has one on file = rows with the last rate on file of their day. A refund
-- is also without one when its own day has none.
select
    'dated_rates' as identity,
    rated.stream as stream,
    'rows' as measure,
    rated.currency as currency,
    sum(
        case
            when int_rates_in_force.rate_from = rated.rated_on and rated.stream <> 'refunds' then rated.row_count
            else rated.rated_rows
        end
    ) as left_amount,
    sum(
        case
            when rated.lowest_rate = int_rates_in_force.rate and rated.highest_rate = int_rates_in_force.rate then rated.rated_rows
            else cast(0 as decimal(20,0))
        end
    ) as right_amount
from rated
left join int_rates_in_force
    on rated.currency = int_rates_in_force.currency
    and rated.rated_on >= int_rates_in_force.rate_from
    and rated.rated_on < int_rates_in_force.rate_to
where rated.rated_rows > cast(0 as decimal(20,0)) or int_rates_in_force.rate_from = rated.rated_on
group by
    rated.stream,
    rated.currency
union all by name
-- Costs of goods as posted = units times the version in force, by plain joins.
select
    'recomputed_costs' as identity,
    int_costs_recomputed.stream as stream,
    int_costs_recomputed.measure as measure,
    $currency as currency,
    cast(sum(int_costs_recomputed.recomputed) as decimal(24,4)) as left_amount,
    sum(int_costs_recomputed.posted) as right_amount,
    sum(int_costs_recomputed.apart) as difference
from int_costs_recomputed
group by
    int_costs_recomputed.stream,
    int_costs_recomputed.measure
