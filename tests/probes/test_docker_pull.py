"""What Docker's program says in a pull, in our words: how far it has come, and why it failed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.base import Truth
from probes.docker.act_pull import STILL, complaint, progress

HALF = """1: Pulling from shop/web
aaaaaaaaaaaa: Already exists
bbbbbbbbbbbb: Pulling fs layer
cccccccccccc: Pulling fs layer
bbbbbbbbbbbb: Download complete
bbbbbbbbbbbb: Pull complete
"""


def words(out: str, ran: float = 1.0, quiet: float = 0.0) -> str:
    return str(progress(out, ran, quiet).words)


def test_before_the_first_layer_the_registry_is_asked_and_a_silence_is_said() -> None:
    assert words("") == "asking the registry"
    assert words("", 75, 75) == "asking the registry; nothing new for 1m15s: it may have stalled"


def test_layers_are_counted_and_the_time_to_go_is_estimated_from_those_that_had_to_be_fetched() -> None:
    assert words(HALF, 2) == "2 of 3 layers are here"
    assert words(HALF, 30) == "2 of 3 layers are here, about 30 s to go if layers are alike"
    assert progress(HALF, 30, 0).share == pytest.approx(2 / 3)


def test_a_pull_that_stands_still_says_so_and_promises_nothing() -> None:
    said = words(HALF, 200, 130)
    assert said == "2 of 3 layers are here; nothing new for 2m10s: a large layer, or the registry has stalled"
    assert "breaks off, Docker tries again" in words(f"{HALF}cccccccccccc: Retrying in 5 seconds\n", 200, 1)


def test_a_pull_whose_layers_are_all_here_is_not_done_yet() -> None:
    all_here = "1: Pulling from shop/web\naaaaaaaaaaaa: Already exists\n"
    assert words(all_here) == "1 of 1 layer is here, the rest of the image is awaited"
    assert (progress(all_here, 9, 0).share or 1.0) < 1.0
    assert "stalled" in words(all_here, 90, STILL)


@given(st.text(), st.floats(0, 1e6), st.floats(0, 1e6))
def test_whatever_is_printed_is_progress(out: str, ran: float, quiet: float) -> None:
    for printed in (out, HALF + out, f"aaaaaaaaaaaa: {out}"):
        told = progress(printed, ran, quiet)
        assert told.truth is Truth.PENDING
        assert told.words
        assert told.share is None or 0.0 <= told.share < 1.0


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("toomanyrequests: You have reached your unauthenticated pull rate limit.", "limit of pulls is reached"),
        ("pull access denied for web, repository does not exist or may require 'docker login'", "is the name right"),
        ("unauthorized: authentication required", "wants a login"),
        ("denied: requested access to the resource is denied", "does not let us have it"),
        ("Head https://1.dkr.ecr.eu-west-1.amazonaws.com/v2/x: no basic auth credentials", "wants a login"),
        ("denied: Your authorization token has expired. Reauthenticate and try again.", "has run out"),
        ('error getting credentials - err: exec: "docker-credential-ecr-login": executable file not found in $PATH',
         "credsStore"),
        ("manifest for web:9 not found: manifest unknown", "has no such image"),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", "not for this kind of machine"),
        ("received unexpected HTTP status: 503 Service Unavailable", "it answers HTTP 503"),
        ('Get "https://r.example/v2/": x509: certificate signed by unknown authority', "does not trust"),
        ('Get "https://r:5000/v2/": http: server gave HTTP response to HTTPS client', "insecure-registries"),
        ('Get "https://r.example/v2/": dial tcp: lookup r.example: no such host', "name is not known"),
        ('Get "https://r.example/v2/": dial tcp 192.0.2.1:443: connect: connection refused', "nothing listens"),
        ('Get "https://r.example/v2/": dial tcp 192.0.2.1:443: i/o timeout', "no answer in time"),
        ('Get "https://r.example/v2/": net/http: request canceled (Client.Timeout exceeded)', "no answer in time"),
        ("failed to register layer: write /x: no space left on device", "disk is full"),
        ("filesystem layer verification failed for digest sha256:00", "its checksum is another"),
        ("unexpected EOF", "broke off"),
        ("Cannot connect to the Docker daemon at unix:///none. Is the docker daemon running?", "the Engine is gone"),
        ("something new with https://ann:hunter2@r.example", "exit code 1"),
    ],
)  # fmt: skip
def test_each_no_of_a_registry_has_its_words(said: str, wanted: str) -> None:
    found = complaint(f"Error response from daemon: {said}", "exit code 1")
    assert wanted in found
    assert "hunter2" not in found
