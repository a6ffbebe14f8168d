-- Rows at or after the as-of, which do not count yet. Listed.
with later as (
    select
        reconciliation.stream as stream,
        cast(reconciliation.after_as_of as decimal(20,0)) as row_count
    from reconciliation
    where
        reconciliation.identity = 'once_only'
        and reconciliation.after_as_of > 0.0000
)

select
    cast(null as decimal(24,4)) as amount,
    concat(
        'rows later than the as-of, which do not count yet: ',
        string_agg(concat(cast(later.row_count as varchar), ' ', replace(later.stream, '_', ' ')), ', ' order by later.stream)
    ) as detail
from later
having count(*) > 0
