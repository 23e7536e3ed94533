"""An experiment on what Ray takes for AWS, from `ray up` to `ray down`, with this project's own cluster.yaml."""

import csv
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.killing import UNSTABLE
from tests.cluster.cloud import Cloud, Instance
from tests.cluster.ours import BUCKET, prepared, said, wait_for
from tuner.errors import Interrupted

PYTHON, RAY, TUNER = sys.executable, f"{sys.prefix}/bin/ray", f"{sys.prefix}/bin/tuner"
UP = (RAY, "up", "--yes", "--no-config-cache", "--log-style", "record", "--log-color", "false", "cluster.yaml")
CONFIG = """
data: {folds: 3}
model:
  image_size: 32
  conv_layers:
    - {num_filters: 4, kernel_size: 5, pool_size: 4}
training: {eval_steps: 5, max_steps: 250, early_stopping_evals: 50, precision: fp32}
"""
MUTATIONS = "change_training:\n  - learning_rate: [0.003]\n"
VARIANTS, INTERVAL, LAST = ("base", "change_training-learning_rate=0.003"), 5, 250
EXPERIMENT = ("-g", "g", "-n", "n")
RUN = (*EXPERIMENT, "--config", "small.yaml", "--mutations", "one.yaml", "--finals", "0", "--seeds", "1")
CHECKPOINTS = f"""
import boto3
pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket="{BUCKET}", Prefix="tuner/g/n/")
print(*(item["Key"] for page in pages for item in page.get("Contents", ()) if item["Key"].endswith("/rows.jsonl")))
"""
INTRUDE = """
import sys
import requests
from ray._raylet import GcsClient

host, *ports = sys.argv[1:]
job = {"entrypoint": "touch /tmp/intruded"}
paths = ("/api/jobs/", "/api/job_agent/jobs/", "/get_or_create_runtime_env", "/api/packages/gcs/x.zip")
for port in ports:
    for path in paths:
        for headers in ({}, {"Authorization": "Bearer 0123456789abcdef"}):
            try:
                answer = requests.post(f"http://{host}:{port}{path}", json=job, headers=headers, timeout=3)
                assert not answer.ok, (port, path, answer.status_code, answer.text)
                print(port, path, answer.status_code)
            except requests.RequestException:
                pass
try:
    GcsClient(address=f"{host}:6379").internal_kv_put(b"x", b"y", True, None, timeout=5)
    sys.exit("the GCS takes what a stranger sends")
except Exception as error:
    print("GCS:", str(error).splitlines()[0])
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A region with what cluster/aws.yaml makes in it, and a laptop with a checkout and a token."""
    if reason := Cloud.missing():
        pytest.skip(f"no cloud: {reason}")
    with Cloud(tmp_path_factory.mktemp("cloud"), "us-east-1") as made:
        prepared(made)
        written(made.home)
        yield made


def written(folder: Path) -> None:
    (folder / "small.yaml").write_text(CONFIG)
    (folder / "one.yaml").write_text(MUTATIONS)


def tuner(cloud: Cloud, command: str, *arguments: str) -> str:
    """What a command of ours on the laptop says; it succeeds."""
    return said(cloud, [PYTHON, "-m", f"tuner.{command}", *arguments])


def workers(cloud: Cloud) -> list[Instance]:
    """The live spot instances."""
    return [one for one in cloud.live() if one.market == "spot"]


def reached(cloud: Cloud) -> dict[str, int]:
    """The step of each variant's newest checkpoint in the storage."""
    keys = said(cloud, [PYTHON, "-c", CHECKPOINTS]).split()
    found = (re.fullmatch(r"tuner/g/n/(.*)/checkpoint_0*(\d+)/rows.jsonl", key) for key in keys)
    steps = dict.fromkeys(VARIANTS, 0)
    for one in found:
        if one:
            steps[one[1]] = max(steps[one[1]], INTERVAL * int(one[2]))
    return steps


def board(folder: Path) -> list[dict[str, str]]:
    """The leaderboard, but for what is another time's."""
    rows = csv.DictReader((folder / "leaderboard.csv").read_text().splitlines())
    return [{name: value for name, value in row.items() if name not in UNSTABLE} for row in rows]


@pytest.fixture
def here(tmp_path: Path, v4: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The same experiment on this machine, begun."""
    written(tmp_path)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    command = [PYTHON, "-m", "tuner.run", *RUN, "--data", str(v4), "--no-retrain"]
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=said, stderr=said)
    yield process
    process.kill()
    process.wait()


@dataclass
class Shown:
    """What a command on the laptop has written so far."""

    file: Path

    def __contains__(self, text: str) -> bool:
        return text in str(self)

    def __str__(self) -> str:
        return self.file.read_text()


@contextmanager
def shown(cloud: Cloud, file: Path, *command: str) -> Iterator[tuple["subprocess.Popen[str]", Shown]]:
    """A command of ours on the laptop, as the README has it."""
    with file.open("w") as out, cloud.start([TUNER, *command], stdout=out) as process:
        yield process, Shown(file)


def test_an_experiment_survives_the_loss_of_its_machines_and_ends_as_on_a_laptop(
    cloud: Cloud, v4: Path, here: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    said(cloud, [RAY, "get-auth-token", "--generate"])
    said(cloud, ["chmod", "600", ".ray/auth_token"])
    assert "nothing stands in the way of: ray up cluster.yaml" in tuner(cloud, "doctor", "--cluster", "cluster.yaml")
    said(cloud, list(UP))
    (head,) = cloud.live()
    assert_no_stranger_gets_in(cloud, head)
    submit = ("submit", *RUN, "--data", str(v4), "--spot-patience", "10s")
    with shown(cloud, tmp_path / "submitted", *submit) as (job, told):
        assert wait_for(lambda: job.poll() is not None or min(reached(cloud).values()) > 0, 120), told
        assert_it_ends_by_ctrl_c(cloud, job, told)
    with shown(cloud, tmp_path / "attached", "attach", *EXPERIMENT) as (job, told):
        noticed = workers(cloud)
        assert noticed
        for worker in noticed:
            cloud.give_notice(worker.id, 40)
        assert wait_for(lambda: not {one.id for one in noticed} & {one.id for one in cloud.live()}, 60)
        left = reached(cloud)
        assert wait_for(lambda: job.poll() is not None or further(reached(cloud), left), 120), told
        lost, before = workers(cloud), reached(cloud)
        assert job.poll() is None, told
        assert max(before.values()) < LAST, "it had ended before its machine was lost"
        cloud.no_capacity()
        for worker in lost:
            cloud.kill(worker.id)
        assert wait_for(lambda: "no node of the type spot is to be had (InsufficientInstanceCapacity" in told, 60), told
        assert job.wait(240) == 0, told
    assert "nodes of the type on_demand are asked for now, at full price" in told
    assert f"s3://{BUCKET}/tuner" in told
    tuner(cloud, "fetch", *EXPERIMENT)
    results = cloud.home / "ray_results" / "g" / "n"
    for name in VARIANTS:
        assert_it_left_in_order_and_then_lost_little(results, name, before[name])
    assert here.wait(120) == 0, (tmp_path / "said").read_text()
    assert board(results) == board(tmp_path / "ray_results" / "g" / "n")
    assert (results / "best" / "model.pt2").is_file()
    assert workers(cloud) == []
    said(cloud, [RAY, "down", "--yes", "cluster.yaml"])
    assert cloud.live() == []
    assert wait_for(lambda: cloud.boxes() == [], 5)
    assert "report.html" in tuner(cloud, "fetch", *EXPERIMENT, "-o", "once_more")


def further(now: dict[str, int], before: dict[str, int]) -> bool:
    """Whether every trial has got further by two intervals."""
    return all(now[name] > before[name] + INTERVAL for name in VARIANTS)


def assert_it_ends_by_ctrl_c(cloud: Cloud, job: "subprocess.Popen[str]", told: Shown) -> None:
    """The showing, that is, with the way to the cluster."""
    os.killpg(job.pid, signal.SIGINT)
    assert job.wait(30) == Interrupted.exit_code, told
    assert "g~n~1 goes on; tuner attach shows it again, tuner stop ends it" in told
    left = said(cloud, ["ps", "-e", "-o", "args"])
    assert "ray.scripts.scripts dashboard" not in left
    assert " -L " not in left


def assert_it_left_in_order_and_then_lost_little(results: Path, name: str, killed_at: int) -> None:
    """A trial left the machine that was to be taken away, and lost an interval at most with the one that was."""
    log = (results / "run.log").read_text()
    left = rf"{re.escape(name)}: its machine is about to be taken away; it goes on elsewhere from step [1-9]"
    assert len(re.findall(left, log)) == 1, log
    assert len(re.findall(rf"{re.escape(name)}: preempted: .*; it is tried again", log)) == 1, log
    (again,) = re.findall(rf"/{re.escape(name)} goes on from step ([1-9]\d*)", log)
    assert int(again) >= killed_at
    rows = csv.DictReader((results / name / "progress.csv").read_text().splitlines())
    assert [int(row["step"]) for row in rows] == list(range(INTERVAL, LAST + 1, INTERVAL))


def assert_no_stranger_gets_in(cloud: Cloud, head: Instance) -> None:
    """Whatever is sent to the head's open ports without the token runs nothing; no firewall is in the way here."""
    exec_there = [RAY, "exec", "cluster.yaml"]
    ports = re.findall(r"LISTEN\s.*?[\]*\d]:(\d+)\s", said(cloud, [*exec_there, "ss -ltn"]))
    assert {"22", "6379", "8076"} <= set(ports)
    tried = cloud.run([PYTHON, "-c", INTRUDE, str(head.private_ip), *ports], timeout=120, env={"HOME": "/nowhere"})
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert "GCS:" in tried.stdout
    assert "none there" in said(cloud, [*exec_there, "ls /tmp/intruded || echo none there"])
