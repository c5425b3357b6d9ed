"""How does nginx serve headquarters: with TLS, streams as they come, and pushes as large as the node takes them?"""

from __future__ import annotations

from orchestrator.app.deployment.layout import CHALLENGES, Site

CONNECTIONS_OF_ONE_ADDRESS = 64
STREAM_SECONDS = 3600
"""Seconds that an answer may pause: a stream of events says nothing for as long, and a push waits for its judgement."""


def nginx_site(site: Site, *, certified: bool) -> str:
    """The site's file for nginx's `conf.d`. Without a certificate it only answers for one (ACME), and serves nobody."""
    return _plain(site, certified=certified) + (_limits(site) + _tls(site) if certified else "")


def _plain(site: Site, *, certified: bool) -> str:
    to = f":{site.https_port}" if site.https_port != 443 else ""
    answer = f"return 308 https://$host{to}$request_uri;" if certified else "return 503;"
    return f"""\
server {{
    listen {site.http_port};
    listen [::]:{site.http_port};
    server_name {site.domain};
    location /.well-known/acme-challenge/ {{ root {CHALLENGES}; }}
    location / {{ {answer} }}
}}
"""


def _limits(site: Site) -> str:
    return f"""
upstream shiftbook {{
    # no more than the node has threads: what is above waits here
    server {site.upstream} max_conns={site.threads};
    keepalive 16;
}}
limit_conn_zone $binary_remote_addr zone=shiftbook_callers:1m;
"""


def _tls(site: Site) -> str:
    return f"""
server {{
    listen {site.https_port} ssl http2;
    listen [::]:{site.https_port} ssl http2;
    server_name {site.domain};
    ssl_certificate {site.certificate};
    ssl_certificate_key {site.certificate_key};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:shiftbook_tls:2m;
    ssl_session_tickets off;
    add_header Strict-Transport-Security "max-age=31536000" always;
    server_tokens off;

    limit_conn shiftbook_callers {CONNECTIONS_OF_ONE_ADDRESS};
    client_header_timeout 15s;
    client_body_timeout 60s;
    client_max_body_size {site.body_bytes};

    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    # set, not added to: what a caller says of itself does not count
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    # the node marks its streams (X-Accel-Buffering), whose words go out as they come; any other answer is taken in at
    # once, so that a slow caller holds none of its threads
    gzip off;
    proxy_read_timeout {STREAM_SECONDS}s;

    location / {{ proxy_pass http://shiftbook; }}
    location /git/ {{
        # a push is taken in whole before the node sees it, so that a slow line holds none of its threads
        client_max_body_size {site.git_bytes};
        proxy_pass http://shiftbook;
    }}
}}
"""
