-- One row per basis, period, SKU and marketing channel: the refunds of this intake's orders.
-- Basis `both` holds refunds booked in the period of their order. SKU `none`: the refund is of the order as a whole.
-- Currency: reporting currency.
-- Left out: refunds without an order or line (`int_ledger_unmatched`).
select
    'both' as basis,
    period_of(int_refunds_posted.booked_on) as period,
    coalesce(int_refunds_posted.sku, 'none') as sku,
    int_refunds_posted.marketing_channel as marketing_channel,
    cast(sum(cast(int_refunds_posted.units as decimal(20,0))) as decimal(20,0)) as units,
    cast(sum(int_refunds_posted.returns) as decimal(24,4)) as returns,
    cast(sum(int_refunds_posted.allowances) as decimal(24,4)) as allowances,
    cast(sum(int_refunds_posted.refunded_shipping) as decimal(24,4)) as refunded_shipping,
    cast(sum(int_refunds_posted.cancellations) as decimal(24,4)) as cancellations,
    cast(sum(int_refunds_posted.chargebacks) as decimal(24,4)) as chargebacks,
    cast(sum(int_refunds_posted.cost_recovered) as decimal(24,4)) as cost_recovered,
    cast(sum(int_refunds_posted.tax) as decimal(24,4)) as tax,
    cast(sum(int_refunds_posted.fx_difference) as decimal(24,4)) as fx_difference
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
    cast(sum(cast(int_refunds_posted.units as decimal(20,0))) as decimal(20,0)) as units,
    cast(sum(int_refunds_posted.returns) as decimal(24,4)) as returns,
    cast(sum(int_refunds_posted.allowances) as decimal(24,4)) as allowances,
    cast(sum(int_refunds_posted.refunded_shipping) as decimal(24,4)) as refunded_shipping,
    cast(sum(int_refunds_posted.cancellations) as decimal(24,4)) as cancellations,
    cast(sum(int_refunds_posted.chargebacks) as decimal(24,4)) as chargebacks,
    cast(sum(int_refunds_posted.cost_recovered) as decimal(24,4)) as cost_recovered,
    cast(sum(int_refunds_posted.tax) as decimal(24,4)) as tax,
    cast(sum(int_refunds_posted.fx_difference) as decimal(24,4)) as fx_difference
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
    cast(sum(cast(int_refunds_posted.units as decimal(20,0))) as decimal(20,0)) as units,
    cast(sum(int_refunds_posted.returns) as decimal(24,4)) as returns,
    cast(sum(int_refunds_posted.allowances) as decimal(24,4)) as allowances,
    cast(sum(int_refunds_posted.refunded_shipping) as decimal(24,4)) as refunded_shipping,
    cast(sum(int_refunds_posted.cancellations) as decimal(24,4)) as cancellations,
    cast(sum(int_refunds_posted.chargebacks) as decimal(24,4)) as chargebacks,
    cast(sum(int_refunds_posted.cost_recovered) as decimal(24,4)) as cost_recovered,
    cast(sum(int_refunds_posted.tax) as decimal(24,4)) as tax,
    cast(sum(int_refunds_posted.fx_difference) as decimal(24,4)) as fx_difference
from int_refunds_posted
where period_of(int_refunds_posted.booked_on) <> period_of(int_refunds_posted.ordered_on)
group by
    period_of(int_refunds_posted.ordered_on),
    coalesce(int_refunds_posted.sku, 'none'),
    int_refunds_posted.marketing_channel
