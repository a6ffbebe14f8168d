-- One row per channel rule, with its conditions as LIKE patterns.
-- A rule writes `*` for any text, `?` for one character, nothing for "whatever it is" and `(empty)` for "there is none".
-- Left out: nothing.
with rules as (
    select
        channel_rules.rule_id as rule_id,
        channel_rules.applies_to as applies_to,
        channel_rules.claim as claim,
        channel_rules.marketing_channel as marketing_channel,
        channel_rules.priority as priority,
        channel_rules.valid_from as valid_from,
        coalesce(channel_rules.valid_to, cast('9999-12-31' as date)) as valid_to,
        coalesce(channel_rules.sales_channel, '*') as sales_channel,
        coalesce(channel_rules.platform, '*') as platform,
        coalesce(channel_rules.account_id, '*') as account_id,
        coalesce(channel_rules.campaign, '*') as campaign,
        coalesce(channel_rules.utm_source, '*') as utm_source,
        coalesce(channel_rules.utm_medium, '*') as utm_medium,
        coalesce(channel_rules.affiliate_id, '*') as affiliate_id
    from channel_rules
)

select
    rules.rule_id as rule_id,
    rules.applies_to as applies_to,
    rules.claim as claim,
    rules.marketing_channel as marketing_channel,
    rules.priority as priority,
    rules.valid_from as valid_from,
    rules.valid_to as valid_to,
    translate(replace(replace(replace(rules.sales_channel, '(empty)', ''), '_', '\_'), '%', '\%'), '*?', '%_') as sales_channel,
    translate(replace(replace(replace(rules.platform, '(empty)', ''), '_', '\_'), '%', '\%'), '*?', '%_') as platform,
    translate(replace(replace(replace(rules.account_id, '(empty)', ''), '_', '\_'), '%', '\%'), '*?', '%_') as account_id,
    translate(replace(replace(replace(rules.campaign, '(empty)', ''), '_', '\_'), '%', '\%'), '*?', '%_') as campaign,
    translate(replace(replace(replace(rules.utm_source, '(empty)', ''), '_', '\_'), '%', '\%'), '*?', '%_') as utm_source,
    translate(replace(replace(replace(rules.utm_medium, '(empty)', ''), '_', '\_'), '%', '\%'), '*?', '%_') as utm_medium,
    translate(replace(replace(replace(rules.affiliate_id, '(empty)', ''), '_', '\_'), '%', '\%'), '*?', '%_') as affiliate_id
from rules
