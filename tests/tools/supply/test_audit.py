"""What `make audit` tells: faults, what is clean, and what nobody looked at. The services asked are a test's."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tools.supply import audit
from tools.supply.audit import Audit, audited, of_npm, of_requirements, read_npm_audit, read_pip_audit, told

PACKAGE, FIXED = "cadfeed-a-faulty-package", "1.1"
OSV: dict[str, Any] = {
    "id": "CVE-2026-0001",
    "summary": "A fault",
    "details": "It is faulty.",
    "affected": [
        {
            "package": {"name": PACKAGE, "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": FIXED}]}],
        }
    ],
}
NPM = {
    PACKAGE: [{"id": 1, "url": "", "title": "A fault", "severity": "high", "vulnerable_versions": "<1.1", "cwe": []}]
}


class Service(BaseHTTPRequestHandler):
    """An advisory service that knows one package's fault."""

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        is_npm = "security/advisories/bulk" in self.path
        self._answer(NPM if is_npm else {"vulns": [OSV] if json.loads(asked)["package"]["name"] == PACKAGE else []})

    def do_GET(self) -> None:
        """npm asks which versions there are."""
        versions = {version: {"name": PACKAGE, "version": version} for version in ("1.0.0", "1.2.0")}
        self._answer({"name": PACKAGE, "dist-tags": {"latest": "1.2.0"}, "versions": versions})

    def _answer(self, known: object) -> None:
        body = json.dumps(known).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(audit, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(("name", "faults"), [(PACKAGE, 1), ("cadfeed-another-package", 0)])
def test_pip_audit_finds_the_fault_that_a_service_knows(service: str, here: Path, name: str, faults: int) -> None:
    file = here / "requirements.txt"
    file.write_text(f"{name}==1.0\n", encoding="utf-8")
    found = of_requirements(file, ("--vulnerability-service=osv", f"--osv-url={service}/v1/query"))
    wanted = (f"{PACKAGE} 1.0: CVE-2026-0001, mended in {FIXED}",) * faults
    assert found == Audit("requirements.txt", wanted)


@pytest.mark.parametrize(("version", "faults"), [("1.0.0", 1), ("1.2.0", 0)])
def test_npm_finds_the_fault_that_a_service_knows(service: str, here: Path, version: str, faults: int) -> None:
    root = {"name": "page", "version": "0.0.0", "dependencies": {PACKAGE: version}}
    lock = {"name": "page", "version": "0.0.0", "lockfileVersion": 3, "requires": True}
    packages = {"": root, f"node_modules/{PACKAGE}": {"version": version}}
    (here / "package.json").write_text(json.dumps(root), encoding="utf-8")
    (here / "package-lock.json").write_text(json.dumps({**lock, "packages": packages}), encoding="utf-8")
    assert of_npm(here, (f"--registry={service}",)).faults == (f"{PACKAGE}: high, <1.1",) * faults


def test_a_package_that_the_service_does_not_know_is_not_clean() -> None:
    packages: list[dict[str, Any]] = [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "no"}]
    found = read_pip_audit("place", json.dumps({"dependencies": packages}), "")
    assert found == Audit("place", not_audited="the service does not know 1 of 2 packages")
    assert read_pip_audit("place", json.dumps({"dependencies": packages[1:]}), "").is_unanswered


REFUSED = '{"message": "405 Method Not Allowed", "statusCode": 405, "error": {"summary": "", "detail": ""}}'


@pytest.mark.parametrize("read", [read_pip_audit, read_npm_audit])
@pytest.mark.parametrize("output", ["", REFUSED, "[]"])
def test_no_answer_is_neither_clean_nor_faulty(read: Any, output: str) -> None:
    found = read("place", output, "error: no such host\n\nnpm error A complete log of this run is there\n")
    assert found == Audit("place", not_audited="error: no such host", is_unanswered=True)


def test_a_service_that_does_not_answer_is_asked_once() -> None:
    silent, partly = Audit("one", not_audited="it is gone", is_unanswered=True), Audit("one", not_audited="1 of 2")

    def never() -> Audit:
        raise AssertionError("asked again")

    assert [each.is_unanswered for each in audited([("one", lambda: silent), ("two", never)])] == [True, True]
    clean = Audit("two")
    assert audited([("one", lambda: partly), ("two", lambda: clean)]) == [partly, clean]


@pytest.mark.parametrize(
    ("audits", "status", "end"),
    [
        ([Audit("a"), Audit("b")], 0, "b: clean"),
        (
            [Audit("a", ("x 1: CVE",)), Audit("b", not_audited="gone")],
            1,
            "Neither clean nor faulty, since nobody looked: b",
        ),
        ([Audit("a"), Audit("b", not_audited="gone")], 3, "Neither clean nor faulty, since nobody looked: b"),
        ([Audit("a", ("x 1: CVE",))], 1, "Known faults in: a"),
    ],
)
def test_the_exit_status_tells_faulty_from_unknown(audits: list[Audit], status: int, end: str) -> None:
    text, got = told(audits)
    assert (got, text.splitlines()[-1]) == (status, end)
    assert "b: clean" not in text or status == 0
