"""The finance API inside Airflow's API server: shows through the store, acts through steps."""
