"""What a configuration defines and where, looked up by name: a large one is read through once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from kachecks.keepalived.blocks import Statement


class Outline:
    """Of the blocks outside all braces."""

    def __init__(self, root: Statement) -> None:
        self._places: dict[int, int] = {}  # of a block, by its id()
        self._called: dict[tuple[str, str], list[Statement]] = defaultdict(list)
        self._groups: dict[str, Statement] = {}
        settings: list[Statement] = []
        for place, each in enumerate(root.block or ()):
            self._places[id(each)] = place
            self._called[each.name, each.value].append(each)
            if each.name == "global_defs":
                settings += each.block or ()
            elif each.name == "vrrp_sync_group":
                for name in members(each):
                    self._groups.setdefault(name, each)
        self._existing = Counter(
            id(self._groups[name]) for keyword, name in self._called if self._joins(keyword, name)
        )
        #: All lines of all global_defs.
        self.settings = Statement(("global_defs",), root.where, tuple(settings))

    def _joins(self, keyword: str, name: str) -> bool:
        return keyword == "vrrp_instance" and name in self._groups

    def before(self, block: Statement, keywords: Sequence[str], name: str) -> Iterator[Statement]:
        """The blocks of that name which stand before this one, in order: keepalived looks a
        tracker up when it reads its line."""
        end = self._places[id(block)]
        found = [each for keyword in keywords for each in self._called.get((keyword, name), ())]
        for each in sorted(found, key=lambda one: self._places[id(one)]):
            if self._places[id(each)] < end:
                yield each

    def group_of(self, instance: str) -> Statement | None:
        """The vrrp_sync_group that has the instance: the first that names it."""
        return self._groups.get(instance)

    def is_alone(self, instance: str) -> bool:
        """It is in a sync group of which no other instance exists."""
        group = self.group_of(instance)
        return group is not None and self._existing[id(group)] == 1


def members(group: Statement) -> list[str]:
    """The names in a vrrp_sync_group, of instances that may not exist."""
    return [word for entry in group.entries("group") for word in entry.words]
