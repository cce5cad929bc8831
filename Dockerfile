# The default study in a container:
#   docker build -t snugnet .
#   docker run --rm -v "$PWD/results:/app/results" snugnet --cores 2 all
# The results volume also records how each file was made. If you edit the configuration
# (-v "$PWD/config.yaml:/app/config.yaml:ro"), the next run makes only the files that the edit affects.
# The volume must be writable for user 1000. For another user, add --user "$(id -u):$(id -g)".
ARG BASE=python:3.11-slim

# The packages, with the versions and hashes of the lock file. An edit of the code does not change this layer.
FROM ${BASE} AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# pip has its own environment, so the environment of the image contains no pip.
RUN python3.11 -m venv /opt/installer && python3.11 -m venv --without-pip /opt/venv
COPY requirements.txt ./
RUN /opt/installer/bin/pip --python /opt/venv/bin/python install --require-hashes --no-deps -r requirements.txt
# Remove TensorFlow's C++ headers (290 MB), which only a compiler reads.
RUN rm -r /opt/venv/lib/python3.11/site-packages/tensorflow/include

FROM ${BASE}
COPY --from=packages /opt/venv /opt/venv
# Any user can run the image. Snakemake writes its own files to /tmp and below /app.
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/app/src HOME=/tmp
WORKDIR /app
COPY Snakefile config.yaml ./
COPY src src
COPY workflow workflow
COPY profiles profiles
COPY config config
COPY datasets/README.md datasets/README.md
# Compile the modules once. The user of the image cannot write bytecode, so every job would compile them.
RUN python -m compileall -q src
RUN useradd --no-create-home --home-dir /tmp --uid 1000 snugnet \
    && mkdir results .snakemake \
    && chown snugnet results \
    && chmod 1777 /app .snakemake
USER snugnet
ENTRYPOINT ["snakemake"]
