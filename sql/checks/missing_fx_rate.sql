-- Rows of the period whose currency has no rate. Any warns; above a share of the stream's rows it blocks.
select
    int_streams_in_period.stream as stream,
    cast(0 as decimal(24,4)) as amount,
    concat(
        cast(int_streams_in_period.row_count as varchar), ' of ', cast(int_streams_in_period.stream_rows as varchar),
        ' ', int_streams_in_period.stream, ' have no rate to ', $currency
    ) as detail,
    case
        when int_streams_in_period.row_count > cast($missing_fx_block as decimal(9,6)) * int_streams_in_period.stream_rows then 'block'
        else 'warn'
    end as severity
from int_streams_in_period
where int_streams_in_period.suspense_reason = 'missing_fx_rate'
