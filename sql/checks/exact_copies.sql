-- Exact copies of rows, which count once. Listed.
select
    reconciliation.stream as stream,
    cast(sum(case when reconciliation.measure = 'amount' then reconciliation.duplicates else 0.0000 end) as decimal(24,4)) as amount,
    concat(
        cast(cast(sum(case when reconciliation.measure = 'rows' then reconciliation.duplicates else 0.0000 end) as bigint) as varchar),
        ' exact copies in ', reconciliation.stream, ' count once'
    ) as detail
from reconciliation
where reconciliation.identity = 'conservation'
group by reconciliation.stream
having sum(case when reconciliation.measure = 'rows' then reconciliation.duplicates else 0.0000 end) > 0.0000
