"""PostgreSQL: the one source of truth, and the only room with SQL and asyncpg."""
