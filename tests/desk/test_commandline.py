"""Command lines: what people paste is read as bash reads it, and what isn't certain is not read at all."""

from __future__ import annotations

import shlex
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.commandline import LONGEST, parse, recognised
from probes.base import CommandLine, Recognised, Request


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("systemctl restart web", ("systemctl", "restart", "web")),
        ("  $ sudo systemctl restart web  ", ("systemctl", "restart", "web")),
        ("sudo -u postgres -n psql -c 'SELECT 1'", ("psql", "-c", "SELECT 1")),
        ("/usr/bin/docker restart 'my box'", ("/usr/bin/docker", "restart", "my box")),
        ('docker compose -p "shop" up -d', ("docker", "compose", "-p", "shop", "up", "-d")),
        ("env A=1 B=2 nice -n 5 make it", ("make", "it")),
        ("timeout -k 5 30 systemctl stop x", ("systemctl", "stop", "x")),
        ("echo a\\ b", ("echo", "a b")),
        ("docker compose \\\n  restart \\\n  worker", ("docker", "compose", "restart", "worker")),
        ("kubectl get pods # which are there", ("kubectl", "get", "pods")),
        ("--all", ("--all",)),
    ],
)
def test_one_command_is_read_as_bash_reads_it(text: str, words: tuple[str, ...]) -> None:
    (line,) = parse(text)
    assert line.words == words


@pytest.mark.parametrize(
    "text",
    [
        "kill $PID",
        "kill $(pgrep worker)",
        "docker restart `hostname`",
        "systemctl restart <unit>",
        'echo "$HOME"',
        "docker restart 'open",
        "if then fi fi",
        "rm -rf ${DIR:?}",
        "x" * (LONGEST + 1),
        "",
        "   ",
    ],
)
def test_what_is_not_known_before_it_runs_is_no_command(text: str) -> None:
    assert parse(text) == []


class Restarts:
    """Takes every `restart NAME` for one of its own, and `restart` alone for all."""

    reads_pipes = False
    reads_files = False

    def recognise(self, line: CommandLine) -> Recognised | None:
        return Recognised(Request("restart", line.words[1:])) if line.program == "restart" else None


@pytest.mark.parametrize(
    "text",
    [
        "restart a", "restart a b", "restart a; restart b", "restart a &&\n  restart b # both", "restart a | tail -5",
        "restart a > /dev/null 2>&1", "restart a 2>&1 | tee -a restart.log", "restart a >> ./restart.log",
        "restart a | grep -v ok | sort", "sudo -n -u app restart a", "restart a &> /tmp/restart.txt",
        "sudo -i restart a",
    ],
)  # fmt: skip
def test_a_text_of_which_all_is_known_means_what_its_commands_mean(text: str) -> None:
    found = recognised(text, cast(Any, Restarts()))
    assert found is not None
    assert found.request.subjects in (("a",), ("a", "b"))


@pytest.mark.parametrize(
    "text",
    [
        "restart a; kill $PID", "restart a && rm -rf $DIR", "restart a | kill $PID", "restart a || restart b",
        "[[ -f x ]] && restart a", "if true; then restart a; fi", "for x in a b; do restart a; done", "! restart a",
        "NAME=$(restart a)", "f() { restart a; }", "restart a; PATH=/tmp", "(restart a) < more", "unset X; restart a",
        "case a in b) restart a;; esac", "export X=1; restart a", "while restart a; do restart b; done",
        "restart a | sh", "restart a | tee /etc/motd", "restart a | sudo tee x.log", "restart a > /srv/app/.env",
        "restart a &> /etc/cron.d/a", "restart a | xargs rm", "restart a | sort -o /etc/hosts", "restart a | less +!x",
        "restart a | ssh b 'restart b'", "restart a >> ~/.bashrc", "restart; restart a", "restart a && restart",
        "sudo -l restart a", "sudo -R /mnt restart a", "sudo -h b restart a", "sudo --chroot=/mnt restart a",
        "sudo -D /srv/b restart a", "sudo -nR /mnt restart a", "env -C /srv/b restart a",
        "env --chdir=/srv/b restart a",
        "command -v restart a", "sudo -e restart a", "sudo --list restart a", "doas -C x restart a",
        "sudo -nl restart a",
    ],
)  # fmt: skip
def test_a_text_of_which_a_part_is_not_known_means_nothing(text: str) -> None:
    assert recognised(text, cast(Any, Restarts())) is None


def test_a_chain_is_one_command_after_the_other() -> None:
    assert [one.words for one in parse("a 1 && b 2; c 3 || d 4\ne 5")] == [
        ("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "5"),
    ]  # fmt: skip


def test_a_pipe_keeps_what_the_output_goes_through() -> None:
    (line,) = parse("docker ps -a | grep worker | head -3")
    assert line.words == ("docker", "ps", "-a")
    assert line.piped == (("grep", "worker"), ("head", "-3"))


def test_a_here_document_is_its_input() -> None:
    (line,) = parse("psql app <<SQL\nSELECT 1;\nSQL\n")
    assert line.words == ("psql", "app")
    assert "SELECT 1;" in line.stdin
    (line,) = parse("psql app <<< 'SELECT 2'")
    assert line.stdin == "SELECT 2"


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("psql shop < dump.sql", "dump.sql"),
        ("bin/load 2>errors.txt < ü.csv | tee out", "ü.csv"),
        ("bin/load > out", ""),
        ("bin/load <<< text", ""),
    ],
)
def test_the_file_that_a_command_reads_is_told(text: str, reads: str) -> None:
    assert parse(text)[0].reads == reads


def test_assignments_and_wrappers_are_kept_apart_from_the_command() -> None:
    (line,) = parse("PGHOST=db sudo -E env X=1 psql")
    assert line.words == ("psql",)
    assert dict(line.environment) == {"PGHOST": "db", "X": "1"}
    assert line.through == ("sudo", "env")


def test_sql_is_split_into_statements_but_not_inside_quotes_or_comments() -> None:
    text = "SELECT ';' AS a -- not; here\n, $$;$$ ; /* ; */ vacuum \"x;y\";"
    assert [one.sql for one in parse(text)] == ["SELECT ';' AS a  \n, $$;$$", 'vacuum "x;y"']


@given(st.lists(st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1), min_size=1, max_size=6))
def test_quoted_words_come_back_as_they_were(words: list[str]) -> None:
    """The first word is fixed: a wrapper or an assignment there would be taken off."""
    (line,) = parse(shlex.join(["tool", *words]))
    assert line.words == ("tool", *words)


def test_no_word_is_left_out_because_the_grammar_knows_it_as_an_operator() -> None:
    (line,) = parse("docker restart == =~ web ==")
    assert line.words == ("docker", "restart", "==", "=~", "web", "==")
    assert parse("docker restart \\ web") == []
    assert parse("[[ a == b ]] && docker restart web")[-1].words == ("docker", "restart", "web")


@pytest.mark.parametrize("name", ["naïve", "日本語", "a\U000e01ef{", "X{\U00016fe4", "zq41zq", "zqqé", "\ud800"])
def test_letters_of_every_alphabet_come_back_and_none_reaches_the_grammar(name: str) -> None:
    (line,) = parse(shlex.join(["docker", "restart", name]))
    assert line.words == ("docker", "restart", name)


@given(st.text(max_size=200))
def test_no_text_at_all_makes_it_fail(text: str) -> None:
    assert isinstance(parse(text), list)
