"""PostgreSQL as Parley uses it: connections, named statements, migrations, roles, and a server of its own to run."""
