# tieout for production: Airflow, the locked packages and this project, as a user without rights.
# One image for all components; compose.yaml gives each only its own secrets, and
# docs/guides/run-with-docker.md says how. Pin the base by digest in your own build:
#   docker build --build-arg BASE=python:3.11-slim-bookworm@sha256:... -t tieout .
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1 \
    VIRTUAL_ENV=/opt/tieout/venv
WORKDIR /opt/tieout
COPY requirements-uv.txt requirements-image.txt ./
RUN python -m venv /opt/tieout/venv \
 && pip install --require-hashes -r requirements-uv.txt \
 && uv pip sync --require-hashes --only-binary :all: requirements-image.txt
COPY LICENSE README.md pyproject.toml requirements.in ./
COPY include include
RUN uv pip install --no-deps --no-build-isolation --editable /opt/tieout

FROM ${BASE}
LABEL org.opencontainers.image.title="tieout" \
      org.opencontainers.image.licenses="Apache-2.0"
# Pango draws the close report; git keeps checkpoints as tags. Versions are not pinned (DL3008) because
# the digest of the base pins Debian's release, whose security updates are wanted as they are.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends fonts-dejavu-core git libpango-1.0-0 libpangoft2-1.0-0 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 50000 --create-home --home-dir /opt/airflow airflow \
 && install -d -o 50000 -g 50000 -m 0750 /opt/airflow/logs /var/lib/tieout
COPY --from=packages /opt/tieout /opt/tieout
COPY dags /opt/tieout/dags
COPY plugins /opt/tieout/plugins
ENV PATH=/opt/tieout/venv/bin:$PATH \
    PYTHONPATH=/opt/tieout/include \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TIEOUT_HOME=/var/lib/tieout \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/tieout/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/tieout/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False
USER 50000:50000
WORKDIR /opt/airflow
ENTRYPOINT ["airflow"]
CMD ["version"]
