"""The proxy of the production shape, run as an ordinary process from its own folder."""

import os
from pathlib import Path

from . import apt
from .paths import cache_dir, private_dir
from .postgres import ROOT_HOME
from .shell import digest, exclusive, making, run, step

CONFIG = """\
{user}
worker_processes 1;
daemon off;
pid {home}/nginx.pid;
error_log {log} warn;
events {{ worker_connections 1024; }}
http {{
    # Query strings name people, so requests are not logged here.
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    client_max_body_size 128m;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    server {{
        listen 127.0.0.1:{port};
        proxy_http_version 1.1;
        proxy_read_timeout 720s;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        # A prefork worker gives up on a client that pauses; this one has patience.
        proxy_buffering on;
        proxy_request_buffering on;
        location / {{ proxy_pass http://127.0.0.1:{http_port}; }}
        location /websocket {{
            proxy_pass http://127.0.0.1:{gevent_port};
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
    }}
}}
"""


def program() -> Path:
    """The machine's nginx, else one unpacked from its package into our cache.

    Installing the package would start a service that listens on every address.
    """
    if found := apt.find_program("nginx"):
        return found
    target = cache_dir() / "nginx"
    with exclusive(cache_dir() / "nginx.lock", "another set-up of nginx"):
        if not target.is_dir():
            with step("downloading nginx"), making(target) as prefix:
                for file in apt.fetch(["nginx"], "", prefix.with_name("own")):
                    run(["dpkg-deb", "--extract", file, prefix])
    return target / "usr/sbin/nginx"


def configure(state: Path, port: int, http_port: int, gevent_port: int) -> list[str]:
    """Write the configuration and return the command that runs nginx with it.

    As root its workers are another user, who must be able to reach their folder.
    """
    if os.geteuid() == 0:
        home = ROOT_HOME / digest(str(state)) / "nginx"
        home.mkdir(parents=True, exist_ok=True)
        user = "user www-data;"
    else:
        home = private_dir(state / "nginx")
        user = ""
    log = state / "nginx.log"
    config = home / "nginx.conf"
    config.write_text(
        CONFIG.format(
            user=user,
            home=home,
            log=log,
            port=port,
            http_port=http_port,
            gevent_port=gevent_port,
        )
    )
    command = [str(program()), "-p", f"{home}/", "-e", str(log), "-c", str(config)]
    run([*command, "-t", "-q"])
    return command
