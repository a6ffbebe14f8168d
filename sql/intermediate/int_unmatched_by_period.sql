-- One row per period and measure: rows that no intake could place.
-- Currency: reporting currency.
-- Left out: nothing of `int_ledger_unmatched`.
with periods as (
    select
        period_of(int_ledger_unmatched.booked_on) as period,
        cast(sum(cast(int_ledger_unmatched.units as decimal(20,4))) as decimal(24,4)) as units,
        cast(sum(cast(int_ledger_unmatched.gross_sales as decimal(20,4))) as decimal(24,4)) as gross_sales,
        cast(sum(cast(int_ledger_unmatched.discounts as decimal(20,4))) as decimal(24,4)) as discounts,
        cast(sum(cast(int_ledger_unmatched.platform_discounts as decimal(20,4))) as decimal(24,4)) as platform_discounts,
        cast(sum(cast(int_ledger_unmatched.shipping_income as decimal(20,4))) as decimal(24,4)) as shipping_income,
        cast(sum(cast(int_ledger_unmatched.returns as decimal(20,4))) as decimal(24,4)) as returns,
        cast(sum(cast(int_ledger_unmatched.allowances as decimal(20,4))) as decimal(24,4)) as allowances,
        cast(sum(cast(int_ledger_unmatched.refunded_shipping as decimal(20,4))) as decimal(24,4)) as refunded_shipping,
        cast(sum(cast(int_ledger_unmatched.cancellations as decimal(20,4))) as decimal(24,4)) as cancellations,
        cast(sum(cast(int_ledger_unmatched.chargebacks as decimal(20,4))) as decimal(24,4)) as chargebacks,
        cast(sum(cast(int_ledger_unmatched.product_cost as decimal(20,4))) as decimal(24,4)) as product_cost,
        cast(sum(cast(int_ledger_unmatched.landed_cost as decimal(20,4))) as decimal(24,4)) as landed_cost,
        cast(sum(cast(int_ledger_unmatched.cost_recovered as decimal(20,4))) as decimal(24,4)) as cost_recovered,
        cast(sum(cast(int_ledger_unmatched.write_downs as decimal(20,4))) as decimal(24,4)) as write_downs,
        cast(sum(cast(int_ledger_unmatched.carrier_cost as decimal(20,4))) as decimal(24,4)) as carrier_cost,
        cast(sum(cast(int_ledger_unmatched.handling_cost as decimal(20,4))) as decimal(24,4)) as handling_cost,
        cast(sum(cast(int_ledger_unmatched.return_logistics as decimal(20,4))) as decimal(24,4)) as return_logistics,
        cast(sum(cast(int_ledger_unmatched.payment_fees as decimal(20,4))) as decimal(24,4)) as payment_fees,
        cast(sum(cast(int_ledger_unmatched.marketplace_fees as decimal(20,4))) as decimal(24,4)) as marketplace_fees,
        cast(sum(cast(int_ledger_unmatched.media_spend as decimal(20,4))) as decimal(24,4)) as media_spend,
        cast(sum(cast(int_ledger_unmatched.media_credits as decimal(20,4))) as decimal(24,4)) as media_credits,
        cast(sum(cast(int_ledger_unmatched.affiliate_commission as decimal(20,4))) as decimal(24,4)) as affiliate_commission,
        cast(sum(cast(int_ledger_unmatched.tax as decimal(20,4))) as decimal(24,4)) as tax,
        cast(sum(cast(int_ledger_unmatched.footing_difference as decimal(20,4))) as decimal(24,4)) as footing_difference,
        cast(sum(cast(int_ledger_unmatched.fx_difference as decimal(20,4))) as decimal(24,4)) as fx_difference
    from int_ledger_unmatched
    group by period_of(int_ledger_unmatched.booked_on)
),

measures as (
    select
        periods.period as period,
        unnest(make_array(
            named_struct('measure', 'units', 'amount', periods.units),
            named_struct('measure', 'gross_sales', 'amount', periods.gross_sales),
            named_struct('measure', 'discounts', 'amount', periods.discounts),
            named_struct('measure', 'platform_discounts', 'amount', periods.platform_discounts),
            named_struct('measure', 'shipping_income', 'amount', periods.shipping_income),
            named_struct('measure', 'returns', 'amount', periods.returns),
            named_struct('measure', 'allowances', 'amount', periods.allowances),
            named_struct('measure', 'refunded_shipping', 'amount', periods.refunded_shipping),
            named_struct('measure', 'cancellations', 'amount', periods.cancellations),
            named_struct('measure', 'chargebacks', 'amount', periods.chargebacks),
            named_struct('measure', 'product_cost', 'amount', periods.product_cost),
            named_struct('measure', 'landed_cost', 'amount', periods.landed_cost),
            named_struct('measure', 'cost_recovered', 'amount', periods.cost_recovered),
            named_struct('measure', 'write_downs', 'amount', periods.write_downs),
            named_struct('measure', 'carrier_cost', 'amount', periods.carrier_cost),
            named_struct('measure', 'handling_cost', 'amount', periods.handling_cost),
            named_struct('measure', 'return_logistics', 'amount', periods.return_logistics),
            named_struct('measure', 'payment_fees', 'amount', periods.payment_fees),
            named_struct('measure', 'marketplace_fees', 'amount', periods.marketplace_fees),
            named_struct('measure', 'media_spend', 'amount', periods.media_spend),
            named_struct('measure', 'media_credits', 'amount', periods.media_credits),
            named_struct('measure', 'affiliate_commission', 'amount', periods.affiliate_commission),
            named_struct('measure', 'tax', 'amount', periods.tax),
            named_struct('measure', 'footing_difference', 'amount', periods.footing_difference),
            named_struct('measure', 'fx_difference', 'amount', periods.fx_difference)
        )) as line
    from periods
)

select
    measures.period as period,
    measures.line['measure'] as measure,
    measures.line['amount'] as amount
from measures
