"""Speaks AWS's JSON and query protocols, by the models that botocore brings: requests in, answers out.

An answer with a member that the model does not know is a mistake of ours and raises KeyError.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from systems.web import Answer, Asked

_JSON: Final = "application/x-amz-json-1.1"
_XML: Final = "text/xml"
_SIGNED_AS: Final = {"elasticloadbalancing": "elbv2", "monitoring": "cloudwatch"}
"""Services that sign under another name than botocore files them under."""


class Refusal(Exception):
    """The service says no: its code, and why."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class Gate:
    """One endpoint for several services; a service is an object with a method for each of its operations."""

    def __init__(self, services: Mapping[str, object]) -> None:
        """`services` by botocore's names: "ecs", "elbv2"."""
        from botocore import xform_name
        from botocore.session import Session

        self._methods = xform_name
        self._services = services
        session = Session()
        self._models = {name: session.get_service_model(name) for name in services}
        self._targets = {
            model.metadata["targetPrefix"]: name
            for name, model in self._models.items()
            if model.metadata.get("targetPrefix")
        }

    async def answer(self, asked: Asked) -> Answer:
        """What one request gets."""
        prefix, _, operation = asked.headers.get("x-amz-target", "").rpartition(".")
        if prefix:
            return self._json(self._targets.get(prefix, ""), operation, asked.body)
        credential = asked.headers.get("authorization", "").partition("Credential=")[2].split("/")
        signed = credential[3] if len(credential) > 4 else ""
        return self._query(_SIGNED_AS.get(signed, signed), asked.body.decode("utf-8", "replace"))

    def _json(self, service: str, operation: str, body: bytes) -> Answer:
        try:
            model = self._model(service, operation)
            told = self._call(service, operation, json.loads(body or b"{}"))
            text = {} if model.output_shape is None else _to_json(model.output_shape, told)
            return Answer(200, json.dumps(text).encode(), _JSON)
        except Refusal as error:
            said = {"__type": error.code, "message": error.message}
            return Answer(error.status, json.dumps(said).encode(), _JSON)

    def _query(self, service: str, body: str) -> Answer:
        given = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
        operation = given.get("Action", "")
        try:
            model = self._model(service, operation)
            asked = {} if model.input_shape is None else _from_query(model.input_shape, given, "") or {}
            told = self._call(service, operation, asked)
            inner = ""
            if model.output_shape is not None:
                wrapper = model.output_shape.serialization.get("resultWrapper", f"{operation}Result")
                inner = f"<{wrapper}>{_to_xml(model.output_shape, told)}</{wrapper}>"
            text = f"<{operation}Response>{inner}{_ID}</{operation}Response>"
            return Answer(200, text.encode(), _XML)
        except Refusal as error:
            said = f"<Type>Sender</Type><Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
            return Answer(error.status, f"<ErrorResponse><Error>{said}</Error></ErrorResponse>".encode(), _XML)

    def _model(self, service: str, operation: str) -> Any:
        model = self._models.get(service)
        if model is None or operation not in model.operation_names:
            raise Refusal("InvalidAction", f"there is no {service}:{operation} here")
        return model.operation_model(operation)

    def _call(self, service: str, operation: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        method = getattr(self._services[service], self._methods(operation), None)
        if method is None:
            raise Refusal("InvalidAction", f"{operation} is not simulated")
        told: Mapping[str, Any] = method(asked) or {}
        return told


_ID: Final = "<ResponseMetadata><RequestId>simulated</RequestId></ResponseMetadata>"


def _from_query(shape: Any, given: Mapping[str, str], prefix: str) -> Any:
    """What a flat form says of a shape; None when it says nothing."""
    match shape.type_name:
        case "structure":
            found = {}
            for name, member in shape.members.items():
                key = member.serialization.get("name", name)
                value = _from_query(member, given, f"{prefix}.{key}" if prefix else key)
                if value is not None:
                    found[name] = value
            return found or None
        case "list":
            if shape.serialization.get("flattened"):
                name = shape.member.serialization.get("name")
                start = f"{prefix.rpartition('.')[0]}.{name}".lstrip(".") if name else prefix
            else:
                start = f"{prefix}.{shape.member.serialization.get('name', 'member')}"
            items, number = [], 1
            while (one := _from_query(shape.member, given, f"{start}.{number}")) is not None:
                items.append(one)
                number += 1
            return items or None
    text = given.get(prefix)
    if text is None:
        return None
    match shape.type_name:
        case "boolean":
            return text == "true"
        case "integer" | "long":
            return int(text)
        case "float" | "double":
            return float(text)
        case "timestamp":
            return datetime.fromisoformat(text.replace("Z", "+00:00"))
        case _:
            return text


def _to_json(shape: Any, value: Any) -> Any:
    match shape.type_name:
        case "structure":
            members = shape.members
            return {
                members[name].serialization.get("name", name): _to_json(members[name], one)
                for name, one in value.items()
                if one is not None
            }
        case "list":
            return [_to_json(shape.member, one) for one in value]
        case "map":
            return {name: _to_json(shape.value, one) for name, one in value.items()}
        case "timestamp":
            return value.timestamp()
        case "blob":
            return base64.b64encode(value).decode()
        case _:
            return value


def _to_xml(shape: Any, value: Any) -> str:
    match shape.type_name:
        case "structure":
            members = shape.members
            return "".join(_element(members[name], name, one) for name, one in value.items() if one is not None)
        case "boolean":
            return "true" if value else "false"
        case "timestamp":
            return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
        case _:
            return escape(str(value))


def _element(shape: Any, name: str, value: Any) -> str:
    name = shape.serialization.get("name", name)
    if shape.type_name != "list":
        return f"<{name}>{_to_xml(shape, value)}</{name}>"
    inner = shape.member.serialization.get("name", "member")
    if shape.serialization.get("flattened"):
        return "".join(f"<{name}>{_to_xml(shape.member, one)}</{name}>" for one in value)
    return f"<{name}>{''.join(f'<{inner}>{_to_xml(shape.member, one)}</{inner}>' for one in value)}</{name}>"
