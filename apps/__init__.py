"""What people look at: the Streamlit pages.

Belongs here: reading the published warehouse and showing it.
Does not belong here: business rules (transforms/dbt), figures of its own (warehouse.metrics), writing anything.

This folder is never put on `sys.path`: `apps/streamlit` would hide the library of that name.
"""
