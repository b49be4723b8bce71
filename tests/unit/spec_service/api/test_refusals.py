import http.client
from urllib.parse import urlsplit

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from spec_service.api.guard import Guard
from spec_service.api.problems import STATUSES
from spec_service.settings import Settings
from translator.language import explain

YAML = {"Content-Type": "application/yaml"}


def name_of(answer) -> tuple[int, str]:
    assert answer.headers["content-type"].startswith("application/problem+json")
    return answer.status_code, answer.json()["name"]


def test_doors_and_methods_that_do_not_exist(client):
    assert name_of(client.get("/nothing", headers={"Accept": "text/html"})) == (404, "not-found")
    assert name_of(client.get("/specs/")) == (404, "not-found")
    answer = client.delete("/specs")
    assert name_of(answer) == (405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, POST"
    assert name_of(client.put("/runs/x/resume", json={})) == (405, "method-not-allowed")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/yaml; charset=latin-1"},
        {"Content-Type": "application/yaml", "Content-Encoding": "gzip"},
        {"Content-Type": "application/yaml, application/json"},
        {},
    ],
)
def test_other_kinds_of_bodies(client, headers):
    answer = client.post("/specs", content=b"a: b", headers=headers)
    assert name_of(answer) == (415, "unsupported-media-type")


def test_a_charset_of_utf_8_is_fine(client):
    answer = client.post("/specs", content=b"a: b", headers={"Content-Type": 'application/yaml; charset="UTF-8"'})
    assert answer.status_code == 422


def test_too_much_declared_and_counted(client, server):
    limit = server.settings.max_spec_bytes
    assert name_of(client.post("/specs", content=b"#" * (limit + 1), headers=YAML)) == (413, "body-too-large")
    chunks = (b"#" * 65536 for _ in range(limit // 65536 + 2))
    assert name_of(client.post("/specs", content=chunks, headers=YAML)) == (413, "body-too-large")
    assert client.get("/healthz").status_code == 200


def raw(server, headers: list[tuple[str, str]], path: str = "/version") -> int:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    connection.putrequest("GET", path, skip_host=True)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:80", 200),
        ("127.0.0.1:8321", 200),
        ("[::1]:1", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("user@localhost", 403),
        ("localhost:port", 403),
        ("localhost/x", 403),
    ],
)
def test_the_host_is_a_name_of_ours(server, host, status):
    assert raw(server, [("Host", host)]) == status


def test_a_missing_or_second_host_is_refused(server):
    assert raw(server, []) in {400, 403}
    assert raw(server, [("Host", "localhost"), ("Host", "localhost")]) in {400, 403}


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        ("http://127.0.0.1:7", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("file://", 403),
        ("http://[", 403),
        ("http://127.0.0.1:8321", 200),
    ],
)
def test_foreign_pages_are_refused(server, origin, status):
    headers = [("Host", "127.0.0.1:8321")] + ([("Origin", origin)] if origin else [])
    assert raw(server, headers) == status


def test_a_foreign_preflight_is_not_let_in(client):
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = client.options("/specs", headers=headers)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def guarded(**settings) -> TestClient:
    async def app(scope, receive, send):
        if scope["path"] == "/broken":
            raise RuntimeError("sk-live-0123456789")
        await PlainTextResponse("in")(scope, receive, send)

    return TestClient(Guard(app, Settings(**settings)), base_url="http://localhost")


def test_with_a_token_every_door_but_one_asks_for_it():
    client = guarded(token="t0ken-ü")  # noqa: S106
    assert client.get("/healthz").status_code == 200
    answer = client.get("/specs")
    assert name_of(answer) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
    for wrong in ("Bearer t0ken", "Basic dDp0", "Bearer", "t0ken-ü", "Bearer t0ken-ü x"):
        assert client.get("/specs", headers={"Authorization": wrong.encode()}).status_code == 401
    assert client.get("/specs", headers={"Authorization": "bearer t0ken-ü".encode()}).status_code == 200


def test_beyond_loopback_any_valid_host_may_ask_with_the_token():
    client = guarded(token="t", host="0.0.0.0")  # noqa: S104, S106
    headers = {"Authorization": "Bearer t", "Host": "specloom.internal:80"}
    assert client.get("/specs", headers=headers).status_code == 200
    assert client.get("/specs", headers={**headers, "Host": "a b"}).status_code == 403


def test_further_hosts_and_origins_can_be_allowed():
    client = guarded(allowed_hosts=("loom.local",), allowed_origins=("https://ui.example",))
    assert client.get("/specs", headers={"Host": "loom.local"}).status_code == 200
    assert client.get("/specs", headers={"Origin": "https://ui.example"}).status_code == 200
    assert client.get("/specs", headers={"Origin": "https://other.example"}).status_code == 403


def test_our_own_failure_is_a_bare_500_with_a_request_id():
    answer = guarded().get("/broken")
    assert name_of(answer) == (500, "internal-error")
    assert "sk-live" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_every_refusal_can_be_explained() -> None:
    assert [name for name in STATUSES if explain(name) is None] == []
