-- One row per campaign and day.
-- Currency: reporting currency at the rate of the day; 0 without a rate.
-- Left out: days that the as-of does not include.
select
    spend.spend_date as spent_on,
    spend.platform as platform,
    spend.account_id as account_id,
    spend.campaign_name as campaign_name,
    cast((spend.amount - spend.credit) * coalesce(
        case
            when spend.currency = $currency then 1.00000000
            else fx_rate_at(spend.currency, spend.spend_date)
        end,
        0.00000000
    ) as decimal(18,4)) as amount
from spend
where spend.spend_date < $as_of_day
