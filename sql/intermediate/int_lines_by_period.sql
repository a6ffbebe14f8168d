-- One row per period booked, period of the order and measure, of this intake: the company as a whole.
-- Currency: reporting currency.
-- Left out: rows that no intake could place (`int_ledger_unmatched`).
with pairs as (
    select
        period_of(int_ledger_by_day.booked_on) as booked_period,
        period_of(int_ledger_by_day.ordered_on) as ordered_period,
        cast(sum(int_ledger_by_day.units) as decimal(24,4)) as units,
        cast(sum(int_ledger_by_day.gross_sales) as decimal(24,4)) as gross_sales,
        cast(sum(int_ledger_by_day.discounts) as decimal(24,4)) as discounts,
        cast(sum(int_ledger_by_day.platform_discounts) as decimal(24,4)) as platform_discounts,
        cast(sum(int_ledger_by_day.shipping_income) as decimal(24,4)) as shipping_income,
        cast(sum(int_ledger_by_day.returns) as decimal(24,4)) as returns,
        cast(sum(int_ledger_by_day.allowances) as decimal(24,4)) as allowances,
        cast(sum(int_ledger_by_day.refunded_shipping) as decimal(24,4)) as refunded_shipping,
        cast(sum(int_ledger_by_day.cancellations) as decimal(24,4)) as cancellations,
        cast(sum(int_ledger_by_day.chargebacks) as decimal(24,4)) as chargebacks,
        cast(sum(int_ledger_by_day.product_cost) as decimal(24,4)) as product_cost,
        cast(sum(int_ledger_by_day.landed_cost) as decimal(24,4)) as landed_cost,
        cast(sum(int_ledger_by_day.cost_recovered) as decimal(24,4)) as cost_recovered,
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
        cast(sum(int_ledger_by_day.footing_difference) as decimal(24,4)) as footing_difference,
        cast(sum(int_ledger_by_day.fx_difference) as decimal(24,4)) as fx_difference
    from int_ledger_by_day
    group by
        period_of(int_ledger_by_day.booked_on),
        period_of(int_ledger_by_day.ordered_on)
),

measures as (
    select
        pairs.booked_period as booked_period,
        pairs.ordered_period as ordered_period,
        unnest(make_array(
            named_struct('measure', 'units', 'amount', pairs.units),
            named_struct('measure', 'gross_sales', 'amount', pairs.gross_sales),
            named_struct('measure', 'discounts', 'amount', pairs.discounts),
            named_struct('measure', 'platform_discounts', 'amount', pairs.platform_discounts),
            named_struct('measure', 'shipping_income', 'amount', pairs.shipping_income),
            named_struct('measure', 'returns', 'amount', pairs.returns),
            named_struct('measure', 'allowances', 'amount', pairs.allowances),
            named_struct('measure', 'refunded_shipping', 'amount', pairs.refunded_shipping),
            named_struct('measure', 'cancellations', 'amount', pairs.cancellations),
            named_struct('measure', 'chargebacks', 'amount', pairs.chargebacks),
            named_struct('measure', 'product_cost', 'amount', pairs.product_cost),
            named_struct('measure', 'landed_cost', 'amount', pairs.landed_cost),
            named_struct('measure', 'cost_recovered', 'amount', pairs.cost_recovered),
            named_struct('measure', 'write_downs', 'amount', pairs.write_downs),
            named_struct('measure', 'carrier_cost', 'amount', pairs.carrier_cost),
            named_struct('measure', 'handling_cost', 'amount', pairs.handling_cost),
            named_struct('measure', 'return_logistics', 'amount', pairs.return_logistics),
            named_struct('measure', 'payment_fees', 'amount', pairs.payment_fees),
            named_struct('measure', 'marketplace_fees', 'amount', pairs.marketplace_fees),
            named_struct('measure', 'media_spend', 'amount', pairs.media_spend),
            named_struct('measure', 'media_credits', 'amount', pairs.media_credits),
            named_struct('measure', 'affiliate_commission', 'amount', pairs.affiliate_commission),
            named_struct('measure', 'tax', 'amount', pairs.tax),
            named_struct('measure', 'footing_difference', 'amount', pairs.footing_difference),
            named_struct('measure', 'fx_difference', 'amount', pairs.fx_difference)
        )) as line
    from pairs
)

select
    measures.booked_period as booked_period,
    measures.ordered_period as ordered_period,
    measures.line['measure'] as measure,
    measures.line['amount'] as amount
from measures
