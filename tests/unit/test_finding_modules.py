"""find_modules_at_once finds what Python finds, as the programs use it: in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.unit.doubles.check_process import ROOT

SCRIPT = """
import importlib, json, pkgutil, sys
import kachecks
from kachecks.lean import PACKAGES, _AtOnce, find_modules_at_once

def told(spec):
    return [spec.name, spec.origin, spec.cached, spec.has_location, spec.parent,
            spec.submodule_search_locations and list(spec.submodule_search_locations)]

wrong, found = [], 0
for each in pkgutil.walk_packages(kachecks.__path__, "kachecks."):
    package = importlib.import_module(each.name.rpartition(".")[0])
    ours = _AtOnce.find_spec(each.name, package.__path__)
    if ours is None:
        continue
    found += 1
    theirs = importlib.machinery.PathFinder.find_spec(each.name, package.__path__)
    if told(ours) != told(theirs) or type(ours.loader) is not type(theirs.loader):
        wrong.append([told(ours), told(theirs)])
find_modules_at_once()
try:
    importlib.import_module("kachecks.check.nothing")
except ModuleNotFoundError as error:
    missing = error.name
print(json.dumps({"wrong": wrong, "found": found, "missing": missing,
                  "first": sys.meta_path[0] is _AtOnce}))
"""


def test_it_finds_what_python_finds() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    told = json.loads(ran.stdout)
    assert told["wrong"] == []
    assert told["found"] > 80
    assert told["first"]
    assert told["missing"] == "kachecks.check.nothing"
