-- One row per node, carrier, service and zone: its route class.
-- Left out: nothing.
select
    route_classes.node as node,
    route_classes.carrier as carrier,
    route_classes.service as service,
    route_classes.zone as zone,
    route_classes.route_class as route_class,
    route_classes.valid_from as valid_from,
    coalesce(route_classes.valid_to, cast('9999-12-31' as date)) as valid_to
from route_classes
