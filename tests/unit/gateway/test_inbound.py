"""The incoming-message webhook's fields: what each may be, and what is said when it is not."""

import pytest

from parley_gateway.domain.inbound import Inbound, inbound_fields, parse_inbound, primary_failure
from parley_gateway.domain.refusals import Malformed

SID = "SM" + "0123456789abcdefABCDEF0123456789"
FIELDS = {"MessageSid": SID, "From": "+15550100", "To": "+15550199", "Body": "Ahoy", "NumMedia": "0"}
MEDIA = {f"MediaUrl{index}": f"https://api.twilio.com/{index}" for index in range(10)}


def parsed(**changes: str | None) -> Inbound:
    fields = {**FIELDS, **{name.rstrip("_"): value for name, value in changes.items()}}
    return parse_inbound({name: value for name, value in fields.items() if value is not None}, 7, "00-trace")


def test_a_text_is_read_whole() -> None:
    assert parsed() == Inbound("+15550199", "+15550100", SID, "Ahoy", (), 7, "00-trace")


def test_a_text_may_be_empty() -> None:
    assert parsed(Body="").text == ""


def test_a_text_is_kept_as_it_is() -> None:
    text = " 'quoted'\r\n<xml/> \u202e\u200b🏳️‍🌈 %s {0} "
    assert parsed(Body=text).text == text


@pytest.mark.parametrize("sid", ["SM" + "0" * 32, "MM" + "F" * 32])
def test_sids_of_texts_and_of_media_are_read(sid: str) -> None:
    assert parsed(MessageSid=sid).source_id == sid


@pytest.mark.parametrize(
    "sender", ["+15550100", "+44", "+" + "9" * 15, "12345", "123", "12345678", "Twilio", "A B&C_.-1"]
)
def test_numbers_short_codes_and_names_may_send(sender: str) -> None:
    assert parsed(From=sender).participant == sender


@pytest.mark.parametrize(
    "sender",
    [
        *("", " ", "+", "+0155", "+1555010a", "15550100199", "+" + "9" * 16, "12", "123456789", "+15550100\n"),
        *("٣٤٥٦", "+١٥٥٥", "NameThatIsTooLong", "Nämé", "<script>", "a;b"),
    ],
)
def test_other_senders_are_refused(sender: str) -> None:
    with pytest.raises(Malformed, match="From: is neither"):
        parsed(From_=sender)


@pytest.mark.parametrize("name", ["From", "To"])
@pytest.mark.parametrize("address", ["whatsapp:+15550100", "rcs:agent", "messenger:123", "client:\n", "sip:a@b"])
def test_addresses_of_other_channels_are_refused_as_such(name: str, address: str) -> None:
    with pytest.raises(Malformed, match=f"{name}: is an address of another channel"):
        parsed(**{name: address})


@pytest.mark.parametrize("to", ["", "Name", "555-0100"])
def test_a_text_goes_to_a_number(to: str) -> None:
    with pytest.raises(Malformed, match="To: is neither"):
        parsed(To=to)


@pytest.mark.parametrize("name", ["MessageSid", "From", "To", "Body"])
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(Malformed, match=f"{name}: is missing"):
        parsed(**{name: None})


@pytest.mark.parametrize(
    "sid", ["", "SM", "SM" + "0" * 31, "SM" + "0" * 33, "XX" + "0" * 32, "sm" + "0" * 32, SID + "\n"]
)
def test_other_sids_are_refused(sid: str) -> None:
    with pytest.raises(Malformed, match="MessageSid"):
        parsed(MessageSid=sid)


def test_media_are_read_in_order() -> None:
    assert parsed(NumMedia="10", **MEDIA).media_urls == tuple(MEDIA.values())
    assert parsed(NumMedia=None).media_urls == ()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"NumMedia": "11"}, "NumMedia: is not a number"),
        ({"NumMedia": "-1"}, "NumMedia: is not a number"),
        ({"NumMedia": "01"}, "NumMedia: is not a number"),
        ({"NumMedia": ""}, "NumMedia: is not a number"),
        ({"NumMedia": "٣"}, "NumMedia: is not a number"),
        ({"NumMedia": "2", "MediaUrl0": "https://a/0"}, "MediaUrl1: is missing"),
        ({"NumMedia": "0", "MediaUrl0": "https://a/0"}, "NumMedia: does not count MediaUrl0"),
        ({"NumMedia": None, "MediaUrl0": "https://a/0"}, "NumMedia: does not count MediaUrl0"),
        ({"NumMedia": "1", "MediaUrl0": "ftp://a/0"}, "MediaUrl0: is not"),
        ({"NumMedia": "1", "MediaUrl0": "https://a/ 0"}, "MediaUrl0: is not"),
        ({"NumMedia": "1", "MediaUrl0": "https://a/" + "0" * 2048}, "MediaUrl0: is not"),
        ({"NumMedia": "1", "MediaUrl0": ""}, "MediaUrl0: is not"),
    ],
)
def test_media_that_do_not_fit_are_refused(changes: dict[str, str | None], problem: str) -> None:
    with pytest.raises(Malformed, match=problem):
        parsed(**changes)


@pytest.mark.parametrize(
    "name", ["MessageSid", "AccountSid", "From", "To", "Body", "NumMedia", "MediaUrl7", "ErrorCode"]
)
def test_a_field_that_is_used_may_come_once(name: str) -> None:
    with pytest.raises(Malformed, match=f"{name}: comes more than once"):
        inbound_fields([*FIELDS.items(), (name, "x"), (name, "x")])


def test_a_first_request_tells_of_no_failure() -> None:
    assert primary_failure(FIELDS) is None
    assert primary_failure({"ErrorCode": ""}) is None


def test_the_failure_before_is_told_without_its_query() -> None:
    failure = primary_failure({"ErrorCode": "11200", "ErrorUrl": "https://sms.example.com/twilio/sms?to=+15550100"})
    assert failure is not None
    assert (failure.error_code, failure.error_url) == (11200, "https://sms.example.com/twilio/sms")


@pytest.mark.parametrize(
    ("code", "url"), [("x" * 9, "javascript:1"), ("1" * 10, "https://a/\r\nb"), ("-1", "h" * 9999)]
)
def test_a_failure_that_cannot_be_read_is_still_told(code: str, url: str) -> None:
    failure = primary_failure({"ErrorCode": code, "ErrorUrl": url})
    assert failure is not None
    assert (failure.error_code, failure.error_url) == (0, "")


def test_a_text_is_not_shown_by_its_repr() -> None:
    shown = repr(parsed(Body="canary", From_="+15550123", NumMedia="1", MediaUrl0="https://canary/"))
    assert SID in shown
    assert not any(secret in shown for secret in ("canary", "+15550123", "+15550199"))


@pytest.mark.parametrize("given", ["STOP", "stop", "Stop"])
def test_what_twilio_took_a_text_for_is_passed_on(given: str) -> None:
    assert parsed(OptOutType=given).opt_out_type == "STOP"


@pytest.mark.parametrize("kind", ["START", "HELP"])
def test_start_and_help_are_passed_on_too(kind: str) -> None:
    assert parsed(OptOutType=kind).opt_out_type == kind


@pytest.mark.parametrize("given", [None, "", "PAUSE", "STOP ", "1"])
def test_a_type_that_is_not_known_is_none(given: str | None) -> None:
    assert parsed(OptOutType=given).opt_out_type == ""


def test_a_type_that_comes_twice_is_refused() -> None:
    with pytest.raises(Malformed, match="OptOutType: comes more than once"):
        inbound_fields([*FIELDS.items(), ("OptOutType", "STOP"), ("OptOutType", "START")])
