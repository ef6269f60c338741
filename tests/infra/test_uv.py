"""uv goes to the index, and trusts the certificates, that pip was set up for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra import uv
from infra.bundle import ROOT

INDEX = "https://index.example/simple"


OTHER = "https://old.example/simple"


def files(folder: Path, *texts: str) -> list[Path]:
    made = [folder / f"{number}.conf" for number in range(len(texts))]
    for path, text in zip(made, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    return [*made, folder / "missing.conf"]


@pytest.mark.parametrize(
    ("texts", "environ", "wanted"),
    [
        ([], {}, {}),
        ([f"[global]\nindex-url = {INDEX}"], {}, {"UV_DEFAULT_INDEX": INDEX}),
        ([f"[global]\nindex_url = {INDEX}"], {}, {"UV_DEFAULT_INDEX": INDEX}),
        ([f"[install]\nindex-url = {INDEX}", f"[global]\nindex-url = {OTHER}"], {}, {"UV_DEFAULT_INDEX": INDEX}),
        ([f"[global]\nindex-url = {OTHER}", f"[global]\nindex-url = {INDEX}"], {}, {"UV_DEFAULT_INDEX": INDEX}),
        ([f"[global]\nindex-url = {OTHER}"], {"PIP_INDEX_URL": INDEX}, {"UV_DEFAULT_INDEX": INDEX}),
        (
            ["[global]\nindex-url = https://a:p%40b@index.example"],
            {},
            {"UV_DEFAULT_INDEX": "https://a:p%40b@index.example"},
        ),
        (["[global]\ncert = /etc/ca.pem\ntimeout = 60"], {}, {"SSL_CERT_FILE": "/etc/ca.pem"}),
        ([], {"PIP_CERT": "/etc/ca.pem"}, {"SSL_CERT_FILE": "/etc/ca.pem"}),
        (["[global]\nextra-index-url = https://more.example"], {}, {}),
    ],
)
def test_pips_index_and_certificates_are_uvs(
    tmp_path: Path, texts: list[str], environ: dict[str, str], wanted: dict[str, str]
) -> None:
    assert uv.with_pips_settings(environ, files(tmp_path, *texts)) == environ | wanted


@pytest.mark.parametrize("name", uv.INDEX)
def test_what_is_set_for_uv_stays(tmp_path: Path, name: str) -> None:
    own = {name: "https://own.example", "SSL_CERT_FILE": "/own.pem", "PIP_INDEX_URL": OTHER, "PIP_CERT": "/etc/ca.pem"}
    assert uv.with_pips_settings(own, files(tmp_path, f"[global]\nindex-url = {INDEX}")) == own


@pytest.mark.parametrize("variable", ["HOME", "XDG_CONFIG_HOME", "PIP_CONFIG_FILE"])
def test_pip_reads_the_same_files(tmp_path: Path, variable: str) -> None:
    place = {"HOME": ".pip/pip.conf", "PIP_CONFIG_FILE": "own.conf"}.get(variable, "pip/pip.conf")
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[global]\nindex-url = {INDEX}\n", encoding="utf-8")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}
    environ |= {variable: str(path if variable == "PIP_CONFIG_FILE" else tmp_path)}
    assert uv.with_pips_settings(environ, uv.pip_files(environ))["UV_DEFAULT_INDEX"] == INDEX
    ask = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    assert subprocess.run(ask, env=environ, capture_output=True, text=True, check=True).stdout.strip() == INDEX


def test_pip_without_files_has_none_for_uv() -> None:
    assert uv.pip_files({"HOME": "/home/me", "PIP_CONFIG_FILE": os.devnull}) == []


def test_an_index_of_pip_is_the_one_that_uv_asks() -> None:
    nowhere = "http://127.0.0.1:9/simple"  # nothing listens on the discard port
    environment = {name: value for name, value in os.environ.items() if name not in uv.INDEX}
    environment |= {"PIP_INDEX_URL": nowhere, "UV_HTTP_RETRIES": "0"}
    asked = subprocess.run(
        [sys.executable, "-m", "infra.uv", "pip", "install", "--dry-run", "--no-cache", "--reinstall", "jmespath"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert asked.returncode
    assert nowhere in asked.stderr
