-- One row per currency: this intake's quarantined account-days of the platforms.
-- Currency: the row's own. An amount that cannot be read counts nothing.
-- Left out: account-days that can be read, which `int_spend_controlled` compares.
select
    'spend_control' as stream,
    coalesce(spend_control_rejected.currency, '') as currency,
    cast(count(*) as decimal(20,0)) as row_count,
    cast(coalesce(sum(spend_control_rejected.amount), 0.00) as decimal(24,4)) as amount
from spend_control_rejected
group by spend_control_rejected.currency
