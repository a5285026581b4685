"""Care of a PostgreSQL database: tables, indexes, settings that last, and the acts that look after them."""
