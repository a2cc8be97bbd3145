"""Connection overrides and what is retried."""

import pytest

from parley_simulator.domain.hooks import BAD_OVERRIDE, Attempt, Failure, Overrides, judge_status, read_target, retries

DEFAULT = Overrides()


@pytest.mark.parametrize(
    ("fragment", "overrides"),
    [
        ("", Overrides(connect=5.0, read=15.0, total=15.0, retries=1, policy=frozenset({"ct"}))),
        ("#", DEFAULT),
        ("#rc=3", Overrides(retries=3)),
        ("#rc=0", Overrides(retries=0)),
        ("#rp=5xx,rt", Overrides(policy=frozenset({"5xx", "rt"}))),
        ("#ct=2000&rt=4000&tt=9000", Overrides(connect=2.0, read=4.0, total=9.0)),
        ("#rp=all&rc=5&sni=n&e=dublin,ashburn", Overrides(retries=5, policy=frozenset({"all"}))),
    ],
)
def test_overrides_are_read_from_the_fragment(fragment: str, overrides: Overrides) -> None:
    target = read_target(f"https://h/sms?a=1{fragment}")
    assert (target.url, target.overrides, target.problem) == ("https://h/sms?a=1", overrides, None)


@pytest.mark.parametrize(
    "fragment", ["rc=6", "rc=-1", "rc=x", "rp=3xx", "rp=ct,never", "ct=99", "ct=10001", "rt=15001", "tt=99"]
)
def test_overrides_out_of_range_are_a_problem_and_the_defaults_hold(fragment: str) -> None:
    target = read_target(f"https://h/sms#{fragment}")
    assert (target.overrides, target.problem) == (DEFAULT, BAD_OVERRIDE)


def test_user_and_password_are_taken_out() -> None:
    target = read_target("https://user:p%40ss@h:8443/a@b#rc=0")
    assert (target.url, target.credentials) == ("https://h:8443/a@b", ("user", "p@ss"))
    assert read_target("https://h/a@b").credentials is None


def test_a_target_keeps_its_secrets_out_of_its_repr() -> None:
    assert "secret" not in repr(read_target("https://user:secret@h/?token=secret"))
    assert "secret" not in repr(Attempt(200, None, "text/plain", b"secret"))


RETRIED = [
    ("ct", Failure.CONNECT, True),
    ("ct", Failure.TLS, True),
    ("ct", Failure.READ, False),
    ("ct", Failure.RESET, False),
    ("ct", Failure.SERVER_ERROR, False),
    ("rt", Failure.READ, True),
    ("rt", Failure.CONNECT, False),
    ("4xx", Failure.CLIENT_ERROR, True),
    ("4xx", Failure.SERVER_ERROR, False),
    ("5xx", Failure.SERVER_ERROR, True),
    ("5xx", Failure.CLIENT_ERROR, False),
    ("all", Failure.CONNECT, True),
    ("all", Failure.READ, True),
    ("all", Failure.RESET, True),
    ("all", Failure.HOST, True),
    ("all", Failure.CLIENT_ERROR, True),
    ("all", Failure.SERVER_ERROR, True),
    ("all", Failure.PARTIAL, False),
    ("all", Failure.REDIRECTS, False),
    ("all", Failure.URL, False),
]


@pytest.mark.parametrize(("policy", "failure", "again"), RETRIED)
def test_the_policy_names_what_is_retried(policy: str, failure: Failure, again: bool) -> None:
    assert retries(Overrides(retries=1, policy=frozenset({policy})), failure, made=1) is again


@pytest.mark.parametrize(("count", "made", "again"), [(0, 1, False), (1, 1, True), (1, 2, False), (5, 5, True)])
def test_the_count_is_of_retries_not_of_attempts(count: int, made: int, again: bool) -> None:
    assert retries(Overrides(retries=count), Failure.CONNECT, made) is again


def test_success_is_not_retried() -> None:
    assert not retries(Overrides(retries=5, policy=frozenset({"all"})), None, made=1)


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (200, None),
        (204, None),
        (304, Failure.OTHER_STATUS),
        (400, Failure.CLIENT_ERROR),
        (429, Failure.CLIENT_ERROR),
        (500, Failure.SERVER_ERROR),
        (599, Failure.SERVER_ERROR),
    ],
)
def test_only_2xx_is_an_answer(status: int, failure: Failure | None) -> None:
    assert judge_status(status) is failure
