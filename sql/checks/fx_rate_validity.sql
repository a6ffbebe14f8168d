-- Rates that cannot be right: not above zero. Blocks: an older rate would be taken in its place.
select
    'fx_rates' as stream,
    cast(null as decimal(24,4)) as amount,
    concat(
        cast(count(*) as varchar), ' rates of ', fx_rates.currency, ' are not above zero, first ', cast(min(fx_rates.rate) as varchar),
        ' on ', cast(min(fx_rates.rate_date) as varchar)
    ) as detail
from fx_rates
where fx_rates.rate <= 0.00000000
group by fx_rates.currency
