"""Placeholders: all the ways people write them, and what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.runbook.book import Command
from desk.runbook.placeholders import parameters, placeholders, secret


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("docker logs [container] --tail 5", ("[container]",)),
        ("kubectl logs <pod-name> -n <namespace> | grep x", ("<pod-name>", "<namespace>")),
        ("psql $DATABASE_URL -c 'SELECT 1'", ("$DATABASE_URL",)),
        ('curl -H "Authorization: Bearer $TOKEN" ${API_URL}/x', ("$TOKEN", "${API_URL}")),
        ("curl -w '%{http_code}' http://x/{id}", ("{id}",)),
        ("kill -9 PID", ("PID",)),
        ("kill <PID>", ("<PID>",)),
        ("SELECT pg_terminate_backend(PID);", ("PID",)),
        ("docker pull repo/app:NEW_TAG", ("NEW_TAG",)),
        ("kubectl set image deploy/x x=img:NEW_TAG", ("NEW_TAG",)),
        (
            "aws sqs get-queue-attributes --attribute-names ApproximateNumberOfMessages --queue-url QUEUE_URL",
            ("QUEUE_URL",),
        ),
        ("git checkout v1.x.x", ("v1.x.x",)),
        ("ssh user@xxx.xxx.xxx.xxx", ("xxx.xxx.xxx.xxx",)),
        ("curl https://api.example.com/health", ("api.example.com",)),
        ("curl https://your-domain.com", ("your-domain.com",)),
        ("export API_KEY=YOUR_API_KEY", ("YOUR_API_KEY",)),
        ("aws s3 ls s3://your-bucket/", ("your-bucket",)),
        ("if [[ $a == b ]]; then x; fi", ("$a",)),
        ('curl -d \'{"id": "<id>"}\' http://x', ("<id>",)),
        ('curl -d \'{"id": "$ID"}\' http://x', ("$ID",)),
        ("redis-cli -a <password> GET key", ("<password>",)),
        ("redis-cli -h CACHE_HOST GET key", ("CACHE_HOST",)),
        ("redis-cli -h CACHE_ENDPOINT INFO STATS", ("CACHE_ENDPOINT",)),
        ("psql -c 'SELECT pg_cancel_backend(PID)'", ("PID",)),
        ("pg_restore -d shop shop_AAAA-MM-JJ.dump", ("shop_AAAA-MM-JJ",)),
        ("$token = Get-Secret shop", ()),
        ("aws route53 change-resource-record-sets --hosted-zone-id Z1", ()),
        ("gcloud run services update-traffic shop --to-revisions=<REVISION>=100", ("<REVISION>",)),
        ("pg_restore -d shop backup_YYYYMMDD.dump", ("backup_YYYYMMDD",)),
        ("kubectl rollout undo deploy/x --to-revision=N", ("N",)),
        ("kubectl scale deploy x --replicas=<N>", ("<N>",)),
        ("$env:TOKEN", ("$env:TOKEN",)),
        ("docker exec CONTAINER_ID ls", ("CONTAINER_ID",)),
        ("SELECT * FROM users WHERE id = 'USER_ID'", ("USER_ID",)),
        ("VACUUM ANALYZE <table>;", ("<table>",)),
        ("openssl s_client -connect HOST:443", ("HOST",)),
        ("aws ecs describe-tasks --tasks TASK_ARN", ("TASK_ARN",)),
        ("curl https://x/api/jobs/JOB_ID/pause", ("JOB_ID",)),
        ("mysql -u root -p$MYSQL_PASSWORD", ("$MYSQL_PASSWORD",)),
        ("tail -f /var/log/[service]/app.log", ("[service]",)),
        ("docker compose logs -f [service]", ("[service]",)),
        ('psql -h <host> -U <user name> "<db>"', ("<host>", "<user name>", "<db>")),
        ('sed -i "s/OLD_VALUE/$NEW_VALUE/" x', ("$NEW_VALUE",)),
        ("aws sts assume-role --role-arn arn:aws:iam::ACCOUNT_ID:role/x", ("ACCOUNT_ID",)),
        ("kubectl exec -it POD_NAME -- sh", ("POD_NAME",)),
        ("aws s3 cp s3://b/<32位以上> .", ("<32位以上>",)),
        (
            'aws secretsmanager update-secret --secret-string \'{"client_id":"NEW_ID","client_secret":"NEW_SECRET"}\'',
            ("NEW_ID", "NEW_SECRET"),
        ),
        ("git tag vX.Y.Z", ("vX.Y.Z",)),
        ("curl -H 'X-API-KEY: <key>' x", ("<key>",)),
        ("python x.py --date YYYY-MM-DD", ("YYYY-MM-DD",)),
        ("docker-compose logs SERVICE_NAME", ("SERVICE_NAME",)),
        ("echo $USER_ID | xargs -I{} redis-cli DEL user:{}", ("$USER_ID",)),
        ("pg_dump -Fc DBNAME > x", ("DBNAME",)),
        ("iptables -A INPUT -s IP_ADDRESS -j DROP", ("IP_ADDRESS",)),
    ],
)
def test_what_must_be_filled_in_is_found_as_it_is_written(text: str, found: tuple[str, ...]) -> None:
    assert placeholders(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "psql shop < backup.sql",
        "diff <(a) <(b)",
        "cat <<EOF\nx\nEOF",
        "cmd <in.txt >out.txt",
        "for i in 1 2; do echo $i; done",
        "ps aux | awk '{print $2}'",
        "awk -F: '{print $NF}' x",
        "docker inspect --format '{{.State.Health}}' api",
        "curl -X DELETE http://x",
        "grep '[ERROR]' x.log",
        "grep -E '[0-9]+' x.log",
        "ls *.[ch]",
        "foo [args...]",
        "[ -f x ] && rm x",
        "jq '.[] | {a: .b}'",
        'curl -d \'{"name": "x"}\' http://x',
        "kubectl get secret x -o jsonpath='{.data.p}'",
        "LOG_LEVEL=DEBUG ./run.sh",
        "redis-cli CONFIG SET maxmemory-policy allkeys-lru",
        "redis-cli CONFIG GET maxmemory",
        "journalctl -u api -p ERROR",
        "SELECT * FROM users WHERE status = 'ACTIVE' LIMIT 5",
        "aws cloudwatch describe-alarms --state-value ALARM",
        "aws cloudwatch get-metric-statistics --statistics Average --namespace AWS/ECS --metric-name CPUUtilization",
        "kill -HUP $(cat /run/x.pid)",
        "kill -USR1 1",
        "curl http://x.y/z",
        "echo ${X:-default}",
        "echo $? $HOME $1 $@",
        "X=1; echo $X",
        "netstat -an | grep LISTEN",
        "git revert HEAD",
        "export PATH=$PATH:/x",
        'echo "a -> b" && x --y=>z',
        "if [ $(curl -s x) -gt 5 ]; then y; fi",
        "SELECT * FROM t WHERE a <5 AND b> 3",
        "SELECT * FROM t WHERE a<b AND c>d",
        "sed -i 's/FOO/BAR/' x",
        "cd /path/to/project",
        "mv /path/to/your/app x",
        "docker run -e KEY=VALUE img",
        "cp a.conf a.conf.bak-$(date +%F)",
        "xargs -I {} sh -c 'x {}'",
        "curl http://x?from=2024-01-01T00:00:00Z",
        "find . -name '*.log' -exec rm {} \\;",
        "aws logs filter-log-events --filter-pattern ERROR",
        "npm run build -- --mode=PRODUCTION",
        "kubectl get events --field-selector type=Warning,reason=OOMKilling",
        "iptables -A INPUT -s 1.2.3.4 -j DROP",
    ],
)
def test_nothing_is_invented(text: str) -> None:
    assert placeholders(text) == ()


def test_a_variable_that_the_document_sets_is_no_placeholder() -> None:
    assert placeholders("curl $API/x -H $TOKEN", {"API"}) == ("$TOKEN",)
    assert placeholders("POD=$(kubectl get pods -o name); kubectl logs $POD") == ()
    assert placeholders("export PATH=$PATH:/opt; run $TARGET") == ("$TARGET",)


def test_each_thing_is_asked_once_for_the_document_however_it_is_written() -> None:
    commands = [
        Command(3, 3, "kill <pid>", placeholders=("<pid>",)),
        Command(5, 5, "strace -p PID", placeholders=("PID",)),
        Command(9, 9, "ps -p ${PID}", placeholders=("${PID}",)),
        Command(12, 12, "kubectl logs <pod-name>", placeholders=("<pod-name>",)),
        Command(14, 14, "kubectl logs $POD_NAME", placeholders=("$POD_NAME",)),
    ]
    pid, pod = parameters(commands)
    assert (pid.name, pid.written, pid.lines) == ("pid", ("<pid>", "PID", "${PID}"), (3, 5, 9))
    assert (pod.name, pod.written) == ("pod-name", ("<pod-name>", "$POD_NAME"))


def test_passwords_tokens_and_keys_are_secret() -> None:
    assert all(map(secret, ("<db-password>", "$API_KEY", "YOUR_TOKEN")))
    assert not any(map(secret, ("<key-pattern>", "<secret-name>", "<pod>")))
    (one,) = parameters([Command(1, 1, "redis-cli -a <word> ping", placeholders=("<word>",))])
    assert one.secret


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("sed -i 's|^API_KEY=.*|API_KEY=<value>|' .env && systemctl restart api", True),
        ("PGPASSWORD=<value> psql shop", True),
        ('docker run -e TWITCH_SECRET="<value>" api', True),
        ("sed -i 's|^WORKERS=.*|WORKERS=<value>|' .env && systemctl restart api", False),
        ("aws dynamodb get-item --sort-key=<value>", False),
        ("deploy KEY_PATTERN=<value>", False),
    ],
)
def test_what_a_variable_with_the_name_of_a_secret_is_set_to_is_a_secret(text: str, hidden: bool) -> None:
    (one,) = parameters([Command(1, 1, text, placeholders=("<value>",))])
    assert one.secret is hidden


@given(st.text(max_size=300))
def test_any_text_has_an_answer_and_what_is_found_stands_in_it(text: str) -> None:
    assert all(one in text for one in placeholders(text))


@pytest.mark.parametrize("text", ["<" * 9000, "{{" * 9000, "a-" * 9000, "'" * 9001, "$X" * 5000, "[a" * 9000])
def test_a_long_line_is_read_in_time(text: str) -> None:
    assert isinstance(placeholders(text), tuple)
