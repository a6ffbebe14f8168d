-- Money of the period in suspense, per stream, as a share of the stream. Warns, then blocks above the
-- materiality.
with streams as (
    select
        int_streams_in_period.stream as stream,
        cast(sum(
            case when int_streams_in_period.suspense_reason is null then 0.0000 else int_streams_in_period.amount end
        ) as decimal(24,4)) as in_suspense,
        max(int_streams_in_period.stream_amount) as stream_amount
    from int_streams_in_period
    group by int_streams_in_period.stream
)

select
    streams.stream as stream,
    streams.in_suspense as amount,
    concat(
        money_text(streams.in_suspense), ' of ', money_text(streams.stream_amount), ' ', $currency, ' of ',
        replace(streams.stream, '_', ' '), ' of ', $period, ' in suspense, whichever their sign'
    ) as detail,
    case
        when streams.in_suspense > cast($suspense_share_block as decimal(9,6)) * streams.stream_amount
            and streams.in_suspense > $materiality
            then 'block'
        else 'warn'
    end as severity
from streams
where streams.in_suspense > cast($suspense_share_warn as decimal(9,6)) * streams.stream_amount
