"""A pair for all tests of a module: a fixture made on one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.lab.pairs.pair import Pair
from tests.lab.servers.flavour import Flavour


def shared_pair(
    flavours: Mapping[str, Flavour],
    suite: str = "none",
    options: Mapping[str, object] | None = None,
    ready: Callable[[Pair], object] = lambda _pair: None,
    **more: Any,
) -> Any:
    """One pair per flavour; `ready` is called with it first of all. The rest as in Pair."""

    @pytest.fixture(scope="module", params=list(flavours.values()), ids=list(flavours))
    def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
        with Pair(request.param, suite, options, **more) as pair:
            ready(pair)
            yield pair

    return pair
