"""What alembic runs to make and change the tables; it ships with the package."""
