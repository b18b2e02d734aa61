"""JSON Schema of Structs: what msgspec knows of a type, and a little that it leaves out.

Every published schema gets its types here, so that they cannot differ.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import inspect as types

from realtime.errors import ErrorCode
from realtime.protocol import ErrorObject

Schema = dict[str, Any]

TEXT = {"type": "string"}
MOMENT = {"type": "string", "format": "date-time"}


def components(found: Iterable[Any], ref_template: str) -> tuple[list[Schema], dict[str, Schema]]:
    """The schema of each type, and those that they refer to, by name.

    Args:
        found: Structs, unions of them, or whatever else msgspec encodes.
        ref_template: where the named schemas stand, as `#/$defs/{name}`.
    """
    wanted = [*found, ErrorCode]
    schemas, named = msgspec.json.schema_components(wanted, ref_template=ref_template)
    for name, schema in named.items():
        if "description" in schema:
            named[name] = {**schema, "description": inspect.cleandoc(schema["description"])}
    for info in types.multi_type_info(wanted):
        _mark_moments(info, named, set())
    error = named.get(ErrorObject.__name__)
    if error is not None:
        error["properties"]["code"] = {"$ref": ref_template.format(name=ErrorCode.__name__)}
    return list(schemas[:-1]), named


def _mark_moments(info: Any, named: dict[str, Schema], seen: set[str]) -> None:
    """Say `date-time` of the fields that hold one: msgspec does so with a fixed zone only."""
    for inner in _parts(info):
        _mark_moments(inner, named, seen)
    if not isinstance(info, types.StructType) or info.cls.__name__ in seen:
        return
    name = info.cls.__name__
    seen.add(name)
    properties = named[name]["properties"] if name in named else {}
    for field in info.fields:
        alternatives = field.type.types if isinstance(field.type, types.UnionType) else [field.type]
        if any(isinstance(one, types.DateTimeType) for one in alternatives) and properties:
            properties[field.encode_name] = _with_format(properties[field.encode_name])
        _mark_moments(field.type, named, seen)


def _with_format(schema: Schema) -> Schema:
    if "anyOf" in schema:
        return {**schema, "anyOf": [MOMENT if one == TEXT else one for one in schema["anyOf"]]}
    return {**schema, **MOMENT}


def _parts(info: Any) -> list[Any]:
    match info:
        case types.UnionType():
            return list(info.types)
        case types.ListType() | types.SetType() | types.FrozenSetType() | types.VarTupleType():
            return [info.item_type]
        case types.DictType():
            return [info.value_type]
        case types.TypedDictType():
            return [field.type for field in info.fields]
        case types.Metadata():
            return [info.type]
    return []
