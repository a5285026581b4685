"""An account and region as this process uses it: resolved once, pinned, shared by all targets that name it alike."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from weakref import WeakValueDictionary

from probes.aws.budget import Bucket
from probes.aws.settings import SCHEMES, AwsSettings
from probes.base import BadUrl, Cause, Context, Identity, ProbeError, SafeText, parse_url

CONNECTING: Final = 3.0
"""Seconds until a connection must stand."""
METADATA: Final = 1
"""Seconds, and tries, for the machine's own role: a bastion without one must not hold up a reading."""


@dataclass(frozen=True, slots=True)
class Whose:
    """Which account this is, and as whom we are there."""

    account: str
    """Twelve digits."""
    arn: SafeText
    """The login: arn:aws:sts::123456789012:assumed-role/ops/alice."""
    region: str
    endpoint: str = ""
    """Where, when it is not AWS itself."""

    @property
    def place(self) -> SafeText:
        """For a person: "123456789012 eu-west-1 as ops/alice"."""
        name = str(self.arn).rpartition(":")[2].removeprefix("assumed-role/").removeprefix("user/")
        at = f" at {self.endpoint}" if self.endpoint else ""
        return SafeText(f"{self.account} {self.region} as {name}{at}", 200)

    @property
    def pin(self) -> Identity:
        """What must still be so when we act."""
        return (("account", self.account), ("region", self.region), ("endpoint", self.endpoint))


class Account:
    """Clients of one account and region. `client` blocks: it is called in a lane."""

    def __init__(
        self, settings: AwsSettings, context: Context, endpoint: str | None, keys: tuple[str, str] | None
    ) -> None:
        self.bucket = Bucket(context.monotonic)
        self.profile = settings.profile
        self._region = settings.region
        self._endpoint = endpoint
        self._keys = keys
        self._session: Any = None
        self._clients: dict[tuple[str, float], Any] = {}
        self._whose: Whose | None = None
        self._lock = threading.Lock()

    @property
    def where(self) -> str:
        """The place in messages: the endpoint's host, or "AWS eu-west-1"."""
        if self._endpoint:
            return parse_url(self._endpoint, SCHEMES).where
        return f"AWS {self._region or ''}".strip()

    @property
    def region(self) -> str:
        """The region that was found; empty before the first call."""
        return self._region or ""

    def client(self, service: str, timeout: float) -> Any:
        """The client of a service: one attempt for each call, at most `timeout` seconds of silence."""
        with self._lock:
            clients, key = self._clients, (service, timeout)
            if key not in clients:
                clients[key] = self._made(service, timeout)
            return clients[key]

    @property
    def known(self) -> Whose | None:
        """Whose it is, once that was asked with the login of now."""
        return self._whose

    def introduce(self, told: Mapping[str, Any]) -> Whose:
        """Keep what sts:GetCallerIdentity told."""
        account, arn = str(told.get("Account", "")), SafeText(str(told.get("Arn", "")), 200)
        self._whose = Whose(account, arn, self.region, self.where if self._endpoint else "")
        return self._whose

    def forget(self) -> None:
        """The login has run out: look for it anew at the next call, and ask again whose it is.

        Never waits: the lock may be held by a thread in which a program is asked for the login.
        """
        self._session, self._whose, self._clients = None, None, {}

    def _made(self, service: str, timeout: float) -> Any:
        from botocore.config import Config

        session = self._opened()
        config = Config(
            connect_timeout=min(CONNECTING, timeout * 2 / 3),
            read_timeout=timeout,
            retries={"total_max_attempts": 1, "mode": "standard"},
            user_agent_extra="opsroom",
            max_pool_connections=8,
            **({"s3": {"addressing_style": "path"}} | _CHECKSUMS if self._endpoint and service == "s3" else {}),
        )
        client = session.create_client(service, region_name=self._region, endpoint_url=self._endpoint, config=config)
        client.meta.events.register("before-parse.*.*", self._must_be_an_answer)
        return client

    def _must_be_an_answer(self, operation_model: Any, response_dict: Mapping[str, Any], **_: Any) -> None:
        """Nothing found and nothing said differ: the library takes what it can't parse for an empty answer."""
        body, status = response_dict.get("body"), response_dict.get("status_code", 0)
        if status >= 300 or not isinstance(body, bytes) or not body.strip():
            return
        protocol = operation_model.service_model.resolved_protocol
        if ("json" in protocol and not _is_json(body)) or (protocol in _XML and not _is_xml(body)):
            raise ProbeError(Cause.GARBAGE, f"{self.where} does not answer {operation_model.name} like AWS")

    def _opened(self) -> Any:
        if self._session is not None:
            return self._session
        from boto3.session import Session

        session = Session(profile_name=self.profile)._session
        session.register_component("data_loader", _described(session.get_config_variable("data_path")))
        session.set_config_variable("metadata_service_timeout", METADATA)
        session.set_config_variable("metadata_service_num_attempts", 1)
        self._region = self._region or session.get_config_variable("region")
        if not self._endpoint and (told := session.get_config_variable("endpoint_url")):
            self._endpoint = told
        if self._keys is not None:
            session.set_credentials(*self._keys)
        else:
            _never_ask(session)
        self._session = session
        return session


_CHECKSUMS: Final = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
"""Several stores that speak S3 refuse the checksums newer SDKs send by default
(https://docs.aws.amazon.com/sdkref/latest/guide/feature-dataintegrity.html)."""


@cache
def _described(data_path: str | None) -> Any:
    """How the services are spoken to, as files of the library say it: read once for all accounts (50 ms a service)."""
    from botocore.loaders import create_loader

    return create_loader(data_path)


def _never_ask(session: Any) -> None:
    """A profile with MFA makes the library ask for a code on the terminal: ours is a screen."""

    def refuse(*_: Any, **__: Any) -> str:
        raise ProbeError(
            Cause.AUTH, "the login asks for a code of a second factor", "log in first, in a shell, then look again"
        )

    provider = session.get_component("credential_provider").get_provider("assume-role")
    if hasattr(provider, "_prompter"):
        provider._prompter = refuse


_XML: Final = frozenset({"query", "ec2", "rest-xml"})


def _is_json(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def _is_xml(body: bytes) -> bool:
    """True for XML that is no web page; whether it is whole XML the library finds out."""
    start = body.lstrip()[:200].lower()
    return start.startswith(b"<") and b"<html" not in start and not start.startswith(b"<!doctype")


_KNOWN: WeakValueDictionary[tuple[Any, ...], Account] = WeakValueDictionary()


def account_of(settings: AwsSettings, context: Context) -> Account:
    """The account that these settings mean: the same one for targets that name it alike."""
    endpoint = _resolved(settings.endpoint, context)
    if endpoint is not None:
        try:
            parse_url(endpoint, SCHEMES)
        except BadUrl as error:
            raise ProbeError(Cause.MISSING, f"endpoint {error}") from None
    keys = None
    if settings.key_id is not None and settings.secret_key is not None:
        keys = (_secret(settings.key_id, context), _secret(settings.secret_key, context))
    key = (settings.profile, settings.region, endpoint, keys, context.monotonic)
    account = _KNOWN.get(key)
    if account is None:
        account = _KNOWN[key] = Account(settings, context, endpoint, keys)
    return account


def _resolved(text: str | None, context: Context) -> str | None:
    return _secret(text, context) if text and text.startswith(("env:", "file:", "command:")) else text


def _secret(reference: str, context: Context) -> str:
    try:
        return context.secrets.resolve(reference)
    except LookupError as error:
        raise ProbeError(Cause.MISSING, SafeText(str(error), 200)) from None
