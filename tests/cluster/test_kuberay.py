"""kuberay.yaml against Kubernetes' own schemas, where it has any, and KubeRay's reference for the rest.

No registry of packages carries KubeRay's schema, so its keys stand here as its reference lists them:
https://docs.ray.io/en/latest/cluster/kubernetes/references/api.html.
"""

import re
import shlex
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tuner.cluster.checks.local import read_pins

ROOT = Path(__file__).parents[2]
ACCOUNT, WORKERS_ACCOUNT, JOB = yaml.safe_load_all((ROOT / "kuberay.yaml").read_text())
CLUSTER = JOB["spec"]["rayClusterSpec"]
HEAD, (WORKER,) = CLUSTER["headGroupSpec"], CLUSTER["workerGroupSpecs"]
IMAGE = (ROOT / "cluster" / "Dockerfile").read_text()

KNOWN: dict[str, tuple[dict[str, Any], dict[str, type]]] = {
    "job": (
        JOB["spec"],
        {
            "entrypoint": str,
            "runtimeEnvYAML": str,
            "shutdownAfterJobFinishes": bool,
            "ttlSecondsAfterFinished": int,
            "activeDeadlineSeconds": int,
            "backoffLimit": int,
            "rayClusterSpec": dict,
        },
    ),
    "cluster": (
        CLUSTER,
        {
            "rayVersion": str,
            "authOptions": dict,
            "enableInTreeAutoscaling": bool,
            "autoscalerOptions": dict,
            "headGroupSpec": dict,
            "workerGroupSpecs": list,
        },
    ),
    "autoscaler": (
        CLUSTER["autoscalerOptions"],
        {"version": str, "upscalingMode": str, "idleTimeoutSeconds": int, "resources": dict},
    ),
    "head": (HEAD, {"serviceType": str, "rayStartParams": dict, "template": dict}),
    "worker": (
        WORKER,
        {
            "groupName": str,
            "replicas": int,
            "minReplicas": int,
            "maxReplicas": int,
            "rayStartParams": dict,
            "template": dict,
        },
    ),
}


@pytest.mark.parametrize("part", KNOWN)
def test_kuberay_knows_every_key(part: str) -> None:
    written, known = KNOWN[part]
    assert {key: type(value) for key, value in written.items()} == known


def test_the_kinds_are_those_of_kuberay() -> None:
    assert (JOB["apiVersion"], JOB["kind"]) == ("ray.io/v1", "RayJob")
    assert CLUSTER["autoscalerOptions"]["version"] == "v2"
    assert CLUSTER["autoscalerOptions"]["upscalingMode"] in ("Default", "Aggressive", "Conservative")
    for group in (HEAD, WORKER):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())


@pytest.mark.parametrize("group", [HEAD, WORKER], ids=["head", "worker"])
def test_kubernetes_takes_the_pods(group: dict[str, Any]) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, **group["template"]}
    kubernetes_validate.validate(pod, "1.33", strict=True)


def test_kubernetes_takes_the_accounts_and_the_pods_use_them() -> None:
    for group, account in ((HEAD, ACCOUNT), (WORKER, WORKERS_ACCOUNT)):
        kubernetes_validate.validate(account, "1.33", strict=True)
        assert group["template"]["spec"]["serviceAccountName"] == account["metadata"]["name"]
    assert WORKERS_ACCOUNT["automountServiceAccountToken"] is False, "the head's account may end pods"


def test_a_wrong_pod_would_be_seen() -> None:
    spec = {**WORKER["template"]["spec"], "serviceAcountName": "tuner"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}
    with pytest.raises(kubernetes_validate.ValidationError, match="serviceAcountName"):
        kubernetes_validate.validate(pod, "1.33", strict=True)


def test_ray_is_the_one_that_is_pinned() -> None:
    pinned = read_pins(ROOT / "cluster" / "requirements.txt")["ray"]
    assert CLUSTER["rayVersion"] == pinned
    assert f"FROM rayproject/ray:{pinned}-py312-gpu\n" in IMAGE


def test_the_token_is_asked_for_and_nothing_is_open_to_the_outside() -> None:
    assert CLUSTER["authOptions"] == {"mode": "token"}
    assert HEAD["serviceType"] == "ClusterIP"
    text = (ROOT / "kuberay.yaml").read_text()
    assert not re.search(r"LoadBalancer|NodePort|Ingress:|AWS_SECRET|privileged: true", text)


@pytest.mark.parametrize("group", [HEAD, WORKER], ids=["head", "worker"])
def test_pods_may_do_no_more_than_they_must(group: dict[str, Any]) -> None:
    spec = group["template"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    (container,) = spec["containers"]
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert container["resources"]["requests"] == container["resources"]["limits"]


def test_the_head_runs_no_trials_and_workers_come_and_go() -> None:
    assert HEAD["rayStartParams"]["num-cpus"] == "0"
    assert (WORKER["minReplicas"], WORKER["maxReplicas"]) == (0, 8)
    (container,) = WORKER["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_the_cluster_ends_with_the_job() -> None:
    assert JOB["spec"]["shutdownAfterJobFinishes"] is True
    assert JOB["spec"]["activeDeadlineSeconds"] > 0


def test_the_run_is_one_that_the_command_takes() -> None:
    from tuner.run import parser

    python, module, command, *arguments = shlex.split(JOB["spec"]["entrypoint"])
    assert (python, module, command) == ("python", "-m", "tuner.run")
    options = parser().parse_args(arguments)
    assert (options.address, options.storage) == ("auto", "s3://my-bucket/tuner")
    for path in (options.config, options.mutations):
        assert (ROOT / Path(path).relative_to("/home/ray/tuner")).is_file()
    assert "COPY --chown=ray . /home/ray/tuner\n" in IMAGE
    assert yaml.safe_load(JOB["spec"]["runtimeEnvYAML"]) == {"env_vars": {"RAY_USAGE_STATS_ENABLED": "0"}}
