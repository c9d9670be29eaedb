"""The files in config/ that others run: units, containers, alert rules, a dashboard. All of what they name exists."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ruamel.yaml import YAML

from stratumd.config import load_config
from stratumd.errors import ConfigError
from stratumd.observe.metrics import Metrics
from stratumd.plugin import Severity
from stratumd.runtime.states import State
from stratumd.runtime.stop import PATIENCE
from tests.support import ROOT

CONFIG = ROOT / "config"
SYSTEMD = CONFIG / "systemd"
SERVICE = SYSTEMD / "stratumd.service"
CONTAINER = CONFIG / "container"
QUADLET = sorted((CONTAINER / "quadlet").iterdir())
EXPOSURE = 1.5
"""What `systemd-analyze security` may find at most, from 0 to 10."""

NOTIFY_RELOAD_SINCE = 253
KNOWN = {
    "Unit": "Description Wants After StartLimitIntervalSec",
    "Install": "WantedBy",
    "Service": """
        AmbientCapabilities CapabilityBoundingSet DevicePolicy Environment ExecStart Group KeyringMode KillMode
        LimitCORE LimitNOFILE LoadCredential LockPersonality MemoryDenyWriteExecute NoNewPrivileges OOMPolicy
        PrivateDevices PrivateMounts PrivateTmp PrivateUsers ProtectClock ProtectControlGroups ProtectHome
        ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectProc ProtectSystem
        RemoveIPC Restart RestartPreventExitStatus RestartSec RestrictAddressFamilies RestrictNamespaces
        RestrictRealtime RestrictSUIDSGID StateDirectory StateDirectoryMode SystemCallArchitectures
        SystemCallErrorNumber SystemCallFilter TimeoutStartSec TimeoutStopSec Type UMask User WatchdogSec
        WatchdogSignal WorkingDirectory
        RuntimeDirectory RuntimeDirectoryMode
    """,
    "Container": """
        ContainerName DropCapability Environment HealthCmd HealthInterval HealthOnFailure HealthRetries
        HealthStartPeriod HealthTimeout Image Network NoNewPrivileges Notify PidsLimit PublishPort ReadOnly
        ReadOnlyTmpfs RunInit Secret ShmSize StopTimeout Volume""",
    "Network": "NetworkName",
    "Volume": "VolumeName",
}
"""The options that systemd.unit(5), systemd.exec(5), systemd.service(5) and podman-systemd.unit(5) document, as far as
they are used here: both tools ignore a misspelt one with a warning at most."""

SERVICES = {
    "build", "cap_drop", "depends_on", "environment", "healthcheck", "image", "init", "ports", "read_only", "restart",
    "secrets", "security_opt", "shm_size", "stop_grace_period", "tmpfs", "volumes",
}  # fmt: skip
"""The options of a Compose service, likewise."""


class Option(NamedTuple):
    """A line of a unit."""

    section: str
    name: str
    value: str


class Unit(list[Option]):
    """The options of a unit, in order; one may stand several times."""

    @classmethod
    def read(cls, path: Path, *, remarks: bool = False) -> Unit:
        """Read a unit; with `remarks` also the options that are commented out as examples."""
        found, section = cls(), ""
        for line in path.read_text().splitlines():
            if heading := re.fullmatch(r"\[(\w+)\]", line):
                section = heading[1]
            elif option := re.fullmatch(rf"{'#?' if remarks else ''}(\w+)=(.*)", line):
                found.append(Option(section, *option.groups()))
            else:
                assert not line or line.startswith("#"), f"{path.name}: {line!r} is no option"
        return found

    def all(self, name: str) -> list[str]:
        """Return every value of an option."""
        return [each.value for each in self if each.name == name]

    def one(self, name: str) -> str:
        """Return the value of an option that stands once."""
        (value,) = self.all(name)
        return value

    def seconds(self, name: str) -> float:
        """Return a length of time that is written in seconds."""
        return float(self.one(name).removesuffix("s"))


def tool(name: str) -> str:
    """Return the path of an outside tool, or skip the test that asks."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name}, which is not installed here")
    return found


# systemd


@pytest.mark.parametrize("path", [SERVICE, *QUADLET], ids=lambda path: path.name)
def test_every_option_of_a_unit_is_known(path: Path) -> None:
    assert [each for each in Unit.read(path, remarks=True) if each.name not in KNOWN[each.section].split()] == []


def _systemd_version() -> int:
    answer = subprocess.run([tool("systemd-analyze"), "--version"], capture_output=True, text=True, check=True)
    return int(answer.stdout.split()[1])


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """Only the program, which is not installed here, is replaced; and before 253 the type, as the unit itself says."""
    copy = tmp_path / SERVICE.name
    unit = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", SERVICE.read_text(), flags=re.MULTILINE)
    if _systemd_version() < NOTIFY_RELOAD_SINCE:
        unit = unit.replace("Type=notify-reload", "Type=notify")
    copy.write_text(unit)
    done = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=60
    )
    assert [line for line in done.stderr.splitlines() if "stratumd" in line] == []
    assert done.returncode == 0, done.stderr


def test_the_unit_is_hardly_exposed() -> None:
    done = subprocess.run(
        [tool("systemd-analyze"), "security", "--offline=true", "--no-pager", str(SERVICE)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    level = re.search(r"exposure level for stratumd.service: ([\d.]+)", done.stdout)
    assert level, done.stdout + done.stderr
    assert float(level[1]) <= EXPOSURE


def test_a_wrong_configuration_is_not_started_again() -> None:
    for path in (SERVICE, CONTAINER / "quadlet" / "stratumd.container"):
        unit = Unit.read(path)
        assert unit.one("Restart") == "on-failure"
        assert str(ConfigError.exit_code) in unit.one("RestartPreventExitStatus").split()


def test_the_daemon_stops_by_itself_before_it_is_killed() -> None:
    patience = PATIENCE[signal.SIGTERM]
    assert Unit.read(SERVICE).seconds("TimeoutStopSec") > patience
    quadlet = Unit.read(CONTAINER / "quadlet" / "stratumd.container")
    assert quadlet.seconds("TimeoutStopSec") > quadlet.seconds("StopTimeout") > patience
    assert float(compose()["services"]["stratumd"]["stop_grace_period"].removesuffix("s")) > patience


def test_the_unit_waits_for_what_the_daemon_says() -> None:
    unit = Unit.read(SERVICE)
    assert unit.one("Type") == "notify-reload"
    assert unit.seconds("WatchdogSec") > 0


def test_the_units_user_and_folders_are_made() -> None:
    unit = Unit.read(SERVICE)
    users = entries(SYSTEMD / "sysusers.d" / "stratumd.conf")
    assert [(kind, name) for kind, name, *_ in users] == [("u", unit.one("User"))]
    folders = {
        path: (mode, owner, group) for _, path, mode, owner, group in entries(SYSTEMD / "tmpfiles.d/stratumd.conf")
    }
    config = Path(unit.one("ExecStart").split()[-1]).parent
    assert folders[str(config)] == ("0750", "root", unit.one("Group"))
    state = f"/var/lib/{unit.one('StateDirectory')}"
    assert folders[state] == (unit.one("StateDirectoryMode"), unit.one("User"), unit.one("Group"))


def entries(path: Path) -> list[list[str]]:
    """Return the fields of each line of a sysusers.d or tmpfiles.d file."""
    return [shlex.split(line) for line in path.read_text().splitlines() if line and not line.startswith("#")]


# The image


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Containerfile."""
    text = "\n".join(line for line in (ROOT / "Containerfile").read_text().splitlines() if not line.startswith("#"))
    lines = text.replace("\\\n", " ").splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines if line)]


def last_stage() -> dict[str, str]:
    """Return the instructions of the image itself; of one that stands several times, the last."""
    found: dict[str, str] = {}
    for word, rest in instructions():
        found = {word: rest} if word == "FROM" else found | {word: rest}
    return found


def test_the_image_runs_as_a_user_without_rights() -> None:
    """By number: an orchestrator that forbids root can tell without a look into the image."""
    user, group = map(int, last_stage()["USER"].split(":"))
    assert user > 0
    assert group > 0
    quadlet = Unit.read(CONTAINER / "quadlet" / "stratumd.container")
    assert f"uid={user},gid={group}" in quadlet.one("Secret")


def test_the_image_holds_what_was_built_and_nothing_of_the_building() -> None:
    stages = [rest for word, rest in instructions() if word == "FROM"]
    assert len(stages) == 2
    assert {re.sub(r" AS \w+", "", stage) for stage in stages} == {last_stage()["FROM"]}
    assert last_stage()["COPY"].startswith("--from=build ")


def test_the_image_installs_only_what_the_lock_file_names() -> None:
    commands = [each for word, rest in instructions() if word == "RUN" for each in rest.split("&&") if "pip" in each]
    installs = [each for each in commands if re.search(r"\b(install|download)\b", each)]
    assert len(installs) == 3
    assert all("--require-hashes" in each or "--no-index" in each for each in installs)


@pytest.mark.parametrize(
    "path", [ROOT / "Containerfile", CONTAINER / "compose.yaml", *QUADLET], ids=lambda path: path.name
)
def test_a_containers_files_name_no_host_but_in_an_image(path: Path) -> None:
    assert set(re.findall(r"\w+://([^/\s'\"]+)", path.read_text())) <= {"127.0.0.1:8080"}


def test_images_have_a_tag() -> None:
    quadlets = [value for path in QUADLET for value in Unit.read(path).all("Image")]
    composed = [each["image"] for each in compose()["services"].values()]
    assert set(quadlets) == set(composed)
    outside = [*quadlets, last_stage()["FROM"]]
    assert all(re.search(r":[\w.-]+$", name) for name in outside if not name.startswith("localhost/"))


class Live(BaseHTTPRequestHandler):
    """Answers as the daemon does."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/livez" else 404)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def live() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Live) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_the_health_check_tells_a_living_daemon_from_a_dead_one(live: HTTPServer) -> None:
    command = json.loads(last_stage()["HEALTHCHECK"].partition("CMD ")[2])
    assert shlex.split(Unit.read(CONTAINER / "quadlet" / "stratumd.container").one("HealthCmd")) == command
    assert check_health(command, live.server_port) == 0
    live.shutdown()
    live.server_close()
    assert check_health(command, live.server_port) != 0


def check_health(command: list[str], port: int) -> int:
    words = [sys.executable, *(word.replace(":8080/", f":{port}/") for word in command[1:])]
    return subprocess.run(words, capture_output=True, timeout=30).returncode


# Compose and Quadlet


def compose() -> Any:
    """Return the Compose file."""
    return YAML(typ="safe").load(CONTAINER / "compose.yaml")


def test_every_option_of_the_compose_file_is_known() -> None:
    found = compose()
    assert set(found) == {"name", "services", "secrets", "volumes"}
    assert [name for each in found["services"].values() for name in each if name not in SERVICES] == []


def test_what_the_compose_file_refers_to_exists() -> None:
    found = compose()
    services = found["services"]
    for service in services.values():
        sources = [volume.split(":")[0] for volume in service["volumes"]]
        assert {name for name in sources if "/" not in name} <= set(found["volumes"])
        assert all((CONTAINER / name).is_file() for name in sources if "/" in name)
        assert set(service["secrets"]) <= set(found["secrets"])
        assert set(service.get("depends_on", ())) <= set(services)
        assert all("healthcheck" in services[name] for name in service.get("depends_on", ()))
    build = services["stratumd"]["build"]
    assert (CONTAINER / build["context"] / build["dockerfile"]).is_file()


def test_what_a_quadlet_refers_to_is_beside_it() -> None:
    names = {path.name for path in QUADLET}
    for path in QUADLET:
        unit = Unit.read(path)
        sources = [value.split(":")[0] for value in unit.all("Volume")]
        assert {name for name in [*unit.all("Network"), *sources] if not name.startswith(("%", "/"))} <= names
        after = {name.removesuffix(".service") + ".container" for name in unit.all("After")}
        assert after <= names


def test_the_containers_may_do_little() -> None:
    service = compose()["services"]["stratumd"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    unit = Unit.read(CONTAINER / "quadlet" / "stratumd.container")
    assert (unit.one("ReadOnly"), unit.one("DropCapability"), unit.one("NoNewPrivileges")) == ("true", "all", "true")


def test_the_containers_configuration_fits_them(tmp_path: Path) -> None:
    """Its secret, the name of its database, its place and its port are those of the Compose file and the units."""
    (tmp_path / "db").write_text("a-password")
    config = load_config(CONTAINER / "stratumd.yaml", env={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert config.warnings == ()
    assert config.http is not None
    assert (config.http.host, config.http.port) == ("0.0.0.0", int(last_stage()["EXPOSE"]))
    service, unit = compose()["services"]["stratumd"], Unit.read(CONTAINER / "quadlet" / "stratumd.container")
    assert service["ports"] == unit.all("PublishPort") == [f"127.0.0.1:{config.http.port}:{config.http.port}"]
    place = json.loads(last_stage()["CMD"])[-1]
    assert f":{place}:" in service["volumes"][0]
    assert f":{place}:" in unit.all("Volume")[0]
    (host,) = re.findall(r"@([\w-]+)/", config.database.url)
    assert host in compose()["services"]
    assert host == Unit.read(CONTAINER / "quadlet" / "stratumd-db.container").one("ContainerName")


def test_what_is_secret_or_only_here_stays_out_of_the_build_with_podman_and_with_docker() -> None:
    """Docker reads another file than podman; both say the same."""
    ignored = (ROOT / ".dockerignore").read_text()
    assert ignored == (ROOT / ".containerignore").read_text()
    assert {".git", ".venv", ".env", "config/container/secrets", "**/*.db*"} <= set(ignored.split())


# Prometheus and Grafana


RULES = YAML(typ="safe").load(CONFIG / "prometheus" / "stratumd.rules.yaml")["groups"][0]["rules"]
BOARD = json.loads((CONFIG / "grafana" / "stratumd.json").read_text())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = {rule["alert"]: rule["expr"] for rule in RULES} | {
    f"{panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel["targets"]
}
TARGET = {"instance", "job"}
"""The labels that Prometheus adds."""
VALUES = {
    "state": {state.value for state in State} | {"new", "pending", "in_flight", "delivered", "expired", "dead"},
    "severity": {str(severity) for severity in Severity},
    "outcome": {"ok", "transient", "rate_limited", "unauthorized", "bad_payload", "failed"},
}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def exposed() -> dict[str, set[str]]:
    """Return the labels of every metric by the name it is asked for."""
    metrics = Metrics()
    labels = {each._name: set(each._labelnames) for each in vars(metrics).values() if hasattr(each, "_labelnames")}
    return {
        metric.name + suffix: labels[metric.name] | ({"le"} if metric.type == "histogram" else set()) | TARGET
        for metric in metrics.registry.collect()
        for suffix in SUFFIXES[metric.type]
    }


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_expression_asks_for_metrics_and_labels_that_exist(name: str) -> None:
    known, expression = exposed(), EXPRESSIONS[name]
    asked = re.findall(r"(stratumd_\w+)(?:\{([^}]*)\})?", expression)
    assert asked
    for metric, matchers in asked:
        assert metric in known
        for label, value in re.findall(r'(\w+)[=!~]+"([^"]*)"', matchers):
            assert label in known[metric]
            assert set(value.split("|")) <= VALUES.get(label, {value})
    grouped = {label for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression) for label in group.split(", ")}
    assert grouped <= set.union(*(known[metric] for metric, _ in asked))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description"}
    known = exposed()
    labels = set.union(*(known[metric] for metric in re.findall(r"stratumd_\w+", rule["expr"])))
    grouped = re.findall(r"\bby \(([^)]*)\)", rule["expr"])
    left = set(grouped[0].split(", ")) if grouped else labels
    assert set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values()))) <= left


def test_prometheus_understands_the_rules() -> None:
    path = CONFIG / "prometheus" / "stratumd.rules.yaml"
    done = subprocess.run([tool("promtool"), "check", "rules", str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_panels_of_the_dashboard_lie_side_by_side() -> None:
    cells = [
        (left, top)
        for panel in BOARD["panels"]
        for place in [panel["gridPos"]]
        for left in range(place["x"], place["x"] + place["w"])
        for top in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(left for left, _ in cells) == 23
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


def test_the_dashboard_asks_the_data_source_that_its_reader_chose() -> None:
    (chosen,) = [each["name"] for each in BOARD["templating"]["list"] if each["type"] == "datasource"]
    assert {panel["datasource"]["uid"] for panel in PANELS} == {f"${{{chosen}}}"}
    variables = {each["name"] for each in BOARD["templating"]["list"]} | {"__rate_interval"}
    assert set(re.findall(r"\$(\w+)", " ".join(EXPRESSIONS.values()))) <= variables
