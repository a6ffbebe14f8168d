-- One row per day, platform, account and campaign. The day is the platform's own and is taken as it is.
-- Currency: the account's.
-- Left out: days that the as-of does not include (`int_spend_counted` counts them).
select
    concat_ws('|', cast(spend.spend_date as varchar), spend.platform, spend.account_id, spend.campaign_id) as spend_key,
    spend.spend_date as spent_on,
    spend.platform as platform,
    spend.account_id as account_id,
    spend.campaign_id as campaign_id,
    coalesce(spend.campaign_name, '') as campaign_name,
    spend.amount as amount,
    spend.credit as credit,
    spend.currency as currency
from spend
where spend.spend_date < $as_of_day
