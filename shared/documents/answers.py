"""The answer to a request for a document: its status, headers and body."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from shared.documents.caching import LASTING_S, SHORTLY_S, Document, is_known, kept_for
from shared.documents.problems import (
    MOST_CHARACTERS,
    NO_PRICE,
    PROBLEM_TYPE,
    READS,
    Problem,
    method_not_allowed,
    too_large,
)

# Everybody may read the documents: they are public, and no cookie or key is asked for.
# https://fetch.spec.whatwg.org/#http-cors-protocol
OPEN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Retry-After",
    "X-Content-Type-Options": "nosniff",
}
PREFLIGHT = {
    "Access-Control-Allow-Methods": ", ".join(READS),
    "Access-Control-Allow-Headers": "If-None-Match, If-Modified-Since",
    "Access-Control-Max-Age": "86400",
}
ALLOWED = {"Allow": ", ".join(READS)}
RETRY_AFTER_S = 5  # a new ingest has prices within seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response. The body is UTF-8."""

    status: HTTPStatus
    headers: Mapping[str, str]
    body: bytes = b""


def document_answer(document: Document, max_age_s: int, headers: Mapping[str, str]) -> Answer:
    """The document, or 304 if the reader has it already (`headers` are the request's, names in lower case)."""
    of_document = {
        **OPEN,
        "Cache-Control": kept_for(max_age_s),
        "ETag": document.etag,
        "Last-Modified": document.last_modified,
    }
    if is_known(document.etag, document.last_modified, headers):
        return Answer(HTTPStatus.NOT_MODIFIED, of_document)
    return Answer(HTTPStatus.OK, {**of_document, "Content-Type": document.media_type}, document.body)


def problem_answer(problem: Problem) -> Answer:
    """The problem. No cache keeps one that passes."""
    kept_s = SHORTLY_S if problem.code == NO_PRICE else LASTING_S
    headers = {**OPEN, "Content-Type": PROBLEM_TYPE, "Cache-Control": kept_for(kept_s)}
    if problem.is_passing:
        headers |= {"Cache-Control": "no-store", "Retry-After": str(RETRY_AFTER_S)}
    if problem.status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers |= ALLOWED
    return Answer(problem.status, headers, problem.body())


def answer_without_document(method: str, characters: int = 0) -> Answer | None:
    """The answer to a request that reads no document: to a page's preflight, or a refusal of the method, or of too many
    `characters` of path and query. `None` for one that may read."""
    if method == "OPTIONS":
        return Answer(HTTPStatus.NO_CONTENT, {**OPEN, **PREFLIGHT, **ALLOWED})
    if method not in READS:
        return problem_answer(method_not_allowed())
    return problem_answer(too_large()) if characters > MOST_CHARACTERS else None
