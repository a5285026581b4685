"""The dialect of docker, docker compose and docker-compose: which lines mean one of our acts, and which mean none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from desk.commandline import recognised
from probes.base import Context, Recognised, Request, Target
from probes.docker.act import DockerActuator
from probes.docker.leftovers import WORDS
from probes.docker.settings import DockerSettings
from tests.probes.acting import comes_back

ID = "3f" * 32


class NoSecrets:
    def resolve(self, reference: str) -> str:
        raise LookupError(reference)


def actuator(project: str | None = "shop", **settings: Any) -> Any:
    chosen = DockerSettings.model_validate({"url": "unix:///run/d.sock", "project": project} | settings)
    return DockerActuator(Target("box", "docker", chosen), Context(NoSecrets()))


def meaning(line: str, project: str | None = "shop", **settings: Any) -> Recognised | None:
    return recognised(line, actuator(project, **settings))


names = some.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,40}", fullmatch=True)
projects = some.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)
ids = some.binary(min_size=32, max_size=32).map(bytes.hex)
containers = some.one_of(ids, names.map("/{}".format))


def many(one: some.SearchStrategy[str]) -> some.SearchStrategy[tuple[str, ...]]:
    return some.lists(one, min_size=1, max_size=5, unique=True).map(tuple)


@given(some.sampled_from(["restart", "stop", "start"]), many(some.one_of(containers, names)))
def test_every_act_on_containers_and_services_comes_back_from_its_line(action: str, subjects: tuple[str, ...]) -> None:
    assert comes_back(actuator(), Request(action, subjects))


@given(many(names))
def test_every_recreation_comes_back_from_its_line(subjects: tuple[str, ...]) -> None:
    assert comes_back(actuator(), Request("recreate", subjects))


@given(names, some.integers(1, 100))
def test_every_number_of_replicas_comes_back_from_its_line(service: str, number: int) -> None:
    assert comes_back(actuator(), Request("scale", (service,), number))


@given(some.sampled_from(["restart", "stop", "start", "recreate"]), projects, names)
def test_a_service_of_one_of_many_projects_comes_back(action: str, project: str, service: str) -> None:
    unlimited = actuator(None)
    assert comes_back(unlimited, Request(action, (f"{project}/{service}",)))
    assert comes_back(unlimited, Request(action, (service,)))
    assert comes_back(unlimited, Request("scale", (f"{project}/{service}",), 3))


@pytest.mark.parametrize(
    ("line", "action", "subjects"),
    [
        ("docker restart shop-web-1", "restart", ("/shop-web-1",)),
        ("docker restart /shop-web-1", "restart", ("/shop-web-1",)),
        ("sudo docker restart shop-web-1 shop-web-2", "restart", ("/shop-web-1", "/shop-web-2")),
        ("docker restart shop-web-1 shop-web-1", "restart", ("/shop-web-1",)),
        ("docker container restart shop-web-1", "restart", ("/shop-web-1",)),
        ("/usr/bin/docker stop -t 30 worker", "stop", ("/worker",)),
        ("docker stop --time=30 worker", "stop", ("/worker",)),
        ("docker stop worker --timeout 30", "stop", ("/worker",)),
        ("docker stop -t30 worker", "stop", ("/worker",)),
        ("docker start -- worker", "start", ("/worker",)),
        (f"docker start {ID}", "start", (ID,)),
        ("docker start 3f3f3f3f3f3f", "start", ("/3f3f3f3f3f3f",)),
        ("docker -H unix:///run/d.sock restart web", "restart", ("/web",)),
        ("DOCKER_HOST=unix:///run/d.sock docker restart web", "restart", ("/web",)),
        ("docker --log-level error restart web", "restart", ("/web",)),
        ("docker restart web && docker restart worker", "restart", ("/web", "/worker")),
        ("$ docker restart web | tee restart.log", "restart", ("/web",)),
        ("docker compose restart web", "restart", ("web",)),
        ("docker compose -p shop restart web worker", "restart", ("web", "worker")),
        ("docker compose --project-name=shop restart web", "restart", ("web",)),
        ("COMPOSE_PROJECT_NAME=shop docker compose restart web", "restart", ("web",)),
        ("docker compose -f a.yaml -f b.yaml --env-file .env stop web", "stop", ("web",)),
        ("docker compose -fa.yaml stop web", "stop", ("web",)),
        ("docker compose --project-directory /srv/shop start web", "start", ("web",)),
        ("docker compose --profile jobs restart -t 60 worker", "restart", ("worker",)),
        ("docker compose restart worker --no-deps", "restart", ("worker",)),
        ("docker-compose restart web", "restart", ("web",)),
        ("docker-compose -p shop stop web", "stop", ("web",)),
        ("docker compose up -d web", "deploy", ("web",)),
        ("docker compose up --detach --force-recreate web worker", "recreate", ("web", "worker")),
        ("docker compose up -d --no-deps --force-recreate --no-build --pull never web", "recreate", ("web",)),
        ("docker compose up web -d", "deploy", ("web",)),
        ("docker-compose up -d --no-deps web", "deploy", ("web",)),
        ("docker-compose up -d", "deploy", ()),
        ("docker compose pull web worker", "pull", ("web", "worker")),
        ("docker-compose -f docker-compose.yml pull -q web", "pull", ("web",)),
        ("docker-compose pull", "pull", ()),
        (f"docker rmi {ID[:12]}", "remove-image", (f"sha256:{ID[:12]}",)),
        (f"docker image rm -f sha256:{ID}", "remove-image", (f"sha256:{ID}",)),
        ("docker compose up -d --force-recreate --scale web=2 web", "recreate", ("web",)),
        ("docker compose stop web worker -t 5", "stop", ("web", "worker")),
        ("docker compose scale web=0", "stop", ("web",)),
        ("docker compose up -d --no-deps --scale web=0 web", "stop", ("web",)),
    ],
)
def test_the_spellings_people_write_are_understood(line: str, action: str, subjects: tuple[str, ...]) -> None:
    found = meaning(line)
    assert found is not None
    assert found.request == Request(action, subjects)


@pytest.mark.parametrize(
    "line",
    [
        "docker compose up -d --no-deps --no-recreate --scale worker=5 worker",
        "docker compose up -d --scale worker=5 worker",
        "docker compose up -d --scale=worker=5",
        "docker compose up --scale worker=5 -d --quiet-pull",
        "docker compose scale worker=5",
        "docker compose scale --no-deps worker=5",
        "docker-compose scale worker=5",
        "docker-compose -f docker-compose.yml up -d --scale worker=5 worker",
        "docker compose -p shop up --wait --wait-timeout 60 --scale worker=5 worker",
    ],
)
def test_every_way_to_scale_means_one_service_and_one_number(line: str) -> None:
    found = meaning(line)
    assert found is not None
    assert found.request == Request("scale", ("worker",), 5)


@pytest.mark.parametrize(
    "line",
    [
        # everything, the database too
        "docker compose restart", "docker-compose restart", "docker compose stop",
        "docker compose up -d --force-recreate", "docker compose down", "docker-compose down",
        "docker restart", "docker stop -t 5", "docker restart $(docker ps -q)", "docker stop `docker ps -q`",
        # several numbers, none, too many
        "docker compose up -d --scale web=2 --scale worker=3", "docker compose scale web=2 worker=3",
        "docker compose up -d --scale web=2 worker", "docker compose up -d --scale web=2 web worker",
        "docker compose scale web", "docker compose scale web=", "docker compose scale web=101",
        "docker compose scale web=-1", "docker compose up -d --scale web=2 --force-recreate --no-recreate web",
        "docker compose up -d --scale web=0 --force-recreate web",
        # more than we do
        "docker compose up web", "docker compose up -d --build web", "docker compose up -d --remove-orphans web",
        "docker compose up -d -V web", "docker compose up -dV web", "docker compose up -d --renew-anon-volumes web",
        "docker compose up -d --pull always web", "docker compose up -d --always-recreate-deps web",
        "docker compose up -d --no-start web", "docker compose up -d --no-recreate web",
        "TAG=2 docker compose up -d --force-recreate web", "docker compose --compatibility restart web",
        "docker kill web", "docker rm -f web", "docker pause web", "docker exec web sh", "docker start -ai web",
        "docker restart --signal SIGKILL web", "docker compose kill web", "docker compose rm -sf web",
        "docker service scale web=3", "docker system prune --filter until=24h", "docker compose restart web --unknown",
        "podman restart web", "docker", "docker compose", "docker compose -p", "docker compose -p shop",
        # another place
        "docker compose -p blog restart web", "COMPOSE_PROJECT_NAME=blog docker compose restart web",
        "docker compose -p shop -p blog restart web", "docker -H tcp://db1:2375 restart web",
        "DOCKER_HOST=tcp://db1:2375 docker restart web", "docker --context prod restart web",
        "docker -H unix:///run/d.sock -H tcp://db1:2375 restart web", "docker --host ssh://root@db1 restart web",
        "COMPOSE_PROJECT_NAME=blog docker restart web",
        # names that are no names
        "docker restart 'web;reboot'", "docker restart 'a b'", "docker restart -- -web", "docker restart ''",
        "docker restart '$(reboot)'", "docker compose restart 'web\nworker'", "docker compose restart ../web",
        "docker compose scale -- -web=2", "docker compose -p '../x' restart web", "docker restart web/../../x",
    ],
)  # fmt: skip
def test_what_is_not_certain_means_none_of_our_acts(line: str) -> None:
    assert meaning(line) is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("docker compose restart web", "does not apply a changed environment"),
        ("docker compose restart -t 60 web", "not the one given here"),
        ("docker stop -t 60 web", "not the one given here"),
        ("docker compose up -d --scale web=3", "back to its file"),
        ("docker compose up -d --scale web=3 web", "without --no-deps"),
        ("docker compose up -d --no-deps --scale web=3 web", "without --no-recreate"),
        ("docker compose up -d web", "without --no-deps"),
        ("docker-compose up -d", "databases too"),
        ("docker-compose pull", "databases too"),
        ("docker compose up -d --no-deps --force-recreate --scale web=9 web", "as many replicas as there are"),
        ("docker compose scale web=0", "stopped and kept"),
        ("docker-compose stop web", "no longer maintained"),
        ("docker-compose restart web", "does not apply a changed environment"),
    ],
)
def test_a_line_that_does_not_do_what_people_think_says_so(line: str, words: str) -> None:
    found = meaning(line)
    assert found is not None
    assert words in found.warning


@pytest.mark.parametrize(
    "line",
    [
        "docker restart shop-web-1",
        "docker compose stop web",
        "docker compose up -d --no-deps --force-recreate --no-build web",
        "docker compose up -d --no-deps --no-recreate --scale web=3 web",
    ],
)
def test_a_line_that_does_what_it_says_has_no_warning(line: str) -> None:
    found = meaning(line)
    assert found is not None
    assert found.warning == ""


def test_a_project_is_kept_where_the_target_shows_all() -> None:
    found = meaning("docker compose -p blog restart web", project=None)
    assert found is not None
    assert found.request == Request("restart", ("blog/web",))
    assert meaning("docker compose -p blog restart web", project="blog") is not None


def test_an_engine_whose_address_is_a_secret_is_never_taken_for_the_one_in_a_line() -> None:
    assert meaning("docker -H tcp://db1:2375 restart web", url="env:ENGINE") is None
    assert meaning("docker -H tcp://db1:2375 restart web", url="http://db1:2375") is not None
    assert meaning("docker -H tcp://db1 restart web", url="tcp://db1:2375") is not None


@given(some.text(max_size=60))
def test_no_text_at_all_breaks_it(line: str) -> None:
    meaning(f"docker compose {line}")
    meaning(f"docker {line}")


@given(some.text(min_size=1, max_size=40), some.sampled_from(["restart", "scale", "recreate"]))
def test_what_is_written_for_a_bad_name_never_means_another_act(name: str, action: str) -> None:
    request = Request(action, (name,), 3 if action == "scale" else None)
    found = recognised(actuator().render(request), actuator())
    assert found is None or found.request.action == action


@given(some.sampled_from(["pull", "deploy"]), many(names))
def test_every_pull_and_deploy_comes_back_from_its_line(action: str, subjects: tuple[str, ...]) -> None:
    assert comes_back(actuator(), Request(action, subjects))
    assert comes_back(actuator(), Request("pull"))


@given(names, some.binary(min_size=6, max_size=6).map(bytes.hex))
def test_every_roll_back_comes_back_from_its_line(service: str, image: str) -> None:
    assert comes_back(actuator(), Request("roll-back", (service,), word=image))


@given(some.sampled_from(sorted(WORDS)), names, many(ids))
def test_every_act_that_gives_room_back_comes_back_from_its_line(
    word: str, volume: str, images: tuple[str, ...]
) -> None:
    assert comes_back(actuator(), Request("prune", word=word))
    assert comes_back(actuator(), Request("remove-volume", word=volume))
    assert comes_back(actuator(), Request("remove-image", tuple(f"sha256:{one}" for one in images)))


@pytest.mark.parametrize(
    ("line", "word", "says"),
    [
        ("docker system prune -f", "everything", "evidence"),
        ("docker system prune -a --volumes", "everything-and-all-images", "volumes are left alone here"),
        ("docker system prune -af --volumes", "everything-and-all-images", "data for good"),
        ("docker image prune -f", "images", "listed first"),
        ("docker image prune --all", "all-images", "listed first"),
        ("docker container prune", "containers", "evidence"),
        ("docker network prune", "networks", "listed first"),
        ("docker builder prune -af", "build-cache", "listed first"),
    ],
)
def test_docker_s_own_prunes_are_listed_first_and_never_take_a_volume(line: str, word: str, says: str) -> None:
    found = meaning(line)
    assert found is not None
    assert found.request == Request("prune", word=word)
    assert says in found.warning


def test_a_prune_of_volumes_asks_for_one_volume() -> None:
    found = meaning("docker volume prune -f")
    assert found is not None
    assert found.request == Request("remove-volume")
    assert "one is chosen, by name" in found.warning
    named = meaning("docker volume rm shop_cache")
    assert named is not None
    assert named.request == Request("remove-volume", word="shop_cache")
    assert meaning("docker volume rm one two") is None


@pytest.mark.parametrize(
    "given", ['{"services": {"web": {"image": "f162a035a216", "command": "sh"}}}', '{"services": {}}', "[]", "x", "{}"]
)
def test_a_file_given_by_hand_that_says_more_than_an_image_means_none_of_our_acts(given: str) -> None:
    assert meaning(f"docker compose -f compose.yaml -f - up -d web <<< '{given}'") is None


@pytest.mark.parametrize(
    ("line", "project", "subjects"),
    [
        ("docker compose --project-directory /srv/other up -d --no-deps web", "shop", None),
        ("docker compose --project-directory /srv/other restart web", "shop", None),
        ("docker compose --project-directory /srv/Shop/ restart web", "shop", ("web",)),
        ("docker compose --project-directory . restart web", "shop", ("web",)),
        ("docker compose -p shop --project-directory /srv/other restart web", "shop", ("web",)),
        ("docker compose --project-directory /srv/other restart web", None, ("other/web",)),
    ],
)
def test_a_folder_says_which_project_is_meant(line: str, project: str | None, subjects: tuple[str, ...] | None) -> None:
    found = meaning(line, project)
    assert (found.request.subjects if found is not None else None) == subjects


@pytest.mark.parametrize("option", ["-f dr.yml", "--env-file .env.dr", "-p shop --project-directory /srv/other"])
def test_whose_files_are_used_is_said_where_a_line_names_some_and_they_count(option: str) -> None:
    found = meaning(f"docker compose {option} up -d --no-deps web")
    assert found is not None
    assert "the files that its containers were made from are used" in found.warning
    found = meaning(f"docker compose {option} restart web")
    assert found is not None
    assert "made from" not in found.warning
