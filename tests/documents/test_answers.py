"""Methods that read nothing, and problems."""

import pytest

from shared.documents.answers import answer_without_document, problem_answer
from shared.documents.problems import MOST_CHARACTERS, PROBLEMS, Problem
from shared.model.assets import catalogue
from shared.model.wire import loads
from shared.protocol import ERRORS
from tests.documents.conftest import Served
from tests.documents.test_paths import DOCUMENTS


@pytest.mark.parametrize("path", [*DOCUMENTS, "/markets/nothing"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "get"])
def test_documents_can_only_be_read(served: Served, path: str, method: str) -> None:
    assert served.problem(path, method) == (405, "method_not_allowed")
    assert served.get(path, method).headers["Allow"] == "GET, HEAD, OPTIONS"


def test_a_page_may_ask_with_the_name_of_what_it_has(served: Served) -> None:
    """https://fetch.spec.whatwg.org/#cors-preflight-fetch"""
    answer = served.get("/markets/rates.json", "OPTIONS")
    assert (int(answer.status), answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "If-None-Match" in answer.headers["Access-Control-Allow-Headers"]
    assert answer_without_document("HEAD") is None


@pytest.mark.parametrize("path", ["/markets/rates.json?symbols=", "/markets/rates.json/~symbols=", "/markets/"])
def test_a_longer_address_than_all_symbols_need_is_refused(served: Served, path: str) -> None:
    """The access log has it, and its length is the reader's."""
    room = MOST_CHARACTERS - len(path.replace("?", ""))
    assert served.problem(path + "x" * (room + 1)) == (400, "too_large")
    assert served.problem(path + "x" * room)[0] == 404
    assert len(",".join(catalogue())) < MOST_CHARACTERS / 2


@pytest.mark.parametrize("code", PROBLEMS)
def test_a_problem_says_what_and_whether_to_try_again(code: str) -> None:
    """https://datatracker.ietf.org/doc/html/rfc9457#section-3.1"""
    answer = problem_answer(Problem(code, "it is so", {"seq": 7}))
    assert answer.status == PROBLEMS[code]
    assert loads(answer.body) == {
        "type": "about:blank",
        "title": answer.status.phrase,
        "status": answer.status.value,
        "detail": "it is so",
        "code": code,
        "seq": 7,
    }
    assert ("Retry-After" in answer.headers) is (answer.status == 503)
    if code in ERRORS:
        assert ERRORS[code] is (answer.status == 503)


def test_a_head_has_the_headers_of_a_get(served: Served) -> None:
    assert served.get("/markets/rates.json", "HEAD") == served.get("/markets/rates.json")
