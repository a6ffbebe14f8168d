-- One row per day booked, day of the order, channels, currency and reason for suspense: the spend of this intake.
-- Currency: lines in reporting currency, `original_amount` in `original_currency`.
-- Left out: nothing of `int_spend_posted`.
select
    'spend' as stream,
    int_spend_posted.booked_on as booked_on,
    int_spend_posted.ordered_on as ordered_on,
    int_spend_posted.sales_channel as sales_channel,
    int_spend_posted.marketing_channel as marketing_channel,
    int_spend_posted.original_currency as original_currency,
    int_spend_posted.suspense_reason as suspense_reason,
    cast(count(*) as decimal(20,0)) as row_count,
    sum(int_spend_posted.media_spend) as media_spend,
    sum(int_spend_posted.media_credits) as media_credits,
    sum(int_spend_posted.original_credit) as original_credit,
    sum(int_spend_posted.original_amount) as original_amount
from int_spend_posted
group by
    int_spend_posted.booked_on,
    int_spend_posted.ordered_on,
    int_spend_posted.sales_channel,
    int_spend_posted.marketing_channel,
    int_spend_posted.original_currency,
    int_spend_posted.suspense_reason
