-- One row per period, basis and measure: the daily channel mart as a whole.
-- Currency: reporting currency. `broken` is what the cells' levels differ from the sum of their lines, without sign.
-- Left out: nothing.
with totals as (
    select
        channel_contribution_daily.period as period,
        channel_contribution_daily.basis as basis,
        cast(sum(cast(
            abs(channel_contribution_daily.net_revenue - (channel_contribution_daily.gross_sales + channel_contribution_daily.discounts + channel_contribution_daily.platform_discounts + channel_contribution_daily.shipping_income + channel_contribution_daily.returns + channel_contribution_daily.allowances + channel_contribution_daily.refunded_shipping + channel_contribution_daily.cancellations + channel_contribution_daily.chargebacks))
            + abs(channel_contribution_daily.contribution_1 - (channel_contribution_daily.net_revenue + channel_contribution_daily.product_cost + channel_contribution_daily.landed_cost + channel_contribution_daily.cost_recovered + channel_contribution_daily.write_downs))
            + abs(channel_contribution_daily.contribution_2 - (channel_contribution_daily.contribution_1 + channel_contribution_daily.carrier_cost + channel_contribution_daily.handling_cost + channel_contribution_daily.return_logistics + channel_contribution_daily.payment_fees + channel_contribution_daily.marketplace_fees))
            + abs(channel_contribution_daily.contribution_3 - (channel_contribution_daily.contribution_2 + channel_contribution_daily.media_spend + channel_contribution_daily.media_credits + channel_contribution_daily.affiliate_commission))
        as decimal(24,4))) as decimal(24,4)) as broken,
        cast(sum(channel_contribution_daily.units) as decimal(24,4)) as units,
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
        cast(sum(channel_contribution_daily.contribution_3) as decimal(24,4)) as contribution_3,
        cast(sum(channel_contribution_daily.tax) as decimal(24,4)) as tax,
        cast(sum(channel_contribution_daily.footing_difference) as decimal(24,4)) as footing_difference,
        cast(sum(channel_contribution_daily.fx_difference) as decimal(24,4)) as fx_difference
    from channel_contribution_daily
    group by
        channel_contribution_daily.period,
        channel_contribution_daily.basis
),

measures as (
    select
        totals.period as period,
        totals.basis as basis,
        unnest(make_array(
            named_struct('measure', 'units', 'amount', totals.units),
            named_struct('measure', 'gross_sales', 'amount', totals.gross_sales),
            named_struct('measure', 'discounts', 'amount', totals.discounts),
            named_struct('measure', 'platform_discounts', 'amount', totals.platform_discounts),
            named_struct('measure', 'shipping_income', 'amount', totals.shipping_income),
            named_struct('measure', 'returns', 'amount', totals.returns),
            named_struct('measure', 'allowances', 'amount', totals.allowances),
            named_struct('measure', 'refunded_shipping', 'amount', totals.refunded_shipping),
            named_struct('measure', 'cancellations', 'amount', totals.cancellations),
            named_struct('measure', 'chargebacks', 'amount', totals.chargebacks),
            named_struct('measure', 'product_cost', 'amount', totals.product_cost),
            named_struct('measure', 'landed_cost', 'amount', totals.landed_cost),
            named_struct('measure', 'cost_recovered', 'amount', totals.cost_recovered),
            named_struct('measure', 'write_downs', 'amount', totals.write_downs),
            named_struct('measure', 'carrier_cost', 'amount', totals.carrier_cost),
            named_struct('measure', 'handling_cost', 'amount', totals.handling_cost),
            named_struct('measure', 'return_logistics', 'amount', totals.return_logistics),
            named_struct('measure', 'payment_fees', 'amount', totals.payment_fees),
            named_struct('measure', 'marketplace_fees', 'amount', totals.marketplace_fees),
            named_struct('measure', 'media_spend', 'amount', totals.media_spend),
            named_struct('measure', 'media_credits', 'amount', totals.media_credits),
            named_struct('measure', 'affiliate_commission', 'amount', totals.affiliate_commission),
            named_struct('measure', 'contribution_3', 'amount', totals.contribution_3),
            named_struct('measure', 'tax', 'amount', totals.tax),
            named_struct('measure', 'footing_difference', 'amount', totals.footing_difference),
            named_struct('measure', 'fx_difference', 'amount', totals.fx_difference),
            named_struct('measure', 'broken', 'amount', totals.broken)
        )) as line
    from totals
)

select
    measures.period as period,
    measures.basis as basis,
    measures.line['measure'] as measure,
    measures.line['amount'] as amount
from measures
