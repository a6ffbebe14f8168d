-- One row per day booked, day of the order, channels, currency and reason for suspense: the fees of known orders or of none of this intake.
-- Currency: lines in reporting currency, `original_amount` in `original_currency`.
-- Left out: nothing of `int_fees_posted`.
select
    'fees' as stream,
    int_fees_posted.booked_on as booked_on,
    int_fees_posted.ordered_on as ordered_on,
    int_fees_posted.sales_channel as sales_channel,
    int_fees_posted.marketing_channel as marketing_channel,
    int_fees_posted.original_currency as original_currency,
    int_fees_posted.suspense_reason as suspense_reason,
    cast(count(*) as decimal(20,0)) as row_count,
    sum(int_fees_posted.platform_discounts) as platform_discounts,
    sum(int_fees_posted.chargebacks) as chargebacks,
    sum(int_fees_posted.write_downs) as write_downs,
    sum(int_fees_posted.payment_fees) as payment_fees,
    sum(int_fees_posted.marketplace_fees) as marketplace_fees,
    sum(int_fees_posted.affiliate_commission) as affiliate_commission,
    sum(int_fees_posted.original_amount) as original_amount
from int_fees_posted
group by
    int_fees_posted.booked_on,
    int_fees_posted.ordered_on,
    int_fees_posted.sales_channel,
    int_fees_posted.marketing_channel,
    int_fees_posted.original_currency,
    int_fees_posted.suspense_reason
