"""Law: a migration only adds, so that the version before runs beside the new one on the new schema.

One that takes something away says `oldest_code = "<revision>"`, the oldest code that may run on what it leaves, under a
comment that says why.
"""

import ast
import re
from collections.abc import Iterable, Iterator

import pytest

from tests.laws.tree import Breach, Source, assert_kept, is_broken_by

# What is gone, or narrower than it was. Clauses of ALTER TABLE first, then whole statements.
NARROWING_CLAUSES = (
    (r"DROP (?!CONSTRAINT\b|NOT NULL)\w+", "drops a column"),
    (r"ALTER (COLUMN )?\S+ DROP DEFAULT", "drops a default, which what older code inserts needs"),
    (r"ALTER (COLUMN )?\S+ SET NOT NULL", "allows no NULL where older code may write one"),
    (r"ALTER (COLUMN )?\S+ (SET DATA )?TYPE", "changes a type"),
    (r"RENAME", "renames"),
    (r"ADD (?!CONSTRAINT\b)(COLUMN )?(IF NOT EXISTS )?\S+(?=.* NOT NULL)(?!.* (DEFAULT|GENERATED)\b)", "needs a value"),
    (r"ADD (UNIQUE|CHECK|PRIMARY|FOREIGN|EXCLUDE)\b", "refuses what older code may write"),
    (r"(SET SCHEMA|OWNER TO|FORCE|ENABLE ROW)", "moves the table, or closes it"),
)
NARROWING_STATEMENTS = (
    (r"DROP", "drops"),
    (r"ALTER (?!TABLE|SEQUENCE|INDEX)\w+", "changes what older code may use"),
    (r"ALTER INDEX .*RENAME", "renames"),
    (r"(TRUNCATE|DELETE)\b", "deletes rows"),
    (r"REVOKE", "takes a right"),
)
CALLS = re.compile(r"^op\.(drop|rename|alter)_")
REVISION = re.compile(r"\d{4}")


def narrowing(source: Source) -> Iterator[Breach]:
    if not _is_migration(source):
        return
    why = _oldest_code(source)
    if why is not None:
        line, value, is_explained = why
        if not REVISION.fullmatch(value) or value > _revision(source):
            yield Breach(source.path, line, "oldest_code: write a revision of four digits, this one's or one before it")
        if not is_explained:
            yield Breach(source.path, line, "oldest_code: say in a comment above it what older code would miss")
        return
    for line, what in _narrowing(source):
        yield Breach(source.path, line, f"{what}: keep it for a version, or say `oldest_code`")


def _is_migration(source: Source) -> bool:
    return source.is_product and "/migrations/versions/" in source.path


def _oldest_code(source: Source) -> tuple[int, str, bool] | None:
    for node in source.tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="oldest_code")], value=ast.Constant(value=value)):
                above = source.text.splitlines()[node.lineno - 2]
                return node.lineno, str(value), bool(re.match(r"#\s*\w+(\s+\S+){3}", above))
    return None


def _revision(source: Source) -> str:
    for node in source.tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="revision")], value=ast.Constant(value=str(value))):
                return value
    return ""


def _narrowing(source: Source) -> Iterator[tuple[int, str]]:
    for node in _of_upgrade(source.tree):
        if isinstance(node, ast.Call) and CALLS.match(ast.unparse(node.func)):
            yield node.lineno, ast.unparse(node.func)
    texts = [
        node
        for node in _of_upgrade(source.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not _is_docstring(node, source)
    ]
    statements = [(node.lineno, statement) for node in texts for statement in _statements(str(node.value))]
    made = {match[1] for _, s in statements if (match := re.match(r"CREATE TABLE (?:IF NOT EXISTS )?(\S+)", s))}
    added = {match[1] for _, s in statements for match in re.finditer(r"ADD CONSTRAINT (\w+)", s)}
    dropped = {match[1] for _, s in statements for match in re.finditer(r"DROP CONSTRAINT (?:IF EXISTS )?(\w+)", s)}
    for line, statement in statements:
        yield from ((line, f"{what} ({found})") for what, found in _in_statement(statement, made))
    # One that is put back in another form is the form's matter; tests with the code before say whether it is wider.
    yield from ((1, f"drops the constraint {name}") for name in sorted(dropped - added))
    yield from ((1, f"adds the constraint {name}") for name in sorted(added - dropped))


def _of_upgrade(tree: ast.Module) -> Iterator[ast.AST]:
    for node in tree.body:
        if not (isinstance(node, ast.FunctionDef) and node.name == "downgrade"):
            yield from ast.walk(node)


def _is_docstring(node: ast.Constant, source: Source) -> bool:
    first = source.tree.body[0]
    return isinstance(first, ast.Expr) and first.value is node


def _statements(text: str) -> Iterator[str]:
    without_comments = re.sub(r"--[^\n]*", "", text)
    without_values = re.sub(
        r"'(?:[^']|'')*'", "''", re.sub(r"\$(\w*)\$.*?\$\1\$", "''", without_comments, flags=re.DOTALL)
    )
    for statement in without_values.split(";"):
        yield " ".join(statement.split())


def _in_statement(statement: str, made: set[str]) -> Iterator[tuple[str, str]]:
    table = re.match(r"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?(\S+) (.*)", statement, re.IGNORECASE)
    if table:
        for clause in _clauses(table[2]) if table[1] not in made else ():
            yield from _first(NARROWING_CLAUSES, clause)
        return
    unique = re.match(r"CREATE UNIQUE INDEX .*? ON (\S+)", statement, re.IGNORECASE)
    if unique and unique[1] not in made:
        yield "refuses what older code may write", unique[0]
    yield from _first(NARROWING_STATEMENTS, statement)


def _first(rows: Iterable[tuple[str, str]], text: str) -> Iterator[tuple[str, str]]:
    for pattern, what in rows:
        if match := re.match(pattern, text, re.IGNORECASE):
            yield what, match[0]
            return


def _clauses(text: str) -> Iterator[str]:
    """The parts between the commas that stand in no parentheses."""
    depth, part = 0, ""
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            yield part.strip()
            part = ""
        else:
            part += letter
    yield part.strip()


def test_migrations_only_add(sources: list[Source]) -> None:
    assert sum(map(_is_migration, sources)) >= 9
    assert_kept(narrowing, sources)


PATH = "services/session/parley_session/adapters/postgres/migrations/versions/0007_x.py"


def migration(statement: str, head: str = "") -> str:
    return f'"""A step."""\nrevision = "0007"\n{head}\nS = """{statement}"""\n\n\ndef upgrade():\n    op.execute(S)\n'


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE s.turns DROP state",
        "ALTER TABLE s.turns ADD a int, DROP COLUMN state",
        "ALTER TABLE s.turns RENAME state TO phase",
        "ALTER TABLE s.turns RENAME TO steps",
        "ALTER TABLE s.turns ALTER COLUMN state SET NOT NULL",
        "alter table s.turns alter state drop default",
        "ALTER TABLE s.turns ALTER state TYPE bigint USING 1",
        "ALTER TABLE s.turns ALTER state SET DATA TYPE bigint",
        "ALTER TABLE s.turns ADD owner text NOT NULL",
        "ALTER TABLE s.turns ADD COLUMN owner text COLLATE \"C\" NOT NULL CHECK (owner IN ('a', 'b'))",
        "ALTER TABLE s.turns ADD CHECK (fence > 0)",
        "ALTER TABLE s.turns ADD CONSTRAINT positive CHECK (fence > 0)",
        "ALTER TABLE s.turns DROP CONSTRAINT positive",
        "CREATE UNIQUE INDEX one ON s.turns (thread_id)",
        "DROP TABLE s.turns",
        "-- a comment\nDROP INDEX s.one",
        "DROP FUNCTION s.now()",
        "ALTER FUNCTION s.now() RENAME TO later",
        "DELETE FROM s.turns",
        "TRUNCATE s.turns",
        "REVOKE ALL ON s.turns FROM x",
    ],
)
def test_a_step_that_takes_something_away_is_found(statement: str) -> None:
    assert is_broken_by(narrowing, migration(statement), PATH)


@pytest.mark.parametrize("call", ["op.drop_column('turns', 'state')", "op.alter_column('turns', 'state', type_=Text)"])
def test_a_call_that_takes_something_away_is_found(call: str) -> None:
    assert is_broken_by(narrowing, f'revision = "0007"\ndef upgrade():\n    {call}\n', PATH)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE s.steps (id uuid PRIMARY KEY, state text NOT NULL);\nCREATE UNIQUE INDEX one ON s.steps (state)",
        "ALTER TABLE s.turns ADD owner text NOT NULL DEFAULT '', ADD x numeric(3, 2)",
        "ALTER TABLE s.turns ADD a int CHECK (a > 0), ALTER state DROP NOT NULL",
        "ALTER TABLE s.turns DROP CONSTRAINT one_of, ADD CONSTRAINT one_of CHECK (state IN ('a', 'b'))",
        "CREATE INDEX CONCURRENTLY mine ON s.turns (state) -- DROP TABLE s.turns;",
        "UPDATE s.turns SET state = 'DROP TABLE; DELETE FROM x'",
        "CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS $$ DELETE FROM x; SELECT 1 $$",
    ],
)
def test_a_step_that_adds_is_none(statement: str) -> None:
    assert not is_broken_by(narrowing, migration(statement), PATH)


def test_the_way_back_may_take_away() -> None:
    text = migration("SELECT 1") + "\n\ndef downgrade():\n    op.execute('DROP TABLE s.turns')\n"
    assert not is_broken_by(narrowing, text, PATH)


def test_who_takes_away_says_whose_code_may_run_and_why() -> None:
    drop = "ALTER TABLE s.turns DROP state"
    assert not is_broken_by(narrowing, migration(drop, '# Older code reads the state.\noldest_code = "0006"'), PATH)
    assert is_broken_by(narrowing, migration(drop, 'oldest_code = "0006"'), PATH)
    assert is_broken_by(narrowing, migration(drop, '# Older code reads the state.\noldest_code = "0008"'), PATH)
    assert is_broken_by(narrowing, migration(drop, '# Older code reads the state.\noldest_code = "6"'), PATH)
