"""Compare values of JSON with JSON Schemas: what does not fit, and what no schema names."""

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from portweave.encoding.json_text import is_list, is_object

# The stubs of jsonschema leave parts of it untyped.
VALIDATOR: Any = Draft202012Validator


def problems(found: Any, schema: Any) -> list[str]:
    """What a value and its schema do not agree on."""
    wrong = [
        f"{error.json_path}: {error.message[:300]}"
        for top in VALIDATOR(schema).iter_errors(found)
        for error in (top.context or [top])
    ]
    return wrong or list(unknown_keys(found, schema))


def unknown_keys(found: Any, schema: Any, path: str = "") -> Iterator[str]:
    """The keys of a value that its schema does not name."""
    for one in schema.get("anyOf", ()):
        if VALIDATOR(one).is_valid(found):
            yield from unknown_keys(found, one, path)
            return
    if is_list(found):
        for one in found:
            yield from unknown_keys(one, schema.get("items", {}), f"{path}[]")
    elif is_object(found):
        named: dict[str, Any] | None = schema.get("properties")
        others: Any = schema.get("additionalProperties")
        for key, one in found.items():
            if named is not None and key not in named and others is None:
                yield f"{path}.{key}"
            yield from unknown_keys(one, (named or {}).get(key, others or {}), f"{path}.{key}")
