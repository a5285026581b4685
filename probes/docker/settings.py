"""Where an Engine is, and what of it a target shows."""

from __future__ import annotations

from pydantic import ConfigDict, Field, field_validator, model_validator

from probes.base import BadUrl, Referring, Settings, parse_url
from probes.docker.engine import SCHEMES
from probes.docker.tunnel import Tunnel
from probes.exec.ssh import Destination


class DockerSettings(Settings):
    """A Docker Engine, or the Compose project on it that one system is."""

    model_config = ConfigDict(hide_input_in_errors=True)

    url: Referring | None = Field(
        None,
        description="Where the Engine is: unix:///path or tcp://host:port, or env:NAME. "
        "Default: DOCKER_HOST, else unix:///var/run/docker.sock.",
    )
    ssh: Destination | None = Field(
        None,
        description="The Engine of another machine: a Host of your ssh configuration, or user@host. "
        "url is then its socket there.",
    )
    project: str | None = Field(None, max_length=128, description="Only this Compose project. Default: all containers.")
    keep_volumes: tuple[str, ...] = Field(
        ("*postgres*", "*pgdata*", "*pg_data*", "*mysql*", "*mariadb*", "*mongo*", "*redis*", "*backup*"),
        description="Volumes that are never removed from here, as patterns of names (`*` is any text).",
    )
    stats: bool = Field(True, description="Read cpu and memory of each container.")
    tls: str | None = Field(
        None, description="Folder of ca.pem, cert.pem, key.pem for tcp://. Default: as DOCKER_TLS_VERIFY says."
    )

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("env:", "file:")):
            try:
                parse_url(url, SCHEMES)
            except BadUrl as error:
                raise ValueError(str(error)) from None
        return url

    @model_validator(mode="after")
    def _one_way(self) -> DockerSettings:
        if self.ssh is not None and self.url is not None and not self.url.startswith("unix:///"):
            raise ValueError("with ssh, url is the path of the socket there, such as unix:///var/run/docker.sock")
        if self.ssh is not None and self.tls is not None:
            raise ValueError("with ssh, TLS is not needed: take tls out")
        return self

    @property
    def tunnel(self) -> Tunnel | None:
        """The way to an Engine on another machine; None where it is asked by its address."""
        return Tunnel(self.ssh, self.url) if self.ssh is not None else None
