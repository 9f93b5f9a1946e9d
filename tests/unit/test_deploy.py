"""The deployment files agree with the repository and with each other; container engines are not needed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from stream.config.file import load, parse
from stream.sources import is_live
from stream.transport.ring import RingSpec, SlotLayout

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
HEALTH = "find /data -name 'events.sqlite*' -mmin -1 | grep -q ."


def read_yaml(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def read_pod() -> Any:
    """The pod of the Deployment in kubernetes.yaml."""
    documents = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8")))
    return next(d for d in documents if d["kind"] == "Deployment")["spec"]["template"]["spec"]


def test_what_the_dockerfile_copies_is_there_when_the_image_is_built() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copied = {match for match in re.findall(r"^COPY (\S+) ", text, re.MULTILINE) if not match.startswith("--")}
    allowed = {
        line[1:]
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    assert copied == allowed and "stream" in copied
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_image_runs_without_root_when_started() -> None:
    users = re.findall(r"^USER (\S+)", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert users == ["10001:10001"]
    pod = read_pod()
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == 10001


def test_the_publisher_sends_to_what_roadtally_reads_when_composed() -> None:
    source = load(DEPLOY / "road.yaml").cameras[0].source
    services = read_yaml("compose.yaml")["services"]
    assert services["publisher"]["command"].split()[-1] == source
    assert is_live(source) and source.startswith("rtsp://mediamtx:") and "mediamtx" in services


def test_mounts_and_builds_lead_to_files_when_composed() -> None:
    compose = read_yaml("compose.yaml")
    service = compose["services"]["roadtally"]
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    for volume in service["volumes"]:
        source = volume.split(":")[0]
        assert (DEPLOY / source).exists() if source.startswith(".") else source in compose["volumes"]
    assert set(read_yaml("compose.cuda.yaml")["services"]) <= set(compose["services"])


def test_the_configuration_is_valid_when_deployed_on_kubernetes() -> None:
    documents = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8"))
    secret = next(d for d in documents if d["kind"] == "Secret")
    assert parse(yaml.safe_load(secret["stringData"]["road.yaml"]), "kubernetes.yaml").cameras[0].lines


def test_disk_has_a_quota_when_deployed() -> None:
    documents = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8"))
    secret = next(d for d in documents if d["kind"] == "Secret")
    for config in (load(DEPLOY / "road.yaml"), parse(yaml.safe_load(secret["stringData"]["road.yaml"]), "kubernetes")):
        assert config.output.quota_gb > 0


def test_every_deployment_runs_a_command_that_exists_when_started() -> None:
    from stream.commands.app import app

    commands = {command.callback.__name__ for command in app.registered_commands if command.callback}
    unit = (DEPLOY / "roadtally@.service").read_text(encoding="utf-8")
    starts = [
        read_yaml("compose.yaml")["services"]["roadtally"]["command"],
        read_pod()["containers"][0]["args"],
        re.search(r'^ExecStart=.*exec "\$ROADTALLY" (.*)$', unit, re.MULTILINE)[1].split(),
    ]
    for command, _, option, folder, *_ in starts:
        assert command in commands and option == "--out"
        assert "date" not in folder, "one folder for all starts, or no quota sees what starts before left"


@pytest.mark.parametrize(("age_s", "healthy"), [(0, True), (50, True), (150, False), (None, False)])
def test_a_container_is_healthy_while_the_account_of_frames_moves(
    age_s: float | None, healthy: bool, tmp_path: Path
) -> None:
    if age_s is not None:
        log = tmp_path / "road/events.sqlite-wal"
        log.parent.mkdir()
        log.touch()
        os.utime(log, (time.time() - age_s, time.time() - age_s))
    for shown in ((DEPLOY / "Dockerfile").read_text(encoding="utf-8"), (DEPLOY / "kubernetes.yaml").read_text("utf-8")):
        assert HEALTH in shown
    check = subprocess.run(["sh", "-c", HEALTH.replace("/data", str(tmp_path))], check=False)
    assert (check.returncode == 0) is healthy


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_has_no_complaint_when_the_unit_is_verified(tmp_path: Path) -> None:
    unit = tmp_path / "roadtally@north.service"
    shutil.copy(DEPLOY / "roadtally@.service", unit)
    run = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=250, check=False)
    complaints = [line for line in run.stderr.splitlines() if "roadtally" in line]  # unknown keys are no failure to it
    assert (run.returncode, complaints) == (0, [])


def test_four_large_cameras_find_shared_memory_when_composed() -> None:
    ring = RingSpec("ring", 16, SlotLayout((1080 * 3 // 2, 1920), (256, 416)))
    assert read_yaml("compose.yaml")["services"]["roadtally"]["shm_size"] == "512m"
    assert 4 * ring.total_bytes < 512 << 20
