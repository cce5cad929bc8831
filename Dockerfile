# The default study in a container:
#   docker build -t snugnet .
#   docker run --rm -v "$PWD/results:/app/results" snugnet --cores 2 all
# What was made from what is recorded in the results volume, so a later run re-runs only what an edit
# of the configuration affects (-v "$PWD/config.yaml:/app/config.yaml:ro").
ARG BASE=python:3.11-slim
FROM ${BASE}

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3.11 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH

WORKDIR /app
COPY requirements.txt ./
RUN pip install --require-hashes -r requirements.txt

COPY pyproject.toml README.md LICENSE Snakefile config.yaml ./
COPY src src
COPY workflow workflow
COPY profiles profiles
COPY config config
COPY datasets/README.md datasets/README.md
RUN pip install --no-deps --no-build-isolation -e . \
    && useradd --create-home --uid 1000 snugnet \
    && mkdir results \
    && chown -R snugnet /app
USER snugnet
VOLUME /app/results
ENTRYPOINT ["snakemake"]
