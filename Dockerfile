# tieout for production: Airflow, the locked packages and this project, as a user without rights.
# One image; give each container only its own secrets (docs/guides/your-own-postgresql.md):
#   docker run ... airflow api-server      with TIEOUT_WEB_DATABASE_URL
#   docker run ... airflow scheduler       with TIEOUT_WORKER_DATABASE_URL and the provider connections
FROM python:3.11-slim-bookworm AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements-uv.txt requirements.txt ./
RUN python -m venv /opt/tieout/venv \
 && pip install --require-hashes -r requirements-uv.txt \
 && VIRTUAL_ENV=/opt/tieout/venv uv pip sync --require-hashes --only-binary :all: requirements.txt

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="tieout" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 50000 --create-home --home-dir /opt/airflow airflow
COPY --from=packages /opt/tieout/venv /opt/tieout/venv
COPY --chown=root:root LICENSE README.md pyproject.toml /opt/tieout/
COPY --chown=root:root include /opt/tieout/include
COPY --chown=root:root dags /opt/tieout/dags
COPY --chown=root:root plugins /opt/tieout/plugins
ENV PATH=/opt/tieout/venv/bin:$PATH \
    PYTHONPATH=/opt/tieout/include \
    PYTHONDONTWRITEBYTECODE=1 \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/tieout/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/tieout/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False
USER 50000
WORKDIR /opt/airflow
ENTRYPOINT ["airflow"]
CMD ["version"]
