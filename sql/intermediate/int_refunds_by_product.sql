-- One row per basis, period, SKU and marketing channel: the refunds of this intake's orders.
-- Basis `both` holds refunds booked in the period of their order. SKU `none`: the refund is of the order as a whole.
-- Currency: reporting currency.
-- Left out: refunds without an order or line (`int_ledger_unmatched`).
select
    'both' as basis,
    period_of(int_refunds_posted.booked_on) as period,
    coalesce(int_refunds_posted.sku, 'none') as sku,
    int_refunds_posted.marketing_channel as marketing_channel,
    sum(cast(int_refunds_posted.units as decimal(20,0))) as units,
    sum(int_refunds_posted.returns) as returns,
    sum(int_refunds_posted.allowances) as allowances,
    sum(int_refunds_posted.refunded_shipping) as refunded_shipping,
    sum(int_refunds_posted.cancellations) as cancellations,
    sum(int_refunds_posted.chargebacks) as chargebacks,
    sum(int_refunds_posted.cost_recovered) as cost_recovered,
    sum(int_refunds_posted.tax) as tax,
    sum(int_refunds_posted.fx_difference) as fx_difference
from int_refunds_posted
where period_of(int_refunds_posted.booked_on) = period_of(int_refunds_posted.ordered_on)
group by
    period_of(int_refunds_posted.booked_on),
    coalesce(int_refunds_posted.sku, 'none'),
    int_refunds_posted.marketing_channel
union all
select
    'booked' as basis,
    period_of(int_refunds_posted.booked_on) as period,
    coalesce(int_refunds_posted.sku, 'none') as sku,
    int_refunds_posted.marketing_channel as marketing_channel,
    sum(cast(int_refunds_posted.units as decimal(20,0))) as units,
    sum(int_refunds_posted.returns) as returns,
    sum(int_refunds_posted.allowances) as allowances,
    sum(int_refunds_posted.refunded_shipping) as refunded_shipping,
    sum(int_refunds_posted.cancellations) as cancellations,
    sum(int_refunds_posted.chargebacks) as chargebacks,
    sum(int_refunds_posted.cost_recovered) as cost_recovered,
    sum(int_refunds_posted.tax) as tax,
    sum(int_refunds_posted.fx_difference) as fx_difference
from int_refunds_posted
where period_of(int_refunds_posted.booked_on) <> period_of(int_refunds_posted.ordered_on)
group by
    period_of(int_refunds_posted.booked_on),
    coalesce(int_refunds_posted.sku, 'none'),
    int_refunds_posted.marketing_channel
union all
select
    'cohort' as basis,
    period_of(int_refunds_posted.ordered_on) as period,
    coalesce(int_refunds_posted.sku, 'none') as sku,
    int_refunds_posted.marketing_channel as marketing_channel,
    sum(cast(int_refunds_posted.units as decimal(20,0))) as units,
    sum(int_refunds_posted.returns) as returns,
    sum(int_refunds_posted.allowances) as allowances,
    sum(int_refunds_posted.refunded_shipping) as refunded_shipping,
    sum(int_refunds_posted.cancellations) as cancellations,
    sum(int_refunds_posted.chargebacks) as chargebacks,
    sum(int_refunds_posted.cost_recovered) as cost_recovered,
    sum(int_refunds_posted.tax) as tax,
    sum(int_refunds_posted.fx_difference) as fx_difference
from int_refunds_posted
where period_of(int_refunds_posted.booked_on) <> period_of(int_refunds_posted.ordered_on)
group by
    period_of(int_refunds_posted.ordered_on),
    coalesce(int_refunds_posted.sku, 'none'),
    int_refunds_posted.marketing_channel
