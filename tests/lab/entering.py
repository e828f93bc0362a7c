"""How to get into a lab that is up, and what changes there, on a terminal."""

import time
from collections.abc import Callable
from typing import NoReturn

from tests.lab.hosts.site import Site
from tests.lab.pairs.node import Node


def describe(title: str, site: Site, vip: str) -> None:
    """How to get in, and where things are."""
    spent = ", ".join(f"{phase} {seconds} s" for phase, seconds in site.phases.items())
    print(f"{title}; up: {spent}")
    for node in site.hosts:
        assert isinstance(node, Node)
        print(f"\n{node.name} ({node.address}), logs in {node.logs}")
        print("  shell:", " ".join(node.inside.enter(["bash"])))
        print("  SQL:  ", " ".join(node.inside.enter(node.flavour.client_command())))
    print("\nclient shell:", " ".join(site.client.enter(["bash"])))
    print(f"VIP {vip}; Ctrl-C ends it all.\n")


def follow(site: Site, words: Callable[[Node], str]) -> NoReturn:
    """Say of each node what `words` does, each time that changes."""
    last = ""
    while True:
        now = ", ".join(f"{node.name}: {words(node)}" for node in site.hosts)
        if now != last:
            last = now
            print(time.strftime("%H:%M:%S"), last, flush=True)
        time.sleep(0.5)
