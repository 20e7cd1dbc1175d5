"""compose.yaml, the image's recipe and Lightsail's container files hold to the rules of those who read them."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent
HERE, LIGHTSAIL = ROOT / "deploy" / "container", ROOT / "deploy" / "lightsail"
COMPOSE = YAML(typ="safe").load((HERE / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if "MARU_IMAGE" in one["image"]}
CONTAINERS: dict[str, dict[str, Any]] = json.loads((LIGHTSAIL / "containers.json").read_text())
ENDPOINT = json.loads((LIGHTSAIL / "public-endpoint.json").read_text())
# https://github.com/compose-spec/compose-spec/blob/main/schema/compose-spec.json, as far as we use it
KEYS = {"build", "cap_add", "cap_drop", "command", "depends_on", "deploy", "environment", "healthcheck", "image"}
KEYS |= {"logging", "mem_limit", "ports", "read_only", "restart", "secrets", "security_opt", "shm_size"}
KEYS |= {"stop_grace_period", "tmpfs", "volumes"}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
SECRET = re.compile("SECRET|PASSWORD|TOKEN|DATABASE_URL|ACCESS_KEY|DSN")
# What a contract of ours says each part's command line contains.
COMMANDS = {"web": "gunicorn", "worker": "flask worker", "clock": "flask clock", "relay": "flask relay"}


def known(name: str) -> bool:
    return f'"{name.removesuffix("_FILE")}"' in (ROOT / "settings.py").read_text()


def test_compose_names_nothing_that_is_not_there() -> None:
    assert {key for key in COMPOSE if not key.startswith("x-")} == {"name", "services", "volumes", "secrets"}
    for name, one in SERVICES.items():
        assert set(one) <= KEYS, f"{name}: {set(one) - KEYS}"
        for other, how in one.get("depends_on", {}).items():
            assert other in SERVICES and how["condition"] in CONDITIONS
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other] or other == "web", f"nobody can tell that {other} is healthy"
        assert set(one.get("secrets", [])) <= set(COMPOSE["secrets"])
        for volume in one.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (HERE / source).exists(), volume
        check = one.get("healthcheck", {})
        assert set(check) <= {"test", "interval", "timeout", "start_period", "retries"}
        assert not check or check["test"][0] in ("CMD", "CMD-SHELL")


def test_compose_has_every_part_and_a_set_up_before_them() -> None:
    assert set(SERVICES) == {"setup", *COMMANDS, "front", "redis", "postgres"}
    for part, command in COMMANDS.items():
        assert command in " ".join(SERVICES[part]["command"])
        assert SERVICES[part]["depends_on"]["setup"] == {"condition": "service_completed_successfully"}
    assert (SERVICES["setup"]["command"], SERVICES["setup"]["restart"]) == (["flask", "setup"], "no")


@pytest.mark.parametrize("name", SERVICES)
def test_compose_confines_and_restarts_what_runs(name: str) -> None:
    one = SERVICES[name]
    assert one["restart"] == ("no" if name == "setup" else "unless-stopped")
    assert "mem_limit" in one or name == "setup"
    if name != "postgres":  # its start needs more; nothing from outside reaches it
        assert one["read_only"] and one["cap_drop"] == ["ALL"] and "no-new-privileges:true" in one["security_opt"]
    assert "ports" not in one or name == "front"


@pytest.mark.parametrize("name", OURS)
def test_compose_gives_secrets_by_file_and_settings_that_exist(name: str) -> None:
    for key in OURS[name]["environment"]:
        assert known(key), key
        assert key.endswith("_FILE") or not SECRET.search(key), f"{key} is a secret"
    for key, value in OURS[name]["environment"].items():
        if key.endswith("_FILE"):
            assert value.removeprefix("/run/secrets/") in OURS[name]["secrets"]


def test_lightsail_takes_the_containers() -> None:
    """https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_Container.html"""
    assert 1 <= len(CONTAINERS) <= 10
    for name, one in CONTAINERS.items():
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?", name)
        assert set(one) <= {"image", "command", "environment", "ports"} and one["image"]
        assert all(isinstance(word, str) for word in one.get("command", []))
        assert all(isinstance(value, str) for value in one.get("environment", {}).values())
        for port, protocol in one.get("ports", {}).items():
            assert 1 <= int(port) <= 65535 and protocol in ("HTTP", "HTTPS", "TCP", "UDP")
        if "MARU_IMAGE" in one["image"]:
            assert all(known(key) for key in one["environment"]), name
            assert one["environment"]["SPOOL"] == "off"  # no disk there outlives a container
    words = {" ".join(one.get("command", [])) for one in CONTAINERS.values()}
    assert all(any(command in word for word in words) for command in COMMANDS.values())


def test_lightsail_takes_the_endpoint() -> None:
    """https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_EndpointRequest.html"""
    assert set(ENDPOINT) == {"containerName", "containerPort", "healthCheck"}
    assert CONTAINERS[ENDPOINT["containerName"]]["ports"][str(ENDPOINT["containerPort"])] == "HTTP"
    check = ENDPOINT["healthCheck"]
    assert 2 <= check["healthyThreshold"] <= 10 and 2 <= check["unhealthyThreshold"] <= 10
    assert 2 <= check["timeoutSeconds"] <= 60 and 5 <= check["intervalSeconds"] <= 300
    assert check["timeoutSeconds"] < check["intervalSeconds"]
    assert check["path"].startswith("/") and re.fullmatch(r"\d{3}(-\d{3})?", check["successCodes"])


def test_container_files_hold_no_secret() -> None:
    for one in CONTAINERS.values():
        for key, value in one.get("environment", {}).items():
            assert not SECRET.search(key) or re.fullmatch(r"\$\{[A-Z_]+\}", value), key


@pytest.mark.skipif(shutil.which("caddy") is None, reason="NO caddy: THE CONTAINER SERVICE'S FRONT WAS NOT CHECKED")
def test_the_front_of_the_container_service_is_valid(tmp_path: Path) -> None:
    (tmp_path / "Caddyfile").write_text(CONTAINERS["front"]["environment"]["CADDYFILE"])
    command = ["caddy", "validate", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-300:]


def test_the_image_holds_all_that_runs_and_nothing_else() -> None:
    lines = (HERE / "Dockerfile.dockerignore").read_text().splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    assert lines[1] == "*"
    modules = {path.name for path in ROOT.glob("*.py")} - {"run.py"}
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "sandbox", ".venv"}
    assert modules | folders | {"templates", "static", "VERSION", "requirements.lock", "store"} <= kept
    assert not kept & {"tests", "sandbox", "deploy", "API_key.json", "var", ".env"}


def test_the_image_runs_as_nobody_and_says_when_it_is_ill() -> None:
    final = (HERE / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    words = [line.split()[0] for line in final.splitlines() if re.match("[A-Z]+ ", line)]
    assert {"USER", "HEALTHCHECK", "CMD", "VOLUME"} <= set(words)
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", final, re.M)
    assert 'CMD ["gunicorn"]' in final.splitlines()
