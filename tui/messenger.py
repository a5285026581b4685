"""Sends messages about incidents through the channels of a profile, each once: whether again is for a person to say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from desk.notices.channel import MESSAGES, PagerDutySettings
from probes.base import Delivery, Notice
from tui.delivery import told_once

if TYPE_CHECKING:
    from desk.clock import Clock
    from desk.notices.channel import Channel
    from desk.profile import Profile
    from tui.secrets import Secrets


class Messenger:
    """Slack, e-mail and webhooks take messages, a status page is a webhook; PagerDuty calls people."""

    def __init__(self, profile: Profile, secrets: Secrets, clock: Clock) -> None:
        self._secrets, self._clock = secrets, clock
        there = [one for one in profile.channels if one.settings.enabled]
        self._channels: dict[str, Channel] = {one.name: one for one in there if isinstance(one.settings, MESSAGES)}
        self._pagers = {one.name: one for one in there if isinstance(one.settings, PagerDutySettings)}

    def channels(self) -> Sequence[str]:
        """Names of those that take a message."""
        return list(self._channels)

    async def send(self, channel: str, notice: Notice) -> Delivery:
        """Try once, in bounded time. Raises `LookupError` for a channel that is not there."""
        return await told_once(self._channels[channel], notice, self._secrets, self._clock)

    async def page(self, channel: str, notice: Notice) -> Delivery:
        """Call whoever is on duty, the same: PagerDuty takes all events of a case for one."""
        return await told_once(self._pagers[channel], notice, self._secrets, self._clock)
