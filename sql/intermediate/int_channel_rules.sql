-- One row per channel rule and era; an era is a span of days in which no rule and no priority changes.
-- Left out: spans of a rule in which its kind of claim has no priority.
with ranked as (
    select
        stg_channel_rules.rule_id as rule_id,
        coalesce(stg_channel_priority.claim_rank, 0) as claim_rank,
        greatest(stg_channel_rules.valid_from, coalesce(stg_channel_priority.valid_from, stg_channel_rules.valid_from)) as valid_from,
        least(stg_channel_rules.valid_to, coalesce(stg_channel_priority.valid_to, stg_channel_rules.valid_to)) as valid_to
    from stg_channel_rules
    left join stg_channel_priority
        on stg_channel_rules.claim = stg_channel_priority.claim
    where stg_channel_rules.claim is null or stg_channel_priority.claim is not null
),

days as (
    select ranked.valid_from as era_from from ranked
    union
    select ranked.valid_to as era_from from ranked
),

eras as (
    select
        days.era_from as era_from,
        lead(days.era_from) over (order by days.era_from) as era_to
    from days
)

select
    stg_channel_rules.rule_id as rule_id,
    stg_channel_rules.applies_to as applies_to,
    stg_channel_rules.marketing_channel as marketing_channel,
    ranked.claim_rank as claim_rank,
    stg_channel_rules.priority as priority,
    eras.era_from as era_from,
    eras.era_to as era_to,
    stg_channel_rules.sales_channel as sales_channel,
    stg_channel_rules.platform as platform,
    stg_channel_rules.account_id as account_id,
    stg_channel_rules.campaign as campaign,
    stg_channel_rules.utm_source as utm_source,
    stg_channel_rules.utm_medium as utm_medium,
    stg_channel_rules.affiliate_id as affiliate_id
from ranked
join stg_channel_rules
    on ranked.rule_id = stg_channel_rules.rule_id
join eras
    on eras.era_from >= ranked.valid_from
    and eras.era_to <= ranked.valid_to
