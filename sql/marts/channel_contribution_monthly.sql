-- One row per period, basis and channels.
-- Currency: reporting currency.
-- Left out: channels without a row in the period.
select
    channel_contribution_daily.period as period,
    channel_contribution_daily.basis as basis,
    channel_contribution_daily.sales_channel as sales_channel,
    channel_contribution_daily.marketing_channel as marketing_channel,
    cast(sum(channel_contribution_daily.orders) as decimal(20,0)) as orders,
    cast(sum(channel_contribution_daily.units) as decimal(20,0)) as units,
    cast(sum(channel_contribution_daily.gross_sales) as decimal(24,4)) as gross_sales,
    cast(sum(channel_contribution_daily.discounts) as decimal(24,4)) as discounts,
    cast(sum(channel_contribution_daily.platform_discounts) as decimal(24,4)) as platform_discounts,
    cast(sum(channel_contribution_daily.shipping_income) as decimal(24,4)) as shipping_income,
    cast(sum(channel_contribution_daily.returns) as decimal(24,4)) as returns,
    cast(sum(channel_contribution_daily.allowances) as decimal(24,4)) as allowances,
    cast(sum(channel_contribution_daily.refunded_shipping) as decimal(24,4)) as refunded_shipping,
    cast(sum(channel_contribution_daily.cancellations) as decimal(24,4)) as cancellations,
    cast(sum(channel_contribution_daily.chargebacks) as decimal(24,4)) as chargebacks,
    cast(sum(channel_contribution_daily.product_cost) as decimal(24,4)) as product_cost,
    cast(sum(channel_contribution_daily.landed_cost) as decimal(24,4)) as landed_cost,
    cast(sum(channel_contribution_daily.cost_recovered) as decimal(24,4)) as cost_recovered,
    cast(sum(channel_contribution_daily.write_downs) as decimal(24,4)) as write_downs,
    cast(sum(channel_contribution_daily.carrier_cost) as decimal(24,4)) as carrier_cost,
    cast(sum(channel_contribution_daily.handling_cost) as decimal(24,4)) as handling_cost,
    cast(sum(channel_contribution_daily.return_logistics) as decimal(24,4)) as return_logistics,
    cast(sum(channel_contribution_daily.payment_fees) as decimal(24,4)) as payment_fees,
    cast(sum(channel_contribution_daily.marketplace_fees) as decimal(24,4)) as marketplace_fees,
    cast(sum(channel_contribution_daily.media_spend) as decimal(24,4)) as media_spend,
    cast(sum(channel_contribution_daily.media_credits) as decimal(24,4)) as media_credits,
    cast(sum(channel_contribution_daily.affiliate_commission) as decimal(24,4)) as affiliate_commission,
    cast(sum(channel_contribution_daily.net_revenue) as decimal(24,4)) as net_revenue,
    cast(sum(channel_contribution_daily.contribution_1) as decimal(24,4)) as contribution_1,
    cast(sum(channel_contribution_daily.contribution_2) as decimal(24,4)) as contribution_2,
    cast(sum(channel_contribution_daily.contribution_3) as decimal(24,4)) as contribution_3,
    cast(sum(channel_contribution_daily.tax) as decimal(24,4)) as tax,
    cast(sum(channel_contribution_daily.footing_difference) as decimal(24,4)) as footing_difference,
    cast(sum(channel_contribution_daily.fx_difference) as decimal(24,4)) as fx_difference
from channel_contribution_daily
group by
    channel_contribution_daily.period,
    channel_contribution_daily.basis,
    channel_contribution_daily.sales_channel,
    channel_contribution_daily.marketing_channel
