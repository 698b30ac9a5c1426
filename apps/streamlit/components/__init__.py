"""Parts that every page is made of: figures, filters, charts, tables, written states, the passport, one theme."""
