-- One row per identity, stream, measure and currency: conservation, once only and join safety.
-- Currency: `currency`; `all` where currencies are taken together.
-- Left out: nothing.
with files as (
    select
        source_files.source as stream,
        cast(sum(source_files.rows) as decimal(24,4)) as file_rows
    from source_files
    where source_files.source in ('orders', 'order_lines', 'refunds', 'shipments', 'fees', 'spend')
    group by source_files.source
),

streams as (
    select
        int_streams_tied.stream as stream,
        cast(sum(int_streams_tied.placed) as decimal(24,4)) as placed,
        cast(sum(int_streams_tied.in_suspense) as decimal(24,4)) as in_suspense,
        cast(sum(int_streams_tied.quarantined) as decimal(24,4)) as quarantined,
        cast(sum(int_streams_tied.duplicates) as decimal(24,4)) as duplicates,
        cast(sum(int_streams_tied.after_as_of) as decimal(24,4)) as after_as_of
    from int_streams_tied
    where int_streams_tied.measure = 'rows'
    group by int_streams_tied.stream
)

-- The source's own total = ledger + quarantined + exact copies + after the as-of.
select
    'conservation' as identity,
    int_streams_tied.stream as stream,
    int_streams_tied.measure as measure,
    int_streams_tied.currency as currency,
    int_streams_tied.source_amount as left_amount,
    int_streams_tied.placed
        + int_streams_tied.in_suspense
        + int_streams_tied.quarantined
        + int_streams_tied.duplicates
        + int_streams_tied.after_as_of as right_amount,
    int_streams_tied.placed as placed,
    int_streams_tied.in_suspense as in_suspense,
    int_streams_tied.quarantined as quarantined,
    int_streams_tied.duplicates as duplicates,
    int_streams_tied.after_as_of as after_as_of
from int_streams_tied
where int_streams_tied.measure <> 'total'
union all by name
-- Rows as the files' footers say = ledger rows + quarantined + exact copies + after the as-of.
select
    'once_only' as identity,
    files.stream as stream,
    'rows' as measure,
    'all' as currency,
    files.file_rows as left_amount,
    coalesce(streams.placed + streams.in_suspense + streams.quarantined + streams.duplicates + streams.after_as_of, 0.0000)
        as right_amount,
    streams.placed as placed,
    streams.in_suspense as in_suspense,
    streams.quarantined as quarantined,
    streams.duplicates as duplicates,
    streams.after_as_of as after_as_of
from files
left join streams
    on files.stream = streams.stream
union all by name
-- Rows and amounts before the joins to orders, lines and channels = after them.
select
    'join_safety' as identity,
    int_streams_tied.stream as stream,
    int_streams_tied.measure as measure,
    int_streams_tied.currency as currency,
    int_streams_tied.source_amount
        - int_streams_tied.quarantined
        - int_streams_tied.duplicates
        - int_streams_tied.after_as_of as left_amount,
    int_streams_tied.placed + int_streams_tied.in_suspense as right_amount
from int_streams_tied
where int_streams_tied.measure in ('rows', 'amount')
