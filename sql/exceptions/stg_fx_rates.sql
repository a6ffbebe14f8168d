-- One row per day and currency: units of the reporting currency for one unit of `currency`.
-- Left out: nothing.
select
    fx_rates.rate_date as rate_date,
    fx_rates.currency as currency,
    fx_rates.rate as rate
from fx_rates
