"""What lines of other clouds and of deployment tools mean, as people write them into runbooks."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.aws.dialect import understand
from probes.aws.dialect_tools import OWN, TOOLS
from probes.base import CommandLine, Danger, Meaning, Sort, Verb, Within

ROWS = """
helm upgrade --install web ./chart -n shop -f values.yaml --set image.tag=1 => SHELL DEPLOY DISRUPTIVE web
helm list -A => SHELL STATUS READ
helm rollback web 3 -n shop => SHELL ROLLBACK DISRUPTIVE web
helm uninstall web -n shop => SHELL OTHER DESTRUCTIVE web
helm get values web -n shop => SHELL STATUS READ values
helm history web => SHELL STATUS READ web
helm upgrade web ./chart --dry-run => SHELL DEPLOY READ web
helm repo update => SHELL OTHER REVERSIBLE
kustomize build overlays/prod => SHELL STATUS READ overlays/prod
flux reconcile kustomization apps --with-source => SHELL DEPLOY DISRUPTIVE kustomization
flux suspend kustomization apps => SHELL STOP DISRUPTIVE kustomization
flux get all -A => SHELL STATUS READ all
argocd app sync web => SHELL DEPLOY DISRUPTIVE web
argocd app sync web --prune => SHELL DEPLOY DESTRUCTIVE web
argocd app rollback web 12 => SHELL ROLLBACK DISRUPTIVE web
argocd app get web => SHELL STATUS READ web
velero backup create nightly => SHELL BACKUP REVERSIBLE nightly
velero restore create --from-backup nightly => SHELL RESTORE DESTRUCTIVE create
velero backup get => SHELL STATUS READ
gcloud run deploy web --image gcr.io/x/y --region us-east1 => SHELL DEPLOY DISRUPTIVE web
gcloud run services logs read web --region us-east1 --limit=100 => SHELL LOGS READ web
gcloud run services update-traffic web --to-revisions=web-1=100 => SHELL ROLLBACK DISRUPTIVE web
gcloud run services update web --min-instances 1 => SHELL OTHER DISRUPTIVE web
gcloud sql backups list --instance=main => SHELL STATUS READ
gcloud sql backups create --instance=main => SHELL BACKUP REVERSIBLE
gcloud sql backups restore 123 --restore-instance=main => SHELL RESTORE DESTRUCTIVE 123
gcloud sql instances restart main => SHELL RESTART DISRUPTIVE main
gcloud sql instances describe main => SHELL STATUS READ main
gcloud compute instances list => SHELL STATUS READ
gcloud compute instances delete web-1 --zone a => SHELL OTHER DESTRUCTIVE web-1
gcloud compute instance-groups managed rolling-action start-update g --version=template=t => SHELL DEPLOY DISRUPTIVE g
gcloud compute instance-groups managed resize g --size 4 => SHELL SCALE DISRUPTIVE g
gcloud --quiet app versions stop v1 => SHELL STOP DISRUPTIVE v1
gcloud logging read "severity>=ERROR" --limit 50 => SHELL LOGS READ severity>=ERROR
gcloud secrets versions access latest --secret=db => SHELL OTHER READ latest
gcloud container clusters get-credentials c => SHELL OTHER REVERSIBLE c
gcloud config set project x => SHELL OTHER REVERSIBLE project
gcloud projects add-iam-policy-binding p --member x => SHELL OTHER DISRUPTIVE p
gsutil ls gs://b => SHELL STATUS READ gs://b
gsutil cp a gs://b => SHELL OTHER DISRUPTIVE a
gsutil -m rm -r gs://b/x => SHELL OTHER DESTRUCTIVE gs://b/x
az webapp restart --name web --resource-group rg => SHELL RESTART DISRUPTIVE web
az webapp log tail --name web -g rg => SHELL LOGS READ web
az webapp list -o table => SHELL STATUS READ
az group delete --name rg --yes => SHELL OTHER DESTRUCTIVE rg
az keyvault secret show --name x --vault-name v => SHELL STATUS READ x
az aks get-credentials -g rg -n c => SHELL OTHER REVERSIBLE c
az postgres flexible-server restore -g rg --name new --source-server old => SHELL RESTORE DESTRUCTIVE new
az containerapp revision restart -n app -g rg --revision r => SHELL RESTART DISRUPTIVE app
fly status => SHELL STATUS READ
fly logs -a web => SHELL LOGS READ web
fly deploy --image registry.fly.io/web:v1 => SHELL DEPLOY DISRUPTIVE
fly scale count 3 => SHELL SCALE DISRUPTIVE count
flyctl scale count=0 => SHELL SCALE DISRUPTIVE count=0
fly machine restart 123 => SHELL RESTART DISRUPTIVE 123
fly machine destroy 123 --force => SHELL OTHER DESTRUCTIVE 123
fly apps destroy web => SHELL OTHER DESTRUCTIVE web
fly secrets list => SHELL STATUS READ
fly secrets set A=b => SHELL DEPLOY DISRUPTIVE A=b
fly postgres connect -a db => SHELL OTHER DISRUPTIVE db
fly postgres failover -a db => SHELL MAINTENANCE DISRUPTIVE db
fly volumes list => SHELL STATUS READ
heroku ps:scale web=2 -a app => SHELL SCALE DISRUPTIVE web=2
heroku restart -a app => SHELL RESTART DISRUPTIVE app
heroku ps:restart web.1 => SHELL RESTART DISRUPTIVE web.1
heroku logs --tail -a app => SHELL LOGS READ app
heroku rollback v12 => SHELL ROLLBACK DISRUPTIVE v12
heroku releases => SHELL STATUS READ
heroku config -a app => SHELL STATUS READ app
heroku config:set A=b => SHELL OTHER DISRUPTIVE A=b
heroku pg:backups:capture => SHELL BACKUP REVERSIBLE
heroku pg:backups:restore b001 DATABASE_URL => SHELL RESTORE DESTRUCTIVE b001
heroku pg:reset DATABASE => SHELL OTHER DESTRUCTIVE DATABASE
heroku pg:killall => SHELL TERMINATE DISRUPTIVE
heroku maintenance:on => SHELL MAINTENANCE DISRUPTIVE
railway up => SHELL DEPLOY DISRUPTIVE
railway logs => SHELL LOGS READ
railway variables => SHELL STATUS READ
vercel --prod => SHELL DEPLOY DISRUPTIVE
vercel rollback => SHELL ROLLBACK DISRUPTIVE
vercel logs x.vercel.app => SHELL LOGS READ x.vercel.app
vercel env ls => SHELL STATUS READ
wrangler deploy => SHELL DEPLOY DISRUPTIVE
wrangler tail => SHELL LOGS READ
wrangler rollback => SHELL ROLLBACK DISRUPTIVE
wrangler secret put X => SHELL OTHER DISRUPTIVE X
wrangler d1 execute db --command "DELETE FROM x" => SHELL OTHER DESTRUCTIVE db
terraform init -reconfigure => SHELL OTHER REVERSIBLE
terraform plan -out=tf.plan => SHELL STATUS REVERSIBLE
terraform -chdir=infra plan => SHELL STATUS READ
terraform apply -auto-approve -var="image_tag=latest" => SHELL DEPLOY DISRUPTIVE
terraform apply -destroy => SHELL DEPLOY DESTRUCTIVE
terraform apply -replace=aws_instance.web => SHELL DEPLOY DESTRUCTIVE
terraform destroy -auto-approve => SHELL OTHER DESTRUCTIVE
terraform output -raw db_password => SHELL STATUS READ db_password
terraform output => SHELL STATUS READ
terraform state list => SHELL STATUS READ
terraform state rm aws_x.y => SHELL OTHER DESTRUCTIVE aws_x.y
terraform import a b => SHELL OTHER DISRUPTIVE a
terraform force-unlock ID => SHELL OTHER DESTRUCTIVE ID
terraform workspace select prod => SHELL OTHER REVERSIBLE prod
terragrunt run-all apply => SHELL DEPLOY DISRUPTIVE
terragrunt run-all destroy => SHELL OTHER DESTRUCTIVE
pulumi up --yes => SHELL DEPLOY DISRUPTIVE
pulumi preview => SHELL STATUS READ
pulumi destroy => SHELL OTHER DESTRUCTIVE
pulumi --yes destroy => SHELL OTHER DESTRUCTIVE
ansible all -m ping => SHELL STATUS READ all
ansible web -b -m service -a "name=nginx state=restarted" => SHELL RESTART DISRUPTIVE web
ansible-playbook -i inv site.yml --check => SHELL DEPLOY READ site.yml
ansible-playbook -i inv deploy.yml --limit web => SHELL DEPLOY DISRUPTIVE deploy.yml
ansible-playbook teardown-destroy.yml => SHELL DEPLOY DESTRUCTIVE teardown-destroy.yml
copilot svc logs --follow => SHELL LOGS READ
copilot svc deploy --name api => SHELL DEPLOY DISRUPTIVE api
eb deploy prod => SHELL DEPLOY DISRUPTIVE prod
eb terminate prod => SHELL TERMINATE DESTRUCTIVE prod
eb status => SHELL STATUS READ
sam deploy => SHELL DEPLOY DISRUPTIVE
sam logs -n F --tail => SHELL LOGS READ F
serverless remove => SHELL OTHER DESTRUCTIVE
sls deploy => SHELL DEPLOY DISRUPTIVE
cdk diff => SHELL STATUS READ
cdk deploy => SHELL DEPLOY DISRUPTIVE
cdk destroy => SHELL OTHER DESTRUCTIVE
eksctl scale nodegroup --cluster c --name n --nodes 4 => SHELL SCALE DISRUPTIVE nodegroup
doctl apps logs x --follow => SHELL LOGS READ x
doctl compute droplet list => SHELL STATUS READ
doctl compute droplet-action reboot 12 => SHELL RESTART DISRUPTIVE 12
nomad job stop web => SHELL STOP DISRUPTIVE web
vault kv get secret/x => SHELL OTHER READ secret/x
vault status => SHELL STATUS READ
minikube start => SHELL START REVERSIBLE
gcloud => SHELL OTHER READ
dokku ps:restart app => SHELL RESTART DISRUPTIVE app
kamal app logs -f => SHELL LOGS READ
kamal rollback abc => SHELL ROLLBACK DISRUPTIVE abc
"""


def line(text: str) -> CommandLine:
    return CommandLine(words=tuple(shlex.split(text)))


def told(text: str) -> Meaning:
    found = understand(line(text))
    assert isinstance(found, Meaning), text
    return found


@pytest.mark.parametrize("row", ROWS.strip().splitlines())
def test_what_people_write_means_what_it_does(row: str) -> None:
    text, _, meant = row.rpartition(" => ")
    sort, verb, danger, *target = meant.split(" ", 3)
    found = told(text)
    assert (found.sort, found.verb, found.danger) == (Sort[sort], Verb[verb], Danger[danger])
    assert found.target == "".join(target)
    assert found.kind == ""


@pytest.mark.parametrize(
    ("text", "place", "inner", "typed"),
    [
        ("gcloud compute ssh web-1 --zone a --command 'sudo systemctl restart nginx'", "host web-1",
         "sudo systemctl restart nginx", False),
        ("gcloud compute ssh web-1 --zone a -- df -h", "host web-1", "df -h", False),
        ("gcloud compute ssh web-1", "host web-1", "", True),
        ("az vm run-command invoke -g rg -n vm1 --command-id RunShellScript --scripts 'df -h'", "host vm1", "df -h",
         False),
        ("az containerapp exec -n app -g rg --command sh", "container app", "sh", True),
        ("fly ssh console -a web -C 'df -h'", "app web", "df -h", False),
        ("fly ssh console", "app", "", True),
        ("fly machine exec 12ab 'ls /data'", "machine 12ab", "ls /data", False),
        ("heroku run rails db:migrate", "dyno", "rails db:migrate", False),
        ("heroku run -a shop 'rails db:migrate'", "dyno of shop", "rails db:migrate", False),
        ("heroku run bash -a shop", "dyno of shop", "bash -a shop", False),
        ("heroku run:detached rake clean", "dyno", "rake clean", False),
        ("heroku pg:psql -c 'select 1'", "database", "psql -c select 1", False),
        ("railway run npm run migrate", "", "npm run migrate", False),
        ("doctl compute ssh web --ssh-command uptime", "host web", "uptime", False),
        ("ansible web -m shell -a 'systemctl restart nginx' -b", "hosts web", "systemctl restart nginx", False),
        ("ansible web -a uptime", "hosts web", "uptime", False),
        ("dokku run shop rake db:migrate", "app shop", "rake db:migrate", False),
        ("copilot svc exec --command /bin/sh", "copilot", "/bin/sh", True),
    ],
)  # fmt: skip
def test_a_carried_command_is_handed_on_with_its_place(text: str, place: str, inner: str, typed: bool) -> None:
    found = understand(line(text))
    assert isinstance(found, Within)
    assert (found.place, found.script or " ".join(found.words), found.interactive) == (place, inner, typed)


@pytest.mark.parametrize(
    "text",
    [
        "helm upgrade web ./chart --force",
        "argocd app sync web --prune",
        "flux reconcile kustomization apps --force",
        "terraform apply -replace=aws_instance.web",
        "terraform apply -destroy -auto-approve",
        "fly frobnicate --purge-all",
        "gcloud frobnicate wipe",
        "gcloud logging logs delete old",
        "heroku pg:backups:delete b001",
        "vault kv put secret/a b=c",
        "pulumi stack rm prod",
        "gsutil -m rsync -d -r ./site gs://b",
        "gcloud run jobs execute purge-carts",
        "wrangler kv:key delete k",
        "bq query 'delete from t where true'",
        "ansible web -m file -a 'path=/srv state=absent'",
    ],
)
def test_what_takes_something_away_is_rated_so(text: str) -> None:
    assert told(text).danger is Danger.DESTRUCTIVE


@pytest.mark.parametrize(
    "text",
    [
        "helm upgrade web ./chart --dry-run=server",
        "az deployment group what-if -g rg",
        "ansible-playbook drop-tables.yml --check",
        "terraform plan -destroy",
        "bq query 'SELECT count(*) FROM t'",
        "gcloud --project p sql instances list",
        "fly volumes snapshots list vol_1",
        "heroku pg:info",
        "gcloud run services describe restart-worker",
    ],
)
def test_what_only_looks_is_rated_so(text: str) -> None:
    assert told(text).danger is Danger.READ


@pytest.mark.parametrize(
    "text",
    ["helm frobnicate", "fly $COMMAND", "gcloud run jobs execute nightly", "heroku config:set A=b", "az <group>"],
)
def test_what_no_table_knows_is_taken_for_the_worse(text: str) -> None:
    assert told(text).danger >= Danger.DISRUPTIVE


def test_secrets_that_would_be_shown_are_told() -> None:
    for text in ("heroku config", "railway variables", "helm get values web", "terraform output -json",
                 "az keyvault secret show --name x", "vault kv get secret/x", "fly secrets list"):  # fmt: skip
        assert told(text).reveals, text
    for text in ("terraform output", "helm list", "fly status"):
        assert not told(text).reveals, text


def test_what_never_ends_and_what_is_typed_into_is_told() -> None:
    for text in ("fly logs", "heroku logs --tail", "wrangler tail", "az webapp log tail -n web", "fly proxy 5432"):
        assert told(text).endless, text
    for text in ("fly logs --no-tail", "heroku logs -n 200", "kamal app logs"):
        assert not told(text).endless, text
    for text in ("terraform console", "fly postgres connect -a db", "railway shell"):
        assert told(text).interactive, text


def test_a_number_that_is_glued_to_its_name_is_told_to_be_wrong() -> None:
    assert "fly scale count 2" in told("flyctl scale count=0").warning


WORDS = st.lists(
    st.text(max_size=10)
    | st.sampled_from(
        ["run", "ssh", "console", "-C", "--command", "exec", "compute", "pg:psql", "logs", "--", "-a", "-m", "shell",
         "query", "d1", "execute", "vm", "run-command", "invoke", "--scripts", "apply", ":", "--=", "-", "delete"]
    ),
    max_size=7,
)  # fmt: skip


@given(st.sampled_from(sorted(TOOLS)), WORDS)
def test_no_words_at_all_make_it_raise(program: str, words: list[str]) -> None:
    assert isinstance(understand(CommandLine(words=(program, *words))), Meaning | Within)


@given(st.sampled_from(sorted(set(TOOLS) - {"ansible", "ansible-playbook"})), st.sampled_from(["delete", "destroy"]))
def test_a_delete_is_destructive_in_every_program(program: str, verb: str) -> None:
    found = understand(CommandLine(words=(program, verb, "it")))
    assert isinstance(found, Meaning)
    assert found.danger is Danger.DESTRUCTIVE


def test_every_table_is_of_a_program_that_is_known() -> None:
    assert set(OWN) <= set(TOOLS.values())


def test_lines_of_other_programs_are_left_to_others() -> None:
    for text in ("docker ps", "kubectl get pods", "nowhere deploy"):
        assert understand(line(text)) is None
    assert understand(CommandLine(sql="select 1")) is None
    assert understand(CommandLine()) is None
