"""The JSON Schema of the configuration, generated from its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokentrack.config.fields import FIELDS, MAX_NAME

if TYPE_CHECKING:
    from tokentrack.config.fields import Field

_TYPES: dict[str, str | list[str]] = {
    "bool": "boolean",
    "int": "integer",
    "float": "number",
    "text": "string",
    "path": "string",
    "name": ["string", "null"],
    "names": "array",
}


def configuration_schema() -> dict[str, Any]:
    """Return the schema of `token_tracker_config.json` (Draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://tokentrack.dev/schemas/tracker-config.schema.json",
        "title": "tokentrack configuration",
        "description": "How executions are recorded. Every field is optional. Unknown fields "
        "are kept, since a newer version may have written them.",
        "type": "object",
        "properties": {name: property_schema(field) for name, field in FIELDS.items()},
        "additionalProperties": True,
    }


def property_schema(field: Field) -> dict[str, Any]:
    """Return the schema of one field: type, bounds, choices, default and description."""
    schema: dict[str, Any] = {"type": _TYPES[field.kind], "description": field.description}
    if field.kind == "names":
        schema["items"] = {"type": "string"}
    if field.kind == "name":
        schema["maxLength"] = MAX_NAME
    if field.choices:
        schema["enum"] = list(field.choices)
    elif field.kind in {"text", "path"}:
        schema["minLength"] = 1
    if field.minimum is not None:
        schema["minimum"] = field.minimum
        schema["maximum"] = field.maximum
    return {**schema, "default": field.default}
