-- One row per basis, period and marketing channel: the rows of this intake that belong to no SKU (`none`).
-- Currency: reporting currency.
-- Left out: order lines and refunds, which have files of their own.
select
    'both' as basis,
    period_of(int_ledger_by_day.booked_on) as period,
    'none' as sku,
    int_ledger_by_day.marketing_channel as marketing_channel,
    cast(sum(int_ledger_by_day.platform_discounts) as decimal(24,4)) as platform_discounts,
    cast(sum(int_ledger_by_day.shipping_income) as decimal(24,4)) as shipping_income,
    cast(sum(int_ledger_by_day.chargebacks) as decimal(24,4)) as chargebacks,
    cast(sum(int_ledger_by_day.write_downs) as decimal(24,4)) as write_downs,
    cast(sum(int_ledger_by_day.carrier_cost) as decimal(24,4)) as carrier_cost,
    cast(sum(int_ledger_by_day.handling_cost) as decimal(24,4)) as handling_cost,
    cast(sum(int_ledger_by_day.return_logistics) as decimal(24,4)) as return_logistics,
    cast(sum(int_ledger_by_day.payment_fees) as decimal(24,4)) as payment_fees,
    cast(sum(int_ledger_by_day.marketplace_fees) as decimal(24,4)) as marketplace_fees,
    cast(sum(int_ledger_by_day.media_spend) as decimal(24,4)) as media_spend,
    cast(sum(int_ledger_by_day.media_credits) as decimal(24,4)) as media_credits,
    cast(sum(int_ledger_by_day.affiliate_commission) as decimal(24,4)) as affiliate_commission,
    cast(sum(int_ledger_by_day.tax) as decimal(24,4)) as tax,
    cast(sum(int_ledger_by_day.footing_difference) as decimal(24,4)) as footing_difference
from int_ledger_by_day
where
    int_ledger_by_day.stream not in ('order_lines', 'refunds')
    and period_of(int_ledger_by_day.booked_on) = period_of(int_ledger_by_day.ordered_on)
group by
    period_of(int_ledger_by_day.booked_on),
    int_ledger_by_day.marketing_channel
union all
select
    'booked' as basis,
    period_of(int_ledger_by_day.booked_on) as period,
    'none' as sku,
    int_ledger_by_day.marketing_channel as marketing_channel,
    cast(sum(int_ledger_by_day.platform_discounts) as decimal(24,4)) as platform_discounts,
    cast(sum(int_ledger_by_day.shipping_income) as decimal(24,4)) as shipping_income,
    cast(sum(int_ledger_by_day.chargebacks) as decimal(24,4)) as chargebacks,
    cast(sum(int_ledger_by_day.write_downs) as decimal(24,4)) as write_downs,
    cast(sum(int_ledger_by_day.carrier_cost) as decimal(24,4)) as carrier_cost,
    cast(sum(int_ledger_by_day.handling_cost) as decimal(24,4)) as handling_cost,
    cast(sum(int_ledger_by_day.return_logistics) as decimal(24,4)) as return_logistics,
    cast(sum(int_ledger_by_day.payment_fees) as decimal(24,4)) as payment_fees,
    cast(sum(int_ledger_by_day.marketplace_fees) as decimal(24,4)) as marketplace_fees,
    cast(sum(int_ledger_by_day.media_spend) as decimal(24,4)) as media_spend,
    cast(sum(int_ledger_by_day.media_credits) as decimal(24,4)) as media_credits,
    cast(sum(int_ledger_by_day.affiliate_commission) as decimal(24,4)) as affiliate_commission,
    cast(sum(int_ledger_by_day.tax) as decimal(24,4)) as tax,
    cast(sum(int_ledger_by_day.footing_difference) as decimal(24,4)) as footing_difference
from int_ledger_by_day
where
    int_ledger_by_day.stream not in ('order_lines', 'refunds')
    and period_of(int_ledger_by_day.booked_on) <> period_of(int_ledger_by_day.ordered_on)
group by
    period_of(int_ledger_by_day.booked_on),
    int_ledger_by_day.marketing_channel
union all
select
    'cohort' as basis,
    period_of(int_ledger_by_day.ordered_on) as period,
    'none' as sku,
    int_ledger_by_day.marketing_channel as marketing_channel,
    cast(sum(int_ledger_by_day.platform_discounts) as decimal(24,4)) as platform_discounts,
    cast(sum(int_ledger_by_day.shipping_income) as decimal(24,4)) as shipping_income,
    cast(sum(int_ledger_by_day.chargebacks) as decimal(24,4)) as chargebacks,
    cast(sum(int_ledger_by_day.write_downs) as decimal(24,4)) as write_downs,
    cast(sum(int_ledger_by_day.carrier_cost) as decimal(24,4)) as carrier_cost,
    cast(sum(int_ledger_by_day.handling_cost) as decimal(24,4)) as handling_cost,
    cast(sum(int_ledger_by_day.return_logistics) as decimal(24,4)) as return_logistics,
    cast(sum(int_ledger_by_day.payment_fees) as decimal(24,4)) as payment_fees,
    cast(sum(int_ledger_by_day.marketplace_fees) as decimal(24,4)) as marketplace_fees,
    cast(sum(int_ledger_by_day.media_spend) as decimal(24,4)) as media_spend,
    cast(sum(int_ledger_by_day.media_credits) as decimal(24,4)) as media_credits,
    cast(sum(int_ledger_by_day.affiliate_commission) as decimal(24,4)) as affiliate_commission,
    cast(sum(int_ledger_by_day.tax) as decimal(24,4)) as tax,
    cast(sum(int_ledger_by_day.footing_difference) as decimal(24,4)) as footing_difference
from int_ledger_by_day
where
    int_ledger_by_day.stream not in ('order_lines', 'refunds')
    and period_of(int_ledger_by_day.booked_on) <> period_of(int_ledger_by_day.ordered_on)
group by
    period_of(int_ledger_by_day.ordered_on),
    int_ledger_by_day.marketing_channel
