-- Reference data: rules as LIKE patterns, ranks of claims, dated rates and dated costs.

-- A rule writes `*` for any text, `?` for one character, nothing for "whatever it is", `(empty)` for "there is none".
create macro pattern(condition) as
    translate(
        replace(replace(replace(coalesce(condition, '*'), '(empty)', ''), '_', '\_'), '%', '\%'),
        '*?',
        '%_'
    );

create table channel_rules as
select
    rule_id,
    applies_to,
    claim,
    cast(priority as bigint) as priority,
    marketing_channel,
    cast(valid_from as date) as valid_from,
    coalesce(cast(valid_to as date), date '9999-12-31') as valid_to,
    pattern(sales_channel) as sales_channel,
    pattern(affiliate_id) as affiliate_id,
    pattern(utm_source) as utm_source,
    pattern(utm_medium) as utm_medium,
    pattern(platform) as platform,
    pattern(account_id) as account_id,
    pattern(campaign) as campaign
from read_csv('{reference}/channel_rules.csv', header = true, all_varchar = true);

create table channel_priority as
select
    claim,
    cast(rank as bigint) as claim_rank,
    cast(valid_from as date) as valid_from,
    coalesce(cast(valid_to as date), date '9999-12-31') as valid_to
from read_csv('{reference}/channel_priority.csv', header = true, all_varchar = true);

create table suspense_reasons as
select reason, owner, action
from read_csv('{reference}/suspense_reasons.csv', header = true, all_varchar = true);

-- The rules of each era: a span of days in which no rule and no rank changes.
create table rules_by_era as
with starts as (
    select valid_from as era_from from channel_rules
    union select valid_to from channel_rules
    union select valid_from from channel_priority
    union select valid_to from channel_priority
),

eras as (
    select era_from, lead(era_from) over (order by era_from) as era_to
    from starts
)

select
    eras.era_from,
    eras.era_to,
    coalesce(ranked.claim_rank, 0) as claim_rank,
    rules.* exclude (claim, valid_from, valid_to)
from eras
join channel_rules as rules
    on rules.valid_from <= eras.era_from
    and eras.era_from < rules.valid_to
left join channel_priority as ranked
    on ranked.claim = rules.claim
    and ranked.valid_from <= eras.era_from
    and eras.era_from < ranked.valid_to
where eras.era_to is not null
    and (rules.claim is null or ranked.claim is not null);

-- Patterns are matched with distinct marks, a few thousand, and never with single orders.
create table order_channels as
with marks as (
    select
        sales_channel,
        coalesce(utm_source, '') as utm_source,
        coalesce(utm_medium, '') as utm_medium,
        coalesce(utm_campaign, '') as utm_campaign,
        coalesce(affiliate_id, '') as affiliate_id
    from orders
    union
    select coalesce(sales_channel, 'none'), '', '', '', ''
    from fees
    where order_id is null
)

select
    marks.*,
    rules.era_from,
    rules.era_to,
    rules.marketing_channel
from marks
join rules_by_era as rules
    on rules.applies_to = 'order'
    and marks.sales_channel like rules.sales_channel escape '\'
    and marks.utm_source like rules.utm_source escape '\'
    and marks.utm_medium like rules.utm_medium escape '\'
    and marks.utm_campaign like rules.campaign escape '\'
    and marks.affiliate_id like rules.affiliate_id escape '\'
qualify row_number() over (
    partition by
        marks.sales_channel,
        marks.utm_source,
        marks.utm_medium,
        marks.utm_campaign,
        marks.affiliate_id,
        rules.era_from
    order by rules.claim_rank, rules.priority, rules.rule_id
) = 1;

create table campaign_channels as
with campaigns as (
    select distinct platform, account_id, campaign_name
    from spend
)

select
    campaigns.*,
    rules.era_from,
    rules.era_to,
    rules.marketing_channel
from campaigns
join rules_by_era as rules
    on rules.applies_to = 'spend'
    and campaigns.platform like rules.platform escape '\'
    and campaigns.account_id like rules.account_id escape '\'
    and campaigns.campaign_name like rules.campaign escape '\'
qualify row_number() over (
    partition by campaigns.platform, campaigns.account_id, campaigns.campaign_name, rules.era_from
    order by rules.claim_rank, rules.priority, rules.rule_id
) = 1;

-- One rate per currency and day: the day's own, or the last one before, at most seven days old.
create table fx_daily as
with spans as (
    select
        currency,
        rate,
        rate_date,
        least(
            lead(rate_date, 1, date '9999-12-31') over (partition by currency order by rate_date),
            rate_date + 8
        ) as rate_to
    from fx_rates
)

select
    currency,
    cast(unnest(generate_series(rate_date, rate_to - 1, interval 1 day)) as date) as day,
    rate
from spans;

create macro rate_to_reporting(currency, rate) as
    cast(case when currency = '{currency}' then 1 else rate end as decimal(18,8));

-- Approved cost versions; each holds until the next approved one.
create table cost_versions as
select
    sku,
    valid_from,
    lead(valid_from, 1, date '9999-12-31') over (partition by sku order by valid_from) as valid_to,
    unit_cost,
    landed_cost,
    currency as cost_currency
from product_costs
where status = 'approved';
