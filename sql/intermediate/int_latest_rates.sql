-- One row per currency with a rate: its latest one, for judging how much money a finding is about.
-- Currency: units of the reporting currency for one unit of `currency`.
-- Left out: currencies without a rate; the reporting currency needs none.
select
    stg_fx_rates.currency as currency,
    last_value(stg_fx_rates.rate order by stg_fx_rates.rate_date) as rate
from stg_fx_rates
group by stg_fx_rates.currency
