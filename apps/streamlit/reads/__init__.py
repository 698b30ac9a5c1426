"""What each page asks the warehouse: SQL in, typed rows out. Nothing here draws or knows of Streamlit's widgets."""
