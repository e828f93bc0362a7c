"""The kinds of cluster that the lab forms, by the name of their flavour."""

from tests.lab.clusters.engine import Engine
from tests.lab.clusters.galera import Galera
from tests.lab.clusters.group_replication import GroupReplication
from tests.lab.servers import galera

GALERA = Galera(galera.Galera())
GALERA_TRIXIE = Galera(galera.TrixieGalera())
GROUP_REPLICATION = GroupReplication()

#: The two families.
ENGINES: dict[str, Engine] = {engine.name: engine for engine in (GALERA, GROUP_REPLICATION)}
ALL_ENGINES: dict[str, Engine] = {**ENGINES, GALERA_TRIXIE.name: GALERA_TRIXIE}
