"""What lines of `aws` mean, as people write them into runbooks."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore import xform_name
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from desk.commandline import parse
from probes.aws.cloudwatch.act import CloudWatchActuator
from probes.aws.cloudwatch.settings import CloudWatchSettings
from probes.aws.dialect import understand
from probes.aws.dialect_operations import KINDS, OPERATIONS, by_first_word
from probes.aws.ecs.act import EcsActuator
from probes.aws.ecs.settings import EcsSettings
from probes.aws.elasticache.act import ElastiCacheActuator
from probes.aws.elasticache.settings import ElastiCacheSettings
from probes.aws.rds.act import RdsActuator
from probes.aws.rds.settings import RdsSettings
from probes.aws.secrets.act import SecretsActuator
from probes.aws.secrets.settings import SecretsSettings
from probes.aws.sqs.act import SqsActuator
from probes.aws.sqs.settings import SqsSettings
from probes.base import Actuator, CommandLine, Context, Danger, Meaning, Request, Sort, Target, Verb, Within
from tests.toys import NoSecrets

ROWS = """
aws ecs update-service --cluster main --service api --force-new-deployment
    ACTION RESTART DISRUPTIVE api
aws ecs update-service --cluster main --service api --desired-count 0
    ACTION SCALE DESTRUCTIVE api
aws ecs update-service --cluster main --service api --task-definition api:41 --desired-count 0
    ACTION ROLLBACK DESTRUCTIVE api
aws ecs update-service --cluster main --service api --task-definition api --desired-count=00
    ACTION DEPLOY DESTRUCTIVE api
aws ecs update-service --service=api --cluster=main --desired-count=4 --region eu-west-1
    ACTION SCALE DISRUPTIVE api
aws ecs update-service --cluster main --service api --task-definition api:PREVIOUS_REVISION --force-new-deployment
    ACTION ROLLBACK DISRUPTIVE api
aws ecs update-service --cluster main --service api --task-definition $PREV_TASK_DEF
    ACTION ROLLBACK DISRUPTIVE api
aws ecs update-service --cluster main --service api --task-definition api:41
    ACTION ROLLBACK DISRUPTIVE api
aws ecs update-service --cluster main --service api --task-definition $NEW_TASK_DEF
    ACTION DEPLOY DISRUPTIVE api
aws ecs update-service --cluster main --service api --task-definition api
    ACTION DEPLOY DISRUPTIVE api
aws ecs update-service --cluster main --service api --enable-execute-command
    SHELL DEPLOY DISRUPTIVE api
aws --region eu-west-1 --profile prod ecs describe-services --cluster main --services api worker
    READING STATUS READ api worker
aws ecs describe-services --cluster main --services api --query 'services[0].deployments' --output table
    READING STATUS READ api
aws ecs describe-tasks --cluster main --tasks <task-arn>
    READING STATUS READ <task-arn>
aws ecs list-tasks --cluster main --service-name api --desired-status STOPPED
    READING STATUS READ api
aws ecs list-services --cluster main
    READING STATUS READ main
aws ecs describe-task-definition --task-definition api
    READING STATUS READ api
aws ecs wait services-stable --cluster main --services api
    READING STATUS READ api
aws ecs run-task --cluster main --task-definition migrate --launch-type FARGATE
    SHELL START DISRUPTIVE migrate
aws ecs stop-task --cluster main --task <task-id>
    ACTION STOP DISRUPTIVE <task-id>
aws ecs register-task-definition --cli-input-json file://task.json
    SHELL DEPLOY REVERSIBLE
aws ecs deregister-task-definition --task-definition api:3
    SHELL OTHER DESTRUCTIVE api:3
aws ecs delete-service --cluster main --service api --force
    SHELL OTHER DESTRUCTIVE api
aws ecs stop-service-deployment --service-deployment-arn ARN --stop-type ROLLBACK
    SHELL ROLLBACK DISRUPTIVE
aws sqs get-queue-attributes --queue-url $QUEUE_URL --attribute-names All
    READING QUEUE_DEPTH READ $QUEUE_URL
aws sqs get-queue-attributes --attribute-names ApproximateNumberOfMessages --queue-url "$QUEUE_URL" --output text
    READING QUEUE_DEPTH READ $QUEUE_URL
aws sqs get-queue-url --queue-name mail
    READING STATUS READ mail
aws sqs list-queues --queue-name-prefix shop
    READING STATUS READ
aws sqs purge-queue --queue-url $QUEUE_URL
    ACTION MAINTENANCE DESTRUCTIVE $QUEUE_URL
aws sqs receive-message --queue-url $QUEUE_URL --max-number-of-messages 10
    ACTION QUEUE_DEPTH DISRUPTIVE $QUEUE_URL
aws sqs send-message --queue-url $QUEUE_URL --message-body '{"id":1}'
    SHELL OTHER DISRUPTIVE $QUEUE_URL
aws sqs delete-message --queue-url $QUEUE_URL --receipt-handle H
    SHELL OTHER DESTRUCTIVE $QUEUE_URL
aws sqs start-message-move-task --source-arn arn:aws:sqs:eu-west-1:1:mail-dlq
    ACTION MAINTENANCE DISRUPTIVE arn:aws:sqs:eu-west-1:1:mail-dlq
aws sqs set-queue-attributes --queue-url $QUEUE_URL --attributes VisibilityTimeout=60
    SHELL OTHER DISRUPTIVE $QUEUE_URL
aws rds describe-db-instances --db-instance-identifier main
    READING STATUS READ main
aws rds describe-db-snapshots --db-instance-identifier main --query 'DBSnapshots[-1]'
    READING STATUS READ main
aws rds describe-events --duration 60
    READING STATUS READ
aws rds create-db-snapshot --db-instance-identifier main --db-snapshot-identifier before-deploy
    ACTION BACKUP REVERSIBLE main
aws rds create-db-cluster-snapshot --db-cluster-identifier main --db-cluster-snapshot-identifier s
    ACTION BACKUP REVERSIBLE main
aws rds reboot-db-instance --db-instance-identifier main
    ACTION RESTART DISRUPTIVE main
aws rds start-db-instance --db-instance-identifier main
    ACTION START REVERSIBLE main
aws rds stop-db-instance --db-instance-identifier main
    ACTION STOP DISRUPTIVE main
aws rds modify-db-instance --db-instance-identifier main --allocated-storage 200 --apply-immediately
    ACTION SCALE DISRUPTIVE main
aws rds modify-db-instance --db-instance-identifier main --db-instance-class db.m6g.large
    ACTION SCALE DISRUPTIVE main
aws rds modify-db-instance --db-instance-identifier main --backup-retention-period 0
    SHELL BACKUP DESTRUCTIVE main
aws rds modify-db-instance --db-instance-identifier main --backup-retention-period=00 --allocated-storage 9
    SHELL BACKUP DESTRUCTIVE main
aws s3 cp s3://b/sudoers /etc/sudoers.d/x
    SHELL OTHER DISRUPTIVE s3://b/sudoers
aws s3 sync s3://b/root /
    SHELL OTHER DISRUPTIVE s3://b/root
aws s3 cp s3://b/report.csv /tmp/report.csv
    SHELL OTHER REVERSIBLE s3://b/report.csv
aws s3api get-object --bucket b --key k /usr/local/bin/tool
    SHELL OTHER DISRUPTIVE b
aws rds modify-db-instance --db-instance-identifier main --master-user-password X
    SHELL MAINTENANCE DISRUPTIVE main
aws rds restore-db-instance-from-db-snapshot --db-instance-identifier main-new --db-snapshot-identifier s
    ACTION RESTORE DISRUPTIVE main-new
aws rds restore-db-instance-to-point-in-time --target-db-instance-identifier new
    ACTION RESTORE DISRUPTIVE new
aws rds failover-db-cluster --db-cluster-identifier main
    ACTION MAINTENANCE DISRUPTIVE main
aws rds delete-db-instance --db-instance-identifier main --skip-final-snapshot
    SHELL OTHER DESTRUCTIVE main
aws rds delete-db-snapshot --db-snapshot-identifier old
    SHELL OTHER DESTRUCTIVE old
aws rds wait db-instance-available --db-instance-identifier main
    READING STATUS READ main
aws logs tail /ecs/api --follow --since 10m
    LOG LOGS READ /ecs/api
aws logs tail --since 10m --format short /ecs/api
    LOG LOGS READ /ecs/api
aws logs filter-pattern "ERROR" --log-group-name /ecs/api
    LOG LOGS READ /ecs/api
aws logs filter-log-events --log-group-name /ecs/api --filter-pattern ERROR --start-time 1700000000000
    LOG LOGS READ /ecs/api
aws logs get-log-events --log-group-name /ecs/api --log-stream-name s
    LOG LOGS READ /ecs/api
aws logs describe-log-groups --log-group-name-prefix /ecs
    READING STATUS READ
aws logs describe-log-streams --log-group-name /ecs/api
    READING STATUS READ /ecs/api
aws logs start-query --log-group-name /ecs/api --query-string 'fields @message'
    LOG LOGS READ /ecs/api
aws logs put-retention-policy --log-group-name /ecs/api --retention-in-days 30
    ACTION MAINTENANCE DESTRUCTIVE /ecs/api
aws logs create-log-group --log-group-name /ecs/api
    SHELL OTHER REVERSIBLE /ecs/api
aws logs delete-log-group --log-group-name /ecs/api
    SHELL OTHER DESTRUCTIVE /ecs/api
aws cloudwatch describe-alarms --state-value ALARM
    READING STATUS READ
aws cloudwatch disable-alarm-actions --alarm-names high-cpu high-latency
    ACTION MAINTENANCE DISRUPTIVE high-cpu high-latency
aws cloudwatch enable-alarm-actions --alarm-names high-cpu
    ACTION MAINTENANCE REVERSIBLE high-cpu
aws cloudwatch set-alarm-state --alarm-name high-cpu --state-value ALARM --state-reason drill
    ACTION OTHER DISRUPTIVE high-cpu
aws cloudwatch get-metric-statistics --namespace AWS/ECS --metric-name CPUUtilization --period 60
    READING STATUS READ CPUUtilization
aws cloudwatch delete-alarms --alarm-names old
    SHELL OTHER DESTRUCTIVE old
aws cloudwatch put-metric-alarm --alarm-name high-cpu --threshold 80
    SHELL OTHER DISRUPTIVE high-cpu
aws elbv2 describe-target-health --target-group-arn $TG
    READING STATUS READ $TG
aws elbv2 describe-load-balancers
    READING STATUS READ
aws elbv2 deregister-targets --target-group-arn $TG --targets Id=i-1
    SHELL OTHER DESTRUCTIVE $TG
aws elbv2 modify-listener --listener-arn L
    SHELL OTHER DISRUPTIVE
aws elasticache describe-cache-clusters --cache-cluster-id c --show-cache-node-info
    READING STATUS READ c
aws elasticache reboot-cache-cluster --cache-cluster-id c --cache-node-ids-to-reboot 0001
    ACTION RESTART DESTRUCTIVE c
aws elasticache test-failover --replication-group-id g --node-group-id 0001
    ACTION MAINTENANCE DISRUPTIVE g
aws elasticache modify-replication-group --replication-group-id g --cache-node-type cache.r7g.large
    ACTION SCALE DISRUPTIVE g
aws elasticache create-snapshot --replication-group-id g --snapshot-name s
    SHELL BACKUP REVERSIBLE g
aws elasticache delete-cache-cluster --cache-cluster-id c
    SHELL OTHER DESTRUCTIVE c
aws s3 ls
    READING STATUS READ
aws s3 ls s3://backups/db/ --recursive --human-readable
    READING STATUS READ s3://backups/db/
aws s3 cp dump.gz s3://backups/db/
    SHELL BACKUP DISRUPTIVE s3://backups/db/
aws s3 cp s3://backups/db/dump.gz /tmp/
    SHELL OTHER REVERSIBLE s3://backups/db/dump.gz
aws s3 cp s3://backups/db/dump.gz -
    SHELL OTHER READ s3://backups/db/dump.gz
aws s3 sync s3://a s3://b
    SHELL OTHER DISRUPTIVE s3://a
aws s3 sync ./site s3://b --delete
    SHELL OTHER DESTRUCTIVE s3://b
aws s3 sync ./site s3://b --delete --dryrun
    SHELL OTHER READ s3://b
aws s3 mv s3://a/x s3://b/x
    SHELL OTHER DISRUPTIVE s3://a/x
aws s3 rm --recursive s3://backups/old
    SHELL OTHER DESTRUCTIVE s3://backups/old
aws s3 rb s3://backups --force
    SHELL OTHER DESTRUCTIVE s3://backups
aws s3 mb s3://new
    SHELL OTHER REVERSIBLE s3://new
aws s3 presign s3://backups/db/dump.gz
    SHELL OTHER READ s3://backups/db/dump.gz
aws s3api list-objects-v2 --bucket backups --prefix db/
    READING STATUS READ backups
aws s3api head-object --bucket backups --key k
    READING STATUS READ backups
aws s3api get-object --bucket backups --key k out.gz
    SHELL OTHER REVERSIBLE backups
aws s3api delete-object --bucket backups --key k
    SHELL OTHER DESTRUCTIVE backups
aws s3api put-bucket-lifecycle-configuration --bucket backups
    SHELL MAINTENANCE DESTRUCTIVE backups
aws secretsmanager list-secrets
    READING STATUS READ
aws secretsmanager describe-secret --secret-id prod/db
    READING STATUS READ prod/db
aws secretsmanager get-secret-value --secret-id prod/db --query SecretString --output text
    SHELL STATUS READ prod/db
aws secretsmanager update-secret --secret-id prod/db --secret-string '{"password":"x"}'
    ACTION MAINTENANCE DISRUPTIVE prod/db
aws secretsmanager put-secret-value --secret-id prod/db --secret-string file://new.json
    ACTION MAINTENANCE DISRUPTIVE prod/db
aws secretsmanager rotate-secret --secret-id prod/db
    SHELL MAINTENANCE DISRUPTIVE prod/db
aws secretsmanager delete-secret --secret-id prod/db
    SHELL OTHER DESTRUCTIVE prod/db
aws ssm get-parameter --name /prod/db --with-decryption
    SHELL STATUS READ /prod/db
aws ssm describe-instance-information
    SHELL STATUS READ
aws ssm start-session --target i-1
    SHELL OTHER DISRUPTIVE i-1
aws ssm start-session --target i-1 --document-name AWS-StartPortForwardingSession --parameters portNumber=5432
    SHELL OTHER REVERSIBLE i-1
aws ssm put-parameter --name /prod/db --value x --overwrite
    SHELL OTHER DISRUPTIVE /prod/db
aws ssm delete-parameter --name /prod/db
    SHELL OTHER DESTRUCTIVE /prod/db
aws ssm send-command --instance-ids i-1 --document-name AWS-RunPowerShellScript --parameters commands="Remove-Item x"
    SHELL OTHER DESTRUCTIVE i-1
aws ec2 describe-instances --filters Name=tag:env,Values=prod
    SHELL STATUS READ
aws ec2 describe-instance-status --instance-ids i-1
    SHELL STATUS READ i-1
aws ec2 start-instances --instance-ids i-1
    SHELL START REVERSIBLE i-1
aws ec2 stop-instances --instance-ids i-1 i-2
    SHELL STOP DISRUPTIVE i-1 i-2
aws ec2 reboot-instances --instance-ids i-1
    SHELL RESTART DISRUPTIVE i-1
aws ec2 terminate-instances --instance-ids i-1
    SHELL TERMINATE DESTRUCTIVE i-1
aws ec2 terminate-instances --instance-ids i-1 --dry-run
    SHELL TERMINATE READ i-1
aws ec2 create-snapshot --volume-id vol-1
    SHELL BACKUP REVERSIBLE
aws ec2 revoke-security-group-ingress --group-id sg-1
    SHELL OTHER DISRUPTIVE
aws ec2 get-console-output --instance-id i-1
    SHELL LOGS READ i-1
aws ec2 release-address --allocation-id e
    SHELL OTHER DESTRUCTIVE
aws lambda list-functions
    SHELL STATUS READ
aws lambda invoke --function-name resize out.json
    SHELL OTHER DISRUPTIVE resize
aws lambda invoke --function-name purge-carts out.json
    SHELL OTHER DESTRUCTIVE purge-carts
aws ecs run-task --cluster main --task-definition api --overrides '{"command":["rake","db:drop"]}'
    SHELL START DESTRUCTIVE api
aws lambda update-function-code --function-name resize --zip-file fileb://f.zip
    SHELL DEPLOY DISRUPTIVE resize
aws lambda put-function-concurrency --function-name resize --reserved-concurrent-executions 0
    SHELL SCALE DISRUPTIVE resize
aws autoscaling describe-auto-scaling-groups
    SHELL STATUS READ
aws autoscaling set-desired-capacity --auto-scaling-group-name web --desired-capacity 6
    SHELL SCALE DISRUPTIVE web
aws autoscaling terminate-instance-in-auto-scaling-group --instance-id i-1
    SHELL TERMINATE DESTRUCTIVE i-1
aws autoscaling start-instance-refresh --auto-scaling-group-name web
    SHELL RESTART DISRUPTIVE web
aws application-autoscaling register-scalable-target --service-namespace ecs --resource-id service/main/api
    ACTION SCALE DISRUPTIVE service/main/api
aws application-autoscaling describe-scalable-targets --service-namespace ecs
    READING STATUS READ
aws application-autoscaling register-scalable-target --service-namespace dynamodb --resource-id table/t
    SHELL SCALE DISRUPTIVE table/t
aws iam list-users
    SHELL STATUS READ
aws iam create-access-key --user-name bob
    SHELL OTHER DISRUPTIVE bob
aws iam delete-access-key --access-key-id A --user-name bob
    SHELL OTHER DESTRUCTIVE bob
aws iam attach-role-policy --role-name r --policy-arn p
    SHELL OTHER DISRUPTIVE r
aws sts get-caller-identity
    SHELL STATUS READ
aws sts assume-role --role-arn r --role-session-name s
    SHELL OTHER REVERSIBLE
aws route53 list-resource-record-sets --hosted-zone-id Z
    SHELL STATUS READ Z
aws route53 change-resource-record-sets --hosted-zone-id Z --change-batch file://up.json
    SHELL DEPLOY DISRUPTIVE Z
aws route53 change-resource-record-sets --hosted-zone-id Z --change-batch '{"Changes":[{"Action":"DELETE"}]}'
    SHELL DEPLOY DESTRUCTIVE Z
aws cloudfront create-invalidation --distribution-id D --paths '/*'
    SHELL MAINTENANCE DISRUPTIVE D
aws cloudformation describe-stacks --stack-name s
    SHELL STATUS READ s
aws cloudformation deploy --stack-name s --template-file t.yml
    SHELL DEPLOY DISRUPTIVE s
aws cloudformation delete-stack --stack-name s
    SHELL OTHER DESTRUCTIVE s
aws cloudformation rollback-stack --stack-name s
    SHELL ROLLBACK DISRUPTIVE s
aws cloudtrail lookup-events --max-results 20
    SHELL STATUS READ
aws ecr get-login-password --region eu-west-1
    SHELL STATUS READ
aws ecr describe-images --repository-name api
    SHELL STATUS READ api
aws ecr batch-delete-image --repository-name api --image-ids imageTag=old
    SHELL OTHER DESTRUCTIVE api
aws eks list-clusters
    SHELL STATUS READ
aws eks update-kubeconfig --name main
    SHELL OTHER REVERSIBLE main
aws eks delete-nodegroup --cluster-name main --nodegroup-name n
    SHELL OTHER DESTRUCTIVE main
aws dynamodb describe-table --table-name t
    SHELL STATUS READ t
aws dynamodb scan --table-name t --max-items 5
    SHELL OTHER READ t
aws dynamodb put-item --table-name t --item file://i.json
    SHELL OTHER DESTRUCTIVE t
aws dynamodb restore-table-from-backup --target-table-name t2 --backup-arn b
    SHELL RESTORE DISRUPTIVE t2
aws dynamodb execute-statement --statement "SELECT * FROM t"
    SHELL OTHER READ
aws dynamodb execute-statement --statement "DELETE FROM t WHERE id='1'"
    SHELL OTHER DESTRUCTIVE
aws backup start-backup-job --backup-vault-name v
    SHELL BACKUP REVERSIBLE
aws backup list-recovery-points-by-backup-vault --backup-vault-name v
    SHELL STATUS READ
aws backup start-restore-job --recovery-point-arn r
    SHELL RESTORE DISRUPTIVE
aws codepipeline start-pipeline-execution --name p
    SHELL DEPLOY DISRUPTIVE p
aws sns publish --topic-arn t --message x
    SHELL OTHER DISRUPTIVE t
aws events disable-rule --name nightly
    SHELL OTHER DISRUPTIVE nightly
aws stepfunctions start-execution --state-machine-arn s
    SHELL START DISRUPTIVE
aws kms schedule-key-deletion --key-id k
    SHELL OTHER DESTRUCTIVE k
aws frobnicate wipe-things --all
    SHELL OTHER DESTRUCTIVE
aws frobnicate change-things
    SHELL OTHER DISRUPTIVE
aws <service> <operation>
    SHELL OTHER DISRUPTIVE
aws $OPTIONS ecs describe-clusters
    READING STATUS READ
aws configure list
    SHELL OTHER READ
aws configure set region eu-west-1
    SHELL OTHER REVERSIBLE
aws sso login --profile prod
    SHELL OTHER REVERSIBLE
aws help
    SHELL OTHER READ
aws ecs help
    SHELL OTHER READ
awslocal sqs list-queues
    READING STATUS READ
"""


def line(text: str) -> CommandLine:
    return CommandLine(words=tuple(shlex.split(text)))


def told(text: str) -> Meaning:
    found = understand(line(text))
    assert isinstance(found, Meaning), text
    return found


def inside(text: str) -> Within:
    found = understand(line(text))
    assert isinstance(found, Within), text
    return found


LINES = ROWS.strip().splitlines()


@pytest.mark.parametrize(("text", "meant"), list(zip(LINES[::2], LINES[1::2], strict=True)))
def test_what_people_write_means_what_it_does(text: str, meant: str) -> None:
    sort, verb, danger, *target = meant.split(maxsplit=3)
    found = told(text)
    assert (found.sort, found.verb, found.danger) == (Sort[sort], Verb[verb], Danger[danger])
    assert found.target == "".join(target)
    assert (found.kind == "") == (found.sort is Sort.SHELL)


SEND = "aws ssm send-command --instance-ids i-1 --document-name AWS-RunShellScript --region eu-west-1 --parameters"


@pytest.mark.parametrize(
    ("text", "place", "script", "typed"),
    [
        (f"""{SEND} 'commands=["sudo systemctl restart web","df -h"]'""", "instance i-1",
         "sudo systemctl restart web\ndf -h", False),
        (f"""{SEND} '{{"commands": ["docker ps"]}}'""", "instance i-1", "docker ps", False),
        (f"""{SEND} '{{"commands": "docker ps", "executionTimeout": ["60"]}}'""", "instance i-1", "docker ps", False),
        (f"""{SEND} commands='["rm -rf /srv/cache"]' --comment tidy""", "instance i-1", "rm -rf /srv/cache", False),
        (f"""{SEND} 'commands=["a \\"b\\" c"],workingDirectory=["/srv"]'""", "instance i-1", 'a "b" c', False),
        (f"""{SEND} "commands=['uptime','free -m']" """, "instance i-1", "uptime\nfree -m", False),
        (f"{SEND} commands=uptime", "instance i-1", "uptime", False),
        ("aws ssm send-command --targets Key=tag:env,Values=prod --parameters commands=uptime",
         "instance Key=tag:env,Values=prod", "uptime", False),
        ("aws ecs execute-command --cluster c --task T --interactive --command /bin/bash", "task T", "/bin/bash", True),
        ("aws ecs execute-command --cluster c --task T --container app --interactive --command 'pg_isready -h db'",
         "task T container app", "pg_isready -h db", False),
    ],
)  # fmt: skip
def test_a_carried_command_is_handed_on_with_its_place(text: str, place: str, script: str, typed: bool) -> None:
    found = inside(text)
    assert (found.place, found.script, found.interactive) == (place, script, typed)
    assert found.least is (Danger.DISRUPTIVE if typed else Danger.READ)


@pytest.mark.parametrize(
    ("revision", "verb"),
    [
        ("newsletter:41", Verb.ROLLBACK),
        ("gold:41", Verb.ROLLBACK),
        ("gold", Verb.DEPLOY),
        ("api:$((CURRENT - 1))", Verb.ROLLBACK),
        ("api:<previous-revision>", Verb.ROLLBACK),
        ("<known-good-task-definition>", Verb.ROLLBACK),
        ("${OLD_TASK_DEF}", Verb.ROLLBACK),
        ("PREVIOUS_TASK_DEF", Verb.ROLLBACK),
        ("arn:aws:ecs:eu-west-1:1:task-definition/api:7", Verb.ROLLBACK),
        ("arn:aws:ecs:eu-west-1:1:task-definition/api", Verb.DEPLOY),
        ("api:$NEW_REVISION", Verb.DEPLOY),
        ("$TASK_DEF_ARN", Verb.DEPLOY),
    ],
)
def test_a_revision_from_before_is_a_rollback_and_the_newest_a_deployment(revision: str, verb: Verb) -> None:
    found = understand(CommandLine(("aws", "ecs", "update-service", "--service", "a", "--task-definition", revision)))
    assert isinstance(found, Meaning)
    assert found.verb is verb


def test_a_program_that_lends_its_credentials_carries_the_command() -> None:
    assert inside("aws-vault exec prod -- aws s3 ls").words == ("aws", "s3", "ls")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("aws sqs get-queue-attributes --queue-url q --attribute-names All", "approximate"),
        ("aws sqs receive-message --queue-url q", "hides the messages"),
        ("aws sqs purge-queue --queue-url q", "60 s"),
        ("aws ecs update-service --service api --force-new-deployment", ":latest"),
        ("aws ecs update-service --service api --desired-count 4", "absolute"),
        ("aws ecs update-service --service api --desired-count 0", "ends every task"),
        ("aws ecs update-service --service api --task-definition api:4 --desired-count 0", "ends every task"),
        (
            "aws rds modify-db-instance --db-instance-identifier a --backup-retention-period=00",
            "every automated backup",
        ),
        ("aws ecs update-service --service api --task-definition api:41", "not rolled back"),
        ("aws ecs stop-task --task t", "starts another task"),
        ("aws ecs describe-services --services api", "failures"),
        ("aws ecs describe-services --services api --query 'services[0].taskDefinition'", "not the one before"),
        ("aws ecs describe-tasks --tasks t", "about an hour"),
        ("aws ecs wait services-stable --services api", "ten minutes"),
        ("aws rds restore-db-instance-from-db-snapshot --db-instance-identifier n", "new instance"),
        ("aws rds modify-db-instance --db-instance-identifier m --allocated-storage 200", "only ever grows"),
        ("aws rds modify-db-instance --db-instance-identifier m --backup-retention-period 0", "every automated"),
        ("aws elasticache reboot-cache-cluster --cache-cluster-id c", "is lost"),
        ("aws elasticache describe-cache-clusters", "no endpoint"),
        ("aws cloudwatch describe-alarms --state-value ALARM", "metric alarms only"),
        ("aws cloudwatch disable-alarm-actions --alarm-names a", "no end"),
        ("aws cloudwatch set-alarm-state --alarm-name a", "no rehearsal"),
        ("aws cloudwatch get-metric-statistics --namespace AWS/ECS", "--start-time"),
        ("aws cloudwatch get-metric-statistics --start-time a --end-time b --period 60", "never zero"),
        ("aws logs filter-pattern ERROR --log-group-name g", "filter-log-events"),
        ("aws logs filter-log-events --log-group-name g --filter-pattern 429", "429"),
        ("aws logs tail /ecs/api", "version 2"),
        ("aws logs put-retention-policy --log-group-name g --retention-in-days 7", "due for deletion"),
        ("aws secretsmanager get-secret-value --secret-id s", "prints the secret"),
        ("aws secretsmanager update-secret --secret-id s --secret-string x", "replaces the whole secret"),
        ("aws ssm get-parameter --name p --with-decryption", "in clear"),
    ],
)
def test_what_a_line_gets_wrong_is_said(text: str, part: str) -> None:
    assert part in told(text).warning


@pytest.mark.parametrize(
    "text",
    [
        "aws s3 ls s3://backups",
        "aws rds describe-db-instances",
        "aws logs describe-log-groups",
        "aws ecs list-services --cluster c",
        "aws ecs update-service --service api --task-definition $NEW_TASK_DEF",
        "aws sqs purge-queue --queue-url q --generate-cli-skeleton",
    ],
)
def test_a_line_that_does_what_it_says_has_no_warning(text: str) -> None:
    assert told(text).warning == ""


@pytest.mark.parametrize(
    "text",
    [
        "aws logs filter-pattern ERROR --log-group-name $GROUP --start-time 1",
        "aws logs filter-pattern --log-group-name $GROUP --start-time 1 ERROR",
    ],
)
def test_an_operation_that_does_not_exist_becomes_the_one_that_does(text: str) -> None:
    becomes = told(text).becomes
    assert becomes.startswith("aws logs filter-log-events")
    assert "--filter-pattern ERROR" in becomes
    assert "--log-group-name $GROUP --start-time 1" in becomes


def test_secrets_that_would_be_shown_are_told() -> None:
    for text in (
        "aws secretsmanager get-secret-value --secret-id s",
        "aws ssm get-parameters-by-path --path / --with-decryption",
        "aws ecr get-login-password",
        "aws configure export-credentials",
        "aws s3 presign s3://b/k",
        "aws ecs describe-task-definition --task-definition api",
    ):
        assert told(text).reveals, text
    for text in ("aws secretsmanager list-secrets", "aws ssm get-parameter --name p", "aws ecs list-services"):
        assert not told(text).reveals, text


def test_what_never_ends_and_what_is_typed_into_is_told() -> None:
    assert told("aws logs tail /ecs/api --follow").endless
    assert told("aws logs start-live-tail --log-group-identifiers a").endless
    assert not told("aws logs tail /ecs/api").endless
    assert told("aws ssm start-session --target i-1").interactive
    forwarded = told("aws ssm start-session --target i-1 --document-name AWS-StartPortForwardingSession")
    assert forwarded.endless
    assert not forwarded.interactive


@pytest.mark.parametrize("service", sorted(set(KINDS) - {"s3"}))
def test_every_operation_of_a_service_is_rated_by_what_its_name_says(service: str) -> None:
    """By the service's own model."""
    model = Session().get_service_model({"s3api": "s3"}.get(service, service))
    for name in model.operation_names:
        operation = xform_name(name, "-")
        found = understand(CommandLine(words=("aws", service, operation)))
        if isinstance(found, Within):
            continue
        assert found is not None
        if operation.startswith(("delete-", "terminate-", "purge-", "deregister-", "remove-")):
            assert found.danger is Danger.DESTRUCTIVE, operation
        if found.danger is Danger.READ:
            assert operation.startswith(("describe-", "list-", "get-", "head-", "filter-", "batch-get-", "start-query",
                                         "start-live-tail", "test-metric-filter", "download-", "select-",
                                         "batch-describe-", "validate-", "discover-")), operation  # fmt: skip


def test_what_is_known_one_by_one_is_never_milder_than_a_first_word_that_takes_away() -> None:
    for (service, operation), (_, _, danger) in OPERATIONS.items():
        if operation.startswith(("delete", "purge", "terminate", "remove")):
            assert danger >= by_first_word(operation)[1], (service, operation)


PLACES = st.permutations([["--region", "eu-west-1"], ["--profile=prod"], ["--output", "text"], ["--no-cli-pager"]])


@given(PLACES, st.integers(0, 4), st.integers(0, 4))
def test_where_and_how_may_be_said_anywhere(places: list[list[str]], before: int, between: int) -> None:
    first, second, third = places[:before], places[before : before + between], places[before + between :]
    flat = [[word for part in parts for word in part] for parts in (first, second, third)]
    words = ("aws", *flat[0], "ecs", *flat[1], "update-service", "--service", "api", *flat[2], "--desired-count", "3")
    assert understand(CommandLine(words=words)) == told("aws ecs update-service --service api --desired-count 3")


WORDS = st.lists(
    st.text(max_size=12)
    | st.sampled_from(
        ["ecs", "sqs", "logs", "rds", "s3", "ssm", "tail", "cp", "ls", "rm", "update-service", "filter-pattern", "-",
         "send-command", "--parameters", "commands=[", "--task-definition", "--query", "--", "-f", "$X", "<q>", "help",
         "configure", "execute-statement", "--statement", "modify-db-instance", "execute-command", "--command", "--="]
    ),
    max_size=8,
)  # fmt: skip


@given(st.sampled_from(["aws", "awslocal", "aws-vault", "chamber"]), WORDS, st.text(max_size=9))
def test_no_words_at_all_make_it_raise(program: str, words: list[str], stdin: str) -> None:
    found = understand(CommandLine(words=(program, *words), stdin=stdin))
    assert found is None or isinstance(found, Meaning | Within)


def made(kind: str, actuator: type[Actuator[Any]], settings: type[Any], **given: Any) -> Actuator[Any]:
    chosen = settings.model_validate({"region": "eu-west-1"} | given)
    clock = datetime(2026, 3, 1, 3, 12, tzinfo=UTC)
    return actuator(Target("it", kind, chosen), Context(NoSecrets(), lambda: 0.0, lambda: clock))


HANDS = {
    "ecs": made("ecs", EcsActuator, EcsSettings, cluster="main"),
    "sqs": made("sqs", SqsActuator, SqsSettings),
    "rds": made("rds", RdsActuator, RdsSettings),
    "elasticache": made("elasticache", ElastiCacheActuator, ElastiCacheSettings),
    "cloudwatch": made("cloudwatch", CloudWatchActuator, CloudWatchSettings),
    "secrets": made("secrets", SecretsActuator, SecretsSettings),
}
names = st.from_regex(r"[a-z][a-z0-9]{0,20}", fullmatch=True)
numbers = st.integers(1, 900)
ACTS = {
    "ecs": st.one_of(
        st.builds(lambda name: Request("restart", (name,)), names),
        st.builds(lambda name, number: Request("scale", (name,), number), names, numbers),
        st.builds(lambda name: Request("stop", (name,)), names),
        st.builds(lambda name, number: Request("roll-back", (name,), word=f"{name}:{number}"), names, numbers),
        st.builds(lambda name, number: Request("bounds", (name,), word=f"1-{number}"), names, numbers),
        st.uuids().map(lambda one: Request("stop-task", (one.hex,))),
    ),
    "sqs": st.one_of(
        st.builds(lambda action, name: Request(action, (name,)), st.sampled_from(["purge", "peek"]), names),
        st.builds(lambda name, number: Request("redrive", (name,), number, "*"), names, st.integers(1, 500)),
    ),
    "rds": st.one_of(
        st.builds(lambda action, name: Request(action, (name,)), st.sampled_from(["snapshot", "reboot"]), names),
        st.builds(lambda name, number: Request("grow", (name,), number), names, numbers),
        st.builds(lambda name, word: Request("restore", (name,), word=word), names, names),
    ),
    "elasticache": st.one_of(
        st.builds(lambda name: Request("reboot", (f"cluster/{name}/0001",)), names),
        st.builds(lambda name: Request("failover", (f"group/{name}/0001",)), names),
        st.builds(
            lambda sort, name: Request("resize", (f"{sort}/{name}/0001",), word="cache.r7g.large"),
            st.sampled_from(["cluster", "group"]), names,
        ),
        st.builds(lambda name: Request("policy", (f"parameters/{name}",), word="allkeys-lru"), names),
    ),
    "cloudwatch": st.one_of(
        st.builds(lambda name, number: Request("silence", (name,), number), names, numbers),
        st.builds(lambda name: Request("enable", (name,)), names),
        st.builds(lambda name: Request("test", (name,), word="a drill"), names),
    ),
    "secrets": st.builds(lambda action, name: Request(action, (name,)), st.sampled_from(["replace", "undo"]), names),
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(HANDS))
@given(data=st.data())
def test_every_act_of_ours_is_understood_as_one_at_least_as_dangerous(kind: str, data: st.DataObject) -> None:
    request, actuator = data.draw(ACTS[kind]), HANDS[kind]
    known = {action.name: action.danger for action in actuator.actions}
    lines = parse(actuator.render(request))
    assert lines
    for one in lines:
        found = understand(one)
        assert isinstance(found, Meaning)
        assert found.sort is Sort.ACTION
        assert found.kind == kind
        assert found.danger >= known[request.action]


def test_the_acts_that_are_tried_are_all_of_those_whose_line_is_one_command() -> None:
    tried = {
        "ecs": {"restart", "scale", "stop", "roll-back", "bounds", "stop-task"},
        "sqs": {"purge", "peek", "redrive"},
        "rds": {"snapshot", "reboot", "grow", "restore"},
        "elasticache": {"reboot", "failover", "resize", "policy"},
        "cloudwatch": {"silence", "enable", "test"},
        "secrets": {"replace", "undo"},
    }
    piped = {"sqs": {"cancel-move"}, "secrets": {"set"}}
    for kind, actuator in HANDS.items():
        assert {action.name for action in actuator.actions} == tried[kind] | piped.get(kind, set())


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ("""--secret-string '{"user": "app", "password": "<value>"}'""", ("app", "<value>")),
        ("--secret-string <value>", ("<value>",)),
        ("""--secret-string '{"<key>": 5, "list": ["<value>"]}'""", ()),
        ("""--secret-string '{"port": <port>}'""", ()),
        ("""--secret-string "{\\"password\\": \\"$NEW\\"}\"""", ()),
        ("--secret-string file://new.json", ()),
        ("--secret-string x --generate-cli-skeleton", ()),
        ("--secret-binary x", ()),
    ],
)
def test_the_new_values_of_a_secret_are_asked_for_by_its_act(options: str, asked: tuple[str, ...]) -> None:
    """What it would not ask for is still filled in: a key, a number, a variable."""
    words = shlex.split(f"aws secretsmanager put-secret-value --secret-id shop/db {options}")
    found = understand(CommandLine(tuple(words)))
    assert isinstance(found, Meaning)
    assert found.asked == asked
