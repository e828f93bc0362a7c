"""What an alert program reads, held against the schema of the manual."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMA: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "docs/alert.schema.json").read_text()
)
_VALIDATOR = Draft202012Validator(SCHEMA)


def as_told(record: dict[str, object]) -> dict[str, Any]:
    """The record as it arrives. AssertionError: it is not as promised."""
    told: dict[str, Any] = json.loads(json.dumps(record))
    must_be_as_promised(told)
    return told


def must_be_as_promised(told: object) -> None:
    wrong = [f"{each.json_path}: {each.message}" for each in _VALIDATOR.iter_errors(told)]
    assert wrong == [], (wrong, told)
