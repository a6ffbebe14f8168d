-- One row per rate with the days it is the last one for: from its own day to the next one's, not included.
-- Currency: units of the reporting currency for one unit of `currency`; the reporting currency itself is 1 on every day.
-- Left out: rates that are not above zero. How old a rate may be is a matter of `fx_rate_at`; this is the source itself, to
-- prove it by.
select
    fx_rates.currency as currency,
    fx_rates.rate as rate,
    fx_rates.rate_date as rate_from,
    coalesce(
        lead(fx_rates.rate_date) over (partition by fx_rates.currency order by fx_rates.rate_date),
        cast('9999-12-31' as date)
    ) as rate_to
from fx_rates
where
    fx_rates.currency <> $currency
    and fx_rates.rate > 0.00000000
union all
select
    $currency as currency,
    cast(1 as decimal(18,8)) as rate,
    cast('0001-01-01' as date) as rate_from,
    cast('9999-12-31' as date) as rate_to
