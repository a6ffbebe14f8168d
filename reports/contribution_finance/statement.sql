-- One row per line of the statement: placed on channels, shared, in suspense, and the company, which is their sum.
-- Booked basis, reporting currency. Every subtotal is the one above plus its lines.
with parts as (
    select
        case when marketing_channel in ('shared', 'suspense') then marketing_channel else 'channels' end as part,
        cast(sum(gross_sales) as decimal(24, 4)) as gross_sales,
        cast(sum(discounts) as decimal(24, 4)) as discounts,
        cast(sum(platform_discounts) as decimal(24, 4)) as platform_discounts,
        cast(sum(shipping_income) as decimal(24, 4)) as shipping_income,
        cast(sum(returns) as decimal(24, 4)) as returns,
        cast(sum(allowances) as decimal(24, 4)) as allowances,
        cast(sum(refunded_shipping) as decimal(24, 4)) as refunded_shipping,
        cast(sum(cancellations) as decimal(24, 4)) as cancellations,
        cast(sum(chargebacks) as decimal(24, 4)) as chargebacks,
        cast(sum(net_revenue) as decimal(24, 4)) as net_revenue,
        cast(sum(product_cost) as decimal(24, 4)) as product_cost,
        cast(sum(landed_cost) as decimal(24, 4)) as landed_cost,
        cast(sum(cost_recovered) as decimal(24, 4)) as cost_recovered,
        cast(sum(write_downs) as decimal(24, 4)) as write_downs,
        cast(sum(contribution_1) as decimal(24, 4)) as contribution_1,
        cast(sum(carrier_cost) as decimal(24, 4)) as carrier_cost,
        cast(sum(handling_cost) as decimal(24, 4)) as handling_cost,
        cast(sum(return_logistics) as decimal(24, 4)) as return_logistics,
        cast(sum(payment_fees) as decimal(24, 4)) as payment_fees,
        cast(sum(marketplace_fees) as decimal(24, 4)) as marketplace_fees,
        cast(sum(contribution_2) as decimal(24, 4)) as contribution_2,
        cast(sum(media_spend) as decimal(24, 4)) as media_spend,
        cast(sum(media_credits) as decimal(24, 4)) as media_credits,
        cast(sum(affiliate_commission) as decimal(24, 4)) as affiliate_commission,
        cast(sum(contribution_3) as decimal(24, 4)) as contribution_3
    from channel_contribution_monthly
    where period = $period
        and basis = 'booked'
    group by 1
),

lines as (
    select 1 as position, 'line' as kind, 'Gross sales' as line, part, gross_sales as amount from parts
    union all
    select 2 as position, 'line' as kind, 'Discounts' as line, part, discounts as amount from parts
    union all
    select 3 as position, 'line' as kind, 'Platform discounts' as line, part, platform_discounts as amount from parts
    union all
    select 4 as position, 'line' as kind, 'Shipping income' as line, part, shipping_income as amount from parts
    union all
    select 5 as position, 'line' as kind, 'Returns' as line, part, returns as amount from parts
    union all
    select 6 as position, 'line' as kind, 'Allowances' as line, part, allowances as amount from parts
    union all
    select 7 as position, 'line' as kind, 'Refunded shipping' as line, part, refunded_shipping as amount from parts
    union all
    select 8 as position, 'line' as kind, 'Cancellations' as line, part, cancellations as amount from parts
    union all
    select 9 as position, 'line' as kind, 'Chargebacks' as line, part, chargebacks as amount from parts
    union all
    select 10 as position, 'subtotal' as kind, 'Net revenue' as line, part, net_revenue as amount from parts
    union all
    select 11 as position, 'line' as kind, 'Product cost' as line, part, product_cost as amount from parts
    union all
    select 12 as position, 'line' as kind, 'Landed cost' as line, part, landed_cost as amount from parts
    union all
    select 13 as position, 'line' as kind, 'Cost recovered on restocked returns' as line, part, cost_recovered as amount from parts
    union all
    select 14 as position, 'line' as kind, 'Write-downs' as line, part, write_downs as amount from parts
    union all
    select 15 as position, 'subtotal' as kind, 'Contribution 1' as line, part, contribution_1 as amount from parts
    union all
    select 16 as position, 'line' as kind, 'Carriers' as line, part, carrier_cost as amount from parts
    union all
    select 17 as position, 'line' as kind, 'Handling' as line, part, handling_cost as amount from parts
    union all
    select 18 as position, 'line' as kind, 'Return logistics' as line, part, return_logistics as amount from parts
    union all
    select 19 as position, 'line' as kind, 'Payment fees' as line, part, payment_fees as amount from parts
    union all
    select 20 as position, 'line' as kind, 'Marketplace fees' as line, part, marketplace_fees as amount from parts
    union all
    select 21 as position, 'subtotal' as kind, 'Contribution 2' as line, part, contribution_2 as amount from parts
    union all
    select 22 as position, 'line' as kind, 'Media spend' as line, part, media_spend as amount from parts
    union all
    select 23 as position, 'line' as kind, 'Media credits' as line, part, media_credits as amount from parts
    union all
    select 24 as position, 'line' as kind, 'Affiliate commission' as line, part, affiliate_commission as amount from parts
    union all
    select 25 as position, 'subtotal' as kind, 'Contribution 3' as line, part, contribution_3 as amount from parts
)

select
    kind as kind,
    line as line,
    cast(sum(case when part = 'channels' then amount else 0 end) as decimal(24, 4)) as channels,
    cast(sum(case when part = 'shared' then amount else 0 end) as decimal(24, 4)) as shared,
    cast(sum(case when part = 'suspense' then amount else 0 end) as decimal(24, 4)) as suspense,
    cast(sum(amount) as decimal(24, 4)) as company
from lines
group by
    position,
    kind,
    line
order by position
