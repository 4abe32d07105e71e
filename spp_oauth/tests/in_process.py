"""Requests that reach the server's WSGI application without a socket between.

What sends thousands of them spends more on connections and the server's threads, one
for each, than the server does on answers. All that answers is the same: session,
database, authentication, dispatch, errors.
"""

import io
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit
from xmlrpc.client import ProtocolError

from requests import Response
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from werkzeug.test import EnvironBuilder, run_wsgi_app

from odoo import http
from odoo.tests.common import Transport


class InProcess(BaseAdapter):
    """A transport of `requests`, for `opener.mount`.

    The application works in one thread of its own, as it leaves marks on its thread.
    """

    def __init__(self):
        super().__init__()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="in-process")

    def post(self, url, body, headers):
        """Status, headers and body of an answer."""
        parts = urlsplit(url)
        builder = EnvironBuilder(
            method="POST",
            base_url=f"{parts.scheme}://{parts.netloc}/",
            path=parts.path,
            query_string=parts.query,
            headers=headers,
            input_stream=io.BytesIO(body),
            content_length=len(body),
        )
        environ = builder.get_environ() | {"REMOTE_ADDR": "127.0.0.1"}
        work = self._thread.submit(run_wsgi_app, http.root, environ, buffered=True)
        chunks, status, answer_headers = work.result()
        return int(status.split()[0]), answer_headers, b"".join(chunks)

    def send(self, request, **_):
        body = request.body or b""
        if isinstance(body, str):
            body = body.encode()
        headers = [
            (name, value)
            for name, value in request.headers.items()
            if name.lower() != "content-length"
        ]
        status, answer_headers, content = self.post(request.url, body, headers)
        response = Response()
        response.status_code = status
        response.headers = CaseInsensitiveDict(answer_headers)
        response.encoding = "utf-8"
        response.raw = io.BytesIO(content)
        response.url = request.url
        response.request = request
        return response

    def close(self):
        self._thread.shutdown()


class InProcessXmlRpc(Transport):
    """The same for `xmlrpc.client`."""

    def __init__(self, http_case, adapter):
        super().__init__(http_case)
        self._use_datetime = True
        self._adapter = adapter

    def single_request(self, host, handler, request_body, verbose=False):
        url = f"http://{host}{handler}"
        status, answer_headers, content = self._adapter.post(
            url, request_body, [("Content-Type", "text/xml")]
        )
        if status != 200:
            raise ProtocolError(url, status, content.decode(), dict(answer_headers))
        self.verbose = verbose
        return self.parse_response(io.BytesIO(content))
