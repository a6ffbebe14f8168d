-- One row per stream, currency, fate and measure: what the sources hold.
-- Currency: `currency`; `all` where a row has none of its own.
-- Left out: sources that are no stream of the ledger.
with counted as (
    select * from int_orders_counted
    union all by name
    select * from int_order_lines_counted
    union all by name
    select * from int_refunds_counted
    union all by name
    select * from int_shipments_counted
    union all by name
    select * from int_fees_counted
    union all by name
    select * from int_spend_counted
    union all by name
    -- Only its order tells that a line does not count yet: it moves from one fate to the other.
    select
        int_order_lines_waiting.stream as stream,
        int_order_lines_waiting.currency as currency,
        'after_as_of' as part,
        int_order_lines_waiting.row_count as row_count,
        int_order_lines_waiting.units as units,
        int_order_lines_waiting.amount as amount,
        int_order_lines_waiting.tax as tax
    from int_order_lines_waiting
    union all by name
    select
        int_order_lines_waiting.stream as stream,
        int_order_lines_waiting.currency as currency,
        'read' as part,
        -int_order_lines_waiting.row_count as row_count,
        -int_order_lines_waiting.units as units,
        -int_order_lines_waiting.amount as amount,
        -int_order_lines_waiting.tax as tax
    from int_order_lines_waiting
),

measures as (
    select
        counted.stream as stream,
        counted.currency as currency,
        counted.part as part,
        unnest(make_array(
            named_struct('measure', 'rows', 'amount', cast(counted.row_count as decimal(24,4))),
            named_struct('measure', 'units', 'amount', cast(counted.units as decimal(24,4))),
            named_struct('measure', 'amount', 'amount', counted.amount),
            named_struct('measure', 'tax', 'amount', counted.tax),
            named_struct('measure', 'credit', 'amount', counted.credit),
            named_struct('measure', 'total', 'amount', counted.total)
        )) as line
    from counted
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
