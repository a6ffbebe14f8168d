-- One row per stream, currency and measure: what the source holds beside where each part of it went.
-- Currency: `currency`; `all` where a row has none of its own.
-- Left out: nothing.
with amounts as (
    select * from int_streams_counted
    union all by name
    select * from int_streams_posted
)

select
    amounts.stream as stream,
    amounts.currency as currency,
    amounts.measure as measure,
    cast(sum(
        case when amounts.part in ('read', 'after_as_of', 'quarantined', 'duplicates') then amounts.amount else 0.0000 end
    ) as decimal(24,4)) as source_amount,
    cast(sum(case when amounts.part = 'placed' then amounts.amount else 0.0000 end) as decimal(24,4)) as placed,
    cast(sum(case when amounts.part = 'in_suspense' then amounts.amount else 0.0000 end) as decimal(24,4)) as in_suspense,
    cast(sum(case when amounts.part = 'quarantined' then amounts.amount else 0.0000 end) as decimal(24,4)) as quarantined,
    cast(sum(case when amounts.part = 'duplicates' then amounts.amount else 0.0000 end) as decimal(24,4)) as duplicates,
    cast(sum(case when amounts.part = 'after_as_of' then amounts.amount else 0.0000 end) as decimal(24,4)) as after_as_of
from amounts
group by
    amounts.stream,
    amounts.currency,
    amounts.measure
