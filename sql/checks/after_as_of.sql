-- Rows at or after the as-of, which do not count yet. Listed.
select
    reconciliation.stream as stream,
    cast(sum(case when reconciliation.measure = 'amount' then reconciliation.after_as_of else 0.0000 end) as decimal(24,4)) as amount,
    concat(
        cast(cast(sum(case when reconciliation.measure = 'rows' then reconciliation.after_as_of else 0.0000 end) as bigint) as varchar),
        ' rows of ', reconciliation.stream, ' are later than the as-of'
    ) as detail
from reconciliation
where reconciliation.identity = 'conservation'
group by reconciliation.stream
having sum(case when reconciliation.measure = 'rows' then reconciliation.after_as_of else 0.0000 end) > 0.0000
