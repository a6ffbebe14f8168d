-- One row per reason, stream and owner: what of the period could not be placed, and for how long it has waited.
-- `amount` is what the rows count in the totals, in reporting currency. Rows without a rate, and lines without an order,
-- count 0: `counted` says what they state themselves.
with items as (
    select
        reason as reason,
        stream as stream,
        owner as owner,
        age_days as age_days,
        amount as amount,
        original_amount as original_amount,
        original_currency as original_currency,
        reason = 'missing_fx_rate' or (reason = 'order_unknown' and stream = 'order_lines') as is_unvalued
    from suspense_items
    where period = $period
),

unvalued as (
    select
        reason,
        stream,
        owner,
        case
            when original_currency = 'none' then concat(cast(count(*) as varchar), ' rows of unknown currency')
            else concat(money_text(cast(sum(original_amount) as decimal(24, 4))), ' ', original_currency)
        end as told
    from items
    where is_unvalued
    group by
        reason,
        stream,
        owner,
        original_currency
),

told as (
    select
        reason,
        stream,
        owner,
        string_agg(told, ', ' order by told) as told
    from unvalued
    group by
        reason,
        stream,
        owner
),

summed as (
    select
        reason,
        stream,
        owner,
        count(*) as items,
        max(age_days) as oldest_days,
        cast(sum(amount) as decimal(24, 4)) as amount
    from items
    group by
        reason,
        stream,
        owner
)

select
    summed.reason as reason,
    case
        when told.told is not null then concat(summed.stream, ', not counted: ', told.told)
        when summed.reason = 'missing_cost' and summed.stream = 'order_lines' then 'sales, at 0.00 cost'
        when summed.stream = 'order_lines' then 'sales less cost of goods'
        when summed.stream = 'orders' then 'shipping income'
        when summed.stream = 'shipments' then 'freight and handling'
        when summed.stream = 'spend' then 'media spend less credits'
        else summed.stream
    end as counted,
    summed.owner as owner,
    summed.items as items,
    summed.oldest_days as oldest_days,
    summed.amount as amount
from summed
left join told
    on summed.reason = told.reason
    and summed.stream = told.stream
    and summed.owner = told.owner
order by
    summed.oldest_days desc,
    summed.reason,
    summed.stream,
    summed.owner
