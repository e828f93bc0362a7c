"""Parts of kachecks that know only pairs."""

from __future__ import annotations

from kachecks.config.options import Config, ConfigError, load


def load_pair(path: str, part: str) -> Config:
    """The option file of a pair. Raises ConfigError: it cannot be used, or is that of a member of a
    cluster.

    Args:
        part: of kachecks, for people.
    """
    config = load(path)
    if config.cluster:
        raise ConfigError(
            f"{path}: cluster = yes, and kachecks {part} knows only pairs: see check_mysql -v and"
            " kachecks status"
        )
    return config
