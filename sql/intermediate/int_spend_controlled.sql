-- One row per account and day that the platform states or that was read, before the as-of.
-- Currency: the account's own.
-- Left out: platforms' statements on days that the as-of does not include; everything when no platform states anything.
with stated as (
    select
        spend_control.day as day,
        spend_control.platform as platform,
        spend_control.account_id as account_id,
        spend_control.currency as currency,
        cast(spend_control.rows as decimal(20,0)) as stated_rows,
        spend_control.amount as stated_amount
    from spend_control
    where
        spend_control.stream = 'spend'
        and spend_control.day < $as_of_day
),

accounts as (
    select
        stg_spend.spent_on as day,
        stg_spend.platform as platform,
        stg_spend.account_id as account_id,
        stg_spend.currency as currency,
        cast(count(*) as decimal(20,0)) as read_rows,
        cast(sum(stg_spend.amount) as decimal(18,2)) as read_amount
    from stg_spend
    group by
        stg_spend.spent_on,
        stg_spend.platform,
        stg_spend.account_id,
        stg_spend.currency
),

compared as (
    select * from stated
    union all by name
    select * from accounts
)

select
    compared.day as day,
    compared.platform as platform,
    compared.account_id as account_id,
    compared.currency as currency,
    cast(sum(coalesce(compared.stated_rows, 0)) as decimal(20,0)) as stated_rows,
    cast(sum(coalesce(compared.read_rows, 0)) as decimal(20,0)) as read_rows,
    cast(sum(coalesce(compared.stated_amount, 0.00)) as decimal(24,4)) as stated_amount,
    cast(sum(coalesce(compared.read_amount, 0.00)) as decimal(24,4)) as read_amount
from compared
join (select count(*) as statements from stated) as any_statement
    on any_statement.statements > 0
group by
    compared.day,
    compared.platform,
    compared.account_id,
    compared.currency
