"""Why PostgreSQL could not be made ready for Parley; every message says what to do.

Nothing here crosses a process: whoever sees one of these is starting something.
"""


class PostgresStartError(Exception):
    """The embedded PostgreSQL did not start, or may not run where it was told to."""


class MigrationError(Exception):
    """The database's schema and the code do not fit together, or could not be brought together."""
