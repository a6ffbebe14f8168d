-- One row per identity, stream (or mart), measure and currency, with both sides.
-- Currency: `currency`; `all` where currencies are taken together, `units` for pieces.
-- Left out: nothing. Inside the system the tolerance is zero.
with identities as (
    select * from int_identities_of_streams
    union all by name
    select * from int_identities_of_orders
    union all by name
    select * from int_identities_of_marts
    union all by name
    select * from int_identities_of_values
    union all by name
    select * from int_identities_of_quarantine
),

compared as (
    select
        identities.*,
        cast(identities.left_amount as decimal(24,4)) as left_side,
        cast(identities.right_amount as decimal(24,4)) as right_side,
        cast(coalesce(identities.difference, identities.left_amount - identities.right_amount) as decimal(24,4)) as apart
    from identities
)

select
    compared.identity as identity,
    compared.stream as stream,
    compared.measure as measure,
    compared.currency as currency,
    compared.left_side as left_amount,
    compared.right_side as right_amount,
    compared.apart as difference,
    cast(0.0000 as decimal(24,4)) as tolerance,
    abs(compared.apart) <= 0.0000 as holds,
    coalesce(compared.placed, cast(0.0000 as decimal(24,4))) as placed,
    coalesce(compared.in_suspense, cast(0.0000 as decimal(24,4))) as in_suspense,
    coalesce(compared.quarantined, cast(0.0000 as decimal(24,4))) as quarantined,
    coalesce(compared.duplicates, cast(0.0000 as decimal(24,4))) as duplicates,
    coalesce(compared.after_as_of, cast(0.0000 as decimal(24,4))) as after_as_of
from compared
