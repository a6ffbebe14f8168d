-- One row per reason for suspense: who clears it, and how.
-- Left out: nothing.
select
    suspense_reasons.reason as reason,
    suspense_reasons.owner as owner,
    suspense_reasons.action as action
from suspense_reasons
