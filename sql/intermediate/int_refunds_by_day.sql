-- One row per day booked, day of the order, channels, currency and reason for suspense: the refunds of known orders of this intake.
-- Currency: lines in reporting currency, `original_amount` in `original_currency`.
-- Left out: nothing of `int_refunds_posted`.
select
    'refunds' as stream,
    int_refunds_posted.booked_on as booked_on,
    int_refunds_posted.ordered_on as ordered_on,
    int_refunds_posted.sales_channel as sales_channel,
    int_refunds_posted.marketing_channel as marketing_channel,
    int_refunds_posted.original_currency as original_currency,
    int_refunds_posted.suspense_reason as suspense_reason,
    cast(count(*) as decimal(20,0)) as row_count,
    sum(cast(int_refunds_posted.units as decimal(20,0))) as units,
    sum(int_refunds_posted.returns) as returns,
    sum(int_refunds_posted.allowances) as allowances,
    sum(int_refunds_posted.refunded_shipping) as refunded_shipping,
    sum(int_refunds_posted.cancellations) as cancellations,
    sum(int_refunds_posted.chargebacks) as chargebacks,
    sum(int_refunds_posted.cost_recovered) as cost_recovered,
    sum(int_refunds_posted.tax) as tax,
    sum(int_refunds_posted.fx_difference) as fx_difference,
    sum(int_refunds_posted.original_tax) as original_tax,
    sum(int_refunds_posted.original_amount) as original_amount
from int_refunds_posted
group by
    int_refunds_posted.booked_on,
    int_refunds_posted.ordered_on,
    int_refunds_posted.sales_channel,
    int_refunds_posted.marketing_channel,
    int_refunds_posted.original_currency,
    int_refunds_posted.suspense_reason
