-- Amounts or quantities of the wrong sign. Blocks: a negative refund would raise revenue.
select
    int_wrong_signs.stream as stream,
    cast(null as decimal(24,4)) as amount,
    concat(cast(sum(int_wrong_signs.row_count) as varchar), ' rows of ', replace(int_wrong_signs.stream, '_', ' '), ' have an amount or quantity of the wrong sign')
        as detail
from int_wrong_signs
group by int_wrong_signs.stream
