"""What a client makes of being refused or sent away."""

from __future__ import annotations

import msgspec
import pytest

from realtime.client.errors import AuthenticationError, ClientEndedError
from realtime.client.refusals import TokenRefusedError, UnavailableError, farewell, refusal
from realtime.protocol import Disconnected, ErrorObject


def body(code: str) -> bytes:
    return msgspec.json.encode(ErrorObject(code, "a sentence", {"field": "x"}))


def test_401_asks_for_another_token() -> None:
    refused = refusal(401, {}, body("TOKEN_EXPIRED"))
    assert isinstance(refused, TokenRefusedError)
    assert (refused.error.code, refused.error.details) == ("TOKEN_EXPIRED", {"field": "x"})
    assert isinstance(refusal(401, {}, b"<html>"), TokenRefusedError)


@pytest.mark.parametrize(("status", "code"), [(400, "INVALID_MESSAGE"), (403, "FORBIDDEN")])
def test_a_refusal_of_the_server_s_own_is_final(status: int, code: str) -> None:
    refused = refusal(status, {}, body(code))
    assert isinstance(refused, ClientEndedError)
    assert (refused.code, refused.message) == (code, "a sentence")


@pytest.mark.parametrize("status", [400, 403, 404, 407, 426, 502])
def test_one_of_something_in_between_is_not(status: int) -> None:
    assert isinstance(refusal(status, {}, b"<html>"), UnavailableError)


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("Mon, 01 Jan", None), ("", None)])
@pytest.mark.parametrize(("status", "code"), [(429, "MAX_CONNECTIONS"), (503, "INTERNAL_ERROR")])
def test_who_is_to_wait_comes_again(
    status: int, code: str, header: str, seconds: float | None
) -> None:
    refused = refusal(status, {"Retry-After": header}, body(code))
    assert isinstance(refused, UnavailableError)
    assert (refused.retry_after, refused.reached) == (seconds, False)


def test_after_a_failure_of_the_server_nobody_knows() -> None:
    refused = refusal(500, {}, body("INTERNAL_ERROR"))
    assert isinstance(refused, UnavailableError)
    assert refused.reached


@pytest.mark.parametrize("code", [None, 1000, 1001, 1006, 1011, 4000, 4001, 4002, 4499, 5000])
def test_codes_after_which_to_come_back(code: int | None) -> None:
    assert isinstance(farewell(code, "", None), UnavailableError)


@pytest.mark.parametrize("code", [4500, 4501, 4503, 4529, 4999])
def test_codes_after_which_not_to(code: int) -> None:
    ended = farewell(code, "reason", None)
    assert isinstance(ended, ClientEndedError)
    assert ended.details == {"close_code": code, "reason": "reason"}


def test_a_token_that_was_revoked_is_the_end_and_one_that_has_expired_is_not() -> None:
    revoked = farewell(4501, "", Disconnected("token_revoked", 4501, False))
    assert isinstance(revoked, AuthenticationError)
    expired = farewell(4501, "", Disconnected("token_expired", 4501, False))
    assert isinstance(expired, TokenRefusedError)
    assert expired.error.code == "TOKEN_EXPIRED"


def test_a_goodbye_counts_though_the_socket_broke_off_before_it_was_closed() -> None:
    ended = farewell(None, "", Disconnected("account_disabled", 4503, False))
    assert isinstance(ended, ClientEndedError)
    leaving = farewell(1006, "", Disconnected("server_shutdown", 4001, True, 250))
    assert isinstance(leaving, UnavailableError)
    assert leaving.retry_after == 0.25
