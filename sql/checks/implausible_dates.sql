-- Rows booked before the first day that can be true. Blocks: such a row is in no month that anybody looks at.
select
    int_streams_by_period.stream as stream,
    cast(sum(int_streams_by_period.amount) as decimal(24,4)) as amount,
    concat(
        cast(sum(int_streams_by_period.row_count) as varchar), ' rows of ', replace(int_streams_by_period.stream, '_', ' '), ' are booked before ',
        cast($first_plausible_day as varchar), ', first in ', min(int_streams_by_period.period)
    ) as detail
from int_streams_by_period
where int_streams_by_period.period < period_of($first_plausible_day)
group by int_streams_by_period.stream
