"""Slack's incoming webhooks: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks.

They know no id: after an answer that was lost a notice is posted again, and may be seen twice; its first line is the
same then, and its last names the notice. Text from outside mentions nobody and links nowhere: `&`, `<` and `>` are
escaped (https://docs.slack.dev/messaging/formatting-message-text#escaping), all of it is plain text, not mrkdwn. For
those that speak like Slack and are less strict an @ before a word and a :// are parted by a mark that can't be seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from probes.base import SafeText, SecretSource
from probes.base.notice import Delivery, Fate, Notice
from probes.notify.send import Post, Undelivered, endpoint, judged, resolved

_HEADER: Final = 150
"""Characters of a header: https://docs.slack.dev/reference/block-kit/blocks/header-block."""
_SECTION: Final = 2900
"""Characters of a section; the limit of https://docs.slack.dev/reference/block-kit/blocks/section-block is 3000."""
_LINES: Final = 20
"""Notices of a summary that are written out; the others are counted."""
_WRITTEN: Final = frozenset({"incident", "message"})
"""Events of what people wrote themselves."""
_PIECE: Final = 400
"""Characters of a line that are kept together: they fit into a section, whatever stands for them there."""
_PARTS: Final = 45
"""Sections of a message; https://docs.slack.dev/reference/block-kit/blocks allows 50 blocks, and titles are some."""
_PARTED: Final = "\u2060"
"""WORD JOINER: takes no room and parts nothing that is seen."""

_KNOWN: Final[Mapping[str, str]] = {
    "invalid_payload": "it can't read what we sent",
    "invalid_token": "this webhook is not valid any more: make another",
    "no_active_hooks": "this webhook is switched off",
    "no_service": "this webhook was removed: make another",
    "no_service_id": "the address is not that of a webhook",
    "no_team": "the workspace is gone",
    "team_disabled": "the workspace is switched off",
    "channel_not_found": "its channel is gone",
    "channel_is_archived": "its channel is archived",
    "action_prohibited": "an administrator does not allow it",
    "posting_to_general_channel_denied": "an administrator does not allow it in that channel",
    "user_not_found": "its user is gone",
}
"""What Slack says of a webhook that does not work, from the first page above."""


class Slack:
    """One incoming webhook."""

    def __init__(self, name: str, url: str, secrets: SecretSource, timeout: float = 10.0, proxy: str = "") -> None:
        """`url`: a reference to its address. `proxy` may be one."""
        self._post = Post(name, timeout, None, proxy, secrets)
        self._url = url
        self._secrets = secrets

    async def tell(self, notice: Notice) -> Delivery:
        """Post it once; Slack says "ok" when it has it."""
        try:
            url = _secure(resolved(self._url, self._secrets))
            body = json.dumps(message(notice), ensure_ascii=False).encode()
            reply = await self._post.send(url, {"Content-Type": "application/json; charset=utf-8"}, body)
        except Undelivered as error:
            return error.delivery
        said = reply.body.strip()
        where = endpoint(url).where
        found = judged(reply, where, taken=said == b"ok")
        why = _KNOWN.get(said.decode("ascii", "replace"))
        if why is not None:
            alone = said == b"invalid_payload"
            return Delivery(found.fate, SafeText(f"{where}: {why} ({said.decode('ascii')})"), found.wait, alone)
        return found

    async def reach(self) -> Delivery:
        """Connect and hang up; nothing is posted."""
        try:
            where = await self._post.reach(_secure(resolved(self._url, self._secrets)))
        except Undelivered as error:
            return error.delivery
        return Delivery(Fate.TOLD, SafeText(f"{where} takes connections"))

    async def close(self) -> None:
        """Let go."""
        self._post.close()


def _secure(url: str) -> str:
    place = endpoint(url)
    if place.scheme != "https" and place.host not in ("127.0.0.1", "localhost", "::1"):
        raise Undelivered(Fate.UNSENT, SafeText("the address must begin with https://"))
    return url


def escaped(text: str, most: int) -> str:
    """Text from outside as Slack shows it and does nothing with it; at most so many characters, escapes counted.

    >>> escaped("<!here> see http://x", 99).replace("\\u2060", "|")
    '&lt;!here&gt; see http:|//x'
    >>> escaped("@channel and a@b", 99).replace("\\u2060", "|"), escaped("a&b", 5)
    ('@|channel and a@b', 'a…')
    """
    text = re.sub(r"(?<![\w.+-])@(?=\w)", f"@{_PARTED}", text)
    text = text.replace("://", f":{_PARTED}//").replace("](", f"]{_PARTED}(")
    made: list[str] = []
    size = 0
    for char in text:
        one = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(char, char)
        if size + len(one) > most:
            return "".join(_cut(made, most)) + "…"
        made.append(one)
        size += len(one)
    return "".join(made)


def _cut(made: list[str], most: int) -> list[str]:
    """Without as many at the end as the sign of the cut needs."""
    while made and sum(map(len, made)) > most - 1:
        made.pop()
    return made


def message(notice: Notice) -> dict[str, Any]:
    """What is posted."""
    public = notice.more.get("audience") == "public"
    blocks = [_section(part) for part in _sections(notice)]
    if not public:  # customers read the text and nothing else
        header = {"type": "header", "text": _plain(_title(notice), _HEADER)}
        blocks = [header, *blocks, {"type": "context", "elements": [_plain(_foot(notice), _SECTION)]}]
    return {
        "text": escaped(notice.words if public else notice.headline, 500),
        "blocks": blocks,
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _plain(text, _SECTION)}


def _sections(notice: Notice) -> list[str]:
    """What is said, in as many parts as it needs: what people wrote is told whole, an alert's words are cut."""
    lines = [*_lines(notice)]
    if notice.event not in _WRITTEN:
        return ["\n".join(lines)] if lines else []
    parts = [""]
    for line in "\n".join(lines).splitlines(keepends=True):
        for piece in (line[at : at + _PIECE] for at in range(0, len(line), _PIECE)):
            if len(escaped(parts[-1] + piece, 2 * _SECTION)) > _SECTION:
                parts.append("")
            parts[-1] += piece
    return [part.strip("\n") for part in parts if part.strip()][:_PARTS]


def _plain(text: str, most: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": escaped(text, most) or "–", "emoji": False}


def _title(notice: Notice) -> str:
    if notice.event in (Notice.SUMMARY, Notice.TEST):
        return notice.headline
    what = notice.severity.name if notice.event == "raised" else notice.event.upper()
    return f"{what}  {notice.place}: {notice.target}"


def _lines(notice: Notice) -> Iterator[str]:
    if notice.event == Notice.SUMMARY:
        yield from _summed(notice)
        return
    yield notice.words
    more = notice.more
    for name, key in (("note", "note"), ("suggested", "suggest"), ("procedure", "procedure")):
        if more.get(key):
            yield f"{name}: {more[key]}"


def _summed(notice: Notice) -> Iterator[str]:
    """The newest of each case, what is still so first; then how many more there were."""
    newest = {part.case: part for part in notice.parts}
    order = sorted(newest.values(), key=lambda part: (part.event == "cleared", -part.severity, part.since))
    still = sum(part.event != "cleared" for part in order)
    yield f"{len(order)} alerts: {still} still there, {len(order) - still} over again"
    for part in order[:_LINES]:
        yield f"{'over' if part.event == 'cleared' else part.severity.name}  {part.target}: {part.words[:120]}"
    if len(order) > _LINES:
        yield f"and {len(order) - _LINES} more"


def _foot(notice: Notice) -> str:
    said = [f"{notice.event} {_clock(notice.at)}" + (f" by {notice.by}" if notice.by else "")]
    if notice.since and notice.event not in (Notice.SUMMARY, Notice.TEST, "raised"):
        said.append(f"since {_clock(notice.since)}")
    if notice.rule and notice.event not in (Notice.SUMMARY, Notice.TEST):
        said.append(f"rule {notice.rule}")
    return " · ".join([*said, f"opsroom {notice.id[:60]}"])


def _clock(moment: str) -> str:
    try:
        return f"{datetime.fromisoformat(moment):%d %b %H:%M:%S} UTC"
    except ValueError:
        return moment
