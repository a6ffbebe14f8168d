-- One row per day and currency: units of the reporting currency for one unit of `currency`.
-- Left out: rates that are not above zero, which the check `fx_rate_validity` blocks.
select
    fx_rates.rate_date as rate_date,
    fx_rates.currency as currency,
    fx_rates.rate as rate
from fx_rates
where fx_rates.rate > 0.00000000
