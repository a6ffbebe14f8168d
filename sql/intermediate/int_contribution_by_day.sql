-- One row per basis, day and channels, of this intake. Basis `both` holds rows that were booked on the day of their order.
-- Currency: reporting currency.
-- Left out: rows that no intake could place (`int_ledger_unmatched`).
select
    'both' as basis,
    int_ledger_by_day.booked_on as day,
    int_ledger_by_day.sales_channel as sales_channel,
    int_ledger_by_day.marketing_channel as marketing_channel,
    sum(case when int_ledger_by_day.stream = 'orders' then int_ledger_by_day.row_count else 0 end) as orders,
    sum(int_ledger_by_day.units) as units,
    sum(int_ledger_by_day.gross_sales) as gross_sales,
    sum(int_ledger_by_day.discounts) as discounts,
    sum(int_ledger_by_day.platform_discounts) as platform_discounts,
    sum(int_ledger_by_day.shipping_income) as shipping_income,
    sum(int_ledger_by_day.returns) as returns,
    sum(int_ledger_by_day.allowances) as allowances,
    sum(int_ledger_by_day.refunded_shipping) as refunded_shipping,
    sum(int_ledger_by_day.cancellations) as cancellations,
    sum(int_ledger_by_day.chargebacks) as chargebacks,
    sum(int_ledger_by_day.product_cost) as product_cost,
    sum(int_ledger_by_day.landed_cost) as landed_cost,
    sum(int_ledger_by_day.cost_recovered) as cost_recovered,
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
    sum(int_ledger_by_day.footing_difference) as footing_difference,
    sum(int_ledger_by_day.fx_difference) as fx_difference
from int_ledger_by_day
where int_ledger_by_day.booked_on = int_ledger_by_day.ordered_on
group by
    int_ledger_by_day.booked_on,
    int_ledger_by_day.sales_channel,
    int_ledger_by_day.marketing_channel
union all
select
    'booked' as basis,
    int_ledger_by_day.booked_on as day,
    int_ledger_by_day.sales_channel as sales_channel,
    int_ledger_by_day.marketing_channel as marketing_channel,
    sum(case when int_ledger_by_day.stream = 'orders' then int_ledger_by_day.row_count else 0 end) as orders,
    sum(int_ledger_by_day.units) as units,
    sum(int_ledger_by_day.gross_sales) as gross_sales,
    sum(int_ledger_by_day.discounts) as discounts,
    sum(int_ledger_by_day.platform_discounts) as platform_discounts,
    sum(int_ledger_by_day.shipping_income) as shipping_income,
    sum(int_ledger_by_day.returns) as returns,
    sum(int_ledger_by_day.allowances) as allowances,
    sum(int_ledger_by_day.refunded_shipping) as refunded_shipping,
    sum(int_ledger_by_day.cancellations) as cancellations,
    sum(int_ledger_by_day.chargebacks) as chargebacks,
    sum(int_ledger_by_day.product_cost) as product_cost,
    sum(int_ledger_by_day.landed_cost) as landed_cost,
    sum(int_ledger_by_day.cost_recovered) as cost_recovered,
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
    sum(int_ledger_by_day.footing_difference) as footing_difference,
    sum(int_ledger_by_day.fx_difference) as fx_difference
from int_ledger_by_day
where int_ledger_by_day.booked_on <> int_ledger_by_day.ordered_on
group by
    int_ledger_by_day.booked_on,
    int_ledger_by_day.sales_channel,
    int_ledger_by_day.marketing_channel
union all
select
    'cohort' as basis,
    int_ledger_by_day.ordered_on as day,
    int_ledger_by_day.sales_channel as sales_channel,
    int_ledger_by_day.marketing_channel as marketing_channel,
    sum(case when int_ledger_by_day.stream = 'orders' then int_ledger_by_day.row_count else 0 end) as orders,
    sum(int_ledger_by_day.units) as units,
    sum(int_ledger_by_day.gross_sales) as gross_sales,
    sum(int_ledger_by_day.discounts) as discounts,
    sum(int_ledger_by_day.platform_discounts) as platform_discounts,
    sum(int_ledger_by_day.shipping_income) as shipping_income,
    sum(int_ledger_by_day.returns) as returns,
    sum(int_ledger_by_day.allowances) as allowances,
    sum(int_ledger_by_day.refunded_shipping) as refunded_shipping,
    sum(int_ledger_by_day.cancellations) as cancellations,
    sum(int_ledger_by_day.chargebacks) as chargebacks,
    sum(int_ledger_by_day.product_cost) as product_cost,
    sum(int_ledger_by_day.landed_cost) as landed_cost,
    sum(int_ledger_by_day.cost_recovered) as cost_recovered,
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
    sum(int_ledger_by_day.footing_difference) as footing_difference,
    sum(int_ledger_by_day.fx_difference) as fx_difference
from int_ledger_by_day
where int_ledger_by_day.booked_on <> int_ledger_by_day.ordered_on
group by
    int_ledger_by_day.ordered_on,
    int_ledger_by_day.sales_channel,
    int_ledger_by_day.marketing_channel
