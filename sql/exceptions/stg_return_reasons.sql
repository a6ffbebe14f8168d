-- One row per raw reason code, `(empty)` for none given: its canonical reason and who is at fault.
-- Left out: nothing.
select
    replace(refund_reasons.raw_reason, '(empty)', '') as raw_reason,
    refund_reasons.reason as reason,
    refund_reasons.fault as fault,
    refund_reasons.valid_from as valid_from,
    coalesce(refund_reasons.valid_to, cast('9999-12-31' as date)) as valid_to
from refund_reasons
