"""Which endpoint a path of the REST API names, and with which sids."""

import pytest

from parley_simulator.routes.paths import Endpoint, Paths
from parley_simulator.routes.request import ApiRequest, Reply


async def nothing(_: ApiRequest) -> Reply:
    return 204, None


PATHS = Paths(
    Endpoint("GET", path, path, nothing)
    for path in (
        "/v/{account}/Numbers.json",
        "/v/{account}/Numbers/Local.json",
        "/v/{account}/Numbers/{sid}.json",
        "/v/{account}.json",
        "/s/{sid}/Numbers",
        "/s/{sid}/Numbers/{item}",
    )
)


@pytest.mark.parametrize(
    ("path", "named", "names"),
    [
        ("/v/AC1.json", "/v/{account}.json", {"account": "AC1"}),
        ("/v/AC1/Numbers.json", "/v/{account}/Numbers.json", {"account": "AC1"}),
        ("/v/AC1/Numbers/Local.json", "/v/{account}/Numbers/Local.json", {"account": "AC1"}),
        ("/v/AC1/Numbers/PN1.json", "/v/{account}/Numbers/{sid}.json", {"account": "AC1", "sid": "PN1"}),
        ("/s/MG1/Numbers", "/s/{sid}/Numbers", {"sid": "MG1"}),
        ("/s/MG1/Numbers/PN1", "/s/{sid}/Numbers/{item}", {"sid": "MG1", "item": "PN1"}),
    ],
)
def test_a_path_names_its_endpoint(path: str, named: str, names: dict[str, str]) -> None:
    found = PATHS.find(path)
    assert found is not None
    assert (found.by_method["GET"].path, found.names) == (named, names)


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/v", "/v/AC1", "/v/AC1/Numbers", "/v/AC1/Numbers/PN1", "/v//Numbers.json", "/v/AC1/Numbers/.json"),
        *("/v/.json", "/s/MG1/Numbers.json", "/s//Numbers", "/s/MG1/Numbers/", "/s/MG1", "/s/MG1/Numbers/PN1/x", "//"),
    ],
)
def test_a_path_that_is_not_whole_names_nothing(path: str) -> None:
    assert PATHS.find(path) is None
