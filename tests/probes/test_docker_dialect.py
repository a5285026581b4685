"""What lines of docker, compose, podman and nerdctl mean when they stand in somebody's notes."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as some

from desk.commandline import parse
from probes.base import CommandLine, Danger, Dialect, Meaning, Request, Sort, Verb
from probes.docker import dialect as module
from tests.probes.spoken import carried, line, meant, said, words
from tests.probes.test_docker_commands import actuator, containers, many, names

DIALECT = cast(Dialect, module)

ROWS = [
    ("docker compose --dry-run up -d", "shell deploy read", ""),
    ("docker-compose restart shop", "action restart disruptive", "shop"),
    ("docker compose restart", "action restart disruptive", ""),
    (
        "sudo docker compose -p shop -f /srv/shop/compose.yaml restart shop mailer",
        "action restart disruptive",
        "shop mailer",
    ),
    ("docker compose --profile=jobs restart -t 20 mailer", "action restart disruptive", "mailer"),
    ("docker --context prod compose restart $SERVICE", "action restart disruptive", "$SERVICE"),
    ("docker compose restart <service>", "action restart disruptive", "<service>"),
    ("docker restart shop-1", "action restart disruptive", "shop-1"),
    ("docker container restart -t5 shop-1", "action restart disruptive", "shop-1"),
    ("docker -H tcp://10.0.0.4:2375 stop --time 30 shop-1", "action stop disruptive", "shop-1"),
    ("docker compose stop -t 10 mailer", "action stop disruptive", "mailer"),
    ("docker compose start mailer", "action start reversible", "mailer"),
    ("docker start shop-1 shop-2", "action start reversible", "shop-1 shop-2"),
    ("docker compose up -d", "action deploy disruptive", ""),
    ("docker compose up --build --force-recreate -d shop", "action deploy disruptive", "shop"),
    ("docker-compose -f a.yml -f b.yml up -d --no-deps --build shop", "action deploy disruptive", "shop"),
    ("docker compose up -dV", "action deploy destructive", ""),
    ("docker compose up -d --scale mailer=4", "action scale disruptive", "mailer"),
    ("docker compose up -d --scale=mailer=0 --no-recreate mailer", "action scale disruptive", "mailer"),
    ("docker compose scale mailer=4 shop=2", "action scale disruptive", "mailer shop"),
    ("docker compose down", "action stop disruptive", ""),
    ("docker compose down --remove-orphans", "action stop disruptive", ""),
    ("docker-compose down -v", "action stop destructive", ""),
    ("docker compose -f prod.yml down --volumes --rmi all", "action stop destructive", ""),
    ("docker compose kill mailer", "action stop disruptive", "mailer"),
    ("docker kill -s KILL shop-1", "action stop disruptive", "shop-1"),
    ("docker kill --signal=HUP proxy", "shell other disruptive", "proxy"),
    ("docker compose pull", "action deploy reversible", ""),
    ("docker compose ps", "reading status read", ""),
    ("docker compose ps -a --format json mailer", "reading status read", "mailer"),
    ("docker ps -aq --filter status=exited", "reading status read", ""),
    ("docker compose logs -f --tail=50 mailer", "log logs read", "mailer"),
    ("docker compose logs mailer shop -n 20", "log logs read", "mailer shop"),
    ("docker logs shop-1 --since 10m", "log logs read", "shop-1"),
    ("docker container logs -ft shop-1", "log logs read", "shop-1"),
    ("docker stats", "reading host read", ""),
    ("docker stats --no-stream shop-1", "reading host read", "shop-1"),
    ("docker top shop-1 -o pid,cmd", "reading host read", "shop-1"),
    ("docker inspect -f '{{.State.Health.Status}}' shop-db", "reading health read", "shop-db"),
    ("docker inspect shop-db", "reading status read", "shop-db"),
    ("docker system df -v", "reading host read", ""),
    ("docker system prune -af --volumes", "action maintenance destructive", ""),
    ("docker image prune -f", "action maintenance destructive", ""),
    ("docker volume prune", "action maintenance destructive", ""),
    ("docker volume rm shop_data", "action maintenance destructive", "shop_data"),
    ("docker builder prune --all --force", "action maintenance destructive", ""),
    ("docker rmi shop:old", "action maintenance destructive", "shop:old"),
    ("docker rm shop-1", "shell maintenance destructive", "shop-1"),
    ("docker rm -f shop-1", "shell stop destructive", "shop-1"),
    ("docker compose rm -sf mailer", "shell stop destructive", "mailer"),
    ("docker pull postgres:16", "shell deploy reversible", "postgres:16"),
    ("docker build -t shop:new --build-arg A=1 .", "shell deploy disruptive", "."),
    ("docker compose -f prod.yml build --no-cache shop", "shell deploy disruptive", "shop"),
    ("docker push registry.example/shop:new", "shell deploy disruptive", "registry.example/shop:new"),
    ("docker pause shop-1", "shell stop disruptive", "shop-1"),
    ("docker unpause shop-1", "shell start reversible", "shop-1"),
    ("docker update --restart unless-stopped shop-1", "shell other disruptive", "shop-1"),
    ("docker cp shop-1:/tmp/heap.bin .", "shell other disruptive", "shop-1:/tmp/heap.bin"),
    ("docker cp dump.rdb cache:/data/dump.rdb", "shell other destructive", "dump.rdb"),
    ("docker network disconnect front shop-1", "shell other disruptive", "front shop-1"),
    ("docker network rm front", "shell maintenance destructive", "front"),
    ("docker service ls", "reading status read", ""),
    ("docker service logs --tail 20 shop_web", "log logs read", "shop_web"),
    ("docker service scale shop_web=5", "shell scale disruptive", "shop_web"),
    ("docker service update --force shop_web", "shell restart disruptive", "shop_web"),
    ("docker service update --image shop:new shop_web", "shell deploy disruptive", "shop_web"),
    ("docker service rollback shop_web", "shell rollback disruptive", "shop_web"),
    ("docker service rm shop_web", "shell maintenance destructive", "shop_web"),
    ("docker stack deploy -c stack.yml shop", "shell deploy disruptive", "shop"),
    ("docker stack rm shop", "shell stop destructive", "shop"),
    ("docker node update --availability drain node2", "shell other disruptive", "node2"),
    ("docker swarm leave --force", "shell maintenance destructive", ""),
    ("docker login -u ops registry.example", "shell other reversible", "registry.example"),
    ("docker --version", "shell other read", ""),
    ("docker compose frobnicate shop", "shell other disruptive", "shop"),
    ("docker purgeall shop", "shell other destructive", "shop"),
    ("podman restart shop-1", "action restart disruptive", "shop-1"),
    ("podman system reset", "shell maintenance destructive", ""),
    ("podman healthcheck run shop-1", "reading health read", "shop-1"),
    ("podman-compose up -d shop", "action deploy disruptive", "shop"),
    ("nerdctl compose -f a.yml logs shop", "shell logs read", "shop"),
    ("nerdctl -n k8s.io stop shop-1", "shell stop disruptive", "shop-1"),
]


@pytest.mark.parametrize(("text", "expected", "target"), ROWS)
def test_a_line_means_what_its_writer_meant(text: str, expected: str, target: str) -> None:
    assert said(DIALECT, text) == (expected, target)


@pytest.mark.parametrize(
    ("text", "target", "inner"),
    [
        ("docker exec -it shop-db psql -U shop -c 'SELECT 1'", "shop-db", ("psql", "-U", "shop", "-c", "SELECT 1")),
        ("docker-compose exec -T db pg_dump -Fc shop", "db", ("pg_dump", "-Fc", "shop")),
        ("docker compose -f a.yml exec --user=postgres -e A=b db pg_isready", "db", ("pg_isready",)),
        ("docker compose exec --index 2 cache redis-cli -a x INFO", "cache", ("redis-cli", "-a", "x", "INFO")),
        ("docker container exec -w /srv shop-1 ls -l", "shop-1", ("ls", "-l")),
        ("docker exec $CONTAINER rm -rf /tmp/cache", "$CONTAINER", ("rm", "-rf", "/tmp/cache")),
        ("docker compose run --rm --no-deps shop bin/migrate up", "shop", ("bin/migrate", "up")),
        ("docker run --rm -v shop_data:/d -w /d alpine tar cf /d/a.tar .", "alpine", ("tar", "cf", "/d/a.tar", ".")),
        ("docker run --rm amazon/aws-cli:2 s3 rm s3://shop/a", "amazon/aws-cli:2", ("aws", "s3", "rm", "s3://shop/a")),
        ("docker run --entrypoint psql postgres -c 'DROP TABLE a'", "postgres", ("psql", "-c", "DROP TABLE a")),
        ("podman exec shop-1 nginx -s reload", "shop-1", ("nginx", "-s", "reload")),
    ],
)  # fmt: skip
def test_exec_and_run_carry_a_command_into_a_container(text: str, target: str, inner: tuple[str, ...]) -> None:
    found = carried(DIALECT, text)
    assert (found.target, found.words, found.place) == (target, inner, f"container {target}")


def test_a_shell_in_a_container_is_typed_into_and_a_query_is_not() -> None:
    assert carried(DIALECT, "docker exec -it shop-1 /bin/bash").interactive
    assert carried(DIALECT, "docker compose exec shop rails console").interactive
    assert not carried(DIALECT, "docker exec -it shop-db psql -c 'SELECT 1'").interactive


def test_a_container_without_a_command_runs_what_nobody_has_written_here() -> None:
    found = meant(DIALECT, "docker run -d --name shop -p 80:80 shop:new")
    assert (found.verb, found.danger, found.target) == (Verb.START, Danger.DISRUPTIVE, "shop")


@pytest.mark.parametrize(
    ("text", "part", "becomes"),
    [
        ("docker compose restart shop", "does not apply a changed environment", ""),
        ("docker-compose restart shop", "does not apply a changed environment", "docker compose restart shop"),
        ("docker-compose restart", "the database too", ""),
        ("docker logs shop-1 | grep ERROR", "", ""),
        ("docker-compose logs shop | grep -c ERROR", "no longer", "docker compose logs shop | grep -c ERROR"),
        ("docker-compose -f a.yml ps", "no longer maintained", "docker compose -f a.yml ps"),
        ("docker compose stop -t 3 shop", "its stop is used", "docker compose stop shop"),
        (
            "docker compose up -d --scale a=3",
            "every service",
            "docker compose up -d --no-deps --no-recreate --scale a=3 a",
        ),
        (
            "docker-compose -p x -f a.yml up -d --scale $SERVICE=3 $SERVICE",
            "--no-deps",
            "docker compose -p x -f a.yml up -d --no-deps --no-recreate --scale $SERVICE=3 $SERVICE",
        ),
        ("docker compose up -d shop", "services it depends on", "docker compose up -d --no-deps --no-build shop"),
        ("docker compose up -d", "every service", ""),
        ("docker compose up shop", "Ctrl-C", ""),
        ("docker compose up -d --build shop", "build first", ""),
        ("docker compose down", "with their logs", ""),
        ("docker compose -f a.yml down -v", "for good", ""),
        ("docker compose down --rmi local", "images too", ""),
        ("docker kill shop-1", "no time to finish", "docker stop shop-1"),
        ("podman stop -t 3 shop-1", "", ""),
        ("podman kill shop-1", "no time to finish", ""),
        ("docker compose kill mailer", "stopped instead", "docker compose stop mailer"),
        ("docker -H tcp://10.0.0.4:2375 kill shop-1", "stopped instead", "docker -H tcp://10.0.0.4:2375 stop shop-1"),
        ("docker --context prod kill shop-1", "no time to finish", ""),
        ("docker --context prod stats", "never ends", "docker --context prod stats --no-stream"),
        ("docker-compose up -d --build shop", "build first", ""),
        ("docker --context prod compose restart -t 3 shop", "changed environment", ""),
        ("docker compose restart", "the database too", ""),
        ("docker stats shop-1", "never ends", "docker stats --no-stream shop-1"),
        ("docker logs shop-1", "from its beginning", ""),
        ("docker compose logs --tail 20 shop", "each replica", ""),
        ("docker system prune -f", "listed first", "docker system prune"),
        ("docker system prune --volumes -f", "volumes are left alone", "docker system prune"),
        ("docker volume prune -f", "by name", "docker volume prune"),
        ("docker rm -f shop-1", "why it stopped", ""),
        ("docker attach shop-1", "Ctrl-C", ""),
        ("docker login -u ops -p hunter2", "--password-stdin", ""),
        ("docker compose ps", "", ""),
        ("docker start shop-1", "", ""),
    ],
)
def test_what_a_line_gets_wrong_is_said_with_what_is_done_instead(text: str, part: str, becomes: str) -> None:
    found = meant(DIALECT, text)
    assert part in found.warning
    assert bool(part) == bool(found.warning)
    assert found.becomes == becomes


def test_what_is_fed_to_a_container_must_reach_its_program() -> None:
    assert "-T" in carried(DIALECT, "docker compose exec db psql shop", reads="dump.sql").warning
    assert not carried(DIALECT, "docker compose exec -T db psql shop", reads="dump.sql").warning
    assert "-i alone" in carried(DIALECT, "docker exec -it db psql shop", fed=("cat", "dump.sql")).warning
    assert "without -i" in carried(DIALECT, "docker exec db psql shop", fed=("cat", "dump.sql")).warning
    assert not carried(DIALECT, "docker exec -i db psql shop", fed=("cat", "dump.sql")).warning
    assert "BusyBox" in carried(DIALECT, "docker exec shop-1 ps aux --sort=-%mem").warning


def test_lines_that_never_end_and_lines_that_show_secrets_are_marked() -> None:
    assert meant(DIALECT, "docker compose logs --tail 5 -f shop").endless
    assert not meant(DIALECT, "docker compose logs --tail 5 shop").endless
    assert meant(DIALECT, "docker events").endless
    assert meant(DIALECT, "docker compose up").endless
    assert meant(DIALECT, "docker compose config").reveals
    assert not meant(DIALECT, "docker compose config --quiet").reveals
    assert meant(DIALECT, "docker inspect shop-1").reveals
    assert meant(DIALECT, "docker swarm join-token worker").reveals


@pytest.mark.parametrize("text", ["dockerd --debug", "kubectl get pods", "compose up", "echo docker restart shop"])
def test_other_programs_are_none_of_this_world(text: str) -> None:
    assert module.understand(line(text)) is None


@given(some.sampled_from(["docker", "docker-compose", "podman", "nerdctl"]), words, some.booleans())
def test_no_words_are_too_strange(program: str, rest: list[str], compose: bool) -> None:
    assert module.understand(CommandLine((program, *(["compose"] if compose else []), *rest))) is not None


OPTIONS = some.lists(
    some.sampled_from(
        [["-f", "a.yml"], ["-fa.yml"], ["-p", "shop"], ["--profile=x"], ["--env-file", ".env"], ["--ansi=never"]]
    ),
    max_size=3,
)


@given(some.sampled_from(["restart", "stop", "start", "logs", "ps", "kill"]), OPTIONS, OPTIONS, names, some.booleans())
def test_options_of_compose_and_the_old_spelling_change_nothing_of_the_meaning(
    verb: str, before: list[list[str]], unused: list[list[str]], service: str, old: bool
) -> None:
    head = ["docker-compose"] if old else ["docker", "compose"]
    found = module.understand(CommandLine((*head, *(word for option in before for word in option), verb, service)))
    plain = module.understand(CommandLine(("docker", "compose", verb, service)))
    assert isinstance(found, Meaning)
    assert isinstance(plain, Meaning)
    assert (found.sort, found.verb, found.danger, found.target) == (plain.sort, plain.verb, plain.danger, service)


GONE = some.sampled_from(
    [
        ("compose", "down", "-v"),
        ("compose", "down", "--volumes", "-t", "5"),
        ("compose", "up", "-d", "-V"),
        ("compose", "rm", "-fsv"),
        ("rm", "-vf", "x"),
        ("volume", "rm", "x"),
        ("system", "prune", "-a"),
        ("stack", "rm", "x"),
        ("image", "prune"),
        ("network", "rm", "x"),
        ("swarm", "leave", "--force"),
    ]
)


@given(
    some.sampled_from(["docker", "podman", "nerdctl"]), some.lists(some.sampled_from(["-D", "-Hx", "--host=x"])), GONE
)
def test_what_is_gone_for_good_is_destructive_whatever_stands_before_it(
    program: str, before: list[str], rest: tuple[str, ...]
) -> None:
    found = module.understand(CommandLine((f"/usr/bin/{program}", *before, *rest)))
    assert isinstance(found, Meaning)
    assert found.danger is Danger.DESTRUCTIVE


requests = some.one_of(
    some.builds(
        Request, some.sampled_from(["restart", "stop", "start"]), some.one_of(containers, names).map(lambda one: (one,))
    ),
    some.builds(Request, some.sampled_from(["recreate", "deploy", "pull"]), many(names)),
    some.builds(Request, some.just("scale"), names.map(lambda one: (one,)), some.integers(1, 100)),
    some.builds(
        Request, some.just("prune"), word=some.sampled_from(["images", "containers", "everything", "build-cache"])
    ),
    some.builds(Request, some.just("remove-volume"), word=names),
    some.builds(Request, some.just("roll-back"), names.map(lambda one: (one,)), word=some.just(f"sha256:{'3f' * 32}")),
    some.builds(Request, some.just("remove-image"), some.just((f"sha256:{'3f' * 32}",))),
)


@given(requests)
def test_every_act_of_ours_is_one_in_its_own_line_and_no_less_dangerous(request: Request) -> None:
    ours = actuator()
    for one in parse(ours.render(request)):
        found = module.understand(one)
        assert isinstance(found, Meaning)
        assert found.sort is Sort.ACTION
        assert found.danger >= next(action.danger for action in ours.actions if action.name == request.action)


def test_what_is_done_instead_keeps_every_folder_of_the_line() -> None:
    found = meant(DIALECT, "docker compose --project-directory /srv/shop -f /srv/shop/c.yml restart -t 0 web")
    assert found.becomes == "docker compose --project-directory /srv/shop -f /srv/shop/c.yml restart web"
