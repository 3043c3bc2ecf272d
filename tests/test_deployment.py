"""Several servers behind a proxy: what compose.yaml names is there, and the same by hand, with nginx where it is."""

import json
import re
import shutil
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
import yaml

from app import limits
from app.sessions.database import driver_url
from app.settings import PREFIX, Settings
from app.web.security import LARGE_BODIES
from tests.conftest import START_SECONDS, ServerProcess, free_port

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
NGINX_CONF = (ROOT / "deploy" / "nginx.conf").read_text()
SERVERS = [name for name, service in SERVICES.items() if "build" in service]


def filled_in(text):
    """As compose does with its variables."""
    return re.sub(r"\$\{(\w+):([-?])([^}]*)\}", lambda found: found[3] if found[2] == "-" else "secret", text)


def test_two_servers_one_database_and_a_proxy():
    assert len(SERVERS) == 2
    assert {SERVICES[name]["image"].partition(":")[0] for name in ("database", "proxy")} == {"postgres", "nginx"}
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= set(SERVICES)
        assert set(service["networks"]) <= set(COMPOSE["networks"])


@pytest.mark.parametrize("name", SERVERS)
def test_the_settings_of_a_server_exist_and_fit_the_other_services(name, monkeypatch):
    given = {key: filled_in(value) for key, value in SERVICES[name]["environment"].items()}
    for key, value in given.items():
        assert key.removeprefix(PREFIX).lower() in Settings.model_fields, key
        monkeypatch.setenv(key, value)
    settings = Settings()
    url, database = driver_url(settings.database_url), SERVICES["database"]["environment"]
    assert url.host in SERVICES
    assert (url.username, url.database) == (database["POSTGRES_USER"], database["POSTGRES_DB"])
    assert url.password == filled_in(database["POSTGRES_PASSWORD"])
    [subnet] = [each["subnet"] for each in COMPOSE["networks"]["inside"]["ipam"]["config"]]
    assert [str(network) for network in settings.trusted_proxies] == [subnet]


def test_the_proxy_leads_to_every_server_at_the_port_of_the_image():
    [port] = re.findall(r"^EXPOSE (\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert re.findall(r"^ +server ([^ ;{]+)", NGINX_CONF, re.MULTILINE) == [f"{name}:{port}" for name in SERVERS]
    [mounted] = SERVICES["proxy"]["volumes"]
    assert (ROOT / mounted.split(":")[0]).read_text() == NGINX_CONF
    [published] = SERVICES["proxy"]["ports"]
    assert re.search(rf"^ +listen {published.split(':')[1]};", NGINX_CONF, re.MULTILINE)


def test_the_proxy_takes_what_the_server_takes_and_waits_for_what_it_says():
    megabytes = int(re.search(r"client_max_body_size (\d+)m;", NGINX_CONF)[1])
    assert megabytes * limits.MIB > limits.REQUEST_BYTES
    assert int(re.search(r"proxy_read_timeout (\d+)s;", NGINX_CONF)[1]) > 2 * limits.HEARTBEAT_SECONDS
    where, large = re.search(r"location ~ (\S+) \{\s+client_max_body_size (\d+)m;", NGINX_CONF).groups()
    assert all(re.search(where, path) for path in LARGE_BODIES)
    assert int(large) * limits.MIB > limits.IMPORT_BYTES


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/s/AbC-_9", "AbC-_9"),
        ("/s/AbC-_9/events", "AbC-_9"),
        ("/s/AbC-_9.gic", "AbC-_9"),
        ("/api/v1/sessions/AbC-_9/ops", "AbC-_9"),
        ("/api/v1/sessions/AbC-_9/events", "AbC-_9"),
        ("/import/AbC-_9", None),
        ("/api/v1/sessions", None),
        ("/static/app.css", None),
    ],
)
def test_a_session_stays_with_one_server_and_all_else_with_one_for_each_visitor(path, key):
    pattern = re.search(r'"~(\S+)" \$session;', NGINX_CONF)[1].replace("(?<", "(?P<")
    found = re.search(pattern, path)
    assert (found and found["session"]) == key
    assert "default $remote_addr;" in NGINX_CONF
    assert "hash $giclab_session consistent;" in NGINX_CONF


class Proxy:
    """nginx with the configuration of the repository, in front of servers on this computer."""

    def __init__(self, folder, servers):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        text = NGINX_CONF.replace("listen 8000;", f"listen 127.0.0.1:{self.port};")
        for name, server in zip(SERVERS, servers, strict=True):
            text = text.replace(f"server {name}:8000 ", f"server 127.0.0.1:{server.port} ")
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
            text = text.replace("http {", f"http {{\n    {kind}_temp_path {folder / kind};", 1)
        (folder / "nginx.conf").write_text(text)
        self.command = [nginx(), "-c", str(folder / "nginx.conf"), "-g", f"daemon off; pid {folder / 'nginx.pid'};"]

    def __enter__(self):
        subprocess.run([*self.command, "-t"], check=True, capture_output=True)
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)
        wait_for(f"{self.url}/healthz")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)


def nginx():
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    assert found, "nginx is not on this computer: install it (Debian: nginx-light)"
    return found


def wait_for(url):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with suppress(httpx2.TransportError):
            if httpx2.get(url).status_code == 200:
                return
        time.sleep(0.02)
    raise AssertionError(f"no answer at {url}")


@pytest.fixture(scope="module")
def servers(postgres):
    made = [ServerProcess(postgres.new_database())]
    made.append(ServerProcess(made[0].database_url))
    for server in made:
        server.begin()
    for server in made:
        server.wait()
    yield made
    for server in made:
        server.kill()


class Watcher(threading.Thread):
    """Follows a session's API events; `seen` is the seq of each step."""

    def __init__(self, url, session):
        super().__init__(daemon=True)
        self.url = f"{url}/api/v1/sessions/{session['id']}/events"
        self.seen = []
        self.opened = threading.Event()
        self.heard = threading.Condition()
        self.start()
        assert self.opened.wait(START_SECONDS)

    def run(self):
        with suppress(httpx2.TransportError), httpx2.stream("GET", self.url, timeout=None) as answer:
            name = ""
            for line in answer.iter_lines():
                key, _, value = line.partition(": ")
                name = value if key == "event" else name
                if key == "id":
                    self.opened.set()
                if key == "data" and name == "step":
                    with self.heard:
                        self.seen.append(json.loads(value)["seq"])
                        self.heard.notify_all()

    def until(self, seq):
        with self.heard:
            assert self.heard.wait_for(lambda: seq in self.seen, START_SECONDS), self.seen
        return self.seen


def new_session(url):
    return httpx2.post(f"{url}/api/v1/sessions", json={"cpus": 2}).raise_for_status().json()


def do(url, session, line):
    headers = {"Authorization": f"Bearer {session['edit_key']}"}
    answer = httpx2.post(f"{url}/api/v1/sessions/{session['id']}/ops", json={"op": line}, headers=headers, timeout=60)
    return answer.raise_for_status().json()["seq"]


def test_a_writer_on_one_server_and_a_watcher_on_the_other_see_each_other(servers):
    session = new_session(servers[0].url)
    watchers = [Watcher(server.url, session) for server in servers]
    for seq in range(1, 11):
        assert do(servers[seq % 2].url, session, f"note {seq}") == seq
        log = httpx2.get(f"{servers[(seq + 1) % 2].url}/api/v1/sessions/{session['id']}/log").json()
        assert log["seq"] == seq, "what one server answered, the other knows at once"
    for watcher in watchers:
        assert watcher.until(10) == list(range(1, 11))


def test_who_writes_on_both_at_once_gets_one_order(servers):
    session = new_session(servers[0].url)
    answered = {}

    def write(server, number):
        for count in range(15):
            line = f"note {number}.{count}"
            with suppress(httpx2.HTTPStatusError):  # overtaken too often: said to be not done
                answered[do(server.url, session, line)] = line

    writers = [threading.Thread(target=write, args=(server, number)) for number, server in enumerate(servers)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(answered) >= 15
    for server in servers:
        log = httpx2.get(f"{server.url}/api/v1/sessions/{session['id']}/log").json()
        assert {row["seq"]: row["text"] for row in log["operations"]} == answered


def test_a_page_of_one_server_that_follows_on_the_other_is_told_to_look_again(servers):
    one, two = servers
    session = new_session(one.url)
    page = httpx2.get(f"{one.url}/s/{session['id']}").raise_for_status().text
    [after] = re.findall(r'data-after="(\d+)"', page)
    do(one.url, session, "note between the page and its stream")
    with httpx2.stream("GET", f"{two.url}/s/{session['id']}/events?after={after}", timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith("event:"):
                assert line == "event: reload"
                return


def test_through_the_proxy_events_come_at_once_and_one_server_may_die(servers, tmp_path):
    tmp_path.chmod(0o755)
    with Proxy(tmp_path, servers) as proxy:
        sessions = [new_session(proxy.url) for _ in range(4)]
        for session in sessions:
            watcher = Watcher(proxy.url, session)
            assert do(proxy.url, session, "note one") == 1
            assert watcher.until(1) == [1]
        servers[1].kill()
        try:
            for session in sessions:
                assert do(proxy.url, session, "note two") == 2
                watcher = Watcher(proxy.url, session)
                assert do(proxy.url, session, "note three") == 3
                assert watcher.until(3) == [3]
        finally:
            servers[1].start()
