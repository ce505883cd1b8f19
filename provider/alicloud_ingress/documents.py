"""
The types of JSON documents: their text, and their schemas.

A document is a `msgspec.Struct`, from which its JSON schema is made:
https://jcristharif.com/msgspec/structs.html.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar, cast

import msgspec


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    A document that is only written, or a part of one.
    """


_Part = TypeVar("_Part", bound=Part)


def as_part(of: type[_Part], value: object) -> _Part:
    """
    The part with the attributes of a value.
    """
    return msgspec.convert(value, of, from_attributes=True)


def as_json_object(value: msgspec.Struct) -> dict[str, Any]:
    """
    A document, or a part of one, as a JSON object.
    """
    return cast("dict[str, Any]", msgspec.to_builtins(value))


def as_text(document: msgspec.Struct) -> str:
    """
    The text of a document.
    """
    return json.dumps(as_json_object(document), indent=1) + "\n"


def tag_of(of: type[msgspec.Struct]) -> str:
    """
    What documents of this type say that they are: the tag of the struct.
    """
    return str(of.__struct_config__.tag)


def schema_of(of: type[msgspec.Struct], title: str) -> dict[str, Any]:
    """
    The JSON schema of a type of documents, made from the type.
    """
    (own,), kinds = msgspec.json.schema_components([of], ref_template="#/$defs/{name}")
    of_document = kinds.pop(own["$ref"].rpartition("/")[2])
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, **of_document, "title": title, "$defs": kinds}
