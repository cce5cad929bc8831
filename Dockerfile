# The default study in a container:
#   docker build -t snugnet .
#   docker run --rm -v "$PWD/results:/app/results" snugnet --cores 2 all
# What was made from what is recorded in the results volume, so a later run re-runs only what an edit
# of the configuration affects (-v "$PWD/config.yaml:/app/config.yaml:ro"). The volume must be
# writable for user 1000; for another, add --user "$(id -u):$(id -g)".
ARG BASE=python:3.11-slim

# Packages first, by the lock's versions and hashes: this layer outlives every edit of the code.
FROM ${BASE} AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# The installer has an environment of its own, so that none is left in the image's.
RUN python3.11 -m venv /opt/installer && python3.11 -m venv --without-pip /opt/venv
COPY requirements.txt ./
RUN /opt/installer/bin/pip --python /opt/venv/bin/python install --require-hashes --no-deps -r requirements.txt
# Headers for operators of TensorFlow written in C++: 290 MB that only a compiler would read.
RUN rm -r /opt/venv/lib/python3.11/site-packages/tensorflow/include

FROM ${BASE}
COPY --from=packages /opt/venv /opt/venv
# Any user may run it: what Snakemake keeps for itself goes to /tmp and below /app.
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/app/src HOME=/tmp
WORKDIR /app
COPY Snakefile config.yaml ./
COPY src src
COPY workflow workflow
COPY profiles profiles
COPY config config
COPY datasets/README.md datasets/README.md
RUN useradd --no-create-home --home-dir /tmp --uid 1000 snugnet \
    && mkdir results .snakemake \
    && chown snugnet results \
    && chmod 1777 /app .snakemake
USER snugnet
ENTRYPOINT ["snakemake"]
