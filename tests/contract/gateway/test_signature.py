"""The signature check against Twilio's published vectors, and against Twilio's own validator as an oracle."""

import string
from collections.abc import Iterator, Mapping, Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from parley_gateway.domain.signature import is_signed

TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
CALL = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
    ("Caller", "+14158675309"),
]
BODY_SHA256 = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
EMPTY_SHA256 = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

Pairs = Sequence[tuple[str, str]]

VECTORS: list[tuple[str, str, Pairs, str]] = [
    ("fields of a call", URL, CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    (
        "http with a port",
        "http://mycompany.com:1234/myapp.php?foo=1&bar=2",
        CALL,
        "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=",
    ),
    ("https with :443", "https://mycompany.com:443/myapp.php?foo=1&bar=2", CALL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
    ("http with :80", "http://mycompany.com:80/myapp.php?foo=1&bar=2", CALL, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    (
        "repeated values once, sorted",
        URL,
        [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")],
        "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
    ),
    (
        "repeated names in any order",
        URL,
        [("MessagingBinding.Address", "+1415xxxxxxx"), ("MessagingBinding.Address", "+1325xxxxxxx")],
        "83O6e2vORAoJHUNzJjDWN1jz+BA=",
    ),
    ("JSON is signed by its URL", f"{URL}&bodySHA256={BODY_SHA256}", [], "a9nBmqA0ju/hNViExpshrM61xv4="),
    (
        "empty JSON is signed by its URL",
        f"https://mycompany.com:443/myapp.php?foo=1&bar=2&bodySHA256={EMPTY_SHA256}",
        [],
        "Ldidvp12m26NI7eqEvxnEpkd9Hc=",
    ),
    ("no fields", URL, [], "zYQTYrRWXE7LtzbG4PfP7/bkkGo="),
    (
        "blank values",
        URL,
        [("Digits", ""), ("CallSid", "CA1234567890ABCDE"), ("EmptyParam", "")],
        "9HHp/OqQMEwdrVebHDdA/+tqjX8=",
    ),
    (
        "special characters",
        URL,
        [
            ("Message", "Hello & goodbye! @#$%^*()"),
            ("From", "+1 (415) 867-5309"),
            ("Special", "unicode: ñáéíóú"),
        ],
        "dCPiR4WtQ6QFN6pJh81CtlCcWLQ=",
    ),
    (
        "names are told apart by case",
        URL,
        [("callSid", "lowercase"), ("CallSid", "uppercase"), ("CALLSID", "allcaps")],
        "jDK7WKT8wiNrwggd4ceTv4e1MJ4=",
    ),
    (
        "sorted by name alone",
        URL,
        [*CALL, ("Reason", "Participant"), ("ReasonConferenceEnded", "test")],
        "vOEb5UThFn24KEfnOFLQY2AE5FY=",
    ),
    (
        "the documentation's example",
        "https://example.com/myapp.php?foo=1&bar=2",
        [(name, "+14158675310" if name in ("From", "Caller") else value) for name, value in CALL],
        "L/OH5YylLD5NRKLltdqwSvS0BnU=",
    ),
]


class Fields:
    """Pairs in the form in which Twilio's validator takes repeated names."""

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._pairs])

    def __len__(self) -> int:
        return len(self._pairs)

    def getlist(self, name: str) -> list[str]:
        return [value for other, value in self._pairs if other == name]


def oracle_signs(url: str, pairs: Pairs, token: str) -> str:
    signature: str = RequestValidator(token).compute_signature(url, Fields(pairs))
    return signature


def oracle_accepts(url: str, pairs: Pairs, signature: str, token: str) -> bool:
    accepted: bool = RequestValidator(token).validate(url, Fields(pairs), signature)
    return accepted


def we_accept(url: str, pairs: Pairs, signature: str, *tokens: str) -> bool:
    return is_signed(url.encode(), pairs, signature.encode(), [token.encode() for token in tokens])


@pytest.mark.parametrize(("url", "pairs", "signature"), [row[1:] for row in VECTORS], ids=[row[0] for row in VECTORS])
def test_published_vectors_are_accepted(url: str, pairs: Pairs, signature: str) -> None:
    assert we_accept(url, pairs, signature, TOKEN)
    assert we_accept(url, list(reversed(pairs)), signature, TOKEN)


@pytest.mark.parametrize(("url", "pairs", "signature"), [row[1:] for row in VECTORS], ids=[row[0] for row in VECTORS])
def test_a_changed_vector_is_refused(url: str, pairs: Pairs, signature: str) -> None:
    assert not we_accept(url, [*pairs, ("Extra", "")], signature, TOKEN)
    assert not we_accept(url, pairs[1:] or [("a", "")], signature, TOKEN)
    assert not we_accept(url + "&", pairs, signature, TOKEN)
    assert not we_accept(url.replace("my", "My").replace("example", "Example"), pairs, signature, TOKEN)
    assert not we_accept(url, pairs, signature, "12346")
    assert not we_accept(url, pairs, signature.lower(), TOKEN)


# --- the oracle -------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
NAMES = st.one_of(st.sampled_from(["AccountSid", "Body", "From", "FromCity", "To", "a", "A", "ab"]), TEXT)
FIELDS = st.lists(st.tuples(NAMES, TEXT), max_size=8)
HOSTS = st.sampled_from(["host", "sms.example.com", "127.0.0.1:8080", "example.com:443", "example.com:80"])
# Without the semicolon and a question mark at the end, over which the library stumbles.
SAFE = string.ascii_letters + string.digits + "-._~%!$&'()*+,=:@"
PATHS = st.text(SAFE + "/", max_size=20).map(lambda path: "/" + path)
QUERIES = st.one_of(st.just(""), st.text(SAFE + "/", min_size=1, max_size=20).map(lambda query: "?" + query))
URLS = st.builds(
    lambda scheme, host, path, query: f"{scheme}://{host}{path}{query}",
    st.sampled_from(["http", "https"]),
    HOSTS,
    PATHS,
    QUERIES,
)
TOKENS = st.text(string.hexdigits, min_size=1, max_size=32)


@settings(max_examples=300, deadline=None)
@given(URLS, FIELDS, TOKENS)
def test_what_twilios_library_signs_is_accepted_by_both(url: str, pairs: Pairs, token: str) -> None:
    signature = oracle_signs(url, pairs, token)
    assert oracle_accepts(url, pairs, signature, token)
    assert we_accept(url, pairs, signature, token)
    assert we_accept(url, pairs, signature, "another", token)


def changed_url(url: str) -> st.SearchStrategy[str]:
    swapped = st.integers(0, len(url) - 1).map(lambda at: url[:at] + url[at].swapcase() + url[at + 1 :])
    return st.one_of(
        st.just(url + "/"), st.just(url + "x"), st.just(url.replace("/", "//")), swapped, st.just(url[:-1])
    )


def changed_pairs(pairs: Pairs) -> st.SearchStrategy[Pairs]:
    extra = st.tuples(NAMES, TEXT).map(lambda pair: [*pairs, pair])
    if not pairs:
        return extra
    place = st.integers(0, len(pairs) - 1)
    dropped = place.map(lambda at: [*pairs[:at], *pairs[at + 1 :]])
    moved = place.map(lambda at: [*pairs[:at], (pairs[at][0] + pairs[at][1], ""), *pairs[at + 1 :]])
    longer = place.map(lambda at: [*pairs[:at], (pairs[at][0], pairs[at][1] + " "), *pairs[at + 1 :]])
    return st.one_of(extra, dropped, moved, longer)


@settings(max_examples=300, deadline=None)
@given(st.data(), URLS, FIELDS, TOKENS)
def test_what_twilios_library_refuses_is_refused(data: st.DataObject, url: str, pairs: Pairs, token: str) -> None:
    """Whatever is changed about a signed request: nothing gets in here that the library would keep out."""
    signature = oracle_signs(url, pairs, token)
    what = data.draw(st.sampled_from(["url", "pairs", "signature", "token"]))
    if what == "url":
        url = data.draw(changed_url(url))
        assume(url.startswith(("http://", "https://")))
    elif what == "pairs":
        pairs = data.draw(changed_pairs(pairs))
    elif what == "signature":
        at = data.draw(st.integers(0, len(signature) - 1))
        signature = data.draw(st.sampled_from([signature[:-1], signature + "=", "", signature[:at].swapcase()]))
    else:
        token += "0"
    if not oracle_accepts(url, pairs, signature, token):
        assert not we_accept(url, pairs, signature, token)


# --- where we differ from the library, on purpose ---------------------------------------------------------------


def test_a_port_is_neither_added_nor_taken_away() -> None:
    """The library tries both forms; our numbers are configured by us, so the form is known."""
    with_port = oracle_signs("https://host:443/twilio/sms", CALL, TOKEN)
    assert oracle_accepts("https://host/twilio/sms", CALL, with_port, TOKEN)
    assert not we_accept("https://host/twilio/sms", CALL, with_port, TOKEN)
    without = oracle_signs("https://host/twilio/sms", CALL, TOKEN)
    assert oracle_accepts("https://host:8443/twilio/sms", CALL, without, TOKEN)
    assert not we_accept("https://host:8443/twilio/sms", CALL, without, TOKEN)


def test_a_url_is_taken_byte_for_byte() -> None:
    """The library rewrites some URLs before it signs, so that it refuses what Twilio signed."""
    for url in ("HTTPS://host/twilio/sms", "https://host/twilio/sms?"):
        signature = oracle_signs(url, CALL, TOKEN)
        assert not oracle_accepts(url, CALL, signature, TOKEN)
        assert we_accept(url, CALL, signature, TOKEN)


def test_an_odd_signature_is_refused_where_the_library_raises() -> None:
    with pytest.raises(TypeError):
        RequestValidator(TOKEN).validate(URL, dict(CALL), None)
    for odd in (b"", b"\xff", b"=" * 28, b"A" * 4000, "é".encode()):
        assert not is_signed(URL.encode(), CALL, odd, [TOKEN.encode()])


def test_text_that_is_no_text_is_refused_where_the_library_raises() -> None:
    with pytest.raises(UnicodeEncodeError):
        RequestValidator(TOKEN).validate(URL, {"Body": "\ud800"}, "x")
    assert not is_signed(URL.encode(), [("Body", "\ud800")], b"x", [TOKEN.encode()])


def test_the_algorithm_is_not_chosen_by_the_request() -> None:
    """The library can be told to take HMAC-SHA256 as a header of the request says."""
    validator = RequestValidator(TOKEN)
    signature = validator.compute_signature(URL, dict(CALL), "HMAC_SHA256")
    assert validator.validate(URL, dict(CALL), signature, "HMAC_SHA256")
    assert not we_accept(URL, CALL, signature, TOKEN)


def test_without_a_token_nothing_is_genuine() -> None:
    assert not is_signed(URL.encode(), CALL, oracle_signs(URL, CALL, "").encode(), [])


def test_during_a_change_of_tokens_each_of_them_is_good() -> None:
    for token in ("old", "new"):
        assert we_accept(URL, CALL, oracle_signs(URL, CALL, token), "old", "new")
    assert not we_accept(URL, CALL, oracle_signs(URL, CALL, "retired"), "old", "new")


def test_the_signed_text_alone_does_not_tell_its_fields_apart() -> None:
    """Known and lived with: fields are checked one by one afterwards."""
    twin: Mapping[str, str] = {"Bod": "yHello"}
    signature = oracle_signs(URL, [("Body", "Hello")], TOKEN)
    assert we_accept(URL, [*twin.items()], signature, TOKEN)
