-- Exact copies of rows, which count once. Listed.
with copies as (
    select
        reconciliation.stream as stream,
        cast(reconciliation.duplicates as decimal(20,0)) as row_count
    from reconciliation
    where
        reconciliation.identity = 'once_only'
        and reconciliation.duplicates > 0.0000
)

select
    cast(null as decimal(24,4)) as amount,
    concat(
        'exact copies that count once: ',
        string_agg(concat(cast(copies.row_count as varchar), ' ', replace(copies.stream, '_', ' ')), ', ' order by copies.stream)
    ) as detail
from copies
having count(*) > 0
