"""Lines of the AWS command line about secrets, both ways, and how new values are put into JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from desk.commandline import recognised
from probes.aws.secrets.act import SecretsActuator
from probes.aws.secrets.commands import SHOWN, WHOLE
from probes.aws.secrets.merge import NotKeys, Unfit, fingerprint, members, merged, same
from probes.aws.secrets.settings import SecretsSettings
from probes.base import Context, Request, SafeText, Target
from tests.probes.acting import comes_back
from tests.probes.rigs import TestSecrets

ID = "production/social-analytics/twitch/credentials"
ARN = f"arn:aws:secretsmanager:eu-west-1:123456789012:secret:{ID}-AbCdEf"


def actuator(**more: Any) -> SecretsActuator:
    settings = SecretsSettings.model_validate({"region": "eu-west-1", "account": "123456789012", **more})
    return SecretsActuator(Target("it", "secrets", settings), Context(TestSecrets()))


NAMES = st.from_regex(r"\A[A-Za-z0-9/_+=.@-]{1,80}\Z").filter(lambda name: not name.startswith("--"))
KEYS = st.text(min_size=1, max_size=20).filter(
    lambda key: "," not in key and key == key.strip() and str(SafeText(key)) == key
)
PLACES = st.sampled_from([{}, {"profile": "ops"}, {"account": None}, {"region": None, "account": None}])


@given(NAMES, PLACES, st.lists(KEYS, min_size=1, max_size=5, unique=True))
def test_a_set_comes_back_from_its_own_line(name: str, place: dict[str, Any], keys: list[str]) -> None:
    assert comes_back(actuator(**place), Request("set", (name,), word=",".join(keys)))


@given(NAMES, PLACES, st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9-]{31,63}\Z") | st.just(""))
def test_an_undo_comes_back_from_its_own_line(name: str, place: dict[str, Any], version: str) -> None:
    assert comes_back(actuator(**place), Request("undo", (name,), word=version))


@given(NAMES, PLACES)
def test_a_replace_comes_back_from_its_own_line(name: str, place: dict[str, Any]) -> None:
    assert comes_back(actuator(**place), Request("replace", (name,)))


PAIR = '\'{"client_id":"a","client_secret":"b"}\''


@pytest.mark.parametrize(
    ("line", "request_", "warning"),
    [
        (f"aws secretsmanager update-secret --secret-id {ID} --secret-string {PAIR}",
         Request("set", (ID,), word="client_id,client_secret"), WHOLE),
        (f"aws secretsmanager put-secret-value --secret-string={PAIR} --secret-id={ID} --region eu-west-1",
         Request("set", (ID,), word="client_id,client_secret"), WHOLE),
        (f"aws secretsmanager update-secret \\\n  --secret-id {ID} \\\n  --secret-string {PAIR} | jq .VersionId",
         Request("set", (ID,), word="client_id,client_secret"), WHOLE),
        (f"aws secretsmanager put-secret-value --secret-id {ID} --secret-string hunter2",
         Request("replace", (ID,)), SHOWN),
        (f"aws secretsmanager put-secret-value --secret-id {ID} --secret-string file:///dev/stdin",
         Request("replace", (ID,)), ""),
    ],
)  # fmt: skip
def test_the_many_spellings_of_a_change_are_recognised(line: str, request_: Request, warning: str) -> None:
    found = recognised(line, actuator())
    assert found is not None
    assert (found.request, found.warning) == (request_, warning)


def test_the_line_of_a_set_reads_puts_in_and_writes_back_and_holds_no_value() -> None:
    line = actuator().render(Request("set", (ID,), word="client_secret"))
    assert line == (
        f"aws secretsmanager get-secret-value --secret-id {ID} --query SecretString --output text --region eu-west-1"
        """ | jq --rawfile v0 new-value-0 '.["client_secret"] = $v0'"""
        f" | aws secretsmanager put-secret-value --secret-id {ID} --secret-string file:///dev/stdin --region eu-west-1"
    )


@pytest.mark.parametrize(
    "line",
    [
        f"aws secretsmanager update-secret --secret-id {ID} --secret-string {PAIR} --region us-east-1",
        f"AWS_PROFILE=x aws secretsmanager update-secret --secret-id {ID} --secret-string {PAIR}",
        f"aws secretsmanager update-secret --secret-id {ID} --secret-string file://creds.json",
        f"aws secretsmanager update-secret --secret-id {ID} --description x",
        f"aws secretsmanager update-secret --secret-id {ID} --secret-string '{{\"a,b\": 1}}'",
        f"aws secretsmanager update-secret --secret-string {PAIR}",
        f"aws secretsmanager get-secret-value --secret-id {ID}",
        f"aws secretsmanager get-secret-value --secret-id {ID} | jq '.x'",
        f"aws secretsmanager delete-secret --secret-id {ID}",
        f"aws secretsmanager put-secret-value --secret-id {ID} --secret-string x --version-stages AWSPENDING",
        f"aws secretsmanager update-secret-version-stage --secret-id {ID} --version-stage AWSPENDING",
        f"aws secretsmanager update-secret --secret-id {ID} --secret-string \"$SECRET\"",
        f"aws secretsmanager update-secret --secret-id {ID} --secret-string {PAIR} | tee x",
        f"aws secretsmanager update-secret --secret-id {ARN.replace('eu-west-1', 'us-east-1')} --secret-string {PAIR}",
        f"aws secretsmanager update-secret --secret-id {ARN.replace('123456789012', '999999999999')} --secret-string x",
    ],
)  # fmt: skip
def test_a_line_that_speaks_of_something_or_somewhere_else_means_nothing(line: str) -> None:
    assert recognised(line, actuator()) is None


def test_an_arn_is_known_by_its_name_once_it_was_seen() -> None:
    one = actuator()
    line = f"aws secretsmanager put-secret-value --secret-id {ARN} --secret-string x"
    found = recognised(line, one)
    assert found is not None
    assert found.request.subjects == (ARN,)
    one._known[ARN] = ID
    found = recognised(line, one)
    assert found is not None
    assert found.request.subjects == (ID,)


def test_only_secrets_of_the_target_are_recognised() -> None:
    line = f"aws secretsmanager put-secret-value --secret-id {ID} --secret-string x"
    assert recognised(line, actuator(prefix="staging/")) is None
    assert recognised(line, actuator(names=["staging/*"])) is None
    assert recognised(line, actuator(names=["production/*"])) is not None


# merging


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(max_size=8), VALUES, max_size=6),
    st.dictionaries(st.text(max_size=8), st.text(max_size=20)),
    st.sampled_from([None, 1, 4]), st.booleans(),
)  # fmt: skip
def test_what_is_merged_is_the_old_object_with_the_new_values(
    old: dict[str, Any], new: dict[str, str], indent: int | None, ascii_only: bool
) -> None:
    assume(all(old.get(key) is None or isinstance(old[key], str) for key in new))
    text = json.dumps(old, indent=indent, ensure_ascii=ascii_only)
    assert json.loads(merged(text, new)) == old | new
    assert merged(text, {}) == text
    for key, value in new.items():
        assert same(merged(text, new), key, value)


@pytest.mark.parametrize(
    "text",
    ["", "x", "[1]", '"a"', "12", "null", '{"a": 1} x', '{"a": 1', '{"a": 1, "a": 2}', '{"a" 1}', "{1: 2}",
     "{,}", "[" * 9999, '{"a":' * 9999],
)  # fmt: skip
def test_what_is_no_object_of_keys_is_said_to_be_none_without_its_text(text: str) -> None:
    with pytest.raises(NotKeys) as caught:
        members(text)
    assert str(caught.value) == "it is no JSON object of keys and values"


def test_every_other_letter_stays() -> None:
    text = '\n{ "b" :1.0e5,\t"a":"x" , "c":{"d":[1,  2]}}  \n'
    assert merged(text, {"a": "y"}) == text.replace('"x"', '"y"')
    assert merged(text, {"b": "2.50"}) == text.replace("1.0e5", "2.50")
    assert merged(text, {"n": "z"}) == text.replace("}}  \n", '}, "n": "z"}  \n')
    assert merged("{}", {"n": "z"}) == '{"n": "z"}'
    assert merged("{ }", {"n": "z"}) == '{"n": "z" }'


@pytest.mark.parametrize(
    ("there", "typed", "becomes"),
    [("1", "2", "2"), ("1", "2.5", "2.5"), ("true", "false", "false"), ("null", "x", '"x"'), ("1", "x", None),
     ("1", "NaN", None), ("1", "true", None), ("true", "1", None), ("1", '"2"', None), ("[1]", "2", None),
     ("{}", "x", None)],
)  # fmt: skip
def test_a_value_keeps_its_kind(there: str, typed: str, becomes: str | None) -> None:
    text = f'{{"key": {there}}}'
    if becomes is None:
        with pytest.raises(Unfit) as caught:
            merged(text, {"key": typed})
        assert str(caught.value).startswith("key holds ")
    else:
        assert merged(text, {"key": typed}) == f'{{"key": {becomes}}}'


def test_a_fingerprint_tells_sets_of_keys_apart_and_nothing_else() -> None:
    assert fingerprint({"a", "b"}) == fingerprint({"b": 1, "a": 2})
    assert fingerprint({"a"}) != fingerprint({"a", "b"})
