"""Shell steps: the author's text stays, what is filled in is only ever an argument."""

from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.runbook.book import Command, Parameter
from desk.runbook.script import PLAIN, name_of, script


def parameter(written: str, name: str = "it") -> Parameter:
    return Parameter(name, (written,), (1,))


def ran(text: str, *arguments: str) -> str:
    done = subprocess.run(
        ["bash", "--norc", "-c", text, "step", *arguments], capture_output=True, text=True, timeout=20, check=True
    )
    return done.stdout


TEXTS = (
    ("printf %s <it>", "<it>"),
    ('printf %s "<it>"', "<it>"),
    ("printf %s '<it>'", "<it>"),
    ('printf %s "$IT"', "$IT"),
    ("printf %s ${IT}", "${IT}"),
    ("printf %s IT_ID", "IT_ID"),
    ('printf %s "it\'s" >/dev/null; printf %s {it}', "{it}"),
    ("cat <<EOF | tr -d '\\n'\n<it>\nEOF", "<it>"),
)


@pytest.mark.parametrize(("text", "written"), TEXTS)
def test_a_value_arrives_as_it_was_typed_wherever_its_place_is(text: str, written: str) -> None:
    made = script(Command(1, 1, text, placeholders=(written,)), [parameter(written)])
    assert (made.refused, made.parameters) == ("", ("it",))
    assert ran(made.text, "42") == "42"


NESTED = (
    ('bash -c "printf %s <it>"', "<it>"),
    ("sh -c 'printf %s <it>'", "<it>"),
    ('eval "printf %s <it>"', "<it>"),
    ("bash <<EOF\nprintf %s <it>\nEOF", "<it>"),
    ("for x in 1; do # don't stop\nprintf %s <it>; done", "<it>"),
)


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1, max_size=40),
    st.sampled_from(TEXTS[:3]),
)
def test_no_value_is_ever_read_by_the_shell(value: str, case: tuple[str, str]) -> None:
    text, written = case
    made = script(Command(1, 1, text, placeholders=(written,)), [parameter(written)])
    assert ran(made.text, value) == value


@given(st.from_regex(PLAIN, fullmatch=True).map(lambda text: text[:40]), st.sampled_from(NESTED))
def test_what_may_be_filled_in_means_itself_in_a_shell_within_the_shell_too(value: str, case: tuple[str, str]) -> None:
    text, written = case
    made = script(Command(1, 1, text, placeholders=(written,)), [parameter(written)])
    assert made.refused == ""
    if "?" not in value:  # a question mark may stand for a file's letter there
        assert ran(made.text, value) == value


@pytest.mark.parametrize(
    "value", ["1; id", "$(id)", "`id`", "a b", "x'y", 'x"y', "a|b", "a>b", "a&b", "a[0]", "~", "{1..9}", ""]
)
def test_what_means_something_to_a_shell_may_not_be_filled_in(value: str) -> None:
    assert re.fullmatch(PLAIN, value) is None


@pytest.mark.parametrize(
    "text", ["bash -c 'rm -rf /data/$TENANT'", "ssh web-1 'rm -rf /data/${TENANT}'", "cat <<'EOF'\n$TENANT\nEOF"]
)
def test_a_variable_that_nobody_would_fill_in_there_is_refused(text: str) -> None:
    written = "${TENANT}" if "{" in text else "$TENANT"
    assert script(Command(1, 3, text, placeholders=(written,)), [parameter(written)]).refused


@pytest.mark.parametrize(
    "command",
    [
        Command(1, 1, "redis-cli -a <password> ping", placeholders=("<password>",)),
        Command(1, 1, "API_TOKEN=$(login)", sets=("API_TOKEN",)),
        Command(1, 1, 'curl -H "$DB_PASSWORD" x', uses=("DB_PASSWORD",)),
        Command(1, 1, "CONFIG=$(kubectl get secret x -o yaml)", sets=("CONFIG",), reveals=True),
    ],
)
def test_no_secret_is_run_where_everybody_sees_it(command: Command) -> None:
    secret = Parameter("password", ("<password>",), (1,), secret=True)
    assert "secret" in script(command, [secret], carried=("DB_PASSWORD",)).refused


def test_what_would_break_out_of_its_quotes_stays_a_word() -> None:
    made = script(Command(1, 1, "printf %s '<it>'", placeholders=("<it>",)), [parameter("<it>")])
    assert ran(made.text, "'; touch /tmp/x; '$(id)`id`") == "'; touch /tmp/x; '$(id)`id`"


def test_a_line_whose_value_its_act_would_ask_for_is_refused() -> None:
    """As an argument it would stand in the list of processes, and a `<value>` nobody fills in in the file."""
    command = Command(
        1, 1, "sed -i 's|^KEY=.*|KEY=<value>|' <folder>/.env", placeholders=("<folder>",), asked=("<value>",)
    )
    assert "typed where the line is run" in script(command, [parameter("<folder>")]).refused


def test_a_here_document_without_variables_is_refused() -> None:
    made = script(Command(1, 3, "cat <<'EOF'\n<it>\nEOF", placeholders=("<it>",)), [parameter("<it>")])
    assert "takes no variables" in made.refused


def test_what_an_earlier_step_has_set_comes_as_an_argument() -> None:
    made = script(Command(1, 1, 'printf %s "$COLOUR"', uses=("COLOUR",)), [], carried=("OTHER", "COLOUR"))
    assert (made.parameters, made.carried) == (("COLOUR",), ("COLOUR",))
    assert ran(made.text, "abc") == "abc"


def test_a_step_of_too_many_parameters_or_of_one_without_a_name_is_refused() -> None:
    written = tuple(f"<p{number}>" for number in range(9))
    many = Command(1, 1, f"echo {' '.join(written)}", placeholders=written)
    assert "8 are the most" in script(many, [parameter(one, one.strip("<>")) for one in written]).refused
    assert "has no name" in script(many, []).refused


def test_a_step_is_called_by_its_line_its_first_words_and_which_text_it_is() -> None:
    one, other = (name_of(Command(42, 42, f"pg_dump --clean {name} > x.sql")) for name in ("shop", "mail"))
    assert one.startswith("L42-pg_dump-clean-")
    assert one != other
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,39}", name_of(Command(7, 7, "数据/" + "x" * 90)))
