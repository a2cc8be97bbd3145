"""What the HTTP API says: ids of requests, and sentences about fields that quote nothing."""

import re

import pytest

from parley_gateway.domain.api_fields import FIXES, missing, unknown, wrong
from parley_gateway.domain.request_id import request_id_of
from parley_gateway.routes import models
from parley_gateway.routes.problems import sentence


def test_the_same_two_keys_give_the_same_request_id() -> None:
    assert request_id_of("k1", "order-7") == request_id_of("k1", "order-7")


def test_every_other_two_give_another() -> None:
    pairs = [("k1", "a"), ("k1", "b"), ("k2", "a"), ("k1a", ""), ("k", "1 a"), ("k1", "a ")]
    assert len({request_id_of(*pair) for pair in pairs}) == len(pairs)


def test_a_request_id_is_short_enough_for_the_session_service() -> None:
    assert re.fullmatch("[0-9a-f]{64}", request_id_of("k" * 36, "x" * 255))


@pytest.mark.parametrize("field", FIXES)
def test_a_field_is_named_with_its_fix(field: str) -> None:
    for said in (wrong(field), missing(field)):
        assert said.startswith(f"{field}: ")
        assert FIXES[field] in said


def test_every_field_that_can_be_sent_has_a_fix() -> None:
    requests = (models.OutboundSms, models.PersonMessage, models.HandOff, models.SessionsQuery)
    assert {field for model in requests for field in model.model_fields} <= set(FIXES)


@pytest.mark.parametrize("name", ["+15550100", "0155", "a b", "", "x" * 41, "a\nb", "é", "<b>", "a1"])
def test_what_is_no_name_is_not_repeated(name: str) -> None:
    assert unknown(name) == "a field: is not known here; leave it out"


@pytest.mark.parametrize(
    ("place", "kind", "said"),
    [
        (("body",), "missing", "the body: write a JSON object in UTF-8"),
        (("body", 17), "json_invalid", "the body: write a JSON object in UTF-8"),
        (("body", "text"), "missing", "text: is required; write 1 to 1600 characters, not only spaces, and no NUL"),
        (("body", "text"), "string_type", "text: write 1 to 1600 characters, not only spaces, and no NUL"),
        (("body", "to"), "extra_forbidden", "to: is not known here; leave it out"),
        (("path", "session_id"), "uuid_parsing", "session_id: write a UUID"),
    ],
)
def test_the_first_mistake_is_told_in_a_sentence(place: tuple[str | int, ...], kind: str, said: str) -> None:
    assert sentence([{"loc": place, "type": kind}, {"loc": ("body", "other"), "type": "missing"}]) == said
