"""JSON Schema of Structs: what msgspec knows of a type, and a little that it leaves out.

Every published schema gets its types here, so that they cannot differ.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec import inspect as types

from realtime.errors import ErrorCode
from realtime.protocol import ErrorObject, Payload

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
    for struct in _structs(types.multi_type_info(wanted)).values():
        _complete(struct, named.get(struct.cls.__name__))
    error = named.get(ErrorObject.__name__)
    if error is not None:
        error["properties"]["code"] = {"$ref": ref_template.format(name=ErrorCode.__name__)}
    return list(schemas[:-1]), named


def _structs(infos: Iterable[Any]) -> dict[type, types.StructType]:
    """Every Struct in these types, those inside others too."""
    found: dict[type, types.StructType] = {}
    waiting = list(infos)
    while waiting:
        info = waiting.pop()
        if isinstance(info, types.StructType):
            if info.cls in found:
                continue
            found[info.cls] = info
        waiting += _parts(info)
    return found


def _complete(struct: types.StructType, schema: Schema | None) -> None:
    """Say what msgspec does not: which texts are moments, and what is always sent."""
    if schema is None:
        return
    properties = schema["properties"]
    for field in struct.fields:
        alternatives = field.type.types if isinstance(field.type, types.UnionType) else [field.type]
        if any(isinstance(one, types.DateTimeType) for one in alternatives):
            properties[field.encode_name] = _with_format(properties[field.encode_name])
    if issubclass(struct.cls, Payload) and not struct.cls.__struct_config__.omit_defaults:
        schema["required"] = [
            field.encode_name for field in struct.fields if field.default is not UNSET
        ]


def _with_format(schema: Schema) -> Schema:
    if "anyOf" in schema:
        return {**schema, "anyOf": [MOMENT if one == TEXT else one for one in schema["anyOf"]]}
    return {**schema, **MOMENT}


def _parts(info: Any) -> list[Any]:
    match info:
        case types.StructType() | types.TypedDictType():
            return [field.type for field in info.fields]
        case types.UnionType():
            return list(info.types)
        case types.ListType() | types.SetType() | types.FrozenSetType() | types.VarTupleType():
            return [info.item_type]
        case types.DictType():
            return [info.value_type]
        case types.Metadata():
            return [info.type]
    return []
