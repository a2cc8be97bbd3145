"""Accounts: what is written in the settings or the file, and what is said when it is wrong."""

import pytest

from parley_gateway.domain.accounts import parse_accounts

ONE, TWO = "AC" + "1" * 32, "AC" + "a" * 32


@pytest.mark.parametrize(
    "text",
    [
        f"{ONE}=t1|t2,{TWO}=t3",
        f" {ONE} = t1 | t2 , {TWO} = t3 ",
        f"{ONE}=t1|t2\n{TWO}=t3\n",
        f"# mounted\n{ONE}=t1|t2  # next: t2\n\n{TWO}=t3",
    ],
)
def test_accounts_stand_in_a_line_or_on_lines(text: str) -> None:
    assert parse_accounts(text) == {ONE: (b"t1", b"t2"), TWO: (b"t3",)}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "name at least one account"),
        ("# nothing", "name at least one account"),
        (f"{ONE}", "entry 1: write AC"),
        (f"{ONE}=", "entry 1: write AC"),
        (f"{ONE}=t1|", "entry 1: write AC"),
        (f"{ONE}=t 1", "entry 1: write AC"),
        (f"{ONE}=t1,SM{'1' * 32}=t2", "entry 2: write AC"),
        (f"{ONE}=t1,{ONE}=t2", "entry 2: the account is named twice"),
    ],
)
def test_a_wrong_entry_is_named_by_its_place(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_accounts(text)


def test_no_token_is_in_what_is_said() -> None:
    with pytest.raises(ValueError, match="entry 1") as caught:
        parse_accounts(f"secret-token={ONE}")
    assert "secret" not in str(caught.value)
