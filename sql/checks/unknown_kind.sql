-- Rows of a kind that the posting models do not know. Blocks: their money is on a line that nobody chose.
select
    suspense_items.stream as stream,
    cast(sum(suspense_items.amount) as decimal(24,4)) as amount,
    concat(cast(count(*) as varchar), ' ', replace(suspense_items.stream, '_', ' '), ' of an unknown kind, first: ', min(suspense_items.source_key)) as detail
from suspense_items
where suspense_items.reason = 'unknown_kind'
group by suspense_items.stream
