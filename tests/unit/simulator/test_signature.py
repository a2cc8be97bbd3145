"""The signature: Twilio's published vectors, and Twilio's own validator as oracle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from parley_simulator.domain.signature import sign, signed_url

URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
CALL = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
    ("Caller", "+14158675309"),
]


@pytest.mark.parametrize(
    ("url", "params", "signature"),
    [
        (URL, CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (URL.replace(".com", ".com:1234").replace("https", "http"), CALL, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        (
            URL,
            [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")],
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
        ),
        (URL, [], "zYQTYrRWXE7LtzbG4PfP7/bkkGo="),
        (URL, [("Digits", ""), ("CallSid", "CA1234567890ABCDE"), ("EmptyParam", "")], "9HHp/OqQMEwdrVebHDdA/+tqjX8="),
        (
            URL,
            [
                ("Message", "Hello & goodbye! @#$%^*()"),
                ("From", "+1 (415) 867-5309"),
                ("Special", "unicode: ñáéíóú"),
            ],
            "dCPiR4WtQ6QFN6pJh81CtlCcWLQ=",
        ),
        (
            URL,
            [("callSid", "lowercase"), ("CallSid", "uppercase"), ("CALLSID", "allcaps")],
            "jDK7WKT8wiNrwggd4ceTv4e1MJ4=",
        ),
    ],
)
def test_published_vectors(url: str, params: list[tuple[str, str]], signature: str) -> None:
    assert sign("12345", url, params) == signature


@pytest.mark.parametrize(
    ("configured", "with_port", "without_port"),
    [
        ("https://h/sms#rc=5&rp=all", "https://h/sms", "https://h/sms"),
        ("https://u:p@h:8443/sms?a=%20b#x", "https://h:8443/sms?a=%20b", "https://h/sms?a=%20b"),
        ("http://u:p%40@h:80/a@b?c=d@e", "http://h:80/a@b?c=d@e", "http://h/a@b?c=d@e"),
        ("http://h?x=1", "http://h?x=1", "http://h?x=1"),
        ("http://h:80?x=a:80", "http://h:80?x=a:80", "http://h?x=a:80"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x", "http://[::1]/x"),
        ("https://h/sms/", "https://h/sms/", "https://h/sms/"),
    ],
)
def test_what_of_a_url_is_signed(configured: str, with_port: str, without_port: str) -> None:
    assert signed_url(configured) == with_port
    assert signed_url(configured, keep_port=False) == without_port


TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)


@given(params=st.dictionaries(TEXT, TEXT, max_size=8), token=st.text(min_size=1, max_size=32, alphabet="abc0189"))
def test_twilios_validator_agrees(params: dict[str, str], token: str) -> None:
    signature = sign(token, URL, params.items())
    assert RequestValidator(token).validate(URL, params, signature)
