"""Widgets. They show values and call services; they know no torch, SQL, store, cameras or line."""
