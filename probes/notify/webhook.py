"""A webhook: JSON by POST, signed where there is a secret.

The signature is that of https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md:
`webhook-id`, `webhook-timestamp` in Unix seconds, and `webhook-signature: v1,<base64>` with the HMAC-SHA256 of
"id.timestamp.body". A secret that begins with whsec_ is base64, any other is its own bytes. The `Idempotency-Key` and
the `id` in the body are the same however often a notice is sent: that is how a receiver tells that it knows one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final

from probes.base import SafeText, SecretSource
from probes.base.notice import Delivery, Fate, Notice
from probes.notify.send import Post, Undelivered, endpoint, judged, resolved

_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")


class Webhook:
    """One of them."""

    def __init__(
        self,
        name: str,
        url: str,
        secrets: SecretSource,
        now: Callable[[], float],
        *,
        secret: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        ca: str | None = None,
        proxy: str = "",
    ) -> None:
        """`url`, `secret`, `proxy` and headers may be references. `now`: Unix seconds."""
        self._post = Post(name, timeout, ca, proxy, secrets)
        self._url = url
        self._secrets = secrets
        self._now = now
        self._secret = secret
        self._headers = headers or {}

    async def tell(self, notice: Notice) -> Delivery:
        """POST it once; every 2xx says that it was taken."""
        try:
            url = resolved(self._url, self._secrets)
            body = notice.as_json().encode()
            given = {name: resolved(value, self._secrets) for name, value in self._headers.items()}
            headers = {"Content-Type": "application/json", **given, **self._signed(notice, body)}
            secret = [one for name, one in given.items() if one != self._headers[name]]
            reply = await self._post.send(url, headers, body, [*secret, *(one.rpartition(" ")[2] for one in secret)])
        except Undelivered as error:
            return error.delivery
        return judged(reply, endpoint(url).where, taken=True)

    async def reach(self) -> Delivery:
        """Connect and hang up; nothing is posted."""
        try:
            url = resolved(self._url, self._secrets)
            for value in (*self._headers.values(), *([self._secret] if self._secret else [])):
                resolved(value, self._secrets)
            self._key()
            where = await self._post.reach(url)
        except Undelivered as error:
            return error.delivery
        return Delivery(Fate.TOLD, SafeText(f"{where} takes connections"))

    async def close(self) -> None:
        """Let go."""
        self._post.close()

    def _signed(self, notice: Notice, body: bytes) -> dict[str, str]:
        id = notice.id if _KEY.fullmatch(notice.id) else sha256(notice.id.encode()).hexdigest()
        stamp = str(int(self._now()))
        made = {"Idempotency-Key": id, "webhook-id": id, "webhook-timestamp": stamp}
        key = self._key()
        if key:
            digest = hmac.new(key, f"{id}.{stamp}.".encode() + body, hashlib.sha256).digest()
            made["webhook-signature"] = f"v1,{base64.b64encode(digest).decode('ascii')}"
        return made

    def _key(self) -> bytes:
        if self._secret is None:
            return b""
        secret = resolved(self._secret, self._secrets)
        if not secret.startswith("whsec_"):
            return secret.encode("utf-8", "surrogateescape")
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            words = "the secret that signs begins with whsec_ and is not base64 behind it"
            raise Undelivered(Fate.UNSENT, SafeText(words)) from None
