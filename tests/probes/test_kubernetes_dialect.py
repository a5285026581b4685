"""What lines of kubectl, oc and their like mean, as people write them into runbooks."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.commandline import parse
from probes.base import CommandLine, Danger, Meaning, Request, Sort, Verb, Within
from probes.kubernetes.dialect import understand
from probes.kubernetes.dialect_line import read
from tests.probes.test_kubernetes_commands import HERE, REQUESTS

ROWS = """
kubectl get pods -n shop -o wide => READING STATUS READ pods
kubectl -n shop get deploy,svc => READING STATUS READ deploy,svc
kubectl get pods --all-namespaces --field-selector=status.phase!=Running => READING STATUS READ pods
kubectl --context prod --kubeconfig /etc/kube.conf get nodes => READING STATUS READ nodes
kubectl get po -l app=web -n shop -w => READING STATUS READ app=web
kubectl get secret db -n shop => READING STATUS READ secret/db
kubectl get events -n shop --sort-by=.lastTimestamp => READING STATUS READ events
kubectl get deployment/web -n shop -o jsonpath='{.status.readyReplicas}' => READING STATUS READ deployment/web
kubectl get --raw /readyz?verbose => READING HEALTH READ
kubectl get --raw /api/v1/nodes/n1/proxy/stats/summary => READING STATUS READ
kubectl get certificates -n shop => READING STATUS READ certificates
kubectl describe pod <pod-name> -n <namespace> => READING STATUS READ pod/<pod-name>
kubectl describe node $NODE => READING STATUS READ node/$NODE
kubectl top pods -n shop --sort-by=memory => READING HOST READ pods
kubectl top node => READING HOST READ node
kubectl events -n shop => READING STATUS READ
kubectl logs -f deploy/web -n shop -c app => LOG LOGS READ deploy/web
kubectl logs <pod> --previous -n shop => LOG LOGS READ <pod>
kubectl logs -p web-1 -n shop => LOG LOGS READ web-1
kubectl -n shop logs web-1 --tail 50 => LOG LOGS READ web-1
kubectl logs -l app=web -n shop --since=1h => LOG LOGS READ app=web
kubectl rollout restart deployment/web -n shop => ACTION RESTART DISRUPTIVE deployment/web
kubectl -n shop rollout restart deploy web worker => ACTION RESTART DISRUPTIVE deploy/web deploy/worker
kubectl rollout restart deployment -n shop => ACTION RESTART DISRUPTIVE deployment
kubectl rollout restart ${DEPLOYMENT} -n shop => ACTION RESTART DISRUPTIVE ${DEPLOYMENT}
kubectl rollout undo deploy/web --to-revision=3 => ACTION ROLLBACK DISRUPTIVE deploy/web
kubectl rollout status deployment/web --timeout=90s => READING STATUS READ deployment/web
kubectl rollout history deployment web -n shop => READING STATUS READ deployment/web
kubectl rollout pause deployment/web => SHELL MAINTENANCE REVERSIBLE deployment/web
kubectl rollout resume deployment/web => SHELL DEPLOY DISRUPTIVE deployment/web
kubectl scale --replicas 0 deployment/web -n shop => ACTION SCALE DISRUPTIVE deployment/web
kubectl scale deployment web --replicas=5 => ACTION SCALE DISRUPTIVE deployment/web
kubectl scale --replicas=3 sts/db -n shop => ACTION SCALE DISRUPTIVE sts/db
kubectl scale deploy/web deploy/worker --replicas=<n> -n shop => ACTION SCALE DISRUPTIVE deploy/web deploy/worker
kubectl scale deployment web --replicas=5 --dry-run=client => SHELL SCALE READ deployment/web
kubectl autoscale deployment web --min=2 --max=9 => SHELL SCALE DISRUPTIVE deployment/web
kubectl delete pod web-1 -n shop => ACTION RESTART DISRUPTIVE pod/web-1
kubectl delete po -l app=web -n shop => ACTION RESTART DISRUPTIVE app=web
kubectl delete pod/web-1 pod/web-2 -n shop => ACTION RESTART DISRUPTIVE pod/web-1 pod/web-2
kubectl delete pod web-1 --force --grace-period=0 -n shop => ACTION RESTART DESTRUCTIVE pod/web-1
kubectl delete pods --field-selector=status.phase==Failed -A => ACTION MAINTENANCE DISRUPTIVE pods
kubectl delete deployment web -n shop => SHELL OTHER DESTRUCTIVE deployment/web
kubectl delete pvc data-db-0 -n shop => SHELL OTHER DESTRUCTIVE pvc/data-db-0
kubectl delete pod,svc web => SHELL OTHER DESTRUCTIVE pod,svc/web
kubectl delete -f web.yaml => SHELL OTHER DESTRUCTIVE web.yaml
kubectl delete -k overlays/prod => SHELL OTHER DESTRUCTIVE overlays/prod
kubectl delete ns shop => SHELL OTHER DESTRUCTIVE ns/shop
kubectl delete <resource> <name> => SHELL OTHER DESTRUCTIVE <resource>/<name>
kubectl delete -f web.yaml --dry-run=client => SHELL OTHER READ web.yaml
kubectl set image deployment/web app=registry.example/app:1.4 -n shop => ACTION DEPLOY DISRUPTIVE deployment/web
kubectl set env deployment/web MODE=safe => SHELL DEPLOY DISRUPTIVE deployment/web
kubectl set env deployment/web --list => SHELL STATUS READ deployment/web
kubectl set resources deployment web --limits=memory=512Mi => SHELL DEPLOY DISRUPTIVE deployment/web
kubectl apply -f web.yaml -n shop => SHELL DEPLOY DISRUPTIVE web.yaml
kubectl apply -k overlays/prod => SHELL DEPLOY DISRUPTIVE overlays/prod
kubectl apply -f - --dry-run=server => SHELL DEPLOY READ -
kubectl apply -f k8s/ --prune -l app=web => SHELL DEPLOY DESTRUCTIVE k8s/
kubectl replace --force -f web.yaml => SHELL DEPLOY DESTRUCTIVE web.yaml
kubectl diff -f web.yaml => SHELL STATUS READ
kubectl edit deployment web -n shop => SHELL DEPLOY DISRUPTIVE deployment/web
kubectl patch hpa web -n shop -p '{"spec":{"minReplicas":4}}' => ACTION SCALE DISRUPTIVE hpa/web
kubectl patch deployment web -p '{"spec":{"replicas":4}}' => SHELL SCALE DISRUPTIVE deployment/web
kubectl patch svc web --type=merge -p '{"spec":{"selector":{"v":"2"}}}' => SHELL DEPLOY DISRUPTIVE svc/web
kubectl patch pvc data -p '{"metadata":{"finalizers":null}}' => SHELL OTHER DESTRUCTIVE pvc/data
kubectl create job --from=cronjob/nightly nightly-by-hand -n shop => SHELL START DISRUPTIVE job/nightly-by-hand
kubectl create job --from=cronjob/purge-carts purge-now -n shop => SHELL START DESTRUCTIVE job/purge-now
kubectl set env deployment/web MODE=safe --list => SHELL DEPLOY DISRUPTIVE deployment/web
kubectl label node n1 disk=ssd --list => SHELL OTHER DISRUPTIVE node/n1
kubectl create namespace drill => SHELL OTHER REVERSIBLE namespace/drill
kubectl create secret generic keys --from-literal=a=b -n shop => SHELL OTHER REVERSIBLE secret/keys
kubectl create -f web.yaml => SHELL DEPLOY DISRUPTIVE web.yaml
kubectl annotate pod web-1 note=x -n shop => SHELL OTHER DISRUPTIVE pod/web-1
kubectl label node n1 disk- => SHELL OTHER DISRUPTIVE node/n1
kubectl label node n1 --list => SHELL OTHER READ node/n1
kubectl taint nodes n1 dedicated=db:NoSchedule => SHELL OTHER DISRUPTIVE nodes/n1
kubectl cordon n1 => SHELL MAINTENANCE REVERSIBLE n1
kubectl uncordon n1 => SHELL MAINTENANCE REVERSIBLE n1
kubectl drain n1 --ignore-daemonsets => SHELL MAINTENANCE DISRUPTIVE n1
kubectl drain n1 --ignore-daemonsets --delete-emptydir-data => SHELL MAINTENANCE DESTRUCTIVE n1
kubectl cp shop/web-1:/var/log/app.log ./app.log => SHELL OTHER REVERSIBLE ./app.log
kubectl cp fix.sql shop/db-0:/tmp/fix.sql => SHELL OTHER DISRUPTIVE shop/db-0:/tmp/fix.sql
kubectl port-forward svc/web 8080:80 -n shop => SHELL OTHER REVERSIBLE svc/web
kubectl wait --for=condition=ready pod -l app=web --timeout=60s => READING STATUS READ app=web
kubectl wait --for=delete pod/web-1 => READING STATUS READ pod/web-1
kubectl config use-context prod => SHELL OTHER REVERSIBLE prod
kubectl config get-contexts => SHELL STATUS READ
kubectl config current-context => SHELL STATUS READ
kubectl config delete-context old => SHELL OTHER DESTRUCTIVE old
kubectl auth can-i delete pods => SHELL STATUS READ
kubectl cluster-info => SHELL STATUS READ
kubectl version --client => SHELL STATUS READ
kubectl api-resources => SHELL STATUS READ
kubectl explain pod.spec => SHELL STATUS READ pod.spec
kubectl kustomize overlays/prod => SHELL STATUS READ overlays/prod
kubectl run probe --image=busybox => SHELL START DISRUPTIVE probe
kubectl attach -it web-1 => SHELL OTHER DISRUPTIVE web-1
kubectl restart deployment web -n shop => ACTION RESTART DISRUPTIVE deployment/web
kubectl argo rollouts get rollout web => SHELL STATUS READ web
kubectl argo rollouts promote web => SHELL DEPLOY DISRUPTIVE web
kubectl cnpg destroy main 2 => SHELL OTHER DESTRUCTIVE 2
kubectl frobnicate web => SHELL OTHER DISRUPTIVE web
kubectl $ACTION deployment web => SHELL OTHER DISRUPTIVE web
kubectl => SHELL STATUS READ
kubectl --help => SHELL STATUS READ
k get po => READING STATUS READ po
oc get pods => READING STATUS READ pods
oc login https://api.example:6443 => SHELL OTHER REVERSIBLE https://api.example:6443
oc start-build web => SHELL DEPLOY DISRUPTIVE web
oc adm top nodes => READING HOST READ nodes
oc adm drain n1 => SHELL MAINTENANCE DISRUPTIVE n1
oc project shop => SHELL OTHER REVERSIBLE shop
microk8s kubectl get nodes => READING STATUS READ nodes
minikube kubectl -- get pods -A => READING STATUS READ pods
stern web -n shop => LOG LOGS READ web
stern web --no-follow => LOG LOGS READ web
kubectx prod => SHELL OTHER REVERSIBLE prod
kubens => SHELL STATUS READ
k9s -n shop => SHELL STATUS DISRUPTIVE
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


@pytest.mark.parametrize("row", ROWS.strip().splitlines())
def test_what_people_write_means_what_it_does(row: str) -> None:
    text, _, meant = row.rpartition(" => ")
    sort, verb, danger, *target = meant.split(" ", 3)
    found = told(text)
    assert (found.sort, found.verb, found.danger) == (Sort[sort], Verb[verb], Danger[danger])
    assert found.target == "".join(target)
    assert (found.kind == "kubernetes") == (found.sort is not Sort.SHELL)


@pytest.mark.parametrize(
    ("text", "place", "words", "least", "typed"),
    [
        ("kubectl exec -it web-1 -n shop -- psql -c 'select 1'", "pod web-1", ("psql", "-c", "select 1"), 0, False),
        ("kubectl exec -it web-1 -n shop -- /bin/bash", "pod web-1", ("/bin/bash",), 2, True),
        ("kubectl exec web-1 -c app -- cat /etc/hosts", "pod web-1", ("cat", "/etc/hosts"), 0, False),
        ("kubectl exec web-1 ls -l", "pod web-1", ("ls", "-l"), 0, False),
        ("kubectl exec -it web-1 bash -n shop", "pod web-1", ("bash",), 2, True),
        ("kubectl -n shop exec statefulset/db -- pg_isready", "statefulset db", ("pg_isready",), 0, False),
        ("kubectl exec <pod> -- redis-cli -n 0 ping", "pod <pod>", ("redis-cli", "-n", "0", "ping"), 0, False),
        ("kubectl run t --rm -it --image=busybox -- wget -qO- http://web", "new pod t",
         ("wget", "-qO-", "http://web"), 1, False),
        ("kubectl run t -it --image=busybox -- sh", "new pod t", ("sh",), 2, True),
        ("kubectl debug -it web-1 --image=busybox", "pod web-1", ("sh",), 2, True),
        ("oc rsh dc/web date", "dc web", ("date",), 0, False),
        ("oc rsh web-1", "pod web-1", ("sh",), 2, True),
        ("k3s kubectl exec web-1 -- df -h", "pod web-1", ("df", "-h"), 0, False),
    ],
)  # fmt: skip
def test_a_carried_command_is_handed_on_with_its_place(
    text: str, place: str, words: tuple[str, ...], least: int, typed: bool
) -> None:
    found = inside(text)
    assert (found.place, found.words, int(found.least), found.interactive) == (place, words, least, typed)
    assert found.system == "kubernetes"


def test_a_script_that_is_given_to_a_pod_goes_in_with_its_command() -> None:
    found = understand(replace(line("kubectl exec -i db-0 -n shop -- psql shop"), stdin="drop table carts"))
    assert isinstance(found, Within)
    assert (found.stdin, found.interactive) == ("drop table carts", False)
    fed = understand(replace(line("kubectl exec -i db-0 -n shop -- bash"), reads="fix.sh"))
    assert isinstance(fed, Within)
    assert not fed.interactive


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("kubectl scale deployment web --replicas=5 -n shop", "autoscaler"),
        ("kubectl scale deployment web --replicas=0 -n shop", "stop here"),
        ("kubectl rollout undo deploy/web -n shop", "no database"),
        ("kubectl rollout restart deploy/web", "names no namespace"),
        ("kubectl describe pod web-1", "names no namespace"),
        ("kubectl delete pod web-1 -n shop", "disruption budgets"),
        ("kubectl delete pods --field-selector status.phase=Succeeded -n shop", "no log is cleared"),
        ("kubectl delete configmap --field-selector metadata.name!=keep -n shop", "used or not"),
        ("kubectl set image deployment/web app=registry/app:latest -n shop", ":latest"),
        ("kubectl wait --for=condition=ready pod -l app=web -n shop", "old ones too"),
        ("kubectl get hpa -n shop", "<unknown>"),
        ("kubectl get secret db -n shop -o yaml", "secret"),
        ("kubectl get --raw /api/v1/nodes/n1/proxy/stats/summary", "one node only"),
        ("kubectl logs -l app=web -n shop --since=24h", "last 10 lines"),
        ("kubectl logs deploy/web -n shop", "one pod"),
        ("kubectl config use-context prod", "later line"),
        ("kubectl restart deployment web -n shop", "no restart"),
    ],
)
def test_what_a_line_gets_wrong_is_said(text: str, part: str) -> None:
    assert part in told(text).warning


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("kubectl exec deploy/web -n shop -- date", "one pod"),
        ("kubectl exec web-1 -- date", "names no namespace"),
        ("kubectl exec web-1 -n shop -- node --inspect /app/main.js", "second copy"),
        ("kubectl rsh web-1", "no rsh"),
    ],
)
def test_what_carrying_a_command_gets_wrong_is_said(text: str, part: str) -> None:
    assert part in inside(text).warning


@pytest.mark.parametrize(
    "text",
    [
        "kubectl rollout restart deploy/web -n shop",
        "kubectl get pods",
        "kubectl get pods -A",
        "kubectl describe node n1",
        "kubectl logs -l app=web -n shop --tail=200",
        "kubectl logs -f -l app=web -n shop",
        "kubectl apply -f k8s/web.yaml",
        "kubectl logs job/nightly -n shop",
    ],
)
def test_a_line_that_does_what_it_says_has_no_warning(text: str) -> None:
    assert told(text).warning == ""


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("kubectl logs -l app=web -n <ns> --since=1h",
         "kubectl logs -l app=web -n <ns> --since=1h --all-containers --prefix --tail=-1"),
        ("kubectl apply -f k8s/overlays/prod/ -n shop", "kubectl apply -k k8s/overlays/prod/ -n shop"),
        ("oc apply -f overlays/prod --context=prod", "oc apply -k overlays/prod --context=prod"),
        ("k3s kubectl logs -l app=web -n a", "k3s kubectl logs -l app=web -n a --all-containers --prefix --tail=-1"),
        ("kubectl logs -l app=web -n a -c app", "kubectl logs -l app=web -n a -c app --prefix --tail=-1"),
        ("kubectl --kubeconfig x -n a restart deploy/web", "kubectl --kubeconfig x -n a rollout restart deploy/web"),
        ("kubectl restart deploy/web --namespace $NS", "kubectl rollout restart deploy/web --namespace $NS"),
    ],
)  # fmt: skip
def test_what_is_done_instead_is_a_line_to_type(text: str, instead: str) -> None:
    assert told(text).becomes == instead


def test_secrets_that_would_be_shown_are_told() -> None:
    assert told("kubectl get secret db -o jsonpath='{.data.password}'").reveals
    assert told("kubectl -n shop get secrets/db -oyaml").reveals
    assert told("kubectl config view --raw").reveals
    assert told("oc whoami -t").reveals
    assert told("kubectl set env deployment/web --list").reveals
    assert not told("kubectl get secrets").reveals
    assert not told("kubectl get pods -o yaml").reveals


def test_what_never_ends_is_told() -> None:
    for text in ("kubectl logs -f web-1", "kubectl get pods -w", "kubectl port-forward svc/web 80:80", "stern web"):
        assert told(text).endless, text
    for text in ("kubectl logs web-1", "stern web --no-follow", "kubectl rollout status deploy/web"):
        assert not told(text).endless, text


def test_what_is_typed_into_is_told() -> None:
    for text in ("k9s", "kubectl edit deploy web", "kubectl attach -it web-1", "kubectl run t -it --image=busybox"):
        assert told(text).interactive, text


def test_lines_of_other_programs_are_left_to_others() -> None:
    for text in ("docker ps", "systemctl restart k3s", "k3s server", "minikube start", "helm list"):
        assert understand(line(text)) is None
    assert understand(CommandLine(sql="select 1")) is None
    assert understand(CommandLine()) is None


OPTIONS = st.permutations([["-n", "shop"], ["--context=prod"], ["--replicas", "3"], ["deployment/web"], ["-v=2"]])


@given(OPTIONS, st.integers(0, 5))
def test_options_may_stand_anywhere(parts: list[list[str]], at: int) -> None:
    words = [word for part in [*parts[:at], ["scale"], *parts[at:]] for word in part]
    if words.index("scale") > words.index("deployment/web"):
        words.remove("deployment/web")
        words.append("deployment/web")
    found = understand(CommandLine(words=("kubectl", *words)))
    assert found == told("kubectl scale deployment/web --replicas 3 -n shop")
    assert read(words).options["n"] == "shop"


WORDS = st.lists(
    st.text(max_size=12)
    | st.sampled_from(
        ["get", "exec", "--", "-n", "-it", "delete", "pod", "rollout", "undo", "logs", "-l", "run", "set", "image",
         "scale", "--replicas", "patch", "-p", "create", "--raw", "config", "--dry-run", "$X", "<pod>", "deploy/", "/"]
    ),
    max_size=8,
)  # fmt: skip


@given(
    st.sampled_from(["kubectl", "oc", "k", "k3s", "minikube", "stern", "kubectx", "k9s"]), WORDS, st.text(max_size=9)
)
def test_no_words_at_all_make_it_raise(program: str, words: list[str], stdin: str) -> None:
    found = understand(CommandLine(words=(program, *words), stdin=stdin))
    assert found is None or isinstance(found, Meaning | Within)


@given(WORDS)
def test_a_delete_is_never_taken_for_a_look(words: list[str]) -> None:
    found = understand(CommandLine(words=("kubectl", "delete", *words)))
    assert isinstance(found, Meaning)
    assert found.danger >= Danger.DISRUPTIVE or {"--dry-run", "-h"} & set(words)


@given(REQUESTS)
def test_every_act_of_ours_is_understood_as_one_at_least_as_dangerous(request_: Request) -> None:
    known = {action.name: action.danger for action in HERE.actions}
    for one in parse(HERE.render(request_)):
        found = understand(one)
        assert isinstance(found, Meaning)
        assert found.sort is Sort.ACTION
        assert found.danger >= known[request_.action]
        assert found.kind == "kubernetes"
