"""What the dashboards (apps/streamlit) need of the API: the permissions of their pages, and their sign-in."""
