-- Orders whose total is not the sum of its lines, shipping and tax. Any warns; above a share of the totals, and
-- above a floor at the latest rate, it blocks.
with totals as (
    select
        int_streams_counted.currency as currency,
        cast(sum(int_streams_counted.amount) as decimal(24,4)) as order_total
    from int_streams_counted
    where
        int_streams_counted.stream = 'orders'
        and int_streams_counted.measure = 'total'
        and int_streams_counted.part = 'read'
    group by int_streams_counted.currency
)

select
    'orders' as stream,
    case when reconciliation.currency = $currency then reconciliation.right_amount end as amount,
    concat(
        'order totals differ from their parts by ', money_text(reconciliation.right_amount), ' of ',
        money_text(totals.order_total), ' ', reconciliation.currency
    ) as detail,
    case
        when abs(reconciliation.right_amount) > cast($footing_share_block as decimal(9,6)) * abs(totals.order_total)
            and cast(abs(reconciliation.right_amount) as decimal(20,0)) * coalesce(int_latest_rates.rate, 1.00000000) > $footing_floor
            then 'block'
        else 'warn'
    end as severity
from reconciliation
join totals
    on reconciliation.currency = totals.currency
left join int_latest_rates
    on reconciliation.currency = int_latest_rates.currency
where
    reconciliation.identity = 'order_foots'
    and reconciliation.right_amount <> 0.0000
