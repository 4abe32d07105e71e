"""The set-up's own logic, without network, root or a server."""

import json
import os
import shlex
import socket
import subprocess
import sys

import pytest

from _suite import apt, database, postgres, serve, shell
from _suite.shell import SetupError

DEB822 = """\
# A comment before the first stanza.
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
# A comment inside it.
Components: main contrib
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb-src
URIs: http://mirror.example/source
Suites: bookworm

Enabled: no
Types: deb
URIs: http://mirror.example/off
Suites: bookworm

Types: deb deb-src
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----
"""

ONE_LINE = """\
# deb http://mirror.example/commented bookworm main
deb [arch=amd64 signed-by=/a.gpg,/b.gpg] http://mirror.example/debian bookworm main
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/plain bookworm-updates main
"""


@pytest.fixture
def etc(tmp_path):
    """An /etc/apt with nothing in it, and how to add files and read its source."""
    (tmp_path / "sources.list.d").mkdir()
    release = tmp_path / "os-release"
    release.write_text('ID=debian\nVERSION_CODENAME=bookworm\nNAME="Debian"\n')
    return tmp_path


def test_deb822_keeps_usable_stanzas_and_their_keys():
    main, security = apt.parse_deb822(DEB822)
    assert main.uris == ("http://mirror.example/debian",)
    assert main.suites == ("bookworm", "bookworm-updates")
    assert main.signed_by == "/usr/share/keyrings/archive.gpg"
    assert security.signed_by.splitlines()[-1] == " -----END PGP PUBLIC KEY BLOCK-----"


def test_one_line_format_with_and_without_options():
    first, second = apt.parse_one_line(ONE_LINE)
    assert first.uris == ("http://mirror.example/debian",)
    assert first.suites == ("bookworm",)
    assert first.signed_by == "/a.gpg /b.gpg"
    assert second == apt.Source(
        ("http://mirror.example/plain",), ("bookworm-updates",), ""
    )


@pytest.mark.parametrize(
    ("name", "text", "key"),
    [
        ("sources.list.d/debian.sources", DEB822, "/usr/share/keyrings/archive.gpg"),
        ("sources.list", ONE_LINE, "/a.gpg /b.gpg"),
    ],
)
def test_machine_source_carries_mirror_and_key_to_another_suite(etc, name, text, key):
    (etc / name).write_text(text)
    source = apt.machine_source(etc, etc / "os-release")
    assert source.suites == ("bookworm",)
    assert apt.parse_deb822(source.stanza("sid")) == [
        apt.Source(("http://mirror.example/debian",), ("sid",), key)
    ]


def test_disabled_files_and_foreign_machines_are_no_source(etc):
    (etc / "sources.list.d" / "debian.sources.disabled").write_text(DEB822)
    with pytest.raises(SetupError, match="no Debian source"):
        apt.machine_source(etc, etc / "os-release")
    (etc / "os-release").write_text("ID=ubuntu\nVERSION_CODENAME=noble\n")
    with pytest.raises(SetupError, match="ODOO_HOME"):
        apt.machine_source(etc, etc / "os-release")


def test_missing_package_is_named_with_the_command_that_helps(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SetupError, match=r"as root: apt-get install .* some-package"):
        apt.need_programs({"no-such-program-anywhere": "some-package"}, "a test")


def test_connection_is_private_and_comes_back(tmp_path):
    path = tmp_path / "connection.json"
    path.write_text("old")
    path.chmod(0o644)
    facts = serve.Connection("http://127.0.0.1:1", "db", "admin", "pw", "id", "s'x")
    facts.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(path.read_text())) == {
        "url",
        "database",
        "login",
        "password",
        "client_id",
        "client_secret",
    }
    assert serve.Connection.load(path) == facts
    assert [file.name for file in tmp_path.iterdir()] == ["connection.json"]


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"url": "x"}'])
def test_unreadable_connection_counts_as_none(tmp_path, text):
    path = tmp_path / "connection.json"
    if text is not None:
        path.write_text(text)
    assert serve.Connection.load(path) is None


def test_curl_line_is_one_shell_command_with_the_secret_intact(tmp_path):
    facts = serve.Connection("http://h", "db", "admin", "pw", "id", "a'b$c")
    # A stand-in prints a token for the inner call and its arguments for the outer.
    fake = tmp_path / "curl"
    fake.write_text(
        '#!/bin/sh\ncase "$*" in *oauth2*) printf "%s\\n" "$*" > "$OUT";\n'
        'echo \'{"token_type": "Bearer", "access_token": "tok.en"}\';;\n'
        '*) printf "%s|" "$@";; esac\n'
    )
    fake.chmod(0o755)
    said = tmp_path / "inner"
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "OUT": str(said)}
    done = subprocess.run(
        ["sh", "-c", facts.curl()], env=env, capture_output=True, text=True, check=True
    )
    assert "-s|-H|Authorization: Bearer tok.en|" in done.stdout
    assert "http://h/api/attendance/records?limit=5" in done.stdout
    assert "id:a'b$c" in said.read_text()
    assert "\n" not in facts.curl()
    assert shlex.split(facts.curl())


def test_pid_file_alone_does_not_mean_running(tmp_path):
    assert serve.running_pid(tmp_path) is None
    (tmp_path / "serve.pid").write_text("1\n")
    (tmp_path / "serve.lock").touch()
    assert serve.running_pid(tmp_path) is None
    assert serve.stop_running(tmp_path) == 0
    with serve.only_one(tmp_path):
        assert serve.running_pid(tmp_path) == os.getpid()
        with (
            pytest.raises(SetupError, match="already running"),
            serve.only_one(tmp_path),
        ):
            pass
    assert serve.running_pid(tmp_path) is None
    assert not (tmp_path / "serve.pid").exists()


def test_killed_holder_leaves_no_lock(tmp_path):
    code = (
        "import os, sys, pathlib; from _suite import serve\n"
        "with serve.only_one(pathlib.Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    path = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path],
        env=os.environ | {"PYTHONPATH": path},
        check=False,
    )
    assert done.returncode == -9
    assert (tmp_path / "serve.pid").exists()
    with serve.only_one(tmp_path):
        pass


def test_free_ports_differ_and_a_taken_one_is_refused(tmp_path):
    assert len(set(serve.free_ports(20))) == 20
    with socket.socket() as taken:
        taken.bind((serve.HOST, 0))
        taken.listen()
        server = serve.Server(state=tmp_path, port=taken.getsockname()[1])
        with pytest.raises(SetupError, match="SPP_PORT"):
            server.start()
    assert server.pids == []
    assert serve.running_pid(tmp_path) is None


def test_part_is_made_once_and_never_half(tmp_path):
    target = tmp_path / "part"
    with pytest.raises(KeyboardInterrupt), shell.making(target) as made:
        (made / "half").touch()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    with shell.making(target) as made:
        (made / "whole").touch()
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["whole"]


def test_digest_tells_boundaries_and_contents_apart(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"x")
    first = shell.digest(file)
    assert shell.digest("x") == shell.digest(b"x") == first
    file.write_bytes(b"y")
    assert shell.digest(file) != first
    assert shell.digest("ab", "c") != shell.digest("a", "bc")


def test_addons_digest_follows_data_and_dependencies(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "ROOT", tmp_path)
    for name, depends in (("low", ["base"]), ("high", ["low", "web"])):
        (tmp_path / name / "tests").mkdir(parents=True)
        (tmp_path / name / "__manifest__.py").write_text(repr({"depends": depends}))
    assert database.own_modules(["high", "web"]) == ["high", "low"]
    before = database.addons_digest(["high"])
    (tmp_path / "low" / "tests" / "test_x.py").write_text("x = 1")
    (tmp_path / "low" / "module.pyc").write_text("x")
    assert database.addons_digest(["high"]) == before
    (tmp_path / "low" / "data.xml").write_text("<odoo/>")
    assert database.addons_digest(["high"]) != before


def test_failed_program_is_reported_with_its_last_words():
    with pytest.raises(SetupError, match=r"ended with 3:\nlast word"):
        shell.run(["sh", "-c", "echo last word >&2; exit 3"])
    with pytest.raises(SetupError, match="could not be started"):
        shell.run(["/no/such/program"])


def test_named_server_is_used_instead_of_a_private_one(tmp_path, monkeypatch):
    monkeypatch.setattr(postgres, "ROOT", tmp_path)
    monkeypatch.delenv("PGHOST", raising=False)
    monkeypatch.delenv("ODOO_RC", raising=False)
    assert isinstance(postgres.choose(tmp_path), postgres.Cluster)
    conf = tmp_path / "odoo.conf"
    conf.write_text("[options]\ndb_host = False\n")
    assert isinstance(postgres.choose(tmp_path), postgres.Cluster)
    conf.write_text("[options]\ndb_host = db.example\ndb_user = me\n")
    assert postgres.choose(tmp_path).env() == {"PGHOST": "db.example", "PGUSER": "me"}
    monkeypatch.setenv("PGHOST", "elsewhere")
    assert postgres.choose(tmp_path).env() == {}


def test_socket_path_stays_short_and_pid_of_dead_server_is_ignored(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    cluster = postgres.Cluster(deep)
    assert len(str(cluster.socket)) <= postgres.MAX_SOCKET_DIR
    assert cluster.socket != postgres.Cluster(deep, volatile=True).socket
    cluster.data.mkdir(parents=True)
    assert cluster.pid() is None
    pid_file = cluster.data / "postmaster.pid"
    for text in ("", "no number\n", f"{postgres.UNUSED_PID}\n", f"{os.getpid()}\n"):
        pid_file.write_text(text)
        assert cluster.pid() is None, text
    with subprocess.Popen(
        ["python3", "-c", "input()", "-D", cluster.data], stdin=subprocess.PIPE
    ) as server:
        pid_file.write_text(f"{server.pid}\nmore\n")
        assert cluster.pid() == server.pid
        server.communicate()
    assert cluster.pid() is None
