-- One row: where the rows that were read are, over all streams and the whole history.
select
    cast(sum(placed) as decimal(20, 0)) as placed,
    cast(sum(in_suspense) as decimal(20, 0)) as in_suspense,
    cast(sum(quarantined) as decimal(20, 0)) as quarantined,
    cast(sum(duplicates) as decimal(20, 0)) as duplicates,
    cast(sum(after_as_of) as decimal(20, 0)) as after_as_of
from reconciliation
where identity = 'once_only'
