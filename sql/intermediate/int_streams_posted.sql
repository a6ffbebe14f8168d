-- One row per stream, currency, fate and measure: what the ledger holds, with the sources' signs.
-- Currency: `currency`; order lines are taken together as `all`, because their source has none.
-- Left out: nothing of the ledger.
with posted as (
    select
        int_ledger_totalled.stream as stream,
        case when int_ledger_totalled.stream = 'order_lines' then 'all' else int_ledger_totalled.currency end as currency,
        case when int_ledger_totalled.in_suspense then 'in_suspense' else 'placed' end as part,
        int_ledger_totalled.row_count as row_count,
        case when int_ledger_totalled.stream = 'order_lines' then int_ledger_totalled.units end as units,
        case
            when int_ledger_totalled.stream in ('orders', 'order_lines') then int_ledger_totalled.amount
            else int_ledger_totalled.credit - int_ledger_totalled.amount
        end as amount,
        case
            when int_ledger_totalled.stream in ('orders', 'order_lines') then int_ledger_totalled.tax
            when int_ledger_totalled.stream = 'refunds' then -int_ledger_totalled.tax
        end as tax,
        case when int_ledger_totalled.stream = 'spend' then int_ledger_totalled.credit end as credit
    from int_ledger_totalled
    union all by name
    select
        int_ledger_unmatched.stream as stream,
        int_ledger_unmatched.original_currency as currency,
        'in_suspense' as part,
        cast(1 as decimal(20,0)) as row_count,
        -int_ledger_unmatched.original_amount as amount
    from int_ledger_unmatched
    union all by name
    select
        'refunds' as stream,
        stg_refunds_unmatched.currency as currency,
        'in_suspense' as part,
        stg_refunds_unmatched.tax as tax
    from stg_refunds_unmatched
),

measures as (
    select
        posted.stream as stream,
        posted.currency as currency,
        posted.part as part,
        unnest(make_array(
            named_struct('measure', 'rows', 'amount', cast(posted.row_count as decimal(24,4))),
            named_struct('measure', 'units', 'amount', cast(posted.units as decimal(24,4))),
            named_struct('measure', 'amount', 'amount', cast(posted.amount as decimal(24,4))),
            named_struct('measure', 'tax', 'amount', cast(posted.tax as decimal(24,4))),
            named_struct('measure', 'credit', 'amount', cast(posted.credit as decimal(24,4)))
        )) as line
    from posted
)

select
    measures.stream as stream,
    measures.currency as currency,
    measures.part as part,
    measures.line['measure'] as measure,
    cast(sum(measures.line['amount']) as decimal(24,4)) as amount
from measures
where measures.line['amount'] is not null
group by
    measures.stream,
    measures.currency,
    measures.part,
    measures.line['measure']
