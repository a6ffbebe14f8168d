-- One row per basis, period and marketing channel: the rows of this intake that belong to no SKU (`none`).
-- Currency: reporting currency.
-- Left out: order lines and refunds, which have files of their own.
select
    'both' as basis,
    period_of(int_ledger_by_day.booked_on) as period,
    'none' as sku,
    int_ledger_by_day.marketing_channel as marketing_channel,
    sum(int_ledger_by_day.platform_discounts) as platform_discounts,
    sum(int_ledger_by_day.shipping_income) as shipping_income,
    sum(int_ledger_by_day.chargebacks) as chargebacks,
    sum(int_ledger_by_day.write_downs) as write_downs,
    sum(int_ledger_by_day.carrier_cost) as carrier_cost,
    sum(int_ledger_by_day.handling_cost) as handling_cost,
    sum(int_ledger_by_day.return_logistics) as return_logistics,
    sum(int_ledger_by_day.payment_fees) as payment_fees,
    sum(int_ledger_by_day.marketplace_fees) as marketplace_fees,
    sum(int_ledger_by_day.media_spend) as media_spend,
    sum(int_ledger_by_day.media_credits) as media_credits,
    sum(int_ledger_by_day.affiliate_commission) as affiliate_commission,
    sum(int_ledger_by_day.tax) as tax,
    sum(int_ledger_by_day.footing_difference) as footing_difference
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
    sum(int_ledger_by_day.platform_discounts) as platform_discounts,
    sum(int_ledger_by_day.shipping_income) as shipping_income,
    sum(int_ledger_by_day.chargebacks) as chargebacks,
    sum(int_ledger_by_day.write_downs) as write_downs,
    sum(int_ledger_by_day.carrier_cost) as carrier_cost,
    sum(int_ledger_by_day.handling_cost) as handling_cost,
    sum(int_ledger_by_day.return_logistics) as return_logistics,
    sum(int_ledger_by_day.payment_fees) as payment_fees,
    sum(int_ledger_by_day.marketplace_fees) as marketplace_fees,
    sum(int_ledger_by_day.media_spend) as media_spend,
    sum(int_ledger_by_day.media_credits) as media_credits,
    sum(int_ledger_by_day.affiliate_commission) as affiliate_commission,
    sum(int_ledger_by_day.tax) as tax,
    sum(int_ledger_by_day.footing_difference) as footing_difference
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
    sum(int_ledger_by_day.platform_discounts) as platform_discounts,
    sum(int_ledger_by_day.shipping_income) as shipping_income,
    sum(int_ledger_by_day.chargebacks) as chargebacks,
    sum(int_ledger_by_day.write_downs) as write_downs,
    sum(int_ledger_by_day.carrier_cost) as carrier_cost,
    sum(int_ledger_by_day.handling_cost) as handling_cost,
    sum(int_ledger_by_day.return_logistics) as return_logistics,
    sum(int_ledger_by_day.payment_fees) as payment_fees,
    sum(int_ledger_by_day.marketplace_fees) as marketplace_fees,
    sum(int_ledger_by_day.media_spend) as media_spend,
    sum(int_ledger_by_day.media_credits) as media_credits,
    sum(int_ledger_by_day.affiliate_commission) as affiliate_commission,
    sum(int_ledger_by_day.tax) as tax,
    sum(int_ledger_by_day.footing_difference) as footing_difference
from int_ledger_by_day
where
    int_ledger_by_day.stream not in ('order_lines', 'refunds')
    and period_of(int_ledger_by_day.booked_on) <> period_of(int_ledger_by_day.ordered_on)
group by
    period_of(int_ledger_by_day.ordered_on),
    int_ledger_by_day.marketing_channel
